"""Exercises of lesson 5: privileged basis and computation."""

from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, drawn, expect, fits, number, result


def turned_output(W, b, R, x, hidden):
    """x' (n, samples) of the model with weights R W; `hidden` is its hidden activation."""
    turned = R @ W
    return np.maximum(turned.T @ hidden(turned @ x) + b[:, None], 0)


def largest_fraction(W):
    """The share of each neuron's squared weight that its strongest feature has, (m,)."""
    return (W**2).max(1) / (W**2).sum(1)


def absolute_weights(n):
    """W (2n, n) and W_out (n, 2n), such that W_out ReLU(W x) = |x| for every x (n, samples)."""
    W = np.concatenate([np.eye(n), -np.eye(n)])
    W_out = np.concatenate([np.eye(n), np.eye(n)], axis=1)
    return W, W_out


def loss_without_superposition(n, m, p):
    """Mean loss over n features of density p if m neurons (m even) compute m/2 of them."""
    return (n - m // 2) / n * (p / 3 - p**2 / 4)


def through_neuron(W, W_out, k):
    """(n, n): what feature a (column), at 1 or -1, adds to output b (row) through k."""
    return np.outer(W_out[:, k], abs(W[k]))


# --- 5.1: a quarter turn that makes negative what was positive ----------------------------------------------------

TIED = np.array([[2.0, 0.0, -1.0], [0.0, 1.0, 1.0]])
BIAS = np.array([0.5, 0.25, 5.0])
QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])
X = np.array([[3.0, 3.0, 0.0, 1.0], [1.0, 0.0, 1.0, 2.0], [2.0, 0.0, 0.0, 2.0]])
BEFORE = np.array([[8.5, 12.5, 0.5, 0.5], [3.25, 0.25, 1.25, 4.25], [4.0, 0.0, 6.0, 9.0]])
AFTER = np.array([[8.5, 12.5, 0.5, 0.5], [0.25, 0.25, 0.25, 0.25], [1.0, 0.0, 5.0, 5.0]])


def check_turned_output(answer: Any) -> None:
    linear = array(answer, TIED, BIAS, QUARTER, X, _identity, shape=(3, 4))
    relu = array(answer, TIED, BIAS, QUARTER, X, _relu, shape=(3, 4))
    hidden = QUARTER @ TIED @ X
    expect(
        not close(linear, _relu(TIED.T @ hidden + BIAS[:, None])),
        "You turn the encoder only. In a tied model the decoder is its transpose and turns as well, to (R W)ᵀ.",
    )
    expect(
        not close(linear, _relu((QUARTER.T @ TIED).T @ QUARTER @ TIED @ X + BIAS[:, None])),
        "Encoder and decoder are turned in opposite directions. If the encoder is R W, then the decoder is (R W)ᵀ.",
    )
    expect((linear >= 0).all() and (relu >= 0).all(), "The output has a ReLU as well: no x' is below 0.")
    expect(
        close(linear, BEFORE),
        "Without a ReLU on the hidden layer a rotation changes nothing, since (R W)ᵀ R W = Wᵀ W. Yours changes x'.",
    )
    expect(
        not close(relu, BEFORE),
        "With a ReLU on the hidden layer x' must change. Either `hidden` is left out, or R comes after it: the ReLU "
        "must see R W x.",
    )
    expect(
        close(relu, AFTER),
        f"With a ReLU, x = (0, 1, 0) gives x' = {AFTER[:, 2]}. Your function says {relu[:, 2]}. Is it (R W)ᵀ h + b?",
    )
    fits(answer, turned_output, (drawn(3, 5), drawn(5), np.linalg.qr(drawn(3, 3))[0], drawn(5, 6), _relu))


# --- 5.2: rows whose shares are 16/25, 4/9 and 1 ------------------------------------------------------------------

ROWS = np.array([[3.0, -4.0, 0.0, 0.0], [1.0, -2.0, 2.0, 0.0], [0.0, 0.0, 0.0, -5.0]])
SHARES = np.array([16 / 25, 4 / 9, 1.0])


def check_largest_share(answer: Any) -> None:
    value = np.shape(result(answer, ROWS))
    expect(value != (4,), "A number for each feature. A neuron is a row of W: sum and take the largest over axis 1.")
    expect(value != (), "One number for the whole model. A number for each neuron is wanted: work along axis 1.")
    found = array(answer, ROWS, shape=(3,))
    expect(
        not close(found, [4 / 7, 2 / 5, 1]),
        "These are shares of |weight|. Square the weights first: squares add up to the neuron's length squared.",
    )
    expect(
        not close(found, SHARES**0.5),
        "These are the square roots of the shares, |weight| over length. Leave the root out.",
    )
    expect(
        not close(found, [9 / 25, 4 / 9, 0]),
        "The strongest weight may be negative: take the largest of the squares, not the square of the largest.",
    )
    expect(not close(found, [16, 4, 25]), "These are the largest squares themselves: divide by the sum of the squares.")
    expect(
        close(found, SHARES), f"The neuron (3, -4, 0, 0) has the share 16/25 = 0.64. Your function says {found[0]:.3g}."
    )
    expect(
        close(array(answer, 3 * ROWS, shape=(3,)), SHARES),
        "The share must not depend on the scale: with 3 W instead of W yours changes.",
    )
    fits(answer, largest_fraction, (drawn(2, 5),))


# --- 5.3: any weights that compute |x| are right, in whatever order and scale -------------------------------------

SIGNED = np.array([[0.7, -0.4, 0.0, -1.0, 0.3], [-0.2, -0.9, 0.6, 0.0, 0.5], [0.1, 0.8, -0.3, -0.6, 0.0]])


def check_absolute_weights(answer: Any) -> None:
    for n in (3, 2):
        _check_pair(result(answer, n), n)


def _check_pair(pair: Any, n: int) -> None:
    expect(isinstance(pair, tuple | list) and len(pair) == 2, "Return both matrices: `return W, W_out`.")
    shapes = tuple(map(np.shape, pair))
    expect(
        shapes != ((n, 2 * n), (2 * n, n)),
        f"Shapes are the wrong way round: W maps {n} features to {2 * n} neurons, so it is ({2 * n}, {n}).",
    )
    expect(
        shapes == ((2 * n, n), (n, 2 * n)),
        f"For n = {n}, W must have the shape ({2 * n}, {n}) and W_out ({n}, {2 * n}). Yours have {shapes[0]} and "
        f"{shapes[1]}.",
    )
    W, W_out = (array(lambda matrix=matrix: matrix, shape=shape) for matrix, shape in zip(pair, shapes, strict=True))
    x = SIGNED[:n]
    y = W_out @ _relu(W @ x)
    expect(
        not close(y, x),
        "This computes x itself: ReLU(x) - ReLU(-x) = x. So does every model with W_out = Wᵀ here. Both neurons of a "
        "feature must add to its output.",
    )
    positive, size = _relu(x), abs(x)
    expect(
        not any(close(y, scale * positive) for scale in (1, 2)),
        "A negative x_i gives 0: no neuron of yours fires for it. One of the two neurons needs the weight -1.",
    )
    scale = float(np.vdot(y, size) / np.vdot(size, size))
    expect(close(scale, 1) or not close(y, scale * size, 1e-4), f"This computes {scale:.3g} |x|: mind the scale.")
    expect(
        not (close(np.sort(abs(W).sum(1)), np.ones(2 * n)) and close(W_out.sum(1), 2 * np.ones(n))) or close(y, size),
        "The weights are right, but not their places: some neuron's output goes to another feature than its input "
        "came from. Column k of W_out belongs to row k of W.",
    )
    place = np.unravel_index(abs(y - size).argmax(), y.shape)
    expect(close(y, size), f"For x = {x[:, place[1]]} your network gives {y[:, place[1]].round(3)}.")


# --- 5.4: m/2 features are computed, and the others cost 1/12 each at density 1 -----------------------------------


def check_loss_without_superposition(answer: Any) -> None:
    dense = number(answer, 10, 6, 1.0)
    expect(not close(dense, 7 / 12), "That is the sum over the features. The loss of the library is their mean.")
    expect(
        not close(dense, 4 / 10 / 12),
        "A neuron for each feature is not enough: |x_i| takes two, so m neurons compute m/2 features.",
    )
    expect(
        not close(dense, 7 / 10 / 3),
        "p/3 is the loss of answering 0. The bias does better: it answers with the mean of |x_i|, which is p/2.",
    )
    expect(
        close(dense, 7 / 10 / 12),
        "For n = 10, m = 6 and density 1, seven of ten features are dropped, at a loss of 1/12 each: 7/120 = 0.0583. "
        f"Your function says {dense:.4g}.",
    )
    sparse = number(answer, 10, 6, 0.1)
    expect(
        not close(sparse, 7 / 10 / 12 * 0.1, 1e-6),
        "The variance of |x_i| is not p times that at p = 1: with the mean square p/3 and the mean p/2 it is "
        "p/3 - p²/4.",
    )
    expect(
        close(sparse, 7 / 10 * (0.1 / 3 - 0.1**2 / 4), 1e-6),
        "A dropped feature of density 0.1 costs p/3 - p²/4 = 0.0308, and seven of ten are dropped if n = 10 and m = 6. "
        f"Your function says {sparse:.4g}.",
    )
    expect(close(number(answer, 5, 10, 0.3), 0, 1e-9), "With two neurons per feature the loss is 0: try n = 5, m = 10.")


# --- 5.5: a neuron with weights of both signs ---------------------------------------------------------------------

W_IN = np.array([[0.5, -3.0, 1.0], [-2.0, 0.25, 1.0]])
W_BACK = np.array([[7.0, 0.5], [-1.0, 4.0], [2.0, -6.0]])
THROUGH = np.array([[1.0, 0.125, 0.5], [8.0, 1.0, 4.0], [-12.0, -1.5, -6.0]])


def check_through_neuron(answer: Any) -> None:
    found = array(answer, W_IN, W_BACK, 1, shape=(3, 3))
    expect(not close(found, THROUGH.T), "Rows and columns are exchanged: row b is the output, column a the input.")
    expect(
        not close(found, THROUGH * np.sign(W_IN[1])),
        "A neuron fires for x_a = -1 if its weight on a is negative. What it passes on is |W[k, a]|, never below 0.",
    )
    expect(not close(found, abs(THROUGH)), "Keep the sign of W_out: a negative weight takes away from the output.")
    expect(
        not close(found, W_BACK @ abs(W_IN)),
        "This adds up all neurons. Take the one row W[k] and the one column W_out[:, k].",
    )
    expect(not close(found, np.outer(W_BACK[:, 0], abs(W_IN[0]))), "This is the first neuron, whatever k is. Use `k`.")
    expect(
        close(found, THROUGH),
        "An input weight of -2 from a = 0 and an output weight of 4 to b = 1 give 8. "
        f"Your function says {found[1, 0]:.3g}.",
    )
    fits(answer, through_neuron, (drawn(4, 5), drawn(5, 4), 2))


def _identity(h: Any) -> Any:
    return h


def _relu(h: Any) -> Any:
    return np.maximum(h, 0)


EXERCISES = (
    Exercise(
        "5.1",
        check_turned_output,
        "A rotation leaves WᵀW as it is, and a linear hidden layer knows nothing else. A ReLU looks at each "
        "coordinate by itself, so it matters where the axes are: the basis is privileged.",
        (
            "The turned model is the same model with other weights, R W instead of W. Its decoder is their transpose.",
            "Three steps: weights R @ W; hidden activations `hidden(... @ x)`; outputs ReLU(weights.T @ ... + b).",
            "`turned = R @ W`, then `np.maximum(turned.T @ hidden(turned @ x) + b[:, None], 0)`.",
        ),
        turned_output,
    ),
    Exercise(
        "5.2",
        check_largest_share,
        "1 is a neuron with one feature, monosemantic; two equal features give 1/2, n equal ones 1/n.",
        (
            "The neuron (3, -4) has the squares 9 and 16, 25 together: the stronger feature's share is 16/25.",
            "A neuron is a row of W. Along axis 1: the largest square over the sum of the squares.",
            "`(W**2).max(...) / (W**2).sum(...)`: which axis?",
        ),
        largest_fraction,
    ),
    Exercise(
        "5.3",
        check_absolute_weights,
        "|x| = ReLU(x) + ReLU(-x): two neurons per feature, and n features of any density without any error.",
        (
            "One neuron for x_i > 0, one for x_i < 0. What does each see, and what does each add to the output?",
            "W has the rows of the identity and of minus the identity. W_out adds the two neurons of a feature up.",
            "`W = np.concatenate([np.eye(n), -np.eye(n)])`; W_out is two identities side by side (`axis=1`).",
        ),
        absolute_weights,
    ),
    Exercise(
        "5.4",
        check_loss_without_superposition,
        "It falls in proportion to the neurons, and reaches 0 at m = 2n. Only superposition can do better.",
        (
            "How many features get their two neurons? What does a feature cost that the bias alone must answer?",
            "|x_i| is uniform on [0, 1] with probability p and else 0: its mean is p/2, its mean square p/3.",
            "`(n - m // 2) / n` features are dropped, each at the variance `p / 3 - ...`.",
        ),
        loss_without_superposition,
    ),
    Exercise(
        "5.5",
        check_through_neuron,
        "On the diagonal: how well the neuron computes a feature. Off it: interference, and it need not be symmetric.",
        (
            "From a feature a that makes it fire, neuron k gets |W[k, a]|. It passes W_out[b, k] times that on.",
            "It is a table of products: the column of W_out times the row of |W|.",
            "`np.outer(W_out[:, k], ...)`: the second is row k of W, without its signs.",
        ),
        through_neuron,
    ),
)
