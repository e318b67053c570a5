"""Wrong answers to the exercises of lesson 3: a function, and what the message must say."""

import numpy as np


def _first(W):
    return "ignored" if abs(W[0, 0]) < 0.5 else "superposed" if abs(W[0, 1]) > 0.5 else "dedicated"


def _signed(W):
    return "ignored" if W[0, 1] < 0.5 else "superposed" if W[0, 0] > 0.5 else "dedicated"


def _not_quite_zero(W):
    return "ignored" if W[0, 1] == 0 else "superposed" if W[0, 0] != 0 else "dedicated"


def _scalar(p):
    return 0.4 if p < 0.5 else 1


WRONG = {
    "3.1": (
        (_first, "column 1"),
        (_signed, "either way"),
        (_not_quite_zero, "is ignored, not superposed"),
        (lambda W: 1, "one of the words"),
        (lambda W: abs(W[0]) > 0.5, "one of the words"),
    ),
    "3.2": (
        (lambda r, p: p / 3 - p**2 / 4, "importance r"),
        (lambda r, p: r * p / 3, "A bias"),
        (lambda r, p: r / 12 + 0 * p, "always on"),
        (lambda r, p: r * p / 12, "cannot know"),
        (lambda r, p: r * (p / 3 - 1 / 4), "not 1/2"),
        (lambda r, p: r * p * (1 - p), "coin"),
        (lambda r, p: r * (p / 3 - p**2 / 4) / 2, "their sum"),
        (lambda r, p: (1 + r) * (p / 3 - p**2 / 4), "Your function says"),
    ),
    "3.3": (
        (lambda r, p: p**2 / 6, "alone"),
        (lambda r, p: p**2 / 3, "if both counted 1"),
        (lambda r, p: r * p**2 / 6, "second feature's share"),
        (lambda r, p: (1 + r) * p / 6, "not p"),
        (lambda r, p: (1 + r) / 6 + 0 * p, "How probable"),
        (lambda r, p: (1 + r) * p**2 / 3, "error is squared"),
        (lambda r, p: (1 + r) * p**2 / 9, "square of a mean"),
        (lambda r, p: (1 + r) * p * (1 - p) / 6, "Both must be on"),
        (lambda r, p: r * p**2, "Your function says"),
    ),
    "3.4": (
        (lambda p: (4 - 5 * p) / (2 * p), "other side"),
        (lambda p: 4 * p / (2 + 5 * p), "What is given here"),
        (lambda p: p / (2 - p), "With a bias"),
        (lambda p: 2 * p / (4 - p), "The 2pr is subtracted"),
        (lambda p: p**2 / 6 / (p / 3 - p**2 / 4), "both sides"),
        (lambda p: p / 2, "should be equal"),
        (_scalar, "ValueError"),
        (lambda p: 0.4, "shape"),
    ),
    "3.5": (
        (lambda: (4 / 7, 1), "Importance first"),
        (lambda: (1, 4 / 5), "infinite"),
        (lambda: (0.5, 0.5), "single importance"),
        (lambda: (1, 0.5), "not at importance 1"),
        (lambda: 4 / 7, "shape"),
        (lambda: np.array([1.0, np.inf]), "not finite"),
    ),
}
