"""What several figures measure."""

import numpy as np
from jaxtyping import Shaped


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
