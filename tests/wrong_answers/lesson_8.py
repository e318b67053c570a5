"""Wrong answers to the exercises of lesson 8: a function, and what the message must say."""

import numpy as np

ONES, OUT = np.ones((2, 2)), np.array([[1.0, -2.0], [0.0, 1.0]])


def adder(W=ONES, b=(0.0, -1.0), W_out=OUT):
    return lambda: (np.array(W), np.array(b), np.array(W_out))


def settling(size, order, W_by=1, b_by=1, out_by=1):
    """Scales by powers of a size of neurons, then puts them in an order of scaled b."""

    def answer(W, b, W_out):
        scale = size(W)
        places = order(b / scale**b_by)
        return (W / scale[:, None] ** W_by)[places], (b / scale**b_by)[places], (W_out * scale**out_by)[:, places]

    return answer


def size(W):
    return abs(W).max(1)


def falling(b):
    return np.argsort(-b)


def signed_size(W):
    return W[np.arange(len(W)), abs(W).argmax(1)]


def biases_alone(W, b, W_out):
    scale = size(W)
    return W / scale[:, None], np.sort(b / scale)[::-1], W_out * scale


def by_unscaled(W, b, W_out):
    scale, order = size(W), falling(b)
    return (W / scale[:, None])[order], (b / scale)[order], (W_out * scale)[:, order]


def for_two_inputs(W, b, W_out):
    return settling(lambda W: np.maximum(abs(W[:, 0]), abs(W[:, 1])), falling)(W, b, W_out)


def cosines(E):
    products = E.T @ E
    return products - np.diag(np.diag(products))


WRONG = {
    "8.1": (
        (adder(b=(0.0, 0.0)), "two neurons are the same"),
        (adder(b=(0.0, 1.0)), "sign of b"),
        (adder(b=(0.0, -2.0)), "never on"),
        (adder(b=(-1.0, 0.0), W_out=OUT[:, ::-1]), "neurons are exchanged"),
        (adder(W=np.eye(2)), "first neuron is to be 0, 1, 1, 2"),
        (adder(b=(0.0, -0.5)), "second neuron is to be 0, 0, 0, 1"),
        (adder(W_out=OUT[::-1]), "outputs are exchanged"),
        (adder(W_out=OUT.T), "transposed"),
        (adder(W_out=[[1.0, 0.0], [0.0, 1.0]]), "your sum is 2"),
        (adder(W_out=[[1.0, -1.0], [0.0, 1.0]]), "this is OR"),
        (adder(W_out=[[1.0, -3.0], [0.0, 1.0]]), "0, 1, 1, 0"),
        (adder(W_out=[[1.0, -2.0], [0.0, 2.0]]), "The carry is to be"),
        (lambda: (ONES, OUT), "Return three arrays"),
        (adder(W=np.ones((3, 2))), "shape (2, 2) is wanted"),
    ),
    "8.2": (
        (lambda W, b, W_out: (W[falling(b)], b[falling(b)], W_out[:, falling(b)]), "W is not scaled"),
        (settling(lambda W: W.max(1), falling), "may be negative"),
        (settling(lambda W: np.linalg.norm(W, axis=1), falling), "A neuron is a row"),
        (settling(size, falling, b_by=0), "divide it by the same number"),
        (settling(size, falling, b_by=-1), "divide it by the same number"),
        (settling(signed_size, falling), "positive number"),
        (settling(size, falling, out_by=0), "not scaled"),
        (settling(size, falling, out_by=-1), "multiply them"),
        (settling(size, np.argsort), "the other way round"),
        (settling(size, lambda b: np.arange(len(b))), "Now put them in the order"),
        (by_unscaled, "as it is after scaling"),
        (biases_alone, "another function"),
        (for_two_inputs, "five neurons"),
        (lambda W, b, W_out: W / abs(W).max(1)[:, None], "Return three arrays"),
    ),
    "8.3": (
        (lambda E: ((E.T @ E) ** 2).sum(1).mean(), "Leave out j = i"),
        (lambda E: abs(cosines(E)).sum(1).mean(), "Square the cosines"),
        (lambda E: (cosines(E) ** 2).sum(), "sum over i"),
        (lambda E: (np.triu(cosines(E)) ** 2).sum() / E.shape[1], "each pair counts for both"),
        (lambda E: (cosines(E) ** 2).mean(), "mean over i only"),
        (lambda E: ((E @ E.T) ** 2).sum(1).mean() - 1, "rows of E"),
        (lambda E: (cosines(E) ** 2).sum(1).max(), "2/3 in the mean"),
        (lambda E: (cosines(E) ** 2).sum() / 3, "other sizes"),
        (lambda E: E.shape[1] / E.shape[0] - 5 / 6, "other sizes"),
    ),
    "8.4": (
        (lambda w, q: np.sqrt([w**2 * q, w**2 * q * (1 - q), 2 * w**2 * q * (1 - q)]), "These are the roots"),
        (lambda w, q: (q, q * (1 - q), 2 * q * (1 - q)), "squared, by w²"),
        (lambda w, q: (w * q, w * q * (1 - q), 2 * w * q * (1 - q)), "squared, by w²"),
        (lambda w, q: ((w * q) ** 2, w**2 * q * (1 - q), 0), "has one q"),
        (lambda w, q: (w**2 * (1 - q), 0, 0), "9/4"),
        (lambda w, q: (w**2 * q, (w * q) ** 2, 0), "square of the mean"),
        (lambda w, q: (w**2 * q, w**2 * q * (1 - q) ** 2, 0), "where the bit is 0"),
        (lambda w, q: (w**2 * q, 0, 0), "variance q (1 - q)"),
        (lambda w, q: (w**2 * q, w**2 * q * (1 - q), w**2 * q * (1 - q)), "two ways"),
        (lambda w, q: (w**2 * q, w**2 * q * (1 - q), 2 * w**2 * q), "both bits are 1"),
        (lambda w, q: (w**2 * q, w**2 * q * (1 - q), 0), "probability 3/8"),
        (lambda w, q: w**2 * q, "shape (3,) is wanted"),
        (lambda w, q: (9 * q, 9 * q * (1 - q), 18 * q * (1 - q)), "other sizes"),
    ),
    "8.5": (
        (lambda found, true: ((found & true).sum() / true.sum(), (found & true).sum() / found.sum()), "exchanged"),
        (lambda found, true: ((found & true).sum(),) * 2, "These are counts"),
        (lambda found, true: ((found & true).mean(),) * 2, "number of all edges"),
        (lambda found, true: ((found == true).mean(),) * 2, "where the two agree"),
        (lambda found, true: ((found == true).sum() / found.sum(), (found == true).sum() / true.sum()), "two agree"),
        (lambda found, true: ((found & ~true).sum() / found.sum(), (true & ~found).sum() / true.sum()), "mistakes"),
        (lambda found, true: (found.mean(), true.mean()), "2/5, recall 2/3"),
        (lambda found, true: ((found & true).sum() / 5, (found & true).sum() / 3), "other sizes"),
        (lambda found, true: (found & true).sum() / found.sum(), "shape (2,) is wanted"),
    ),
}
