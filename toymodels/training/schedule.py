"""Cut the models of a program into chunks, and spread the chunks over devices and cores.

On one CPU device several Python threads call the compiled program, each on a chunk of its own: JAX releases the GIL,
and this uses all cores better than one large program. On GPUs there is one thread a device. Models do not influence
each other, so the numbers do not depend on the cut.
"""

import os
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache
from queue import SimpleQueue
from typing import Any, NamedTuple, TypeVar

import jax
import numpy as np
from jaxtyping import Int

from toymodels.models import flatten_names
from toymodels.training import engine
from toymodels.training.engine import Groups, State
from toymodels.training.ensemble import Cell, Chunk, Ensemble, Structure
from toymodels.training.metrics import Metrics
from toymodels.training.progress import finite_mean

CACHE_BYTES = 2**18  # one array of activations of a group: a quarter of a common core's second-level cache
STATE_BYTES = 2**22  # the states of a chunk on a CPU
BLOCK_SECONDS = 0.25  # between two signs of life
CHUNK_SECONDS = 1.0  # of work are worth a chunk of its own,
MODELS_A_CHUNK = 8  # with so many models or more, which share the cost of the random draws,
CHUNKS = 256  # up to so many chunks, unless memory needs more
FLOPS = 5e10  # of one core, about

Item = TypeVar("Item")
Result = TypeVar("Result")


class Program(NamedTuple):
    """What all models of a chunk have in common.

    Attributes:
        structure: of the cells.
        cell: one of the cells, for its static fields.
        stretch: steps per entry of the loss history.
        snapshot_steps: ascending numbers of steps after which parameters are kept.
        metrics: what to compute from each trained model.
    """

    structure: Structure
    cell: Cell
    stretch: int
    snapshot_steps: tuple[int, ...] = ()
    metrics: Metrics = ()

    def history_steps(self) -> np.ndarray:
        """The number of steps taken at the end of each stretch (stretches,)."""
        steps = self.cell.recipe.steps
        return np.minimum(np.arange(self.stretch, steps + self.stretch, self.stretch), steps)


class Cut(NamedTuple):
    """How the models of a program are cut: a chunk has `streams` streams, and `models` models of each.

    Attributes:
        streams: streams a chunk.
        models: models of each stream in a chunk.
        groups: how many are worked on at once.
    """

    streams: int
    models: int
    groups: Groups


def pieces(ensemble: Ensemble, cut: Cut) -> list[tuple[int, int]]:
    """The first stream, and the first model within a stream, of each chunk."""
    streams, models = range(0, ensemble.streams, cut.streams), range(0, ensemble.models, cut.models)
    return [(stream, model) for stream in streams for model in models]


class Trained(NamedTuple):
    """Trained models, as numpy arrays.

    Attributes:
        params: name -> (k, ...).
        loss: on the evaluation sample (k,), NaN for diverged models.
        history: mean task loss over each stretch (k, stretches).
        final_loss: its last entry (k,).
        snapshots: name -> (k, snapshots, ...).
        diverged: step of the first loss that was not finite, or -1 (k,).
        metrics: name -> (k, ...).
    """

    params: dict[str, np.ndarray]
    loss: np.ndarray
    history: np.ndarray
    final_loss: np.ndarray
    snapshots: dict[str, np.ndarray]
    diverged: np.ndarray
    metrics: dict[str, np.ndarray]


def workers() -> list[jax.Device]:
    """The device of each thread: every accelerator once, or the CPU devices once for every core."""
    devices = jax.local_devices()
    if devices[0].platform != "cpu":
        return devices
    each = max(1, len(os.sched_getaffinity(0)) // len(devices)) if hasattr(os, "sched_getaffinity") else 1
    return [device for device in devices for _ in range(each)]


def spread(
    work: Callable[[Item, jax.Device, threading.Event], Result], items: Iterable[Item]
) -> Generator[Result, None, None]:
    """Yield `work(item, device, cancelled)` of every item as it is finished, several at once.

    The event is set when the caller stops, by an error or an interrupt: work that lasts should look at it.
    """
    devices = workers()
    free: SimpleQueue[jax.Device] = SimpleQueue()
    for device in devices:
        free.put(device)
    cancelled = threading.Event()

    def on_free_device(item: Item) -> Result:
        device = free.get()
        try:
            return work(item, device, cancelled)
        finally:
            free.put(device)

    pool = ThreadPoolExecutor(len(devices))
    try:
        futures = {pool.submit(on_free_device, item) for item in items}
        for future in as_completed(futures):
            futures.remove(future)  # so that its result is not kept
            yield future.result()
    finally:
        cancelled.set()
        pool.shutdown(cancel_futures=True)


def cut(program: Program, ensemble: Ensemble, *, threads: int, memory_bytes: int) -> Cut:
    """Cut an ensemble for `threads` threads that together use about `memory_bytes` of the host's memory; of a GPU's
    own, half is used."""
    one, _, _ = ensemble.chunk(0, 0, 1, 1)
    streams, models = ensemble.streams, ensemble.models
    recipe, n_features, count = program.cell.recipe, program.cell.task.features.n_features, streams * models
    state = _shapes(program, one)
    activations = 4 * recipe.batch_size * n_features
    per_model = _bytes(state) + len(program.snapshot_steps) * _bytes(state.params)
    if jax.local_devices()[0].platform == "cpu":
        # In a loop over groups XLA draws a stream's random numbers once; without the loop, once a model.
        largest_group, fewest_groups = max(1, CACHE_BYTES // activations), 2
        largest_chunk = max(1, min(memory_bytes // threads, STATE_BYTES) // per_model)
        parameters = _bytes(state.params) / 4
        seconds = count * recipe.steps * recipe.batch_size * (10 * parameters + 30 * n_features) / FLOPS
        wanted = int(min(seconds / CHUNK_SECONDS, CHUNKS, count / MODELS_A_CHUNK))
    else:
        largest_group, fewest_groups = count, 1
        largest_chunk = max(1, _device_bytes(memory_bytes) // (per_model + 8 * activations))
        wanted = 1
    chunks = max(threads, wanted // threads * threads, -(-count // largest_chunk))
    target = max(1, -(-count // chunks))
    if target >= models:
        each_streams, each_models = _even(streams, target // models), models
    else:
        each_streams, each_models = 1, _even(models, target)
    groups = max(-(-each_models // largest_group), min(fewest_groups, each_models))
    group = -(-each_models // groups)
    at_once = min(each_streams, max(1, largest_group // models))
    return Cut(each_streams, group * groups, Groups(models=group, streams=at_once))


def train_chunk(
    program: Program,
    groups: Groups,
    chunk: Chunk,
    rows: Int[np.ndarray, " k"],
    *,
    device: jax.Device,
    cancelled: threading.Event,
    progress: Callable[[int, float], None],
) -> Trained:
    """Train the models of a chunk, and return the results of those in `rows`; the others only fill the chunk.

    It is done in blocks short enough to be interrupted. After each, `progress(steps, loss)` is told how many steps have
    been taken in it, and the latest mean loss.
    """
    structure, steps = program.structure, program.cell.recipe.steps
    chunk = jax.device_put(chunk, device)
    with _compiling(structure):
        state = engine.start(structure, len(program.history_steps()), chunk)
        state = engine.advance(structure, groups, program.stretch, chunk, state, 0, 0)
    kept: list[dict[str, np.ndarray]] = []
    step, block = 0, 16
    for stop in (*program.snapshot_steps, steps):
        while step < stop and not cancelled.is_set():
            last = min(step + block, stop)
            began = time.perf_counter()
            state = engine.advance(structure, groups, program.stretch, chunk, state, step, last)
            jax.block_until_ready(state)
            seconds_a_step = (time.perf_counter() - began) / (last - step)
            block = max(1, min(4 * block, int(BLOCK_SECONDS / seconds_a_step)))
            progress(last - step, _latest_loss(state, last - 1, program.stretch))
            step = last
        kept.append(_to_host(flatten_names(state.params), rows))
    *snapshots, params = kept
    with _compiling(structure):
        loss, metrics = engine.evaluate(structure, groups, program.metrics, chunk, state)
    diverged = np.asarray(state.diverged)[rows]
    loss = np.asarray(loss)[rows]
    diverged = np.where((diverged < 0) & ~np.isfinite(loss), steps, diverged)
    lengths = np.diff(program.history_steps(), prepend=0)
    history = (np.asarray(state.history)[:, rows] / lengths[:, None]).T.astype(np.float32)
    return Trained(
        params=params,
        loss=np.where(diverged < 0, loss, np.nan),
        history=history,
        final_loss=history[:, -1],
        snapshots={name: np.stack([one[name] for one in snapshots], axis=1) for name in params} if snapshots else {},
        diverged=diverged,
        metrics=_to_host(metrics, rows),
    )


def result_shapes(program: Program, one: Chunk) -> Any:
    """A `Trained` that has in the place of each array the shape and type of it for one model."""
    state = _shapes(program, one)

    def results(state: State) -> Trained:
        loss, metrics = engine.evaluate(program.structure, Groups(1, 1), program.metrics, one, state)
        params = flatten_names(state.params)
        times = len(program.snapshot_steps)
        snapshots = {name: jax.numpy.stack([value] * times, axis=1) for name, value in params.items()} if times else {}
        return Trained._make((params, loss, state.history.T, loss, snapshots, state.diverged, metrics))

    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), jax.eval_shape(results, state))


@cache
def _lock(structure: Structure) -> threading.Lock:
    return threading.Lock()


_locks = threading.Lock()


def _compiling(structure: Structure) -> threading.Lock:
    """Held while a program may have to be compiled, so that no two threads compile the same."""
    with _locks:
        return _lock(structure)


def _shapes(program: Program, one: Chunk) -> Any:
    return jax.eval_shape(lambda chunk: engine.start(program.structure, len(program.history_steps()), chunk), one)


def _device_bytes(otherwise: int) -> int:
    """Half of the memory of the first device, if it tells."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    return statistics.get("bytes_limit", 2 * otherwise) // 2


def _even(count: int, most: int) -> int:
    """The size of the largest of as few parts as `count` things need, with no part larger than `most`."""
    parts = -(-count // most)
    return -(-count // parts)


def _latest_loss(state: State, step: int, stretch: int) -> float:
    """Mean over models of the task loss in the latest, perhaps unfinished, stretch."""
    return finite_mean(np.asarray(state.history)[step // stretch]) / (step % stretch + 1)


def _to_host(arrays: dict[str, Any], rows: Int[np.ndarray, " k"]) -> dict[str, np.ndarray]:
    """A copy of some models' arrays: the buffers themselves are given to the next step."""
    return {name: np.asarray(value)[rows] for name, value in arrays.items()}


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
