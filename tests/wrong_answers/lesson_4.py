"""Wrong answers to the exercises of lesson 4: a function, and what the message must say."""

import numpy as np


def _unit(W):
    return W / np.linalg.norm(W, axis=0)


def _squares(W):
    return (W**2).sum(0)


def _around(angles):
    return np.stack([np.cos(angles), np.sin(angles)])


def _where(x, values, level):
    return np.flatnonzero(abs(values - level) < 0.05)


WRONG = {
    "4.1": (
        (lambda W: 1 / ((_unit(W).T @ _unit(W)) ** 2).sum(1), "Only Ŵ_i is"),
        (lambda W: _squares(W) / abs(_unit(W).T @ W).sum(1), "are squared"),
        (lambda W: _squares(W) ** 0.5 / ((_unit(W).T @ W) ** 2).sum(1), "square of the length"),
        (lambda W: _squares(W) / ((_unit(W).T @ W) ** 2).sum(0), "Sum over j"),
        (lambda W: ((_unit(W).T @ W) ** 2).sum(1) / _squares(W), "upside down"),
        (lambda W: _squares(W) / ((W.T @ W) ** 2).sum(1), "where you have W_i"),
        (lambda W: ((_unit(W).T @ W) ** 2).sum(1), "the denominator"),
        (lambda W: (W**2).sum() / (W.T @ W).sum(), "shape"),
        (lambda W: np.array([25 / 25.36, 0.1]), "shape"),
    ),
    "4.2": (
        (lambda k: _around(360 * np.arange(k) / k), "radians"),
        (lambda k: _around(np.pi * np.arange(k) / k), "half way"),
        (lambda k: _around(np.linspace(0, 2 * np.pi, k)), "one step before"),
        (lambda k: _around(2 * np.pi * np.arange(k) / k).T, "shape"),
        (lambda k: 2 * _around(2 * np.pi * np.arange(k) / k), "length 1"),
        (lambda k: _around(np.arange(k)), "72°"),
    ),
    "4.3": (
        (np.kron, "np.kron"),
        (lambda A, B: np.concatenate([A, B], axis=1), "ValueError"),
        (lambda A, B: np.concatenate([A, np.pad(B, ((0, 1), (0, 0)))], axis=1), "together 3 dimensions"),
        (lambda A, B: np.concatenate([np.pad(A, ((0, 1), (0, 0))), np.pad(B, ((0, 2), (0, 0)))], axis=1), "orthogonal"),
        (lambda A, B: np.block([[A, np.zeros((2, 2))], [np.zeros((1, 3)), 3 * B]]), "as they were"),
        (lambda A, B: np.block([[B, np.zeros((1, 3))], [np.zeros((2, 2)), A]]), "A's features come first"),
    ),
    "4.4": (
        (lambda W: W.shape[0] / W.shape[1], "m / n"),
        (lambda W: len(W) / np.linalg.norm(W), "Square the norm"),
        (lambda W: (W**2).sum() / len(W), "upside down"),
        (lambda W: W.shape[1] / (W**2).sum(), "the rows of W"),
        (lambda W: len(W) / (np.linalg.norm(W, axis=0) > 0.5).sum(), "each as one"),
        (lambda W: (W**2).sum(), "how many features"),
        (lambda W: len(W) / np.linalg.norm(W, 2) ** 2, "spectral"),
        (lambda W: len(W) / (W**2).sum(0), "shape"),
        (lambda W: 1 / (W**2).sum(), "Your function says"),
    ),
    "4.5": (
        (lambda x, values, level: abs(values - level) < 0.05, "for each x"),
        (lambda x, values, level: x[_where(x, values, level)], "all x of the plateau"),
        (lambda x, values, level: x[_where(x, values, level)][[-1, 0]], "first, then the last"),
        (lambda x, values, level: values[_where(x, values, level)][[0, -1]], "at which x"),
        (lambda x, values, level: _where(x, values, level)[[0, -1]], "places in the array"),
        (lambda x, values, level: x[values < level + 0.05][[0, -1]], "0.36 is below"),
        (lambda x, values, level: x[values > level - 0.05][[0, -1]], "0.97 is above"),
        (lambda x, values, level: (2.2, 4.1), "At the level 1"),
    ),
}
