"""How much a sweep costs beside the bare engine: the same models, trained by the compiled programs alone."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np

import toymodels as tm
from experiments.benchmark import ours
from experiments.benchmark.measure import Effort
from experiments.benchmark.sizes import Size
from experiments.benchmark.timing import interleave, rounded, seconds_of, spread
from toymodels.sweeps.axes import read_axes
from toymodels.sweeps.grid import Grid, Keep
from toymodels.training import engine
from toymodels.training.ensemble import Cell
from toymodels.training.schedule import workers


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
        cell = Cell(model, task, recipe)
        keep = Keep(metrics=(), params=True, history=20, snapshots=())
        grid = Grid(cell, read_axes(over, cell), 0, 1, keep)
        ((self._program, ensemble),) = grid.programs
        (cut,) = grid.cuts(len(workers()), 2**30)
        self._groups = cut.groups
        self._chunks = [
            ensemble.chunk(unit.stream, unit.model, cut.streams, cut.models)[0] for unit in grid.units((cut,))
        ]

    def train(self) -> None:
        """Train all models, as many chunks at once as there are threads."""
        with ThreadPoolExecutor(len(workers())) as pool:
            for state, loss in pool.map(self._train_chunk, self._chunks):
                jax.block_until_ready((state, loss))

    def _train_chunk(self, chunk: Any) -> tuple[Any, Any]:
        structure, stretch = self._program.structure, self._program.stretch
        with _compiling:
            state = engine.start(structure, len(self._program.history_steps()), chunk)
            state = engine.advance(structure, self._groups, stretch, chunk, state, 0, 0)
        state = engine.advance(structure, self._groups, stretch, chunk, state, 0, self._program.cell.recipe.steps)
        with _compiling:
            return state, engine.evaluate(structure, self._groups, (), chunk, state)


_compiling = threading.Lock()
