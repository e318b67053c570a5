"""What the models of a sweep start from, if it is given."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from toymodels.models import Model
from toymodels.sweeps.axes import Axis
from toymodels.sweeps.results import STATE
from toymodels.training.start import start_arrays, state_shapes


def start_of(start: Any, axes: Sequence[Axis], restarts: int, model: Model) -> dict[str, np.ndarray]:
    """Parameters and other state of a program's models by name, each (cells of the grid or 1, restarts or 1, ...).

    Args:
        start: the results of a sweep, or what `train` takes.
        axes: of the grid that is to be trained.
        restarts: number of initialisations of each cell.
        model: the program's.

    Raises:
        ValueError: if the results lack a parameter, or have an axis or a label that the grid has not, or the reverse.
    """
    if not isinstance(start, xr.Dataset):
        return start_arrays("sweep", start, model, restarts)
    shapes = state_shapes(model)
    there = {name: name if name in start else f"{STATE}{name}" for name in shapes}
    missing = [name for name, own in there.items() if own not in start]
    if missing:
        raise ValueError(f"start of sweep lacks {missing[0]!r}, which the model has. Was it trained with params=False?")
    return {name: _of_every_cell(start[there[name]], shape, axes, restarts) for name, shape in shapes.items()}


def _of_every_cell(values: xr.DataArray, shape: tuple[int, ...], axes: Sequence[Axis], restarts: int) -> np.ndarray:
    """One parameter of each cell and restart, without what smaller models are padded with."""
    own = values.dims[values.ndim - len(shape) :]
    values = values.reset_coords([name for name in values.coords if name not in values.dims], drop=True)
    grid = [dim for dim in values.dims if dim not in own]
    names = [axis.name for axis in axes] + ["restart"]
    for dim in grid:
        if dim not in names:
            raise ValueError(f"start of sweep has an axis {dim!r} that over lacks. Choose one: start.sel({dim}=...).")
    for axis in axes:
        if axis.name in grid:
            values = values.isel({axis.name: _positions(values, axis)})
    whole = values.expand_dims([name for name in names if name not in grid]).transpose(*names, *own)
    own_part: tuple[Any, ...] = (..., *map(slice, shape))
    array = whole.values[own_part]
    if array.shape[len(axes)] not in (1, restarts):
        raise ValueError(f"start of sweep has {array.shape[len(axes)]} restarts. Got restarts = {restarts}.")
    cells = tuple(axis.length for axis in axes)
    full = np.broadcast_to(array, (*cells, *array.shape[len(axes) :]))
    return full.reshape(-1, *array.shape[len(axes) :])


def _positions(values: xr.DataArray, axis: Axis) -> list[int]:
    """Where the results have the labels of an axis."""
    there = values[axis.name].values.tolist()
    labels = axis.coordinates()[axis.name]
    for label in labels:
        if label not in there:
            raise ValueError(f"start of sweep lacks {axis.name} = {label!r}. It has {there}.")
    return [there.index(label) for label in labels]
