"""Where random numbers come from: every draw of a training has a key of its own.

    seed ─ split ┬─ 0 ─ restart ─┬──────────── initial weights
                 │               ├─ LAST ─ step ───── noise in the model, penalties, optimiser
                 │               └─ LAST - 1 ─ batch ─ noise and penalties of the evaluation
                 ├─ 1 ┬──────────┬─ step ───── samples of the step, and below it, at LAST, its attack
                 │    │          └─ LAST ───── a finite data set
                 │    └─ restart ─ ...         the same, where every restart has samples of its own
                 └─ 2 ┬─ batch ─────────────── samples of the evaluation, and below it, at LAST, their attack
                      ├─ batches ───────────── metrics, which are compared on equal draws
                      └─ LAST - k ──────────── the data set of the evaluation, samples of metrics

Each line is a `fold_in`. LAST is a number that no step, batch or restart has. Models that see the same draws, those of
one seed, are a *stream*. Nothing depends on the cell, so that cells of one seed are compared on equal draws.
"""

from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray, UInt32

from toymodels.training.engine.threefry import folded, unrolled_key

LAST = 2**32 - 1


class KeyData(NamedTuple):
    """Threefry key data of a chunk: of each model's initial weights (s, r, 2), and of each stream's samples (s, 2)."""

    init: UInt32[np.ndarray | Array, "*s r 2"]
    data: UInt32[np.ndarray | Array, "*s 2"]
    evaluation: UInt32[np.ndarray | Array, "*s 2"]


class StreamKeys(NamedTuple):
    """The keys that all models of a stream have in common."""

    data: PRNGKeyArray
    evaluation: PRNGKeyArray


class ModelKeys(NamedTuple):
    """The keys of one model at one step."""

    noise: PRNGKeyArray
    penalty: PRNGKeyArray
    optimizer: PRNGKeyArray


def key_data_of(seed: UInt32[np.ndarray, "s 2"], restart: Int[np.ndarray, "s r"], independent: bool) -> KeyData:
    """The first keys below each seed, made on the host, where they cost no compilation. `independent`: whether each
    restart has samples of its own."""
    init, data, evaluation = (folded(seed, number) for number in range(3))
    data = folded(data, restart[:, 0]) if independent else data
    return KeyData(folded(init[:, None], restart), data, evaluation)


def stream_keys(data: UInt32[Array | np.ndarray, "2"], evaluation: UInt32[Array | np.ndarray, "2"]) -> StreamKeys:
    """The keys of a stream."""
    return StreamKeys(unrolled_key(data), unrolled_key(evaluation))


def initial_key(init: UInt32[Array, "2"]) -> PRNGKeyArray:
    """The key of a model's initial weights."""
    return unrolled_key(init)


def step_keys(init: UInt32[Array, "2"], step: Int[Array, ""]) -> ModelKeys:
    """The keys of a model at a step."""
    own = _apart(jax.random.fold_in(_apart(jax.random.fold_in(unrolled_key(init), LAST)), step))
    return ModelKeys(*map(_apart, jax.random.split(own, 3)))


def evaluation_keys(init: UInt32[Array, "2"], batch: Int[Array, ""] | int) -> ModelKeys:
    """The keys of a model on a batch of its evaluation."""
    own = _apart(jax.random.fold_in(_apart(jax.random.fold_in(unrolled_key(init), LAST - 1)), batch))
    return ModelKeys(*map(_apart, jax.random.split(own, 3)))


def _apart(key: PRNGKeyArray) -> PRNGKeyArray:
    """The same key, not to be fused with what is made of it: of a chain of keys, XLA would compute each again for every
    use of the next, and compile for minutes."""
    return unrolled_key(jax.lax.optimization_barrier(jax.random.key_data(key)))
