"""Exercises of lesson 1: features and directions."""

from typing import Any

import numpy as np

from toymodels.lessons.exercise import Exercise, array, close, expect

W = np.array([[3.0, 0.0, -1.0], [4.0, 0.5, 1.0]])


def check_norms(answer: Any) -> None:
    found = array(answer, W, shape=(3,))
    expect(not close(found, [25, 0.25, 2]), "These are the squares of the lengths: take the square root.")
    expect(close(found, [5, 0.5, 2**0.5]), f"The column (3, 4) has length 5. Your function says {found[0]:.3g}.")


def norms(W):
    """The length of each column of W (m, n)."""
    return np.sqrt((W**2).sum(0))


EXERCISES = (
    Exercise(
        "1.1",
        check_norms,
        "A feature's length tells whether the model represents it: about 1 if it does, 0 if not.",
        (
            "Pythagoras: the length of (3, 4) is 5.",
            "Square, sum over the rows (axis 0), take the root.",
            "`np.sqrt((W**2).sum(...))`: which axis?",
        ),
        norms,
    ),
)
