"""Exercises of lesson 2: the first superposition."""

import math
from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, drawn, expect, fits, number, result

# --- 2.1 -------------------------------------------------------------------------------------------------------------


def check_polygon(answer: Any) -> None:
    expect(
        np.shape(result(answer, 7)) != (7, 2),
        "Directions are columns here: the shape is (2, n). Take the transpose, or stack the rows.",
    )
    W = array(answer, 7, shape=(2, 7))
    lengths = np.sqrt((W**2).sum(0))
    expect(
        close(lengths, 1), f"All lengths must be 1. Yours are {lengths.round(2)}. Do cos and sin have the same angle?"
    )
    gaps = _gaps(W)
    expect(
        not close(gaps, _gaps(_at(np.linspace(0, 2 * np.pi, 7)))),
        "The first and the last arrow are the same: np.linspace includes its end, and 360° is 0° again.",
    )
    expect(
        not close(gaps, _gaps(_at(np.arange(7) * 360 / 7))),
        "np.cos and np.sin want radians: the full circle is 2π, not 360.",
    )
    expect(not close(gaps, _gaps(_at(np.arange(7) * np.pi / 7))), "These fill half of the circle: all of it is 2π.")
    expect(close(gaps, 360 / 7), f"Neighbours must be 360°/7 = 51.4° apart. Yours: {gaps.round(1)} degrees.")
    expect(close(_gaps(array(answer, 3, shape=(2, 3))), 120), "It is right for n = 7, but not for n = 3.")


def polygon(n):
    """W of shape (2, n): n unit vectors at equal angles."""
    angles = 2 * np.pi * np.arange(n) / n
    return np.array([np.cos(angles), np.sin(angles)])


def _at(angles: np.ndarray) -> np.ndarray:
    return np.array([np.cos(angles), np.sin(angles)])


def _gaps(W: np.ndarray) -> np.ndarray:
    """The angles in degrees between neighbouring arrows, in order of size."""
    angles = np.sort(np.degrees(np.arctan2(W[1], W[0])))
    return np.sort(np.diff(angles, append=angles[0] + 360))


# --- 2.2 -------------------------------------------------------------------------------------------------------------


def check_reconstruct(answer: Any) -> None:
    W = np.array([[1.0, 0.5, 0.0], [0.0, 2.0, -1.0]])
    b = np.array([0.1, -3.0, 0.2])
    x = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.5]])  # as many samples as features: b fits both ways
    before = W.T @ (W @ x) + b[:, None]
    shape = np.shape(result(answer, W.copy(), b.copy(), x.copy()))
    expect(shape != (2, 3), "These are the hidden activations h. Bring them back to n numbers by the transpose of W.")
    found = array(answer, W.copy(), b.copy(), x.copy(), shape=(3, 3))
    for wrong, says in (
        (before, "The ReLU is missing: np.maximum(..., 0) cuts off what is negative."),
        (np.maximum(before - b[:, None], 0), "The bias is missing: add b before the ReLU."),
        (np.maximum(before - b[:, None], 0) + b[:, None], "The bias comes first, the ReLU last: cut off the sum."),
        (np.maximum(before - b[:, None] + b, 0), "The bias belongs to the features, the rows: make it a column."),
        (abs(before), "The ReLU does not turn negative numbers round: they become 0."),
        (np.maximum(W.T @ np.maximum(W @ x, 0) + b[:, None], 0), "Only the output has a ReLU; h may be negative."),
    ):
        expect(not close(found, wrong), says)
    expect(
        close(found, [[1.1, 0.6, 2.1], [0, 1.25, 0], [0.2, 0, 0.7]]),
        "For W = (1, .5, 0 | 0, 2, -1), b = (.1, -3, .2) and feature 0 alone at 1, the answer is (1.1, 0, .2). "
        f"Yours is {found[:, 0].round(3)}.",
    )
    fits(answer, reconstruct, (drawn(3, 5), drawn(5), drawn(5, 4)))


def reconstruct(W, b, x):
    """What the ReLU model answers, (n, batch): from W (m, n), b (n,) and x (n, batch)."""
    return np.maximum(W.T @ (W @ x) + b[:, None], 0)


# --- 2.3 -------------------------------------------------------------------------------------------------------------


def check_silencing_bias(answer: Any) -> None:
    W = np.array([[1.0, 1.2, 0.2, -1.0], [0.0, 0.8, 0.3, -0.6]])
    products = W.T @ W
    others = products - np.diag(np.diag(products))
    free = "Negative products need no bias: the ReLU cuts them off."
    expect(np.shape(result(answer, W.copy())) != (), "One number. Each output has its own bias: n numbers.")
    found = array(answer, W.copy(), shape=(4,))
    for wrong, says in (
        (-products.max(0), "This silences an output's own feature as well. Leave out i = j, the diagonal of WᵀW."),
        (others.max(0), "The bias has to be negative: it is added, and must bring the false alarm down to 0."),
        (-abs(others).max(0), f"{free} Take the largest product, not the largest size."),
        (others.min(0), f"{free} It is the largest product that disturbs."),
        (
            -np.maximum(others, 0).sum(0),
            "This silences all others *together*. One is on at a time: the largest will do.",
        ),
        (-(products - 9 * np.eye(4)).max(0), "A positive bias switches an output on all by itself: at most 0."),
    ):
        expect(not close(found, wrong), says)
    expect(
        close(found, [-1.2, -1.2, -0.48, 0]),
        "For the columns (1, 0), (1.2, .8), (.2, .3), (-1, -.6), output 0 is told 1.2, .2 and -1 by the others: 1.2 is "
        f"to be silenced. The biases are -1.2, -1.2, -.48, 0. Yours: {found.round(3)}.",
    )
    found = array(answer, 2 * np.array([[1.0, -1.0]]), shape=(2,))
    expect(close(found, 0), f"An antipodal pair needs no bias: its interference is negative. Yours: {found.round(3)}.")


def silencing_bias(W):
    """n biases, at most 0, that keep all outputs silent but that of the feature that is on; W is (m, n)."""
    others = (W.T @ W) * (1 - np.eye(W.shape[1]))  # 0 on the diagonal
    return -others.max(axis=0)


# --- 2.4 -------------------------------------------------------------------------------------------------------------


def check_dimensionality(answer: Any) -> None:
    W = np.array([[2.0, 1.0, 1.0], [0.0, 1.0, 0.0]])
    products = W.T @ W
    squares, own = products**2, np.diag(products)  # own: ‖W_i‖²
    found = array(answer, W.copy(), shape=(3,))
    for wrong, says in (
        (own / squares.sum(1), "In the sum, W_i is to be scaled to length 1: divide the sum by ‖W_i‖²."),
        (own**2 / (squares.sum(1) - own**2), "The sum runs over all j, i itself included."),
        (own / (squares / own).sum(1), "In the sum only W_i is scaled to length 1. W_j keeps its length."),
        (own**1.5 / products.sum(1), "The products are to be squared before they are summed."),
        (own**1.5 / squares.sum(1), "The length of W_i is to be squared above the line: ‖W_i‖²."),
        (squares.sum(1) / own - own, "This is the interference, the sum over the others. D_i is a share."),
        (squares.sum(1) / own**2, "Upside down: D_i is at most 1."),
    ):
        expect(not close(found, wrong), says)
    expect(
        close(found, [2 / 3, 4 / 9, 1 / 6]),
        "For the columns (2, 0), (1, 1), (1, 0), D is 2/3, 4/9, 1/6: the first one is 4 / (2² + 1² + 1²), since along "
        f"its direction the three are seen with 2, 1 and 1. Yours: {found.round(3)}.",
    )
    found = array(answer, 3 * polygon(5), shape=(5,))
    expect(close(found, 0.4), f"In a pentagon of any size D = 2/5. Yours, for arrows of length 3: {found.round(3)}.")
    fits(answer, dimensionality, (drawn(3, 4),))


def dimensionality(W):
    """D_i of each feature, n numbers; W is (m, n), and no column is 0."""
    squares = (W.T @ W) ** 2
    return np.diag(squares) / squares.sum(axis=1)


# --- 2.5 -------------------------------------------------------------------------------------------------------------


def check_probability_on(answer: Any) -> None:
    one, two = (number(answer, 6, 0.3, k) for k in (1, 2))
    for wrong, says in (
        (0.3**2 * 0.7**4, "This is for two given features. There are math.comb(6, 2) = 15 pairs."),
        (0.3**2, "This is for two given features, whatever the others do. These must be off, and any two will do."),
        (15 * 0.3**2, "The other n - k features must be off: each with probability 1 - p."),
        (15 * 0.3**2 * 0.7**6, "Only the other n - k features are off, not all n."),
        (15 * 0.3**2 * 0.7, "All the other n - k features must be off: (1 - p) to the power n - k."),
        (15 * 0.3**4 * 0.7**2, "On and off are exchanged: p to the power k."),
        (30 * 0.3**2 * 0.7**4, "Each pair is counted twice: their order does not matter. math.comb, not math.perm."),
        (1 - 0.7**6 - 6 * 0.3 * 0.7**5, "This is the probability of k *or more*. Exactly k are wanted."),
    ):
        expect(not close(two, wrong), says)
    expect(
        close([one, two], [0.302526, 0.324135]),
        f"Of 6 features of density .3, exactly two are on with probability .3241. Your function says {two:.4g}.",
    )
    expect(
        close(sum(number(answer, 4, 0.2, k) for k in range(5)), 1),
        "Some number of features from 0 to n is always on, so the probabilities must sum to 1. For n = 4 yours do not.",
    )


def probability_on(n, p, k):
    """The probability that exactly k of n features are on, each with probability p."""
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


# --- What students read ----------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        "2.1",
        check_polygon,
        "For n = 2 it is an antipodal pair, for n = 3 a triangle, for n = 5 the pentagon that the model found.",
        (
            "Arrow k points to the angle 2π k / n, for k = 0 ... n-1; its coordinates are cosine and sine.",
            "`angles = 2 * np.pi * np.arange(n) / n`. Two rows: all the cosines, and all the sines.",
            "`np.array([np.cos(angles), ...])`",
        ),
        polygon,
    ),
    Exercise(
        "2.2",
        check_reconstruct,
        "One small change to lesson 1's model; but now it can tell a false alarm that is negative from the real thing.",
        (
            "The linear model of lesson 1 is `W.T @ (W @ x) + b[:, None]`. What is negative becomes 0.",
            "ReLU(z) is `np.maximum(z, 0)`. Bias first, ReLU last.",
            "`np.maximum(W.T @ (W @ x) + b[:, None], ...)`",
        ),
        reconstruct,
    ),
    Exercise(
        "2.3",
        check_silencing_bias,
        "Only positive interference needs a bias. An antipodal pair has none, and is silent for free.",
        (
            "Feature i at 1 makes output j ReLU(W_i·W_j + b_j). No i other than j may make it positive.",
            "`W.T @ W` has all products. Set its diagonal to 0, for instance times `1 - np.eye(n)`. Which is largest "
            "in each column? The zeros on the diagonal see to it that it is never below 0.",
            "`-((W.T @ W) * (1 - np.eye(W.shape[1]))).max(axis=...)`",
        ),
        silencing_bias,
    ),
    Exercise(
        "2.4",
        check_dimensionality,
        "1 for a dimension of its own, 1/2 in a pair, 2/5 in a pentagon: what share of a dimension a feature has.",
        (
            "Ŵ_i·W_j is W_i·W_j / ‖W_i‖. So D_i = ‖W_i‖⁴ / Σ_j (W_i·W_j)². All that is in WᵀW.",
            "`squares = (W.T @ W) ** 2`. Its diagonal has ‖W_i‖⁴, its rows sum to what stands below the line.",
            "`np.diag(squares) / squares.sum(axis=...)`",
        ),
        dimensionality,
    ),
    Exercise(
        "2.5",
        check_probability_on,
        "For small p it falls like p to the power k: to be alone is p, to meet is p². Superposition lives on that.",
        (
            "For k given features: p for each of them, 1 - p for each other one. How many choices are there?",
            "`math.comb(n, k)` choices, each with the probability p^k (1-p)^(n-k).",
            "`math.comb(n, k) * p**k * ...`",
        ),
        probability_on,
    ),
)
