"""Wrong answers to the exercises of lesson 2: a function, and what the message must say."""

import math

import numpy as np


def at(angles):
    return np.array([np.cos(angles), np.sin(angles)])


def relu(z):
    return np.maximum(z, 0)


def others(W):
    """WᵀW with zeros on the diagonal."""
    return (W.T @ W) * (1 - np.eye(W.shape[1]))


def norms(W):
    return np.sqrt((W**2).sum(0))


def unit(W):
    return W / norms(W)


def shares(projections, W):
    return norms(W) ** 2 / projections.sum(1)


def exactly(n, p, k):
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


WRONG = {
    "2.1": (
        (lambda n: at(2 * np.pi * np.arange(n) / n).T, "Take the transpose"),
        (lambda n: at(np.linspace(0, 2 * np.pi, n)), "includes its end"),
        (lambda n: at(np.arange(n) * 360 / n), "want radians"),
        (lambda n: at(np.arange(n) * np.pi / n), "half of the circle"),
        (lambda n: 2 * at(2 * np.pi * np.arange(n) / n), "All lengths must be 1"),
        (lambda n: at(np.arange(n)), "51.4° apart"),
        (lambda n: at(2 * np.pi * np.arange(n) / 7), "but not for n = 3"),
        (lambda n: at(2 * np.pi / n), "of shape (2, 7) is wanted"),
    ),
    "2.2": (
        (lambda W, b, x: W @ x, "hidden activations h"),
        (lambda W, b, x: W.T @ (W @ x) + b[:, None], "ReLU is missing"),
        (lambda W, b, x: relu(W.T @ (W @ x)), "bias is missing"),
        (lambda W, b, x: relu(W.T @ (W @ x)) + b[:, None], "ReLU last"),
        (lambda W, b, x: relu(W.T @ (W @ x) + b), "make it a column"),
        (lambda W, b, x: abs(W.T @ (W @ x) + b[:, None]), "turn negative numbers round"),
        (lambda W, b, x: relu(W.T @ relu(W @ x) + b[:, None]), "h may be negative"),
        (lambda W, b, x: relu(W.T @ (W @ x) - b[:, None]), "feature 0 alone at 1"),
    ),
    "2.3": (
        (lambda W: -others(W).max(), "Each output has its own bias"),
        (lambda W: -(W.T @ W).max(0), "Leave out i = j"),
        (lambda W: others(W).max(0), "has to be negative"),
        (lambda W: -abs(others(W)).max(0), "not the largest size"),
        (lambda W: others(W).min(0), "the largest product that disturbs"),
        (lambda W: -relu(others(W)).sum(0), "all others *together*"),
        (lambda W: -np.where(np.eye(W.shape[1]), -np.inf, W.T @ W).max(0), "at most 0"),
        (lambda W: -others(unit(W)).max(0), "1.2 is to be silenced"),
        (lambda W: -others(W).max(0) if W.shape[1] == 4 else -abs(others(W)).max(0), "antipodal pair needs no bias"),
    ),
    "2.4": (
        (lambda W: norms(W) ** 2 / ((W.T @ W) ** 2).sum(1), "divide the sum by"),
        (lambda W: norms(W) ** 2 / ((unit(W).T @ W) ** 2 - np.diag(norms(W) ** 2)).sum(1), "i itself included"),
        (lambda W: shares((W.T @ unit(W)) ** 2, W), "only W_i is scaled"),
        (lambda W: 1 / ((unit(W).T @ unit(W)) ** 2).sum(1), "W_j keeps its length"),
        (lambda W: shares(unit(W).T @ W, W), "squared before they are summed"),
        (lambda W: norms(W) / ((unit(W).T @ W) ** 2).sum(1), "squared above the line"),
        (lambda W: ((unit(W).T @ W) ** 2).sum(1) - norms(W) ** 2, "This is the interference"),
        (lambda W: 1 / shares((unit(W).T @ W) ** 2, W), "Upside down"),
        (lambda W: norms(W) ** 2, "D is 2/3, 4/9, 1/6"),
        (lambda W: shares((unit(W).T @ W) ** 2, W).sum(), "of shape (3,) is wanted"),
    ),
    "2.5": (
        (lambda n, p, k: p**k * (1 - p) ** (n - k), "two given features. There are"),
        (lambda n, p, k: p**k, "whatever the others do"),
        (lambda n, p, k: math.comb(n, k) * p**k, "must be off: each with"),
        (lambda n, p, k: math.comb(n, k) * p**k * (1 - p) ** n, "not all n"),
        (lambda n, p, k: math.comb(n, k) * p**k * (1 - p), "to the power n - k"),
        (lambda n, p, k: exactly(n, p, n - k), "On and off are exchanged"),
        (lambda n, p, k: math.perm(n, k) * p**k * (1 - p) ** (n - k), "counted twice"),
        (lambda n, p, k: sum(exactly(n, p, more) for more in range(k, n + 1)), "k *or more*"),
        (lambda n, p, k: n * p, "exactly two are on"),
        (lambda n, p, k: exactly(6, p, k), "must sum to 1"),
    ),
}
