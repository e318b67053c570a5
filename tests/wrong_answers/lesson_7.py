"""Wrong answers to the exercises of lesson 7: a function, and what the message must say."""

import numpy as np


def correlations(told, true):
    return np.array([np.corrcoef(*rows)[0, 1] for rows in zip(told, true, strict=True)])


def per_dose(W, b, d):
    with np.errstate(divide="ignore"):
        return -b / (W.T @ d)


WRONG = {
    "7.1": (
        (correlations, "square it"),
        (lambda told, true: abs(correlations(told, true)), "square it"),
        (lambda told, true: (told * true).sum(1) ** 2 / ((told**2).sum(1) * (true**2).sum(1)), "means away"),
        (lambda told, true: np.repeat(np.corrcoef(told.ravel(), true.ravel())[0, 1] ** 2, len(told)), "both rows"),
        (lambda told, true: 1 - ((told - true) ** 2).sum(1) / (true.var(1) * true.shape[1]), "scale and offset"),
        (lambda told, true: (correlations(told, true) ** 2).mean(), "shape"),
        (lambda told, true: correlations(told, true) ** 4, ".111"),
    ),
    "7.2": (
        (lambda v: (v**2).sum() / (v**2).sum(), "sum first, then square"),
        (lambda v: (v**2).sum() / v.sum() ** 2, "upside down"),
        (lambda v: v.sum() / (v**2).sum(), "Square the sum"),
        (lambda v: v.sum() ** 2 / v.sum(), "Below the line"),
        (lambda v: len(v), "number of axes"),
        (lambda v: v.sum() ** 2 / (v**2).sum() + 0.1, "25/11"),
        (lambda v: 25 / (v**2).sum(), "other sizes"),
    ),
    "7.3": (
        (lambda before, after, i: ((before - after) / before).mean(), "Leave out feature i"),
        (lambda before, after, i: (before[i] - after[i]) / before[i], "mean over the others"),
        (lambda before, after, i: np.delete(before - after, i).mean(), "You took differences"),
        (lambda before, after, i: np.delete(before - after, i).sum() / np.delete(before, i).sum(), "divided the sums"),
        (lambda before, after, i: np.delete((before - after) / before, i).sum() / len(before), "n - 1 others"),
        (lambda before, after, i: np.delete((before - after) / before, i).max(), "1/4 and the third 3/4"),
        (lambda before, after, i: ((before - after) / before)[1:].mean(), "other sizes"),
    ),
    "7.4": (
        (lambda W, b, d, i: per_dose(W, b, d)[W.T @ d > 0].min(), "output i itself"),
        (lambda W, b, d, i: np.delete(per_dose(W, b, d), i).min(), "never comes on"),
        (lambda W, b, d, i: -np.sort(np.delete(per_dose(W, b, d), i))[1], "The sign"),
        (lambda W, b, d, i: np.delete(per_dose(W, b, d), i).max(), "the last one"),
        (lambda W, b, d, i: np.sort(np.delete(per_dose(W, b, d), i))[1:].mean(), "This is a mean"),
        (lambda W, b, d, i: -b.min() / (W.T @ d).max(), "up to .6"),
        (lambda W, b, d, i: -b[1] / (W.T @ d)[1], "other sizes"),
    ),
    "7.5": (
        (lambda y, s, r: ((s - y) ** 2).mean() / ((r - y) ** 2).mean(), "take it from 1"),
        (lambda y, s, r: 1 - abs(s - y).mean() / abs(r - y).mean(), "Square the changes"),
        (lambda y, s, r: 1 - ((r - y) ** 2).mean() / ((s - y) ** 2).mean(), "upside down"),
        (lambda y, s, r: 1 - ((s - r) ** 2).mean() / ((r - y) ** 2).mean(), "with the whole"),
        (lambda y, s, r: 1 - ((s - y) ** 2).mean(), "if everything is random"),
        (lambda y, s, r: 1 - ((s - y) ** 2).sum() / 10, "18/19"),
        (lambda y, s, r: 1 - ((s - y) ** 2).sum() / 19, "other sizes"),
    ),
}
