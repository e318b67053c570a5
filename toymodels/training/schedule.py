"""Spread the models of an ensemble over devices and cores, in chunks that fit into memory.

On one CPU device several Python threads call the compiled program, each on its share of the models: JAX releases the
GIL, and this uses all cores better than one large program. On GPUs there is one thread a device. Models do not
influence each other, so the numbers do not depend on the cut.
"""

import os
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from queue import SimpleQueue
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Int

from toymodels.models import flatten_names
from toymodels.training import engine
from toymodels.training.engine import Cell, Chunk, Keys, State
from toymodels.training.ensemble import Ensemble, assemble
from toymodels.training.progress import Progress, finite_mean

CACHE_BYTES = 2**18  # one array of activations of a group: a quarter of a common core's second-level cache
STATE_BYTES = 2**22  # the states of a chunk on a CPU
BLOCK_SECONDS = 0.25  # between two signs of life


class Plan(NamedTuple):
    """How an ensemble is cut.

    Attributes:
        chunk: models a call.
        group: models at once within a call; divides `chunk`.
    """

    chunk: int
    group: int


class Trained(NamedTuple):
    """One chunk's results, as numpy arrays.

    Attributes:
        params: name -> (k, ...).
        loss: on the evaluation sample (k,), NaN for diverged models.
        history: mean task loss over each stretch (k, stretches).
        snapshots: name -> (k, snapshots, ...).
        diverged: step of the first loss that was not finite, or -1 (k,).
    """

    params: dict[str, np.ndarray]
    loss: np.ndarray
    history: np.ndarray
    snapshots: dict[str, np.ndarray]
    diverged: np.ndarray


def workers() -> list[jax.Device]:
    """The device of each thread: every accelerator once, or the CPU devices once for every core."""
    devices = jax.local_devices()
    if devices[0].platform != "cpu":
        return devices
    each = max(1, len(os.sched_getaffinity(0)) // len(devices)) if hasattr(os, "sched_getaffinity") else 1
    return [device for device in devices for _ in range(each)]


class Order(NamedTuple):
    """What is to be trained.

    Attributes:
        ensemble: the cells.
        cells: the cell of each model (k,).
        keys: the streams of random numbers.
        stretch: steps per entry of the loss history.
        snapshot_steps: ascending numbers of steps after which parameters are kept.
    """

    ensemble: Ensemble
    cells: Int[np.ndarray, " k"]
    keys: Keys
    stretch: int
    snapshot_steps: tuple[int, ...]

    def first_cell(self) -> Cell:
        """A cell whose static fields are those of all."""
        own = [array[0] for array in self.ensemble.own]
        return assemble(self.ensemble.structure, self.ensemble.shared, own)

    def chunk(self, models: Int[np.ndarray, " chunk"]) -> Chunk:
        """The input of the compiled programs for some of the models."""
        own = tuple(array[self.cells[models]] for array in self.ensemble.own)
        keys = Keys(*(stream[models] if stream.ndim > 1 else stream for stream in self.keys))
        return Chunk(self.ensemble.shared, own, keys)


def train_in_chunks(
    order: Order, memory_bytes: int, progress: Progress
) -> Iterator[tuple[Int[np.ndarray, " k"], Trained]]:
    """Train all models; yield (numbers of the models, their results) chunk by chunk as they are finished."""
    devices = workers()
    cut = plan(order, len(devices), memory_bytes)
    free: SimpleQueue[jax.Device] = SimpleQueue()
    for device in devices:
        free.put(device)
    cancelled = threading.Event()

    def work(first: int) -> tuple[Int[np.ndarray, " k"], Trained]:
        device = free.get()
        try:
            models = np.arange(first, min(first + cut.chunk, len(order.cells)))
            return models, _train_chunk(order, cut, models, device, progress, cancelled)
        finally:
            free.put(device)

    pool = ThreadPoolExecutor(len(devices))
    try:
        futures = [pool.submit(work, first) for first in range(0, len(order.cells), cut.chunk)]
        for future in as_completed(futures):
            yield future.result()
    finally:
        cancelled.set()
        pool.shutdown(cancel_futures=True)


def plan(order: Order, threads: int, memory_bytes: int) -> Plan:
    """Cut the models of `order` for `threads` threads that together use about `memory_bytes`."""
    count, cell = len(order.cells), order.first_cell()
    state = jax.eval_shape(
        lambda chunk: engine.start(order.ensemble.structure, _stretches(order, cell), chunk), order.chunk(np.arange(1))
    )
    activations = 4 * cell.recipe.batch_size * cell.task.features.n_features
    per_model = _bytes(state) + len(order.snapshot_steps) * _bytes(state.params)
    if jax.local_devices()[0].platform == "cpu":
        # In a loop over groups XLA draws the common random numbers once; without the loop, once a model.
        largest_group, fewest_groups = max(1, CACHE_BYTES // activations), 2
        budget = min(memory_bytes // threads, STATE_BYTES)
    else:
        largest_group, fewest_groups = count, 1
        budget = memory_bytes // threads
        per_model += 8 * activations
    chunks = -(-count // max(1, budget // per_model))
    chunks = -(-chunks // threads) * threads
    chunk = -(-count // chunks)
    groups = max(-(-chunk // largest_group), min(fewest_groups, chunk))
    group = -(-chunk // groups)
    return Plan(chunk=group * groups, group=group)


_compiling = threading.Lock()  # held while a program may have to be compiled, so that no two threads compile the same


def _train_chunk(
    order: Order,
    cut: Plan,
    models: Int[np.ndarray, " k"],
    device: jax.Device,
    progress: Progress,
    cancelled: threading.Event,
) -> Trained:
    """Train some models on one device, in blocks short enough to show progress and to be interrupted."""
    structure, cell = order.ensemble.structure, order.first_cell()
    steps = cell.recipe.steps
    padded = np.minimum(models[0] + np.arange(cut.chunk), models[-1])
    chunk = jax.device_put(order.chunk(padded), device)
    with _compiling:
        state = engine.start(structure, _stretches(order, cell), chunk)
        state = engine.advance(structure, cut.group, order.stretch, chunk, state, 0, 0)
    kept: list[dict[str, np.ndarray]] = []
    step, block = 0, 16
    for stop in (*order.snapshot_steps, steps):
        while step < stop and not cancelled.is_set():
            last = min(step + block, stop)
            began = time.perf_counter()
            state = jax.block_until_ready(engine.advance(structure, cut.group, order.stretch, chunk, state, step, last))
            seconds_a_step = (time.perf_counter() - began) / (last - step)
            block = max(1, min(4 * block, int(BLOCK_SECONDS / seconds_a_step)))
            progress.add(int(models[0]), len(models) * (last - step), _latest_loss(state, last - 1, order.stretch))
            step = last
        kept.append(_named(state.params, len(models)))
    *snapshots, params = kept
    with _compiling:
        loss = engine.evaluate(structure, cut.group, chunk, state)
    diverged = np.asarray(state.diverged)[: len(models)]
    loss = np.asarray(loss)[: len(models)]
    diverged = np.where((diverged < 0) & ~np.isfinite(loss), steps, diverged)
    lengths = np.diff(np.append(np.arange(0, steps, order.stretch), steps))
    return Trained(
        params=params,
        loss=np.where(diverged < 0, loss, np.nan),
        history=(np.asarray(state.history)[:, : len(models)] / lengths[:, None]).T,
        snapshots={name: np.stack([one[name] for one in snapshots], axis=1) for name in params} if snapshots else {},
        diverged=diverged,
    )


def _stretches(order: Order, cell: Cell) -> int:
    """Number of entries of the loss history."""
    return -(-cell.recipe.steps // order.stretch)


def _latest_loss(state: State, step: int, stretch: int) -> float:
    """Mean over models of the task loss in the latest, perhaps unfinished, stretch."""
    return finite_mean(np.asarray(state.history)[step // stretch]) / (step % stretch + 1)


def _named(params: Any, count: int) -> dict[str, np.ndarray]:
    """A copy of the first `count` models' parameters: the buffers themselves are given to the next step."""
    return {name: np.array(value[:count]) for name, value in flatten_names(params).items()}


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
