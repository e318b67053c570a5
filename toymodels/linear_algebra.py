"""Decompositions of small matrices inside programs for many models: on a CPU, one matrix after the other.

JAX 0.10 spreads a batch of them over the threads of the CPU, and waits for it on one of these threads. On a machine
with few cores all of them can come to wait, and the program stands still for ever. A GPU takes the whole batch at once:
there, a thousand matrices one by one take a thousand times as long.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray, library, ratio


def eigh(a: Float[AnyArray, "*batch m m"]) -> tuple[Float[AnyArray, "*batch m"], Float[AnyArray, "*batch m m"]]:
    """Eigenvalues in ascending order and eigenvectors, by column, of symmetric matrices, of numpy's or JAX's.

    >>> eigh(np.array([[2.0, 0.0], [0.0, 1.0]]))[0].tolist()
    [1.0, 2.0]
    """
    return _each(_eigh, a)


def svd(
    a: Float[AnyArray, "*batch rows columns"],
) -> tuple[Float[AnyArray, "*batch rows k"], Float[AnyArray, "*batch k"], Float[AnyArray, "*batch k columns"]]:
    """U, s and Vᵀ of matrices U diag(s) Vᵀ, of numpy's or JAX's, without what belongs to no singular value."""
    return _each(_svd, a)


def qr(
    a: Float[AnyArray, "*batch rows columns"],
) -> tuple[Float[AnyArray, "*batch rows k"], Float[AnyArray, "*batch k columns"]]:
    """Q and R of matrices Q R, of numpy's or JAX's."""
    return _each(_qr, a)


def pinv(a: Float[AnyArray, "*batch rows columns"], rtol: float) -> Float[AnyArray, "*batch columns rows"]:
    """The pseudo-inverse, without singular values below `rtol` of the largest."""
    left, singular, right = svd(a)
    there = singular > rtol * singular[..., :1]
    return (right.swapaxes(-1, -2) * ratio(1.0 * there, singular)[..., None, :]) @ left.swapaxes(-1, -2)


def _eigh(a: AnyArray) -> Any:
    return tuple(library(a).linalg.eigh(a))


def _qr(a: AnyArray) -> Any:
    return tuple(library(a).linalg.qr(a))


def _svd(a: AnyArray) -> Any:
    return tuple(library(a).linalg.svd(a, full_matrices=False))


def _each(function: Callable[[Any], Any], a: AnyArray) -> Any:
    """The function of each matrix of a batch."""
    return function(a) if library(a) is np else _as_the_device_likes(function, a)


@partial(jax.jit, static_argnums=0)
def _as_the_device_likes(function: Callable[[Any], Any], a: AnyArray) -> Any:
    """One matrix after the other on a CPU, else all at once."""
    one = jax.custom_batching.sequential_vmap(function)
    for _ in range(a.ndim - 2):
        one = jax.vmap(one)
    return jax.lax.platform_dependent(a, cpu=one, default=function)
