"""Exercises of lesson 1: features and directions."""

from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, drawn, expect, fits, number, result

# --- 1.1 -------------------------------------------------------------------------------------------------------------


def check_measured_density(answer: Any) -> None:
    x = np.array([[0.0, 0.5, 0.0, 0.2, 0.0], [0.0] * 5, [0.1, 0.3, 0.9, 0.7, 0.4], [0.0, 0.0, 0.0, 0.8, 0.0]])
    shape = np.shape(result(answer, x.copy()))
    expect(shape != (), "One number for all features together. Each feature has its own: average over axis 1 only.")
    expect(shape != (5,), "One number per sample. Samples are columns: average along the rows, which is axis 1.")
    found = array(answer, x.copy(), shape=(4,))
    expect(
        not close(found, x.mean(1)), "These are the means of the values. Ask of each value first whether it is not 0."
    )
    expect(not close(found, [2, 0, 5, 1]), "These are counts. Divide by the number of samples, or take the mean.")
    expect(not close(found, [0.6, 1, 0, 0.8]), "This is how often features are off: the sparsity S = 1 - p.")
    expect(
        close(found, [0.4, 0, 1, 0.2]), f"A feature that is on in 2 of 5 samples has density .4, not {found[0]:.3g}."
    )
    fits(answer, measured_density, (np.maximum(drawn(3, 7), 0),))


def measured_density(x):
    """The share of samples in which each feature is on: from x (n, batch), n numbers."""
    return (x != 0).mean(axis=1)


# --- 1.2 -------------------------------------------------------------------------------------------------------------


def check_variance(answer: Any) -> None:
    found = np.array([number(answer, p) for p in (0.6, 0.12)])
    p = np.array([0.6, 0.12])
    for wrong, says in (
        (p / 3, "This is E[x²]. Subtract the square of the mean, which is (p/2)²."),
        (p / 3 - p / 2, "The mean is p/2: subtract its square."),
        (p / 3 - p**2 / 2, "The square of p/2 is p²/4, not p²/2."),
        (
            p / 12,
            "This is p/12, p times the variance of a feature that is on; but whether it is on varies as well. Or did "
            "you mean p/3 - p/4? The mean is p/2, and the square of p/2 is p²/4, not p/4.",
        ),
        (p * (1 - p), "This is the variance of a coin that is 0 or 1. Values lie between: E[x²] = p/3, E[x] = p/2."),
        (np.sqrt(p / 3 - p**2 / 4), "This is the standard deviation: leave out the root."),
    ):
        expect(not close(found, wrong), says)
    expect(
        close(found, p / 3 - p**2 / 4),
        f"At density .6, E[x²] = .2 and E[x] = .3, so the variance is .11. Your function says {found[0]:.4g}.",
    )


def variance(p):
    """The variance of a feature of density p."""
    return p / 3 - (p / 2) ** 2


# --- 1.3 -------------------------------------------------------------------------------------------------------------


def check_reconstruct(answer: Any) -> None:
    W = np.array([[1.0, 0.5, 0.0], [0.0, 2.0, -1.0]])
    b = np.array([0.1, -3.0, 0.2])
    x = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, 1.0], [0.0, 0.0, 0.5]])  # as many samples as features: b fits both ways
    wanted = np.array([[1.1, 0.6, 2.6], [-2.5, 1.25, 1.25], [0.2, -1.8, -1.3]])
    shape = np.shape(result(answer, W.copy(), b.copy(), x.copy()))
    expect(shape != (2, 3), "These are the hidden activations h. Bring them back to n numbers by the transpose of W.")
    found = array(answer, W.copy(), b.copy(), x.copy(), shape=(3, 3))
    flat = b[:, None]
    expect(not close(found, wanted - flat), "The bias is missing: add b.")
    expect(
        not close(found, wanted - flat + b),
        "b[0] was added to sample 0, b[1] to sample 1, ... It belongs to the features, the rows: make it a column.",
    )
    expect(not close(found, np.maximum(wanted, 0)), "There is a ReLU in it. Not yet: this model is linear.")
    expect(
        close(found, wanted), f"Feature 0 alone, at 1, should give (1.1, -2.5, 0.2). It gives {found[:, 0].round(3)}."
    )
    fits(answer, reconstruct, (drawn(3, 5), drawn(5), drawn(5, 4)))


def reconstruct(W, b, x):
    """What the linear model answers, (n, batch): from W (m, n), b (n,) and x (n, batch)."""
    return W.T @ (W @ x) + b[:, None]


# --- 1.4 -------------------------------------------------------------------------------------------------------------


def check_loss(answer: Any) -> None:
    importance = np.array([1.0, 0.5, 0.25])
    x = np.array([[1.0, 0.0, 0.2], [0.5, 0.5, 0.0], [0.0, 0.0, 0.9]])
    errors = np.array([[1.0, -0.5, 0.2], [0.0, 0.6, -1.0], [2.0, 0.4, 0.3]])
    found = number(answer, x.copy(), x - errors, importance.copy())
    squares = errors**2
    for wrong, says in (
        (squares.mean(), "The importance is missing: each row has a weight of its own."),
        (
            (importance * squares).mean(),
            "Importance belongs to features, the rows. Make it a column: importance[:, None].",
        ),
        (
            (importance**2 @ squares).sum() / 9,
            "The importance was squared, too. Square the errors first, then weigh them.",
        ),
        (3.0325, "This is the sum. Take the mean over samples and features."),
        (3.0325 / 3, "This is the sum over features, as in the paper's text. Take the mean over them as well."),
        (3.0325 / 5.25, "This is a mean weighted by importance. Divide by the number of features, not by the weights."),
        ((importance @ abs(errors)).sum() / 9, "The errors are to be squared."),
        ((importance @ errors).sum() / 9, "Square the errors: else those upwards and downwards cancel."),
        (np.sqrt(3.0325 / 9), "This is the root of the loss: leave it out."),
    ):
        expect(not close(found, wrong), says)
    expect(
        close(found, 3.0325 / 9),
        f"For these errors and importances, the loss is {3.0325 / 9:.4f}. Your function says {found:.4g}.\n"
        f"  x - x_hat = {errors.tolist()}, importance = {importance.tolist()}",
    )
    fits(answer, loss, (drawn(5, 4), drawn(4, 5).T, np.arange(5.0)))


def loss(x, x_hat, importance):
    """The loss, one number: from x and x_hat (n, batch), and importance (n,)."""
    return (importance[:, None] * (x - x_hat) ** 2).mean()


# --- 1.5 -------------------------------------------------------------------------------------------------------------


def check_best_loss(answer: Any) -> None:
    importance = np.array([0.3, 0.9, 0.2, 0.5])
    found = number(answer, importance.copy(), 0.6, 1)  # variance .11
    for wrong, says in (
        (1.0 * 0.11 / 3, "Divide by the number of all features, not only of those that are lost."),
        (1.0 * 0.11, "This is the sum over features. The loss is the mean: divide by n."),
        (1.0 * 0.2 / 4, "Ignoring a feature costs its variance, not E[x²]: the bias supplies the mean."),
        (1.0 * 0.6 / 4, "Ignoring a feature costs its variance, which is less than p. You have `variance(p)`."),
        (1.0 / 4, "This is the importance that is lost. Multiply by what a feature costs: `variance(p)`."),
        (1.6 * 0.11 / 4, "This keeps the *first* feature of the list. `importance` is in no order: sort it."),
        (1.7 * 0.11 / 4, "This keeps the *least* important feature: np.sort puts the smallest first."),
        (0.2 * 0.11 / 4, "This gives up n_hidden features. They are the number that is kept."),
        (0.9 * 0.11 / 4, "This adds up what is kept. The loss is made of the others."),
        (1.9 * 0.11 / 4, "This is the loss with nothing represented: leave out the n_hidden most important features."),
    ):
        expect(not close(found, wrong), says)
    expect(
        close(found, 0.0275),
        "With importance (.3, .9, .2, .5), density .6 (variance .11) and one dimension, the loss is "
        f"(.3 + .2 + .5) · .11 / 4 = .0275. Your function says {found:.4g}.",
    )
    found = number(answer, np.sort(importance), 0.6, 3)
    expect(
        close(found, 0.0055),
        "It is right for one dimension. With three dimensions for four features only the least important one is lost: "
        f"(.2) · .11 / 4 = .0055. Your function says {found:.4g}.",
    )
    fits(answer, best_loss, (np.array([0.4, 0.1, 0.6, 1.0, 0.3, 0.2]), 0.3, 2))


def best_loss(importance, p, n_hidden):
    """The loss of the best linear model: one number, from importance (n,) and density p."""
    lost = np.sort(importance)[::-1][n_hidden:]
    return variance(p) * lost.sum() / len(importance)


# --- 1.6 -------------------------------------------------------------------------------------------------------------


def check_pca_projector(answer: Any) -> None:
    importance = np.array([1.0, 0.3, 2.5, 1.0])
    spread, mean = np.array([1.2, 2.0, 0.58, 1.5]), np.array([0.5, 0.4, 3.0, -0.2])
    x = spread[:, None] * SIGNS + mean[:, None]  # the weighted variances are 1.44, 1.2, .841 and 2.25
    shape = np.shape(result(answer, x.copy(), importance.copy(), 2))
    expect(shape != (4, 2), "These are the two directions, V. The projector is V Vᵀ.")
    expect(shape != (2, 2), "The projector has shape (n, n): it is V Vᵀ, with the directions in the columns of V.")
    expect(shape != (8, 8), "This is the covariance of samples. Samples are columns; np.cov wants them so.")
    found = array(answer, x.copy(), importance.copy(), 2, shape=(4, 4))
    root = np.sqrt(importance)[:, None]
    for wrong, says in (
        (
            np.diag([0, 1, 1, 0]),
            "These are the directions of *least* variance: np.linalg.eigh puts the smallest first.",
        ),
        (np.diag([0, 1, 0, 1]), "The importance is missing: scale the features first."),
        (
            np.diag([0, 0, 1, 1]),
            "Scale by the *root* of the importance: variances get its square. And take columns of eigh.",
        ),
        (
            _onto_largest(root * x @ (root * x).T),
            "Subtract the means first, as np.cov does: here they hide the variance.",
        ),
        (np.cov(root * x), "This is the covariance matrix. Take its eigenvectors."),
    ):
        expect(not close(found, wrong, 1e-4), says)
    expect(close(found @ found, found, 1e-4), "Projecting twice must be projecting once: P P = P. Yours changes.")
    expect(close(np.trace(found), 2, 1e-4), f"Onto a plane, the trace is 2. Yours has {np.trace(found):.3g}.")
    expect(
        close(found, np.diag([1, 0, 0, 1]), 1e-4),
        f"√I x has variances 1.44, 1.2, .841, 2.25 here: features 0 and 3 are kept. Yours has\n{found.round(2)}",
    )
    # Two features that vary together, and a third one that varies less than their sum but more than each.
    together = np.array([SIGNS[0] + 0.5 * SIGNS[1], SIGNS[0] - 0.5 * SIGNS[1], 1.2 * SIGNS[2]])
    found = array(answer, together, np.ones(3), 1, shape=(3, 3))
    expect(
        close(found, [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 0]], 1e-4),
        "Principal components need not be features: of two features that vary together, the first component is the "
        "sum. Take eigenvectors of the covariance, not features by their variance.",
    )
    fits(answer, pca_projector, (drawn(5, 12), np.array([0.2, 1.5, 0.7, 1.0, 2.0]), 3))


def pca_projector(x, importance, n_hidden):
    """The projector (n, n) onto the first n_hidden components of √I_i x_i; x is (n, batch)."""
    eigenvectors = np.linalg.eigh(np.cov(np.sqrt(importance)[:, None] * x))[1]
    V = eigenvectors[:, -n_hidden:]
    return V @ V.T


# Four signals in eight samples: mean 0, variance 1 (over the samples), uncorrelated.
SIGNS = np.array(
    [
        [1, -1, 1, -1, 1, -1, 1, -1],
        [1, 1, -1, -1, 1, 1, -1, -1],
        [1, -1, -1, 1, 1, -1, -1, 1],
        [1, 1, 1, 1, -1, -1, -1, -1],
    ]
)


def _onto_largest(matrix: np.ndarray) -> np.ndarray:
    """The projector onto the eigenvectors of the two largest eigenvalues."""
    V = np.linalg.eigh(matrix)[1][:, -2:]
    return V @ V.T


# --- What students read ----------------------------------------------------------------------------------------------

EXERCISES = (
    Exercise(
        "1.1",
        check_measured_density,
        "Density is about *how often* a feature is on, not how strongly.",
        (
            "`x != 0` is a table of True and False. What is the mean of such a table?",
            "True counts as 1. The mean along each row is the share of samples that are on: mean over which axis?",
            "`(x != 0).mean(axis=...)`: axis 0 runs over features, axis 1 over samples.",
        ),
        measured_density,
    ),
    Exercise(
        "1.2",
        check_variance,
        "For rare features p² is tiny, and the variance is nearly p/3: what is rarely there costs little if ignored.",
        (
            "E[x²] and E[x] stand above the exercise.",
            "E[x²] = p/3. From it goes the square of the mean: (p/2)² = p²/4.",
            "`p / 3 - (...) ** 2`: what is the mean?",
        ),
        variance,
    ),
    Exercise(
        "1.3",
        check_reconstruct,
        "Two matrix products and a bias: that is the whole model. All that it knows of x passes through h = W x.",
        (
            "First h = W x, of shape (m, batch); then back by the transpose of W.",
            "`W.T @ (W @ x)`, and then b to each column. b has shape (n,): make it a column of shape (n, 1).",
            "`W.T @ (W @ x) + b[:, ...]`: None makes a new axis.",
        ),
        reconstruct,
    ),
    Exercise(
        "1.4",
        check_loss,
        "An error in a feature of importance .5 counts half as much as the same error in one of importance 1.",
        (
            "Make a table of I_i (x_i - x'_i)², of shape (n, batch), and take its mean.",
            "Importance weighs the rows: as a column, `importance[:, None]`, it multiplies each row by its own number.",
            "`(importance[:, None] * (...) ** 2).mean()`: the square of what?",
        ),
        loss,
    ),
    Exercise(
        "1.5",
        check_best_loss,
        "What is kept costs nothing, what is dropped costs its variance. Nothing in between pays.",
        (
            "All features but the n_hidden most important ones are lost. Add up their importance.",
            "`np.sort(importance)[::-1]` has the most important first. Cut n_hidden off; times `variance(p)`, over n.",
            "`variance(p) * np.sort(importance)[::-1][...:].sum() / len(importance)`",
        ),
        best_loss,
    ),
    Exercise(
        "1.6",
        check_pca_projector,
        "Different bases, different rotations: one plane, one projector. So planes can be compared.",
        (
            "Scale the rows by √I; np.cov of the scaled data; its eigenvectors; of these the last n_hidden columns, V.",
            "`eigenvectors = np.linalg.eigh(np.cov(scaled))[1]` has one eigenvector a column, the largest last. "
            "What is `scaled`? And V Vᵀ is what you return.",
            "`scaled = np.sqrt(importance)[:, None] * x`, then the line of hint 2, then "
            "`V = eigenvectors[:, -n_hidden:]` and `return V @ ...`.",
        ),
        pca_projector,
    ),
)
