"""Train the units of a sweep: on this machine's devices, or on the workers of a Dask cluster."""

import dataclasses
import pickle
import threading
import uuid
from collections.abc import Callable, Generator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import numpy as np

from toymodels.sweeps.grid import Grid, Unit
from toymodels.sweeps.progress import Progress
from toymodels.sweeps.results import Arrays, Layout, kept
from toymodels.training.schedule import Cut, spread, train_chunk

Finished = tuple[int, np.ndarray, Arrays]
"""Number of a unit, numbers of its models, and what is kept of them."""


class Job(NamedTuple):
    """A sweep that is ready to be worked on."""

    grid: Grid
    layout: Layout
    cuts: tuple[Cut, ...]

    def n_models(self, unit: Unit) -> int:
        """The number of models of a unit."""
        _, ensemble = self.grid.programs[unit.part]
        cut = self.cuts[unit.part]
        return min(cut.streams, ensemble.streams - unit.stream) * min(cut.models, ensemble.models - unit.model)

    def train(
        self, unit: Unit, device: jax.Device, cancelled: threading.Event, add: Callable[[float], None]
    ) -> tuple[np.ndarray, Arrays]:
        """Train a unit; `add(models)` is told how many models' worth of training has been done since it last was."""
        program, ensemble = self.grid.programs[unit.part]
        cut = self.cuts[unit.part]
        chunk, rows, numbers = ensemble.chunk(unit.stream, unit.model, cut.streams, cut.models)
        results = train_chunk(
            program,
            cut.groups,
            chunk,
            rows,
            device=device,
            cancelled=cancelled,
            progress=lambda steps, loss: add(len(rows) * steps / program.cell.recipe.steps),
        )
        which = ensemble.locate(numbers)
        return which.cell * self.grid.restarts + which.restart, kept(self.grid, self.layout, unit, results)


def train_here(job: Job, units: Sequence[tuple[int, Unit]], progress: Progress) -> Generator[Finished, None, None]:
    """Train units on this machine's devices; yield each as it is finished."""

    def work(numbered: tuple[int, Unit], device: jax.Device, cancelled: threading.Event) -> Finished:
        number, unit = numbered
        return number, *job.train(unit, device, cancelled, progress.add)

    return spread(work, units)


def train_on_cluster(
    client: Any, job: Job, units: Sequence[tuple[int, Unit]], progress: Progress
) -> Generator[Finished, None, None]:
    """Train units on the workers of a `dask.distributed.Client`; yield each as it is finished.

    Dask gives the units of a worker that is lost to others. A unit that is lost with four workers is an error, so that
    one that kills its workers comes to an end.

    Raises:
        ImportError: without Dask.
        distributed.KilledWorker: as said.
    """
    from distributed import as_completed  # an extra: `pip install toymodels[cluster]`
    from distributed.protocol.pickle import dumps

    # Functions and specifications may be the user's own; sent as bytes, they are unpacked once a worker.
    grid = dataclasses.replace(job.grid)  # without its programs, which every worker makes for itself
    packed = client.submit(bytes, dumps(job._replace(grid=grid)), key=f"toymodels-sweep-{uuid.uuid4()}")
    futures = client.map(_train_packed, [packed] * len(units), units, pure=False)
    try:
        for future, finished in as_completed(futures, with_results=True):
            progress.add(len(finished[1]))
            yield finished
            future.release()
    finally:
        client.cancel(futures)


def _train_packed(packed: bytes, numbered: tuple[int, Unit]) -> Finished:
    number, unit = numbered
    device = jax.local_devices()[0]
    return number, *_unpacked(packed).train(unit, device, threading.Event(), lambda models: None)


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> Job:
    return pickle.loads(packed)
