"""Which features share a neuron by chance, and how an L1 penalty chooses a neuron for each: Lecomte et al. 2023, "What
Causes Polysemanticity? An Alternative Origin Story of Mixed Selectivity from Incidental Causes".

The model ReLU(Wᵀ W x) has m neurons, at least as many as it needs, and one of n features is on at a time. A penalty on
‖W‖_1 makes each feature end on a single neuron, with a weight of about 1 or -1. Features of the same sign on the same
neuron disturb each other, those of opposite sign do not, because the ReLU removes their negative product.

A column w of W by itself moves as dw/dt = (1 - ‖w‖²) w - λ sign(w). All its weights grow at one rate, and all that are
left lose λ per time: at every time |w| is in proportion to max(|w(0)| - θ, 0), with one threshold θ for all. So the
order of the weights never changes, and the largest one wins. For small λ the length stays near 1, θ grows as
dθ/dt = λ ‖max(|w(0)| - θ, 0)‖, and ‖w‖_1 and the number of weights that are left follow from θ. (Derived here; the
paper has the rough form ‖w‖_1 ~ 1 / (1/√m + λt).)
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray, as_array, library, ratio
from toymodels.checks import check_integer, check_numbers


class Count(NamedTuple):
    """A number that chance decides.

    Attributes:
        mean: its expectation.
        deviation: its standard deviation.
    """

    mean: float
    deviation: float


class Path(NamedTuple):
    """A column of weights over time; all (thresholds,).

    Attributes:
        time: when the threshold is reached.
        l1: ‖w‖_1.
        remaining: the number of weights that are not zero.
    """

    time: Float[np.ndarray, " thresholds"]
    l1: Float[np.ndarray, " thresholds"]
    remaining: Float[np.ndarray, " thresholds"]


def expected_pairs(n: int, m: int) -> float:
    """n (n - 1) / (4 m), about n² / (4 m): pairs of features that share a neuron and have opposite signs, if each has a
    neuron and a sign by chance (Lecomte et al. 2023).

    >>> expected_pairs(256, 1024)
    15.9375

    Args:
        n: number of features, at least 1.
        m: number of neurons, at least 1.
    """
    _check_sizes("expected_pairs", n, m)
    return n * (n - 1) / (4 * m)


def first_choices(n: int, m: int) -> Count:
    """How many neurons have features of both signs, if each feature has a neuron and a sign by chance, and no regard to
    the others: m (1 - 2 (1 - 1/(2m))ⁿ + (1 - 1/m)ⁿ) on average. It is less than `expected_pairs`, which counts a
    neuron with three features twice.

    >>> round(first_choices(256, 1024).mean, 2)
    14.1

    Args:
        n, m: as in `expected_pairs`.
    """
    _check_sizes("first_choices", n, m)
    one = 1 - 2 * (1 - 1 / (2 * m)) ** n + (1 - 1 / m) ** n
    signs = np.arange(5)
    two = float((np.array([1, -4, 6, -4, 1]) * np.maximum(1 - signs / (2 * m), 0) ** n).sum()) if m > 1 else 0.0
    return _count(m, one, two)


def settled(n: int, m: int) -> Count:
    """How many neurons have features of both signs at the end: a feature that meets another of its sign on its neuron
    moves on to one where there is none. So all ways to put n features on n of the 2m pairs of neuron and sign are
    equally likely, and the mean is n (n - 1) / (4m - 2). (Derived here.)

    >>> round(settled(256, 1024).mean, 2), settled(8, 4)  # where there are 2m features, all neurons have two
    (15.95, Count(mean=4.0, deviation=0.0))

    Args:
        n, m: as in `expected_pairs`, n <= 2m.

    Raises:
        ValueError: if there are more features than pairs of neuron and sign.
    """
    _check_sizes("settled", n, m)
    if n > 2 * m:
        raise ValueError(f"settled needs n <= 2m, a neuron and a sign per feature. Got n = {n}, m = {m}.")
    places, features = 2 * m - np.arange(4), n - np.arange(4)
    shares = np.divide(features, places, out=np.zeros(4), where=places > 0).clip(0)
    return _count(m, float(shares[:2].prod()), float(shares.prod()))


def shrunk(w: Float[AnyArray, "*batch m"], threshold: Any) -> Float[AnyArray, "*batch m"]:
    """sign(w) max(|w| - θ, 0), scaled to length 1: what the flow makes of a column w in time.

    >>> shrunk(np.array([0.1, -0.5, 0.6]), 0.2).round(2).tolist()
    [0.0, -0.6, 0.8]

    Args:
        w: the column at the start.
        threshold: θ, at least 0, a number or one per batch. Beyond the largest weight nothing is left, only zeros.
    """
    w = as_array("w", w)
    xp = library(w)
    left = xp.sign(w) * xp.maximum(abs(w) - xp.asarray(threshold)[..., None], 0)
    return ratio(left, (left**2).sum(-1, keepdims=True) ** 0.5)


def gaussian_path(m: int, strength: float, thresholds: Float[np.ndarray, " thresholds"]) -> Path:
    """A column of many weights that start from a normal distribution of variance 1/m, which has a length of about 1.

    With Q and φ of the normal distribution and θ = τ/√m, the number left is 2 m Q(τ), and ‖w‖_1 = √m M_1 / √M_2, where
    M_1 = 2 (φ - τ Q) and M_2 = 2 ((1 + τ²) Q - τ φ) are the moments of max(|z| - τ, 0). ‖w‖_1 starts from √(2m/π), and
    1/‖w‖_1 rises with a slope between (π/2 - 1) λ, at the start, and λ, at the end; the number left is between
    (π/2) ‖w‖_1² and 2 ‖w‖_1². It holds as long as many are left.

    >>> path = gaussian_path(10_000, 1e-4, np.array([0.0, 3.0]))
    >>> path.time.round().tolist(), path.l1.round(1).tolist(), path.remaining.round().tolist()
    ([0.0, 3002.0], [79.8, 3.8], [10000.0, 27.0])

    Args:
        m: number of weights.
        strength: λ, positive. The loss (1 - ‖w‖²)² + s ‖w‖_1 has λ = s/4 and four times as much time per time.
        thresholds: τ, ascending from 0 or more, at most 30.

    Raises:
        ValueError: for numbers out of range.
    """
    from scipy.special import erfcx  # not above: it takes a quarter of a second to import

    check_integer("gaussian_path", "m", m, minimum=1)
    check_numbers("gaussian_path", "strength", strength, minimum=1e-30)
    tau = np.asarray(thresholds, dtype=float)
    check_numbers("gaussian_path", "thresholds", tau, length=tau.size, minimum=0, maximum=30)
    if (np.diff(tau) < 0).any():
        raise ValueError(f"thresholds of gaussian_path must ascend. Got {tau}.")

    def moments(tau: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """2Q, M_1, M_2."""
        density = np.exp(-(tau**2) / 2) / (2 * np.pi) ** 0.5
        beyond = density * (np.pi / 2) ** 0.5 * erfcx(tau / 2**0.5)
        return 2 * beyond, 2 * (density - tau * beyond), 2 * ((1 + tau**2) * beyond - tau * density)

    fine = np.linspace(0, tau.max(initial=1e-9), 20_001)
    speed = moments(fine)[2] ** -0.5
    steps = np.concatenate([np.zeros(1), np.cumsum((speed[1:] + speed[:-1]) / 2 * np.diff(fine))])
    left, first, second = moments(tau)
    scale = m**0.5
    return Path(np.interp(tau, fine, steps) / (strength * scale), scale * first / second**0.5, m * left)


def _count(m: int, one: float, two: float) -> Count:
    """Of m neurons alike: the chance of one, and of two together."""
    mean = m * one
    return Count(mean, max(mean * (1 - mean) + m * (m - 1) * two, 0.0) ** 0.5)


def _check_sizes(owner: str, n: int, m: int) -> None:
    check_integer(owner, "n", n, minimum=1)
    check_integer(owner, "m", m, minimum=1)
