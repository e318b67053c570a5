"""How often each of many features is on: densities that fall from feature to feature."""

import numpy as np
from jaxtyping import Float

from toymodels.checks import check_integer, check_numbers


def zipf(
    n_features: int,
    exponent: float | int = 1.0,
    *,
    largest: float | int | None = None,
    mean_on: float | int | None = None,
) -> Float[np.ndarray, " n"]:
    """Densities (n,) that fall as a power of the rank: that of feature i = 0, 1, ... is in proportion to
    (i + 1)^-exponent.

    Args:
        n_features: number of features n.
        exponent: at least 0, where all features are alike.
        largest: the density of feature 0, in (0, 1]. Give this or `mean_on`.
        mean_on: mean number of features that are on, the sum of the densities.

    Raises:
        ValueError: for a number out of range, or a density above 1.

    >>> zipf(4, 1.0, largest=0.6)
    array([0.6 , 0.3 , 0.2 , 0.15])
    """
    check_integer("zipf", "n_features", n_features, minimum=1)
    check_numbers("zipf", "exponent", exponent, minimum=0)
    return _scaled("zipf", np.arange(1, n_features + 1) ** -float(exponent), largest, mean_on)


def geometric(
    n_features: int, decay: float | int, *, largest: float | int | None = None, mean_on: float | int | None = None
) -> Float[np.ndarray, " n"]:
    """Densities (n,) that fall by the same factor from each feature to the next: that of feature i = 0, 1, ... is in
    proportion to decay^i. In Sharkey et al. 2022 there are 512 features, the decay is 0.99, and 5 are on on average.

    Args:
        n_features: number of features n.
        decay: in [0, 1].
        largest: the density of feature 0, in (0, 1]. Give this or `mean_on`.
        mean_on: mean number of features that are on, the sum of the densities.

    Raises:
        ValueError: for a number out of range, or a density above 1.

    >>> geometric(3, 0.5, mean_on=0.7)
    array([0.4, 0.2, 0.1])
    """
    check_integer("geometric", "n_features", n_features, minimum=1)
    check_numbers("geometric", "decay", decay, minimum=0, maximum=1)
    return _scaled("geometric", float(decay) ** np.arange(n_features), largest, mean_on)


def _scaled(
    owner: str, weights: Float[np.ndarray, " n"], largest: float | int | None, mean_on: float | int | None
) -> Float[np.ndarray, " n"]:
    """Densities in proportion to weights, of which the first is the largest."""
    if (largest is None) == (mean_on is None):
        raise ValueError(f"{owner} needs either largest or mean_on. Got largest={largest} and mean_on={mean_on}.")
    if mean_on is None:
        check_numbers(owner, "largest", largest, minimum=0, maximum=1)
        return weights * (float(largest) / weights[0])  # type: ignore[arg-type]
    check_numbers(owner, "mean_on", mean_on, minimum=0)
    densities = weights * (float(mean_on) / weights.sum())
    if densities[0] > 1:
        raise ValueError(
            f"mean_on of {owner} must be at most {weights.sum() / weights[0]:g} for these features, or the first would "
            f"have a density above 1. Got {mean_on:g}."
        )
    return densities
