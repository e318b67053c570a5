"""The playground's random numbers, and its features against the library's."""

from typing import Any

import numpy as np
import pytest
from playground_engine import engine, unpacked
from scipy.stats import chisquare, kstest

from toymodels.playground.arguments import train_arguments

# --- Features ---------------------------------------------------------------------------------------------------------

SAMPLES = 400_000
DISTRIBUTIONS = {
    "independent": {"n": 5, "density": 0.3},
    "sparse": {"n": 4, "density": 0.02},
    "dense": {"n": 3, "density": 1},
    "correlated": {"n": 5, "density": 0.2, "pairs": "correlated"},
    "half correlated": {"n": 6, "density": 0.2, "pairs": "correlated", "correlation": 0.5},
    "anticorrelated": {"n": 5, "density": 0.2, "pairs": "anticorrelated"},
    "anticorrelated, one always on": {"n": 3, "density": 0.8, "pairs": "anticorrelated"},
}


@pytest.mark.parametrize("case", DISTRIBUTIONS)
def test_moments(case: str):
    settings = DISTRIBUTIONS[case]
    features = train_arguments(settings)[1].features
    assert largest_deviation(drawn(settings), features) < 5


@pytest.mark.parametrize(
    ("case", "change"),
    [
        ("independent", {"density": 0.31}),
        ("correlated", {"correlation": 0.9}),
        ("half correlated", {"correlation": 0.55}),
        ("anticorrelated", {"density": 0.21}),
        ("anticorrelated", {"pairs": "independent"}),
    ],
)
def test_moments_of_another_distribution_would_differ(case: str, change: dict[str, Any]):
    settings = DISTRIBUTIONS[case]
    features = train_arguments({**settings, **change})[1].features
    assert largest_deviation(drawn(settings), features) > 8


def largest_deviation(x: np.ndarray, features: Any) -> float:
    """Of the sample's first and second moments from those of the features, in standard errors."""
    products = x[:, None] * x[None]
    mean_errors = (x.mean(-1) - features.mean()) / (x.std(-1) / SAMPLES**0.5)
    spread = np.maximum(products.std(-1), 1e-9)  # features that are never on together have none
    errors = (products.mean(-1) - features.second_moment()) / (spread / SAMPLES**0.5)
    return max(abs(mean_errors).max(), abs(errors).max())


@pytest.mark.parametrize("case", DISTRIBUTIONS)
def test_values_are_uniform(case: str):
    for values in drawn(DISTRIBUTIONS[case]):
        on = values[values > 0]
        assert on.max() < 1
        assert kstest(on, "uniform").pvalue > 1e-4


def drawn(settings: dict[str, Any]) -> np.ndarray:
    """x (n, SAMPLES)."""
    x = unpacked(engine("sample", {"settings": {**settings, "seed": 11}, "batch": SAMPLES}))
    return x.reshape(settings["n"], SAMPLES)


# --- Random numbers ---------------------------------------------------------------------------------------------------

DRAWS = 2**18
SEEDS = [0, 1, 2, 3, 2**31, 2**32 - 1]


@pytest.fixture(scope="module")
def uniforms() -> np.ndarray:
    """(seeds, DRAWS)."""
    return np.stack([unpacked(draws) for draws in engine("uniforms", {"seeds": SEEDS, "count": DRAWS})])


def test_uniform_draws(uniforms: np.ndarray):
    assert uniforms.min() >= 0
    assert uniforms.max() < 1
    assert len(np.unique(uniforms)) > 0.999 * uniforms.size  # of 2^32 values
    for draws in uniforms:
        counts, _ = np.histogram(draws, 256, (0, 1))
        assert chisquare(counts).pvalue > 1e-4


def test_draws_do_not_depend_on_earlier_ones(uniforms: np.ndarray):
    centred = (uniforms - 0.5) * 12**0.5
    for lag in (1, 2, 3, 5, 256, 1280):
        correlations = (centred[:, lag:] * centred[:, :-lag]).mean(-1)
        assert abs(correlations).max() < 5 / DRAWS**0.5
    for bit in range(32):
        bits = (uniforms * 2**32).astype(np.uint64) >> np.uint64(bit) & np.uint64(1)
        assert abs(bits.mean(-1) - 0.5).max() < 5 * 0.5 / DRAWS**0.5


def test_neighbouring_seeds_are_not_correlated(uniforms: np.ndarray):
    correlations = np.corrcoef(uniforms)[np.triu_indices(len(SEEDS), 1)]
    assert abs(correlations).max() < 5 / DRAWS**0.5
    # The first draws of many seeds, which make the initial weights.
    first = np.stack([unpacked(draws) for draws in engine("uniforms", {"seeds": list(range(4000)), "count": 10})])
    assert kstest(first.ravel(), "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(first[:-1].ravel(), first[1:].ravel())[0, 1]) < 5 / first.size**0.5
    assert abs(np.corrcoef(np.arange(4000), first[:, 0])[0, 1]) < 5 / 4000**0.5


def test_normal_draws():
    (draws,) = engine("normals", {"seeds": [5], "count": DRAWS})
    assert kstest(unpacked(draws), "norm").pvalue > 1e-4
