"""How much a sweep costs beside the bare engine: the same models, trained by the compiled programs alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

import toymodels as tm
from experiments.benchmark import ours
from experiments.benchmark.sizes import Effort, Size
from experiments.benchmark.timing import interleave, rounded, seconds_of, spread
from toymodels.sweeps.axes import read_axes
from toymodels.sweeps.grid import Grid
from toymodels.training.engine import step
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.machine import workers
from toymodels.training.engine.plan import Keep, history_steps, steps_per_entry
from toymodels.training.engine.step import Inputs, State


def overhead(size: Size, effort: Effort) -> dict[str, Any]:
    """Seconds of a whole call of `sweep` and of the bare engine, both compiled, and bare / sweep: 1 is free of cost."""
    recipe = ours.brief_recipe(size, effort)
    ours.sweep(size, recipe)
    bare = BareEngine(size, recipe)
    bare.train()
    measured = interleave(
        {"bare": lambda: seconds_of(bare.train), "sweep": lambda: seconds_of(lambda: ours.sweep(size, recipe))},
        effort.rounds,
    )
    return {
        "models": size.n_models,
        "steps": recipe.steps,
        "bare_seconds": rounded(float(np.median(measured["bare"]))),
        "sweep_seconds": rounded(float(np.median(measured["sweep"]))),
        "ratio": spread(measured["bare"] / measured["sweep"]),
    }


class BareEngine:
    """The compiled programs for a sweep's models, one call a chunk: nothing is checked, shown, kept or labelled."""

    def __init__(self, size: Size, recipe: tm.Recipe):
        model, task, over = ours.configuration(size)
        cell, keep = Cell(model, task, recipe), Keep(history=20)
        grid = Grid(cell, read_axes(over, cell), np.zeros(2, np.uint32), restarts=1, keep=keep)
        plan = grid.plan(2**30, None, lambda model: {})
        (self._program,), (cut,) = plan.programs, plan.cuts
        self._at_once = cut.at_once
        self._entries, self._stretch = len(history_steps(self._program, keep)), steps_per_entry(self._program, keep)
        self._chunks = [plan.inputs(chunk) for chunk in plan.chunks()]

    def train(self) -> None:
        """Train all models, as many chunks at once as there are threads."""
        with ThreadPoolExecutor(len(workers())) as pool:
            for trained in pool.map(self._train_chunk, self._chunks):
                jax.block_until_ready(trained)

    def _train_chunk(self, chunk: Inputs) -> tuple[State, Any]:
        code, steps = self._program.code, np.int32(self._program.example.recipe.steps)
        begin = np.int32(0)
        with _compiling:
            drawn, state = step.start(code, self._entries, chunk)
            state = step.advance(code, self._at_once, self._stretch, chunk, drawn, state, begin, begin)
        state = step.advance(code, self._at_once, self._stretch, chunk, drawn, state, begin, steps)
        with _compiling:
            return state, step.evaluate(code, self._at_once, (), chunk, drawn, state.params, state.extra)


_compiling = threading.Lock()
