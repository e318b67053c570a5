"""Regular polygons in the toy model with one feature on at a time (Chen et al. 2023, "Dynamical versus Bayesian Phase
Transitions in a Toy Model of Superposition"): their exact losses, and how singular they are.

Exactly one of n features is on, each as often, and uniform on [0, 1]; the loss of x' = ReLU(WᵀWx + b) is summed over
outputs. For any W and b it is `expansion.one_hot_loss` at probabilities 1/n. In two dimensions, k features may be the
corners of a regular polygon with one length ‖W_i‖ and one bias; the others have W_i = 0. By symmetry a polygon is a
critical point of the loss wherever it is one along these two numbers.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from toymodels.checks import check_integer, check_numbers


class Polygon(NamedTuple):
    """A regular polygon that is a critical point.

    Attributes:
        length: ‖W_i‖ of its corners.
        bias: b_i of its corners.
        error: the sum over the corners of their outputs' expected errors, while each of them is on once: n times its
            part of the loss.
    """

    length: float
    bias: float
    error: float


def polygon(k: int) -> Polygon:
    """The regular k-gon. Up to 4 corners it has no error, as no two are at less than 90°.

    Among 5 to 8 corners, and among 12, a corner's feature turns on the outputs of all corners at less than 90° from it.
    Among 9 to 11 and 13 to 203, the farther ones of these stay silent. Chen et al. report no n-gon for 9 <= n <= 203
    but where 4 divides n. A formula in which all of them are on would explain it; which one they use is not known. The
    loss as it is has no slope at any of them: the 9-gon among 9 features is a minimum, the next three are saddles.

    >>> polygon(4), [round(one, 6) for one in polygon(5)]
    (Polygon(length=1.0, bias=0.0, error=0.0), [1.17046, -0.282297, 0.079128])

    Args:
        k: number of corners, at least 2.

    Raises:
        ValueError: if k is out of range, and where none is found.
    """
    check_integer("polygon", "k", k, minimum=2)
    return _polygon(int(k))


def polygon_loss(k: int, n_features: int, biased: int = 0) -> float:
    """The loss of a k-gon among n features, of which the other n - k have W_i = 0. With the bias 0 each of them costs
    1 / (3 n); with 1 / (2 n), the best one, 1 / (4 n²) less.

    >>> [round(polygon_loss(*one), 5) for one in ((4, 6), (4, 6, 1), (5, 6), (5, 6, 1), (6, 6))]  # Chen et al. 2023
    [0.11111, 0.10417, 0.06874, 0.0618, 0.04819]

    Args:
        k: number of corners.
        n_features: n, at least k.
        biased: how many of the others have the best bias.

    Raises:
        ValueError: if a number is out of range.
    """
    _check("polygon_loss", k, n_features, biased)
    n = n_features
    return polygon(k).error / n + (n - k) / (3 * n) - biased / (4 * n**2)


def polygon_weights(
    k: int, n_features: int, biased: int = 0, silent_bias: float = -0.1
) -> tuple[Float[np.ndarray, "2 n"], Float[np.ndarray, " n"]]:
    """W and b of a k-gon among n features. The corners come first, from angle 0 on; then those that have W_i = 0 and
    the best bias, 1 / (2 n); then those that are silent.

    >>> W, b = polygon_weights(4, 6, biased=1)
    >>> W[:, [0, 5]].tolist(), b.round(4).tolist()
    ([[1.0, 0.0], [0.0, 0.0]], [0.0, 0.0, 0.0, 0.0, 0.0833, -0.1])

    Args:
        k: number of corners.
        n_features: n, at least k.
        biased: how many of the others have the best bias.
        silent_bias: of those that have not. The loss is the same for any that is not positive.

    Raises:
        ValueError: if a number is out of range.
    """
    _check("polygon_weights", k, n_features, biased)
    length, bias, _ = polygon(k)
    angles = 2 * np.pi * np.arange(k) / k
    W = np.zeros((2, n_features))
    W[:, :k] = length * np.stack([np.cos(angles), np.sin(angles)])
    silent = n_features - k - biased
    return W, np.array([bias] * k + [1 / (2 * n_features)] * biased + [silent_bias] * silent)


def polygon_learning_coefficient(k: int) -> float:
    """The local learning coefficient λ of the k-gon of k features, 5 <= k <= 8: (3 k - 1) / 2, half the number of
    parameters less the one that turns it. The loss falls off quadratically in all other directions, so that the others
    are regular.

    >>> polygon_learning_coefficient(5)
    7.0

    Raises:
        ValueError: for other k: the 4-gon is degenerate (from 4 to 5.5, by direction, after Chen et al. 2023).
    """
    if k not in (5, 6, 7, 8):
        raise ValueError(f"k of polygon_learning_coefficient must be 5, 6, 7 or 8. Got {k!r}.")
    return (3 * k - 1) / 2


def crossing(loss: float, learning_coefficient: float, constant: float) -> Float[np.ndarray, " solutions"]:
    """The numbers of samples n at which two phases have the same free energy, n L + λ log n + c: where n ΔL + Δλ log n
    + Δc = 0 (the terms that Chen et al. 2023 keep of Watanabe's expansion). In increasing order; none, one or two.

    The 5-gon with one biased feature and the 6-gon, of six features:

    >>> lower = polygon_loss(6, 6) - polygon_loss(5, 6, 1)
    >>> crossing(lower, 8.5 - 8.5, 6.37767 - 3.62764).round(1).tolist()
    [202.1]

    Args:
        loss: ΔL, that of the second phase less that of the first.
        learning_coefficient: Δλ.
        constant: Δc, such as the difference of ‖w‖² / 2 under a standard normal prior.

    Raises:
        ValueError: for numbers that are not finite.
    """
    from scipy.special import lambertw  # not above: it takes a tenth of a second to import

    for name, value in (("loss", loss), ("learning_coefficient", learning_coefficient), ("constant", constant)):
        check_numbers("crossing", name, value)
    if learning_coefficient == 0:
        n = np.array([-constant / loss]) if loss else np.zeros(0)
    elif loss == 0:
        n = np.array([math.exp(-constant / learning_coefficient)])
    else:  # n = (Δλ/ΔL) W(z) with W e^W = z
        ratio = loss / learning_coefficient
        z = ratio * math.exp(-constant / learning_coefficient)
        branches = [lambertw(z, branch) for branch in ((0, -1) if -1 / math.e <= z < 0 else (0,))]
        n = np.array([branch.real / ratio for branch in branches if branch.imag == 0])
    return np.sort(n[n > 0])


@functools.cache
def _polygon(k: int) -> Polygon:
    from scipy.optimize import root  # not above: it takes a tenth of a second to import

    if k <= 4:
        return Polygon(1.0, 0.0, 0.0)
    for start in np.linspace(1.6, 0.2, 15):
        for share in np.linspace(0.2, 0.6, 5):  # of the largest scalar product that the bias takes away
            found = root(_slopes, [start, -share * start**2], args=(k,), tol=1e-13)
            length, bias = abs(float(found.x[0])), float(found.x[1])
            if abs(found.fun).max() < 1e-12 and bias < 0 < length**2 + bias:
                return Polygon(length, bias, k * _error(length, bias, k))
    raise ValueError(f"No regular polygon of {k} corners was found.")


def _check(owner: str, k: int, n_features: int, biased: int) -> None:
    check_integer(owner, "n_features", n_features, minimum=k)
    check_integer(owner, "biased", biased, minimum=0)
    if biased > n_features - k:
        raise ValueError(f"biased of {owner} must be at most n - k = {n_features - k}. Got {biased}.")


def _error(length: float, bias: float, k: int) -> float:
    """The expected error of all outputs while one corner is on: ∫ (ReLU(a_0 x + b) - x)² + Σ_j ∫ ReLU(a_j x + b)²."""
    a = length**2 * _cosines(k)
    zeroth, first, second = _moments(a, bias)
    squares = a**2 * second + 2 * a * bias * first + bias**2 * zeroth
    return float(squares.sum() - 2 * (a[0] * second[0] + bias * first[0]) + 1 / 3)


def _slopes(numbers: Float[np.ndarray, " 2"], k: int) -> Float[np.ndarray, " 2"]:
    """The derivatives of `_error` by length and bias. What moves with the kinks of the ReLU does nothing, as it is 0
    there."""
    length, bias = numbers
    cosines = _cosines(k)
    a = length**2 * cosines
    zeroth, first, second = _moments(a, bias)
    by_a, by_bias = 2 * (a * second + bias * first), 2 * (a * first + bias * zeroth)
    by_a[0] -= 2 * second[0]
    by_bias[0] -= 2 * first[0]
    return np.array([2 * length * (by_a * cosines).sum(), by_bias.sum()])


def _cosines(k: int) -> Float[np.ndarray, " k"]:
    return np.cos(2 * np.pi * np.arange(k) / k)


def _moments(a: Float[np.ndarray, " k"], bias: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """∫ x^r for r = 0, 1, 2 over those x in [0, 1] at which a x + bias > 0."""
    kink = np.clip(-bias / np.where(a == 0, 1, a), 0, 1)
    low = np.where(a > 0, kink, 0)
    high = np.where(a > 0, 1, np.where(a < 0, kink, float(bias > 0)))
    return high - low, (high**2 - low**2) / 2, (high**3 - low**3) / 3
