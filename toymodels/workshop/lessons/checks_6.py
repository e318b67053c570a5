"""Exercises of lesson 6: taking features out of superposition."""

from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, drawn, expect, fits

# --- 6.1 ---------------------------------------------------------------------------------------------------------

COLUMNS = np.array([[3.0, 0.0, -1.0], [4.0, 0.5, 1.0]])


def check_unit_norm(answer: Any) -> None:
    found = array(answer, COLUMNS, shape=(2, 3))
    lengths = np.sqrt((found**2).sum(0))
    rows = np.sqrt((found**2).sum(1))
    expect(not close(rows, 1), "Your rows have length 1. Directions are the columns: sum over axis 0.")
    expect(not close((found**2).sum(), 1), "You divided everything by one number: each column has a length of its own.")
    expect(
        not close(lengths, [1 / 5, 2, 2**-0.5]),
        "You divided by the squares of the lengths: take the root first.",
    )
    expect(not close(abs(found).sum(0), 1), "Length is Euclidean: square, sum, and take the root. (3, 4) has length 5.")
    expect(close(lengths, 1), f"The columns should have length 1. Yours have {lengths.round(3)}.")
    expect(
        close(found[:, :2], [[0.6, 0], [0.8, 1]]) and close(found[:, 2], [-(0.5**0.5), 0.5**0.5]),
        f"The lengths are right, but (3, 4) should point where it did, to (.6, .8). Yours points to {found[:, 0]}.",
    )
    fits(answer, unit_norm, (drawn(4, 5),))


def unit_norm(D):
    """D (m, k) with each of its columns scaled to length 1."""
    return D / np.sqrt((D**2).sum(0))


# --- 6.2 ---------------------------------------------------------------------------------------------------------

TRUTH = np.array([[2.0, 0.0], [0.0, 3.0]])
LEARNED = np.array([[3.0, 0.0, -2.0], [4.0, -7.0, 0.0]])  # cosines with the truth: .6, 0, -1 and .8, -1, 0


def check_mmcs(answer: Any) -> None:
    found = float(array(answer, LEARNED, TRUTH, shape=()))
    says = f"Your function says {found:.3g}."
    expect(
        not close(found, 0.8 / 3),
        "This is the mean over the learned directions. For each *true* one look for the nearest learned one.",
    )
    expect(not close(found, 1), "Leave out the absolute value: an opposite direction is another feature.")
    expect(not close(found, 1.4), "This is the sum over the true directions: take their mean.")
    expect(not close(found, 0.8), "This is the best true direction alone. Maximum along one axis, then the mean.")
    expect(not close(found, -0.1), "This is the mean of all cosines. Take the maximum for each true direction first.")
    expect(
        not any(close(found, wrong) for wrong in (9, 3.5, 1.8)),
        "A cosine does not depend on lengths: scale both matrices with unit_norm.",
    )
    expect(close(found, 0.7), f"With cosines .6, 0, -1 of the first and .8, -1, 0 of the second it is .7. {says}")

    truth, others = (np.random.default_rng(seed).normal(size=(5, 7)) for seed in (0, 1))
    found = float(array(answer, np.concatenate([others, 2 * truth[:, ::-1]], 1), truth, shape=()))
    expect(close(found, 1), f"If all true directions are among the learned ones, it is 1. {says}")
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    before, after = (float(array(answer, Q @ others, Q @ truth, shape=())) for Q in (np.eye(5), turn))
    expect(close(before, after, 1e-4), "It should not change when both are rotated.")


def mmcs(learned, truth):
    """The mean over the columns of truth (m, n) of the largest cosine with a column of learned (m, k)."""
    return (unit_norm(truth).T @ unit_norm(learned)).max(axis=1).mean()


# --- 6.3 ---------------------------------------------------------------------------------------------------------

H = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
H_HAT = np.array([[0.0, 0.0, 2.0], [0.0, 3.0, 0.0]])  # off by 1 and by 2 in six numbers
Z = np.array([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]])  # 7 in all, 3 samples


def check_sae_loss(answer: Any) -> None:
    error, penalty = 5 / 6, 0.3 * 7 / 3
    found = float(array(answer, H, H_HAT, Z, 0.3, shape=()))
    expect(not close(found, error), "The penalty is missing: add λ times the mean of the sums of z.")
    expect(
        not close(found, 2 * error + penalty),
        "You summed the error over the dimensions. Here it is the mean over samples and dimensions.",
    )
    expect(
        not close(found, error + penalty / 4),
        "You took the mean of z over the units. Sum over the units (axis 0) first: each activation costs.",
    )
    expect(not close(found, error + 3 * penalty), "You summed z over the samples. The penalty is a mean over them.")
    expect(
        not any(close(found, error + 0.3 * wrong) for wrong in (15 / 3, 15 / 12)),
        "The penalty is on z itself, not on its square: that is the difference between L1 and L2.",
    )
    expect(not close(found, error + 7 / 3), "The penalty is there, but not yet times λ.")
    expect(not close(found, 0.5 + penalty), "Square the errors: this is the mean of their absolute values.")
    expect(not close(found, error - penalty), "The penalty makes the loss larger: add it.")
    expect(
        close(found, error + penalty),
        f"With errors 1 and 2 in two of six numbers, activations with the sum 7 in three samples, and λ = .3, it is "
        f"5/6 + .3 · 7/3 = 1.533. Your function says {found:.4g}.",
    )
    fits(answer, sae_loss, (drawn(3, 5), drawn(5, 3).T, abs(drawn(2, 5)), 0.7))


def sae_loss(h, h_hat, z, strength):
    """The loss above, for h and h_hat (m, samples), activations z (k, samples), and λ = strength."""
    return ((h - h_hat) ** 2).mean() + strength * z.sum(0).mean()


# --- 6.4 ---------------------------------------------------------------------------------------------------------

ACTIVATIONS = np.array(
    [
        [0.5, 0.7, 0.2, 0.0, 0.0, 0.0],
        [0.1, 2.0, 0.0, 0.4, 0.0, 0.0],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.0, 0.0, 0.0, 5.0, 0.0, 0.0],
    ]
)  # 7 are not zero, in 4 units and 6 samples, of which 2 are empty


def check_sparsity(answer: Any) -> None:
    l0, n_dead = array(answer, ACTIVATIONS, shape=(2,))
    expect(
        not close((l0, n_dead), (1, 7 / 6)),
        "Both numbers are right, but L0 comes first, then the dead units.",
    )
    expect(not close(l0, 7 / 24), "Your L0 is a share of the units. Count them: sum over units, mean over samples.")
    expect(not close(l0, 7 / 4), "Your L0 is a mean over the units. Count the units of each sample, which is a column.")
    expect(not close(l0, 7), "Your L0 is the sum over all samples: take their mean.")
    expect(not close(l0, 8.9 / 6), "Your L0 adds activations up, which is L1. Count how many are above 0.")
    expect(close(l0, 7 / 6), f"Here 7 activations in 6 samples are above 0, so that L0 is 7/6. Yours is {l0:.4g}.")
    expect(not close(n_dead, 2), "You counted empty samples. A dead unit is a row without any activation.")
    expect(not close(n_dead, 3), "You counted the units that are alive.")
    expect(not close(n_dead, 1 / 4), "Your dead units are a share. Count them.")
    expect(not close(n_dead, 17), "You counted zeros. A unit is dead if all of its row is 0.")
    expect(close(n_dead, 1), f"Only the third unit is never on: there is 1 dead unit. You have {n_dead:.4g}.")
    expect(
        close(array(answer, 1e-4 * ACTIVATIONS, shape=(2,)), (7 / 6, 1)),
        "How strongly a unit is on does not matter: above 0 is on.",
    )
    fits(answer, sparsity, (np.maximum(drawn(5, 3) - 0.8, 0),))


def sparsity(z):
    """Of z (k, samples): how many units are on in a sample, on average; how many are on in none."""
    return (z > 0).sum(0).mean(), (z == 0).all(1).sum()


# --- 6.5 ---------------------------------------------------------------------------------------------------------

SEEDS = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.6, 0.0], [0.8, -1.0]], [[-1.0, 0.8], [0.0, 0.6]]])
# mmcs(D[i], D[j]) at [i, j], by hand
PAIRS = np.array([[1.0, 0.4, 0.4], [0.7, 1.0, 0.48], [0.7, 0.48, 1.0]])


def check_agreement(answer: Any) -> None:
    found = float(array(answer, SEEDS, shape=()))
    others = PAIRS.sum() - 3
    expect(
        not close(found, PAIRS.mean()),
        "You compared each seed with itself as well, which gives 1 and tells nothing: leave out i = j.",
    )
    expect(not close(found, others), "This is the sum: take the mean over the pairs.")
    expect(not close(found, others / 9), "You left out i = j, but divided by all 9: of three seeds there are 6 pairs.")
    expect(
        not any(close(found, half / 3) for half in (1.28, 1.88)),
        "You took each pair one way round. MMCS is not symmetric: take (i, j) and (j, i).",
    )
    expect(
        not any(close(found, first) for first in (0.4, 0.7, 0.55)),
        "You compared with the first seed alone. Compare all of them with each other.",
    )
    expect(
        close(found, others / 6),
        f"For three seeds whose pairs have MMCS .4, .7, .4, .7, .48, .48 it is {others / 6:.3f}. Your function says "
        f"{found:.4g}.",
    )
    same = np.random.default_rng(0).normal(size=(3, 4))
    found = float(array(answer, np.stack([same, 2 * same[:, ::-1]]), shape=()))
    expect(
        close(found, 1),
        f"Two seeds with the same directions in another order have 1. You have {found:.4g}.",
    )


def agreement(D):
    """D (seeds, m, k): the mean of mmcs(D[i], D[j]) over all i and j that differ."""
    return np.mean([mmcs(D[i], D[j]) for i in range(len(D)) for j in range(len(D)) if i != j])


# --- 6.6 ---------------------------------------------------------------------------------------------------------

ALONE = np.array([0.0, 0.05, 0.3, 1.2])


def check_best_activation(answer: Any) -> None:
    found = array(answer, ALONE, 0.1, 4, shape=(4,))
    expect(not close(found, ALONE), "z = a has no error, but costs λa. A little less is cheaper: how much less?")
    expect(
        (found >= 0).all(),
        f"z is never below 0: where the derivative wants it there, 0 is the cheapest. You have {found.min():.3g}.",
    )
    for loss, says in (
        (0.1, "You lost m/2: multiply the derivative -2 (a - z) / m + λ = 0 by it."),
        (0.05, "You lost the m: the error is divided by it, so that the penalty weighs m times as much."),
        (0.4, "You lost a 2: the derivative of (a - z)² is -2 (a - z)."),
        (0.0125, "m is on the wrong side: -2 (a - z) / m + λ = 0."),
    ):
        expect(not close(found, np.maximum(ALONE - loss, 0)), says)
    expect(not close(found, ALONE + 0.2), "The sign: the penalty makes z smaller than a. -2 (a - z) / m + λ = 0.")
    grid = np.linspace(0, 2, 2001)[:, None]
    for strength, m in ((0.1, 4), (0.03, 8)):
        found = array(answer, ALONE, strength, m, shape=(4,))
        cost = (ALONE - found) ** 2 / m + strength * found
        costs = (ALONE - grid) ** 2 / m + strength * grid
        cheaper = grid[costs.argmin(0), 0]
        worse = cost > costs.min(0) + 1e-6
        place = int(worse.argmax())
        expect(
            not worse.any(),
            f"For a = {ALONE[place]:g}, λ = {strength:g} and m = {m} your z = {found[place]:.3g} costs "
            f"{cost[place]:.4g}, and z = {cheaper[place]:.3g} only {costs.min(0)[place]:.4g}.",
        )
    fits(answer, best_activation, (np.array([0.4, 0.02, 0.9]), 0.05, 5))


def best_activation(a, strength, m):
    """The z >= 0 for which (a - z)² / m + strength * z is least, for each number of the array a."""
    return np.maximum(a - strength * m / 2, 0)


EXERCISES = (
    Exercise(
        "6.1",
        check_unit_norm,
        "Now a scalar product of two columns is the cosine of the angle between them: 1 the same, 0 at right angles.",
        (
            "Divide each column by its length, the root of the sum of its squares.",
            "The lengths are those of lesson 1, one per column. An array (k,) divides a matrix (m, k) by columns.",
            "`D / np.sqrt((D**2).sum(...))`: which axis goes away?",
        ),
        unit_norm,
    ),
    Exercise(
        "6.2",
        check_mmcs,
        "If every true direction was learned it is 1, whatever nonsense was learned besides.",
        (
            "All cosines at once are a product of two matrices whose columns have length 1.",
            "`unit_norm(truth).T @ unit_norm(learned)` has a row for each true direction: maximum of each row.",
            "`(unit_norm(truth).T @ unit_norm(learned)).max(axis=...).mean()`: rows are true, columns are learned.",
        ),
        mmcs,
    ),
    Exercise(
        "6.3",
        check_sae_loss,
        "The error wants many units on, the penalty wants few, and λ says who wins.",
        (
            "Two terms. The first is `.mean()` of all squared errors.",
            "The second: sum z over the units, which is axis 0, and take the mean over the samples.",
            "`((h - h_hat) ** 2).mean() + strength * z.sum(...).mean()`",
        ),
        sae_loss,
    ),
    Exercise(
        "6.4",
        check_sparsity,
        "L0 tells how many units explain a sample. Dead units explain nothing, and nothing brings them back.",
        (
            "`z > 0` is a matrix of truth values: rows are units, columns are samples. Sums count what is true.",
            "L0: sum `z > 0` over the units (axis 0), then the mean. Dead: count the rows of z that are all 0.",
            "`(z > 0).sum(0).mean(), (z == 0).all(...).sum()`: along which axis must all be 0?",
        ),
        sparsity,
    ),
    Exercise(
        "6.5",
        check_agreement,
        "No truth is needed here: this can be measured on any network.",
        (
            "Two loops over the seeds, and a condition.",
            "Make a list of `mmcs(D[i], D[j])` for all i and all j that are not i, and take its mean.",
            "`np.mean([mmcs(D[i], D[j]) for i in range(len(D)) for j in ... if ...])`",
        ),
        agreement,
    ),
    Exercise(
        "6.6",
        check_best_activation,
        "Each activation loses λm/2, and what is weaker than that is not seen at all. It is called soft thresholding.",
        (
            "The derivative by z is -2 (a - z) / m + λ. Where is it 0?",
            "It is 0 at z = a - λm/2. If that is below 0, then z = 0 is the cheapest.",
            "`np.maximum(a - ..., 0)`",
        ),
        best_activation,
    ),
)
