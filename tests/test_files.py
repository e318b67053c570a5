"""Files are whole or not there, on any file system, and nothing but `toymodels.files` opens one."""

import ast
import errno
import itertools
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toymodels import files

ROOT = Path(__file__).parents[1]


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    old = os.umask(0)
    os.umask(old)
    yield os.umask
    os.umask(old)


def failing(function: Callable[..., Any], at: int = 1, code: int = errno.ENOSPC) -> Callable[..., Any]:
    """The function, whose call number `at`, counted from 1, fails; later ones do not."""
    calls = itertools.count(1)

    def call(*given: Any, **options: Any) -> Any:
        if next(calls) == at:
            raise OSError(code, os.strerror(code))
        return function(*given, **options)

    return call


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def write_folder(path: Path, content: str) -> None:
    with files.written_folder(path) as folder:
        (folder / "a").write_text(content)
        (folder / "b").mkdir()
        (folder / "b" / "c").write_text(content)


WRITERS: dict[str, Callable[[Path, str], None]] = {
    "text": files.write_text,
    "bytes": lambda path, content: files.write_bytes(path, content.encode()),
    "folder": write_folder,
}


# --- Whole or not at all -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize(
    ("writer", "step"),
    [("text", "fsync"), ("bytes", "replace"), ("folder", "rename"), ("folder", "rename again")],
)
def test_a_write_that_fails_leaves_what_was_there(writer: str, there: bool, step: str, tmp_path: Path, monkeypatch):
    path = tmp_path / "it"
    if there:
        WRITERS[writer](path, "old")
    before = everything(tmp_path)
    name, at = step.partition(" ")[0], 1 + ("again" in step)
    monkeypatch.setattr(os, name, failing(getattr(os, name), at))
    with pytest.raises(OSError, match="No space left"):
        WRITERS[writer](path, "new")
    assert everything(tmp_path) == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["it"] * there


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_an_interrupted_writer_leaves_what_was_there(error: type[BaseException], tmp_path: Path):
    files.write_text(tmp_path / "text", "old")
    write_folder(tmp_path / "folder", "old")
    before = everything(tmp_path)

    def text() -> None:
        with files.written(tmp_path / "text") as file:
            file.write(b"half")
            raise error

    def text_by_path() -> None:
        with files.written_path(tmp_path / "text") as path:
            path.write_text("half")
            raise error

    def folder() -> None:
        with files.written_folder(tmp_path / "folder") as path:
            (path / "a").write_text("half")
            raise error

    for interrupted in (text, text_by_path, folder):
        with pytest.raises(error):
            interrupted()
    assert everything(tmp_path) == before
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_there_is_not_seen_to_change_before_the_end(tmp_path: Path):
    path = tmp_path / "it"
    files.write_text(path, "old")
    with files.written(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_several_write_one_folder_at_once(tmp_path: Path):
    """Each ends well, and what is there in the end is whole and that of one of them."""
    path, errors = tmp_path / "it", []

    def write(content: str) -> None:
        try:
            for _ in range(25):
                write_folder(path, content)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(str(number),)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert list(tmp_path.iterdir()) == [path]
    assert len(set(everything(path).values())) == 1
    assert set(everything(path)) == {"a", "b/c"}


def test_temporary_files_of_others_are_left_alone(tmp_path: Path):
    for name in ("it.tmp", ".it.tmp", "it", ".toymodels-it.tmp"):
        (tmp_path / name).write_text("mine")
    files.write_text(tmp_path / "it", "new")
    files.create(tmp_path / "created", b"new")
    write_folder(tmp_path / "folder", "new")
    assert {name for name, content in everything(tmp_path).items() if content == b"mine"} == {
        "it.tmp",
        ".it.tmp",
        ".toymodels-it.tmp",
    }


def test_a_link_stays_one(tmp_path: Path):
    """On a large disk, for example."""
    (tmp_path / "disk").mkdir()
    for name, write in WRITERS.items():
        write(tmp_path / "disk" / name, "old")
        (tmp_path / name).symlink_to(tmp_path / "disk" / name)
        write(tmp_path / name, "new")
        assert (tmp_path / name).is_symlink()
    assert set(everything(tmp_path / "disk").values()) == {b"new"}


def test_a_pipe_is_written_to(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    files.write_text(tmp_path / "pipe", "text")
    reader.join()
    assert read == ["text"]
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


# --- Permissions -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o002, 0o022, 0o077])
def test_permissions_are_what_the_umask_asks_for(mask: int, umask: Any, tmp_path: Path):
    umask(mask)
    for name, write in WRITERS.items():
        write(tmp_path / name, "new")
    files.create(tmp_path / "created", b"new")
    with files.appended(tmp_path / "log") as add:
        add("a line")
    with files.written_path(tmp_path / "secret.txt") as path:  # as by a writer that makes files for their owner alone
        path.unlink()
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert len(modes) == 9
    for path, mode in modes.items():
        assert mode == (0o777 if path.is_dir() else 0o666) & ~mask, path


def test_permissions_of_what_is_replaced_are_kept(umask: Any, tmp_path: Path):
    umask(0o022)
    for name, write in WRITERS.items():
        write(tmp_path / name, "old")
        (tmp_path / name).chmod(0o740)
        write(tmp_path / name, "new")
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o740


def test_a_file_that_may_not_be_written_is_not_replaced(tmp_path: Path, monkeypatch):
    (tmp_path / "it").write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)  # as for a user who is not root
    with pytest.raises(PermissionError, match="it"):
        files.write_text(tmp_path / "it", "new")
    assert everything(tmp_path) == {"it": b"old"}


# --- The first one wins ------------------------------------------------------------------------------------------

NO_LINKS = [errno.ENOSYS, errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK, errno.EINVAL, errno.EACCES]


def without_links(*given: Any) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


@pytest.mark.parametrize("code", [None, *NO_LINKS])
def test_what_is_created_first_stays(code: int | None, tmp_path: Path, monkeypatch):
    if code is not None:
        monkeypatch.setattr(os, "link", failing(os.link, 1, code))
    files.create(tmp_path / "folder" / "it", b"first")
    files.create(tmp_path / "folder" / "it", b"second")
    assert (tmp_path / "folder" / "it").read_bytes() == b"first"
    assert list((tmp_path / "folder").glob(".*")) == []


@pytest.mark.parametrize("links", [True, False])
def test_of_several_that_create_at_once_one_wins(links: bool, tmp_path: Path, monkeypatch):
    if not links:
        monkeypatch.setattr(os, "link", without_links)
    for round_ in range(10):
        path, seen = tmp_path / f"it {round_}", set()
        start = threading.Barrier(6)

        def begin(number: int, path: Path = path, seen: Any = seen, start: Any = start) -> None:
            start.wait()
            files.create(path, f"{number} ".encode() * 5_000)
            seen.add(path.read_bytes())

        threads = [threading.Thread(target=begin, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 1
        assert len(seen.pop()) == 10_000


def test_a_winner_that_dies_is_followed(tmp_path: Path, monkeypatch):
    """Without hard links: the winner had begun, but not published. And a late starter, who sees no file, finds it."""
    monkeypatch.setattr(os, "link", without_links)
    with monkeypatch.context() as patch:
        patch.setattr(files, "read_bytes", failing(files.read_bytes))
        with pytest.raises(OSError, match="No space left"):
            files.create(tmp_path / "it", b"first")
    assert not (tmp_path / "it").exists()
    files.create(tmp_path / "it", b"second")
    assert (tmp_path / "it").read_bytes() == b"first"
    (tmp_path / "it").unlink()
    files.create(tmp_path / "it", b"third")
    assert (tmp_path / "it").read_bytes() == b"first"


@pytest.mark.parametrize(("name", "at"), [("fsync", 1), ("fsync", 2), ("replace", 1), ("rename", 1)])
def test_a_full_disk_without_links_leaves_nothing(name: str, at: int, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(os, "link", without_links)
    monkeypatch.setattr(os, name, failing(getattr(os, name), at))
    with pytest.raises(OSError, match="No space left"):
        files.create(tmp_path / "it", b"content")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_flush_is_enough(code: int, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(os.fsync, 1, code))
    files.write_text(tmp_path / "it", "text")
    assert everything(tmp_path) == {"it": b"text"}


# --- Text --------------------------------------------------------------------------------------------------------

TEXT = "größe = 'ρ ≤ ½'\n"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_text_is_utf_8_with_or_without_a_mark(mark: bytes, tmp_path: Path):
    (tmp_path / "it").write_bytes(mark + TEXT.encode())
    assert files.read_text(tmp_path / "it") == TEXT


def test_the_locale_changes_nothing(tmp_path: Path):
    code = f"""
import locale
from toymodels import files
assert "utf" not in locale.getpreferredencoding(False).lower()
assert files.read_text("in") == {TEXT!a}
files.write_text("out", files.read_text("in"))
with files.appended("log") as add:
    add({TEXT.strip()!a})
"""
    (tmp_path / "in").write_bytes(TEXT.encode())
    environment = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert (tmp_path / "out").read_bytes() == (tmp_path / "log").read_bytes() == TEXT.encode()


def test_text_of_another_encoding_is_named(tmp_path: Path):
    (tmp_path / "it.toml").write_bytes(TEXT.encode("utf-16"))
    with pytest.raises(ValueError, match=r"it\.toml must be text in UTF-8"):
        files.read_text(tmp_path / "it.toml")


def test_the_home_folder_is_found(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    files.write_text("~/a/text", TEXT)
    files.create("~/a/created", b"1")
    write_folder(files.expanded("~/a/folder"), "2")
    with files.appended("~/a/log") as add:
        add('{"n": 3}')
    assert set(everything(tmp_path)) == {"a/text", "a/created", "a/folder/a", "a/folder/b/c", "a/log"}
    assert files.read_text("~/a/text") == TEXT
    assert files.read_bytes("~/a/created") == b"1"
    assert files.read_records("~/a/log") == [{"n": 3}]
    with files.opened("~/a/text") as file:
        assert file.read() == TEXT.encode()
    files.remove("~/a/text")
    assert not (tmp_path / "a" / "text").exists()
    assert files.expanded("~nobody-of-this-name/a") == Path("~nobody-of-this-name/a")


# --- Logs --------------------------------------------------------------------------------------------------------


def test_lines_are_added(tmp_path: Path):
    for number in range(2):
        with files.appended(tmp_path / "log") as add:
            add(f'{{"n": {number}}}')
            add('{"text": "ρ"}')
    assert files.read_records(tmp_path / "log") == [{"n": 0}, {"text": "ρ"}, {"n": 1}, {"text": "ρ"}]
    assert files.read_records(tmp_path / "none") == []


def test_cut_lines_are_left_out(tmp_path: Path):
    """Wherever the last line is cut, in a letter of two bytes as well, the lines before and after it are read."""
    whole = '{"text": "ρ"}'.encode()
    for length in range(1, len(whole)):
        (tmp_path / "log").write_bytes(b'{"n": 0}\n' + whole[:length])
        assert files.read_records(tmp_path / "log") == [{"n": 0}]
        with files.appended(tmp_path / "log") as add:
            add('{"n": 1}')
        assert files.read_records(tmp_path / "log") == [{"n": 0}, {"n": 1}]
    (tmp_path / "log").write_bytes(b'{"n": 0}\n' + bytes(40))  # as after a power failure
    assert files.read_records(tmp_path / "log") == [{"n": 0}]


def test_a_pipe_can_be_a_log(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    with files.appended(tmp_path / "pipe") as add:
        add("one")
        add("two")
    reader.join()
    assert read == ["one\ntwo\n"]


# --- Before long work --------------------------------------------------------------------------------------------


def test_what_can_be_written_is_told_before_and_nothing_is_left(tmp_path: Path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    before = everything(tmp_path)
    for name in ("file", "new", "link", "folder/new", "not/there/yet"):
        files.check_writable(tmp_path / name)
        files.check_folder((tmp_path / name).parent)
    for name, error in (("folder", IsADirectoryError), ("file/new", NotADirectoryError), ("file/a/b", OSError)):
        with pytest.raises(error):
            files.check_writable(tmp_path / name)
        with pytest.raises(OSError, match=r"file|folder"):
            files.write_text(tmp_path / name, "text")  # the check is right
    with pytest.raises(NotADirectoryError, match="file"):
        files.check_folder(tmp_path / "file")
    assert everything(tmp_path) == before


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_a_file_system_that_takes_nothing_is_told_before(code: int, tmp_path: Path, monkeypatch):
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(code, "no")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(OSError, match=str(tmp_path)) as caught:
        files.check_writable(tmp_path / "not" / "there")
    assert caught.value.errno == code


# --- One module --------------------------------------------------------------------------------------------------

OPENERS = {"open", "fdopen", "read_text", "write_text", "read_bytes", "write_bytes", "rmtree", "unlink", "touch"}
OPENERS |= {"copyfile", "copytree", "copy2", "move", "hardlink_to", "symlink_to", "mkstemp", "mkdtemp"}
OPENERS |= {"NamedTemporaryFile", "TemporaryDirectory", "TemporaryFile"}
OF_OS = {"link", "replace", "rename", "remove", "rmdir", "truncate", "mkdir", "makedirs"}
ELSEWHERE = {
    ("toymodels/cli/pipes.py", "os.open"): "the null device",
    ("toymodels/cli/playground.py", "webbrowser.open"): "a browser, not a file",
    ("experiments/workshop/__main__.py", "tempfile.TemporaryDirectory"): "where a kernel runs, which writes nothing",
    ("experiments/workshop/outputs.py", "tempfile.TemporaryDirectory"): "where a kernel runs, which writes nothing",
}
"""What looks like opening a file outside of `toymodels.files`, and why it may."""


def opening_calls(source: str) -> Iterator[str]:
    """The calls in a module that open, make or remove files."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            owner, _, last = name.rpartition(".")
            if owner != "files" and (last in OPENERS or (owner in ("os", "shutil") and last in OF_OS)):
                yield name


def test_calls_that_open_files_are_recognised():
    code = """
open("a"); path.open("w"); Path(a).read_text(); (a / b).write_bytes(c); os.replace(a, b); shutil.rmtree(a); a.unlink()
with tempfile.TemporaryDirectory() as folder: pass
files.read_text(a); text.replace("a", "b"); results.rename("c"); xr.open_zarr(a)
"""
    assert len(list(opening_calls(code))) == 8


def test_no_other_module_opens_files():
    modules = [path for top in ("toymodels", "experiments") for path in sorted((ROOT / top).rglob("*.py"))]
    found = {
        (path.relative_to(ROOT).as_posix(), call)
        for path in modules
        if path != ROOT / "toymodels" / "files.py"
        for call in opening_calls(path.read_text("utf-8"))
    }
    assert len(modules) > 100
    assert found == set(ELSEWHERE), "Files are read and written by toymodels.files."


def test_the_ground_imports_nothing():
    tree = ast.parse((ROOT / "toymodels" / "files.py").read_text("utf-8"))
    imported = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert not any("toymodels" in line or "numpy" in line for line in imported)
