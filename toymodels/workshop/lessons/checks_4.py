"""Exercises of lesson 4: geometry."""

from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, drawn, expect, fits, result

PAIR = np.array([[3.0, 1.0], [4.0, 0.0]])
DIGON_AND_ONE = np.array([[2.0, -1.0, 0.0], [0.0, 0.0, 3.0]])
TURN = np.array([[0.6, -0.8], [0.8, 0.6]])
TRIANGLE = np.array([[1.0, -0.5, -0.5], [0.0, 0.75**0.5, -(0.75**0.5)]])
DIGON = np.array([[2.0, -1.5]])
HELD = np.array([[1.0, -1.0, 0.2, 0.0], [0.5, 0.0, 0.0, 2.0], [0.0, 0.0, 0.1, -1.0]])
STEPS = np.array([1.0, 1.5, 2.2, 3.0, 4.1, 5.5])
STAIRS = np.array([1.01, 0.97, 0.54, 0.49, 0.46, 0.36])


def check_dimensionality(answer: Any) -> None:
    found = array(answer, PAIR, shape=(2,))
    known = (
        ([1 / 1.36, 1 / 1.36], "In yours W_j is scaled to length 1. Only Ŵ_i is. Is it the axis? Sum over j, not i."),
        ([25 / 5.6, 1 / 4], "The scalar products in the denominator are squared."),
        ([5 / 25.36, 1 / 10], "The numerator is ‖W_i‖², the square of the length."),
        ([25 / 0.36, 1 / 9], "The sum in the denominator is over all j, i itself included."),
        ([25.36 / 25, 10], "This is 1 / D_i: upside down."),
        ([25 / (625 + 9), 1 / (9 + 1)], "The denominator has Ŵ_i, of length 1, where you have W_i."),
        ([25.36, 10], "This is the denominator. Divide ‖W_i‖² by it."),
    )
    for mistaken, message in known:
        expect(not close(found, mistaken), message)
    says = f"Your function says {found.round(3)}."
    expect(close(found, [25 / 25.36, 0.1]), f"Directions (3, 4) and (1, 0) have D = 25/25.36 and 1/10. {says}")
    pair = array(answer, DIGON_AND_ONE, shape=(3,))
    expect(
        close(pair, [0.8, 0.2, 1]),
        f"Directions 2 and -1 on a line have D = 4/5 and 1/5, and one alone has 1. Your function says {pair.round(3)}.",
    )
    turned = array(answer, 2 * TURN @ TRIANGLE, shape=(3,))
    expect(
        close(turned, 2 / 3),
        f"A triangle has D = 2/3, however large it is and however turned. Your function says {turned.round(3)}.",
    )
    fits(answer, dimensionality, (drawn(3, 4),))


def dimensionality(W):
    """D_i of each column of W (m, n): the fraction of a dimension that feature i has."""
    products = W.T @ W
    return products.diagonal() ** 2 / (products**2).sum(1)


def check_polygon(answer: Any) -> None:
    for k in (5, 3, 8):
        found = array(answer, k, shape=(2, k))
        steps = np.arange(k) / k
        degrees, half = (np.stack([np.cos(turn * steps), np.sin(turn * steps)]) for turn in (360, np.pi))
        expect(not close(found, degrees), "np.cos and np.sin take radians: once around is 2π, not 360.")
        expect(not close(found, half), "These go half way around: the circle has 2π.")
        lengths = np.linalg.norm(found, axis=0)
        expect(close(lengths, 1), f"All directions should have length 1. Yours have {lengths.round(3)}.")
        angles = np.sort(np.arctan2(found[1], found[0]))
        between = np.diff(angles, append=angles[0] + 2 * np.pi)
        expect(
            not close(found[:, 0], found[:, -1]),
            "The first and the last direction are the same: an angle of 2π is one of 0. Stop one step before.",
        )
        expect(
            close(between, 2 * np.pi / k),
            f"Neighbours should all be {360 / k:g}° apart. Yours are {np.degrees(between).round(1)}.",
        )


def polygon(k):
    """k unit vectors in the plane, at equal angles: (2, k)."""
    angles = 2 * np.pi * np.arange(k) / k
    return np.stack([np.cos(angles), np.sin(angles)])


def check_tegum(answer: Any) -> None:
    found = result(answer, TRIANGLE, DIGON)
    shape = np.shape(found)
    expect(shape != (2, 6), "np.kron multiplies everything with everything. Put A and B along the diagonal.")
    expect(
        shape in ((), (3, 5)),
        f"A has 2 dimensions and 3 features, B has 1 and 2: together 3 dimensions and 5 features. Yours has {shape}.",
    )
    found = array(answer, TRIANGLE, DIGON, shape=(3, 5))
    products = found.T @ found
    expect(not close(products[:2, :2], DIGON.T @ DIGON), "A's features come first, then those of B.")
    expect(
        close(products[:3, 3:], 0),
        "Each direction of A should be orthogonal to each one of B. They share a dimension in yours: fill with zeros.",
    )
    kept = close(products[:3, :3], TRIANGLE.T @ TRIANGLE) and close(products[3:, 3:], DIGON.T @ DIGON)
    expect(kept, "A and B should be as they were: in yours lengths or angles within one of them have changed.")
    other = array(answer, drawn(1, 2), drawn(3, 4), shape=(4, 6))
    wanted = tegum(drawn(1, 2), drawn(3, 4))
    expect(
        close(other.T @ other, wanted.T @ wanted),
        "It is right for a triangle and a digon, but not for other sizes, here A (1, 2) and B (3, 4).",
    )


def tegum(A, B):
    """A (a, k) and B (b, l) side by side in orthogonal subspaces: (a + b, k + l)."""
    return np.block([[A, np.zeros((len(A), B.shape[1]))], [np.zeros((len(B), A.shape[1])), B]])


def check_dimensions_per_feature(answer: Any) -> None:
    found = array(answer, HELD, shape=())
    squares = (HELD**2).sum()
    known = (
        (3 / 4, "This is m / n. Features that the model has dropped should not count: count squared lengths."),
        (3 / squares**0.5, "This is m / ‖W‖_F. Square the norm: the square of a unit vector's length is 1 feature."),
        (squares / 3, "This is features per dimension: upside down."),
        (4 / squares, "This is n / ‖W‖_F². It is the dimensions that are divided: m, the rows of W."),
        (3 / np.linalg.norm(HELD, axis=0).sum(), "This counts lengths. D* counts squared lengths."),
        (1.0, "This counts features that are represented, each as one. D* counts their squared lengths."),
        (squares, "This is how many features it holds. Divide the dimensions by it."),
        (3 / np.linalg.norm(HELD, 2) ** 2, "This is the spectral norm. ‖W‖_F² is the sum of all squared entries."),
    )
    for mistaken, message in known:
        expect(not close(found, mistaken), message)
    expect(
        close(found, 3 / squares),
        f"With 3 dimensions and squared entries that add up to {squares:.4g}, D* is {3 / squares:.4g}. "
        f"Your function says {found:.4g}.",
    )
    fits(answer, dimensions_per_feature, (drawn(2, 5),))


def dimensions_per_feature(W):
    """D* = m / ‖W‖_F² of W (m, n)."""
    return len(W) / (W**2).sum()


def check_plateau(answer: Any) -> None:
    value = result(answer, STEPS, STAIRS, 0.5)
    expect(np.shape(value) != STEPS.shape, "This is a value for each x. Only the first and the last x are wanted.")
    expect(np.shape(value) != (3,), "These are all x of the plateau. Only the first and the last are wanted.")
    found = array(answer, STEPS, STAIRS, 0.5, shape=(2,))
    expect(not close(found, [4.1, 2.2]), "The first, then the last.")
    expect(not close(found, [0.46, 0.54]), "These are heights of the stairs. Where are they: at which x?")
    expect(not close(found, [0.54, 0.46]), "These are heights of the stairs. Where are they: at which x?")
    expect(not close(found, [2, 4]), "These are the places in the array. Take x at these places.")
    expect(not close(found, [2.2, 5.5]), "0.36 is below 0.45, and not within 0.05 of 0.5. Take the absolute distance.")
    expect(not close(found, [1, 4.1]), "0.97 is above 0.55, and not within 0.05 of 0.5. Take the absolute distance.")
    says = f"Your function says {found.round(3)}."
    expect(close(found, [2.2, 4.1]), f"In {STAIRS}, the values .54, .49 and .46 are on it: x from 2.2 to 4.1. {says}")
    top = array(answer, STEPS, STAIRS, 1.0, shape=(2,))
    expect(close(top, [1, 1.5]), f"At the level 1 it is from 1 to 1.5. Your function says {top.round(3)}.")
    fits(answer, plateau, (np.arange(8.0), np.array([0.9, 0.7, 0.38, 0.4, 0.37, 0.41, 0.2, 0.1]), 0.4))


def plateau(x, values, level):
    """The first and the last x (k,) at which `values` (k,) are within 0.05 of `level`."""
    on = x[abs(values - level) < 0.05]
    return on[0], on[-1]


EXERCISES = (
    Exercise(
        "4.1",
        check_dimensionality,
        "Of all that is read along direction i, the share that is feature i itself: its fraction of a dimension.",
        (
            "All scalar products at once: `W.T @ W`. Its diagonal is ‖W_i‖².",
            "Ŵ_i·W_j = (W_i·W_j) / ‖W_i‖. So D_i = (W_i·W_i)² / Σ_j (W_i·W_j)².",
            "`products = W.T @ W`, then `products.diagonal() ** 2 / ...`: the sum of the squares of each row.",
        ),
        dimensionality,
    ),
    Exercise(
        "4.2",
        check_polygon,
        "A regular polygon: what k equal features do if they have a plane to themselves.",
        (
            "Angle number i is 2π i / k, for i = 0 ... k - 1. A direction is (cos, sin) of its angle.",
            "`angles = 2 * np.pi * np.arange(k) / k`, and then two rows.",
            "`np.stack([np.cos(angles), ...])`",
        ),
        polygon,
    ),
    Exercise(
        "4.3",
        check_tegum,
        "A tegum product. Neither part sees the other, so each feature keeps its dimensionality.",
        (
            "Of the new rows the first are A's dimensions, the others are B's. Where are zeros?",
            "A is the upper left block, B the lower right one. The two other blocks are zeros: what are their shapes?",
            "`np.block([[A, np.zeros((len(A), B.shape[1]))], [..., B]])`",
        ),
        tegum,
    ),
    Exercise(
        "4.4",
        check_dimensions_per_feature,
        "A feature counts by its squared length: 1 if it is represented, 0 if it is dropped.",
        (
            "‖W‖_F² is the sum of the squares of all entries, that is, of the squared lengths of all columns.",
            "m is the number of rows: `len(W)`.",
            "`len(W) / (...).sum()`",
        ),
        dimensions_per_feature,
    ),
    Exercise(
        "4.5",
        check_plateau,
        "Now the staircase can be read by a program, and not only by eye.",
        (
            "Which entries are on the plateau? `abs(values - level) < 0.05`.",
            "Take x where that is true: `on = x[abs(values - level) < 0.05]`.",
            "x ascends, so the first is `on[0]`. And the last?",
        ),
        plateau,
    ),
)
