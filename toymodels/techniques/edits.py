"""Techniques that take features out of the hidden activations."""

from jaxtyping import Array, Float

from toymodels.arrays import ratio
from toymodels.techniques.claims import Edit
from toymodels.techniques.probes import mean_difference, probe_direction


def erasure(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Edit:
    """LEACE (Belrose et al. 2023): the smallest change of h after which no linear probe finds the feature's value, h -
    c w·(h - E h) / w·c, with c = Cov(h, x_i) and the probe w = Cov(h)⁺ c. It has no tolerance.

    In a tight frame it takes the feature's direction out, and the other features lose (n - m) / (m (n - 1)) of their
    R², the square of the Welch bound."""
    centred = h - h.mean(-1, keepdims=True)
    covariance = centred @ (x - x.mean(-1, keepdims=True)).T / x.shape[-1]
    return _without(h, covariance, probe_direction(h, x).columns)


def directional_ablation(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Edit:
    """h without its component along the feature's mean difference, of which the mean is kept (Arditi et al. 2024)."""
    directions = mean_difference(h, x).columns
    return _without(h, directions, directions)


def _without(h: Float[Array, "m samples"], along: Float[Array, "m n"], read: Float[Array, "m n"]) -> Edit:
    """h - d w·(h - E h) / w·d of each column d of `along` and w of `read`."""
    seen = ratio(read.T @ (h - h.mean(-1, keepdims=True)), (read * along).sum(0)[:, None])
    return Edit(h[None] - along.T[:, :, None] * seen[:, None])
