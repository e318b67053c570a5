"""The quadratic toy model of Scherlis et al. 2022, "Polysemanticity and Capacity in Neural Networks": its loss, and how
it divides its dimensions among features.

The model Σ_k (W_k·x)² + b = ‖Wx‖² + b is to compute Σ_i v_i x_i², with v_i >= 0, from independent features of mean 0,
variance 1 and kurtosis κ_i = E[x_i⁴]. The loss is the expected squared error. The capacity C_i of a feature is
`analysis.geometry.dimensionality`, in [0, 1]; Σ_i C_i <= m.

By itself, feature i with capacity C has its least loss at ‖W_i‖² = λ C, where λ(C) = v (κ - 1) / (2 + (κ - 3) C), and a
little more capacity then lowers the loss by 2 λ² times as much. So a good division gives all features that share the
same λ, and a W whose columns share an eigenspace of W Wᵀ, with the eigenvalue λ, has these capacities: what is best for
each feature can be had for all at once. All numbers below follow from λ. (The formulas are derived here: the paper's
full text was not at hand.)
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from toymodels.arrays import AnyArray, as_array, gram, library, ratio
from toymodels.checks import check_numbers
from toymodels.features.distributions import SIGNED_UNIFORM, Values

PerFeature = Any
"""One number, or one per feature."""


class Borders(NamedTuple):
    """Where the phases of two features in one dimension meet, as ratios v_2 / v_1.

    Attributes:
        ignored: up to which feature 2 is ignored.
        dedicated: from which it has the dimension to itself; in between it is shared.
    """

    ignored: Float[AnyArray, "*batch"]
    dedicated: Float[AnyArray, "*batch"]


def expected_loss(
    W: Float[AnyArray, "*batch m n"], v: PerFeature, kurtosis: PerFeature, b: Any = None
) -> Float[AnyArray, "*batch"]:
    """Σ_i (κ_i - 1)(v_i - ‖W_i‖²)² + 2 Σ_{i≠j} (W_i·W_j)², and (Σ_i v_i - Σ_i ‖W_i‖² - b)² for a given constant b.

    >>> float(expected_loss(np.array([[1.0, 1.0]]), 1.0, 5.0))  # both represented, and each seen as the other
    4.0

    Args:
        W: (..., m, n).
        v: v_i.
        kurtosis: κ_i, at least 1.
        b: the constant, (...,); the best one, Σ_i v_i - Σ_i ‖W_i‖², if it is not given.
    """
    products = gram(W)
    lengths = products.diagonal(axis1=-2, axis2=-1)
    lengths, v, kurtosis = _alike(lengths, v, kurtosis)
    own = (kurtosis - 1) * (v - lengths) ** 2
    loss = own.sum(-1) + 2 * ((products**2).sum((-1, -2)) - (lengths**2).sum(-1))
    return loss if b is None else loss + ((v - lengths).sum(-1) - b) ** 2


def eigenvalue(capacity: Float[AnyArray, "*batch"], v: PerFeature, kurtosis: PerFeature) -> Float[AnyArray, "*batch"]:
    """λ = v (κ - 1) / (2 + (κ - 3) C): ‖W_i‖² / C_i where the loss of the feature is least, and the eigenvalue of W Wᵀ
    whose eigenspace the feature is in. It is v for a dedicated dimension.

    >>> eigenvalue(np.array([0.0, 0.5, 1.0]), 3.0, 5.0).tolist()
    [6.0, 4.0, 3.0]
    """
    capacity, v, kurtosis = _alike(capacity, v, kurtosis)
    return ratio(v * (kurtosis - 1), 2 + (kurtosis - 3) * capacity)


def squared_norm(capacity: Float[AnyArray, "*batch"], v: PerFeature, kurtosis: PerFeature) -> Float[AnyArray, "*batch"]:
    """λ C = v (κ - 1) / (κ - 1 + 2 (1 / C - 1)): the ‖W_i‖² with the least loss for a capacity.

    >>> squared_norm(np.array([0.0, 0.5, 1.0]), 3.0, 5.0).tolist()
    [0.0, 2.0, 3.0]
    """
    return as_array("capacity", capacity) * eigenvalue(capacity, v, kurtosis)


def feature_loss(capacity: Float[AnyArray, "*batch"], v: PerFeature, kurtosis: PerFeature) -> Float[AnyArray, "*batch"]:
    """2 λ v (1 - C): the least loss of a feature that has some capacity, v² (κ - 1) if it is ignored and 0 if it has a
    dimension of its own. The sum over features is the least loss of all models with these capacities, and is reached by
    those of `allocation`.

    >>> feature_loss(np.array([0.0, 0.5, 1.0]), 3.0, 5.0).tolist()
    [36.0, 12.0, 0.0]
    """
    _, each, _ = _alike(capacity, v, kurtosis)
    return 2 * each * (1 - as_array("capacity", capacity)) * eigenvalue(capacity, v, kurtosis)


def marginal_gain(
    capacity: Float[AnyArray, "*batch"], v: PerFeature, kurtosis: PerFeature
) -> Float[AnyArray, "*batch"]:
    """2 λ²: by how much a little more capacity lowers `feature_loss`, per capacity. It falls with C for κ > 3, where
    features share; it does not depend on C for κ = 3; and it rises for κ < 3, where each has all of a dimension or
    none.

    >>> marginal_gain(np.array([0.0, 0.5, 1.0]), 3.0, 5.0).tolist()
    [72.0, 32.0, 18.0]
    """
    return 2 * eigenvalue(capacity, v, kurtosis) ** 2


def allocation(v: Float[AnyArray, " n"], kurtosis: PerFeature, total: float | int) -> Float[np.ndarray, " n"]:
    """The capacities (n,) with the least loss that sum to `total`, or to less where nothing is left to gain.

    Features with κ >= 3 fill up together like vessels joined by pipes: they are given capacity up to the same λ. Those
    with κ < 3 have all of a dimension or none, but for one at most.

    >>> allocation(np.array([3.0, 2.0, 1.5, 0.5]), 5.0, 2).round(4).tolist()  # dedicated, two that share, ignored
    [1.0, 0.7143, 0.2857, 0.0]
    >>> allocation(np.array([3.0, 2.0, 1.5, 0.5]), 2.0, 2).tolist()
    [1.0, 1.0, 0.0, 0.0]

    Args:
        v: v_i, at least 0.
        kurtosis: κ_i, at least 1. Of κ = 3 and equal v, all have the same share. With k features below 3, the time
            grows as k n² and k `total` n.
        total: at least 0; the number of dimensions m for a model's optimum.

    Raises:
        ValueError: for numbers out of range.
    """
    v = np.asarray(v, dtype=float)
    check_numbers("allocation", "v", v, length=v.size, minimum=0)
    check_numbers("allocation", "kurtosis", kurtosis, length=v.size, minimum=1)
    check_numbers("allocation", "total", total, minimum=0)
    kurtosis = np.broadcast_to(np.asarray(kurtosis, dtype=float), v.shape)
    if_ignored = v**2 * (kurtosis - 1)
    if total >= np.count_nonzero(if_ignored):
        return (if_ignored > 0).astype(float)
    ramps = (if_ignored > 0) & (kurtosis >= 3)
    rising = np.flatnonzero((if_ignored > 0) & (kurtosis < 3))
    rising = rising[np.argsort(-if_ignored[rising], kind="stable")]
    found = []
    for one in (None, *rising):  # the feature with κ < 3 that may have a part of a dimension
        whole = rising[rising != one] if one is not None else rising
        path = _path(v, kurtosis, ramps | (np.arange(v.size) == one) if one is not None else ramps)
        for count in range(min(len(whole), int(total)) + 1):  # of two with κ < 3, the one that matters more comes first
            for capacity in _with_total(path, total - count):
                capacity[whole[:count]] = 1
                found.append(capacity)
    return min(found, key=lambda capacity: feature_loss(capacity, v, kurtosis).sum())


def pair_share(
    v_ratio: float | Float[AnyArray, "*#batch"], kurtosis: float | Float[AnyArray, "*#batch"]
) -> Float[np.ndarray, "*#batch"]:
    """C_2 = 1 - C_1 of the best model of two features in one dimension:
    (r (κ - 1) - 2) / ((κ - 3)(1 + r)) within [0, 1], where r = v_2 / v_1. For κ <= 3 it is 0 below r = 1, 1 above.

    >>> pair_share(np.array([0.25, 0.5, 1.0, 4.0]), 5.0).tolist()
    [0.0, 0.0, 0.5, 1.0]

    Args:
        v_ratio: r, positive.
        kurtosis: κ, the same for both features; `allocation` takes others.
    """
    v_ratio, kurtosis = np.broadcast_arrays(np.asarray(v_ratio, float), np.asarray(kurtosis, float))
    shared = ratio(v_ratio * (kurtosis - 1) - 2, (kurtosis - 3) * (1 + v_ratio))
    return np.where(kurtosis > 3, np.clip(shared, 0, 1), 0.5 + 0.5 * np.sign(v_ratio - 1))


def pair_borders(kurtosis: float | Float[AnyArray, "*batch"]) -> Borders:
    """The phases of two features in one dimension, which they share for 2 / (κ - 1) < v_2 / v_1 < (κ - 1) / 2. For
    κ <= 3 they never do, and both borders are 1.

    >>> pair_borders(np.array([2.0, 5.0]))
    Borders(ignored=array([1. , 0.5]), dedicated=array([1., 2.]))
    """
    dedicated = np.maximum(1.0, (np.asarray(kurtosis, dtype=float) - 1) / 2)
    return Borders(1 / dedicated, dedicated)


def kurtosis(
    density: float | Float[AnyArray, "*batch"], values: Values = SIGNED_UNIFORM
) -> Float[np.ndarray, "*batch"]:
    """E[(x - E x)⁴] / Var(x)² of a feature that is on with some probability: 9 / (5 p) for values uniform on [-1, 1].

    The moments of values are integrals over their inverse distribution function by Gauss and Legendre's rule: exact
    where it is a polynomial, as for uniform values, and to about 1e-4 for exponential and normal ones.

    >>> kurtosis(np.array([1.0, 0.1])).round(4).tolist()
    [1.8, 18.0]

    Args:
        density: p, in (0, 1].
        values: distribution of the value of a feature that is on.
    """
    density = np.asarray(density, dtype=float)
    nodes, weights = np.polynomial.legendre.leggauss(64)
    t = (nodes + 1) / 2
    u = t**2 * (3 - 2 * t)  # most nodes are near the ends, where values may be large
    weights = weights * 3 * t * (1 - t)
    value = np.asarray(values.inverse_cdf(jnp.asarray(u)), dtype=float)
    first, second, third, fourth = (density * (weights * value**power).sum() for power in (1, 2, 3, 4))
    variance = second - first**2
    return ratio(fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4, np.asarray(variance**2), np.nan)


def _alike(capacity: Any, v: PerFeature, kurtosis: PerFeature) -> tuple[AnyArray, AnyArray, AnyArray]:
    """All three in one shape."""
    capacity = as_array("capacity", capacity)
    xp = library(capacity)
    first, second, third = xp.broadcast_arrays(capacity, xp.asarray(v, dtype=float), xp.asarray(kurtosis, dtype=float))
    return first, second, third


def _path(
    v: Float[np.ndarray, " n"], kurtosis: Float[np.ndarray, " n"], moving: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, "points n"]:
    """The capacities of the features that move, as λ falls; between points they are on straight lines.

    In u = 1/λ each C = (v (κ - 1) u - 2) / (κ - 3) is a ramp from u = 2 / (v (κ - 1)) to 1 / v: up for κ > 3, down for
    κ < 3, a jump for κ = 3. Each of these points is there twice, before its jumps and after them.
    """
    start, end = 2 / (v[moving] * (kurtosis[moving] - 1)), 1 / v[moving]
    u = np.sort(np.concatenate([np.zeros(1), start, end]))[:, None]
    jumps = kurtosis[moving] == 3
    before, after = (
        np.where(jumps, there, np.clip(ratio(u - start, end - start), 0, 1)) for there in (u > end, u >= end)
    )
    path = np.zeros((2 * len(u), v.size))
    path[::2, moving], path[1::2, moving] = before, after
    return path


def _with_total(path: Float[np.ndarray, "points n"], total: float | int) -> Iterator[Float[np.ndarray, " n"]]:
    """All capacities along a path that sum to `total`."""
    sums = path.sum(-1)
    for at in np.flatnonzero((sums[:-1] - total) * (sums[1:] - total) <= 0):
        share = float(ratio(total - sums[at], np.asarray(sums[at + 1] - sums[at])))
        yield path[at] + share * (path[at + 1] - path[at])
