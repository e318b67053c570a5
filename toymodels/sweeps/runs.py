"""From a cell of a sweep to a `Run`."""

import json
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from toymodels.identities import from_description
from toymodels.sweeps.results import SNAPSHOTS, STATE
from toymodels.training.run import Run
from toymodels.training.start import state_shapes

RESULTS = ("loss", "objective", "diverged", "history", "final_loss")


def as_run(results: xr.Dataset, *, model: Any = None, **cell: Any) -> Run:
    """One cell of a sweep's results as the `Run` that `train` returns: to call, draw, save or start from.

    Args:
        results: what `sweep` or `sweeps.load` returns, with parameters.
        model: what was trained in the cell, where the description cannot say it: a function without a name.
        cell: the labels of the cell, such as `density=0.1, seed=3`, along every axis but that of restarts.

    Raises:
        ValueError: if an axis is left, or the results have no parameters.
        KeyError: for a label that there is not.

    >>> import toymodels as tm
    >>> recipe = tm.Recipe(steps=2, batch_size=8, evaluation_samples=8)
    >>> grid = tm.sweep(tm.Autoencoder(3, 2), tm.Task(tm.Independent(3)), recipe, over={"density": [0.1, 0.5]})
    >>> as_run(grid, density=0.5).W.shape
    (1, 2, 3)
    """
    one = results.sel(cell).compute()
    left = [str(dim) for dim in one.loss.dims if dim != "restart"]
    if left:
        raise ValueError(f"as_run needs one cell. Choose along {', '.join(left)}: as_run(results, {left[0]}=...).")
    config = _cell_config(json.loads(results.attrs["config"]), results, one)
    if not config["params"]:
        raise ValueError("as_run needs parameters. These results are from a sweep with params=False.")
    if "restart" not in one.loss.dims:
        one = one.expand_dims("restart").assign_coords(restart=[0])
    one = one.isel(restart=np.argsort(one.objective.values, kind="stable"))
    model = _described(config["model"]) if model is None else model
    shapes = {} if model is None else state_shapes(model)
    groups: dict[str, Any] = {"params": {}, "state": {}, "snapshots": {}, "metrics": {}}
    for name in map(str, one.data_vars):
        if name in RESULTS:
            continue
        group, own = group_of(name, config["metrics"])
        values = one[name].transpose("restart", ...).values
        if own in shapes and group != "metrics":  # without what smaller models are padded with
            own_part: tuple[Any, ...] = (..., *map(slice, shapes[own]))
            values = values[own_part]
        groups[group][own] = values
    there = np.isfinite(one.history.values).any(axis=0)
    return Run(
        **groups,
        loss=one.loss.values,
        objective=one.objective.values,
        diverged=one.diverged.values,
        history=one.history.values[:, there],
        history_steps=one.step.values[there],
        snapshot_steps=one.snapshot.values if "snapshot" in one.coords else np.array([], dtype=int),
        restart=one.restart.values,
        config=config,
        seconds=float(results.attrs["seconds"]),
        model=model,
    )


def _cell_config(config: dict[str, Any], results: xr.Dataset, one: xr.Dataset) -> dict[str, Any]:
    """The description of one cell: that of the sweep, with the cell's values in their fields."""
    for axis, varied in config["over"].items():
        for label, described in varied.items():
            value = one[label].item() if label in one.coords else None
            if value not in described and axis in results.dims and axis in one.coords:  # a function or an array
                value = described[results[axis].values.tolist().index(one[axis].item())]
            _put(config, config["fields"][label], value)
    kept = ("model", "task", "recipe", "seed", "restarts", "metrics", "params", "versions")
    return {name: config[name] for name in kept} | {"device": results.attrs["device"]}


def group_of(name: str, metrics: Mapping[str, Any]) -> tuple[str, str]:
    """In which group of arrays a result belongs (params, snapshots, state or metrics), and its name there."""
    if name in metrics:
        return "metrics", name
    for prefix, group in ((SNAPSHOTS, "snapshots"), (STATE, "state")):
        if name.startswith(prefix):
            return group, name.removeprefix(prefix)
    return "params", name


def _put(config: Any, path: str, value: Any) -> None:
    """Put a value into a description at a path such as task.features.parts[0].density."""
    *outer, last = (int(number) if number else word for word, number in re.findall(r"([^\W\d]\w*)|(\d+)", path))
    for part in outer:
        config = _inside(config, part)[part]
    _inside(config, last)[last] = value


def _inside(config: Any, part: str | int) -> Any:
    """What a part of a description is in: of an array, the list of its numbers."""
    return config["values"] if isinstance(part, int) and isinstance(config, Mapping) else config


def _described(description: Any) -> Any:
    """The model that a description describes, None where it cannot be found again."""
    try:
        return from_description(description)
    except ValueError:
        return None
