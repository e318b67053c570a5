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


def as_array(name: str, value: Any) -> AnyArray:
    """A value as an array: numpy's and JAX's as they are; tensors of torch, xarray's DataArrays and lists as numpy's.

    Raises:
        TypeError: for what has no numbers, and for a `Run`; `name` is the argument to name.
    """
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return value
    if hasattr(value, "params") and hasattr(value, "restart"):
        raise TypeError(f"{name} is a Run. Give weights: run.W[0] are those of its best restart, run.W those of all.")
    array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of numbers. Got a {type(value).__name__}.")
    return array


def weights_of_one(owner: str, W: Any, *, hidden: int | None = None) -> Float[np.ndarray, "m n"]:
    """The weights of one model as numpy's array (m, n).

    Args:
        owner: the function to name in errors.
        W: weights.
        hidden: how many hidden dimensions m there must be.

    Raises:
        TypeError: as `as_array`.
        ValueError: for weights of several models, and for rows that are features where they can be told.
    """
    array = np.asarray(as_array(f"W of {owner}", W))
    if array.ndim > 2:
        raise ValueError(
            f"W of {owner} must be the weights of one model, (m, n). Got shape {array.shape}: of a run, the best one's "
            "are run.W[0]."
        )
    if array.ndim < 2 or (hidden is not None and array.shape[0] != hidden):
        turned = ": features are columns here, give W.T" if array.ndim == 2 and array.shape[1] == hidden else ""
        wanted = f"({hidden}, n)" if hidden is not None else "(m, n)"
        raise ValueError(f"W of {owner} must have shape {wanted}. Got {array.shape}{turned}.")
    return array


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
    W = as_array("W", W)
    return W.swapaxes(-1, -2) @ W


def norms(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n"]:
    """‖W_i‖, the length of each column; of feature directions, about 1 for a feature that is represented and 0 for one
    that is not (Elhage et al. 2022, "Basic Results").

    >>> norms(np.array([[3.0, 0.0], [4.0, 0.0]])).tolist()
    [5.0, 0.0]
    """
    W = as_array("W", W)
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
