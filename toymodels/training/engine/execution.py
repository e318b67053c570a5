"""Execute a plan: train its chunks on every core or device of this machine, or on the workers of a cluster.

On one CPU device several Python threads call the compiled program, each on a chunk of its own: JAX releases the GIL,
and this uses all cores better than one large program. On GPUs there is one thread for each device. Models do not
influence each other, so the numbers do not depend on how a plan is cut or where it is executed.
"""

import math
import pickle
import threading
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from functools import cache, lru_cache, partial
from queue import SimpleQueue
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float, Int

from toymodels.training.engine import step
from toymodels.training.engine.cells import Code
from toymodels.training.engine.levels import AtOnce
from toymodels.training.engine.machine import Settings, callers_settings, workers
from toymodels.training.engine.plan import Chunk, Plan, Program, history_steps, inputs_of, steps_per_entry
from toymodels.training.engine.step import Inputs, State

BLOCK_SECONDS = 0.25  # between two signs of life

Report = Callable[[Chunk, float | int, float], None]
"""Told how many models' worth of a chunk's training have been done since it last was, and the latest mean loss."""


class Trained(NamedTuple):
    """Trained models, as numpy arrays.

    Attributes:
        number: of each model in the plan, cell * restarts + restart (k,).
        params: name -> (k, ...).
        state: other state of the modules, name -> (k, ...).
        loss: of the task on evaluation samples (k,), NaN for diverged models.
        objective: what was minimised, on the same samples (k,), NaN for diverged models.
        history: mean loss of the batches over each stretch (k, entries).
        snapshots: name -> (k, snapshots, ...).
        diverged: step of the first loss that was not finite, or -1 (k,).
        metrics: name -> (k, ...).
    """

    number: Int[np.ndarray, " k"]
    params: dict[str, np.ndarray]
    state: dict[str, np.ndarray]
    loss: Float[np.ndarray, " k"]
    objective: Float[np.ndarray, " k"]
    history: Float[np.ndarray, "k entries"]
    snapshots: dict[str, np.ndarray]
    diverged: Int[np.ndarray, " k"]
    metrics: dict[str, np.ndarray]


def execute(
    plan: Plan, chunks: Sequence[Chunk], *, client: Any = None, report: Report = lambda chunk, models, loss: None
) -> Generator[tuple[Chunk, Trained], None, None]:
    """Train chunks of a plan, and yield each as it is finished, several at once.

    Args:
        plan: all models.
        chunks: those of the plan's that are to be trained.
        client: a `dask.distributed.Client`, on whose workers to train. Dask gives the chunks of a worker that is lost
            to others. A chunk that is lost with four workers is an error, so that one that kills its workers ends.
        report: told of progress, from several threads; on a cluster, of whole chunks.

    Raises:
        ImportError: for a client without Dask.
        distributed.KilledWorker: as said.
    """
    return _on_cluster(client, plan, chunks, report) if client is not None else _on_threads(plan, chunks, report)


def train_chunk(plan: Plan, chunk: Chunk, device: jax.Device, cancelled: threading.Event, report: Report) -> Trained:
    """Train the models of a chunk on a device, in blocks short enough to be interrupted."""
    program, keep, at_once = plan.programs[chunk.program], plan.keep, plan.cuts[chunk.program].at_once
    code, stretch, entries = program.code, steps_per_entry(program, keep), history_steps(program, keep)
    steps, (rows, number) = program.example.recipe.steps, plan.models(chunk)
    inputs = jax.device_put(plan.inputs(chunk), device)
    advance = partial(step.advance, code, at_once, stretch, inputs)
    with _compiling(code):
        drawn, state = step.start(code, len(entries), inputs)
        if steps:  # none where given parameters are only evaluated
            state = advance(drawn, state, *_span(0, 0, device))

    kept: list[dict[str, np.ndarray]] = []
    done, block = 0, 16
    for stop in (*keep.snapshots, steps):
        while done < stop and not cancelled.is_set():
            last = min(done + block, stop)
            began = time.perf_counter()
            state = jax.block_until_ready(advance(drawn, state, *_span(done, last, device)))
            seconds_per_step = (time.perf_counter() - began) / (last - done)
            block = max(1, min(4 * block, int(BLOCK_SECONDS / seconds_per_step)))
            report(chunk, len(rows) * (last - done) / steps, _latest_loss(state, last - 1, stretch))
            done = last
        params = _iterate(program, inputs, state)
        kept.append(_models(params, rows))

    with _compiling(code):
        loss, objective, metrics = step.evaluate(code, at_once, keep.metrics, inputs, drawn, params, state.extra)
    loss, objective, diverged = (_models(one, rows) for one in (loss, objective, state.diverged))
    diverged = np.where((diverged < 0) & ~np.isfinite(loss), steps, diverged)
    history = _models(jax.numpy.moveaxis(state.history, 0, -1), rows) / np.diff(entries, prepend=0)
    *snapshots, final = kept
    return Trained(
        number=number,
        params=final,
        state=_models(state.extra, rows),
        loss=np.where(diverged < 0, loss, np.nan),
        objective=np.where(diverged < 0, objective, np.nan),
        history=history.astype(loss.dtype),
        snapshots={name: np.stack([one[name] for one in snapshots], axis=1) for name in final} if snapshots else {},
        diverged=diverged,
        metrics=_models(metrics, rows),
    )


class Timing(NamedTuple):
    """Seconds that a chunk takes: to compile, for one step, and to evaluate."""

    compiling: float
    step: float
    evaluation: float


def time_chunk(plan: Plan, chunk: Chunk, device: jax.Device, seconds: float = 0.2) -> Timing:
    """Train a chunk for about so many seconds, to see how long its training would take."""
    program, keep, at_once = plan.programs[chunk.program], plan.keep, plan.cuts[chunk.program].at_once
    code, stretch, entries = program.code, steps_per_entry(program, keep), history_steps(program, keep)
    inputs, clock = jax.device_put(plan.inputs(chunk), device), time.perf_counter
    advance = partial(step.advance, code, at_once, stretch, inputs)
    evaluate = partial(step.evaluate, code, at_once, keep.metrics, inputs)

    steps, began = program.example.recipe.steps, clock()
    with _compiling(code):
        drawn, state = step.start(code, len(entries), inputs)
        if steps:
            state = jax.block_until_ready(advance(drawn, state, *_span(0, 0, device)))
        jax.block_until_ready(evaluate(drawn, state.params, state.extra))
    compiled = clock()
    jax.block_until_ready(evaluate(drawn, state.params, state.extra))
    evaluated = clock()
    done, block = 0, 1
    while clock() - evaluated < seconds and done < steps:
        last = min(done + block, steps)
        state = jax.block_until_ready(advance(drawn, state, *_span(done, last, device)))
        done, block = last, 2 * block
    evaluation = evaluated - compiled
    return Timing(compiled - began - evaluation, (clock() - evaluated) / max(done, 1), evaluation)


def result_shapes(plan: Plan, program: Program) -> Trained:
    """A `Trained` whose arrays are replaced by their shapes and types for one model. Nothing is compiled."""
    keep, inputs = plan.keep, inputs_of(program, plan.shape, (0, 0, 0), (1, 1, 1))

    def results(inputs: Inputs) -> Any:
        drawn, state = step.start(program.code, len(history_steps(program, keep)), inputs)
        alone = AtOnce(streams=1, cells=1, restarts=1, parts=1)
        loss, objective, metrics = step.evaluate(
            program.code, alone, keep.metrics, inputs, drawn, state.params, state.extra
        )
        times = len(keep.snapshots)
        stacked: Any = {name: jax.numpy.stack([value] * max(1, times), axis=3) for name, value in state.params.items()}
        return Trained(
            number=state.diverged,
            params=state.params,
            state=state.extra,
            loss=loss,
            objective=objective,
            history=jax.numpy.moveaxis(state.history, 0, -1),  # type: ignore[arg-type]
            snapshots=stacked if times else {},
            diverged=state.diverged,
            metrics=metrics,
        )

    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[3:], leaf.dtype), jax.eval_shape(results, inputs))


# --- On this machine ---------------------------------------------------------------------------------------------


def _on_threads(plan: Plan, chunks: Sequence[Chunk], report: Report) -> Generator[tuple[Chunk, Trained], None, None]:
    devices = workers()
    free: SimpleQueue[jax.Device] = SimpleQueue()
    for device in devices:
        free.put(device)
    cancelled, settings = threading.Event(), callers_settings()

    def train(chunk: Chunk) -> tuple[Chunk, Trained]:
        device = free.get()
        try:
            with settings.applied():
                return chunk, train_chunk(plan, chunk, device, cancelled, report)
        finally:
            free.put(device)

    pool = ThreadPoolExecutor(len(devices))
    try:
        futures = {pool.submit(train, chunk) for chunk in chunks}
        for future in as_completed(futures):
            futures.remove(future)  # so that its result is not kept
            yield future.result()
    finally:
        cancelled.set()
        pool.shutdown(cancel_futures=True)


@cache
def _lock(code: Code) -> threading.Lock:
    return threading.Lock()


_locks = threading.Lock()


def _compiling(code: Code) -> threading.Lock:
    """Held while a program may have to be compiled, so that no two threads compile the same."""
    with _locks:
        return _lock(code)


# --- On a cluster ------------------------------------------------------------------------------------------------


def _on_cluster(
    client: Any, plan: Plan, chunks: Sequence[Chunk], report: Report
) -> Generator[tuple[Chunk, Trained], None, None]:
    from distributed import as_completed  # an extra: `pip install toymodels[cluster]`
    from distributed.protocol.pickle import dumps

    # Functions and specifications may be the user's own; sent as bytes, they are unpacked once per worker.
    packed = client.submit(bytes, dumps((plan, callers_settings())), key=f"toymodels-plan-{uuid.uuid4()}")
    futures = client.map(_train_packed, [packed] * len(chunks), chunks, pure=False)
    try:
        for future, (chunk, trained) in as_completed(futures, with_results=True):
            report(chunk, len(trained.loss), float("nan"))
            yield chunk, trained
            future.release()
    finally:
        client.cancel(futures)


def _train_packed(packed: bytes, chunk: Chunk) -> tuple[Chunk, Trained]:
    plan, settings = _unpacked(packed)
    with settings.applied():
        device = jax.local_devices()[0]
        return chunk, train_chunk(plan, chunk, device, threading.Event(), lambda chunk, models, loss: None)


@lru_cache(maxsize=1)
def _unpacked(packed: bytes) -> tuple[Plan, Settings]:
    return pickle.loads(packed)


# --- Helpers -----------------------------------------------------------------------------------------------------


def _iterate(program: Program, inputs: Inputs, state: State) -> dict[str, Any]:
    """The parameters to keep: those of the last step, unless the optimiser has an average of them."""
    if not program.example.recipe.averages:
        return state.params
    with _compiling(program.code):
        return step.iterate(program.code, inputs, state)


def _span(first: int, last: int, device: jax.Device) -> tuple[Any, Any]:
    return jax.device_put((np.asarray(first, np.int32), np.asarray(last, np.int32)), device)


def _models(tree: Any, rows: Int[np.ndarray, " k"]) -> Any:
    """A copy on the host of some models' arrays, (s, c, r, ...) -> (k, ...): the buffers are given to the next step."""
    return jax.tree.map(lambda one: one.reshape(math.prod(one.shape[:3]), *one.shape[3:])[rows], jax.device_get(tree))


def _latest_loss(state: State, step: int, stretch: int) -> float:
    """Mean over the models that are well of the task's loss in the latest, perhaps unfinished, stretch."""
    losses = np.ravel(jax.device_get(state.history)[step // stretch])
    finite = losses[np.isfinite(losses)]
    return float(finite.mean()) / (step % stretch + 1) if finite.size else float("nan")
