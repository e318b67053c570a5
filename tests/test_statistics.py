"""Rank correlation against scipy's."""

import numpy as np
from scipy.stats import spearmanr

from experiments.harness.statistics import rank_correlation


def test_rank_correlation_is_spearmans_with_and_without_ties():
    rng = np.random.default_rng(0)
    a = rng.normal(size=30)
    for b in (a + rng.normal(size=30), -a, rng.integers(0, 5, 30)):
        assert np.isclose(rank_correlation(a, b), spearmanr(a, b).statistic)


def test_rank_correlation_of_what_is_no_number_is_none():
    assert np.isnan(rank_correlation(np.array([1.0, np.nan, 3.0]), np.arange(3)))
