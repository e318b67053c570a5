"""The edges of the hand-set induction head, as functions of their switches."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from toymodels.cases.transformer import InductionModule

SOURCES = np.array([0, 1, 0, 1, 2, 0, 1, 2, 3])
TARGETS = np.array([2, 2, 3, 3, 3, 4, 4, 4, 4])
"""Every edge from a vertex of its graph to a later one: tokens 0, positions 1, previous tokens 2, where the induction
head looks 3, and the next token 4."""


class Wired(NamedTuple):
    """What `Switches` are made of."""

    sources: Int[np.ndarray, " edges"]
    targets: Int[np.ndarray, " edges"]
    run: Callable[..., tuple[Array, Array]]


def induction_edges(module: InductionModule, frame: Float[Array, "m named"]) -> Wired:
    """The edges of an induction head whose named dimensions are held along the columns of a frame.

    Samples are one-hot tokens, (vocabulary length, samples), as of `InductionModule.one_hot`. Values are rows: tokens
    (vocabulary length), positions (length length), previous tokens (vocabulary length), and where the induction head
    looks (length).
    """
    V, T = len(module.OV1[...]), len(module.QK1[...])
    token, position, previous = jnp.split(frame, module.stops, axis=1)
    stops = np.cumsum([V * T, T * T, V * T])

    def run(
        on: Float[Array, " edges"], x: Float[Array, "n samples"], instead: Float[Array, "held samples"] | None
    ) -> tuple[Float[Array, "vocabulary samples"], Float[Array, "held samples"]]:
        if x.shape[0] != V * T:
            raise ValueError(
                f"samples of an induction head's switches must be one-hot tokens ({V * T}, samples), as of its "
                f"`one_hot(tokens)`. Got shape {x.shape}."
            )
        count = x.shape[1]
        shapes = ((V, T, count), (T, T, count), (V, T, count), (T, count))
        others: list[Any] = [0.0] * 4
        if instead is not None:
            others = [one.reshape(shape) for one, shape in zip(jnp.split(instead, stops), shapes, strict=True)]
        values = [x.reshape(shapes[0]), jnp.broadcast_to(jnp.eye(T)[:, :, None], shapes[1])]

        def carried(edge: int) -> Array:
            source = SOURCES[edge]
            return on[edge] * values[source] + (1 - on[edge]) * others[source]

        def stream(*edges: int) -> Float[Array, "m position samples"]:
            parts = (token, position, previous)
            return sum((jnp.tensordot(parts[SOURCES[edge]], carried(edge), 1) for edge in edges), jnp.zeros(()))

        values.append(module.before(stream(0, 1), token, position))
        values.append(module.same(stream(2, 3, 4), token, previous))
        outputs = module.next(stream(5, 6, 7), carried(8), token)
        return outputs, jnp.concatenate([one.reshape(-1, count) for one in values])

    return Wired(SOURCES, TARGETS, run)
