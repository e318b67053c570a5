"""The folder of a sweep: what is stored survives kills, full disks and damage, and becomes one dataset again."""

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.sweeps import store
from toymodels.sweeps.results import Layout
from toymodels.training.engine import execution, step

pytestmark = pytest.mark.optimized

MODEL = tm.Autoencoder(5, 2)
TASK = tm.Task(tm.Independent(5), tm.GeometricImportance(0.9))
RECIPE = tm.Recipe(steps=20, batch_size=32, learning_rate=0.1, evaluation_samples=64)
OVER = {"n_hidden": [2, 1], "density": [0.1, 0.6, 0.9], "seed": range(4)}
N_MODELS = 48
OPTIONS: dict[str, Any] = {
    "over": OVER,
    "restarts": 2,
    "metrics": [geometry.n_represented, geometry.in_superposition],
    "snapshots": [0, 7],
    "history": 4,
    "memory_bytes": 3_000,
}
"""Many units, in two programs, and results that are whole numbers, truth values and padded arrays."""


def sweep(folder: Path | None, *, model: Any = MODEL, recipe: tm.Recipe = RECIPE, **options: Any) -> xr.Dataset:
    return tm.sweep(model, TASK, recipe, **{**OPTIONS, "folder": folder, **options})


def units(folder: Path) -> list[Path]:
    return sorted((folder / "units").glob("*.npz"))


def stamps(paths: list[Path]) -> dict[Path, tuple[int, int]]:
    """What changes when a file is written again."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in paths}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def assert_bitwise(got: xr.Dataset, wanted: xr.Dataset) -> None:
    assert set(got) == set(wanted)
    assert set(got.coords) == set(wanted.coords)
    for name in (*wanted, *wanted.coords):
        assert got[name].dims == wanted[name].dims
        assert got[name].dtype.kind.replace("O", "U") == wanted[name].dtype.kind.replace("O", "U")  # both are text
        if wanted[name].dtype.kind in "fbiu":
            assert got[name].dtype == wanted[name].dtype
            assert got[name].values.tobytes() == wanted[name].values.tobytes(), name
        else:
            assert got[name].values.tolist() == wanted[name].values.tolist()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, xr.Dataset]:
    """The folder and the results of a sweep that nothing disturbed, in memory."""
    folder = tmp_path_factory.mktemp("whole")
    sweep(folder)
    assert 12 <= len(units(folder)) < N_MODELS
    return folder, tm.sweeps.load(folder)


@pytest.fixture
def copy(whole: tuple[Path, xr.Dataset], tmp_path: Path) -> Path:
    """A copy of this folder, which a test may damage."""
    shutil.copytree(whole[0], tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / "results.zarr", ignore_errors=True)
    return tmp_path / "copy"


@pytest.fixture
def nothing_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(step, "advance", lambda *given: pytest.fail("trained"))


def test_a_sweep_in_a_folder_has_the_numbers_of_one_in_memory(whole: tuple[Path, xr.Dataset]):
    results = sweep(None, memory_bytes=2**30)
    xr.testing.assert_allclose(whole[1], results, atol=1e-6, rtol=0)
    assert {name: one.dtype for name, one in whole[1].items()} == {name: one.dtype for name, one in results.items()}
    assert json.loads(whole[1].config) == json.loads(results.config)


@pytest.mark.usefixtures("nothing_trained")
def test_a_finished_sweep_is_only_read(whole: tuple[Path, xr.Dataset], copy: Path):
    before = contents(copy)
    assert_bitwise(sweep(copy, memory_bytes=2**30, progress=False), whole[1])
    assert contents(copy) == before


# --- Kills -------------------------------------------------------------------------------------------------------

IN_THE_MIDDLE = 5


def sweep_until_half_a_unit_is_written(folder: Path) -> None:
    """Write some units, and half of another one; then wait for the end."""
    written = 0
    savez = np.savez

    def savez_half(file: Any, **arrays: np.ndarray) -> None:
        nonlocal written
        written += 1
        savez(file, **arrays)
        if written > IN_THE_MIDDLE:
            file.truncate(file.tell() // 2)
            file.flush()
            (folder / "half").touch()
            time.sleep(3600)

    np.savez = savez_half
    sweep(folder)


def test_a_sweep_that_was_killed_goes_on_where_it_was(whole: tuple[Path, xr.Dataset], tmp_path: Path):
    code = f"import test_sweep_store as test; test.sweep_until_half_a_unit_is_written(test.Path({str(tmp_path)!r}))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parent)
    try:
        give_up = time.monotonic() + 300
        while not (tmp_path / "half").exists():
            assert process.poll() is None, "the sweep came to an end"
            assert time.monotonic() < give_up
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    there = stamps(units(tmp_path))
    assert len(there) == IN_THE_MIDDLE
    assert len(list((tmp_path / "units").glob(".toymodels-*.tmp"))) == 1
    assert_bitwise(sweep(tmp_path).load(), whole[1])
    assert len(units(tmp_path)) == len(units(whole[0]))
    assert stamps(list(there)) == there
    assert_bitwise(tm.sweeps.load(tmp_path), whole[1])


def test_an_interrupt_stops_all_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C while a unit is stored: no thread goes on with the other units."""
    before = set(threading.enumerate())
    started = []
    original = execution.train_chunk
    monkeypatch.setattr(
        execution, "train_chunk", lambda plan, chunk, *rest: started.append(chunk) or original(plan, chunk, *rest)
    )

    def interrupted(*given: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(store, "write_unit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(tmp_path)
    assert set(threading.enumerate()) == before
    n_units = json.loads((tmp_path / "sweep.json").read_text())["n_units"]
    assert 0 < len(started) < n_units


# --- Full disks --------------------------------------------------------------------------------------------------


def fail_at(call: int, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, whose calls fail from number `call` on, counted from 1, as on a full disk."""
    calls = 0

    def failing(*given: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls >= call:
            if hasattr(given[0], "write"):
                given[0].write(b"the beginning")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return function(*given, **options)

    return failing


@pytest.mark.parametrize(
    ("module", "name", "call"),
    [(np, "savez", 4), (os, "fsync", 5), (os, "replace", 4)],  # the description is written with fsync, too
    ids=["while writing", "while flushing", "while renaming"],
)
def test_a_full_disk_leaves_the_finished_units(
    module: Any, name: str, call: int, whole: tuple[Path, xr.Dataset], tmp_path: Path
):
    before = set(threading.enumerate())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, fail_at(call, getattr(module, name)))
        with pytest.raises(OSError, match="No space left on device"):
            sweep(tmp_path)
    assert set(threading.enumerate()) == before
    there = stamps(units(tmp_path))
    assert len(there) == 3
    assert sorted(tmp_path.rglob("*")) == sorted([tmp_path / "sweep.json", tmp_path / "units", *there])
    assert_bitwise(sweep(tmp_path).load(), whole[1])
    assert stamps(list(there)) == there


def test_a_disk_that_is_full_from_the_beginning_leaves_nothing(
    whole: tuple[Path, xr.Dataset], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(os, "fsync", fail_at(1, os.fsync))
    with pytest.raises(OSError, match="No space left on device"):
        sweep(tmp_path)
    assert list(tmp_path.rglob("*")) == []
    monkeypatch.undo()
    assert_bitwise(sweep(tmp_path).load(), whole[1])


# --- Damage ------------------------------------------------------------------------------------------------------


def flip_a_byte_of_the_data(content: bytes) -> bytes:
    place = content.index(b"\x93NUMPY", len(content) // 3) + 130  # behind the header of an array, of 128 bytes
    return content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :]


DAMAGES = {
    "truncated": lambda content: content[: len(content) // 2],
    "one byte short": lambda content: content[:-1],
    "a flipped bit": flip_a_byte_of_the_data,
    "empty": lambda content: b"",
    "another file": lambda content: b"these are not arrays",
    "zeros": lambda content: bytes(len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_unit_is_found_and_done_again(damage: str, whole: tuple[Path, xr.Dataset], copy: Path):
    path = units(copy)[3]
    good = path.read_bytes()
    path.write_bytes(DAMAGES[damage](good))
    assert path.read_bytes() != good
    others = stamps([one for one in units(copy) if one != path])
    for partial in (False, True):
        with pytest.raises(ValueError, match=r"000003.npz is damaged: .*Run the sweep again"):
            tm.sweeps.load(copy, partial=partial)
    before = contents(copy)
    for name in ("all.zarr", "all.nc"):
        with pytest.raises(ValueError, match=r"000003.npz is damaged"):
            tm.sweeps.merge(copy, copy.parent / name)
    assert contents(copy) == before
    assert list(copy.parent.iterdir()) == [copy]
    with pytest.warns(UserWarning, match=rf"unit 3 of {copy} is done again") as caught:
        results = sweep(copy)
    assert len(caught) == 1
    assert_bitwise(results.load(), whole[1])
    assert stamps(list(others)) == others
    assert_bitwise(tm.sweeps.load(copy), whole[1])


def test_no_flipped_bit_and_no_cut_goes_unnoticed(tmp_path: Path):
    """Any file of a unit that differs from what was written is refused, or gives the same numbers."""
    models, results = np.arange(3), {"loss": np.array([0.5, -1, np.nan], np.float32), "W": np.ones((3, 2), np.float32)}
    store.write_unit(tmp_path, 0, models, results)
    (path,) = units(tmp_path)
    good = path.read_bytes()

    def is_refused(content: bytes) -> bool:
        path.write_bytes(content)
        try:
            got, arrays = store.read_unit(tmp_path, 0)
        except store.DamagedUnitError:
            return True
        assert got.tobytes() == models.tobytes()
        assert {name: one.tobytes() for name, one in arrays.items()} == {
            name: one.tobytes() for name, one in results.items()
        }
        return False

    assert not is_refused(good)
    for place in range(len(good)):
        is_refused(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
    data = good.index(np.float32(-1).tobytes())
    for place in range(data - 4, data + 8):
        assert is_refused(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
    for length in range(len(good)):
        assert is_refused(good[:length])


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": "toymodels-sweep-0"}', "\x00\x01"])
@pytest.mark.usefixtures("nothing_trained")
def test_a_damaged_description_is_refused(text: str, copy: Path):
    (copy / "sweep.json").write_text(text)
    before = contents(copy)
    for use in (sweep, tm.sweeps.load):
        with pytest.raises(ValueError, match=r"sweep.json is (damaged|not the description of a sweep)"):
            use(copy)
    assert contents(copy) == before


def test_an_unfinished_sweep_is_loaded_in_part_only_if_asked(whole: tuple[Path, xr.Dataset], copy: Path):
    missing, _ = store.read_unit(copy, 5)
    store.remove_unit(copy, 5)
    with pytest.raises(
        ValueError, match=rf"lacks {len(missing)} of {N_MODELS} models\. Name all folders of the sweep, or run it again"
    ):
        tm.sweeps.load(copy)
    with pytest.raises(ValueError, match=rf"lacks {len(missing)} of {N_MODELS} models"):
        tm.sweeps.merge(copy, copy.parent / "all.nc")
    part = tm.sweeps.load(copy, partial=True)
    lacking = np.isin(np.arange(N_MODELS), missing).reshape(part.loss.shape)
    for name, wanted in whole[1].items():
        got = part[name].values
        assert np.isnan(got[lacking]).all()
        np.testing.assert_array_equal(got[~lacking], wanted.values[~lacking])


def test_what_is_not_there_is_not_found(tmp_path: Path):
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "nothing.zarr", tmp_path / "nothing.nc"):
        with pytest.raises(FileNotFoundError, match="neither the folder of a sweep nor a file of results"):
            tm.sweeps.load(path)
    with pytest.raises(FileNotFoundError, match="has no sweep"):
        tm.sweeps.merge(tmp_path, tmp_path / "all.zarr")
    assert list(tmp_path.iterdir()) == []


# --- Another configuration ---------------------------------------------------------------------------------------

OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "steps": ({"recipe": tm.Recipe(30, 32, 0.1, evaluation_samples=64)}, "recipe.steps is 20 there, and 30 here"),
    "rate": ({"recipe": tm.Recipe(20, 32, 0.2, evaluation_samples=64)}, "recipe.learning_rate is 0.1 there, and 0.2"),
    "model": ({"model": tm.Autoencoder(5, 2, tied=False)}, "model.tied is true there, and false here"),
    "values": (
        {"over": {**OVER, "density": [0.1, 0.6, 0.8]}},
        r"over.density.density is \[0.1, 0.6, 0.9\] there, and ",
    ),
    "fewer": ({"over": {**OVER, "seed": range(3)}}, r"over.seed.seed is \[0, 1, 2, 3\] there, and \[0, 1, 2\] here"),
    "axis": ({"over": {**OVER, "decay": [1]}}, "over.decay is null there"),
    "restarts": ({"restarts": 3}, "restarts is 2 there, and 3 here"),
    "metrics": ({"metrics": [geometry.norms]}, "metrics.n_represented is .* there, and null here"),
    "history": ({"history": 5}, "history is 4 there, and 5 here"),
    "snapshots": ({"snapshots": [0]}, r"snapshots is \[0, 7\] there, and \[0\] here"),
    "params": ({"params": False}, "params is true there, and false here"),
}


@pytest.mark.parametrize("other", OTHERS)
@pytest.mark.usefixtures("nothing_trained")
def test_the_folder_of_another_sweep_is_refused_with_the_differences(other: str, copy: Path):
    options, message = OTHERS[other]
    before = contents(copy)
    with pytest.raises(ValueError, match=rf"{copy} has the results of another sweep\. .*{message}"):
        sweep(copy, **options)
    assert contents(copy) == before


@pytest.mark.usefixtures("nothing_trained")
def test_all_differences_are_named(copy: Path):
    with pytest.raises(ValueError, match="another sweep") as caught:
        sweep(copy, history=5, restarts=3, recipe=tm.Recipe(30, 32, 0.1, evaluation_samples=64))
    message = str(caught.value)
    assert all(f"{name} is" in message for name in ("recipe.steps", "history", "restarts"))
    assert message.count(" there, and ") == 3


# --- Shards and machines -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sharded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[xr.Dataset]]:
    """A folder that three shards share, and what each shard returned."""
    folder = tmp_path_factory.mktemp("sharded")
    return folder, [sweep(folder, shard=(index, 3), memory_bytes=2**30) for index in (0, 2, 1)]


def test_shards_in_one_folder_are_the_whole_sweep(
    whole: tuple[Path, xr.Dataset], sharded: tuple[Path, list[xr.Dataset]]
):
    folder, (first, second, third) = sharded
    xr.testing.assert_allclose(third, whole[1], atol=1e-6, rtol=0)
    assert_bitwise(tm.sweeps.load(folder), third)
    there = [one.loss.notnull().values for one in (first, second, third)]
    assert 0 < there[0].sum() < there[1].sum() < there[2].sum() == N_MODELS
    for one, known in zip((first, second), there, strict=False):
        np.testing.assert_array_equal(one.W.values[known], third.W.values[known])
        assert one.W.isnull().values[~known].all()
        assert one.diverged.isnull().values[~known].all()


def test_what_other_shards_have_finished_does_not_fit_into_memory(
    sharded: tuple[Path, list[xr.Dataset]], tmp_path: Path
):
    part = sweep(tmp_path, shard=(1, 3), memory_bytes=3_000)
    assert set(part) == set()
    assert part.density.values.tolist() == OVER["density"]
    for index in (0, 2):
        sweep(tmp_path, shard=(index, 3), memory_bytes=3_000)
    xr.testing.assert_allclose(tm.sweeps.load(tmp_path), sharded[1][-1], atol=1e-6, rtol=0)


@pytest.mark.slow
def test_shards_on_several_machines_are_merged(sharded: tuple[Path, list[xr.Dataset]], tmp_path: Path):
    machines = [tmp_path / str(index) for index in range(3)]
    for index, machine in enumerate(machines):
        sweep(machine, shard=(index, 3), memory_bytes=2**30)
    with pytest.raises(ValueError, match="or run it again"):
        tm.sweeps.load(machines[0])
    with pytest.raises(ValueError, match=r"0 and .*1 lack \d+ of 48 models"):
        tm.sweeps.merge(machines[:2], tmp_path / "all.zarr")
    for order in (machines, machines[::-1], [*machines, sharded[0]]):
        path = tm.sweeps.merge(order, tmp_path / "all.zarr", memory_bytes=1)
        assert_bitwise(tm.sweeps.load(path).load(), sharded[1][-1])
    path = tm.sweeps.merge(machines, tmp_path / "all.nc")
    assert_bitwise(tm.sweeps.load(path).load(), sharded[1][-1])


def test_folders_of_different_sweeps_are_not_merged(copy: Path, tmp_path: Path):
    tm.sweep(MODEL, TASK, RECIPE, over={}, folder=tmp_path / "other")
    with pytest.raises(ValueError, match=r"other has the results of another sweep.*over.n_hidden is null there, and "):
        tm.sweeps.merge([copy, tmp_path / "other"], tmp_path / "all.zarr")
    with pytest.raises(ValueError, match="at least one folder"):
        tm.sweeps.merge([], tmp_path / "all.zarr")
    assert not (tmp_path / "all.zarr").exists()


# --- One file ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("memory_bytes", [1, 3_000, 2**30])
def test_a_zarr_store_has_the_numbers_of_the_folder(memory_bytes: int, whole: tuple[Path, xr.Dataset], tmp_path: Path):
    path = tm.sweeps.merge(whole[0], str(tmp_path / "all.zarr"), memory_bytes=memory_bytes)
    opened = tm.sweeps.load(path)
    assert opened.attrs == whole[1].attrs
    assert not any(one.variable._in_memory for one in opened.values())
    assert_bitwise(opened.load(), whole[1])
    assert list(tmp_path.iterdir()) == [path]


def test_a_netcdf_file_has_the_numbers_of_the_folder(whole: tuple[Path, xr.Dataset], tmp_path: Path):
    path = tm.sweeps.merge([whole[0]], tmp_path / "all.nc")
    with tm.sweeps.load(path) as opened:
        assert_bitwise(opened.load(), whole[1])
        assert opened.attrs == whole[1].attrs
    assert list(tmp_path.iterdir()) == [path]


def test_results_that_are_there_are_replaced(whole: tuple[Path, xr.Dataset], tmp_path: Path):
    tm.sweep(MODEL, TASK, RECIPE, over={}, metrics=[geometry.norms], folder=tmp_path / "other")
    for name in ("all.zarr", "all.nc"):
        path = tm.sweeps.merge(tmp_path / "other", tmp_path / name)
        assert "norms" in tm.sweeps.load(path)
        tm.sweeps.merge(whole[0], path)
        assert_bitwise(tm.sweeps.load(path).load(), whole[1])
    assert sorted(one.name for one in tmp_path.iterdir()) == ["all.nc", "all.zarr", "other"]


def test_other_endings_are_refused(whole: tuple[Path, xr.Dataset], tmp_path: Path):
    for name in ("all", "all.npz", "zarr"):
        with pytest.raises(ValueError, match=r"output of merge must end in \.zarr or \.nc\. Got .*"):
            tm.sweeps.merge(whole[0], tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_labels_that_are_no_numbers_survive(tmp_path: Path):
    over = {"importance": [0.5, tm.GeometricImportance(0.9)], "pair": {"density": [0.1, 0.2], "seed": [3, 4]}}
    results = tm.sweep(MODEL, TASK, RECIPE, over=over, folder=tmp_path / "folder")
    assert results.importance.values.tolist() == ["0.5", "GeometricImportance(decay=0.9)"]
    for name in ("all.zarr", "all.nc"):
        assert_bitwise(tm.sweeps.load(tm.sweeps.merge(tmp_path / "folder", tmp_path / name)).load(), results)


def test_results_larger_than_memory_are_read_when_they_are_used(whole: tuple[Path, xr.Dataset], copy: Path):
    assert whole[1].nbytes > OPTIONS["memory_bytes"]
    store.remove_unit(copy, 0)
    results = sweep(copy)
    assert not any(results[name].variable._in_memory for name in set(results) - {"diverged"})
    assert_bitwise(results.isel(seed=[1]).load(), whole[1].isel(seed=[1]))
    assert_bitwise(results.load(), whole[1])
    in_memory = sweep(copy, memory_bytes=2**30)
    assert all(one.variable._in_memory for one in in_memory.values())


# --- What is told ------------------------------------------------------------------------------------------------


def test_the_log_has_a_line_of_json_for_every_unit(tmp_path: Path):
    log = tmp_path / "log.jsonl"
    over = {"learning_rate": [0.01, 1e30], "seed": range(6)}
    log.write_text("what was there\n")
    with pytest.warns(tm.DivergenceWarning):
        tm.sweep(MODEL, TASK, RECIPE, over=over, restarts=2, folder=tmp_path / "folder", memory_bytes=2_000, log=log)
    first, *lines = log.read_text().splitlines()
    assert first == "what was there"
    assert len(lines) == len(units(tmp_path / "folder")) > 3
    told = [json.loads(line) for line in lines]
    for one in told:
        assert set(one) == {"time", "cells", "done", "diverged", "cells_per_second", "seconds_left"}
        assert one["cells"] == 12
        assert one["seconds_left"] >= 0
        assert one["cells_per_second"] > 0
    done = [one["done"] for one in told]
    assert done == sorted(done)
    assert done[0] < done[-1] == pytest.approx(12)
    assert told[-1]["diverged"] == 12
    assert told[-1]["seconds_left"] == 0
    assert [one["time"] for one in told] == sorted(one["time"] for one in told)
    assert abs(told[-1]["time"] - time.time()) < 600


def test_a_resumed_sweep_logs_what_was_left(copy: Path):
    models, _ = store.read_unit(copy, 2)
    store.remove_unit(copy, 2)
    sweep(copy, log=copy / "log")
    (line,) = map(json.loads, (copy / "log").read_text().splitlines())
    assert line["cells"] == line["done"] == len(models) / 2


def test_sessions_are_added_up(copy: Path):
    before = store.sessions(copy)
    assert len(before) == 1
    store.remove_unit(copy, 2)
    results = sweep(copy, memory_bytes=2**30)
    sessions = store.sessions(copy)
    assert sessions[0] == before[0]
    assert len(sessions) == 2
    assert results.attrs["seconds"] == pytest.approx(sum(session["seconds"] for session in sessions))
    assert results.attrs["began"] == before[0]["began"]


def test_units_without_a_description_are_not_taken_for_ones_own(tmp_path: Path):
    (tmp_path / "units").mkdir()
    with pytest.raises(ValueError, match=r"has units of a sweep but no sweep.json"):
        store.create(tmp_path, store.Description({}, Layout((), (), {}, {}), (), 0))
    assert not (tmp_path / "sweep.json").exists()
