"""`sweep`: train a grid of models, and label what comes out."""

import contextlib
import datetime
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr

from toymodels.checks import check_function, check_integer, check_seed
from toymodels.models import Model, param_shapes
from toymodels.specification import describe
from toymodels.sweeps import store
from toymodels.sweeps.axes import RESERVED, SEED, Over, read_axes
from toymodels.sweeps.grid import Grid, Keep, Unit
from toymodels.sweeps.merge import open_results
from toymodels.sweeps.progress import sweep_progress
from toymodels.sweeps.results import Arrays, attributes, dataset, layout_of
from toymodels.sweeps.work import Job, train_here, train_on_cluster
from toymodels.tasks import Task
from toymodels.training.ensemble import Cell
from toymodels.training.metrics import Metric, Metrics, check_metrics
from toymodels.training.recipe import Recipe
from toymodels.training.schedule import workers
from toymodels.training.train import (
    NAMED,
    checked_snapshots,
    validate_model,
    validate_recipe,
    validate_task,
    warn_of_divergence,
)

THREADS_A_SHARD = 16


def sweep(
    model: Model,
    task: Task,
    recipe: Recipe = Recipe(),
    *,
    over: Over,
    seed: int | None = None,
    restarts: int | None = None,
    metrics: Sequence[Metric] | Mapping[str, Metric] = (),
    params: bool = True,
    history: int = 20,
    snapshots: Sequence[int] = (),
    folder: str | Path | None = None,
    shard: tuple[int, int] = (0, 1),
    client: Any = None,
    memory_bytes: int = 2**30,
    progress: bool = True,
    log: str | Path | None = None,
) -> xr.Dataset:
    """Train a model for every point of a grid over any fields of model, task and recipe.

    Each cell's numbers are those of `train` with its configuration and seed; nothing depends on what else is trained.
    Cells that differ in numbers are trained in one program, those that differ in sizes or functions in one program for
    each combination of these. All CPU cores, or all GPUs, are used.

    Args:
        model, task, recipe: the configuration of which the grid varies fields.
        over: what to vary. A mapping from fields to values makes the grid of all combinations:
            `{"density": [0.1, 0.2], "seed": range(10), "n_hidden": [2, 3]}`. A mapping in the place of values moves
            fields together along one axis: `{"pair": {"density": [0.1, 0.2], "decay": [0.9, 0.8]}}`. A list of mappings
            is a list of points. A field is named by its path (`task.features.density`), or by the end of it where no
            other field ends so (`density`); `density[4]` is an element of an array. "seed" is the seed.
        seed: of all cells, if it is not varied; 0 by default.
        restarts: number of initialisations of each cell; if given, the results have an axis "restart", in which
            restarts stand by number.
        metrics: functions that are computed from each trained model in the program that trains it, such as
            `analysis.geometry.dimensionality`, by themselves or by name. Their arguments are named after what they
            need: `W`, `b` or other parameters, `params`, `module`, `task`, `key`.
        params: whether to keep the parameters.
        history: number of entries of the loss history, at most.
        snapshots: numbers of steps after which to keep the parameters as well.
        folder: where to store finished units. A sweep that was killed goes on where it was, with the same numbers.
        shard: (i, n): train only each n-th unit from the i-th on, i = 0 ... n-1, into a folder that the shards share.
        client: a `dask.distributed.Client`, on whose workers to train.
        memory_bytes: about how much memory to use, besides that of compiled programs. Results that do not fit are read
            from the folder as they are needed.
        progress: show a progress bar (on a terminal, when training takes longer than a second).
        log: a file to which a line of JSON is added for every finished unit.

    Returns:
        The results with the axes as coordinates. `loss`: mean task loss on the evaluation sample, NaN for diverged
        models; `history` (step): mean task loss of the batches up to each step since the one before; `final_loss`: the
        last of these; `diverged`: step at which the loss stopped being finite, or -1; the parameters: `W` (hidden,
        feature), `b` (feature) and so on; `snapshots.W` (snapshot, ...); and the metrics. Arrays are padded with NaN
        where cells differ in sizes. Attributes hold the configuration as JSON, version, seed, device and times. With
        `shard`, cells of shards that are not finished are NaN; results that do not fit into memory_bytes are left in
        the folder.

    Raises:
        ValueError, TypeError: for bad arguments, and for a folder of another sweep, before anything is compiled.

    Warns:
        DivergenceWarning: names the first cells whose loss became NaN or infinite.
    """
    validate_recipe(recipe)
    validate_task(task)
    validate_model(model)
    check_integer("sweep", "history", history, minimum=1)
    check_integer("sweep", "memory_bytes", memory_bytes, minimum=1)
    index, count = _checked_shard(shard, folder)
    keep = Keep(_named_metrics(metrics), params, history, checked_snapshots("sweep", snapshots))
    grid = _checked_grid(Cell(model, task, recipe), over, seed, restarts, keep)
    layout = layout_of(grid, restart_axis=restarts is not None)
    if folder is None and layout.bytes > memory_bytes:
        raise ValueError(
            f"sweep has results of {layout.bytes:,} bytes, more than memory_bytes = {memory_bytes:,}. Keep less "
            "(params=False, metrics, history), give a folder, or allow more."
        )
    config = _config(grid, restarts)
    cuts = grid.cuts(_threads(client, count), memory_bytes)
    units = grid.units(cuts)
    if folder is not None:
        folder = Path(folder)
        cuts = store.create(folder, store.Description(config, layout, cuts, len(units))).cuts
        units = grid.units(cuts)
    mine = list(enumerate(units))[index::count]

    todo = mine if folder is None else _unfinished(folder, mine)
    began = datetime.datetime.now(datetime.UTC)
    finished = _trained(Job(grid, layout, cuts), todo, client, folder, progress, log)
    if folder is None:
        results = dataset(layout, finished)
        results.attrs = attributes(config, [_session(began)])
    else:
        for _ in finished:
            pass  # they are stored
        if todo:
            store.add_session(folder, _session(began))
        results = open_results(folder, memory_bytes, partial=count > 1)
    if "diverged" in results:
        count, named = _first_diverged(results)
        warn_of_divergence(count, results.diverged.size, named)
    return results


def _checked_grid(cell: Cell, over: Over, seed: int | None, restarts: int | None, keep: Keep) -> Grid:
    """The grid, when all of its cells can be trained and give what is to be kept."""
    axes = read_axes(over, cell)
    if seed is not None:
        check_seed("sweep", "seed", seed)
        if any(one.path == SEED for axis in axes for one in axis.varied):
            raise ValueError(f"seed of sweep cannot be given ({seed}) where over varies it.")
    if restarts is not None:
        check_integer("sweep", "restarts", restarts, minimum=1)
    grid = Grid(cell, axes, seed or 0, restarts or 1, keep)
    grid.validate()
    for part in grid.parts:
        checked_snapshots("sweep", keep.snapshots, part.cell.recipe.steps)
        check_metrics(keep.metrics, param_shapes(part.cell.model))
    return grid


def _named_metrics(metrics: Any) -> Metrics:
    """Names and functions of metrics.

    Raises:
        ValueError, TypeError: for what is no function, and for names that are taken.
    """
    if not isinstance(metrics, Iterable) or isinstance(metrics, str):
        raise TypeError(f"metrics of sweep must be a sequence of functions, or map names to them. Got {metrics!r}.")
    if isinstance(metrics, Mapping):
        named = tuple(metrics.items())
    else:
        named = tuple((getattr(metric, "__name__", repr(metric)), metric) for metric in metrics)
    for name, metric in named:
        check_function("sweep", f"metric {name!r}", metric)
        if name in RESERVED or [other for other, _ in named].count(name) > 1:
            raise ValueError(f"metrics of sweep must have names of their own. Got {name!r}.")
    return named


def _checked_shard(shard: Any, folder: Any) -> tuple[int, int]:
    if not isinstance(shard, Sequence) or len(shard) != 2:
        raise ValueError(f"shard of sweep must be a pair (i, n). Got {shard!r}.")
    index, count = shard
    check_integer("sweep", "n of shard", count, minimum=1)
    check_integer("sweep", "i of shard", index, minimum=0)
    if index >= count:
        raise ValueError(f"shard (i, n) of sweep must have i < n. Got {shard!r}.")
    if count > 1 and folder is None:
        raise ValueError("shard of sweep needs a folder, where the shards meet.")
    return index, count


def _threads(client: Any, shards: int) -> int:
    """For how many threads to cut the work. Shards may run on machines that know nothing of each other: they must not
    cut by what their own machine has."""
    if shards > 1:
        return THREADS_A_SHARD * shards
    return max(1, len(workers()) if client is None else sum(client.nthreads().values()))


def _config(grid: Grid, restarts: int | None) -> dict[str, Any]:
    """All that the results depend on, readable."""
    return {
        "model": describe(grid.base.model),
        "task": describe(grid.base.task),
        "recipe": describe(grid.base.recipe),
        "over": {axis.name: {one.label: describe(one.values) for one in axis.varied} for axis in grid.axes},
        "seed": grid.seed,
        "restarts": restarts,
        "metrics": {name: describe(metric) for name, metric in grid.keep.metrics},
        "params": grid.keep.params,
        "history": grid.keep.history,
        "snapshots": list(grid.keep.snapshots),
        "toymodels": version("toymodels"),
        "jax": version("jax"),
    }


def _unfinished(folder: Path, units: Sequence[tuple[int, Unit]]) -> list[tuple[int, Unit]]:
    """The units that are not there, or are damaged."""
    todo = []
    for number, unit in units:
        if store.is_finished(folder, number):
            try:
                store.read_unit(folder, number)
                continue
            except store.DamagedUnitError as error:
                warnings.warn(f"{error.__cause__ or error}: unit {number} of {folder} is done again.", stacklevel=3)
                store.remove_unit(folder, number)
        todo.append((number, unit))
    return todo


def _trained(
    job: Job,
    units: Sequence[tuple[int, Unit]],
    client: Any,
    folder: Path | None,
    progress: bool,
    log: str | Path | None,
) -> Iterator[tuple[np.ndarray, Arrays]]:
    """The results of units as they are finished, which are stored first where there is a folder."""
    models = sum(job.n_models(unit) for _, unit in units)
    with sweep_progress(models, job.grid.restarts, show=progress, log=log) as told:
        trained = train_here(job, units, told) if client is None else train_on_cluster(client, job, units, told)
        with contextlib.closing(trained):  # where a unit cannot be stored, no other one is trained for nothing
            for number, numbers, arrays in trained:
                if folder is not None:
                    store.write_unit(folder, number, numbers, arrays)
                told.finish(len(numbers), int((arrays["diverged"] >= 0).sum()))
                yield numbers, arrays


def _session(began: datetime.datetime) -> dict[str, Any]:
    """Where and when the work was done."""
    seconds = (datetime.datetime.now(datetime.UTC) - began).total_seconds()
    device = jax.devices()[0].device_kind
    return {"device": device, "began": began.isoformat(timespec="seconds"), "seconds": round(seconds, 3)}


def _first_diverged(results: xr.Dataset) -> tuple[int, list[str]]:
    """How many models diverged, and where in the grid, and when, the first of them did."""
    bad = np.argwhere(results.diverged.values >= 0)
    named = []
    for index in bad[:NAMED]:
        place = dict(zip(results.diverged.dims, index, strict=True))
        labels = [f"{dim} = {results[dim].values[at]}" for dim, at in place.items()]
        named.append(f"{', '.join(labels) or 'the only one'} at step {results.diverged.values[tuple(index)]:.0f}")
    return len(bad), named
