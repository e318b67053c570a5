"""The ground floor: small helpers on arrays, numpy's or JAX's. What goes in comes out: each returns arrays of the same
library as it is given."""

from types import ModuleType
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

if TYPE_CHECKING:
    AnyArray = Any  # what goes in comes out, which a union would not say
else:
    AnyArray = np.ndarray | np.generic | jax.Array


def library(array: AnyArray) -> ModuleType:
    """The library, numpy or jax.numpy, to which an array belongs."""
    return np if isinstance(array, np.ndarray | np.generic) else jnp


def ratio(over: AnyArray | float | int, under: AnyArray, otherwise: float = 0.0) -> AnyArray:
    """over / under, and `otherwise` where `under` is 0; arrays are broadcast. The gradient is finite, NaN stays NaN.

    >>> ratio(np.array([1.0, 2.0]), np.array([2.0, 0.0])).tolist()
    [0.5, 0.0]
    """
    xp = library(under)
    there = under != 0
    return xp.where(there, over / xp.where(there, under, 1), otherwise)


def gram(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n n"]:
    """WᵀW: the scalar products of all pairs of columns.

    >>> gram(np.array([[1.0, -1.0, 2.0]])).tolist()
    [[1.0, -1.0, 2.0], [-1.0, 1.0, -2.0], [2.0, -2.0, 4.0]]
    """
    return W.swapaxes(-1, -2) @ W


def norms(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n"]:
    """‖W_i‖, the length of each column; of feature directions, about 1 for a feature that is represented and 0 for one
    that is not (Elhage et al. 2022, "Basic Results").

    >>> norms(np.array([[3.0, 0.0], [4.0, 0.0]])).tolist()
    [5.0, 0.0]
    """
    return (W * W).sum(-2) ** 0.5


def unit_columns(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch m n"]:
    """Each column scaled to length 1; a column of zeros stays what it is.

    >>> unit_columns(np.array([[3.0, 0.0], [4.0, 0.0]])).tolist()
    [[0.6, 0.0], [0.8, 0.0]]
    """
    return ratio(W, norms(W)[..., None, :])


def first_fall(
    x: Float[np.ndarray, " k"], y: Float[np.ndarray, "*batch k"], level: float = 0.0
) -> Float[np.ndarray, "*batch"]:
    """The place at which each curve first falls to `level`, on a straight line between the two points around it: x[0]
    where it begins there, and NaN where it stays above.

    >>> first_fall(np.array([0.0, 1.0, 2.0]), np.array([[5.0, 4.0, 0.0], [0.0, 1.0, 2.0], [7.0, 8.0, 9.0]]), 1.0)
    array([1.75, 0.  ,  nan])
    """
    there = y <= level
    stop = there.argmax(-1)
    start = np.maximum(stop - 1, 0)
    above, below = (np.take_along_axis(y, at[..., None], axis=-1)[..., 0] for at in (start, stop))
    place = x[start] + ratio(above - level, above - below) * (x[stop] - x[start])
    return np.where(there.any(-1), place, np.nan)
