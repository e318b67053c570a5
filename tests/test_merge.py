"""`merge` writes its output whole, and touches nothing else. One file of results, in plain xarray too."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
import zarr

import toymodels as tm
from toymodels.cli import main
from toymodels.sweeps import formats

RECIPE = tm.Recipe(steps=20, batch_size=8, evaluation_samples=8)
SEEDS = [3, 2**31 + 1, 2**32 - 1]
NAMES = ("all.zarr", "all.nc", "ALL.Zarr", "ALL.NC")


def sweep(folder: Path | str | None, **options: Any) -> xr.Dataset:
    return tm.sweep(
        tm.Autoencoder(3, 2),
        tm.Task(tm.Independent(3)),
        RECIPE,
        **{"over": {"seed": SEEDS}, "folder": folder} | options,
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.Dataset]:
    """The folder and the results of a sweep over large seeds."""
    folder = tmp_path_factory.mktemp("finished") / "folder"
    return folder, sweep(folder)


@pytest.fixture
def folder(finished: tuple[Path, xr.Dataset], tmp_path: Path) -> Path:
    """A copy of this folder."""
    return shutil.copytree(finished[0], tmp_path / "folder")


def contents(folder: Path) -> dict[str, bytes | None]:
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def assert_same(got: xr.Dataset, wanted: xr.Dataset) -> None:
    xr.testing.assert_identical(got, wanted)
    assert {name: one.dtype for name, one in got.variables.items()} == {
        name: one.dtype for name, one in wanted.variables.items()
    }


# --- One file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_large_seeds_come_back(name: str, finished: tuple[Path, xr.Dataset], tmp_path: Path):
    with tm.sweeps.load(tm.sweeps.merge(finished[0], tmp_path / name)) as got:
        assert not any(one.variable._in_memory for one in got.values())
        assert_same(got.load(), finished[1])
        assert got.seed.values.tolist() == SEEDS


@pytest.mark.parametrize("name", NAMES)
def test_plain_xarray_reads_the_file_without_a_warning(name: str, finished: tuple[Path, xr.Dataset], tmp_path: Path):
    path = tm.sweeps.merge(finished[0], tmp_path / name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with xr.open_zarr(path) if "z" in name.lower() else xr.open_dataset(path) as plain:
            assert not plain.loss.variable._in_memory
            assert plain.loss.sel(seed=2**31 + 1) == finished[1].loss.sel(seed=2**31 + 1)


def test_results_of_a_large_seed_that_does_not_vary(tmp_path: Path):
    results = sweep(tmp_path / "folder", over={"density": [0.1]}, seed=2**32 - 1)
    assert results.attrs["seed"] == 2**32 - 1
    for name in NAMES[:2]:
        with tm.sweeps.load(tm.sweeps.merge(tmp_path / "folder", tmp_path / name)) as got:
            assert_same(got.load(), results)
            assert got.attrs == results.attrs


@pytest.mark.parametrize("largest", [200, 2**31 - 1, 2**31, 2**53, 2**53 + 1, 2**63 - 1])
@pytest.mark.parametrize("dtype", ["int64", "uint64", "uint32", "uint8"])
def test_whole_numbers_of_any_size_go_through_netcdf(dtype: str, largest: int, tmp_path: Path):
    numbers = np.array([0, 1, largest if largest <= np.iinfo(dtype).max else 200], dtype)
    wanted = xr.Dataset(
        {"count": ("n", numbers), "x": ("n", np.zeros(3, np.float32))},
        coords={"n": numbers, "other": ("n", numbers[::-1])},
        attrs={"seed": [2**32 - 1, 7]},
    )
    formats.write(wanted, tmp_path / "all.nc")
    with formats.opened(tmp_path / "all.nc") as got:
        assert_same(got.load(), wanted)


def test_a_name_that_netcdf_does_not_have_is_refused(tmp_path: Path):
    results = xr.Dataset({"loss": ("ρ", [0.5])}, attrs={"seed": 0})
    with pytest.raises(ValueError, match=r"netCDF 3 has no name 'ρ'\. Write \.zarr"):
        formats.write(results, tmp_path / "all.nc")
    assert list(tmp_path.iterdir()) == []


def test_a_sweep_into_the_home_folder(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    sweep("~/folder", log="~/log")
    tm.sweeps.merge("~/folder", "~/all.zarr")
    run = tm.train(tm.Autoencoder(3, 2), tm.Task(tm.Independent(3)), RECIPE)
    run.save("~/run")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.zarr", "folder", "log", "run"]
    assert_same(tm.sweeps.load("~/all.zarr").load(), tm.sweeps.load("~/folder"))
    np.testing.assert_array_equal(tm.Run.load("~/run").W, run.W)


# --- Nothing else ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["folder", "folder.zarr"])
@pytest.mark.parametrize("output", ["{}/all.zarr", "{}/units/all.nc", "{}/../{}/all.zarr", "link/all.zarr"])
def test_an_output_within_an_input_is_refused(name: str, output: str, folder: Path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename(name)
    Path("link").symlink_to(name)
    before = contents(folder.parent)
    with pytest.raises(ValueError, match="must be outside of the folders that it reads"):
        tm.sweeps.merge(name, output.format(name, name))
    assert contents(folder.parent) == before


@pytest.mark.parametrize("output", ["a.zarr", "a.zarr/b.zarr", "./a.zarr/", "link.zarr", "~/a.zarr"])
def test_an_output_that_is_an_input_or_around_one_is_refused(output: str, folder: Path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    Path("a.zarr").mkdir()
    folder.rename("a.zarr/b.zarr")
    Path("link.zarr").symlink_to("a.zarr")
    before = contents(folder.parent)
    with pytest.raises(ValueError, match="must be outside of the folders that it reads"):
        tm.sweeps.merge("a.zarr/b.zarr", output)
    assert contents(folder.parent) == before


def make_store(path: Path) -> None:
    xr.Dataset({"mine": ("x", [1.0])}).to_zarr(path, zarr_format=2, consolidated=True)


def add_a_note(path: Path) -> None:
    (path / "note.txt").write_text("mine")


FOREIGN = {
    "a folder": ("all.zarr", lambda path: path.mkdir()),
    "a folder with files": ("all.zarr", lambda path: (path.mkdir(), add_a_note(path))),
    "another store": ("all.zarr", make_store),
    "a file": ("all.zarr", lambda path: path.write_text("mine")),
    "a text": ("all.nc", lambda path: path.write_text("mine")),
    "an empty file": ("all.nc", lambda path: path.touch()),
    "another netCDF": ("all.nc", lambda path: xr.Dataset({"mine": ("x", [1.0])}).to_netcdf(path)),
    "a folder for netCDF": ("all.nc", lambda path: path.mkdir()),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_merge_did_not_write_is_not_replaced(kind: str, folder: Path, monkeypatch, capsys):
    name, make = FOREIGN[kind]
    monkeypatch.chdir(folder.parent)
    make(Path(name))
    before = contents(folder.parent)
    with pytest.raises(ValueError, match=f"{name} is not a file of results, and is not replaced"):
        tm.sweeps.merge(folder, name)
    with pytest.raises(SystemExit):
        main(["merge", str(folder), name])
    assert f"{name} is not a file of results" in capsys.readouterr().err
    assert contents(folder.parent) == before


def test_a_note_in_a_store_is_not_removed(folder: Path):
    path = tm.sweeps.merge(folder, folder.parent / "all.zarr")
    add_a_note(path)
    with pytest.raises(ValueError, match="is not replaced"):
        tm.sweeps.merge(folder, path)
    assert (path / "note.txt").read_text() == "mine"


@pytest.mark.parametrize("name", ["all.zarr", "all.nc"])
def test_temporary_files_of_others_stay(name: str, folder: Path, monkeypatch):
    monkeypatch.chdir(folder.parent)
    folder.rename("all.tmp")
    for other in (f"{name}.tmp", f".{name}.tmp"):
        Path(other).mkdir()
        add_a_note(Path(other))
    before = contents(Path())
    with pytest.raises(FileNotFoundError, match="has no sweep"):
        tm.sweeps.merge(["all.tmp", "nowhere"], name)
    assert contents(Path()) == before
    tm.sweeps.merge("all.tmp", name)
    after = contents(Path())
    assert {one: after[one] for one in before} == before


# --- Interrupted, and at once ------------------------------------------------------------------------------------

STEPS = {
    "while writing an array": (zarr.Group, "create_array", 3),
    "while reading a unit": (np, "load", 2),
    "while consolidating": (zarr, "consolidate_metadata", 1),
    "while writing netCDF": (xr.Dataset, "to_netcdf", 1),
    "while renaming the old": (os, "rename", 1),
    "while renaming the new": (os, "rename", 2),
}


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), KeyboardInterrupt()], ids=["full", "stop"])
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("step", STEPS)
def test_an_interrupted_merge_leaves_what_was_there(step: str, there: bool, error: Any, folder: Path, monkeypatch):
    path = folder.parent / ("all.nc" if "netCDF" in step else "all.zarr")
    if there:
        tm.sweeps.merge(folder, path)
    before = contents(folder.parent)
    owner, name, at = STEPS[step]
    function, calls = getattr(owner, name), itertools.count(1)

    def interrupted(*given: Any, **options: Any) -> Any:
        if next(calls) == at:
            raise error
        return function(*given, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, interrupted)
        with pytest.raises(type(error)):
            tm.sweeps.merge(folder, path)
    assert contents(folder.parent) == before
    tm.sweeps.merge(folder, path)


@pytest.mark.parametrize("name", ["all.zarr", "all.nc"])
def test_two_merges_at_once_end_well(name: str, finished: tuple[Path, xr.Dataset], folder: Path):
    path, errors = folder.parent / name, []

    def merge() -> None:
        try:
            for _ in range(3):
                tm.sweeps.merge(folder, path)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=merge) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert sorted(one.name for one in folder.parent.iterdir()) == [name, "folder"]
    with tm.sweeps.load(path) as got:
        assert_same(got.load(), finished[1])


def test_a_unit_that_cannot_be_read_now_is_not_done_again(folder: Path, monkeypatch):
    """As when the network is down, or for somebody who may not read it: it may be whole."""
    before = contents(folder)
    with monkeypatch.context() as patch:
        patch.setattr(np, "load", lambda *given, **options: (_ for _ in ()).throw(PermissionError(errno.EACCES, "no")))
        with pytest.raises(PermissionError):
            sweep(folder)
    assert contents(folder) == before


# --- The command line --------------------------------------------------------------------------------------------


TOML = """
# größer als ½
[model]
n_features = 3
[task.features]
n_features = 3
[recipe]
steps = 20
batch_size = 8
evaluation_samples = 8
[over."größe"]
density = [0.1, 0.2]
"""


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_mark_and_an_ending_in_capitals(mark: str, tmp_path: Path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("SWEEP.TOML").write_bytes((mark + TOML).encode())
    main(["sweep", "SWEEP.TOML", "--output", "ALL.Zarr"])
    assert tm.sweeps.load("ALL.Zarr").loss.dims == ("größe",)
    Path("TRAIN.TOML").write_bytes((mark + TOML.partition("[over")[0]).encode())
    main(["train", "--config", "TRAIN.TOML"])
    assert "best restart" in capsys.readouterr().out


def test_the_home_folder_on_the_command_line(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Path("home/sweep.toml").write_text(TOML + "", "utf-8")
    main(["sweep", "~/sweep.toml", "--folder=~/folder", "--log=~/log", "--output=~/all.nc"])
    main(["merge", "~/folder", "~/all.zarr"])
    main(["show", "~/all.zarr", "--picture=~/picture"])
    assert "home/picture.png" in capsys.readouterr().out
    main(["train", "--recipe.steps=9", "--restarts=1", "--save=~/run", "--picture=~/train.svg"])
    main(["playground", "--run=~/run", "--page=~/page.html"])
    made = {path.name for path in Path("home").iterdir()}
    expected = {"sweep.toml", "folder", "log", "all.nc", "all.zarr", "picture.png", "run", "train.svg", "page.html"}
    assert made == expected
    assert [path.name for path in tmp_path.iterdir()] == ["home"]


def test_the_locale_changes_nothing_on_the_command_line(tmp_path: Path):
    (tmp_path / "sweep.toml").write_text(TOML, "utf-8")
    environment = {
        **os.environ,
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "PYTHONPATH": str(Path(tm.__file__).parents[1]),
    }
    code = """
import locale
from toymodels.cli import main
assert "utf" not in locale.getpreferredencoding(False).lower()
main(["sweep", "sweep.toml", "--folder", "folder"])
main(["merge", "folder", "all.nc"])
main(["show", "all.nc"])
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert "gr\\xf6\\xdfe" in done.stdout
    with tm.sweeps.load(tmp_path / "all.nc") as results:
        assert results.loss.dims == ("größe",)
