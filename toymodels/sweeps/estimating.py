"""How long a sweep will take, before anything long is begun."""

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import PRNGKeyArray

from toymodels.arguments import told_apart
from toymodels.models import Model
from toymodels.sweeps.axes import Over
from toymodels.sweeps.launch import ELSEWHERE, planned
from toymodels.tasks import Task
from toymodels.training.engine.ask import Metric
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.execution import Timing, time_chunk
from toymodels.training.engine.machine import callers_settings, workers
from toymodels.training.engine.plan import Chunk, Plan
from toymodels.training.recipe import Recipe
from toymodels.training.run import Run

MEASURED = 4  # programs, if there are more


class Estimate(NamedTuple):
    """What a sweep will cost on this machine.

    Attributes:
        cells: configurations.
        models: cells times restarts.
        programs: how many different programs are compiled.
        units: in how many pieces the work is done and stored.
        bytes: of the results.
        compile_seconds: to compile the programs.
        seconds: in all.
    """

    cells: int
    models: int
    programs: int
    units: int
    bytes: int
    compile_seconds: float
    seconds: float

    def __str__(self) -> str:
        programs = f"{self.programs:,} program{'s' if self.programs > 1 else ''}"
        return (
            f"{self.cells:,} cells, {self.models:,} models in {programs}; {self.units:,} units of work; "
            f"results of {_readable(self.bytes)}; about {_duration(self.seconds)} on this machine, of which "
            f"{_duration(self.compile_seconds)} to compile"
        )


@told_apart(ELSEWHERE)
def estimate(
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
    memory_bytes: int = 2**30,
) -> Estimate:
    """What `sweep` with the same arguments would cost here: its size, and the time, from a few steps on every core.

    Each program is compiled, and its first unit trained for about a fifth of a second; of more than four programs, only
    some. Nothing is kept but the compiled programs, which a sweep in the same process finds ready.

    Args:
        model, task, recipe, over, seed, restarts, metrics, start, params, history, snapshots, memory_bytes: as in
            `sweep`.

    Raises:
        ValueError, TypeError: as `sweep`.
    """
    cell = Cell(model, task, recipe)
    grid, plan, layout = planned(
        cell,
        over,
        seed=seed,
        restarts=restarts,
        metrics=metrics,
        start=start,
        params=params,
        history=history,
        snapshots=snapshots,
        memory_bytes=memory_bytes,
    )
    chunks = plan.chunks()
    numbers = np.unique(np.linspace(0, len(plan.programs) - 1, min(MEASURED, len(plan.programs))).astype(int))
    timings = {int(number): _timed(plan, int(number)) for number in numbers}
    compile_seconds = len(plan.programs) * float(np.mean([one.compiling for one in timings.values()]))
    work = sum(_chunk_seconds(plan, chunk, timings) for chunk in chunks)
    return Estimate(
        cells=math.prod(grid.shape),
        models=math.prod(grid.shape) * grid.restarts,
        programs=len(plan.programs),
        units=len(chunks),
        bytes=layout.bytes,
        compile_seconds=compile_seconds,
        seconds=compile_seconds + work / min(len(workers()), len(chunks)),
    )


def _timed(plan: Plan, number: int) -> Timing:
    """What a chunk of a program takes while every core is busy with one."""
    chunk, settings = Chunk(number, (0, 0, 0)), callers_settings()

    def timed(device: jax.Device) -> Timing:
        with settings.applied():
            return time_chunk(plan, chunk, device)

    with ThreadPoolExecutor(len(workers())) as pool:
        timings = list(pool.map(timed, workers()))
    compiling, step, evaluation = np.array(timings).T
    return Timing(float(compiling.max()), float(step.mean()), float(evaluation.mean()))


def _chunk_seconds(plan: Plan, chunk: Chunk, timings: Mapping[int, Timing]) -> float:
    """What a chunk takes once its program is compiled; by a program that was measured, in proportion to its models."""
    nearest = min(timings, key=lambda number: abs(number - chunk.program))
    timing, steps = timings[nearest], plan.programs[chunk.program].example.recipe.steps
    share = math.prod(plan.cuts[chunk.program].box) / math.prod(plan.cuts[nearest].box)
    return share * (steps * timing.step + timing.evaluation)


def _readable(size: float | int) -> str:
    for unit in ("bytes", "kB", "MB"):
        if size < 1_000:
            return f"{size:.3g} {unit}"
        size /= 1_000
    return f"{size:.3g} GB"


def _duration(seconds: float) -> str:
    """Seconds in words.

    >>> _duration(0.2), _duration(75.0), _duration(4000.0), _duration(2e5)
    ('1 s', '75 s', '67 min', '56 h')
    """
    if seconds < 120:
        return f"{max(1, math.ceil(seconds))} s"
    return f"{seconds / 60:.0f} min" if seconds < 7_200 else f"{seconds / 3_600:.0f} h"
