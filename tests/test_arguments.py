"""What a function says of arguments that it does not have, and metrics by name."""

import inspect
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import toymodels as tm
from toymodels.analysis import geometry

MODEL, TASK = tm.Autoencoder(5, 2), tm.Task(tm.Independent(5), importance=tm.GeometricImportance(0.9))
RECIPE = tm.Recipe(steps=3, batch_size=8, evaluation_samples=64)
FUNCTIONS = (tm.train, tm.sweep, tm.sweeps.estimate, tm.evaluate)
FIELDS = {
    "density": "task.features: Independent(density=...)",
    "decay": "task.importance: GeometricImportance(decay=...)",
    "features": "task: Task(features=...)",
    "steps": "recipe: Recipe(steps=...)",
    "n_hidden": "model: Autoencoder(n_hidden=...)",
    "n_features": "model: Autoencoder(n_features=...) and to task.features: Independent(n_features=...)",
}


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize(("name", "where"), FIELDS.items())
def test_a_field_is_told_whose_it_is(function: Any, name: str, where: str):
    with pytest.raises(TypeError) as caught:
        function(MODEL, task=TASK, **{name: 1})
    message = str(caught.value)
    assert message.startswith(f"{function.__name__} has no argument {name!r}. It belongs to {where}.")
    varies = "over" in inspect.signature(function).parameters
    assert message.endswith(f"To vary it: over={{{name!r}: [...]}}." if varies else where + ".")


@pytest.mark.parametrize(
    ("function", "name", "message"),
    [
        (
            tm.train,
            "seeds",
            "It has seed. Several tasks, sizes or seeds, stored as they are finished, are for tm.sweep(",
        ),
        (tm.train, "over", "are for tm.sweep("),
        (tm.train, "restart", "Did you mean restarts?"),
        (tm.train, "lr", "Did you mean learning_rate? It belongs to recipe: Recipe(learning_rate=...)."),
        (tm.train, "xyz", "There are: history, memory_bytes, metrics, model, "),
        (tm.sweep, "restart", "Did you mean restarts?"),
        (tm.sweep, "seeds", 'Several seeds are an axis: over={"seed": range(10)}.'),
        (tm.sweeps.estimate, "seeds", 'Several seeds are an axis: over={"seed": range(10)}.'),
        (tm.evaluate, "restarts", "There are as many models as params has."),
    ],
)
def test_what_is_no_field_is_told_what_was_meant(function: Any, name: str, message: str):
    with pytest.raises(TypeError, match=f"^{function.__name__} has no argument {name!r}. ") as caught:
        function(MODEL, TASK, **{name: 1})
    assert message in str(caught.value)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_signatures_and_what_is_missing_are_as_ever(function: Any):
    assert list(inspect.signature(function).parameters)[:2] == ["model", "task"]
    with pytest.raises(TypeError, match="missing"):
        function()


def test_a_warning_is_of_the_line_that_called():
    code = (
        "import toymodels as tm\n"
        "recipe = tm.Recipe(steps=3, learning_rate=1e30, optimizer='sgd')\n"
        "given = tm.Autoencoder(5, 2), tm.Task(tm.Independent(5)), recipe\n"
        "tm.train(*given)\n"
        "tm.sweep(*given, over={'density': [0.1]})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    places = [line.split()[0] for line in done.stderr.splitlines() if "DivergenceWarning" in line]
    assert places == ["<string>:4:", "<string>:5:"]


def test_metrics_by_name_are_the_functions():
    functions = [geometry.norms, geometry.n_represented]
    wanted = tm.train(MODEL, TASK, RECIPE, metrics=functions).metrics
    for metrics in (["norms", "n_represented"], ("norms", geometry.n_represented), {name: name for name in wanted}):
        run = tm.train(MODEL, TASK, RECIPE, metrics=metrics)
        assert set(run.metrics) == set(wanted)
        for name, value in wanted.items():
            np.testing.assert_array_equal(run.metrics[name], value)
    assert list(tm.train(MODEL, TASK, RECIPE, metrics="norms").metrics) == ["norms"]
    assert "size" in tm.sweep(MODEL, TASK, RECIPE, over={"density": [0.1]}, metrics={"size": "norms"})
    assert list(tm.evaluate(MODEL, TASK, tm.train(MODEL, TASK, RECIPE), RECIPE, metrics="gram").metrics) == ["gram"]


@pytest.mark.parametrize("metrics", ["nroms", ["nroms"], {"mine": "nroms"}])
def test_a_metric_that_there_is_not(metrics: Any, nothing_compiled: None):
    for call in (tm.train, lambda *given, **named: tm.sweep(*given, over={"density": [0.1]}, **named)):
        with pytest.raises(ValueError, match=r"is 'nroms', which is not a function of .*geometry. Did you mean norms"):
            call(MODEL, TASK, RECIPE, metrics=metrics)
