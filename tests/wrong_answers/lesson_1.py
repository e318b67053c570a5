"""Wrong answers to the exercises of lesson 1: a function, and what the message must say."""

import numpy as np


def components(x, importance, n_hidden, columns=slice(-2, None)):
    """The directions of largest variance, or others of the eigenvectors; two of them."""
    return np.linalg.eigh(np.cov(np.sqrt(importance)[:, None] * x))[1][:, columns]


def onto(V):
    return V @ V.T


def principal(matrix, n_hidden):
    return onto(np.linalg.eigh(matrix)[1][:, -n_hidden:])


def most_varying_features(x, importance, n_hidden):
    variances = importance * x.var(axis=1)
    return np.diag((variances >= np.sort(variances)[-n_hidden]).astype(float))


def variance(p):
    return p / 3 - p**2 / 4


WRONG = {
    "1.1": (
        (lambda x: (x != 0).mean(), "average over axis 1 only"),
        (lambda x: (x != 0).mean(axis=0), "One number per sample"),
        (lambda x: x.mean(axis=1), "means of the values"),
        (lambda x: (x != 0).sum(axis=1), "These are counts"),
        (lambda x: (x == 0).mean(axis=1), "how often features are off"),
        (lambda x: (x > 0.2).mean(axis=1), "on in 2 of 5 samples"),
        (lambda x: x != 0, "An array of shape (4,) is wanted"),
    ),
    "1.2": (
        (lambda p: p / 3, "Subtract the square of the mean"),
        (lambda p: p / 3 - p / 2, "subtract its square"),
        (lambda p: p / 3 - p**2 / 2, "not p²/2"),
        (lambda p: p / 3 - p / 4, "the square of p/2 is p²/4, not p/4"),
        (lambda p: p / 12, "whether it is on varies as well"),
        (lambda p: p * (1 - p), "a coin that is 0 or 1"),
        (lambda p: np.sqrt(variance(p)), "standard deviation"),
        (lambda p: p**2 / 4, "the variance is .11"),
    ),
    "1.3": (
        (lambda W, b, x: W @ x, "hidden activations h"),
        (lambda W, b, x: W.T @ (W @ x), "bias is missing"),
        (lambda W, b, x: W.T @ (W @ x) + b, "make it a column"),
        (lambda W, b, x: np.maximum(W.T @ (W @ x) + b[:, None], 0), "this model is linear"),
        (lambda W, b, x: W.T @ (W @ x) - b[:, None], "Feature 0 alone"),
        (lambda W, b, x: W @ (W.T @ x) + b[:, None], "stops with ValueError"),
    ),
    "1.4": (
        (lambda x, x_hat, importance: ((x - x_hat) ** 2).mean(), "importance is missing"),
        (lambda x, x_hat, importance: (importance * (x - x_hat) ** 2).mean(), "Make it a column"),
        (lambda x, x_hat, importance: ((importance[:, None] * (x - x_hat)) ** 2).mean(), "importance was squared"),
        (lambda x, x_hat, importance: (importance[:, None] * (x - x_hat) ** 2).sum(), "This is the sum. Take"),
        (lambda x, x_hat, importance: (importance @ (x - x_hat) ** 2).mean(), "as in the paper's text"),
        (
            lambda x, x_hat, importance: np.average(((x - x_hat) ** 2).mean(1), weights=importance),
            "weighted by importance",
        ),
        (lambda x, x_hat, importance: (importance[:, None] * abs(x - x_hat)).mean(), "are to be squared"),
        (lambda x, x_hat, importance: (importance[:, None] * (x - x_hat)).mean(), "downwards cancel"),
        (lambda x, x_hat, importance: np.sqrt((importance @ (x - x_hat) ** 2).mean() / 3), "root of the loss"),
        (lambda x, x_hat, importance: importance[:, None] * (x - x_hat) ** 2, "One number is wanted"),
        (lambda x, x_hat, importance: (importance[:, None] * (x + x_hat) ** 2).mean(), "For these errors"),
    ),
    "1.5": (
        (lambda w, p, m: variance(p) * np.sort(w)[::-1][m:].mean(), "not only of those that are lost"),
        (lambda w, p, m: variance(p) * np.sort(w)[::-1][m:].sum(), "divide by n"),
        (lambda w, p, m: p / 3 * np.sort(w)[::-1][m:].sum() / len(w), "not E[x²]"),
        (lambda w, p, m: p * np.sort(w)[::-1][m:].sum() / len(w), "which is less than p"),
        (lambda w, p, m: np.sort(w)[::-1][m:].sum() / len(w), "Multiply by what a feature costs"),
        (lambda w, p, m: variance(p) * w[m:].sum() / len(w), "keeps the *first* feature"),
        (lambda w, p, m: variance(p) * np.sort(w)[m:].sum() / len(w), "keeps the *least* important"),
        (lambda w, p, m: variance(p) * np.sort(w)[:m].sum() / len(w), "gives up n_hidden features"),
        (lambda w, p, m: variance(p) * np.sort(w)[-m:].sum() / len(w), "adds up what is kept"),
        (lambda w, p, m: variance(p) * w.mean(), "nothing represented"),
        (lambda w, p, m: variance(p) * (w.sum() - w.max()) / len(w), "With three dimensions"),
        (lambda w, p, m: variance(p) * w.max(), "the loss is (.3 + .2 + .5)"),
    ),
    "1.6": (
        (components, "The projector is V Vᵀ"),
        (lambda x, w, m: components(x, w, m).T @ components(x, w, m), "it is V Vᵀ, with"),
        (lambda x, w, m: principal(np.cov(x.T), m), "covariance of samples"),
        (lambda x, w, m: onto(components(x, w, m, slice(2))), "*least* variance"),
        (lambda x, w, m: principal(np.cov(x), m), "importance is missing"),
        (lambda x, w, m: principal(np.cov(w[:, None] * x), m), "*root* of the importance"),
        (lambda x, w, m: principal(np.sqrt(np.outer(w, w)) * (x @ x.T), m), "Subtract the means"),
        (lambda x, w, m: np.cov(np.sqrt(w)[:, None] * x), "Take its eigenvectors"),
        (lambda x, w, m: 2 * onto(components(x, w, m)), "Projecting twice"),
        (lambda x, w, m: onto(components(x, w, m, slice(-3, None))), "the trace is 2"),
        (lambda x, w, m: onto(components(x, w, m, [1, 2])), "features 0 and 3 are kept"),
        (most_varying_features, "need not be features"),
    ),
}
