"""A run on disk, and what it shows."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import toymodels as tm


def run_with(restarts: int) -> tm.Run:
    """A run of made-up numbers."""
    random = np.random.default_rng(0)

    def numbers(*shape: int) -> np.ndarray:
        return random.normal(size=(restarts, *shape)).astype(np.float32)

    params = {"W": numbers(2, 5), "b": numbers(5), "layers.0.kernel": numbers(3)}
    loss = np.sort(numbers())
    loss[-1] = np.nan
    return tm.Run(
        params=params,
        state={"norm.mean": numbers(2)},
        loss=loss,
        objective=loss + 1,
        history=numbers(4),
        history_steps=np.array([3, 6, 9, 10]),
        snapshots={"W": numbers(2, 2, 5), "b": numbers(2, 5), "layers.0.kernel": numbers(2, 3)},
        snapshot_steps=np.array([0, 7]),
        diverged=np.where(np.isnan(loss), 8, -1),
        restart=np.arange(restarts)[::-1].copy(),
        metrics={"norms": numbers(5), "count": numbers()},
        config={"model": {"n": 5}, "seed": [0, 1], "density": [0.1, 1e-9], "text": "‖W‖²"},
        seconds=1.23456789012345,
    )


@pytest.fixture(params=[1, 3])
def run(request: pytest.FixtureRequest) -> tm.Run:
    return run_with(request.param)


@pytest.mark.parametrize("kind", [str, Path])
def test_loading_gives_back_what_was_saved(run: tm.Run, kind: type, tmp_path: Path):
    run.save(kind(tmp_path / "run.safetensors"))
    loaded = tm.Run.load(kind(tmp_path / "run.safetensors"))
    for field in dataclasses.fields(tm.Run):
        got, wanted = getattr(loaded, field.name), getattr(run, field.name)
        if isinstance(wanted, np.ndarray):
            np.testing.assert_array_equal(got, wanted)
            assert got.dtype == wanted.dtype
        elif field.name in ("params", "state", "snapshots", "metrics"):
            assert got.keys() == wanted.keys()
            for name in wanted:
                np.testing.assert_array_equal(got[name], wanted[name])
        else:
            assert got == wanted


def test_a_trained_run_survives_the_disk(tmp_path: Path):
    recipe = tm.Recipe(steps=3, batch_size=4, evaluation_samples=4)
    run = tm.train(tm.Autoencoder(5, 2), tm.Task(tm.Independent(5)), recipe, restarts=2)
    run.save(tmp_path / "run")
    loaded = tm.Run.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.W, run.W)
    assert loaded.snapshots == {}
    assert loaded.config == json.loads(json.dumps(run.config)) == run.config


def test_parameters_of_views_are_saved_in_order(tmp_path: Path):
    run = run_with(3)
    turned = dataclasses.replace(run, params={"W": run.W.swapaxes(1, 2)})
    turned.save(tmp_path / "run")
    np.testing.assert_array_equal(tm.Run.load(tmp_path / "run").W, run.W.swapaxes(1, 2))


def test_best_params_are_the_first_restarts(run: tm.Run):
    best = run.best_params()
    assert best.keys() == run.params.keys()
    for name, value in best.items():
        np.testing.assert_array_equal(value, run.params[name][0])


def test_weights_and_bias_by_their_letters(run: tm.Run):
    assert run.W is run.params["W"]
    assert run.b is run.params["b"]


def test_a_parameter_that_the_model_does_not_have_is_named():
    run = dataclasses.replace(run_with(3), params={"kernel": np.ones((3, 2)), "gain": np.ones(3)})
    with pytest.raises(AttributeError, match="This model has no parameter 'W'; it has kernel, gain"):
        _ = run.W
    with pytest.raises(AttributeError, match="no parameter 'b'"):
        _ = run.b


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-10], lambda data: data[:20], lambda data: b"", lambda data: b"x" * 99]
)
def test_damaged_files(damage, tmp_path: Path):
    path = tmp_path / "run.safetensors"
    run_with(3).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match="is damaged or not a safetensors file"):
        tm.Run.load(path)


@pytest.mark.parametrize("header", [None, {"format": "pt"}])
def test_foreign_files(header: dict | None, tmp_path: Path):
    path = tmp_path / "foreign.safetensors"
    save_file({"W": np.ones(3)}, path, header)
    with pytest.raises(ValueError, match=r"was not written by Run.save"):
        tm.Run.load(path)


def test_a_missing_file(tmp_path: Path):
    with pytest.raises(FileNotFoundError):
        tm.Run.load(tmp_path / "nothing")
