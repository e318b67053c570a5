"""Labelled results: what is kept of every model, and how it becomes an `xarray.Dataset`.

Programs differ in sizes, in numbers of steps and so on. A variable has the largest size along each of its dimensions,
and is NaN where a model has less.
"""

import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from toymodels.sweeps.axes import RESERVED
from toymodels.sweeps.grid import Grid, Unit
from toymodels.training.ensemble import Ensemble
from toymodels.training.schedule import Program, Trained, result_shapes

Arrays = dict[str, np.ndarray]


class Variable(NamedTuple):
    """One array of the results.

    Attributes:
        dims: names of the dimensions after those of the grid.
        shape: their lengths.
        dtype: name of the type of numbers.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str

    @property
    def fill(self) -> Any:
        """What stands where there is nothing."""
        return np.nan if np.dtype(self.dtype).kind == "f" else 0

    @property
    def bytes(self) -> int:
        """Size for one model."""
        return int(np.prod(self.shape, dtype=int)) * np.dtype(self.dtype).itemsize


class Layout(NamedTuple):
    """How the results of a grid are labelled: all that is needed to read them. Made of what JSON has.

    Attributes:
        dims: names of the grid's dimensions.
        shape: their lengths.
        coords: name -> (dimension, values).
        variables: what is kept.
    """

    dims: tuple[str, ...]
    shape: tuple[int, ...]
    coords: dict[str, tuple[str, list[Any]]]
    variables: dict[str, Variable]

    @property
    def n_models(self) -> int:
        """Number of models."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def bytes(self) -> int:
        """Size of the results of all models."""
        return self.n_models * sum(variable.bytes for variable in self.variables.values())


def layout_of(grid: Grid, *, restart_axis: bool) -> Layout:
    """The layout of a grid's results, before anything is trained.

    Raises:
        ValueError: if a name is taken, or a result has not as many dimensions in all cells.
    """
    shapes = [_result_shapes(program, ensemble) for program, ensemble in grid.programs]
    for one in shapes:
        names = [*one.params, *one.metrics]
        for name in names:
            if name in RESERVED or names.count(name) > 1:
                raise ValueError(f"{name!r} is the name of a parameter or metric and of another result. Rename it.")
    variables = _variables(grid, shapes)
    dims = tuple(axis.name for axis in grid.axes) + (("restart",) if restart_axis else ())
    coords = {label: (axis.name, values) for axis in grid.axes for label, values in axis.coordinates().items()}
    for name in (*dims, *coords):
        if name in variables or any(name in variable.dims for variable in variables.values()):
            raise ValueError(f"over has {name!r}, which is the name of a result. Give the axis another name.")
    if restart_axis:
        coords["restart"] = ("restart", list(range(grid.restarts)))
    coords["step"] = ("step", _steps(grid))
    if grid.keep.snapshots:
        coords["snapshot"] = ("snapshot", list(grid.keep.snapshots))
    return Layout(dims, grid.shape + ((grid.restarts,) if restart_axis else ()), coords, variables)


def kept(grid: Grid, layout: Layout, unit: Unit, trained: Trained) -> Arrays:
    """What is kept of a unit's models, each array (k, *shape) as the layout has it."""
    program, _ = grid.programs[unit.part]
    columns = np.searchsorted(layout.coords["step"][1], program.history_steps())
    count = len(trained.loss)
    arrays = {}
    for name, value in _named(trained, grid.keep.params).items():
        variable = layout.variables[name]
        array = np.full((count, *variable.shape), variable.fill, variable.dtype)
        if name == "history":
            array[:, columns] = value
        else:
            array[(slice(None), *map(slice, value.shape[1:]))] = value
        arrays[name] = array
    for name, variable in layout.variables.items():
        if name not in arrays:  # another program's
            arrays[name] = np.full((count, *variable.shape), variable.fill, variable.dtype)
    return arrays


def dataset(layout: Layout, units: Iterable[tuple[np.ndarray, Mapping[str, np.ndarray]]]) -> xr.Dataset:
    """The results in memory, from the numbers of the models and the arrays of each unit.

    What no unit has is NaN; then whole numbers and truth values become floating point numbers too.
    """
    arrays = {
        name: np.full((layout.n_models, *variable.shape), variable.fill, variable.dtype)
        for name, variable in layout.variables.items()
    }
    there = np.zeros(layout.n_models, dtype=bool)
    for models, results in units:
        there[models] = True
        for name, array in arrays.items():
            array[models] = results[name]
    if not there.all():
        for name, array in arrays.items():
            arrays[name] = array.astype(np.result_type(array.dtype, np.float32), copy=False)
            arrays[name][~there] = np.nan
    shaped = {name: array.reshape((*layout.shape, *layout.variables[name].shape)) for name, array in arrays.items()}
    return labelled(layout, shaped)


def labelled(layout: Layout, arrays: Mapping[str, Any]) -> xr.Dataset:
    """Arrays (*grid, *shape) with the names of their dimensions and the coordinates."""
    return xr.Dataset(
        {name: ((*layout.dims, *layout.variables[name].dims), array) for name, array in arrays.items()},
        coords={name: (dim, values) for name, (dim, values) in layout.coords.items()},
    )


def attributes(config: Mapping[str, Any], sessions: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a dataset tells of itself: the configuration as JSON, and where and when it was made.

    Args:
        config: as in the folder of a sweep.
        sessions: each with `device`, `began` and `seconds`.
    """
    varied = any("seed" in fields for fields in config["over"].values())
    return {
        "config": json.dumps(config),
        "toymodels": config["toymodels"],
        "seed": "varied" if varied else config["seed"],
        "device": ", ".join(dict.fromkeys(session["device"] for session in sessions)),
        "began": min((session["began"] for session in sessions), default=""),
        "seconds": round(sum(session["seconds"] for session in sessions), 3),
    }


def describe_layout(layout: Layout) -> dict[str, Any]:
    """The layout as JSON; `read_layout` reads it."""
    return json.loads(json.dumps(layout._asdict()))


def read_layout(description: Mapping[str, Any]) -> Layout:
    """The layout that `describe_layout` wrote."""
    return Layout(
        dims=tuple(description["dims"]),
        shape=tuple(description["shape"]),
        coords={name: (dim, values) for name, (dim, values) in description["coords"].items()},
        variables={
            name: Variable(tuple(dims), tuple(shape), dtype)
            for name, (dims, shape, dtype) in description["variables"].items()
        },
    )


def _named(trained: Trained, params: bool) -> dict[str, Any]:
    """Results by the names that they have in the dataset."""
    names = {
        "loss": trained.loss,
        "final_loss": trained.final_loss,
        "history": trained.history,
        "diverged": trained.diverged,
    }
    if params:
        names |= trained.params
    return names | {f"snapshots.{name}": value for name, value in trained.snapshots.items()} | trained.metrics


def _steps(grid: Grid) -> list[int]:
    """All numbers of steps at which a program's stretches of the loss history end."""
    return sorted({int(step) for program, _ in grid.programs for step in program.history_steps()})


def _result_shapes(program: Program, ensemble: Ensemble) -> Trained:
    one, _, _ = ensemble.chunk(0, 0, 1, 1)
    return result_shapes(program, one)


def _variables(grid: Grid, shapes: Sequence[Trained]) -> dict[str, Variable]:
    """The variables that have room for what every program gives."""
    n_features = [program.cell.task.features.n_features for program, _ in grid.programs]
    n_hidden = [one.params["W"].shape[0] if len(_shape(one.params.get("W"))) == 2 else -1 for one in shapes]
    named = [_named(one, grid.keep.params) for one in shapes]
    variables = {}
    for name in dict.fromkeys(name for one in named for name in one):
        given = [one.get(name) for one in named]
        there = [one for one in given if one is not None]
        dtype = np.result_type(*(one.dtype for one in there))
        if name == "history":
            variables[name] = Variable(("step",), (len(_steps(grid)),), dtype.name)
            continue
        if len({one.ndim for one in there}) > 1:
            raise ValueError(f"{name} must have as many dimensions in all cells. Got {[one.shape for one in there]}.")
        largest = tuple(max(sizes) for sizes in zip(*(one.shape for one in there), strict=True))
        if any(one is None or one.shape != largest for one in given):
            dtype = np.result_type(dtype, np.float32)
        gives = [one is not None for one in given]
        features, hidden = (list(itertools.compress(sizes, gives)) for sizes in (n_features, n_hidden))
        variables[name] = Variable(_dims(name, [one.shape for one in there], features, hidden), largest, dtype.name)
    return variables


def _dims(
    name: str, shapes: Sequence[tuple[int, ...]], n_features: Sequence[int], n_hidden: Sequence[int]
) -> tuple[str, ...]:
    """A dimension that has the number of features in all cells is `feature`, one that has that of hidden dimensions is
    `hidden`; others are called after the variable, with a number. From the last one, since W is (hidden, feature)."""
    own = name.removeprefix("snapshots.")
    dims: list[str] = []
    for place, *sizes in reversed(list(zip(range(len(shapes[0])), *shapes, strict=True))):
        if place == 0 and own != name:
            dims.append("snapshot")
        elif sizes == list(n_features) and "feature" not in dims:
            dims.append("feature")
        elif sizes == list(n_hidden) and "hidden" not in dims:
            dims.append("hidden")
        else:
            dims.append(f"{own}_{place - (own != name)}")  # as without the axis of snapshots
    return tuple(reversed(dims))


def _shape(one: Any) -> tuple[int, ...]:
    return () if one is None else one.shape
