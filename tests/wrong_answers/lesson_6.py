"""Wrong answers to the exercises of lesson 6: a function, and what the message must say."""

import numpy as np

from toymodels.analysis.dictionaries import cosines, mmcs
from toymodels.arrays import unit_columns


def error(h, h_hat):
    return ((h - h_hat) ** 2).mean()


def pairs(D):
    return np.array([[mmcs(one, other) for other in D] for one in D])


def of_three(D):
    return ~np.eye(len(D), dtype=bool)


WRONG = {
    "6.1": (
        (lambda D: D / np.linalg.norm(D, axis=1, keepdims=True), "axis 0"),
        (lambda D: D / np.linalg.norm(D), "a length of its own"),
        (lambda D: D / (D**2).sum(0), "take the root"),
        (lambda D: D / abs(D).sum(0), "Length is Euclidean"),
        (lambda D: D / D.max(0), "should have length 1"),
        (lambda D: abs(unit_columns(D)), "point where it did"),
        (lambda D: -unit_columns(D), "point where it did"),
        (lambda D: np.linalg.norm(D, axis=0), "shape"),
        (lambda D: D / np.sqrt((D**2).sum(1)), "stops with ValueError"),
    ),
    "6.2": (
        (lambda learned, truth: mmcs(truth, learned), "mean over the learned directions"),
        (lambda learned, truth: abs(cosines(learned, truth)).max(1).mean(), "absolute value"),
        (lambda learned, truth: cosines(learned, truth).max(1).sum(), "sum over the true directions"),
        (lambda learned, truth: cosines(learned, truth).max(), "best true direction alone"),
        (lambda learned, truth: cosines(learned, truth).mean(), "mean of all cosines"),
        (lambda learned, truth: (truth.T @ learned).max(1).mean(), "unit_norm"),
        (lambda learned, truth: (unit_columns(truth).T @ learned).max(1).mean(), "unit_norm"),
        (lambda learned, truth: (truth.T @ unit_columns(learned)).max(1).mean(), "unit_norm"),
        (lambda learned, truth: cosines(learned, truth).max(1), "One number"),
        (lambda learned, truth: np.diagonal(cosines(learned, truth)).mean(), "it is .7"),
    ),
    "6.3": (
        (lambda h, h_hat, z, strength: error(h, h_hat), "penalty is missing"),
        (lambda h, h_hat, z, strength: 2 * error(h, h_hat) + strength * z.sum(0).mean(), "summed the error"),
        (lambda h, h_hat, z, strength: error(h, h_hat) + strength * z.mean(), "mean of z over the units"),
        (lambda h, h_hat, z, strength: error(h, h_hat) + strength * z.sum(), "summed z over the samples"),
        (lambda h, h_hat, z, strength: error(h, h_hat) + strength * (z**2).sum(0).mean(), "not on its square"),
        (lambda h, h_hat, z, strength: error(h, h_hat) + z.sum(0).mean(), "times λ"),
        (lambda h, h_hat, z, strength: abs(h - h_hat).mean() + strength * z.sum(0).mean(), "Square the errors"),
        (lambda h, h_hat, z, strength: error(h, h_hat) - strength * z.sum(0).mean(), "add it"),
        (lambda h, h_hat, z, strength: error(h, h_hat) + strength * (z > 0).sum(0).mean(), "1.533"),
        (lambda h, h_hat, z, strength: error(h, h_hat) + strength * z.sum(0), "One number"),
    ),
    "6.4": (
        (lambda z: ((z == 0).all(1).sum(), (z > 0).sum(0).mean()), "L0 comes first"),
        (lambda z: ((z > 0).mean(), (z == 0).all(1).sum()), "share of the units"),
        (lambda z: ((z > 0).sum(1).mean(), (z == 0).all(1).sum()), "mean over the units"),
        (lambda z: ((z > 0).sum(), (z == 0).all(1).sum()), "sum over all samples"),
        (lambda z: (z.sum(0).mean(), (z == 0).all(1).sum()), "which is L1"),
        (lambda z: ((z == 0).sum(0).mean(), (z == 0).all(1).sum()), "7/6"),
        (lambda z: ((z > 0).sum(0).mean(), (z == 0).all(0).sum()), "empty samples"),
        (lambda z: ((z > 0).sum(0).mean(), (z > 0).any(1).sum()), "units that are alive"),
        (lambda z: ((z > 0).sum(0).mean(), (z == 0).all(1).mean()), "dead units are a share"),
        (lambda z: ((z > 0).sum(0).mean(), (z == 0).sum()), "counted zeros"),
        (lambda z: ((z > 0.05).sum(0).mean(), (z == 0).all(1).sum()), "above 0 is on"),
        (lambda z: (z > 0).sum(0).mean(), "shape"),
    ),
    "6.5": (
        (lambda D: pairs(D).mean(), "with itself"),
        (lambda D: pairs(D)[of_three(D)].sum(), "This is the sum"),
        (lambda D: (pairs(D) * of_three(D)).mean(), "divided by all 9"),
        (lambda D: np.mean([mmcs(D[i], D[j]) for i in range(len(D)) for j in range(i)]), "not symmetric"),
        (lambda D: np.mean([mmcs(D[i], D[j]) for j in range(len(D)) for i in range(j)]), "not symmetric"),
        (lambda D: np.mean([mmcs(D[0], one) for one in D[1:]]), "first seed alone"),
        (lambda D: np.mean([mmcs(one, D[0]) for one in D[1:]]), "first seed alone"),
        (lambda D: pairs(D)[of_three(D)].min() / 2, "0.527"),
        (lambda D: pairs(D), "One number"),
    ),
    "6.6": (
        (lambda a, strength, m: a, "A little less is cheaper"),
        (lambda a, strength, m: a - strength * m / 2, "never below 0"),
        (lambda a, strength, m: np.maximum(a - strength, 0), "lost m/2"),
        (lambda a, strength, m: np.maximum(a - strength / 2, 0), "lost the m"),
        (lambda a, strength, m: np.maximum(a - strength * m, 0), "lost a 2"),
        (lambda a, strength, m: np.maximum(a - strength / (2 * m), 0), "wrong side"),
        (lambda a, strength, m: a + strength * m / 2, "The sign"),
        (lambda a, strength, m: a / (1 + strength * m), "costs"),
        (lambda a, strength, m: np.maximum(a - 0.2, 0), "λ = 0.03 and m = 8"),
        (lambda a, strength, m: np.where(a > strength * m / 2, a, 0), "costs"),
    ),
}
