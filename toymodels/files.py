"""All that is read from disk and written to it: no other module opens a file.

- Text is UTF-8 whatever the locale says, and may begin with a byte order mark. `~` is the home folder.
- A file is written to a temporary one beside it, of a name that nobody can guess, which then takes its place: what is
  there is whole, and what was there before stays until then. Temporary files are removed by whoever made them, and
  nothing else is ever removed.
- Permissions are what the umask asks for, or those of the file that is replaced.
"""

import contextlib
import errno
import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

PathLike = str | os.PathLike[str]

ATTEMPTS = 100  # to put a folder in its place while others do the same


def expanded(path: PathLike) -> Path:
    """The path, with `~` as the home folder.

    >>> expanded("~").is_absolute(), str(expanded("notes~"))
    (True, 'notes~')
    """
    return Path(os.path.expanduser(path))  # pathlib's own raises for a name such as ~nobody


# --- Reading ------------------------------------------------------------------------------------------------------


def opened(path: PathLike) -> BinaryIO:
    """The file, to read bytes from; to be closed.

    Raises:
        OSError: if it cannot be opened, here and in what follows; FileNotFoundError if there is none.
    """
    return expanded(path).open("rb")


def read_bytes(path: PathLike) -> bytes:
    """The content of a file."""
    return expanded(path).read_bytes()


def read_text(path: PathLike) -> str:
    """The content of a file of text.

    Raises:
        ValueError: if it is not UTF-8.
    """
    try:
        return expanded(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be text in UTF-8: {error}") from error


def read_records(path: PathLike) -> list[dict[str, Any]]:
    """The JSON objects in a log that `appended` wrote, one per line; without lines that were cut. None if there is no
    file."""
    try:
        lines = read_bytes(path).decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return []
    records = []
    for line in lines:
        with contextlib.suppress(json.JSONDecodeError):
            records.append(json.loads(line))
    return [record for record in records if isinstance(record, dict)]


# --- Writing ------------------------------------------------------------------------------------------------------


def write_bytes(path: PathLike, content: bytes) -> None:
    """Write a file, whole or not at all; folders that are missing are made, here and in what follows."""
    with written(path) as file:
        file.write(content)


def write_text(path: PathLike, text: str) -> None:
    """Write a file of text, whole or not at all. Lines end as they do in `text`."""
    write_bytes(path, text.encode())


def check_writable(path: PathLike) -> None:
    """Raise unless a file can be written to a path: before long work, of which it is to be the result. Nothing is left
    there, not even the folders that will be made.

    Raises:
        IsADirectoryError, NotADirectoryError, PermissionError, OSError: as writing it would.
    """
    path = _target(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if path.is_file() or not path.exists():
        check_folder(path.parent)


def check_folder(path: PathLike) -> None:
    """Raise unless files can be written to a folder, or to the first one above it that is there; see `check_writable`.

    Raises:
        NotADirectoryError, PermissionError, OSError: as writing one would.
    """
    path = expanded(path).absolute()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        with _temporary_file(there / "probe", ""):  # only the file system knows
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(there)) from error


@contextlib.contextmanager
def written(path: PathLike) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` at the end of the block; after an exception `path` is what it
    was."""
    with _replacing(path, "") as temporary, temporary.open("wb") as file:
        yield file


@contextlib.contextmanager
def written_path(path: PathLike) -> Iterator[Path]:
    """As `written`, for writers that want a path: that of an empty file with the ending of `path`."""
    with _replacing(path, Path(path).suffix) as temporary:
        yield temporary


@contextlib.contextmanager
def written_folder(path: PathLike) -> Iterator[Path]:
    """An empty folder to write to, which takes the place of `path` at the end of the block; after an exception `path`
    is what it was.

    Whoever calls this has made sure that the folder which is there now may be replaced. Of several that write the same
    one at once, the last wins.

    Raises:
        NotADirectoryError: if there is something else.
    """
    path = _target(path)
    there = _mode(path)
    if there is not None and not stat.S_ISDIR(there):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _beside(path)
    try:
        temporary.mkdir()
        yield temporary
        if there is not None:
            _allow(temporary, there)
        _replace_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def create(path: PathLike, content: bytes) -> None:
    """Write a file unless there is one. Of several that try at once the first one wins, and nobody ever sees a part.

    A hard link does this in one step. FAT, exFAT, many network drives and FUSE have none. `open(path, "x")` would show
    a part of the content, and a lock would stay for ever if its owner died. But no file system puts a folder in the
    place of one that has files: so the first to rename a folder with the content to `<name>.first` wins. Then all write
    what is in there to `path`, so that it does not matter if the winner dies before. The folder stays, for a late
    starter to whom a network drive does not show `path` yet.
    """
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _temporary_file(path, "") as temporary:
        temporary.write_bytes(content)
        _flush(temporary)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        except OSError:  # that there are no links has another number on each system
            _create_without_links(path, content)


@contextlib.contextmanager
def appended(path: PathLike) -> Iterator[Callable[[str], None]]:
    """A function that adds a line to a file. Lines of several processes do not mix, and one that was cut, by a full
    disk or a power failure, does not spoil the next."""
    path = expanded(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:

        def add(line: str) -> None:
            file.write(f"{'' if _ends_with_a_line(path) else chr(10)}{line}\n".encode())
            file.flush()

        yield add


def remove(path: PathLike) -> None:
    """Remove a file that toymodels wrote, if it is there."""
    expanded(path).unlink(missing_ok=True)


# --- How ----------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _replacing(path: PathLike, ending: str) -> Iterator[Path]:
    """A temporary file that takes the place of `path` at the end of the block."""
    path = _target(path)
    if path.exists() and not path.is_file():  # a pipe or a terminal; the writer says what is wrong with a folder
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    with _temporary_file(path, ending) as temporary:
        mode = (path if path.exists() else temporary).stat().st_mode
        yield temporary
        _flush(temporary)
        _allow(temporary, mode)  # some writers replace the file by one for its owner alone
        os.replace(temporary, path)


@contextlib.contextmanager
def _temporary_file(path: Path, ending: str) -> Iterator[Path]:
    """An empty file beside `path`, which is removed unless it was renamed."""
    temporary = _beside(path, ending)
    try:
        temporary.open("xb").close()
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _create_without_links(path: Path, content: bytes) -> None:
    first, mine = path.with_name(f"{path.name}.first"), _beside(path)
    try:
        mine.mkdir()
        write_bytes(mine / path.name, content)
        os.rename(mine, first)
    except OSError:
        if not first.is_dir():
            raise
    finally:
        shutil.rmtree(mine, ignore_errors=True)
    chosen = read_bytes(first / path.name)
    if not path.exists():
        write_bytes(path, chosen)


def _replace_folder(new: Path, path: Path) -> None:
    """Rename `new` to `path`, and remove the folder that is there. What is between two renames cannot be undone only if
    the process is killed there; then the old folder has the temporary name."""
    old: list[Path] = []
    try:
        for attempt in range(ATTEMPTS):
            old.append(_beside(path))
            try:
                with contextlib.suppress(FileNotFoundError):
                    os.rename(path, old[-1])
                os.rename(new, path)
                break
            except OSError as error:
                others = error.errno in (errno.ENOTEMPTY, errno.EEXIST)  # have put their folder there meanwhile
                if not others or attempt + 1 == ATTEMPTS:
                    raise
    except BaseException:
        if old[-1].exists() and not path.exists():
            os.rename(old[-1], path)
        raise
    finally:
        for one in old:
            shutil.rmtree(one, ignore_errors=True)


def _target(path: PathLike) -> Path:
    """What is to be replaced: the file that a symbolic link leads to, instead of the link."""
    return Path(os.path.realpath(expanded(path)))


def _mode(path: Path) -> int | None:
    """Kind and permissions of what is there, None if nothing is. One look: others may put it there and take it away."""
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None


def _beside(path: Path, ending: str = "") -> Path:
    """A name in the same folder that nothing has, and nobody can guess."""
    return path.with_name(f".toymodels-{secrets.token_hex(8)}{ending or '.tmp'}")


def _flush(path: Path) -> None:
    """Wait until a file is on the disk, where the file system can tell."""
    file = os.open(path, os.O_RDWR)
    try:
        os.fsync(file)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP):
            raise
    finally:
        os.close(file)


def _allow(path: Path, mode: int) -> None:
    """Give permissions, where the file system has them."""
    with contextlib.suppress(OSError):
        path.chmod(stat.S_IMODE(mode))


def _ends_with_a_line(path: Path) -> bool:
    if not path.is_file() or not path.stat().st_size:
        return True
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
