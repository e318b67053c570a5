"""`Playground` as Python sees it: settings, and recordings of runs."""

import dataclasses
import json
import re
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from playground_engine import engine

import toymodels as tm
from toymodels.playground import bundle
from toymodels.playground.arguments import train_arguments
from toymodels.playground.recording import record
from toymodels.playground.settings import DEFAULTS, PRESETS, complete, from_address

SHORT = tm.Recipe(steps=40, batch_size=64, evaluation_samples=256)


def train(model: Any = tm.Autoencoder(5, 2), snapshots: Any = (), restarts: int = 1) -> tm.Run:
    task = tm.Task(tm.Independent(5, 0.3), importance=tm.GeometricImportance(0.5))
    return tm.train(model, task, SHORT, snapshots=snapshots, restarts=restarts, history=4, progress=False)


@pytest.fixture(scope="module")
def run() -> tm.Run:
    """Three restarts; its history has stretches of ten steps."""
    return train(snapshots=[0, 1, 10, 39], restarts=3)


# --- Settings ---------------------------------------------------------------------------------------------------------


def test_settings_are_complete_and_go_to_the_browser():
    playground = tm.Playground(preset="octahedron", n=8, density=0.25, seed=np.int64(7))
    wanted = {**DEFAULTS, **PRESETS["octahedron"], "n": 8, "density": 0.25, "seed": 7}
    assert playground.settings == wanted
    assert json.loads(json.dumps(playground.get_state()["settings"])) == wanted
    assert (wanted["m"], playground.recording) == (3, None)
    assert playground.get_state()["_esm"] == bundle.module()
    assert {"settings", "recording", "_esm"} <= set(playground.keys)  # those that are synchronised


def test_settings_are_changed_from_both_sides():
    playground = tm.Playground(n=7)
    seen: list[dict[str, Any]] = []
    playground.observe(lambda change: seen.append(change["new"]), "settings")
    playground.set_state({"settings": {**playground.settings, "density": 0.5}})  # as a message from the browser does
    playground.settings = playground.settings | {"pairs": "correlated"}
    assert seen == [{**DEFAULTS, "n": 7, "density": 0.5}, {**DEFAULTS, "n": 7, "density": 0.5, "pairs": "correlated"}]
    playground.settings = {"m": 3}
    assert playground.settings == {**DEFAULTS, "m": 3}


def test_wrong_settings_are_refused_before_anything_is_shown():
    playground = tm.Playground(n=7)
    for address, settings, message in [
        ("density=1.5", {"density": 1.5}, "density of a playground must be a number in [0.002, 1]. Got 1.5."),
        ("density=nan", {"density": np.nan}, "density of a playground must be a number in [0.002, 1]. Got nan."),
        ("n=2.5", {"n": 2.5}, "n of a playground must be an integer in [2, 20]. Got 2.5."),
        ("m=4", {"m": 4}, "m of a playground must be one of (2, 3). Got 4."),
        ("densty=.1", {"densty": 0.1}, "have no 'densty'. Did you mean density"),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            tm.Playground(**settings)
        with pytest.raises(ValueError, match=re.escape(message)):
            playground.settings = settings
        with pytest.raises(ValueError, match=re.escape(message)):
            from_address(address)
    for preset, message in [("pentagram", "Did you mean pentagon"), ("", "There is no preset ''.")]:
        with pytest.raises(ValueError, match=re.escape(message)):
            tm.Playground(preset=preset)
        with pytest.raises(ValueError, match=re.escape(message)):
            from_address(f"preset={preset}")
    assert playground.settings == {**DEFAULTS, "n": 7}


def test_configuration_is_that_of_the_settings_as_they_are_now():
    playground = tm.Playground(n=4)
    playground.settings = playground.settings | {"n": 6, "pairs": "anticorrelated", "density": 0.1}
    model, task, recipe = playground.train_arguments()
    assert (model, recipe) == train_arguments(playground.settings)[::2]
    assert (model.n_features, task.features.sets[0]) == (6, (0, 1))
    recipe = dataclasses.replace(recipe, steps=2, evaluation_samples=64)
    assert tm.train(model, task, recipe, progress=False).W.shape == (1, 2, 6)


def test_presets_and_addresses_are_those_of_the_page():
    there = {preset["name"]: preset["settings"] for preset in engine("settings")["PRESETS"]}
    assert there == PRESETS
    assert "pentagon" in there
    addresses = ["", "#", "n=6&m=3&density=.05", "#preset=pentagon&seed=4", "#n=8&preset=octahedron&decay=5e-1"]
    for address, settings in zip(addresses, engine("fromHash", addresses), strict=True):
        assert from_address(address) == from_address(f"file:///page.html{address if '#' in address else '#' + address}")
        assert from_address(address) == settings
    for name in PRESETS:
        assert from_address(f"preset={name}") == complete({}, name)


# --- Recordings -------------------------------------------------------------------------------------------------------


def test_recording_has_the_snapshots_and_last_the_final_weights(run: tm.Run):
    recording = tm.Playground(run, restart=1).recording
    assert recording == record(run, 1)
    assert recording["steps"] == [0, 1, 10, 39, 40]
    W = np.concatenate([run.snapshots["W"][1], run.params["W"][1:2]])
    b = np.concatenate([run.snapshots["b"][1], run.params["b"][1:2]])
    assert np.shape(recording["W"]) == (5, 2, 5)
    np.testing.assert_allclose(recording["W"], W, rtol=1e-5)
    np.testing.assert_allclose(recording["b"], b, rtol=1e-5)
    stretches = run.history[1][[0, 0, 0, 3, 3]]  # of ten steps; the tenth step ends the first of them
    np.testing.assert_allclose(recording["loss"], stretches, rtol=1e-5)
    assert recording["importance"] == [1, 0.5, 0.25, 0.125, 0.0625]
    assert recording["activation"] == "relu"
    assert recording["title"] == f"5 features in 2 dimensions, restart 1 of 0 to 2, loss {run.loss[1]:.3g}"
    assert record(run)["title"].startswith("5 features in 2 dimensions, the best of 3 restarts, loss 0.")
    np.testing.assert_allclose(record(run)["W"][-1], run.W[0], rtol=1e-5)


def test_recording_is_short_json(run: tm.Run):
    text = json.dumps(record(run), allow_nan=False)
    assert json.loads(text) == record(run)
    assert len(text) < 12 * 5 * (10 + 5 + 1) + 200  # five moments with W, b and loss, twelve characters a number


def test_a_last_snapshot_after_all_steps_comes_once():
    run = train(snapshots=[3, 40])
    assert record(run)["steps"] == [3, 40]
    np.testing.assert_allclose(record(run)["W"][1], run.W[0], rtol=1e-5)
    assert record(run)["title"].startswith("5 features in 2 dimensions, loss 0.")


def test_a_run_that_was_saved_plays_back_alike(run: tm.Run, tmp_path: Any):
    run.save(tmp_path / "run.safetensors")
    assert record(tm.Run.load(tmp_path / "run.safetensors")) == record(run)


@pytest.mark.parametrize(
    ("importance", "wanted"),
    [(2.0, [2.0] * 5), (np.array([5.0, 4, 3, 2, 1]), [5, 4, 3, 2, 1]), (tm.GeometricImportance(1.0), [1.0] * 5)],
)
def test_importance_of_each_kind(run: tm.Run, importance: Any, wanted: list[float]):
    config = run.config | {"task": tm.describe(tm.Task(tm.Independent(5), importance))}
    assert record(dataclasses.replace(run, config=config))["importance"] == wanted


def test_models_of_other_kinds():
    hidden = tm.Autoencoder(5, 3, hidden_activation=jax.nn.relu, hidden_bias=True, tied=False)
    recording = record(train(hidden, snapshots=[0]))
    assert np.shape(recording["W"]) == (2, 3, 5)
    assert recording["title"].endswith("(not shown: W_out, b_hidden)")

    recording = record(train(tm.Autoencoder(5, 2, output_bias=False, output_activation=tm.identity)))
    assert (recording["b"], recording["steps"], recording["activation"]) == ([[0.0] * 5], [40], "linear")

    class Squared(nnx.Module):
        def __init__(self, *, rngs: nnx.Rngs):
            self.W = nnx.Param(0.3 * jax.random.normal(rngs.params(), (3, 5)))

        def __call__(self, x: Any) -> Any:
            return jnp.square(self.W[...].T @ (self.W[...] @ x))

    run = train(Squared)
    assert (np.shape(record(run)["W"]), record(run)["activation"]) == ((1, 3, 5), "unknown")
    silent = dataclasses.replace(run, config={}, history=run.history[:, :0], history_steps=run.history_steps[:0])
    assert record(silent) | {"W": 0} == {
        "title": record(run)["title"],
        "steps": [0],
        "W": 0,
        "b": [[0.0] * 5],
        "loss": None,
        "importance": [1.0] * 5,
        "activation": "unknown",
    }


def test_runs_that_cannot_be_played_back_say_why(run: tm.Run):
    def but(**changes: Any) -> tm.Run:
        return dataclasses.replace(run, **changes)

    diverged = but(diverged=np.array([-1, 17, 31]))
    bad_number = but(snapshots={**run.snapshots, "b": np.where(np.arange(5) == 2, np.nan, run.snapshots["b"])})
    for wrong, restart, message in [
        (run, 3, "restart must be an integer from 0, the best, to 2. Got 3."),
        (run, -1, "restart must be an integer from 0, the best, to 2. Got -1."),
        (diverged, 2, "restart 2 of the run diverged at step 31; take one from 0 to 0."),
        (but(diverged=np.array([3, 3, 3])), 0, "restart 0 of the run diverged at step 3; there is none that did not."),
        (bad_number, 1, "restart 1 of the run has NaN or infinite numbers in b"),
        (but(params={"kernel": run.W}), 0, "run must have a parameter W, (restarts, m, n). It has kernel."),
        (but(params={"W": np.ones((3, 4, 5))}), 0, "m of 2 or 3. Its W is (3, 4, 5)."),
        (but(params={"W": np.ones((3, 1, 5))}), 0, "run must have two or three hidden dimensions"),
        (but(params={"W": run.W[0]}), 0, "Its W is (2, 5)."),
        (
            but(params={"W": run.W, "b": run.b[:, :1]}),
            0,
            "as many outputs as features, b (restarts, 5). Its b is (3, 1).",
        ),
    ]:
        with pytest.raises(ValueError, match=re.escape(message)):
            tm.Playground(wrong, restart=restart)
    assert record(diverged, 0) == record(run, 0)
    with pytest.raises(TypeError):
        tm.Playground(run.W)


def test_a_run_and_settings_exclude_each_other(run: tm.Run):
    for settings in ({"n": 6}, {"preset": "pentagon"}):
        with pytest.raises(ValueError, match="Got both"):
            tm.Playground(run, **settings)
    with pytest.raises(ValueError, match="has nothing to train"):
        tm.Playground(run).train_arguments()


# --- Without anywidget ------------------------------------------------------------------------------------------------


def test_without_anywidget_only_the_widget_is_missing():
    code = """
import sys
sys.modules["anywidget"] = None  # as if it were not installed
import toymodels
from toymodels import *
from toymodels.playground.bundle import page
from toymodels.playground.recording import record
print("Playground" in toymodels.__all__, len(page()) > 10_000)
try:
    toymodels.Playground()
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    there, message = done.stdout.splitlines()
    assert there == "False True"
    assert "pip install 'toymodels[playground]'" in message
