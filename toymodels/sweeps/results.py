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

from toymodels.models.modules import abstract
from toymodels.models.modules import axes as axes_of
from toymodels.sweeps.axes import RESERVED, Axis
from toymodels.training.engine.execution import Trained, result_shapes
from toymodels.training.engine.plan import Chunk, Plan, history_steps

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


def layout_of(plan: Plan, axes: Sequence[Axis], *, restart_axis: bool, params: bool) -> Layout:
    """The layout of a plan's results, before anything is trained.

    Args:
        plan: a grid of cells.
        axes: of the grid.
        restart_axis: whether the results have an axis of restarts.
        params: whether parameters and other state are kept.

    Raises:
        ValueError: if a name is taken, or a result does not have as many dimensions in all cells.
    """
    shapes = [result_shapes(plan, program) for program in plan.programs]
    for one in shapes:
        names = [*one.params, *one.metrics]
        for name in names:
            if name in RESERVED or names.count(name) > 1:
                raise ValueError(f"{name!r} is the name of a parameter or metric and of another result. Rename it.")
    variables = _variables(plan, shapes, params)
    dims = tuple(axis.name for axis in axes) + (("restart",) if restart_axis else ())
    coords = {label: (axis.name, values) for axis in axes for label, values in axis.coordinates().items()}
    for name in (*dims, *coords):
        if name in variables or any(name in variable.dims for variable in variables.values()):
            raise ValueError(f"over has {name!r}, which is the name of a result. Give the axis another name.")
    if restart_axis:
        coords["restart"] = ("restart", list(range(plan.restarts)))
    coords["step"] = ("step", _steps(plan))
    if plan.keep.snapshots:
        coords["snapshot"] = ("snapshot", list(plan.keep.snapshots))
    return Layout(dims, plan.shape + ((plan.restarts,) if restart_axis else ()), coords, variables)


def kept(layout: Layout, plan: Plan, chunk: Chunk, trained: Trained) -> Arrays:
    """What is kept of a chunk's models, each array (k, *shape) as the layout has it."""
    entries = history_steps(plan.programs[chunk.program], plan.keep)
    named, count = _named(trained), len(trained.loss)
    arrays = {}
    for name, variable in layout.variables.items():
        array = np.full((count, *variable.shape), variable.fill, variable.dtype)
        if name == "history":
            array[:, np.searchsorted(layout.coords["step"][1], entries)] = trained.history
        elif name in named:  # else it is another program's
            array[(slice(None), *map(slice, named[name].shape[1:]))] = named[name]
        arrays[name] = array
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
        coords={name: (dim, values or np.array([], int)) for name, (dim, values) in layout.coords.items()},
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
        "toymodels": config["versions"]["toymodels"],
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


def _named(trained: Trained) -> dict[str, Any]:
    """Results by the names that they have in the dataset."""
    return {
        "loss": trained.loss,
        "objective": trained.objective,
        "final_loss": _last(trained),
        "history": trained.history,
        "diverged": trained.diverged,
        **trained.params,
        **{f"{STATE}{name}": value for name, value in trained.state.items()},
        **{f"{SNAPSHOTS}{name}": value for name, value in trained.snapshots.items()},
        **trained.metrics,
    }


def _last(trained: Trained) -> Any:
    """The last entry of each history; NaN where no step was taken."""
    empty = np.full(trained.loss.shape, np.nan, trained.loss.dtype)
    return trained.history[..., -1] if trained.history.shape[-1] else empty


SNAPSHOTS, STATE = "snapshots.", "state."
"""Before the names of parameters in between, and of other state of the modules, in results."""


def _steps(plan: Plan) -> list[int]:
    """All numbers of steps at which an entry of a program's loss history ends."""
    return sorted({int(step) for program in plan.programs for step in history_steps(program, plan.keep)})


def _variables(plan: Plan, shapes: Sequence[Trained], params: bool) -> dict[str, Variable]:
    """The variables that have room for what every program gives."""
    n_features = [getattr(program.example.task.features, "n_features", -1) for program in plan.programs]
    n_hidden = [one.params["W"].shape[0] if len(_shape(one.params.get("W"))) == 2 else -1 for one in shapes]
    named = [_named(_with_final(one)) for one in shapes]
    said = _said_axes(plan)
    left_out = (
        set()
        if params
        else {name for one in shapes for name in (*one.params, *(f"{STATE}{name}" for name in one.state))}
    )
    variables = {}
    for name in dict.fromkeys(name for one in named for name in one if name not in left_out):
        given = [one.get(name) for one in named]
        there = [one for one in given if one is not None]
        dtype = np.result_type(*(one.dtype for one in there))
        if name == "history":
            variables[name] = Variable(("step",), (len(_steps(plan)),), dtype.name)
            continue
        if len({one.ndim for one in there}) > 1:
            raise ValueError(f"{name} must have as many dimensions in all cells. Got {[one.shape for one in there]}.")
        largest = tuple(max(sizes) for sizes in zip(*(one.shape for one in there), strict=True))
        if any(one is None or one.shape != largest for one in given):
            dtype = np.result_type(dtype, np.float32)
        gives = [one is not None for one in given]
        features, hidden = (list(itertools.compress(sizes, gives)) for sizes in (n_features, n_hidden))
        dims = _dims(name, [one.shape for one in there], features, hidden, said)
        variables[name] = Variable(dims, largest, dtype.name)
    return variables


def _with_final(shapes: Trained) -> Any:
    """Shapes whose history has, besides its own shape, an entry to take: as arrays of nothing."""
    return shapes._replace(history=np.empty(shapes.history.shape, shapes.history.dtype))


def _said_axes(plan: Plan) -> dict[str, tuple[str, ...]]:
    """What modules call the axes of their parameters and activations, where all that say so agree."""
    said: dict[str, set[tuple[str, ...]]] = {}
    for program in plan.programs:
        for name, names in axes_of(abstract(program.example.model)).items():
            said.setdefault(name, set()).add(tuple(names))
    return {name: next(iter(names)) for name, names in said.items() if len(names) == 1}


def _dims(
    name: str,
    shapes: Sequence[tuple[int, ...]],
    n_features: Sequence[int],
    n_hidden: Sequence[int],
    said: Mapping[str, tuple[str, ...]],
) -> tuple[str, ...]:
    """What the module calls the axes. Where it does not say: a dimension that has the number of features in all cells
    is `feature`, one that has that of hidden dimensions is `hidden`; others are called after the variable, with a
    number. From the last one, since W is (hidden, feature)."""
    own = name.removeprefix(SNAPSHOTS)
    rank = len(shapes[0]) - (own != name)
    if len(said.get(own, ())) == rank and rank:
        return ("snapshot",) * (own != name) + said[own]
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
