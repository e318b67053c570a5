"""Two features of equal importance in one dimension, correlated in being on: opposite directions, or one for both.

Each feature is on with probability p, the density, and then uniform on [0, 1]. Their correlation c in being on is that
of `CorrelatedSets`. What counts is q = c + (1 - c) p, the probability that a feature is on given that the other is.
Losses are sums over the two features.
"""

import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray, first_fall

BORDER_PROBABILITY = 4 / 7  # q at which `antipodal_loss` and `merged_loss` are equal
NODES = 64  # of the midpoint rule in each dimension: its error is below 1e-4 of a loss


def partner_probability(
    density: Float[AnyArray, "*#batch"], correlation: Float[AnyArray, "*#batch"]
) -> Float[AnyArray, "..."]:
    """q = c + (1 - c) p: the probability that a feature is on given that its partner is.

    >>> float(partner_probability(np.array(0.1), np.array(0.5)))
    0.55
    """
    return correlation + (1 - correlation) * density


def merged_loss(density: Float[AnyArray, "*#batch"], correlation: Float[AnyArray, "*#batch"]) -> Float[AnyArray, "..."]:
    """Expected loss of W = (1, 1) / √2 without biases, which holds the principal component of the two:
    E[(x_1 - x_2)²] / 2 = p (1/3 - q/4).

    >>> round(float(merged_loss(np.array(0.3), np.array(1.0))), 6)  # 0.3 / 12
    0.025
    """
    return density * (1 / 3 - partner_probability(density, correlation) / 4)


def antipodal_loss(
    density: Float[AnyArray, "*#batch"], correlation: Float[AnyArray, "*#batch"]
) -> Float[AnyArray, "..."]:
    """Expected loss of W = (1, -1) without biases: each feature costs the smaller of the two values squared, of which
    the mean is 1/6, when both are on: p q / 3.

    >>> round(float(antipodal_loss(np.array(0.3), np.array(1.0))), 6)
    0.1
    """
    return density * partner_probability(density, correlation) / 3


def unit_border(correlation: Float[AnyArray, "*batch"]) -> Float[AnyArray, "*batch"]:
    """The density at which `antipodal_loss` and `merged_loss` are equal: that at which q = 4/7. From c = 4/7 on there
    is none, and it is 0.

    >>> unit_border(np.array([0.0, 0.5, 0.9])).round(4).tolist()
    [0.5714, 0.1429, 0.0]
    """
    return np.clip((BORDER_PROBABILITY - correlation) / (1 - correlation), 0, None)


def antipodal_terms(scale: float, bias: float) -> tuple[float, float, float]:
    """Expected losses of W = √scale (1, -1) and b = (bias, bias): when no feature is on, one of them, and both.

    >>> [round(term, 3) for term in antipodal_terms(1.0, 0.0)]
    [0.0, 0.0, 0.333]
    """
    x = (np.arange(NODES) + 0.5) / NODES
    none = 2 * max(bias, 0.0) ** 2
    own, other = x - np.maximum(scale * x + bias, 0), np.maximum(bias - scale * x, 0)
    both = x[:, None] - np.maximum(scale * (x[:, None] - x) + bias, 0)
    return none, float((own**2 + other**2).mean()), 2 * float((both**2).mean())


def best_antipodal_loss(
    density: Float[np.ndarray, "*#batch"], correlation: Float[np.ndarray, "*#batch"]
) -> Float[np.ndarray, "..."]:
    """Expected loss of W = √s (1, -1) and b = (β, β) with the best s and β, by quadrature on a grid of both (s from .6
    to 1.4 in steps of .02, β from -.1 to .4 in steps of .01).

    Args:
        density: p, each in [0, 1].
        correlation: c, each in [0, 1].
    """
    density, correlation = np.broadcast_arrays(density, correlation)
    both_on = density * partner_probability(density, correlation)
    one_on, none_on = 2 * (density - both_on), 1 - 2 * density + both_on
    least = np.full(density.shape, np.inf)
    for scale in np.linspace(0.6, 1.4, 41):
        for bias in np.linspace(-0.1, 0.4, 51):
            none, one, both = antipodal_terms(scale, bias)
            least = np.minimum(least, none_on * none + one_on * one + both_on * both)
    return least


def best_border(correlation: Float[np.ndarray, " k"], densities: Float[np.ndarray, " d"]) -> Float[np.ndarray, " k"]:
    """The largest density at which `best_antipodal_loss` is below `merged_loss`, between `densities` by a straight
    line; 0 if there is none.

    Args:
        correlation: (k,), each in [0, 1].
        densities: (d,), ascending, each in (0, 1].
    """
    gap = best_antipodal_loss(densities, correlation[:, None]) - merged_loss(densities, correlation[:, None])
    return np.array([_last_rise(row, densities) for row in gap])


def _last_rise(gap: Float[np.ndarray, " d"], densities: Float[np.ndarray, " d"]) -> float:
    """Where the gap rises through 0 for the last time."""
    return float(np.nan_to_num(first_fall(densities[::-1], gap[::-1])))
