"""The stream: one vector in which a model holds named values, each along its column of a frame."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.checks import check_integer
from toymodels.models.functions import Initializer


def stream_frame(initializer: Initializer, key: Array, n_hidden: int | None, n_held: int) -> Float[Array, "m held"]:
    """A frame of `n_hidden` dimensions for `n_held` values; 1 where each has its own."""
    if n_hidden is None or n_hidden == n_held:
        return jnp.eye(n_held)
    return initializer(key, (n_hidden, n_held), float)


def check_n_hidden(owner: str, n_hidden: Any, n_held: int, what: str) -> None:
    """Raise unless a stream may have `n_hidden` dimensions for the `n_held` values, called `what`, that it holds."""
    if n_hidden is not None:
        check_integer(owner, "n_hidden", n_hidden, minimum=1)
        if n_hidden > n_held:
            raise ValueError(f"n_hidden of {owner} must be at most {n_held}, the number of {what}. Got {n_hidden}.")
