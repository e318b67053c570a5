"""What every distribution is made of: uniform draws, and what training asks of features.

A draw w is a place from the top of the unit interval, in units of 2^-31: half of an odd number, exact where it is
small. A feature of density p is on where w <= 2^31 p, and then w / p is such a draw again: one draw tells whether a
feature is on, and its value. So rates and moments are right down to densities of 1e-7, where a common uniform draw, a
multiple of 2^-23, is too coarse. Draws stay unscaled so that compilers keep one array of them for all models, not two.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Integer, PRNGKeyArray

SMALLEST_DENSITY = 1e-7
"""Other densities must be 0 or at least this: of rarer features a draw of 31 bits tells too little."""


TOP = 2.0**31


def draws(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Uniform draws w from (0, 2^31]."""
    bits = jax.random.bits(key, shape, jnp.uint32)
    places = jax.lax.shift_right_logical(~bits, jnp.uint32(1)).astype(jnp.int32)
    return places.astype(float) + 0.5


def split_draw(w: Float[Array, "*n batch"], probability: Float[Array, "..."]) -> tuple[Array, Float[Array, "*n batch"]]:
    """Whether an event of some probability happens, and, where it does, a draw w again."""
    return w <= TOP * probability, w / jnp.where(probability > 0, probability, 1.0)


def ranks(w: Float[Array, "..."]) -> Float[Array, "..."]:
    """Draws as ranks in the open (0, 1), for inverse distribution functions, which may be infinite at its ends."""
    edge = np.finfo(w.dtype).epsneg
    return jnp.clip(1.0 - w / TOP, edge, 1.0 - edge)


def can(features: Any, method: str) -> bool:
    """Whether the features have an optional method. A field of its name, such as an array `batch`, is none."""
    return callable(getattr(features, method, None))


def batch_of(features: Any, key: PRNGKeyArray, step: Integer[Array, ""] | int, batch_size: int) -> Any:
    """The samples of a step: `features.batch(key, step, batch_size)` where the features know of steps, as epochs need,
    else `features.sample` with a key of the step's own.

    Args:
        key: the same at every step.
    """
    if can(features, "batch"):
        return features.batch(key, step, batch_size)
    return features.sample(jax.random.fold_in(key, step), batch_size)


def prepared(features: Any, key: PRNGKeyArray) -> Any:
    """What the features are all through a training: `features.prepare(key)` if they draw a data set."""
    return features.prepare(key) if can(features, "prepare") else features


def everything(features: Any) -> Any:
    """All samples of a finite data set, None where samples are drawn without end."""
    return features.everything() if can(features, "everything") else None
