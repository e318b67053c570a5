"""Exercises of lesson 3: phase change."""

from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, expect, fits, result

OUTCOMES = ("ignored", "superposed", "dedicated")
MODELS = (
    ([[1.01, 0.03]], "ignored"),
    ([[-1.02, 0.98]], "superposed"),
    ([[0.97, -1.01]], "superposed"),
    ([[0.02, 0.99]], "dedicated"),
    ([[-0.04, -1.01]], "dedicated"),
    ([[-0.99, -0.02]], "ignored"),
)
IMPORTANCE = np.array([0.3, 0.7, 3.0])
DENSITY = np.array([0.9, 0.2, 0.6])
OTHERS = ((0.4, 0.3), (np.array([0.2, 1.5]), np.array([[0.8], [0.3]])))  # numbers; a row and a column
SPARSE = np.array([0.1, 0.3, 0.45, 0.7])


def check_outcome(answer: Any) -> None:
    found = [result(answer, np.array(W)) for W, _ in MODELS]
    for one in found:
        known = isinstance(one, str) and one in OUTCOMES
        expect(known, f'Return one of the words "ignored", "superposed" and "dedicated". Yours returns {one!r}.')
    first = ["dedicated", "superposed", "superposed", "ignored", "ignored", "dedicated"]
    expect(found != first, "This is what becomes of the first feature. Ask for the second one: column 1 of W.")
    for (W, right), one in zip(MODELS, found, strict=True):
        negative = ", however negative: a direction may point either way, so take lengths" if np.min(W) < -0.5 else ""
        lengths = "the lengths of its columns are {:.2g} and {:.2g}".format(*np.abs(W)[0])
        expect(one == right, f"In W = {W} the second feature is {right}, not {one}: {lengths}{negative}.")


def outcome(W):
    """What became of the second feature of W (1, 2): "ignored", "superposed" or "dedicated"."""
    first, second = np.abs(W[0]) > 0.5
    return "ignored" if not second else "superposed" if first else "dedicated"


def check_loss_ignored(answer: Any) -> None:
    found = array(answer, IMPORTANCE, DENSITY, shape=(3,))
    r, p = IMPORTANCE, DENSITY
    known = (
        (p / 3 - p**2 / 4, "Times its importance r: an error counts as much as the feature does."),
        (r * p / 3, "This is r E[x²], the loss if the output is 0. A bias lets it be the mean: subtract (E x)²."),
        (r / 12, "This is the variance of a feature that is always on. It is on with probability p only."),
        (r * p / 12, "1/12 is the variance of a feature that is on; but the output cannot know whether it is."),
        (r * (p / 3 - p / 4), "The mean is p/2, and it is squared: (p/2)² = p²/4."),
        (r * (p / 3 - 1 / 4), "The mean over all inputs, with the zeros, is p/2, not 1/2."),
        (
            r * p * (1 - p),
            "This is the variance of a coin that shows 0 or 1. Here what is on is uniform on [0, 1].",
        ),
        (r * (p / 3 - p**2 / 4) / 2, "Do not divide by the number of features: here the loss is their sum."),
    )
    _expect_none_of(found, known)
    wanted = r * (p / 3 - p**2 / 4)
    expect(close(found, wanted), _differs("r = 0.3 and p = 0.9", found[0], wanted[0]) + " Var x = E[x²] - (E x)².")
    fits(answer, loss_ignored, *OTHERS)


def loss_ignored(r, p):
    """The loss if the extra feature, of importance r and density p, is ignored."""
    return r * (p / 3 - p**2 / 4)


def check_loss_pair(answer: Any) -> None:
    found = array(answer, IMPORTANCE, DENSITY, shape=(3,))
    r, p = IMPORTANCE, DENSITY
    known = (
        (p**2 / 6, "That is the first feature's error alone. The second one errs as much, and counts r times."),
        (p**2 / 3, "That would be right if both counted 1. The second one's error counts r times."),
        (r * p**2 / 6, "That is the second feature's share alone. The first one errs as much, and counts 1."),
        ((1 + r) * p / 6, "They interfere only if both are on. That happens with probability p², not p."),
        ((1 + r) / 6, "That is the loss if both are on. How probable is that?"),
        ((1 + r) * p**2 / 3, "Is 1/3 the mean of min(x, y)? The error is squared: the mean of min(x, y)² is 1/6."),
        ((1 + r) * p**2 / 9, "The square of a mean is not the mean of the square: that of min(x, y)² is 1/6."),
        ((1 + r) * p * (1 - p) / 6, "With one feature on the pair makes no error: ReLU(-y) = 0. Both must be on."),
        ((1 + r) * p**2 / 12, "Do not divide by the number of features: here the loss is their sum."),
    )
    _expect_none_of(found, known)
    wanted = (1 + r) * p**2 / 6
    expect(close(found, wanted), _differs("r = 0.3 and p = 0.9", found[0], wanted[0]))
    fits(answer, loss_pair, *OTHERS)


def loss_pair(r, p):
    """The loss if the two features, of importance 1 and r and density p, are an antipodal pair."""
    return (1 + r) * p**2 / 6


def check_border(answer: Any) -> None:
    found = array(answer, SPARSE, shape=(4,))
    p = SPARSE
    known = (
        ((4 - 5 * p) / (2 * p), "This is the border on the other side, with the dedicated model: yours is 1 / this."),
        (4 * p / (2 + 5 * p), "This is the density of the border at importance p. What is given here is the density."),
        (p / (2 - p), "This is the border if an ignored feature loses r p/3. With a bias it loses less: 3.2."),
        (2 * p**2 / (4 - 5 * p), "A p too many: it can be cancelled, since r (p/3 - p²/4) has one too."),
        (2 * p / (4 - p), "Collect the terms with r again: r (4 - 3p) = (1 + r) 2p. The 2pr is subtracted."),
        (p**2 / 6 / (p / 3 - p**2 / 4), "r stands on both sides: the pair loses (1 + r) p²/6, not p²/6."),
    )
    _expect_none_of(found, known)
    wanted = 2 * p / (4 - 5 * p)
    tie = f"there ignoring loses {found[0] * (0.1 / 3 - 0.0025):.4g} and a pair {(1 + found[0]) / 600:.4g}"
    expect(close(found, wanted, 1e-3), f"At p = 0.1 your border is at r = {found[0]:.4g}: {tie}. They should be equal.")
    fits(answer, border, (0.25,), (np.array([[0.6], [0.05]]),))


def border(p):
    """The importance r at which ignoring the extra feature and a pair lose the same, at densities p < 4/5."""
    return 2 * p / (4 - 5 * p)


def check_meeting_point(answer: Any) -> None:
    r, p = array(answer, shape=(2,))
    expect(not close([r, p], [4 / 7, 1], 2e-3), "The numbers are right. Importance first, then density.")
    expect(
        close(r, 1, 2e-3),
        f"Ignored and dedicated lose the same, r v = v, at a single importance. It is not {r:.4g}.",
    )
    expect(not close(p, 4 / 5, 2e-3), "At 4/5 the border is infinite. Where does it reach the importance 1?")
    expect(close(p, 4 / 7, 2e-3), f"At density {p:.4g} the border is not at importance 1. Solve 2p / (4 - 5p) = 1.")


def meeting_point():
    """The importance and the density at which all three arrangements lose the same."""
    return 1, 4 / 7


def _expect_none_of(found: np.ndarray, known: tuple[tuple[np.ndarray, str], ...]) -> None:
    """Raise `Wrong` with the message of the known mistake that gives these numbers."""
    for mistaken, message in known:
        expect(not close(found, mistaken), message)


def _differs(where: str, found: float, wanted: float) -> str:
    return f"At {where} it is {wanted:.4g}. Your function says {found:.4g}."


EXERCISES = (
    Exercise(
        "3.1",
        check_outcome,
        "Three words for all that can happen. Each is a phase, and a model is in one of them.",
        (
            "A direction counts as there if it is longer than 1/2, whichever way it points.",
            "Two questions: is the second feature there? If so, is the first one there as well?",
            "`first, second = np.abs(W[0]) > 0.5`, and then a word for each case.",
        ),
        outcome,
    ),
    Exercise(
        "3.2",
        check_loss_ignored,
        "A constant cannot follow the feature, so the whole variance is lost, times the importance.",
        (
            "The best constant is the mean, and what is left is the variance: Var x = E[x²] - (E x)².",
            "With probability p the feature is on, so E x = p · 1/2 and E[x²] = p · 1/3.",
            "`r * (p / 3 - ...)`: the square of p/2.",
        ),
        loss_ignored,
    ),
    Exercise(
        "3.3",
        check_loss_pair,
        "A pair errs only when both are on, and p² is tiny where features are sparse. That is why superposition works.",
        (
            "None on, one on, both on: in which of these cases does one of the outputs err?",
            "Both are on with probability p². Then each output errs by min(x, y), whose square has the mean 1/6.",
            "`(... + ...) * p**2 / 6`: one error counts 1, the other one r.",
        ),
        loss_pair,
    ),
    Exercise(
        "3.4",
        check_border,
        "Above the border the pair wins. It goes to 0 with the density: sparse enough, any feature finds room.",
        (
            "Set the two losses equal: r (p/3 - p²/4) = (1 + r) p²/6.",
            "Divide by p, multiply by 12: r (4 - 3p) = (1 + r) 2p. Collect what has an r.",
            "r (4 - 5p) = 2p. And now?",
        ),
        border,
    ),
    Exercise(
        "3.5",
        check_meeting_point,
        "A triple point: the only place where all three are equally good. In physics, where ice, water and steam meet.",
        (
            "Ignored loses r v, dedicated loses v. At which r are they the same?",
            "There the importance is 1. At which density does your border reach 1?",
            "2p / (4 - 5p) = 1, so 2p = 4 - 5p. `return 1, ...`",
        ),
        meeting_point,
    ),
)
