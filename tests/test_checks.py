"""Bad input: an exception that names the argument, the rule and the value, before anything is compiled."""

import copy
import inspect
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr
from flax import nnx
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import toymodels as tm

pytestmark = pytest.mark.usefixtures("nothing_compiled")

MODEL = tm.Autoencoder(n_features=5, n_hidden=2)
FEATURES = tm.Independent(n_features=5, density=0.1)
TASK = tm.Task(FEATURES)
RECIPE = tm.Recipe(steps=10, batch_size=8)
SETS = tm.CorrelatedSets(((0, 1), (2, 3, 4)))
HALF = np.full((5, 4), 0.5)
WITH_NAN = np.where(np.arange(20).reshape(5, 4) == 7, np.nan, HALF)


def train(model: Any = MODEL, task: Any = TASK, recipe: Any = RECIPE, **options: Any) -> None:
    inspect.unwrap(tm.train)(model, task, recipe, **options)  # as users call it: without the tests' type checker


def replaced(specification: Any, **fields: Any) -> Any:
    """A copy with other fields, of whatever type: the tests' type checker would refuse to make it."""
    copied = copy.copy(specification)
    for name, value in fields.items():
        object.__setattr__(copied, name, value)
    return copied


class Rows:
    """Features that come with samples in rows."""

    n_features = 5

    def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
        return jax.random.uniform(key, (batch_size, 5))


class Doubling(nnx.Module):
    """A module that does not show its hidden activations."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.scale = nnx.Param(jnp.full((5,), 2.0))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.scale[...][:, None] * x


BAD_FEATURES = {
    "density above 1": (
        lambda: tm.Independent(5, 1.5),
        r"density of Independent must be finite and in \[0, 1\]. Got 1.5.",
    ),
    "density below 0": (lambda: tm.Independent(5, (0.5, 0.5, 0.5, -0.1, 0.5)), r"in \[0, 1\]. Got -0.1 at index 3."),
    "density NaN": (lambda: tm.Independent(5, np.nan), "density of Independent must be finite .* Got nan."),
    "density of wrong length": (lambda: tm.Independent(5, (0.1, 0.2)), r"one number or 5 of them.* shape \(2,\)"),
    "density no number": (lambda: tm.Independent(5, "sparse"), "density of Independent must be numeric. Got 'sparse'."),
    "no features": (lambda: tm.Independent(0), "n_features of Independent must be an integer of at least 1. Got 0."),
    "n_features a fraction": (
        lambda: replaced(FEATURES, n_features=2.5),
        "n_features of Independent must be an integer .* Got 2.5.",
    ),
    "n_features a truth value": (
        lambda: replaced(FEATURES, n_features=True),
        "n_features of Independent must be an integer .* Got True.",
    ),
    "values a function": (lambda: replaced(FEATURES, values=jnp.square), "values of Independent must be a Values"),
    "values without function": (
        lambda: tm.Independent(5, values=replaced(tm.UNIFORM, inverse_cdf=3)),
        "values.inverse_cdf .* must be a function",
    ),
    "correlated density": (
        lambda: tm.CorrelatedSets(((0, 1), (2, 3, 4)), (0.5, 2)),
        "density of CorrelatedSets .* 2 at index 1",
    ),
    "correlation above 1": (
        lambda: tm.CorrelatedSets(((0, 1),), correlation=1.5),
        "correlation of CorrelatedSets .* Got 1.5",
    ),
    "density for each feature": (lambda: tm.CorrelatedSets(((0, 1), (2, 3, 4)), (0.5,) * 5), r"2 of them.* \(5,\)"),
    "overlapping sets": (
        lambda: tm.CorrelatedSets(((0, 1, 2), (2, 3))),
        "must not overlap. Got feature 2 in more than one",
    ),
    "a feature twice": (lambda: tm.AnticorrelatedSets(((0, 1, 1),)), "must not overlap. Got feature 1"),
    "a missing feature": (lambda: tm.AnticorrelatedSets(((0, 1), (3, 4))), "every feature from 0 to 4. Missing: 2."),
    "an empty set": (lambda: tm.CorrelatedSets(((0, 1), ())), "sets of CorrelatedSets must not be empty"),
    "no sets": (lambda: tm.AnticorrelatedSets(()), "sets of AnticorrelatedSets must not be empty"),
    "a negative feature": (lambda: tm.CorrelatedSets(((0, -1),)), "each feature in sets of CorrelatedSets .* Got -1."),
    "flat sets": (lambda: replaced(SETS, sets=(0, 1, 2)), "sets of CorrelatedSets must be a tuple of tuples"),
    "anticorrelated values": (
        lambda: replaced(tm.AnticorrelatedSets(((0, 1),)), values=None),
        "values of AnticorrelatedSets",
    ),
    "no parts": (lambda: tm.Concatenated(()), "parts of Concatenated must hold at least one distribution"),
    "a bad part": (
        lambda: tm.Concatenated((tm.Independent(2), tm.Independent(3, -1))),
        "density of Independent .* Got -1.",
    ),
    "NaN samples": (
        lambda: tm.Dataset(WITH_NAN),
        "samples of Dataset must be finite. Got nan for feature 1 of sample 3.",
    ),
    "one sample without axis": (
        lambda: tm.Dataset(np.ones(5)),
        r"samples of Dataset must have shape .* Got shape \(5,\).",
    ),
    "no samples": (lambda: tm.Dataset(np.ones((5, 0))), r"samples of Dataset must have shape .* Got shape \(5, 0\)."),
    "samples in a list": (lambda: tm.Dataset(HALF.tolist()), "samples of Dataset must be an array. Got a list."),
    "batches no function": (
        lambda: replaced(tm.Dataset(HALF), batches="all"),
        "batches of Dataset must be a function. Got 'all'.",
    ),
    "samples in rows": (lambda: tm.Dataset(HALF.T), r"model does not take features of shape \(4, 8\)"),
    "own features in rows": (
        lambda: Rows(),
        r"shape \(n_features, batch\) = \(5, 8\), samples in columns. .* \(8, 5\)",
    ),
    "another number of features": (lambda: tm.Independent(4), r"model does not take .* shape \(4, 8\); do n_features"),
}


@pytest.mark.parametrize("case", BAD_FEATURES)
def test_bad_features(case: str):
    make, message = BAD_FEATURES[case]
    with pytest.raises(ValueError, match=message):
        train(task=tm.Task(make()))


@pytest.mark.parametrize("features", [None, 0.5, tm.Independent, TASK])
def test_what_is_no_distribution(features: Any):
    for make in (lambda: tm.Task(features), lambda: tm.Task(tm.Concatenated((FEATURES, features)))):
        with pytest.raises(TypeError, match="features must have a method `sample"):
            make()


BAD_TASKS = {
    "negative importance": (lambda: tm.Task(FEATURES, (1, 1, -0.5, 1, 1)), "at least 0. Got -0.5 at index 2."),
    "importance NaN": (lambda: tm.Task(FEATURES, np.nan), "importance of Task must be finite and at least 0. Got nan."),
    "importance infinite": (lambda: tm.Task(FEATURES, np.inf), "importance of Task must be finite .* Got inf."),
    "importance of wrong length": (
        lambda: tm.Task(FEATURES, (1, 2, 3)),
        r"importance of Task .* 5 of them.* shape \(3,\)",
    ),
    "negative decay": (
        lambda: tm.Task(FEATURES, tm.GeometricImportance(-0.9)),
        "decay of GeometricImportance must be finite and at least 0",
    ),
    "decay for each": (
        lambda: tm.Task(FEATURES, tm.GeometricImportance((1, 0.5))),
        "decay of GeometricImportance must be one number",
    ),
    "target no function": (lambda: replaced(TASK, target=3), "target of Task must be a function. Got 3."),
    "the class of a loss": (
        lambda: replaced(TASK, loss=tm.PowerLoss),
        "loss of Task is the class PowerLoss. Write PowerLoss",
    ),
    "penalties no tuple": (lambda: replaced(TASK, penalties=tm.HiddenL1(0.1)), "penalties of Task must be a tuple"),
    "target in rows": (
        lambda: tm.Task(FEATURES, target=jnp.transpose),
        r"target of Task must map .* \(5, 8\) to \(8, 5\)",
    ),
    "target without samples": (
        lambda: tm.Task(FEATURES, target=lambda x: x.sum(1)),
        r"target of Task must map .* to \(5,\)",
    ),
    "fewer targets": (
        lambda: tm.Task(FEATURES, np.ones(5), target=lambda x: x[:2]),
        r"predicts shape \(5, 8\) .* \(2, 8\)",
    ),
    "more targets": (
        lambda: tm.Task(FEATURES, target=lambda x: jnp.tile(x, (2, 1))),
        r"predicts shape \(5, 8\) .* \(10, 8\)",
    ),
    "one target": (
        lambda: tm.Task(FEATURES, tm.GeometricImportance(0.9), lambda x: x.sum(0)),
        r"predicts shape \(5, 8\) .* \(8,\)",
    ),
}


@pytest.mark.parametrize("case", BAD_TASKS)
def test_bad_tasks(case: str):
    make, message = BAD_TASKS[case]
    with pytest.raises(ValueError, match=message):
        train(task=make())


@pytest.mark.parametrize("task", [FEATURES, None, [TASK], []])
def test_what_is_no_task(task: Any):
    with pytest.raises(TypeError, match=r"task must be a Task. Got "):
        train(task=task)


BAD_MODELS = {
    "no hidden dimension": (
        lambda: tm.Autoencoder(5, 0),
        "n_hidden of Autoencoder must be an integer of at least 1. Got 0.",
    ),
    "no features": (lambda: tm.Autoencoder(0, 2), "n_features of Autoencoder must be an integer of at least 1. Got 0."),
    "hidden activation": (lambda: replaced(MODEL, hidden_activation="relu"), "hidden_activation of .* Got 'relu'."),
    "output activation": (lambda: replaced(MODEL, output_activation=None), "output_activation of .* Got None."),
    "initializer": (
        lambda: replaced(MODEL, initializer=0.1),
        "initializer of Autoencoder must be a function. Got 0.1.",
    ),
    "tied with outputs": (
        lambda: tm.Autoencoder(5, 2, n_outputs=3),
        r"must be n_features \(5\) when tied. Got 3; set tied=F",
    ),
    "no outputs": (lambda: tm.Autoencoder(5, 2, tied=False, n_outputs=0), "n_outputs of Autoencoder .* Got 0."),
    "untied with other outputs": (lambda: tm.Autoencoder(5, 2, tied=False, n_outputs=3), r"shape \(3, 8\) .* \(5, 8\)"),
    "another number of features": (lambda: tm.Autoencoder(6, 2), r"does not take features of shape \(5, 8\)"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_bad_models(case: str):
    make, message = BAD_MODELS[case]
    with pytest.raises(ValueError, match=message):
        train(model=make())


class Strange(nnx.Module):
    """A module whose parameter or axes are not what they should be."""

    def __init__(self, dtype: Any, axes: Any, *, rngs: nnx.Rngs):
        self.w = nnx.Param(jnp.ones((5, 1), dtype))
        self.named = axes

    @property
    def axes(self) -> dict[str, Any]:
        return {"w": self.named}

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.w[...] * x


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (partial(Strange, int, ("feature", "one")), "parameter 'w' of type int32. What is trained must be floats"),
        (partial(Strange, float, ("feature",)), "axes of the model must name each of the 2 axes of w once"),
        (partial(Strange, float, ("one", "one")), "axes of the model must name each of the 2 axes of w once"),
        (lambda rngs: 3, "model, called as .* failed: TypeError: it must return an nnx.Module. It returned 3"),
        (tm.Autoencoder, r"model of train is the class Autoencoder. Write Autoencoder\(...\)"),
    ],
)
def test_modules_that_cannot_be_trained(model: Any, message: str):
    with pytest.raises(ValueError, match=message):
        train(model=model)


def test_the_results_of_a_sweep_as_a_start_of_one_training():
    with pytest.raises(ValueError, match=r"must be one cell of a sweep's results: tm.sweeps.as_run"):
        tm.train(MODEL, TASK, RECIPE, start=xr.Dataset())


def test_what_is_no_model():
    with pytest.raises(TypeError, match=r"model must be an Autoencoder or a function `model\(rngs=...\)`"):
        train(model=np.eye(5))


BAD_RECIPES = {
    "steps": (lambda: tm.Recipe(steps=-1), "steps of Recipe must be an integer of at least 0. Got -1."),
    "steps a fraction": (
        lambda: replaced(RECIPE, steps=1e3),
        "steps of Recipe must be an integer of at least 0. Got 1000.0.",
    ),
    "batch_size": (lambda: tm.Recipe(batch_size=-1), "batch_size of Recipe must be an integer of at least 1. Got -1."),
    "evaluation_samples": (lambda: tm.Recipe(evaluation_samples=0), "evaluation_samples of Recipe must .* Got 0."),
    "negative rate": (
        lambda: tm.Recipe(learning_rate=-1e-3),
        "learning_rate of Recipe must be .* at least 0. Got -0.001.",
    ),
    "several rates": (lambda: tm.Recipe(learning_rate=(0.1, 0.2)), "learning_rate of Recipe must be one number"),
    "a rate in quotes": (lambda: tm.Recipe(learning_rate="0.1"), "learning_rate of Recipe must be numeric. Got '0.1'."),
    "rate NaN": (lambda: tm.Recipe(learning_rate=np.nan), "learning_rate of Recipe must be finite"),
    "weight_decay": (lambda: tm.Recipe(weight_decay=np.inf), "weight_decay of Recipe must be finite"),
    "weight_decay of a name": (lambda: tm.Recipe(weight_decay={"V": 0.1}), "weight_decay of Recipe names 'V'"),
    "weight_decay of W": (
        lambda: tm.Recipe(weight_decay={"W": np.nan}),
        "weight_decay of 'W' of Recipe must be finite",
    ),
    "schedule": (lambda: replaced(RECIPE, schedule=0.1), "schedule of Recipe must be a function. Got 0.1."),
    "an optimiser with a rate": (
        lambda: replaced(RECIPE, optimizer=optax.adam(0.1)),
        "must be a function of the learning rate",
    ),
    "the class of an optimiser": (
        lambda: replaced(RECIPE, optimizer=tm.Adam),
        r"optimizer of Recipe is the class Adam. Write",
    ),
    "a rate for a schedule": (
        lambda: tm.Recipe(schedule=lambda rate, steps: rate),
        "must return a function of the step",
    ),
    "a schedule of one argument": (
        lambda: tm.Recipe(schedule=lambda rate: rate),
        r"schedule of Recipe, called as .*TypeError",
    ),
    "a schedule that fails": (
        lambda: tm.Recipe(schedule=lambda rate, steps: lambda step: step.nothing),
        r"schedule of Recipe, called as schedule\(learning_rate, steps\)\(step\), failed: AttributeError",
    ),
    "a schedule that asks": (
        lambda: tm.Recipe(schedule=lambda rate, steps: lambda step: rate if rate > 0 else 1.0),
        "asks for the value of a number, which differs from model to model",
    ),
    "no optimiser": (lambda: tm.Recipe(optimizer=lambda rate: rate), "must return an optax.GradientTransformation"),
}


@pytest.mark.parametrize("case", BAD_RECIPES)
def test_bad_recipes(case: str):
    make, message = BAD_RECIPES[case]
    with pytest.raises(ValueError, match=message):
        train(recipe=make())


def test_an_importance_for_each_input_where_there_are_fewer_outputs():
    model = tm.Autoencoder(5, 2, tied=False, n_outputs=2)
    with pytest.raises(ValueError, match="importance of Task must be one number or 2 of them, one per output"):
        train(model=model, task=tm.Task(FEATURES, np.ones(5), target=lambda x: x[:2]))


BAD_PENALTIES = {
    "strength": (lambda: tm.HiddenL1(-1), "strength of HiddenL1 must be finite and at least 0. Got -1."),
    "no strength": (lambda: tm.HiddenL1(None), "strength of HiddenL1 must be numeric. Got None."),
    "no hidden activations": (
        lambda: tm.HiddenL1(0.5),
        "HiddenL1 needs activations 'hidden', which the model does not have",
    ),
    "no such parameter": (
        lambda: tm.WeightL2(0.5, ("V",)),
        "WeightL2 needs parameters 'V', which the model does not have",
    ),
    "not one number": (
        lambda: lambda x: x,
        r"penalties\[0\] of Task must return one number. It returned shape \(5, 8\)",
    ),
    "unknown argument": (
        lambda: lambda densty: densty,
        "argument 'densty', which is neither a parameter nor an activation",
    ),
    "fails": (lambda: lambda x: x @ x, r"penalties\[0\] of Task, called as <lambda>\(x\), failed: TypeError: "),
}


@pytest.mark.parametrize("case", BAD_PENALTIES)
def test_bad_penalties(case: str):
    make, message = BAD_PENALTIES[case]
    with pytest.raises(ValueError, match=message):
        train(model=Doubling, task=tm.Task(FEATURES, penalties=(make(),)))


BAD_OPTIONS = {
    "restarts": ({"restarts": 0}, "restarts of train must be an integer of at least 1. Got 0."),
    "history": ({"history": 0}, "history of train must be an integer of at least 1. Got 0."),
    "memory_bytes": ({"memory_bytes": 0}, "memory_bytes of train must be an integer of at least 1. Got 0."),
    "late snapshot": ({"snapshots": (0, 11)}, "snapshots of train must be steps from 0 to 10. Got 11."),
    "early snapshot": ({"snapshots": (-1, 5)}, "each of snapshots of train must be .* at least 0. Got -1."),
    "half a snapshot": ({"snapshots": (2.5,)}, "each of snapshots of train must be an integer .* Got 2.5."),
    "one snapshot": ({"snapshots": 5}, "snapshots of train must be a sequence of steps. Got 5."),
    "negative seed": ({"seed": -1}, "seed of train must be an integer of at least 0. Got -1."),
    "large seed": ({"seed": 2**32}, r"seed of train must be below 2\^32. Got 4294967296."),
    "several keys": ({"seed": jax.random.split(jax.random.key(0), 2)}, "seed of train .* one threefry key"),
    "another generator": ({"seed": jax.random.key(0, impl="rbg")}, "seed of train .* one threefry key"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_bad_options(case: str):
    options, message = BAD_OPTIONS[case]
    with pytest.raises((TypeError, ValueError), match=message):
        train(**options)


def test_what_is_no_recipe():
    with pytest.raises(TypeError, match=r"recipe must be a Recipe. Got 5."):
        train(recipe=5, snapshots=(1,))


numbers = st.floats(width=32)
lengths = st.integers(1, 8)


@given(density=st.one_of(numbers, hnp.arrays(float, lengths, elements=numbers)))
def test_any_density_outside_of_0_to_1_or_of_wrong_length(density: Any):
    density = np.asarray(density)
    assume(density.shape not in [(), (5,)] or not ((density >= 0) & (density <= 1)).all())
    with pytest.raises(ValueError, match="density of Independent"):
        train(task=tm.Task(tm.Independent(5, density)))


@given(importance=st.one_of(numbers, hnp.arrays(float, lengths, elements=numbers)))
def test_any_importance_below_0_or_of_wrong_length(importance: Any):
    importance = np.asarray(importance)
    assume(importance.shape not in [(), (5,)] or not ((importance >= 0) & np.isfinite(importance)).all())
    with pytest.raises(ValueError, match="importance of Task"):
        train(task=tm.Task(FEATURES, importance))


@given(sets=st.lists(st.lists(st.integers(-1, 4), max_size=3).map(tuple), max_size=4).map(tuple))
def test_any_sets_that_are_no_partition(sets: tuple[tuple[int, ...], ...]):
    members = sorted(feature for features in sets for feature in features)
    assume(not all(sets) or not members or members != list(range(len(members))))
    with pytest.raises(ValueError, match="sets of CorrelatedSets"):
        train(task=tm.Task(tm.CorrelatedSets(sets)))
