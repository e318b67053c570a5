"""The phases of two features in one dimension and of three in two (Elhage et al. 2022, "Superposition as a Phase
Change"), and the loss of two features without biases.

One feature is the *extra* one; the others, the ordinary ones, have importance 1. `importance` is that of the extra one
and `density` the probability with which a feature is on, then uniform on [0, 1]; they are numbers, or arrays that
broadcast against each other. Losses are expected sums over features. At the borders two phases have the same loss.
"""

import itertools
import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from toymodels.analysis.phases import DEDICATED, IGNORED, SUPERPOSED
from toymodels.arrays import ratio

Numbers = Any  # a number or an array: what goes in comes out
Border = Callable[[Numbers], Numbers]
"""From a density to the importance at which the extra feature, if it is the less important, enters superposition."""

TRIPLE_DENSITY = 4 / 7
"""Where the three phases of two features in one dimension meet, at importance 1, with weights of length 1."""


def variance(density: Numbers) -> Numbers:
    """p/3 - p²/4: the loss of a feature of importance 1 that is not represented, its bias being its mean p/2.

    >>> round(variance(1.0) * 12, 9)  # that of a uniform variable is 1/12
    1.0
    """
    return density / 3 - density**2 / 4


def pair_loss(importance: Numbers, density: Numbers) -> Numbers:
    """(1 + r) p²/6: the loss of an ordinary feature and one of importance r as an antipodal pair of length 1 without
    biases. When both are on each is read as ReLU(x - y), which errs by min(x, y), and E min(x, y)² = 1/6.

    >>> pair_loss(2.0, 1.0)
    0.5
    """
    return (1 + importance) * density**2 / 6


def losses_two_in_one(importance: Numbers, density: Numbers) -> Float[np.ndarray, "*batch 3"]:
    """Losses with the extra feature ignored, superposed, and dedicated (the ordinary one is then dropped); weights of
    length 1."""
    dropped = variance(density)
    return _stacked(importance * dropped, pair_loss(importance, density), dropped)


def losses_three_in_two(importance: Numbers, density: Numbers) -> Float[np.ndarray, "*batch 4"]:
    """Losses with the extra feature ignored; superposed, in a pair with an ordinary one; dedicated, an ordinary one
    being dropped; and dedicated, the ordinary ones being a pair. Weights of length 1."""
    dropped = variance(density)
    pairs = pair_loss(importance, density), pair_loss(1.0, density)
    return _stacked(importance * dropped, pairs[0], dropped, pairs[1])


def unit_border(density: Numbers) -> Float[np.ndarray, "*batch"]:
    """2p / (4 - 5p), infinite from p = 4/5 on: at this importance `pair_loss` is the loss without the extra feature.
    Solved for the density it is 4r / (2 + 5r).

    >>> round(float(unit_border(TRIPLE_DENSITY)), 9)
    1.0
    """
    density = np.asarray(density, float)
    return ratio(2 * density, np.maximum(4 - 5 * density, 0), otherwise=np.inf)


def free_border(density: Numbers) -> Float[np.ndarray, "*batch"]:
    """The same for pairs whose two lengths and biases are the best there are, as training finds them.

    Let A and B be the losses of the ordinary and the extra feature in a pair. It is better than a dropped feature if
    A + rB < r v(p), so that the border is the minimum of A / (v - B) over all pairs. It is searched over lengths in
    steps of 1/100 from 1/2, below which a feature counts as not represented, with the best bias for each.

    It stays below 1 up to density 1: the phases meet only there, where the model is linear and, at importance 1, all
    directions of W lose the same.
    """
    density = np.asarray(density, float)
    return np.array([_least_importance(float(p)) for p in density.ravel()]).reshape(density.shape)


def phases_two_in_one(importance: Numbers, density: Numbers, border: Border = unit_border) -> Int[np.ndarray, "*batch"]:
    """The extra feature's class as in `analysis.phases`: superposed where the less important one of the two is above
    the border, and else the more important one has the dimension to itself.

    >>> phases_two_in_one(np.array([0.1, 1.0, 10.0]), 0.3).tolist() == [IGNORED, SUPERPOSED, DEDICATED]
    True
    """
    importance = np.asarray(importance, float)
    shared = np.minimum(importance, 1 / importance) >= border(density)
    return np.where(shared, SUPERPOSED, np.where(importance < 1, IGNORED, DEDICATED))


def phases_three_in_two(
    importance: Numbers, density: Numbers, border: Border = unit_border
) -> Int[np.ndarray, "*batch"]:
    """The extra feature's class as in `analysis.phases`: as with two features if it is the least important, else
    dedicated: the ordinary ones are then a pair where the border is below 1, and otherwise one of them is dropped.

    >>> phases_three_in_two(np.array([0.1, 0.9, 10.0]), 0.3).tolist() == [IGNORED, SUPERPOSED, DEDICATED]
    True
    """
    two = phases_two_in_one(importance, density, border)
    return np.where(np.asarray(importance) > 1, DEDICATED, two)


def expected_loss(
    W: Float[np.ndarray, "*batch m n"],
    b: Float[np.ndarray, "*batch n"],
    importance: Float[np.ndarray, "#*batch n"],
    density: Float[np.ndarray, "#*batch"] | float,
    nodes: int = 8,
) -> Float[np.ndarray, "*batch"]:
    """The expected loss of x' = ReLU(Wᵀ W x + b) for few features: the mean of the loss over a grid of nodes^k points
    for each set of k features that are on, weighted with the set's probability. Few samples of sparse features have two
    on together, which is what tells the minima of their models apart.

    >>> W, b = np.array([[1.0, 0.0]]), np.zeros(2)  # the extra feature is dropped: r p/3
    >>> round(float(expected_loss(W, b, np.array([1.0, 0.3]), 0.5, nodes=50)), 4)
    0.05
    """
    n = W.shape[-1]
    points = (np.arange(nodes, dtype=W.dtype) + 0.5) / nodes
    density = np.asarray(density, W.dtype)
    total = np.zeros(W.shape[:-2], W.dtype)
    for on in itertools.product([False, True], repeat=n):
        axes = [points if here else np.zeros(1, W.dtype) for here in on]
        x = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(n, -1)
        errors = np.square(x - _relu(W.swapaxes(-1, -2) @ (W @ x) + b[..., None])).mean(-1)
        total += density ** sum(on) * (1 - density) ** (n - sum(on)) * (importance * errors).sum(-1)
    return total


def unbiased_loss(a: Numbers, c: Numbers, importance: Numbers, density: Numbers) -> Numbers:
    """The exact loss of x' = ReLU(Wᵀ W x) with n=2, m=1 and W = (a, c): p(1-p)/3 [(1 - a²)² + r (1 - c²)² + (1 + r)
    max(ac, 0)²] when one feature is on, and a piecewise rational function when both are (McGrath's comment on Elhage
    et al. 2022).

    >>> round(float(unbiased_loss(1.0, 0.0, 0.3, 0.5)), 9)  # the extra feature is dropped: r p/3
    0.05
    """
    a, c = np.asarray(a, float), np.asarray(c, float)
    seen = np.maximum(a * c, 0) ** 2
    one = ((1 - a**2) ** 2 + seen) + importance * ((1 - c**2) ** 2 + seen)
    both = _both_on(a**2, a * c) + importance * _both_on(c**2, a * c)
    return density * (1 - density) / 3 * one + density**2 * both


def unbiased_minima(importance: float, density: float) -> Float[np.ndarray, "k 2"]:
    """The local minima (a, c) of `unbiased_loss` with a > 0, in ascending order of their losses; -(a, c) are others.

    With importance 1 there are two kinds. In the "confused" one a = c = 1/√2 at every density: the model is linear, and
    keeps the sum of the features. In the antipodal one a = -c = `antipodal_length`.
    """
    a, c = np.linspace(0, 1.5, 151)[:, None], np.linspace(-1.5, 1.5, 301)
    loss = np.pad(unbiased_loss(a, c, importance, density), 1, constant_values=-np.inf)  # no minimum at the edge
    around = np.lib.stride_tricks.sliding_window_view(loss, (3, 3)).reshape(151, 301, 9)
    starts = np.argwhere(around.argmin(-1) == 4) * 0.01 - [0, 1.5]
    found = np.array([_descend(start, importance, density) for start in starts])
    return found[np.argsort(unbiased_loss(found[:, 0], found[:, 1], importance, density))]


def antipodal_length(density: Numbers) -> Numbers:
    """√((8 - 5p) / (8 - 6p)): the length of both weights in the antipodal minimum of `unbiased_loss` at importance 1.

    >>> antipodal_length(0.0)
    1.0
    """
    return ((8 - 5 * density) / (8 - 6 * density)) ** 0.5


def crossing_density(importance: float = 1.0) -> float:
    """The density below which an antipodal pair is the lowest minimum of `unbiased_loss`; above it the confused one is.
    Both remain minima: the weights jump, and the slope of the loss has a kink, as at a phase change of first order.

    >>> round(crossing_density(), 3)
    0.582
    """
    low, high = 0.05, 0.95
    while high - low > 1e-6:
        middle = (low + high) / 2
        a, c = unbiased_minima(importance, middle)[0]
        low, high = (middle, high) if a * c < 0 else (low, middle)
    return (low + high) / 2


def _stacked(*losses: Numbers) -> Float[np.ndarray, "*batch k"]:
    return np.stack(np.broadcast_arrays(*losses), axis=-1)


@cache
def _least_importance(density: float) -> float:
    """`free_border` at one density."""
    lengths = np.arange(0.5, 1.1, 0.01)
    ordinary, extra = lengths[:, None], lengths
    seen = ordinary * extra
    losses = _with_best_bias(np.stack(np.broadcast_arrays(ordinary**2, extra**2)), seen, density)
    gained = variance(density) - losses[1]
    return float(ratio(losses[0], np.maximum(gained, 0), otherwise=np.inf).min())


def _with_best_bias(
    own: Float[np.ndarray, "2 k k"], other: Float[np.ndarray, "k k"], density: float
) -> Float[np.ndarray, "2 k k"]:
    """The least of `_pair_error` over the bias in [-0.1, 0.6], by golden section."""
    golden = (5**0.5 - 1) / 2
    low, high = np.full(own.shape, -0.1), np.full(own.shape, 0.6)
    for _ in range(25):
        lower, upper = high - golden * (high - low), low + golden * (high - low)
        left = _pair_error(own, other, lower, density) < _pair_error(own, other, upper, density)
        low, high = np.where(left, low, lower), np.where(left, upper, high)
    return _pair_error(own, other, (low + high) / 2, density)


def _pair_error(own: Numbers, other: Numbers, bias: Numbers, density: float) -> Numbers:
    """E (x - ReLU(own x - other y + bias))² for own, other > 0: what the feature x of a pair loses, y being the other.

    The square is E x² - 2 E x ReLU(...) + E ReLU(...)², in each of four cases: both off, x on, y on, both on. With
    R_k(u) = ReLU(u)^k / k! it needs ∫ x R_1 and 2 ∫ R_2, and integrals of R_k along a line are differences of R_(k+1).
    """

    def over_x(k: int, c: Numbers) -> Numbers:
        """∫ R_k(own x + c) dx over [0, 1]."""
        return (_relu_power(k + 1, own + c) - _relu_power(k + 1, c)) / own

    def x_over_x(k: int, c: Numbers) -> Numbers:
        """∫ x R_k(own x + c) dx over [0, 1], by parts."""
        return (_relu_power(k + 1, own + c) - over_x(k + 1, c)) / own

    def over_y(function: Callable[[int, Numbers], Numbers], k: int) -> Numbers:
        """∫ function(k, bias - other y) dy over [0, 1], for a function whose derivative is that of k - 1."""
        return (function(k + 1, bias) - function(k + 1, bias - other)) / other

    none = 2 * _relu_power(2, bias)
    only_x = 1 / 3 - 2 * x_over_x(1, bias) + 2 * over_x(2, bias)
    only_y = 2 * over_y(_relu_power, 2)
    both = 1 / 3 - 2 * over_y(x_over_x, 1) + 2 * over_y(over_x, 2)
    return (1 - density) ** 2 * none + density * (1 - density) * (only_x + only_y) + density**2 * both


def _relu_power(k: int, u: Numbers) -> Numbers:
    """R_k(u) = ReLU(u)^k / k!, whose integral is R_(k+1)."""
    return _relu(u) ** k / math.factorial(k)


def _both_on(own: Numbers, other: Numbers) -> Numbers:
    """E (x - ReLU(own x + other y))² for x and y uniform on [0, 1] and own >= 0.

    Let u = own x + other y. Where the ReLU does nothing, this is E (x - u)². With other = -t < 0 it sets u to 0 above
    the line own x = t y. If own >= t that is a triangle of the square, and ∫ (x - u)² - x² over it is
    t³ (1 + own) / (12 own²). If own < t the rest is a triangle, and the same integral over that one is
    -own² (3 - own) / (12 t).
    """
    t = np.maximum(-other, 0)
    linear = (1 - own) ** 2 / 3 - (1 - own) * other / 2 + other**2 / 3
    triangle_off = linear - ratio(t**3 * (1 + own), 12 * own**2)
    triangle_on = 1 / 3 - ratio(own**2 * (3 - own), 12 * t)
    return np.where(own >= t, triangle_off, triangle_on)


def _descend(start: Float[np.ndarray, "2"], importance: float, density: float) -> Float[np.ndarray, "2"]:
    """The minimum of `unbiased_loss` near a point, by steps to the best neighbour, halved where none is better."""
    point, step = start, 0.01
    directions = np.stack(np.meshgrid([0, -1, 1], [0, -1, 1]), -1).reshape(9, 2)
    while step > 1e-7:
        near = point + step * directions
        best = unbiased_loss(near[:, 0], near[:, 1], importance, density).argmin()
        point, step = near[best], step / 2 if best == 0 else step
    return point


def _relu(u: Numbers) -> Numbers:
    return np.maximum(u, 0)
