"""Techniques that are given the features' values: probes and means."""

import itertools
import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.arrays import ratio
from toymodels.checks import check_integer
from toymodels.linear_algebra import pinv, qr
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Activations, Directions, NotApplicableError, Number

MOST_SETS = 10_000  # of neurons

ROUNDING = 1e-5
"""What is left of a neuron's variance, when others are taken out of it, is rounding below this share of it."""


def linear_probe(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Activations:
    """The linear function of h that is nearest to each feature's value, by least squares (Alain & Bengio 2016). Its R²
    is the feature's leverage, if features are independent and vary equally: m/n in a tight frame, at every density."""
    return Activations(_probe(h, x).T @ _centred(h), labelled=True)


def shuffled_probe(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Activations:
    """The linear probe for labels of other samples: a control, whose R² is chance, about m / samples (Hewitt & Liang
    2019)."""
    return Activations(_probe(h, jnp.roll(x, 1, axis=-1)).T @ _centred(h), labelled=True)


@specification
class SparseProbe:
    """The best linear probe that reads k neurons (Gurnee et al. 2023): all sets of k are tried for each feature. Its R²
    is `theory.probing.sparse_probe_r2`, in expectation. A feature with a neuron of its own is found by k = 1; in
    superposition the result depends on how the hidden space is turned.

    Attributes:
        k: number of neurons; all if there are fewer.
    """

    k: int = static(default=1)

    def __call__(self, h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Activations:
        """The claim.

        Raises:
            NotApplicableError: if there are more than 10,000 sets of neurons.
        """
        k = min(self.k, len(h))
        if (count := math.comb(len(h), k)) > MOST_SETS:
            raise NotApplicableError(f"k = {k} of {len(h)} neurons are {count:,} sets.")
        sets = np.array(list(itertools.combinations(range(len(h)), k)))
        h, x = _centred(h), _centred(x)
        explained = _explained((h @ h.T)[sets[:, :, None], sets[:, None, :]], (h @ x.T)[sets])
        best = jnp.asarray(sets)[explained.argmax(0)]
        return Activations(jax.vmap(_fitted)(h[best], x), labelled=True)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("SparseProbe", "k", self.k, minimum=1)


def probe_direction(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Directions:
    """The direction of the linear probe, taken for that of the feature. It is not: a probe looks away from interference
    (filter and pattern: Haufe et al. 2014). In tight frames the two agree."""
    return Directions(_probe(h, x), labelled=True)


def own_direction(h: Float[Array, "m samples"], params: dict[str, Array]) -> Activations:
    """Each feature read along its own direction, W_i·h; in a `Circuit` that is its column of the frame. Its R² is the
    feature's dimensionality D_i, if features are independent and vary equally.

    Raises:
        NotApplicableError: if no parameter holds the directions.
    """
    if "W" in params:
        directions = params["W"]
    elif "frame" in params:
        directions = params["frame"][:, : params["W1"].shape[1]] if "W1" in params else params["frame"]
    else:
        raise NotApplicableError("There is neither W nor a frame.")
    return Activations(directions.T @ h, labelled=True)


def read_out(
    h: Float[Array, "m samples"], x: Float[Array, "n samples"], forward: Callable[[Array], Array]
) -> Activations:
    """What the model itself says of each feature: its outputs. Of x it needs no more than how many features there are.

    Raises:
        NotApplicableError: if there is not an output for each feature.
    """
    outputs = forward(h)
    if len(outputs) != len(x):
        raise NotApplicableError(f"There are {len(outputs)} outputs for {len(x)} features.")
    return Activations(outputs, labelled=True)


def mean_difference(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Directions:
    """E[h | feature on] - E[h | feature off] (Marks & Tegmark 2023): along the feature's direction whatever the
    interference, if features are independent; features that are on together are mixed."""
    on = (x != 0).astype(h.dtype)
    count = on.sum(-1)
    with_it = h @ on.T / jnp.maximum(count, 1)[None, :]
    without = h @ (1 - on).T / jnp.maximum(x.shape[-1] - count, 1)[None, :]
    return Directions((with_it - without) * (count > 0)[None, :], labelled=True)


def participation(h: Float[Array, "m samples"]) -> Number:
    """The participation ratio (Σ λ)² / Σ λ² of the covariance of h, taken for the number of features. It is never above
    m: m in a tight frame, however many features there are."""
    covariance = _centred(h) @ _centred(h).T
    return Number(jnp.trace(covariance) ** 2 / jnp.square(covariance).sum())


def _probe(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, "m n"]:
    """(hᵀ)⁺ xᵀ, by way of hᵀ = Q R, which keeps more digits than the covariance of h would."""
    Q, R = qr(_centred(h).T)
    return pinv(R, rtol=1e-5) @ (Q.T @ _centred(x).T)


def _explained(covariance: Float[Array, "sets k k"], with_x: Float[Array, "sets k n"]) -> Float[Array, "sets n"]:
    """cᵀ Σ⁻¹ c of each set and feature, by Gaussian elimination: each neuron is taken out of those after it."""
    explained, least = jnp.zeros(with_x[:, 0].shape), ROUNDING * covariance.diagonal(axis1=1, axis2=2)
    for place in range(covariance.shape[1]):
        pivot = covariance[:, place, place]
        inverse = jnp.where(pivot > least[:, place], ratio(1.0, pivot), 0)[:, None]
        row = covariance[:, place] * inverse
        explained += with_x[:, place] ** 2 * inverse
        covariance = covariance - row[:, :, None] * covariance[:, [place]]
        with_x = with_x - row[:, :, None] * with_x[:, [place]]
    return explained


def _fitted(rows: Float[Array, "k samples"], target: Float[Array, " samples"]) -> Float[Array, " samples"]:
    """The least-squares fit of rows to a target, by Gram-Schmidt."""
    fit, least = jnp.zeros_like(target), ROUNDING * (rows * rows).sum(-1)
    for place in range(len(rows)):
        row, square = rows[place], rows[place] @ rows[place]
        inverse = jnp.where(square > least[place], ratio(1.0, square), 0)
        fit += row * (row @ target) * inverse
        rows = rows - (rows @ row * inverse)[:, None] * row[None]
    return fit


def _centred(rows: Float[Array, "rows samples"]) -> Float[Array, "rows samples"]:
    return rows - rows.mean(-1, keepdims=True)
