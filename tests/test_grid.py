"""Random grids: every model is in exactly one unit, has the configuration of its labels, and shares samples with those
of its seed alone."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.sweeps.axes import read_axes
from toymodels.sweeps.fields import value_at
from toymodels.sweeps.grid import Grid
from toymodels.sweeps.results import describe_layout, layout_of, read_layout
from toymodels.training import constant
from toymodels.training.engine.cells import Cell, assemble
from toymodels.training.engine.plan import Keep, Plan

N = 4
BASE = Cell(
    tm.Autoencoder(N, 2),
    tm.Task(
        tm.Concatenated((tm.Independent(2, np.array([0.1, 0.3])), tm.CorrelatedSets(((0, 1),), 0.5))),
        importance=np.array([1, 0.9, 0.5, 0.3]),
        penalties=(tm.HiddenL1(0.1),),
    ),
    tm.Recipe(steps=20, batch_size=8, evaluation_samples=8),
)
FEATURES = ("task", "features", "parts")
Path = tuple[str | int, ...]
fractions = st.just(0.0) | st.floats(2**-20, 1, width=32)

FIELDS: dict[str, tuple[Path, Any]] = {
    "parts[0].density": ((*FEATURES, 0, "density"), st.lists(fractions, min_size=2, max_size=2).map(np.array)),
    "parts[0].density[1]": ((*FEATURES, 0, "density", 1), fractions),
    "parts[1].density": ((*FEATURES, 1, "density"), fractions),
    "importance": (("task", "importance"), fractions),
    "importance[2]": (("task", "importance", 2), fractions),
    "learning_rate": (("recipe", "learning_rate"), fractions),
    "strength": (("task", "penalties", 0, "strength"), fractions),
    "n_hidden": (("model", "n_hidden"), st.integers(1, 6)),
    "output_activation": (("model", "output_activation"), st.sampled_from([jax.nn.relu, tm.identity, jnp.tanh])),
    "steps": (("recipe", "steps"), st.integers(3, 30)),
    "optimizer": (("recipe", "optimizer"), st.sampled_from([optax.adam, optax.sgd])),
    "schedule": (("recipe", "schedule"), st.sampled_from([constant, optax.cosine_decay_schedule])),
    "seed": (("seed",), st.integers(0, 2**32 - 1)),
}
NUMERIC = [name for name, (path, _) in FIELDS.items() if path[0] == "task" or name == "learning_rate"]


def identity_of(value: Any) -> Any:
    return tuple(value) if isinstance(value, np.ndarray) else value


def values(name: str) -> Any:
    return st.lists(FIELDS[name][1], min_size=1, max_size=3 if name in NUMERIC else 2, unique_by=identity_of)


@st.composite
def grids(draw: Callable) -> tuple[Any, list[tuple[str, dict[str, list[Any]]]]]:
    """`over`, and the same as axes: name, and values of each field."""
    names = draw(st.permutations(list(FIELDS)))[: draw(st.integers(0, 4))]
    if draw(st.booleans()):
        names = [
            *(name for name in names if not name.startswith("parts[0]")),
            "parts[0].density[1]",
            "parts[0].density",
        ]
    if {"importance", "importance[2]"} <= set(names):
        names.remove("importance")  # one number has no elements
    if draw(st.integers(0, 4)) == 0 and names:
        count = draw(st.integers(1, 5))
        columns = {name: draw(st.lists(FIELDS[name][1], min_size=count, max_size=count)) for name in names}
        points = [{name: column[place] for name, column in columns.items()} for place in range(count)]
        return points, [("point", columns)]
    axes: list[tuple[str, dict[str, list[Any]]]] = []
    while names:
        together = [names.pop() for _ in range(draw(st.integers(1, len(names))) if draw(st.booleans()) else 1)]
        if len(together) == 1:
            axes.append((together[0], {together[0]: draw(values(together[0]))}))
        else:
            count = draw(st.integers(1, 3))
            columns = {name: draw(st.lists(FIELDS[name][1], min_size=count, max_size=count)) for name in together}
            axes.append((f"axis {len(axes)}", columns))
    return {name: fields.get(name, fields) for name, fields in axes}, axes


options = st.fixed_dictionaries(
    {
        "restarts": st.none() | st.integers(1, 4),
        "seed": st.integers(0, 2**32 - 1),
        "independent": st.booleans(),
        "history": st.sampled_from([1, 3, 20]),
        "snapshots": st.sampled_from([(), (0, 2)]),
        "params": st.booleans(),
        "metrics": st.sampled_from([(), (("norms", geometry.norms),)]),
    }
)


def made(over: Any, given: dict[str, Any]) -> Grid:
    recipe = BASE.recipe.__class__(20, 8, evaluation_samples=8, independent_data=given["independent"])
    base = BASE._replace(recipe=recipe)
    keep = Keep(given["metrics"], given["history"], given["snapshots"])
    key = np.array([0, given["seed"]], np.uint32)
    return Grid(base, read_axes(over, base), key, given["restarts"] or 1, keep)


def planned(grid: Grid, threads: int | None = None, memory_bytes: int = 2**30) -> Plan:
    return grid.plan(memory_bytes, threads, lambda model: {})


def expected(axes: list[tuple[str, dict[str, list[Any]]]], cell: int) -> dict[str, Any]:
    """The value of each field in the cell of that number: the last axis is the fastest."""
    shape = [len(next(iter(fields.values()))) for _, fields in axes]
    places = np.unravel_index(cell, shape) if axes else ()
    return {
        name: column[place] for (_, fields), place in zip(axes, places, strict=True) for name, column in fields.items()
    }


def assert_has(cell: Any, fields: dict[str, Any]) -> None:
    """The cell has these values, and those of BASE elsewhere."""
    density, importance = np.array([0.1, 0.3]), np.array([1, 0.9, 0.5, 0.3])
    density = np.array(fields.get("parts[0].density", density))
    importance = np.array(fields.get("importance", importance))
    if "parts[0].density[1]" in fields:
        density[1] = fields["parts[0].density[1]"]
    if "importance[2]" in fields:
        importance[2] = fields["importance[2]"]
    np.testing.assert_allclose(value_at(cell, (*FEATURES, 0, "density")), density, rtol=1e-6)
    np.testing.assert_allclose(cell.task.importance, importance, rtol=1e-6)
    for name, (path, _) in FIELDS.items():
        if ("[" in name and name != "parts[1].density") or name in ("importance", "seed"):
            continue
        wanted = fields.get(name, value_at(BASE, path))
        got = value_at(cell, path)
        if name in NUMERIC:
            np.testing.assert_allclose(got, wanted, rtol=1e-6)
        else:
            assert got is wanted or got == wanted


@pytest.mark.slow
@settings(max_examples=60)
@given(grid=grids(), given=options, threads=st.integers(1, 5), memory_bytes=st.sampled_from([1, 2_000, 2**30]))
def test_every_model_is_trained_once_with_its_own_configuration(
    grid: Any, given: dict[str, Any], threads: int, memory_bytes: int
):
    over, axes = grid
    built = made(over, given)
    built.validate()
    restarts = given["restarts"] or 1
    plan = planned(built, threads, memory_bytes)
    trained: list[int] = []
    for chunk in plan.chunks():
        program, inputs = plan.programs[chunk.program], plan.inputs(chunk)
        rows, numbers = plan.models(chunk)
        for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
            stream, cell, restart = np.unravel_index(row, inputs.box)
            fields = expected(axes, int(number) // restarts)
            assembled = assemble(program.code, inputs.shared, [array[stream, cell] for array in inputs.own])
            assert_has(assembled, fields)
            assert program.example.recipe.steps == assembled.recipe.steps
            init, data, _ = jax.random.split(jax.random.key(fields.get("seed", given["seed"])), 3)
            if given["independent"]:
                data = jax.random.fold_in(data, int(number) % restarts)
            if place in (0, len(rows) - 1):
                init = jax.random.key_data(jax.random.fold_in(init, int(number) % restarts))
                np.testing.assert_array_equal(inputs.keys.init[stream, restart], init)
                np.testing.assert_array_equal(inputs.keys.data[stream], jax.random.key_data(data))
        trained.extend(numbers.tolist())
    n_cells = int(np.prod([len(next(iter(fields.values()))) for _, fields in axes], dtype=int))
    assert sorted(trained) == list(range(n_cells * restarts))


@pytest.mark.slow
@settings(max_examples=60)
@given(grid=grids(), given=options)
def test_results_are_laid_out_as_the_axes_say(grid: Any, given: dict[str, Any]):
    over, axes = grid
    built = made(over, given)
    built.validate()
    restart_axis = given["restarts"] is not None
    layout = layout_of(planned(built), built.axes, restart_axis=restart_axis, params=given["params"])
    lengths = {name: len(next(iter(fields.values()))) for name, fields in axes}
    if given["restarts"] is not None:
        lengths["restart"] = given["restarts"]
        assert layout.coords["restart"] == ("restart", list(range(given["restarts"])))
    assert dict(zip(layout.dims, layout.shape, strict=True)) == lengths
    assert list(layout.dims) == list(lengths)
    for name, fields in axes:
        for label, column in fields.items():
            dim, labels = layout.coords[label]
            assert dim == name
            assert len(labels) == len(column)
            if all(isinstance(value, int | float) for value in column):
                assert labels == column
        if name not in fields:
            assert layout.coords[name] == (name, list(range(lengths[name])))

    n_hidden = [2]
    steps = [20]
    for _, fields in axes:
        n_hidden = fields.get("n_hidden", n_hidden)
        steps = fields.get("steps", steps)
    W = (("hidden", "feature"), (max(n_hidden), N))
    wanted: dict[str, tuple[tuple[str, ...], tuple[int, ...]]] = {}
    wanted |= dict.fromkeys(("loss", "objective", "final_loss", "diverged"), ((), ()))
    if given["params"]:
        wanted |= {"W": W, "b": (("feature",), (N,))}
    if given["snapshots"]:
        wanted["snapshots.W"] = (("snapshot", *W[0]), (2, *W[1]))
        wanted["snapshots.b"] = (("snapshot", "feature"), (2, N))
        assert layout.coords["snapshot"] == ("snapshot", [0, 2])
    if given["metrics"]:
        wanted["norms"] = (("feature",), (N,))
    ends = {end for count in steps for end in history_ends(count, given["history"])}
    assert layout.coords["step"] == ("step", sorted(ends))
    wanted["history"] = (("step",), (len(ends),))
    assert {name: tuple(variable[:2]) for name, variable in layout.variables.items()} == wanted
    assert {variable.dtype for name, variable in layout.variables.items() if name != "diverged"} == {"float32"}
    assert read_layout(describe_layout(layout)) == layout


def history_ends(steps: int, entries: int) -> list[int]:
    """The numbers of steps after each of at most so many stretches."""
    stretch = -(-steps // entries)
    return [min(end, steps) for end in range(stretch, steps + stretch, stretch)]
