"""Frames, n unit vectors in m dimensions, as initializers of weights: functions of (key, shape (m, n), dtype).

What they make needs no training:

    Autoencoder(20, 10, initializer=frames.tight)
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.arrays import unit_columns


def axes(key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "m n"]:
    """A dimension each for the first m features, nothing for others."""
    return jnp.eye(*shape, dtype=dtype)


def antipodal(key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "m n"]:
    """Antipodal pairs: features 2k and 2k + 1 along axis k, one each way.

    >>> antipodal(jax.random.key(0), (2, 4)).tolist()
    [[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]]

    Raises:
        ValueError: for more than two features per dimension.
    """
    m, n = shape
    if n > 2 * m:
        raise ValueError(f"antipodal must have at most two features per dimension. Got {n} in {m} dimensions.")
    one_way, other_way = (jnp.kron(jnp.eye(m, dtype=dtype), jnp.array([pair], dtype)) for pair in ([1, 0], [0, 1]))
    return (one_way - other_way)[:, :n]


def random(key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "m n"]:
    """Random directions."""
    return unit_columns(jax.random.normal(key, shape, dtype))


def tight(key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "m n"]:
    """A tight frame, W Wᵀ = (n/m) 1: every direction is used equally, and each feature has m/n of a dimension.

    It is a harmonic one (Hirn 2010, section 1), of real numbers: rows are cosines and sines of different frequencies
    over the n-th roots of unity, chosen by the key; of an odd number of rows one is constant. In two dimensions it is
    the polygon.

    Raises:
        ValueError: for fewer features than dimensions.
    """
    m, n = shape
    if n < m:
        raise ValueError(f"tight must have at least as many features as dimensions. Got {n} in {m} dimensions.")
    if n == m:
        return jnp.eye(n, dtype=dtype)
    # Frequency 1 is always there, so that no two features share a direction.
    others = jax.random.permutation(key, np.arange(2, (n - 1) // 2 + 1))
    frequencies = jnp.concatenate([jnp.ones(1, others.dtype), others])[: m // 2]
    angles = 2 * jnp.pi * (frequencies[:, None] * jnp.arange(n)[None, :] % n) / n
    waves = math.sqrt(2 / m) * jnp.concatenate([jnp.cos(angles), jnp.sin(angles)])
    constant = jnp.full((m % 2, n), m**-0.5)
    return jnp.concatenate([waves, constant]).astype(dtype)
