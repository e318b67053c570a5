"""Exercises of lesson 7: find the lie."""

from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, drawn, expect, fits, number

# --- 7.1 ---------------------------------------------------------------------------------------------------------

TOLD = np.array([[0.0, 1.0, 2.0, 3.0], [5.0, 5.0, 7.0, 5.0]])
TRUE = np.array([[1.0, 2.0, 4.0, 3.0], [1.0, 0.0, 0.0, 0.0]])  # correlations .8 and -1/3


def check_r_squared(answer: Any) -> None:
    found = array(answer, TOLD, TRUE, shape=(2,))
    expect(not close(found, [0.8, -1 / 3]), "This is the correlation: square it.")
    expect(not close(found, [0.8, 1 / 3]), "This is the size of the correlation: square it.")
    expect(
        not close(found, [361 / 420, 25 / 124]),
        "You did not take the means away: take each row minus its own mean first.",
    )
    both = np.corrcoef(TOLD.ravel(), TRUE.ravel())[0, 1] ** 2
    expect(not close(found, both), "You took both rows together: each row has a mean and a sum of its own.")
    expect(
        not close(found, [1 - 6 / 5, 1 - 115 / 0.75]),
        "You subtracted the two: then scale and offset matter. Take the squared correlation.",
    )
    expect(
        close(found, [0.64, 1 / 9]),
        f"For rows whose correlations are .8 and -1/3 it is (.64, .111). Yours is {found.round(3)}.",
    )
    fits(answer, r_squared, (drawn(3, 7), drawn(7, 3).T))


def r_squared(told, true):
    """The squared correlation of each row of told (n, samples) with the same row of true (n, samples): n numbers."""
    told, true = (one - one.mean(1, keepdims=True) for one in (told, true))
    return (told * true).sum(1) ** 2 / ((told**2).sum(1) * (true**2).sum(1))


# --- 7.2 ---------------------------------------------------------------------------------------------------------

VARIANCES = np.array([3.0, 1.0, 1.0])


def check_participation(answer: Any) -> None:
    found = number(answer, VARIANCES)
    expect(not close(found, 1), "You squared before you summed above the line as well: there, sum first, then square.")
    expect(not close(found, 11 / 25), "The fraction is upside down.")
    expect(not close(found, 5 / 11), "Square the sum that is above the line.")
    expect(not close(found, 5), "Below the line, square each variance before you sum.")
    expect(not close(found, 3), "This is the number of axes. One of them has more of the variance than the others.")
    expect(close(found, 25 / 11), f"For variances 3, 1, 1 it is 25/11 = 2.273. Your function says {found:.4g}.")
    fits(answer, participation, (abs(drawn(5)),))


def participation(variances):
    """(Σ λ)² / Σ λ² of variances λ (m,)."""
    return variances.sum() ** 2 / (variances**2).sum()


# --- 7.3 ---------------------------------------------------------------------------------------------------------

BEFORE = np.array([0.5, 0.4, 0.8])
AFTER = np.array([0.0, 0.3, 0.2])  # feature 1 loses a quarter, feature 2 three quarters


def check_lost(answer: Any) -> None:
    found = number(answer, BEFORE, AFTER, 0)
    expect(not close(found, 2 / 3), "This is the mean over all features. Leave out feature i: it should be gone.")
    expect(not close(found, 1), "This is feature i, or a sum. Take the mean over the others.")
    expect(not close(found, 0.35), "You took differences. A share is the difference divided by what was there before.")
    expect(not close(found, 0.7 / 1.2), "You divided the sums. Take each feature's share, then their mean.")
    expect(not close(found, 1 / 3), "You left feature i out of the sum, but divided by all n: there are n - 1 others.")
    expect(
        close(found, 0.5),
        f"Of R² (.5, .4, .8) that become (0, .3, .2), the second loses 1/4 and the third 3/4, .5 in the mean. Your "
        f"function says {found:.4g}.",
    )
    fits(answer, lost, (1 + abs(drawn(5)), abs(drawn(5)), 3), (BEFORE, AFTER, 1))


def lost(before, after, i):
    """The mean share of their R² that all features but i lose. before and after have n numbers."""
    return np.delete((before - after) / before, i).mean()


# --- 7.4 ---------------------------------------------------------------------------------------------------------

DIRECTIONS = np.array([[2.0, 1.0, 0.5, -1.0], [0.0, 1.0, -1.0, 0.0]])
BIAS = np.array([-0.2, -0.6, -0.4, -0.1])
ADDED = np.array([1.0, 0.0])  # outputs get 2, 1, .5, -1 per dose: they come on at .1, .6, .8 and never


def check_clean_dose(answer: Any) -> None:
    found = number(answer, DIRECTIONS, BIAS, ADDED, 0)
    expect(not close(found, 0.1), "From this dose on output i itself is on. Leave it out: it should come on.")
    expect(not close(found, -0.1), "An output with W_j·d < 0 never comes on. Leave out what is not above 0.")
    expect(not close(found, -0.6), "The sign: dose * W_j·d + b_j = 0 at dose = -b_j / (W_j·d).")
    expect(not close(found, 0.8), "This is where the last one comes on. It is clean until the first one does.")
    expect(not close(found, 0.7), "This is a mean. It is clean until the first one comes on: take the smallest.")
    expect(
        close(found, 0.6),
        f"Others come on at a dose of .6 and of .8, so it is clean up to .6. Your function says {found:.4g}.",
    )
    W, d = drawn(3, 6), drawn(3)
    fits(answer, clean_dose, (W, -abs(drawn(6)) - 0.1, d, 2), (W, -abs(drawn(6)) - 0.1, d, 4))


def clean_dose(W, b, d, i):
    """The largest dose for which dose * W_j·d + b_j <= 0 for all j but i; W (m, n), b (n,) below 0, d (m,)."""
    per_dose = W.T @ d
    return min(-b[j] / per_dose[j] for j in range(len(b)) if j != i and per_dose[j] > 0)


# --- 7.5 ---------------------------------------------------------------------------------------------------------

WHOLE = np.array([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
SCRUBBED = np.array([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])  # changed by 1 in one of six
RANDOM = np.array([[0.0, 0.0, 3.0], [2.0, 0.0, 1.0]])  # by 1, 3, 2, 2, 1


def check_explained(answer: Any) -> None:
    found = number(answer, WHOLE, SCRUBBED, RANDOM)
    expect(not close(found, 1 / 19), "This is what is not explained: take it from 1.")
    expect(not close(found, 1 - 1 / 9), "Square the changes: these are their sizes.")
    expect(not close(found, 1 - 19), "The fraction is upside down.")
    expect(not close(found, 1 - 14 / 19), "You compared scrubbed with random outputs. Compare both with the whole.")
    expect(
        not close(found, 1 - 1 / 6),
        "The change by scrubbing is right. Divide it by the change if everything is random.",
    )
    expect(
        close(found, 18 / 19),
        f"Squared changes add up to 1 by scrubbing and to 19 at random: 18/19. Your function says {found:.4g}.",
    )
    fits(answer, explained, (drawn(3, 5), drawn(5, 3).T, drawn(3, 5)[::-1]))


def explained(whole, scrubbed, random):
    """1 if scrubbed outputs (n, samples) are those of the whole model, 0 if they are as far away as random ones."""
    return 1 - ((scrubbed - whole) ** 2).mean() / ((random - whole) ** 2).mean()


EXERCISES = (
    Exercise(
        "7.1",
        check_r_squared,
        "It does not depend on scale and offset, so a probe and an output can be compared.",
        (
            "Take from each row its own mean. A row is a feature, and its samples are along axis 1.",
            "Correlation: the sum of products, divided by the roots of both sums of squares. Squared, no root is left.",
            "With a and b the rows without their means: `(a * b).sum(1) ** 2 / ((a**2).sum(1) * ...)`",
        ),
        r_squared,
    ),
    Exercise(
        "7.2",
        check_participation,
        "For k equal variances it is k. It counts axes that vary, and there are never more than m.",
        (
            "Above the line sum first, then square. Below the line square first.",
            "`variances.sum()` and `(variances**2).sum()` are what you need.",
            "`variances.sum() ** 2 / ...`",
        ),
        participation,
    ),
    Exercise(
        "7.3",
        check_lost,
        "Whoever erases, steers or ablates should report this number as well.",
        (
            "First the share that each feature loses: n numbers. Then leave one of them out.",
            "`np.delete(numbers, i)` is an array without number i.",
            "`np.delete((before - after) / ..., i).mean()`",
        ),
        lost,
    ),
    Exercise(
        "7.4",
        check_clean_dose,
        "The bias is what keeps neighbours quiet, and a dose is clean as long as the bias is stronger.",
        (
            "`W.T @ d` is by how much each output rises per dose, before the ReLU.",
            "Output j comes on at the dose -b_j / (W_j·d), if W_j·d > 0. Take the smallest over all j but i.",
            "`min(-b[j] / per_dose[j] for j in range(len(b)) if j != i and ...)` with `per_dose = W.T @ d`",
        ),
        clean_dose,
    ),
    Exercise(
        "7.5",
        check_explained,
        "A loss compares outputs with what is wanted. This compares them with those of the model, as was asked.",
        (
            "Two means of squares: of scrubbed minus whole, and of random minus whole.",
            "The first divided by the second is what is not explained.",
            "`1 - ((scrubbed - whole) ** 2).mean() / ...`",
        ),
        explained,
    ),
)
