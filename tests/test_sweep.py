"""Sweeps: every cell has the numbers of a single run, whatever is varied, and labels say which cell is which."""

import itertools
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import xarray as xr
from flax import nnx

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.sweeps.axes import Axis, Varied, read_axes
from toymodels.sweeps.grid import Grid
from toymodels.sweeps.results import Layout, dataset, layout_of
from toymodels.training import constant
from toymodels.training.engine import execution, step
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.plan import Keep

MODEL = tm.Autoencoder(n_features=5, n_hidden=2)
DENSITY = np.array([0.1, 0.3, 0.5, 0.8, 0.2])
FEATURES = tm.Independent(5, DENSITY)
IMPORTANCE = np.array([1, 0.9, 0.5, 0.3, 2])
TASK = tm.Task(FEATURES, IMPORTANCE)
RECIPE = tm.Recipe(steps=20, batch_size=32, evaluation_samples=64)
SNAPSHOTS = [0, 7]
PAIRS = ((0, 1), (2, 3), (4,))


def recipe(**fields: Any) -> tm.Recipe:
    return tm.Recipe(**{"steps": 20, "batch_size": 32, "evaluation_samples": 64, **fields})


def with_density(density: Any) -> tm.Task:
    return tm.Task(tm.Independent(5, density), IMPORTANCE)


def with_element(array: np.ndarray, place: int, value: float) -> np.ndarray:
    return np.where(np.arange(len(array)) == place, value, array)


def sweep(model: Any = MODEL, task: Any = TASK, recipe: tm.Recipe = RECIPE, **options: Any) -> xr.Dataset:
    return tm.sweep(model, task, recipe, **{"snapshots": SNAPSHOTS, **options})


def train(model: Any = MODEL, task: Any = TASK, recipe: tm.Recipe = RECIPE, seed: int = 0, restarts: int = 2) -> tm.Run:
    return tm.train(model, task, recipe, seed=seed, restarts=restarts, snapshots=SNAPSHOTS, history=20)


def assert_padded(got: np.ndarray, wanted: np.ndarray) -> None:
    """`got` has `wanted` in its first places along each axis, and NaN in all others."""
    inside = tuple(map(slice, wanted.shape))
    np.testing.assert_allclose(got[inside], wanted, atol=1e-6)
    outside = np.ones(got.shape, dtype=bool)
    outside[inside] = False
    assert np.isnan(got[outside]).all()


def assert_same(cell: xr.Dataset, run: tm.Run) -> None:
    """A cell of a sweep has the numbers of a run."""
    for place, restart in enumerate(run.restart):
        one = cell.sel(restart=restart) if "restart" in cell.dims else cell
        for name, value in run.params.items():
            assert_padded(one[name].values, value[place])
            assert_padded(one[f"snapshots.{name}"].values, run.snapshots[name][place])
        np.testing.assert_allclose(one.loss, run.loss[place], atol=1e-6)
        np.testing.assert_allclose(one.history.sel(step=run.history_steps), run.history[place], atol=1e-6)
        assert one.history.count() == len(run.history_steps)
        np.testing.assert_allclose(one.final_loss, run.history[place, -1], atol=1e-6)
        assert one.diverged == run.diverged[place]


def cells(grid: xr.Dataset) -> list[tuple[tuple[int, ...], xr.Dataset]]:
    """The positions along the axes, and the part of the results, of each cell of a grid."""
    dims = [dim for dim in grid.loss.dims if dim != "restart"]
    positions = itertools.product(*(range(grid.sizes[dim]) for dim in dims))
    return [(index, grid.isel(dict(zip(dims, index, strict=True)))) for index in positions]


def assert_every_cell_is_a_run(grid: xr.Dataset, run: Callable[[tuple[int, ...]], tm.Run]) -> None:
    """Each cell has the numbers of the run of its positions, and no two cells have the same."""
    numbers = []
    for index, cell in cells(grid):
        assert_same(cell, run(index))
        numbers.append(np.nansum(cell.history))
    assert len(numbers) > 1
    assert np.diff(np.sort(numbers)).min() > 1e-6


class OwnModule(nnx.Module):
    """A user's own module."""

    def __init__(self, n: int, *, width: int, activation: Any = nnx.relu, rngs: nnx.Rngs):
        self.weight = nnx.Param(jax.random.normal(rngs.params(), (width, n)) / np.sqrt(width * n))
        self.shift = nnx.Param(jnp.zeros((n, 1)))
        self.activation = activation

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.activation(self.weight[...].T @ (self.weight[...] @ x) + self.shift[...])


@tm.specification
class OwnModel:
    """A user's own model with a number that varies inside of one program: the scale of the initial weights."""

    n_features: int = tm.static()
    scale: Any = 0.3

    def __call__(self, *, rngs: nnx.Rngs) -> nnx.Module:
        module = tm.Autoencoder(self.n_features, 2)(rngs=rngs)
        module.W[...] = self.scale * module.W[...]
        return module


@tm.specification
class Blocks:
    """A user's own distribution: the features are on or off together in blocks, at a height of their own."""

    n_features: int = tm.static()
    density: Any = 0.3
    heights: Any = (0.1, 0.2, 0.3, 0.4, 0.5)
    blocks: int = tm.static(default=1)

    def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
        on = jax.random.uniform(key, (self.blocks, batch_size)) < self.density
        rows = jnp.arange(self.n_features) % self.blocks
        return jnp.where(on[rows], jnp.asarray(self.heights, dtype=float)[:, None], 0.0)


HEIGHTS = np.array([0.2, 0.4, 0.6, 0.5, 0.3])
SIGNED = tm.Independent(5, 0.4, tm.SIGNED_UNIFORM)


def sgd(rate: Any) -> optax.GradientTransformation:
    return optax.sgd(rate, momentum=0.5)


def square(x: jax.Array) -> jax.Array:
    return x**2


# --- Every kind of field -----------------------------------------------------------------------------------------

NUMERIC = {
    "a density": (
        {"density": [0.1, 0.6]},
        {},
        lambda density: {"task": with_density(density)},
    ),
    "two features' densities and all importances": (
        {"density[3]": [0.05, 0.5], "importance": [IMPORTANCE, IMPORTANCE[::-1]], "density[0]": [0.2, 0.9]},
        {},
        lambda third, importance, first: {
            "task": tm.Task(
                tm.Independent(5, with_element(with_element(DENSITY, 3, third), 0, first)), importance=importance
            )
        },
    ),
    "densities, and one of them": (
        {"density[1]": [0.05, 0.5], "task.features.density": [DENSITY, 1 - DENSITY, [0.1, 0.2, 0.3, 0.4, 0.5]]},
        {},
        lambda value, density: {"task": with_density(with_element(np.array(density), 1, value))},
    ),
    "decay": (
        {"decay": [0, 0.5, 0.9]},
        {"task": tm.Task(FEATURES, tm.GeometricImportance(0.7))},
        lambda decay: {"task": tm.Task(FEATURES, tm.GeometricImportance(decay))},
    ),
    "one output's importance": (
        {"importance[1]": [0, 0.5, 4]},
        {"task": tm.Task(FEATURES, tuple(IMPORTANCE))},
        lambda value: {"task": tm.Task(FEATURES, with_element(IMPORTANCE, 1, value))},
    ),
    "the recipe's numbers": (
        {"learning_rate": [0.01, 0.1], "weight_decay": [0.0, 2.0], "strength": [0.0, 0.5]},
        {"task": replace(TASK, penalties=(tm.HiddenL1(0.1),))},
        lambda rate, decay, strength: {
            "recipe": recipe(learning_rate=rate, weight_decay=decay),
            "task": replace(TASK, penalties=(tm.HiddenL1(strength),)),
        },
    ),
    "numbers of own features and of an own model": (
        {"density": [0.2, 0.7], "heights[2]": [0.1, 0.8], "scale": [0.1, 1.0]},
        {"task": tm.Task(Blocks(5, heights=HEIGHTS)), "model": OwnModel(5)},
        lambda density, height, scale: {
            "task": tm.Task(Blocks(5, density, with_element(HEIGHTS, 2, height))),
            "model": OwnModel(5, scale),
        },
    ),
    "a data set, and a part's density": (
        {"samples": [HEIGHTS[:2, None] * np.arange(4.0), np.eye(2, 4)], "parts[1].density": [0.1, 0.8]},
        {"task": tm.Task(tm.Concatenated((tm.Dataset(np.ones((2, 4))), tm.Independent(3, 0.5))), 0.5)},
        lambda samples, density: {
            "task": tm.Task(tm.Concatenated((tm.Dataset(samples), tm.Independent(3, density))), 0.5)
        },
    ),
    "seeds between numbers": (
        {"density": [0.1, 0.6], "seed": [4, 2**32 - 1, 0], "learning_rate": [0.01, 0.1]},
        {},
        lambda density, seed, rate: {
            "task": with_density(density),
            "seed": seed,
            "recipe": recipe(learning_rate=rate),
        },
    ),
    "independent data": (
        {"density": [0.1, 0.6], "seed": [4, 9, 2]},
        {"recipe": recipe(independent_data=True)},
        lambda density, seed: {
            "task": with_density(density),
            "seed": seed,
            "recipe": recipe(independent_data=True),
        },
    ),
}

# Fields that move together share an axis, so that two programs tell of all of them.
STATIC = {
    "fields of the recipe": (
        {
            "pair": {
                "batch_size": [16, 40],
                "steps": [8, 50],
                "schedule": [constant, optax.cosine_decay_schedule],
                "optimizer": [optax.adam, sgd],
                "independent_data": [True, False],
            }
        },
        {},
        lambda batch_size, steps, schedule, optimizer, independent: {
            "recipe": recipe(
                batch_size=batch_size,
                steps=steps,
                schedule=schedule,
                optimizer=optimizer,
                independent_data=independent,
            )
        },
    ),
    "fields of the task": (
        {
            "pair": {
                "values": [tm.EXPONENTIAL, tm.SIGNED_UNIFORM],
                "importance": [0.5, tm.GeometricImportance(0.5)],
                "target": [jnp.abs, square],
            }
        },
        {},
        lambda values, importance, target: {"task": tm.Task(tm.Independent(5, DENSITY, values), importance, target)},
    ),
    "whole features": (
        {"features": [FEATURES, tm.CorrelatedSets(PAIRS), Blocks(5, heights=HEIGHTS)]},
        {},
        lambda features: {"task": tm.Task(features, IMPORTANCE)},
    ),
    "sets, and whole models": (
        {"pair": {"sets": [PAIRS, ((4, 2), (0, 3, 1))], "model": [MODEL, tm.Autoencoder(5, 3, hidden_bias=True)]}},
        {"task": tm.Task(tm.AnticorrelatedSets(PAIRS, 0.6), IMPORTANCE)},
        lambda sets, model: {"task": tm.Task(tm.AnticorrelatedSets(sets, 0.6), IMPORTANCE), "model": model},
    ),
    "hidden dimensions": (
        {"n_hidden": [3, 1], "density": [0.1, 0.6]},
        {},
        lambda n_hidden, density: {"model": tm.Autoencoder(5, n_hidden), "task": with_density(density)},
    ),
    "activation and parameters": (
        {"output_activation": [tm.identity], "tied": [True, False]},
        {},
        lambda activation, tied: {"model": tm.Autoencoder(5, 2, output_activation=activation, tied=tied)},
    ),
    "keywords of an own model, and static fields of own features": (
        {"pair": {"width": [2, 3], "blocks": [1, 3]}},
        {"model": partial(OwnModule, 5, width=1), "task": tm.Task(Blocks(5, heights=HEIGHTS))},
        lambda width, blocks: {
            "model": partial(OwnModule, 5, width=width),
            "task": tm.Task(Blocks(5, heights=HEIGHTS, blocks=blocks)),
        },
    ),
}


@pytest.mark.parametrize("case", [*NUMERIC, *STATIC])
def test_every_cell_has_the_numbers_of_a_single_run(case: str):
    over, base, configuration = (NUMERIC | STATIC)[case]
    before = step.advance._cache_size()
    grid = sweep(**base, over=over, restarts=2)
    if case in NUMERIC:
        assert step.advance._cache_size() <= before + 1

    def run(index: tuple[int, ...]) -> tm.Run:
        axes = [
            list(zip(*one.values(), strict=True)) if isinstance(one, dict) else [*zip(one)] for one in over.values()
        ]
        return train(**configuration(*(value for axis, at in zip(axes, index, strict=True) for value in axis[at])))

    assert grid.loss.dims == (*over, "restart")
    assert_every_cell_is_a_run(grid, run)


# --- Axes --------------------------------------------------------------------------------------------------------


def test_fields_that_move_together_share_an_axis():
    over = {"pair": {"density": [0.1, 0.4, 0.9], "decay": [0.9, 0.5, 0.7]}, "learning_rate": [0.01, 0.1]}
    grid = sweep(task=tm.Task(FEATURES, tm.GeometricImportance(1.0)), over=over, restarts=2)
    assert grid.loss.dims == ("pair", "learning_rate", "restart")
    assert grid.pair.values.tolist() == [0, 1, 2]
    assert (grid.density.dims, grid.density.values.tolist()) == (("pair",), [0.1, 0.4, 0.9])
    assert (grid.decay.dims, grid.decay.values.tolist()) == (("pair",), [0.9, 0.5, 0.7])

    def run(index: tuple[int, ...]) -> tm.Run:
        density, decay = [(0.1, 0.9), (0.4, 0.5), (0.9, 0.7)][index[0]]
        task = tm.Task(tm.Independent(5, density), tm.GeometricImportance(decay))
        return train(task=task, recipe=recipe(learning_rate=[0.01, 0.1][index[1]]))

    assert_every_cell_is_a_run(grid, run)


@pytest.mark.parametrize("independent", [False, True])
def test_seeds_that_move_together_with_other_fields(independent: bool):
    own = recipe(independent_data=independent)
    over = {"learning_rate": [0.01, 0.1], "pair": {"density": [0.1, 0.4, 0.4], "seed": [7, 3, 4]}}
    grid = sweep(recipe=own, over=over, restarts=2)
    assert grid.seed.values.tolist() == [7, 3, 4]

    def run(index: tuple[int, ...]) -> tm.Run:
        density, seed = [(0.1, 7), (0.4, 3), (0.4, 4)][index[1]]
        rate = [0.01, 0.1][index[0]]
        return train(
            task=with_density(density), recipe=recipe(learning_rate=rate, independent_data=independent), seed=seed
        )

    assert_every_cell_is_a_run(grid, run)


def test_sizes_of_model_and_features_move_together():
    sizes = [2, 4]
    over = {"n": {"model.n_features": sizes, "task.features.n_features": sizes}}
    grid = sweep(task=tm.Task(tm.Independent(5, 0.3)), over=over, restarts=2)
    assert grid.W.dims == ("n", "restart", "hidden", "feature")
    assert grid.sizes["feature"] == 4

    def run(index: tuple[int, ...]) -> tm.Run:
        n = sizes[index[0]]
        return train(tm.Autoencoder(n, 2), tm.Task(tm.Independent(n, 0.3)))

    assert_every_cell_is_a_run(grid, run)


POINTS = [
    {"density": 0.1, "n_hidden": 2, "seed": 3},
    {"density": 0.6, "n_hidden": 3, "seed": 3},
    {"density": 0.1, "n_hidden": 3, "seed": 0},
    {"density": 0.9, "n_hidden": 2, "seed": 4},
]


def test_a_list_of_points():
    grid = sweep(over=POINTS, restarts=2)
    assert grid.loss.dims == ("point", "restart")
    for name in ("density", "n_hidden", "seed"):
        assert grid[name].values.tolist() == [point[name] for point in POINTS]

    def run(index: tuple[int, ...]) -> tm.Run:
        point = POINTS[index[0]]
        return train(tm.Autoencoder(5, point["n_hidden"]), with_density(point["density"]), seed=point["seed"])

    assert_every_cell_is_a_run(grid, run)


def test_nothing_varied_is_one_cell():
    two = sweep(over={}, restarts=2)
    assert two.loss.dims == ("restart",)
    assert two.restart.values.tolist() == [0, 1]
    assert_same(two, train())
    one = sweep(over={})
    assert one.loss.dims == ()
    assert "restart" not in one.coords
    assert_same(one, train(restarts=1))


def test_the_seed_of_all_cells():
    grid = sweep(over={"density": [0.1, 0.6]}, seed=2**32 - 1, restarts=2)
    assert_same(grid.sel(density=0.1), train(task=with_density(0.1), seed=2**32 - 1))


def test_cells_of_a_seed_see_common_draws():
    grid = sweep(over={"importance": [1.0, 2.0], "seed": [0, 1]})
    first = grid.history.isel(step=0)
    np.testing.assert_allclose(first.sel(importance=2), 2 * first.sel(importance=1), rtol=1e-6)
    assert (first.sel(seed=0) != first.sel(seed=1)).all()


# --- Labels ------------------------------------------------------------------------------------------------------


def layout(model: Any = MODEL, restarts: int | None = None, history: int = 20, **over: Any) -> Layout:
    cell = Cell(model, TASK, RECIPE)
    axes = read_axes(over, cell)
    grid = Grid(cell, axes, np.zeros(2, np.uint32), restarts or 1, Keep((), history, (0, 4)))
    plan = grid.plan(2**30, None, lambda model: {})
    return layout_of(plan, axes, restart_axis=restarts is not None, params=True)


def test_cells_are_found_by_the_values_that_were_given():
    densities = np.geomspace(1, 0.01, 7)
    named = layout(density=densities, seed=range(2), learning_rate=[0.1, 0.2, 0.3], restarts=2)
    grid = dataset(
        named, [(np.arange(84), {name: np.zeros((84, *one.shape)) for name, one in named.variables.items()})]
    )
    grid["loss"] = grid.loss.copy(data=np.arange(84.0).reshape(7, 2, 3, 2))
    assert grid.density.values.tolist() == densities.tolist()
    assert grid.seed.dtype.kind == "i"
    for place, density in enumerate(densities):
        for number, rate in enumerate([0.1, 0.2, 0.3]):
            cell = grid.sel(density=density, seed=1, learning_rate=rate)
            assert cell.loss.values.tolist() == [12 * place + 6 + 2 * number, 12 * place + 6 + 2 * number + 1]


def test_labels_of_what_is_no_number():
    functions = [jax.nn.relu, lambda x: jnp.maximum(0, x), lambda x: jax.nn.relu(x - 0.1)]
    grid = sweep(over={"output_activation": functions}, restarts=2)
    assert grid.output_activation.values.tolist() == ["relu", "<lambda> #1", "<lambda> #2"]
    np.testing.assert_allclose(grid.W[0], grid.W[1], atol=1e-6)
    assert np.abs(grid.W[0] - grid.W[2]).max() > 1e-3


def labels(name: str, values: list[Any]) -> list[Any]:
    (axis,) = read_axes({name: values}, Cell(MODEL, TASK, RECIPE))
    return axis.coordinates()[name]


def test_labels_of_arrays_specifications_and_nothing():
    assert labels("density", [0.1, [0.1, 0.2, 0.3, 0.4, 0.5]]) == ["0.1", "[0.1, 0.2, 0.3, 0.4, 0.5]"]
    assert labels("importance", [tm.GeometricImportance(0.5), 1]) == ["GeometricImportance(decay=0.5)", "1"]
    assert labels("n_outputs", [None, 5]) == ["None", "5"]
    assert labels("schedule", [constant, partial(constant, steps=3)]) == ["constant", "constant(steps=3)"]
    assert labels("density", [np.float64(0.1), jnp.asarray(0.5), 1]) == [0.1, 0.5, 1]


@pytest.mark.parametrize("low", [np.float16, np.float32, jnp.float32])
@pytest.mark.parametrize("given", [list, np.asarray, jnp.asarray])
def test_an_axis_of_low_precision_is_selected_by_what_was_meant(low: Any, given: Any):
    assert labels("density", given([low(0.1), low(0.25), low(0.3)])) == [0.1, 0.25, 0.3]
    assert labels("density", jnp.asarray([0.1, 0.25], jnp.bfloat16)) == [0.100098, 0.25]  # its own shortest form


def test_whole_numbers_and_truth_values_stay_what_they_are():
    for whole in (np.int32([2, 3]), jnp.asarray([2, 3]), [np.int64(2), 3], range(2, 4)):
        assert [type(label) for label in labels("n_hidden", whole)] == [int, int]
    assert labels("tied", [np.True_, False]) == [True, False]


def test_a_float32_axis_is_selected_like_any_other():
    results = sweep(over={"density": np.float32([0.1, 0.2])})
    assert results.loss.sel(density=0.1).ndim == 0
    exact = sweep(over={"density": [0.1, 0.2]})
    np.testing.assert_array_equal(results.W, exact.W)


def test_labels_are_short_and_distinct():
    many = np.random.default_rng(0).random((3, 20, 5))
    values = [
        *many,
        many[0].astype(np.float32),
        jnp.asarray([0.1, 0.2], jnp.float32),
        tm.Independent(100, many[0].ravel()),
        tm.Independent(100, many[1].ravel()),
        tm.CorrelatedSets(tuple((2 * i, 2 * i + 1) for i in range(40))),
        partial(constant, steps=many[2]),
        {"a": many},
        "a\nb" * 100,
    ]
    axis = Axis("kind", (Varied("kind", ("kind",), (*values, values[0]), numeric=False),))
    given = axis.coordinates()["kind"]
    assert max(map(len, given)) <= 65
    assert len(set(given)) == len(given)
    assert "\n" not in "".join(given)
    assert given[0].startswith("array(20, 5) #")
    assert given[4] == "[0.1, 0.2]"
    assert given == labels("importance", [*values, values[0]])  # the same in every process


def test_labels_do_not_depend_on_where_something_lies_in_memory():
    values = [tm.Values(lambda u: u), tm.Values(lambda u: 2 * u)]
    described = labels("features", [tm.Independent(5, 0.5, values[0]), tm.CorrelatedSets(PAIRS)])
    assert [label.split("(")[0] for label in described] == ["Independent", "CorrelatedSets"]
    numbered = labels("values", values)
    assert [label[-3:] for label in numbered] == [" #0", " #1"]
    assert " at 0x" not in "".join(described + numbered)


def test_steps_and_snapshots_are_labelled():
    named = layout(steps=[10, 25], history=5)
    assert named.coords["step"] == ("step", [2, 4, 5, 6, 8, 10, 15, 20, 25])
    assert named.coords["snapshot"] == ("snapshot", [0, 4])
    assert named.variables["snapshots.W"].dims == ("snapshot", "hidden", "feature")
    assert named.variables["history"].shape == (9,)


def test_repeated_snapshots_are_one():
    assert sweep(over={}, snapshots=[7, 0, 7]).snapshot.values.tolist() == [0, 7]


def test_dimensions_of_an_own_models_parameters():
    own = layout(partial(OwnModule, 5, width=1), width=[2, 3])
    assert own.variables["weight"][:2] == (("weight_0", "feature"), (3, 5))
    assert own.variables["shift"][:2] == (("feature", "shift_1"), (5, 1))
    assert own.variables["snapshots.weight"].dims == ("snapshot", "weight_0", "feature")


def test_hidden_and_feature_are_told_apart_where_they_are_as_many():
    assert layout(tm.Autoencoder(5, 5), seed=[0]).variables["W"].dims == ("hidden", "feature")
    assert layout(n_hidden=[5, 2]).variables["W"][:2] == (("hidden", "feature"), (5, 5))


def test_attributes_tell_the_configuration():
    task = tm.Task(FEATURES, tm.GeometricImportance(0.5))
    over = {"density": [0.1, 0.2], "pair": {"seed": [1, 2], "decay": [1, 3]}}
    grid = sweep(task=task, over=over, restarts=3, history=7)
    config = json.loads(grid.config)
    assert config["model"] == tm.describe(MODEL)
    assert config["task"] == tm.describe(task)
    assert config["recipe"] == tm.describe(RECIPE)
    assert config["over"] == {"density": {"density": [0.1, 0.2]}, "pair": {"seed": [1, 2], "decay": [1, 3]}}
    assert (config["restarts"], config["history"], config["snapshots"]) == (3, 7, SNAPSHOTS)
    assert (config["params"], config["metrics"]) == (True, {})
    assert (config["versions"]["toymodels"], config["versions"]["jax"]) == (tm.__version__, jax.__version__)
    assert grid.attrs["device"] == jax.devices()[0].device_kind
    assert grid.attrs["seconds"] > 0
    assert grid.attrs["seed"] == "varied"
    assert sweep(over={"density": [0.1]}, seed=4).attrs["seed"] == 4


# --- Metrics -----------------------------------------------------------------------------------------------------

SIZES = {"n_hidden": [1, 3], "density": [0.1, 0.6]}
LONGER = recipe(steps=60, learning_rate=0.1)  # so that some features are represented


class Threshold:
    """Its method is a metric."""

    def __init__(self, least: float):
        self.least = least

    def above(self, W: jax.Array) -> jax.Array:
        return (self.least < W).sum()


MEASURES = {
    function.__name__: function
    for function in (geometry.dimensionality, geometry.n_represented, geometry.gram, geometry.in_superposition)
}


@pytest.fixture(scope="module")
def measured() -> xr.Dataset:
    """Models of two sizes with many metrics."""
    metrics = {
        **MEASURES,
        "row_sums": lambda W: W.sum(1),
        "n_rows": lambda W: W.shape[0],
        "rows": lambda W: jnp.arange(W.shape[0]),
        "above": Threshold(0.01).above,
        "few": partial(geometry.n_represented, min_norm=1.1),
    }
    return sweep(recipe=LONGER, over=SIZES, metrics=metrics, snapshots=())


def test_metrics_are_functions_of_the_weights(measured: xr.Dataset):
    dims = ("n_hidden", "density")
    assert measured.dimensionality.dims == (*dims, "feature")
    assert measured.n_represented.dims == dims
    assert measured.gram.dims == (*dims, "gram_0", "feature")
    assert measured.n_represented.values.max() > measured.n_represented.values.min()
    assert (measured.n_represented.dtype.kind, measured.in_superposition.dtype.kind) == ("i", "b")
    for n_hidden in SIZES["n_hidden"]:
        W = measured.W.sel(n_hidden=n_hidden).values[..., :n_hidden, :]
        for name, function in MEASURES.items():
            np.testing.assert_allclose(measured[name].sel(n_hidden=n_hidden), function(W), atol=1e-5)


def test_methods_and_partials_are_metrics(measured: xr.Dataset):
    np.testing.assert_array_equal(measured.above, (measured.W > 0.01).sum(("hidden", "feature")))
    few = geometry.n_represented(measured.W.fillna(0).values, min_norm=1.1)
    np.testing.assert_array_equal(measured.few, few)
    assert (few != measured.n_represented).any()


def test_metrics_of_different_sizes_are_padded(measured: xr.Dataset):
    assert measured.row_sums.dims == ("n_hidden", "density", "hidden")
    wanted = np.where(measured.W.isnull()[..., 0], np.nan, measured.W.sum("feature"))
    np.testing.assert_allclose(measured.row_sums, wanted, atol=1e-6)
    assert measured.n_rows.values.tolist() == [[1, 1], [3, 3]]
    np.testing.assert_array_equal(measured.rows[:, 0], [[0, np.nan, np.nan], [0, 1, 2]])


def test_metrics_may_be_all_that_is_kept(measured: xr.Dataset):
    metrics = [geometry.dimensionality, geometry.gram]
    grid = sweep(recipe=LONGER, over=SIZES, metrics=metrics, params=False, snapshots=())
    assert set(grid) == {"loss", "objective", "final_loss", "history", "diverged", "dimensionality", "gram"}
    xr.testing.assert_allclose(grid, measured[list(grid)], atol=1e-6)


def test_metrics_by_name_with_everything_that_they_can_ask_for():
    metrics = {
        "total": lambda params: sum(value.sum() for value in params.values()),
        "scaled": lambda b, factor=3.0: factor * b,
        "answer": lambda module: module(jnp.ones((5, 1)))[:, 0],
        "own_density": lambda task: task.features.density,
        "draw": lambda key: jax.random.uniform(key, (3,)),
        "sampled": lambda module, task, key, W: task.loss_on(x := task.features.sample(key, 16), module(x)) + W[0, 0],
    }
    grid = sweep(over={"density": [0.1, 0.6], "seed": [0, 1]}, restarts=2, metrics=metrics)
    W, b = grid.W.values, grid.b.values
    np.testing.assert_allclose(grid.total, W.sum((-1, -2)) + b.sum(-1), atol=1e-5)
    np.testing.assert_allclose(grid.scaled, 3 * b, atol=1e-6)
    answer = np.maximum(0, (W.swapaxes(-1, -2) @ W).sum(-1) + b)
    np.testing.assert_allclose(grid.answer, answer, atol=1e-5)
    np.testing.assert_allclose(grid.own_density, np.array([0.1, 0.6])[:, None, None] * np.ones((2, 2, 2)), rtol=1e-6)
    draw = grid.draw.values
    np.testing.assert_array_equal(draw, np.broadcast_to(draw[:1, :, :1], draw.shape))
    assert len(set(draw[0, :, 0].ravel())) == 6
    assert grid.draw.dims == ("density", "seed", "restart", "draw_0")
    assert np.ptp(grid.sampled.values) > 0


# --- What must not change the numbers, and what is compiled ------------------------------------------------------


@pytest.mark.parametrize("independent", [False, True])
def test_numbers_do_not_depend_on_the_cut(independent: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    over = {"density": [0.1, 0.6, 0.9], "seed": range(5)}
    own = recipe(independent_data=independent)
    units = []
    original = execution.train_chunk
    monkeypatch.setattr(
        execution, "train_chunk", lambda plan, chunk, *rest: units.append(chunk) or original(plan, chunk, *rest)
    )
    options: Any = {"restarts": 3, "history": 1, "metrics": [geometry.dimensionality]}
    whole = sweep(recipe=own, over=over, **options)
    few = len(units)
    cut = sweep(recipe=own, over=over, **options, folder=tmp_path, memory_bytes=3_000)
    assert few < 5 < 10 < len(units) - few  # several seeds a unit, and only some models of one seed
    xr.testing.assert_allclose(cut, whole, atol=1e-6, rtol=0)
    for seed, density in [(0, 0.1), (4, 0.9), (3, 0.6)]:
        alone = tm.train(MODEL, with_density(density), own, seed=seed, restarts=3, snapshots=SNAPSHOTS, history=1)
        assert_same(whole.sel(seed=seed, density=density), alone)


def test_numbers_compile_one_program_and_static_values_one_each():
    own = recipe(batch_size=33)  # a program that no other test has
    numbers = {"density": np.linspace(0.01, 1, 40), "importance[2]": [0.1, 0.2], "seed": range(3)}
    before = step.advance._cache_size()
    sweep(recipe=own, over=numbers)
    assert step.advance._cache_size() == before + 1
    sweep(recipe=own, over={**numbers, "density": np.linspace(0.02, 0.9, 40), "seed": [8, 5, 6]})
    assert step.advance._cache_size() == before + 1
    sweep(recipe=own, over={"n_hidden": [1, 2], **numbers})
    assert step.advance._cache_size() == before + 2  # that of n_hidden = 2 was there


def test_results_that_do_not_fit_into_memory_are_refused_before_training(monkeypatch: pytest.MonkeyPatch):
    over = {"density": [0.1, 0.6], "seed": range(3)}
    numbers = 1 + 1 + 1 + 1 + 20 + 10 + 5 + 2 * 15  # three losses, diverged, history, W, b, snapshots: of 4 bytes each

    class ReachedTrainingError(Exception):
        pass

    def reached(*given: Any, **options: Any) -> None:
        raise ReachedTrainingError

    monkeypatch.setattr(sys.modules["toymodels.sweeps.launch"], "execute", reached)
    with pytest.raises(ValueError, match=f"results of {24 * numbers:,} bytes, more than memory_bytes = 1,000"):
        sweep(over=over, memory_bytes=1_000)
    with pytest.raises(ValueError, match="more than memory_bytes"):
        sweep(over=over, memory_bytes=24 * numbers - 1)
    with pytest.raises(ReachedTrainingError):
        sweep(over=over, memory_bytes=24 * numbers)
    with pytest.raises(ReachedTrainingError):
        sweep(over=over, memory_bytes=24 * (numbers - 15), params=False)


# --- Divergence --------------------------------------------------------------------------------------------------


def test_cells_that_diverge_are_named_and_nan_and_leave_the_others_alone():
    over = {"learning_rate": [0.01, 1e30, 0.1], "density": [0.1, 0.6]}
    with pytest.warns(tm.DivergenceWarning, match=r"4 of 12 models diverged: learning_rate = 1e\+30") as caught:
        grid = sweep(over=over, restarts=2)
    assert len(caught) == 1
    message = str(caught[0].message)
    for density, restart in itertools.product([0.1, 0.6], [0, 1]):
        step = int(grid.diverged.sel(learning_rate=1e30, density=density, restart=restart))
        assert f"learning_rate = 1e+30, density = {density}, restart = {restart} at step {step}" in message
        assert 0 < step <= 20
    assert grid.loss.isnull().sel(learning_rate=1e30).all()
    healthy = grid.sel(learning_rate=[0.01, 0.1])
    assert (healthy.diverged == -1).all()
    other = sweep(over={**over, "learning_rate": [0.01, 0.05, 0.1]}, restarts=2)
    xr.testing.assert_allclose(healthy, other.sel(learning_rate=[0.01, 0.1]), atol=1e-6, rtol=0)


def test_many_diverging_cells_are_counted():
    over = {"learning_rate": [0.01, 1e30, 1e29], "density": [0.1, 0.6]}
    with pytest.warns(tm.DivergenceWarning, match="8 of 12 models diverged: ") as caught:
        sweep(over=over, restarts=2)
    message = str(caught[0].message)
    assert message.count("learning_rate = ") == 5
    assert " and 3 more. Their loss is NaN." in message


# --- Progress ----------------------------------------------------------------------------------------------------


def test_the_progress_bar_counts_all_cells_and_those_that_diverged(bars):
    with pytest.warns(tm.DivergenceWarning):
        sweep(over={"learning_rate": [0.01, 1e30, 0.1], "density": [0.1, 0.6]}, restarts=2)
    sweep(over={}, progress=False)
    shown, hidden = bars
    assert shown.options["total"] == 6
    assert shown.n == pytest.approx(6)
    assert shown.postfix == "4 diverged"
    assert shown.options["disable"] is None  # tqdm's word for: only on a terminal
    assert hidden.options["disable"] is True


def test_sweeps_write_nothing_off_a_terminal(capfd: pytest.CaptureFixture[str]):
    sweep(over={})
    assert capfd.readouterr() == ("", "")
