"""`sweep`: train a grid of models, and label what comes out."""

import contextlib
import datetime
import warnings
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from toymodels import files
from toymodels.arguments import told_apart
from toymodels.checks import check_integer
from toymodels.identities import describe, flags, own_code, versions
from toymodels.models import Model
from toymodels.sweeps import store
from toymodels.sweeps.axes import RESERVED, SEED, Over, read_axes
from toymodels.sweeps.fields import path_name
from toymodels.sweeps.grid import Grid
from toymodels.sweeps.merging import open_results
from toymodels.sweeps.progress import sweep_progress
from toymodels.sweeps.results import Arrays, Layout, attributes, dataset, kept, layout_of
from toymodels.sweeps.start import start_of
from toymodels.tasks import Task
from toymodels.training.engine.ask import Metric
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.execution import execute
from toymodels.training.engine.plan import Chunk, Keep, Plan
from toymodels.training.fit import check_parts
from toymodels.training.launch import (
    NAMED,
    checked_snapshots,
    key_data,
    named_metrics,
    readable_seed,
    warn_of_divergence,
)
from toymodels.training.recipe import Recipe
from toymodels.training.run import Run

THREADS_PER_SHARD = 16


ELSEWHERE = {"seeds": 'Several seeds are an axis: over={"seed": range(10)}.'}
"""Arguments of a sweep that there are not."""


@told_apart(ELSEWHERE)
def sweep(
    model: Model,
    task: Task,
    recipe: Recipe = Recipe(),
    *,
    over: Over,
    seed: int | PRNGKeyArray | None = None,
    restarts: int | None = None,
    metrics: str | Sequence[Metric | str] | Mapping[str, Metric | str] = (),
    start: Run | xr.Dataset | Mapping[str, Any] | None = None,
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
            `{"density": [0.1, 0.2], "seed": range(10), "n_hidden": [2, 3]}`. A mapping instead of values moves
            fields together along one axis: `{"pair": {"density": [0.1, 0.2], "decay": [0.9, 0.8]}}`. A list of mappings
            is a list of points. A field is named by its path (`task.features.density`), or by the end of it where no
            other field ends so (`density`); `density[4]` is an element of an array. "seed" is the seed.
        seed: of all cells, if it is not varied, an integer or a JAX key; 0 by default.
        restarts: number of initialisations of each cell; if given, the results have an axis "restart", in which
            restarts stand by number.
        metrics: functions that are computed from each trained model in the program that trains it, such as
            `analysis.geometry.dimensionality` or its name, "dimensionality"; by themselves, or under names of your own.
            See `toymodels.training.engine.ask` for what their arguments may be.
        start: parameters to start from, instead of fresh ones: for all cells as in `train`; or the results of a
            sweep, whose axes are matched with this one's by their labels, and whose restarts by their numbers.
        params: whether to keep the parameters and other state.
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
        The results with the axes as coordinates:

        - `loss`: mean loss of the task on evaluation samples, NaN for diverged models;
        - `objective`: what was minimised, the loss with all penalties, on the same samples;
        - `history` (step): mean loss of the batches up to each step since the one before; `final_loss`: the last one;
        - `diverged`: step at which the loss stopped being finite, or -1;
        - the parameters: `W` (hidden, feature), `b` (feature) and so on; `snapshots.W` (snapshot, ...); other state of
          the modules, such as `state.norm.mean`;
        - the metrics.

        `sweeps.as_run` makes a `Run` of a cell. Arrays are padded with NaN where cells differ in sizes. Attributes hold
        the configuration as JSON, version, seed, device and times. With `shard`, cells of shards that are not finished
        are NaN; results that do not fit into memory_bytes are left in the folder.

    Raises:
        ValueError, TypeError: for bad arguments, and for a folder of another sweep, before anything is compiled.

    Warns:
        DivergenceWarning: names the first cells whose loss became NaN or infinite.
    """
    index, count = _checked_shard(shard, folder)
    check_integer("sweep", "memory_bytes", memory_bytes, minimum=1)
    grid, plan, layout = planned(
        Cell(model, task, recipe),
        over,
        seed=seed,
        restarts=restarts,
        metrics=metrics,
        start=start,
        params=params,
        history=history,
        snapshots=snapshots,
        memory_bytes=memory_bytes,
        threads=_threads(client, count),
    )
    if folder is None and layout.bytes > memory_bytes:
        raise ValueError(
            f"sweep has results of {layout.bytes:,} bytes, more than memory_bytes = {memory_bytes:,}. Keep less "
            "(params=False, metrics, history), give a folder, or allow more."
        )
    config = _config(grid, restarts, params, start)
    if folder is not None:
        folder = files.expanded(folder)
        plan = plan._replace(cuts=store.create(folder, _description(config, layout, plan)).cuts)
    mine = list(enumerate(plan.chunks()))[index::count]

    todo = mine if folder is None else _unfinished(folder, mine)
    began = datetime.datetime.now(datetime.UTC)
    finished = _trained(plan, layout, todo, client, folder, progress, log)
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
        warn_of_divergence(results.diverged.values, _first_diverged(results))
    return results


def planned(
    cell: Cell,
    over: Over,
    *,
    seed: Any,
    restarts: int | None,
    metrics: Any,
    start: Any,
    params: bool,
    history: int,
    snapshots: Any,
    memory_bytes: int,
    threads: int | None = None,
) -> tuple[Grid, Plan, Layout]:
    """What a sweep would train, cut for so many threads, and the layout of its results.

    Raises:
        ValueError, TypeError: for what cannot be trained.
    """
    check_parts(cell)
    check_integer("sweep", "history", history, minimum=1)
    keep = Keep(named_metrics("sweep", metrics), history, checked_snapshots("sweep", snapshots))
    grid = _checked_grid(cell, over, seed, restarts, keep)
    plan = grid.plan(memory_bytes, threads, partial(start_of, start, grid.axes, grid.restarts))
    return grid, plan, layout_of(plan, grid.axes, restart_axis=restarts is not None, params=params)


def _checked_grid(cell: Cell, over: Over, seed: Any, restarts: int | None, keep: Keep) -> Grid:
    """The grid, when all of its cells can be trained and give what is to be kept."""
    axes = read_axes(over, cell)
    key = key_data("sweep", 0 if seed is None else seed)
    if seed is not None and any(one.path == SEED for axis in axes for one in axis.varied):
        raise ValueError(f"seed of sweep cannot be given ({seed}) where over varies it.")
    if restarts is not None:
        check_integer("sweep", "restarts", restarts, minimum=1)
    for name, _ in keep.metrics:
        if name in RESERVED:
            raise ValueError(f"metrics of sweep must have names of their own. Got {name!r}.")
    grid = Grid(cell, axes, key, restarts or 1, keep)
    grid.validate()
    for part in grid.parts:
        checked_snapshots("sweep", keep.snapshots, part.cell.recipe.steps)
    return grid


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


def _threads(client: Any, shards: int) -> int | None:
    """For how many threads to cut the work, None for those of this machine. Shards may run on machines that know
    nothing of each other: they must not cut by what their own machine has."""
    if shards > 1:
        return THREADS_PER_SHARD * shards
    return None if client is None else max(1, sum(client.nthreads().values()))


def _config(grid: Grid, restarts: int | None, params: bool, start: Any) -> dict[str, Any]:
    """All that the results depend on, readable."""
    arrays = start.params | start.state if isinstance(start, Run) else start
    parts = (grid.base, [one.values for axis in grid.axes for one in axis.varied], grid.keep.metrics)
    return {
        "model": describe(grid.base.model),
        "task": describe(grid.base.task),
        "recipe": describe(grid.base.recipe),
        "over": {axis.name: {one.label: describe(one.values) for one in axis.varied} for axis in grid.axes},
        "fields": {one.label: path_name(one.path) for axis in grid.axes for one in axis.varied},
        "seed": readable_seed(grid.key),
        "restarts": restarts,
        "metrics": {name: describe(metric) for name, metric in grid.keep.metrics},
        "start": None if start is None else {str(name): describe(np.asarray(arrays[name])) for name in arrays},
        "params": params,
        "history": grid.keep.history,
        "snapshots": list(grid.keep.snapshots),
        "versions": versions(parts),
        "flags": flags(),
        "code": own_code(parts),
    }


def _description(config: Mapping[str, Any], layout: Layout, plan: Plan) -> store.Description:
    return store.Description(config, layout, plan.cuts, len(plan.chunks()))


def _unfinished(folder: Path, units: Sequence[tuple[int, Chunk]]) -> list[tuple[int, Chunk]]:
    """The chunks whose units are not there, or are damaged."""
    todo = []
    for number, chunk in units:
        if store.is_finished(folder, number):
            try:
                store.read_unit(folder, number)
                continue
            except store.DamagedUnitError as error:
                warnings.warn(f"{error.__cause__ or error}: unit {number} of {folder} is done again.", stacklevel=4)
                store.remove_unit(folder, number)
        todo.append((number, chunk))
    return todo


def _trained(
    plan: Plan,
    layout: Layout,
    units: Sequence[tuple[int, Chunk]],
    client: Any,
    folder: Path | None,
    progress: bool,
    log: str | Path | None,
) -> Iterator[tuple[np.ndarray, Arrays]]:
    """The results of chunks as they are finished, which are stored first where there is a folder."""
    numbers = {chunk: number for number, chunk in units}
    models = sum(len(plan.models(chunk)[0]) for chunk in numbers)
    with sweep_progress(models, plan.restarts, show=progress, log=log) as told:
        results = execute(plan, list(numbers), client=client, report=told.add)
        with contextlib.closing(results):  # where a unit cannot be stored, no other one is trained for nothing
            for chunk, trained in results:
                arrays = kept(layout, plan, chunk, trained)
                if folder is not None:
                    store.write_unit(folder, numbers[chunk], trained.number, arrays)
                told.finish(len(trained.number), int((trained.diverged >= 0).sum()))
                yield trained.number, arrays


def _session(began: datetime.datetime) -> dict[str, Any]:
    """Where and when the work was done."""
    seconds = (datetime.datetime.now(datetime.UTC) - began).total_seconds()
    device = jax.devices()[0].device_kind
    return {"device": device, "began": began.isoformat(timespec="seconds"), "seconds": round(seconds, 3)}


def _first_diverged(results: xr.Dataset) -> list[str]:
    """Where in the grid, and when, the first models diverged."""
    bad = np.argwhere(results.diverged.values >= 0)
    named = []
    for index in bad[:NAMED]:
        place = dict(zip(results.diverged.dims, index, strict=True))
        labels = [f"{dim} = {results[dim].values[at]}" for dim, at in place.items()]
        named.append(f"{', '.join(labels) or 'the only one'} at step {results.diverged.values[tuple(index)]:.0f}")
    return named
