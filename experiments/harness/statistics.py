"""What several figures measure."""

import numpy as np
from jaxtyping import Float, Shaped

from toymodels.analysis import geometry
from toymodels.arrays import ratio


def rank_correlation(a: Shaped[np.ndarray, " k"], b: Shaped[np.ndarray, " k"]) -> float:
    """Spearman's: the correlation of the ranks, where values that are equal share the mean of their ranks. NaN where a
    value is.

    >>> round(rank_correlation(np.array([1, 2, 3]), np.array([0.1, 0.1, 7.0])), 3)
    0.866
    """
    if np.isnan(a).any() or np.isnan(b).any():
        return float("nan")
    ranks = [np.unique(values, return_inverse=True, return_counts=True)[1:] for values in (a, b)]
    first, second = ((np.cumsum(counts) - (counts - 1) / 2)[inverse] for inverse, counts in ranks)
    return float(np.corrcoef(first, second)[0, 1])


def mean_interference(W: Float[np.ndarray, "*batch m n"], none: float = np.nan) -> Float[np.ndarray, "*batch"]:
    """Mean interference of the represented features of each model; `none` for a model that represents none."""
    there = geometry.represented(W)
    return ratio((geometry.interference(W) * there).sum(-1), there.sum(-1), none)
