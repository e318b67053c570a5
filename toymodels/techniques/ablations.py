"""Ablations: what a cut edge carries instead. It is part of a technique's name: the same search finds other circuits
with another ablation."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.cases import Switches


class Replaced(NamedTuple):
    """What there is instead.

    Attributes:
        samples: those towards which a run is moved (n, samples).
        values: of features and neurons, which cut edges carry (held, samples).
    """

    samples: Float[Array, "n samples"]
    values: Float[Array, "held samples"]


Ablation = Callable[[Switches, Float[Array, "n samples"], PRNGKeyArray], Replaced]
"""From the switches, samples and a key."""


def zero(graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray | None = None) -> Replaced:
    """Nothing."""
    return Replaced(jnp.zeros_like(x), jnp.zeros(jax.eval_shape(graph.values, x).shape))


def mean(graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray | None = None) -> Replaced:
    """The mean over samples."""

    def same(rows: Array) -> Array:
        return jnp.broadcast_to(rows.mean(-1, keepdims=True), rows.shape)

    return Replaced(same(x), same(graph.values(x)))


def resample(graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Replaced:
    """What there is in other samples, the same ones for all edges: the samples in random order."""
    others = jax.random.permutation(key, x, axis=-1)
    return Replaced(others, graph.values(others))
