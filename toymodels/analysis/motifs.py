"""Motifs: small circuits of neurons that compute in superposition."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray


class AsymmetricMotif(NamedTuple):
    """One neuron that two features share unequally, and one that undoes the interference.

    Attributes:
        strong: the feature a with the large input weight.
        weak: the feature b with the small one.
        neuron: the neuron k that computes both.
        partner: the neuron l that inhibits.
        asymmetry: |W_ka| / |W_kb|.
        agreement: of the products |W_ka| V_ak and |W_kb| V_bk, the smaller over the larger; 1 where the output weights
            V are exactly reciprocal to the input weights W.
        interference: V_bk |W_ka|, what a adds to the output of b through the neuron.
        inhibition: -V_bl |W_la| / interference, the share of it that the partner takes away.
    """

    strong: int
    weak: int
    neuron: int
    partner: int
    asymmetry: float
    agreement: float
    interference: float
    inhibition: float


def asymmetric_motifs(
    W: Float[AnyArray, "m n"],
    W_out: Float[AnyArray, "outputs neurons"],
    *,
    min_asymmetry: float | int = 2,
    min_agreement: float = 0.8,
    min_product: float = 0.5,
    min_inhibition: float = 0.5,
) -> list[AsymmetricMotif]:
    """The asymmetric superposition motifs of y = ReLU(V ReLU(W x) + b), those whose products are largest first (Elhage
    et al. 2022, "The Asymmetric Superposition Motif").

    A neuron k computes two features a and b with unequal input weights, |W_ka| ≥ min_asymmetry |W_kb|, and reciprocal
    output weights: |W_ka| V_ak and |W_kb| V_bk are both at least `min_product`, and agree. So each feature is computed
    with about the same gain, and interference has a direction: a disturbs b by V_bk |W_ka|, which is large, and b
    disturbs a by V_ak |W_kb|, which is small. A partner l that fires with a as k does, W_la W_ka > 0, takes at least
    the share `min_inhibition` of the large one away: V_bl |W_la| < 0. Of several partners the strongest is given.

    Args:
        W: (m, n), input weights.
        W_out: (n, m), output weights V.
        min_asymmetry: at least 1.
        min_agreement: in [0, 1], the smaller product over the larger; 0.8 is a difference of 25 %.
        min_product: above 0; 1 computes the whole absolute value of one sign.
        min_inhibition: share of the interference.

    Raises:
        ValueError: if `W_out` is not of the transposed shape of W.

    >>> W = np.array([[1.0, 0.25], [1.0, 0.0]])
    >>> W_out = np.array([[1.0, 0.0], [4.0, -4.0]])
    >>> asymmetric_motifs(W, W_out)[0][:4]
    (0, 1, 0, 1)
    """
    W, V = np.asarray(W, dtype=float), np.asarray(W_out, dtype=float)
    if V.shape != W.T.shape:
        raise ValueError(f"W_out of asymmetric_motifs must have the shape {W.T.shape}. Got {V.shape}.")
    sizes = abs(W)
    product = sizes * V.T
    found = []
    for k in range(len(W)):
        for a, b in np.argwhere(_pairs(sizes[k], product[k], min_asymmetry, min_agreement, min_product)).tolist():
            interference = V[b, k] * sizes[k, a]
            inhibition = np.where(W[:, a] * W[k, a] > 0, -V[b] * sizes[:, a], -np.inf) / interference
            partner = int(inhibition.argmax())  # never k, whose own share is -1
            if inhibition[partner] >= min_inhibition:
                ratio, both = sizes[k, a] / sizes[k, b], product[k, [a, b]]
                numbers = (ratio, both.min() / both.max(), interference, inhibition[partner])
                found.append((both.min(), AsymmetricMotif(a, b, k, partner, *map(float, numbers))))
    return [motif for _, motif in sorted(found, key=lambda one: one[0], reverse=True)]


def _pairs(
    sizes: Float[np.ndarray, " n"],
    product: Float[np.ndarray, " n"],
    min_asymmetry: float | int,
    min_agreement: float,
    min_product: float,
) -> AnyArray:
    """Whether a neuron's weights on a and b are unequal and its output weights reciprocal, at [a, b]. Weights of zero
    have no product."""
    lower, upper = np.minimum.outer(product, product), np.maximum.outer(product, product)
    unequal = sizes[:, None] >= min_asymmetry * sizes
    return unequal & (lower >= min_product) & (lower >= min_agreement * upper) & ~np.eye(len(sizes), dtype=bool)
