"""The commands `sweep`, `merge` and `show`: what TOML says is what Python says, and results read back."""

import contextlib
import io
import json
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.cli import main, show
from toymodels.cli.over import read_over
from toymodels.cli.sweep_job import HELP, parse_sweep
from toymodels.sweeps.show import along_grid, overview
from toymodels.training.engine.cells import Cell
from toymodels.training.launch import named_metrics

MODEL = tm.Autoencoder(4, 2)
TASK = tm.Task(tm.Independent(4, 0.3), importance=tm.GeometricImportance(0.8))
RECIPE = tm.Recipe(steps=20, batch_size=32, evaluation_samples=128)
CELL = Cell(MODEL, TASK, RECIPE)
BASE = """
[model]
n_features = 4
n_hidden = 2
[task.features]
n_features = 4
density = 0.3
[task.importance]
decay = 0.8
[recipe]
steps = 20
batch_size = 32
evaluation_samples = 128
"""
TOML = f"""
restarts = 2
metrics = ["n_represented", "dimensionality"]
history = 5
snapshots = [0, 20]
{BASE}
[over]
density = {{ geomspace = [0.1, 0.9, 3] }}
decay = [0.7, 0.9]
seed = {{ range = [2] }}
"""
SWEEP: dict[str, Any] = {
    "over": {"density": np.geomspace(0.1, 0.9, 3), "decay": [0.7, 0.9], "seed": range(2)},
    "restarts": 2,
    "metrics": [geometry.n_represented, geometry.dimensionality],
    "history": 5,
    "snapshots": [0, 20],
}


def run(*arguments: str | Path) -> str:
    """What a command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        main([str(argument) for argument in arguments])
    return printed.getvalue()


def written(folder: Path, text: str, name: str = "sweep.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def assert_same_results(one: xr.Dataset, other: xr.Dataset) -> None:
    assert set(one.variables) == set(other.variables)
    assert json.loads(one.attrs["config"]) == json.loads(other.attrs["config"])
    for name in other.variables:
        assert one[name].dims == other[name].dims
        if other[name].dtype.kind in "biuf":
            np.testing.assert_allclose(one[name], other[name], atol=1e-6, err_msg=str(name))
        else:
            assert one[name].values.tolist() == other[name].values.tolist()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of a sweep, and what the command printed."""
    folder = tmp_path_factory.mktemp("finished")
    printed = run("sweep", written(folder, TOML), "--folder", folder / "results", "--log", folder / "log.jsonl")
    return folder / "results", printed


@pytest.fixture(scope="module")
def wanted() -> xr.Dataset:
    """The results of the same sweep in Python."""
    return tm.sweep(MODEL, TASK, RECIPE, **SWEEP)


# --- What is trained ---------------------------------------------------------------------------------------------


def test_toml_trains_what_python_trains(finished: tuple[Path, str], wanted: xr.Dataset):
    folder, printed = finished
    assert_same_results(tm.sweeps.load(folder), wanted)
    assert re.match(r"12 cells with 2 restarts, 24 models: 24 finished, 0 diverged. \d+\.\d seconds.\n", printed)
    assert printed.endswith(f"The results are in {folder}. To look at them: toymodels show {folder}\n")
    log = (folder.parent / "log.jsonl").read_text().splitlines()
    assert json.loads(log[-1])["done"] == 12


def test_shards_and_merge_give_the_same(tmp_path: Path, wanted: xr.Dataset):
    path = written(tmp_path, TOML)
    one, two, together = tmp_path / "one", tmp_path / "two", tmp_path / "together.zarr"
    printed = run("sweep", path, "--folder", one, "--shard", "0/2")
    there = int(tm.sweeps.load(one, partial=True).loss.notnull().sum())
    assert 0 < there < 24
    assert f"24 models: {there} finished" in printed
    assert f"toymodels merge {one} {one}.zarr" in printed
    assert f"\n24 models (3 density x 2 decay x 2 seed x 2 restart): {there} finished" in f"\n{run('show', one)}"
    with pytest.raises(SystemExit, match="2"):
        run("merge", one, together)
    assert not together.exists()
    run("sweep", path, "--folder", two, "--shard", "1/2")
    assert f"toymodels show {together}" in run("merge", one, two, together)
    assert_same_results(tm.sweeps.load(together), wanted)


@pytest.mark.parametrize("name", ["results", "my results", "-results", ".", "results.zarr", "it's"])
def test_what_is_advised_works_when_it_is_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    """Of each command that is printed: with a common folder after the last shard, with others when they are named."""
    folder = tmp_path / "there"
    folder.mkdir()
    monkeypatch.chdir(folder)
    path = written(tmp_path, f"{BASE}[over]\ndensity = [0.2, 0.3]\nn_hidden = [1, 2]")
    first = run("sweep", path, f"--folder={name}", "--shard", "0/2")
    merging, showing = re.findall(r": (toymodels .*)", first)
    assert "2 finished" in run(*shlex.split(showing)[1:])
    with pytest.raises(SystemExit, match="2"):
        run(*shlex.split(merging)[1:])
    assert "toymodels merge" not in run("sweep", path, f"--folder={name}", "--shard", "1/2")
    (shown,) = re.findall(r": (toymodels .*)", run(*shlex.split(merging)[1:]))
    assert "all finished" in run(*shlex.split(shown)[1:])


def test_shards_with_folders_of_their_own_are_merged_as_advised(tmp_path: Path, monkeypatch, capsys: Any):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, f"{BASE}[over]\ndensity = [0.2, 0.3]\nn_hidden = [1, 2]")
    first = run("sweep", path, "--folder", "one", "--shard", "0/2")
    run("sweep", path, "--folder", "two", "--shard", "1/2")
    assert "If they have folders of their own, name these as well" in first
    _, *command = shlex.split(re.findall(r": (toymodels merge .*)", first)[0])
    with pytest.raises(SystemExit, match="2"):
        run(*command)
    assert "one lacks 2 of 4 models. Name all folders of the sweep" in capsys.readouterr().err
    command.insert(2, "two")
    (shown,) = re.findall(r": (toymodels .*)", run(*command))
    assert "all finished" in run(*shlex.split(shown)[1:])


def test_missing_folders_are_made(tmp_path: Path):
    path = written(tmp_path, f"{BASE}[over]\ndensity = [0.2]")
    new = tmp_path / "a" / "b"
    run(
        "sweep", path, "--folder", new / "results", "--output", tmp_path / "c" / "r.nc", "--log", tmp_path / "d" / "log"
    )
    assert tm.sweeps.load(tmp_path / "c" / "r.nc").equals(tm.sweeps.load(new / "results"))
    assert (tmp_path / "d" / "log").exists()
    tm.sweep(MODEL, TASK, RECIPE, over={"density": [0.2]}, folder=tmp_path / "e" / "f", log=tmp_path / "g" / "log")
    assert tm.sweeps.load(tmp_path / "e" / "f").sizes["density"] == 1


def test_n_is_written_once(tmp_path: Path):
    once = BASE.replace("[task.features]\nn_features = 4\n", "[task.features]\n")
    jobs = [parse_sweep([str(written(tmp_path, f"{text}[over]\ndecay = [0.2]"))]) for text in (once, BASE)]
    assert jobs[0] == jobs[1]
    assert parse_sweep([str(tmp_path / "sweep.toml"), "--steps", "9", "-m", "3"]).model.n_hidden == 3
    wider = parse_sweep([str(written(tmp_path, once)), "-n", "7"])
    assert (wider.model.n_features, wider.task.features.n_features) == (7, 7)


def test_output_with_and_without_a_folder(tmp_path: Path, finished: tuple[Path, str], wanted: xr.Dataset):
    path = written(tmp_path, TOML.replace("history = 5", f'history = 5\noutput = "{tmp_path / "file.nc"}"'))
    printed = run("sweep", path, "--folder", finished[0])
    assert f"in {finished[0]} and {tmp_path / 'file.nc'}" in printed
    assert_same_results(tm.sweeps.load(tmp_path / "file.nc"), wanted)
    for name in ("flag.zarr", "flag.nc"):
        for _ in range(2):  # what is there is replaced
            run("sweep", path, "--output", tmp_path / name)
            assert_same_results(tm.sweeps.load(tmp_path / name), wanted)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file.nc", "flag.nc", "flag.zarr", "sweep.toml"]


def test_flags_override_the_file(tmp_path: Path):
    path = written(tmp_path, f'seed = 1\nfolder = "there"\n{BASE}[over]\ndensity = [0.2]')
    flags = "--seed 3 --restarts 4 --metrics norms gram --no-params --history 7 --snapshots 1 5 --folder here "
    flags += "--output file.nc --shard 1/3 --scheduler tcp://x:1 --log log --memory-gib 0.5 --recipe.steps 9"
    job = parse_sweep([*flags.split()[:4], str(path), *flags.split()[4:]])
    assert (job.seed, job.restarts, job.metrics, job.params, job.history) == (3, 4, ("norms", "gram"), False, 7)
    assert (job.snapshots, job.folder, job.output, job.shard) == ((1, 5), Path("here"), Path("file.nc"), "1/3")
    assert (job.scheduler, job.log, job.memory_gib) == ("tcp://x:1", Path("log"), 0.5)
    assert job.model == MODEL
    assert job.recipe == tm.Recipe(steps=9, batch_size=32, evaluation_samples=128)
    assert job.over == {"density": [0.2]}
    settings = 'params = false\nsnapshots = [1]\nmetrics = ["norms"]\nmemory_gib = 2\nfolder = "there"\nshard = "1/2"\n'
    job = parse_sweep([str(written(tmp_path, f"{settings}seed = 1\n{BASE}"))])
    assert (job.params, job.snapshots, job.metrics, job.memory_gib) == (False, (1,), ("norms",), 2)
    assert (job.folder, job.shard, job.seed) == (Path("there"), "1/2", 1)


def test_every_setting_reaches_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    got: dict[str, Any] = {}

    def record(model: Any, task: Any, recipe: Any, **options: Any) -> None:
        got.update(options, cell=Cell(model, task, recipe))
        raise KeyboardInterrupt

    monkeypatch.setattr("toymodels.cli.sweep.sweep", record)
    path = written(tmp_path, f"{BASE}[over]\ndensity = [0.2]")
    flags = "--seed 3 --restarts 4 --metrics norms --no-params --history 7 --snapshots 1 5 --shard 1/3 --memory-gib 0.5"
    with pytest.raises(SystemExit, match="130"):
        run("sweep", path, "--folder", tmp_path / "results", "--log", tmp_path / "log", *flags.split())
    assert got == {
        "cell": CELL,
        "over": {"density": [0.2]},
        "seed": 3,
        "restarts": 4,
        "metrics": {"norms": geometry.norms},
        "params": False,
        "history": 7,
        "snapshots": (1, 5),
        "folder": tmp_path / "results",
        "shard": (1, 3),
        "client": None,
        "memory_bytes": 2**29,
        "log": tmp_path / "log",
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("density = [0.1, 0.2]", {"density": [0.1, 0.2]}),
        ("density = { geomspace = [1.0, 0.01, 3] }", {"density": [1.0, 0.1, 0.01]}),
        ("density = { linspace = [0, 1, 5] }", {"density": [0.0, 0.25, 0.5, 0.75, 1.0]}),
        ("seed = { range = [3] }", {"seed": [0, 1, 2]}),
        ("seed = { range = [3, 5] }", {"seed": [3, 4]}),
        ("n_hidden = { range = [1, 6, 2] }", {"n_hidden": [1, 3, 5]}),
        ('"importance.decay" = [0.7]', {"importance.decay": [0.7]}),
        ("density = [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1]]", None),
        ('output_activation = ["relu", "gelu"]', {"output_activation": ["relu", "gelu"]}),
        ('values = ["uniform", "exponential"]', {"values": ["uniform", "exponential"]}),
        ('target = ["abs"]', {"target": ["abs"]}),
        (
            "[pair]\ndensity = { linspace = [0.1, 0.2, 2] }\ndecay = [0.7, 0.9]\nseed = { range = [2] }",
            {"pair": {"density": [0.1, 0.2], "decay": [0.7, 0.9], "seed": [0, 1]}},
        ),
        (
            'features = [{ type = "CorrelatedSets", sets = [[0, 1], [2, 3]] }, { density = 0.5 }]',
            {"features": [tm.CorrelatedSets(((0, 1), (2, 3))), tm.Independent(4, 0.5)]},
        ),
        (
            'importance = [1.0, { type = "GeometricImportance", decay = 0.5 }]',
            {"importance": [1.0, tm.GeometricImportance(0.5)]},
        ),
    ],
)
def test_what_over_stands_for(text: str, wanted: Any):
    table = tomllib.loads(text)
    got = read_over(table, CELL)
    assert list(got) == list(table if wanted is None else wanted)
    for name, values in (table if wanted is None else wanted).items():
        if isinstance(values, dict):
            assert list(got[name]) == list(values)
        for label, some in values.items() if isinstance(values, dict) else [(None, values)]:
            mine = got[name] if label is None else got[name][label]
            assert mine == (pytest.approx(some) if isinstance(some[0], float) else some)
            assert [type(value) for value in mine] == [type(value) for value in some]


def test_a_list_of_points_in_toml():
    points = '[[over]]\ndensity = 0.1\ntarget = "abs"\nseed = 3\n[[over]]\ndensity = 0.2\ntarget = "square"\nseed = 4'
    assert read_over(tomllib.loads(points)["over"], CELL) == [
        {"density": 0.1, "target": "abs", "seed": 3},
        {"density": 0.2, "target": "square", "seed": 4},
    ]


def test_an_axis_and_points_are_trained(tmp_path: Path):
    pair = f'params = false\n{BASE}[over.pair]\ndensity = [0.2, 0.6]\noutput_activation = ["relu", "identity"]'
    run("sweep", written(tmp_path, pair), "--output", tmp_path / "pair.nc")
    over = {"pair": {"density": [0.2, 0.6], "output_activation": [jax.nn.relu, tm.identity]}}
    assert_same_results(tm.sweeps.load(tmp_path / "pair.nc"), tm.sweep(MODEL, TASK, RECIPE, over=over, params=False))


def test_metrics_by_name_and_from_a_module_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    written(tmp_path, "def largest(W):\n    return abs(W).max()\n", "sweep_metrics_of_a_user.py")
    found = dict(named_metrics("sweep", ("capacity", "sweep_metrics_of_a_user:largest")))
    assert list(found) == ["capacity", "largest"]
    assert found["capacity"] is geometry.dimensionality
    assert found["largest"](np.array([[-3.0, 2.0]])) == 3
    assert found["largest"].__module__ == "sweep_metrics_of_a_user"


def test_the_examples_of_the_help_are_right(capsys: pytest.CaptureFixture):
    with pytest.raises(SystemExit, match="0"):
        main(["sweep", "--help"])
    assert "--memory-gib FLOAT" in capsys.readouterr().out
    blocks = re.split(r"\n\n(?! )", HELP)
    whole, axis, points = (tomllib.loads("\n".join(block.splitlines()[1:])) for block in blocks[:3])
    cell = Cell(tm.Autoencoder(5, 2), tm.Task(tm.Independent(5), tm.GeometricImportance(0.9)), RECIPE)
    assert list(dict(named_metrics("sweep", whole["metrics"]))) == ["n_represented", "dimensionality"]
    for table, shape in ((whole, (12, 2, 2, 10)), (axis, (3,)), (points, (2,))):
        axes = tm.sweeps.axes.read_axes(read_over(table["over"], cell), cell)
        assert tuple(axis.length for axis in axes) == shape


@pytest.mark.filterwarnings("default")
def test_diverged_models_are_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture):
    path = written(tmp_path, f"{BASE}[over]\nlearning_rate = [0.01, 1e30]")
    main(["sweep", str(path), "--folder", str(tmp_path / "results")])
    out, error = capsys.readouterr()
    assert "2 cells: 2 finished, 1 diverged." in out
    assert error.startswith("toymodels: 1 of 2 models diverged: learning_rate = 1e+30 at step ")
    assert error.count("\n") == 1
    assert "2 models (2 learning_rate): all finished, 1 diverged" in run("show", tmp_path / "results")


def test_a_stopped_sweep_says_how_it_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    def stop(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("toymodels.cli.sweep.sweep", stop)
    with pytest.raises(SystemExit, match="130"):
        run("sweep", written(tmp_path, TOML), "--folder", tmp_path / "results")
    assert capsys.readouterr().err == (
        f"toymodels: stopped. What is finished is in {tmp_path / 'results'}; the same command goes on with it.\n"
    )


@pytest.mark.filterwarnings("default")
def test_on_the_workers_of_a_scheduler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "def smallest(W):\n    return abs(W).min()\n", "cluster_metrics_of_a_user.py")
    path = written(tmp_path, f"{BASE}[over]\ndensity = [0.2, 0.6]")
    sent = []
    monkeypatch.setattr(distributed.Client, "upload_file", lambda client, file: sent.append(file))
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
    ) as cluster:
        metrics = ["--metrics", "cluster_metrics_of_a_user:smallest"]
        run("sweep", path, "--output", "file.nc", "--scheduler", cluster.scheduler_address, *metrics)
    assert sent == [str(tmp_path / "cluster_metrics_of_a_user.py")]  # workers elsewhere need it
    results = tm.sweeps.load("file.nc")
    np.testing.assert_allclose(results.smallest, abs(results.W).min(("hidden", "feature")), atol=1e-6)


# --- What is wrong -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "flags", "message"),
    [
        ("[over]\ndensty = [0.1]", "", "over names 'densty', which is not a field. Did you mean density"),
        ("[over]\ndensity = []", "", "over has no values for 'density'"),
        ("[over]\ndensity = 0.1", "", "over must give a sequence of values for 'density'. Got 0.1."),
        ("[over]\ndensity = [0.1, 1.5]", "", "density of Independent must be finite and in [0, 1]"),
        ("[over]\ndensity = { geomspce = [1, 0.1, 3] }", "", "'geomspce' for 'density'. Did you mean geomspace"),
        ("[over]\ndensity = { geomspace = [1, 0.1] }", "", "it takes [first, last, how many]. Got [1, 0.1]."),
        ("[over]\ndensity = { geomspace = [1, 0, 3] }", "", "over has a wrong geomspace for 'density': "),
        ("[over]\nseed = { range = [1.5] }", "", "over has a wrong range for 'seed': "),
        ("[over]\nseed = { range = 3 }", "", "it takes [stop], [start, stop] or [start, stop, step]. Got 3."),
        ("[over]\nseed = { range = [3], linspace = [0, 1, 2] }", "", "Give a list, or one of range, linspace"),
        ("[over]\nrecipe.steps = [3]\n", "", "over has a table 'recipe', which is a part of the configuration"),
        ("[over.pair]\ndensity = [0.1]\ndecay = [0.1, 0.2]", "", "whose numbers of values differ"),
        ('[over]\noutput_activation = ["rellu"]', "", "'rellu', which is not an activation. Did you mean relu"),
        ('[over]\nvalues = ["unifrom"]', "", "'unifrom', which is not a distribution of values. Did you mean uniform"),
        ('[over]\nfeatures = [{ type = "Correlated" }]', "", "not a specification. Did you mean CorrelatedSets"),
        ("[over]\ndensity = [{ decay = 3 }]", "", "over: density must be a value, or a table with a type"),
        ("[over]\nseed = [1, 2]", "--seed 3", "seed of sweep cannot be given (3) where over varies it"),
        ("over = 3", "", "over must be a table of fields, or a list of tables. Got 3."),
        ("over = [3]", "", "over must be a table of fields, or a list of tables. Got 3 in a list."),
        ("[recipe]\nsteps = 3", "", "needs a table [over]"),
        ("restart = 3", "", "names 'restart', which is not a field of Sweep. Did you mean restarts"),
        ("[overs]\ndensity = [0.1]", "", "names 'overs', which is not a field of Sweep. Did you mean over"),
        ("[recipe]\nstep = 3", "", "names 'step', which is not a field of Recipe. Did you mean steps"),
        ('seed = "3"', "", "seed = '3'. It must be a whole number."),
        ("params = 1", "", "params = 1. It must be true or false."),
        ('metrics = "norms"', "", "metrics = 'norms'. It must be a list of names."),
        ("snapshots = [1.5]", "", "snapshots = [1.5]. It must be a list of whole numbers."),
        ("a = = 3", "", "is not valid TOML"),
        ("[over]\ndensity = [0.1]", "--metrics n_represnted", "Did you mean n_represented"),
        ("[over]\ndensity = [0.1]", "--metrics nowhere_to_be_found:f", "'nowhere_to_be_found' cannot be imported"),
        ("[over]\ndensity = [0.1]", "--metrics json:dump json:dump", "must have names of their own. Got 'dump' twice."),
        ("[over]\ndensity = [0.1]", "--metrics json:dmps", "which 'json' lacks. Did you mean dump"),
        ("[over]\ndensity = [0.1]", "--shard 3/2", "--shard must be i/n with i = 0 ... n-1"),
        ("[over]\ndensity = [0.1]", "--shard x", "--shard must be i/n with i = 0 ... n-1"),
        ("[over]\ndensity = [0.1]", "--shard 0/2 --output results.nc", "--output needs all shards"),
        ("[over]\ndensity = [0.1]", "--output results.h5", "--output must end in .zarr or .nc. Got results.h5."),
        ("[over]\ndensity = [0.1]", "--output sweep.toml/results.nc", "sweep.toml: Not a directory."),
        ("[over]\ndensity = [0.1]", "--output sweep.toml/results.zarr", "sweep.toml: Not a directory."),
        ("[over]\ndensity = [0.1]", "--log sweep.toml/log.jsonl", "sweep.toml: Not a directory."),
        ("[over]\ndensity = [0.1]", "--log .", "--log is ., which cannot be written."),
        ("[over]\ndensity = [0.1]", "--folder=sweep.toml", "--folder is sweep.toml, which cannot be written."),
        ("[over]\ndensity = [0.1]", "--folder /proc/no/where", "--folder is /proc/no/where, which cannot be written."),
        ("[over]\ndensity = [0.1]", "--memory-gib 0", "--memory-gib must be above 0. Got 0.0."),
        ("[over]\ndensity = [0.1]", "--history 0", "history of sweep must be an integer of at least 1. Got 0."),
        ("[over]\ndensity = [0.1]", "--restarts 0", "restarts of sweep must be an integer of at least 1. Got 0."),
        ("[over]\ndensity = [0.1]", "--recipe.stps 3", "Unrecognized options: --recipe.stps"),
        ("[over]\ndensity = [0.1]", "more.toml", "sweep needs one TOML file"),
    ],
)
def test_bad_sweeps_end_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, nothing_compiled: None, text: str, flags: str, message
):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, text)
    with pytest.raises(SystemExit, match="2"):
        main(["sweep", "sweep.toml", "--folder", "results", *flags.split()])
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1 or "Unrecognized" in error
    assert [file.name for file in tmp_path.iterdir()] == ["sweep.toml"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep"], "sweep needs one TOML file, which `toymodels sweep --help` explains. Got none."),
        (["sweep", "--folder", "results"], "sweep needs one TOML file"),
        (["sweep", "nowhere.toml", "--folder", "results"], "nowhere.toml"),
        (["sweep", "sweep.toml"], "The results need a place: --folder FOLDER, --output FILE.zarr"),
        (["merge"], "merge needs at least one folder"),
        (["merge", "one"], "merge needs at least one folder"),
        (["merge", "one", "two.zarr"], "one has no sweep"),
        (["merge", "one", "two"], "the output of merge must end in .zarr or .nc. Got two."),
        (["show", "nowhere"], "nowhere is neither the folder of a sweep nor a file of results"),
        (["show", "sweep.toml"], "sweep.toml is neither the folder of a sweep nor a file of results"),
        (["show"], "RESULTS"),
    ],
)
def test_bad_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, nothing_compiled: None, arguments: list, message: str
):
    monkeypatch.chdir(tmp_path)
    written(tmp_path, TOML)
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert message in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["sweep.toml"]


def test_the_folder_of_another_configuration(tmp_path: Path, finished: tuple[Path, str], monkeypatch, capsys: Any):
    def fail(*arguments: Any) -> None:
        pytest.fail("went as far as training")

    monkeypatch.setattr(sys.modules["toymodels.sweeps.launch"], "execute", fail)
    before = sorted(finished[0].rglob("*"))
    with pytest.raises(SystemExit, match="2"):
        run("sweep", written(tmp_path, TOML), "--folder", finished[0], "--recipe.steps", "21")
    assert "has the results of another sweep. recipe.steps is 20 there, and 21 here." in capsys.readouterr().err
    assert sorted(finished[0].rglob("*")) == before


def test_a_scheduler_without_dask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, nothing_compiled: None):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(SystemExit, match="2"):
        run("sweep", written(tmp_path, TOML), "--folder", tmp_path / "results", "--scheduler", "tcp://127.0.0.1:1")
    assert capsys.readouterr().err == "toymodels: --scheduler needs Dask: pip install 'toymodels[cluster]'\n"
    assert not (tmp_path / "results").exists()


# --- What is shown -----------------------------------------------------------------------------------------------


def test_show_tells_what_is_there(finished: tuple[Path, str], wanted: xr.Dataset):
    printed = run("show", finished[0])
    assert printed.rstrip("\n") == overview(tm.sweeps.load(finished[0]))
    assert printed.startswith("24 models (3 density x 2 decay x 2 seed x 2 restart): all finished, none diverged\n")
    place = wanted.loss.argmin(list(wanted.loss.dims))
    best = wanted.loss.isel(place)
    where = ", ".join(f"{name} = {best[name].item():.6g}" for name in ("density", "decay", "seed", "restart"))
    assert f"best loss {best.item():.6g} at {where}\n" in printed
    words = " ".join(printed.split())
    for line in (
        "density 3 0.1, 0.3, 0.9",
        "decay 2 0.7, 0.9",
        "step 5 4, 8, 12, 16, 20",
        "snapshot 2 0, 20",
        "objective one number mean of what was minimised",
        "W 2 hidden x 4 feature parameters",
        "snapshots.b 2 snapshot x 4 feature parameters at snapshots",
        "n_represented one number toymodels.analysis.geometry.n_represented",
        "model Autoencoder(n_features=4, n_hidden=2)",
        "task Task(features=Independent(n_features=4, density=varied),",
        "importance=GeometricImportance(decay=varied))",
        "recipe Recipe(steps=20, batch_size=32, evaluation_samples=128)",
    ):
        assert f" {line} " in words
    assert "\n  seed  0" not in printed
    assert f"toymodels {tm.__version__}, jax {jax.__version__}, on {jax.devices()[0].device_kind}" in printed


def test_all_forms_of_the_same_results_are_shown_alike(tmp_path: Path, finished: tuple[Path, str]):
    text = run("show", finished[0], "--variable", "n_represented")
    for name in ("results.zarr", "results.nc"):
        run("merge", finished[0], tmp_path / name)
        assert run("show", tmp_path / name, "--variable", "n_represented") == text


def test_the_configuration_as_python_would_write_it():
    task = tm.Task(tm.Concatenated((tm.Independent(2, 0.1), tm.CorrelatedSets(((0, 1),), 0.3, tm.EXPONENTIAL))))
    task = tm.Task(task.features, importance=np.linspace(0.1, 1, 10), target=jax.numpy.abs)
    config = {
        "model": tm.describe(tm.Autoencoder(4, 2, output_activation=tm.identity)),
        "task": tm.describe(task),
        "recipe": tm.describe(tm.Recipe(learning_rate=0.5)),
        "over": {"point": {"parts[1].density": [0.1], "learning_rate": [0.5]}},
        "seed": 7,
        "restarts": None,
    }
    zeros = xr.DataArray([0.5, np.nan], dims="point")
    results = xr.Dataset({"loss": zeros, "diverged": zeros.fillna(3) * 0 - 1}, attrs={"config": json.dumps(config)})
    text = " ".join(overview(results).split())
    assert "model Autoencoder(n_features=4, n_hidden=2, output_activation=identity) " in text
    assert (
        "parts=[Independent(n_features=2), CorrelatedSets(sets=[[0, 1]], density=varied, values=EXPONENTIAL)]" in text
    )
    assert "importance=[0.1, 0.2, 0.3, 0.4, ..., 1], target=abs)" in text
    assert "recipe Recipe(learning_rate=varied) " in text
    assert text.endswith("seed 7")
    assert "best loss 0.5 at point = 0 axes" in text


def test_summary_counts_what_is_missing_and_diverged():
    loss = xr.DataArray([[np.nan, 0.25, np.nan], [0.5, 3.0, np.inf]], dims=("density", "seed"))
    diverged = xr.DataArray([[np.nan, -1, 7], [-1, -1, 0]], dims=("density", "seed"))
    results = xr.Dataset({"loss": loss, "diverged": diverged}).assign_coords(density=[0.1, 0.2], seed=[3, 4, 5])
    assert overview(results).startswith(
        "6 models (2 density x 3 seed): 5 finished, 2 diverged\nbest loss 0.25 at density = 0.1, seed = 4\n"
    )
    assert "no model has a finite loss" in overview(results.isel(seed=[2]))
    assert overview(results.isel(density=0, seed=1)).startswith("1 models: all finished, none diverged\nbest loss 0.25")
    with pytest.raises(ValueError, match=r"overview needs the results of a sweep. These have no 'diverged'"):
        overview(results[["loss"]])


def test_along_the_grid_of_restarts_the_best_and_inside_the_mean():
    results = xr.Dataset(
        {
            "loss": (("density", "restart"), [[0.3, 0.1], [0.2, np.nan]]),
            "diverged": (("density", "restart"), [[-1.0, 4.0], [-1.0, np.nan]]),
            "norms": (("density", "restart", "feature"), [[[9.0, 9.0], [1.0, 4.0]], [[2.0, 3.0], [9.0, 9.0]]]),
            "history": (("density", "restart", "step"), [[[9.0, 9.0], [1.0, 4.0]], [[2.0, 3.0], [9.0, 9.0]]]),
        },
        {"density": [0.1, 0.2], "step": [10, 20]},
    )
    norms = along_grid(results, "norms")
    assert norms.values.tolist() == [2.5, 2.5]
    assert norms.attrs["reduced"] == "best of 2 restarts, mean over feature"
    assert along_grid(results).values.tolist() == [0.1, 0.2]
    assert along_grid(results, "history").values.tolist() == [[1, 4], [2, 3]]
    assert along_grid(results, "diverged").values.tolist() == [0.5, 0]
    assert along_grid(results.isel(restart=0), "diverged").values.tolist() == [0, 0]
    with pytest.raises(ValueError, match=r"The results have no 'nroms'. Did you mean norms"):
        along_grid(results, "nroms")


def test_a_variable_is_printed(finished: tuple[Path, str], wanted: xr.Dataset):
    printed = run("show", finished[0], "--variable", "loss")
    best = wanted.loss.min("restart")
    assert f"\nloss, best of 2 restarts: {best.min().item():.4g} ... {best.max().item():.4g}\n" in printed
    *_, last = printed.rstrip("\n").splitlines()
    numbers = [float(text) for text in last.split()]
    np.testing.assert_allclose(numbers, [0.9, *best.isel(density=-1).median("seed")], rtol=1e-3)
    assert "along density, decay, step: draw it with --picture" in run("show", finished[0], "--variable", "history")


def test_a_picture_is_drawn(tmp_path: Path, finished: tuple[Path, str], capsys: Any):
    picture, others = tmp_path / "picture.png", plt.get_fignums()
    assert f"The picture is {picture}." in run("show", finished[0], "--variable", "n_represented", "--picture", picture)
    pixels = plt.imread(picture)[..., :3]
    assert 0.2 < (pixels.min(axis=-1) < 0.9).mean() < 0.95  # colours, and white around them
    assert plt.get_fignums() == others
    with pytest.raises(SystemExit, match="2"):
        run("show", finished[0], "--picture", tmp_path / "picture.foo")
    assert "picture.foo. It must end in one of .avif" in capsys.readouterr().err


def grid(*dims: str, sizes: tuple[int, ...] = (5, 4, 3, 2, 2)) -> xr.DataArray:
    """Numbers along some axes."""
    shape = sizes[: len(dims)]
    coords = {dim: np.arange(1, size + 1) for dim, size in zip(dims, shape, strict=True)}
    return xr.DataArray(np.arange(np.prod(shape, dtype=float)).reshape(shape), coords, dims, "number")


def test_one_axis_is_a_line_with_a_band_over_seeds():
    figure = show.draw(grid("density", "seed"))
    (ax,) = figure.axes
    assert ax.lines[0].get_ydata().tolist() == [1.5, 5.5, 9.5, 13.5, 17.5]
    assert len(ax.collections) == 1
    assert ax.get_xlabel() == "density"
    assert ax.get_ylabel() == "number\nmedian and half of 4 seeds"
    (ax,) = show.draw(grid("seed")).axes
    assert ax.lines[0].get_ydata().tolist() == [0, 1, 2, 3, 4]
    plt.close("all")


def test_two_axes_are_colours_of_the_median_over_seeds():
    figure = show.draw(grid("decay", "density", "seed").transpose("density", "seed", "decay"))
    ax, bar = figure.axes
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("decay", "density")
    mesh = ax.collections[0].get_array()
    np.testing.assert_array_equal(mesh, grid("decay", "density", "seed").median("seed").transpose("density", "decay"))
    assert bar.get_ylabel() == "number\nmedian of 3 seeds"
    plt.close("all")


def test_more_axes_are_panels_and_steps_are_lines():
    figure = show.draw(grid("density", "decay", "n_hidden"))
    assert [ax.get_title() for ax in figure.axes][:3] == ["n_hidden = 1", "n_hidden = 2", "n_hidden = 3"]
    figure = show.draw(grid("density", "decay", "n_hidden", "power"))
    assert len(figure.axes) == 3 * 2 + 1
    figure = show.draw(grid("density", "step", "seed"))
    assert [len(ax.lines) for ax in figure.axes] == [5]
    assert figure.axes[0].get_xlabel() == "step"
    figure = show.draw(grid("density", "step", "power"))
    assert [len(ax.lines) for ax in figure.axes] == [5, 5, 5]
    plt.close("all")


def test_what_cannot_be_drawn():
    with pytest.raises(ValueError, match="number is one number, 0: there is no axis"):
        show.draw(grid("density", sizes=(1,)))
    with pytest.raises(ValueError, match=r"would have 12 panels. Select some"):
        show.draw(grid("density", "decay", "n_hidden", "power", "n_features"))
    with pytest.raises(ValueError, match="would have 72 panels"):
        show.draw(grid("density", "decay", "n_hidden", "power", sizes=(9, 9, 9, 8)))
    assert show.table(grid("density") * np.nan) == "number: no finite number"


def test_large_results_are_shown_from_a_file(tmp_path: Path, finished: tuple[Path, str], monkeypatch, capsys: Any):
    text = run("show", finished[0])
    monkeypatch.setattr(show, "MOST_BYTES", 100)
    with pytest.raises(SystemExit, match="2"):
        run("show", finished[0])
    merging, showing = capsys.readouterr().err.partition("toymodels merge ")[2].strip().split("; toymodels ")
    run("merge", *shlex.split(merging))
    assert run(*shlex.split(showing)) == text
    merged = finished[0].with_name("results.zarr").rename(finished[0] / "results.zarr")
    try:
        assert run("show", finished[0]) == text
    finally:
        merged.rename(tmp_path / "away.zarr")


def test_training_one_model_does_not_bring_what_sweeps_need():
    code = "import sys, toymodels.cli.train; print([name for name in ('xarray', 'zarr') if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "[]\n"
