"""Wrong answers to the exercises of lesson 5: a function, and what the message must say."""

import numpy as np


def relu(h):
    return np.maximum(h, 0)


def shares(W):
    return (W**2).max(1) / (W**2).sum(1)


def halves(n):
    return np.concatenate([np.eye(n), -np.eye(n)])


def sums(n):
    return np.concatenate([np.eye(n), np.eye(n)], axis=1)


WRONG = {
    "5.1": (
        (lambda W, b, R, x, hidden: relu(W.T @ hidden(R @ W @ x) + b[:, None]), "encoder only"),
        (lambda W, b, R, x, hidden: relu((R.T @ W).T @ hidden(R @ W @ x) + b[:, None]), "opposite directions"),
        (lambda W, b, R, x, hidden: (R @ W).T @ hidden(R @ W @ x) + b[:, None], "output has a ReLU"),
        (lambda W, b, R, x, hidden: relu((R @ W).T @ (R @ W @ x) + b[:, None]), "`hidden` is left out"),
        (lambda W, b, R, x, hidden: relu((R @ W).T @ R @ hidden(W @ x) + b[:, None]), "R comes after it"),
        (lambda W, b, R, x, hidden: relu(W.T @ hidden(W @ x) + b[:, None]), "x' must change"),
        (lambda W, b, R, x, hidden: relu((R @ W).T @ hidden(R @ W @ x)), "changes nothing"),
        (lambda W, b, R, x, hidden: relu((R @ W).T @ hidden(R @ W @ x) + b), "ValueError"),
        (lambda W, b, R, x, hidden: hidden(R @ W @ x), "of shape (3, 4)"),
        (lambda W, b, R, x, hidden: relu((R.T @ W).T @ hidden(R.T @ W @ x) + b[:, None]), "x = (0, 1, 0)"),
    ),
    "5.2": (
        (lambda W: (W**2).max(0) / (W**2).sum(0), "A number for each feature"),
        (lambda W: (W**2).max() / (W**2).sum(), "whole model"),
        (lambda W: abs(W).max(1) / abs(W).sum(1), "Square the weights first"),
        (lambda W: abs(W).max(1) / np.linalg.norm(W, axis=1), "Leave the root out"),
        (lambda W: W.max(1) ** 2 / (W**2).sum(1), "may be negative"),
        (lambda W: (W**2).max(1), "divide by the sum"),
        (lambda W: 1 - shares(W), "0.64"),
        (lambda W: np.where(abs(W).max(1) > 6, 1, shares(W)), "scale"),
    ),
    "5.3": (
        (lambda n: (halves(n), halves(n).T), "computes x itself"),
        (lambda n: (np.concatenate([np.eye(n), np.eye(n)]), sums(n)), "A negative x_i gives 0"),
        (lambda n: (np.concatenate([np.eye(n), 0 * np.eye(n)]), sums(n)), "A negative x_i gives 0"),
        (lambda n: (halves(n), sums(n) / 2), "0.5 |x|"),
        (lambda n: (sums(n), halves(n)), "wrong way round"),
        (lambda n: (np.eye(n), np.eye(n)), "must have the shape (6, 3)"),
        (lambda n: halves(n), "both matrices"),
        (lambda n: (halves(n), np.repeat(np.eye(n), 2, axis=1)), "not their places"),
        (lambda n: (halves(n), np.ones((n, 2 * n))), "your network gives"),
        (lambda n: (halves(3), sums(3)), "For n = 2"),
    ),
    "5.4": (
        (lambda n, m, p: (n - m // 2) * (p / 3 - p**2 / 4), "sum over the features"),
        (lambda n, m, p: (n - m) / n * (p / 3 - p**2 / 4), "not enough"),
        (lambda n, m, p: (n - m // 2) / n * p / 3, "answering 0"),
        (lambda n, m, p: (n - m // 2) / n * p / 12, "not p times"),
        (lambda n, m, p: m // 2 / n * (p / 3 - p**2 / 4), "seven of ten features"),
        (lambda n, m, p: (n - m // 2) / n * (p / 3 - p / 4), "not p times"),
        (lambda n, m, p: 7 / n * (p / 3 - p**2 / 4), "n = 5, m = 10"),
        (lambda n, m, p: (n - m // 2) / n * (p / 3 - p**3 / 4), "0.0308"),
    ),
    "5.5": (
        (lambda W, W_out, k: np.outer(abs(W[k]), W_out[:, k]), "exchanged"),
        (lambda W, W_out, k: np.outer(W_out[:, k], W[k]), "never below 0"),
        (lambda W, W_out, k: abs(np.outer(W_out[:, k], W[k])), "Keep the sign"),
        (lambda W, W_out, k: W_out @ abs(W), "adds up all neurons"),
        (lambda W, W_out, k: np.outer(W_out[:, 0], abs(W[0])), "Use `k`"),
        (lambda W, W_out, k: W_out[:, k] * abs(W[k]), "of shape (3, 3)"),
        (lambda W, W_out, k: np.outer(W_out[:, k], relu(W[k])), "Your function says 0"),
    ),
}
