"""Neurons: what the units of a hidden layer with a privileged basis stand for.

Functions take weights W of shape (..., m, n), numpy's or JAX's, with any leading axes (restarts, a sweep). Row
W[..., k, :] holds the weights of neuron k on the features. The measures of a neuron do not depend on the scale of its
row, which a ReLU neuron can pass on to its output weights (see `rescale`), and they are 0 for a row of zeros. Results
are arrays of the same library, except for those of `match_features` and `neuron_order`, which are numpy's.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from toymodels.arrays import AnyArray
from toymodels.checks import check_numbers


def features_per_neuron(W: Float[AnyArray, "*batch m n"], *, min_fraction: float = 0.1) -> Int[AnyArray, "*batch m"]:
    """The number of features i with |W_ki| ≥ min_fraction · max_j |W_kj|, which neuron k responds to.

    Args:
        W: (..., m, n).
        min_fraction: in [0, 1], relative to the neuron's largest weight.

    Raises:
        ValueError: if `min_fraction` is not in [0, 1].

    >>> features_per_neuron(np.array([[1.0, -0.5, 0.05], [0.0, 0.0, 0.0]])).tolist()
    [2, 0]
    """
    check_numbers("features_per_neuron", "min_fraction", min_fraction, minimum=0, maximum=1)
    sizes = _relative_sizes(W)
    return ((sizes >= min_fraction) & (sizes > 0)).sum(-1)


def largest_fraction(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch m"]:
    """max_i W_ki² / Σ_i W_ki²: the share of a neuron's squared weight that its strongest feature has. 1: the neuron
    stands for one feature; 1/n: for all of them alike; 0 for a row of zeros.

    >>> largest_fraction(np.array([[0.0, -2.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]])).tolist()
    [1.0, 0.5, 0.0]
    """
    squares = _relative_sizes(W) ** 2
    return _ratio(squares.max(-1), squares.sum(-1))


def participation(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch m"]:
    """(Σ_i W_ki²)² / Σ_i W_ki⁴: the participation ratio of the features in a neuron, an effective number of features.
    k features of equal weight give k; 0 for a row of zeros.

    >>> participation(np.array([[0.0, -2.0, 0.0], [1.0, -1.0, 1.0], [0.0, 0.0, 0.0]])).tolist()
    [1.0, 3.0, 0.0]
    """
    squares = _relative_sizes(W) ** 2
    return _ratio(squares.sum(-1) ** 2, (squares**2).sum(-1))


def alive(W: Float[AnyArray, "*batch m n"], *, min_norm: float = 0.1) -> Bool[AnyArray, "*batch m"]:
    """Whether ‖W_k‖ > min_norm, the norm of row k. A represented feature of a tied model has a weight of about 1; the
    weights of an untied model have no scale of their own before `rescale` gives them one.

    >>> alive(np.array([[0.3, 0.4], [0.01, 0.0]])).tolist()
    [True, False]
    """
    return (W * W).sum(-1) ** 0.5 > min_norm


def monosemantic(
    W: Float[AnyArray, "*batch m n"], *, min_fraction: float = 0.9, min_norm: float = 0.1
) -> Bool[AnyArray, "*batch m"]:
    """Whether a neuron is alive and stands for one feature: its `largest_fraction` is at least `min_fraction`. At 0.9,
    one other weight may be a third of the largest.

    Args:
        W: (..., m, n).
        min_fraction: in [0, 1], of the squared weight.
        min_norm: of a row, see `alive`.

    Raises:
        ValueError: if `min_fraction` is not in [0, 1].

    >>> monosemantic(np.array([[1.0, -0.1], [1.0, 0.5], [0.0, 0.0]])).tolist()
    [True, False, False]
    """
    check_numbers("monosemantic", "min_fraction", min_fraction, minimum=0, maximum=1)
    return alive(W, min_norm=min_norm) & (largest_fraction(W) >= min_fraction)


def polysemantic(
    W: Float[AnyArray, "*batch m n"], *, min_fraction: float = 0.9, min_norm: float = 0.1
) -> Bool[AnyArray, "*batch m"]:
    """Whether a neuron is alive and not `monosemantic`: it stands for several features. A dead neuron is neither.

    Args:
        W: (..., m, n).
        min_fraction: in [0, 1], of the squared weight; below it the strongest feature is not the only one.
        min_norm: of a row, see `alive`.

    Raises:
        ValueError: if `min_fraction` is not in [0, 1].

    >>> polysemantic(np.array([[1.0, -0.1], [1.0, 0.5], [0.0, 0.0]])).tolist()
    [False, True, False]
    """
    check_numbers("polysemantic", "min_fraction", min_fraction, minimum=0, maximum=1)
    return alive(W, min_norm=min_norm) & (largest_fraction(W) < min_fraction)


def fraction_on(
    W: Float[AnyArray, "*batch m n"],
    x: Float[AnyArray, "n samples"],
    b_hidden: Float[AnyArray, "*batch m"] | None = None,
) -> Float[AnyArray, "*batch m"]:
    """The share of samples on which W_k x + b_k > 0, where a ReLU neuron passes on what it gets.

    Args:
        W: (..., m, n).
        x: (n, samples), samples in columns.
        b_hidden: (..., m), hidden biases; 0 if not given.

    >>> fraction_on(np.array([[1.0, -1.0]]), np.array([[1.0, 0.0, 0.0, 2.0], [0.0, 1.0, 0.0, 1.0]])).tolist()
    [0.5]
    """
    hidden = W @ x if b_hidden is None else W @ x + b_hidden[..., None]
    return (hidden > 0).mean(-1)


def match_features(W: Float[AnyArray, "*batch m n"]) -> Int[np.ndarray, "*batch m"]:
    """The feature that each neuron is matched with: one to one, such that the sum of the shares W_ki² / Σ_j W_kj² is
    largest. -1 for neurons left over where there are more neurons than features.

    Raises:
        ValueError: if W is not finite.

    >>> match_features(np.array([[0.9, 1.0, 0.0], [0.0, 1.0, 0.0]])).tolist()
    [0, 1]
    """
    from scipy.optimize import linear_sum_assignment  # not above: it takes a quarter of a second to import

    weights = np.asarray(W)
    if not np.isfinite(weights).all():
        raise ValueError("W of match_features must be finite. Got NaN or infinite weights.")
    squares = _relative_sizes(weights) ** 2
    shares = _ratio(squares, squares.sum(-1, keepdims=True))
    features = np.full(weights.shape[:-1], -1)
    for index in np.ndindex(weights.shape[:-2]):
        neurons, matched = linear_sum_assignment(shares[index], maximize=True)
        features[index][neurons] = matched
    return features


def neuron_order(W: Float[AnyArray, "*batch m n"]) -> Int[np.ndarray, "*batch m"]:
    """The order in which to show neurons, which are trained in no order: monosemantic ones, polysemantic ones, dead
    ones; among alike, by the number of their strongest feature, with positive weights on it before negative ones, then
    by participation. Row k of the ordered weights is W[order[k]].

    >>> neuron_order(np.array([[0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.9, 0.0, 1.0], [0.0, -1.0, 0.0]])).tolist()
    [3, 1, 2, 0]
    """
    weights = np.asarray(W)
    kind = np.where(alive(weights), np.where(monosemantic(weights), 0, 1), 2)
    strongest = abs(weights).argmax(-1)
    weight = np.take_along_axis(weights, strongest[..., None], axis=-1)[..., 0]
    return np.lexsort((-abs(weight), participation(weights), weight < 0, strongest, kind), axis=-1)


class Rescaled(NamedTuple):
    """A layer of ReLU neurons, each with a largest input weight of 1.

    Attributes:
        W_in: (..., m, n).
        W_out: (..., outputs, m).
        b_hidden: (..., m), or None if there was none.
    """

    W_in: AnyArray
    W_out: AnyArray
    b_hidden: AnyArray | None


def rescale(
    W_in: Float[AnyArray, "*batch m n"],
    W_out: Float[AnyArray, "*batch outputs m"],
    b_hidden: Float[AnyArray, "*batch m"] | None = None,
) -> Rescaled:
    """The same function with s_k = max_i |W_in[k, i]| moved from each neuron's input to its output weights, so that
    neurons can be compared: W_out ReLU(W_in x + b_hidden) is unchanged, since ReLU(h / s) s = ReLU(h) for s > 0
    (Elhage et al. 2022, "Computation in Superposition"). A neuron without input weights stays as it is.

    Args:
        W_in: (..., m, n).
        W_out: (..., outputs, m).
        b_hidden: (..., m).

    Raises:
        ValueError: if the sizes do not fit together.

    >>> rescaled = rescale(np.array([[2.0, -4.0]]), np.array([[0.5]]))
    >>> rescaled.W_in.tolist(), rescaled.W_out.tolist()
    ([[0.5, -1.0]], [[2.0]])
    """
    m = W_in.shape[-2]
    if W_out.shape[-1] != m:
        raise ValueError(
            f"W_out of rescale must have a column for each of the {m} neurons. Got an array of shape {W_out.shape}."
        )
    if b_hidden is not None and b_hidden.shape[-1] != m:
        raise ValueError(
            f"b_hidden of rescale must have one number for each of the {m} neurons. Got {b_hidden.shape[-1]}."
        )
    scale = _one_for_zero(abs(W_in).max(-1))
    return Rescaled(
        W_in / scale[..., None], W_out * scale[..., None, :], None if b_hidden is None else b_hidden / scale
    )


def _relative_sizes(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch m n"]:
    """|W_ki| / max_j |W_kj|; rows of zeros stay. Squares of these neither overflow nor vanish."""
    return _ratio(abs(W), abs(W).max(-1, keepdims=True))


def _ratio(over: AnyArray, under: AnyArray) -> AnyArray:
    """over / under, and 0 where both are 0."""
    return over / _one_for_zero(under)


def _one_for_zero(values: AnyArray) -> AnyArray:
    return values + (values == 0)
