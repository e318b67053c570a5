"""Exercises of lesson 8: a circuit from scratch."""

from typing import Any

import numpy as np

from toymodels.workshop.exercise import Exercise, array, close, drawn, expect, fits, number, result

# --- 8.1 ---------------------------------------------------------------------------------------------------------

INPUTS = np.array([[0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 1.0]])
COUNT, BOTH = np.array([0.0, 1.0, 1.0, 2.0]), np.array([0.0, 0.0, 0.0, 1.0])
SUM = COUNT - 2 * BOTH


def check_half_adder(answer: Any) -> None:
    W, b, W_out = _three(result(answer), ((2, 2), (2,), (2, 2)))
    h = np.maximum(W @ INPUTS + b[:, None], 0)
    expect(
        not (close(h[0], BOTH) and close(h[1], COUNT)),
        "The neurons are exchanged: the first row of W and of b belongs to the number of bits that are on.",
    )
    expect(close(h[0], COUNT), f"The first neuron is to be 0, 1, 1, 2 for 00, 01, 10, 11. Yours is {h[0].round(3)}.")
    expect(
        not close(h[1], COUNT),
        "Your two neurons are the same. The second one is to stay off for a single 1: it needs a threshold, in b.",
    )
    expect(not close(h[1], COUNT + 1), "The sign of b: a threshold is taken away, so b is negative.")
    expect((h[1] > 0).any(), "Your second neuron is never on: its threshold is as large as a + b can be.")
    expect(close(h[1], BOTH), f"The second neuron is to be 0, 0, 0, 1 for 00, 01, 10, 11. Yours is {h[1].round(3)}.")
    y = W_out @ h
    expect(
        not (close(y[0], BOTH) and close(y[1], SUM)),
        "The outputs are exchanged: the first row of W_out makes the sum bit, the second one the carry.",
    )
    expect(
        not close(W_out, [[1, 0], [-2, 1]]),
        "W_out is transposed: it has a row for each output and a column for each neuron.",
    )
    expect(
        not close(y[0], COUNT), "For 1 + 1 your sum is 2, and the bit is to be 0. Which neuron knows that both are on?"
    )
    expect(not close(y[0], COUNT - BOTH), "Your sum is 1 for 1 + 1, so this is OR. Take more away where both are on.")
    expect(close(y[0], SUM), f"The sum bit is to be 0, 1, 1, 0 for 00, 01, 10, 11. Yours is {y[0].round(3)}.")
    expect(close(y[1], BOTH), f"The carry is to be 0, 0, 0, 1 for 00, 01, 10, 11. Yours is {y[1].round(3)}.")


def half_adder():
    """W (2, 2), b (2,) and W_out (2, 2), such that W_out ReLU(W x + b) is the sum bit and the carry of the bits x."""
    W, b = np.ones((2, 2)), np.array([0.0, -1.0])
    W_out = np.array([[1.0, -2.0], [0.0, 1.0]])
    return W, b, W_out


# --- 8.2: scales 4, 2 and 1/2, whose biases are .5, -1 and 2 then -------------------------------------------------

ROWS = np.array([[-4.0, 2.0], [1.0, 2.0], [0.5, 0.25]])
BIASES = np.array([2.0, -2.0, 1.0])
OUT = np.array([[1.0, 2.0, 3.0], [0.0, -1.0, 4.0]])
X = np.array([[1.0, 0.0, 2.0, -1.0], [0.0, 1.0, 1.0, 3.0]])


def check_settled(answer: Any) -> None:
    W, b, W_out = _three(result(answer, ROWS.copy(), BIASES.copy(), OUT.copy()), ((3, 2), (3,), (2, 3)))
    scale, largest = abs(ROWS).max(1), abs(W).max(1)
    expect(
        not close(np.sort(largest), np.sort(scale)),
        "W is not scaled: divide each neuron's row of W by the largest |weight| in it.",
    )
    expect(
        not close(np.sort(largest), [1, 1, 2]),
        "The largest weight of a neuron may be negative: take the largest |weight| of its row.",
    )
    expect(
        close(largest, 1),
        f"The largest |input weight| of each neuron is to be 1. Yours are {largest.round(3)}. A neuron is a row of W.",
    )
    expect(
        not any(close(np.sort(b), np.sort(one)) for one in (BIASES, BIASES * scale)),
        "b is scaled like the row of W: divide it by the same number.",
    )
    expect(
        close(np.sort(b), [-1, 0.5, 2]) or not close(np.sort(abs(b)), [0.5, 1, 2]),
        "Divide by a positive number, or the ReLU sees another sign.",
    )
    totals = np.sort(W_out.sum(0))
    expect(not close(totals, np.sort(OUT.sum(0))), "W_out is not scaled. What W loses, its columns must win.")
    expect(
        not close(totals, np.sort((OUT / scale).sum(0))),
        "You divided W_out as well. What W loses, its columns must win: multiply them.",
    )
    expect(
        not close(b, [-1, 0.5, 2]),
        "Falling b: the neuron with the largest b comes first. Yours is the other way round.",
    )
    expect(not close(b, [0.5, -1, 2]), "Each neuron is scaled right. Now put them in the order of falling b.")
    expect(
        close(b, [2, 0.5, -1]),
        f"After scaling, b is to fall: 2, .5, -1 here. Yours is {b.round(3)}. Sort by b as it is after scaling.",
    )
    before, after = (_outputs(*one, X) for one in ((ROWS, BIASES, OUT), (W, b, W_out)))
    expect(
        close(before, after),
        "It is another function now. W, b and the columns of W_out must all be put in the same order.",
    )
    expect(
        all(map(close, (W, b, W_out), settled(ROWS, BIASES, OUT))),
        f"The scales here are 4, 2 and .5, and then b is 2, .5, -1. Your W is {W.round(3).tolist()}.",
    )
    other = drawn(5, 3), drawn(5), drawn(4, 5)
    fitting = _three(result(answer, *map(np.copy, other)), ((5, 3), (5,), (4, 5)))
    expect(
        all(map(close, fitting, settled(*other))),
        "It was right so far, but is not for five neurons, three inputs and four outputs. Is a number written into "
        "your function that it could find out from its arguments?",
    )


def settled(W, b, W_out):
    """The same network, scaled and ordered so: W (m, n), b (m,) and W_out (outputs, m)."""
    scale = abs(W).max(1)
    order = np.argsort(-b / scale)
    return (W / scale[:, None])[order], (b / scale)[order], (W_out * scale)[:, order]


# --- 8.3: three unit vectors in a plane, two of them at a right angle ---------------------------------------------

FRAME = np.array([[1.0, 0.0, 0.6], [0.0, 1.0, 0.8]])  # cosines 0, .6, .8


def check_interference(answer: Any) -> None:
    found = number(answer, FRAME)
    expect(not close(found, 5 / 3), "You counted E_i·E_i as well, which is 1: it is the value itself. Leave out j = i.")
    expect(not close(found, 2.8 / 3), "Square the cosines: this is the sum of their sizes.")
    expect(not close(found, 2), "This is the sum over i. Take the mean.")
    expect(
        not any(close(found, one) for one in (1 / 3, 2 / 9)),
        "Too small: sum over j and take the mean over i only; and each pair counts for both, i hears j and j hears i.",
    )
    expect(
        not any(close(found, one) for one in (1.5, 0.48**2)),
        "You compared rows of E. The vectors are its columns: Eᵀ E has their products.",
    )
    expect(
        close(found, 2 / 3),
        "With cosines 0, .6 and .8 the values get .36, .64 and 1, and 2/3 in the mean. "
        f"Your function says {found:.4g}.",
    )
    fits(answer, interference, (_unit(drawn(3, 7)),), (_unit(drawn(4, 5)),))


def interference(E):
    """The mean over i of the sum over j ≠ i of (E_i·E_j)²; E (m, N) has unit vectors in its columns."""
    return ((E.T @ E) ** 2).sum(1).mean() - 1


# --- 8.4 ---------------------------------------------------------------------------------------------------------


def check_squared_change(answer: Any) -> None:
    found = array(answer, 3.0, 0.25, shape=(3,))
    zero, mean, other = found
    expect(not close(found, np.sqrt([2.25, 1.6875, 3.375])), "These are the roots. The mean of the squares is wanted.")
    expect(
        not any(close(zero, one) for one in (0.25, 0.75)), "The output changes by w times what is cut: squared, by w²."
    )
    expect(
        not close(zero, 0.5625),
        "Zero: the bit is 1 in a share q of samples, and 1² is 1: the mean of squares has one q.",
    )
    expect(
        close(zero, 2.25),
        f"Zero, for w = 3 and q = 1/4: a change of 3 in a quarter of samples, 9/4 in all. Yours is {zero:.4g}.",
    )
    expect(
        not close(mean, 0.5625),
        "Mean: this is the square of the mean. Wanted is what is left: the bit is 1 - q or q away from its mean q.",
    )
    expect(
        not close(mean, 9 * 0.25 * 0.75**2),
        "Mean: where the bit is 0 the output changes as well, as the edge then carries q.",
    )
    expect(
        close(mean, 1.6875),
        f"Mean, for w = 3 and q = 1/4: the variance q (1 - q) = 3/16, times 9. Yours is {mean:.4g}.",
    )
    expect(
        not close(other, 1.6875),
        "Resample: two bits differ in two ways, as 1 and 0 or as 0 and 1. You counted one of them.",
    )
    expect(not close(other, 4.5), "Resample: where both bits are 1 nothing changes.")
    expect(
        close(other, 3.375),
        f"Resample, for w = 3 and q = 1/4: two bits differ with probability 3/8, times 9. Yours is {other:.4g}.",
    )
    fits(answer, squared_change, (-3.0, 0.6), (1.5, 0.9))


def squared_change(w, q):
    """The mean squared change of the output: three numbers, for zero, mean and resample ablation."""
    return w**2 * q, w**2 * q * (1 - q), w**2 * 2 * q * (1 - q)


# --- 8.5 ---------------------------------------------------------------------------------------------------------

FOUND = np.array([True, True, True, False, False, True, True])
TRUE = np.array([True, True, False, True, False, False, False])  # 2 of 5 found are true, 2 of 3 true are found


def check_precision_recall(answer: Any) -> None:
    found = array(answer, FOUND.copy(), TRUE.copy(), shape=(2,))
    expect(not close(found, [2 / 3, 2 / 5]), "The two are exchanged: precision comes first.")
    expect(
        not close(found, [2, 2]),
        "These are counts of edges that are both. Divide by how many were found, and are true.",
    )
    expect(not close(found, [2 / 7, 2 / 7]), "You divided by the number of all edges. Divide by those found, or true.")
    expect(
        not any(close(found, one) for one in ([3 / 5, 1], [3 / 7, 3 / 7])),
        "You counted where the two agree. An edge that is neither found nor true does not count: both must hold.",
    )
    expect(
        not close(found, [3 / 5, 1 / 3]),
        "These are shares of mistakes: of what was found and is false, and of what is true and was missed.",
    )
    expect(
        close(found, [2 / 5, 2 / 3]),
        "Five edges found, two of them true, and three true: precision 2/5, recall 2/3. "
        f"Your function says {found.round(3)}.",
    )
    fits(answer, precision_recall, (drawn(9) > 0, drawn(9)[::-1] > 0))


def precision_recall(found, true):
    """Precision and recall: found and true (edges,) say of each edge whether it was found, and whether it is true."""
    both = (found & true).sum()
    return both / found.sum(), both / true.sum()


def _three(value: Any, shapes: tuple[tuple[int, ...], ...]) -> tuple[np.ndarray, ...]:
    """W, b and W_out as arrays of these shapes."""
    expect(isinstance(value, tuple | list) and len(value) == 3, "Return three arrays: `return W, b, W_out`.")
    return tuple(array(lambda one=one: one, shape=shape) for one, shape in zip(value, shapes, strict=True))


def _outputs(W: np.ndarray, b: np.ndarray, W_out: np.ndarray, x: np.ndarray) -> np.ndarray:
    return W_out @ np.maximum(W @ x + b[:, None], 0)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=0)


EXERCISES = (
    Exercise(
        "8.1",
        check_half_adder,
        "The sum is the first neuron minus twice the second, the carry is the second: a circuit of seven edges.",
        (
            "Both neurons add the two bits up. They differ in their thresholds only, which stand in b.",
            "ReLU(a + b) is 0, 1, 1, 2, and ReLU(a + b - 1) is 0, 0, 0, 1. From 0, 1, 1, 2 make 0, 1, 1, 0.",
            "`W = np.ones((2, 2))`, `b = np.array([0.0, -1.0])`; the rows of W_out are (1, ...) and (0, 1).",
        ),
        half_adder,
    ),
    Exercise(
        "8.2",
        check_settled,
        "Two networks that differ by order and scale only are the same now.",
        (
            "First the scale of each neuron, its largest |weight|. Then the three arrays scaled, then the order.",
            "Rows of W and entries of b are divided by the scale, columns of W_out multiplied. `np.argsort(-...)` is "
            "the order of falling numbers.",
            "`scale = abs(W).max(1)`, `order = np.argsort(-b / scale)`; then `(W / scale[:, None])[order]`, "
            "`(b / scale)[order]`, `(W_out * scale)[:, ...]`",
        ),
        settled,
    ),
    Exercise(
        "8.3",
        check_interference,
        "In units of the mean square of one value. It is 0 where each has a dimension of its own.",
        (
            "All products E_i·E_j at once are the matrix `E.T @ E`.",
            "Square it and sum its rows. Each row then has E_i·E_i as well, which is 1.",
            "`((E.T @ E) ** 2).sum(1).mean() - ...`",
        ),
        interference,
    ),
    Exercise(
        "8.4",
        check_squared_change,
        "Mean ablation leaves the variance, resampling gives twice that, and zero ablation counts the mean as well.",
        (
            "The bit's square is the bit, so its mean square is q. From q, how far away is it in the mean square?",
            "Zero: w² q. Mean: w² times a bit's variance. Resample: w² times the probability that two bits differ.",
            "`w**2 * q, w**2 * q * (1 - q), w**2 * 2 * ...`",
        ),
        squared_change,
    ),
    Exercise(
        "8.5",
        check_precision_recall,
        "Both are needed: who finds every edge has a recall of 1, who finds one true edge a precision of 1.",
        (
            "`found & true` is where both hold. How many are there, of all found, and of all that are true?",
            "The sum of booleans counts them.",
            "`both = (found & true).sum()`, then `both / found.sum()` and `both / ...`",
        ),
        precision_recall,
    ),
)
