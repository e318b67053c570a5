"""Techniques that take features out of the hidden activations."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.arrays import ratio
from toymodels.checks import check_integer, check_numbers
from toymodels.linear_algebra import eigh
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Edit
from toymodels.techniques.probes import mean_difference, probe_direction

CERTAIN = 4.0
"""A feature is found where its probe explains so many times what is explained by chance, or more."""


def erasure(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Edit:
    """LEACE (Belrose et al. 2023): the smallest change of h after which no linear probe finds the feature's value, h -
    c w·(h - E h) / w·c, with c = Cov(h, x_i) and the probe w = Cov(h)⁺ c. Where the probe explains hardly more than by
    chance (`CERTAIN`), c is the noise of the samples, along which nothing is to be erased. It has no other tolerance: a
    feature that is on in 4 m / R² samples or more is erased, however rare it is.

    In a tight frame it takes the feature's direction out, and the other features lose (n - m) / (m (n - 1)) of their
    R², the square of the Welch bound. Of independent features nothing is left for a non-linear reader either."""
    covariance, probes = _covariance(h, x), probe_direction(h, x).columns
    found = (probes * covariance).sum(0) > CERTAIN * _noise(h, x)
    return _without(h, covariance, probes * found[None])


def label_erasure(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Edit:
    """LEACE of the label, whether a feature is on. If values have both signs evenly, h and the label do not covary,
    nothing is erased, and |h| tells the label as before."""
    return erasure(h, (x != 0).astype(h.dtype))


def directional_ablation(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Edit:
    """h without its component along the feature's mean difference, of which the mean is kept (Arditi et al. 2024)."""
    directions = mean_difference(h, x).columns
    return _without(h, directions, directions)


@specification
class NullspaceProjection:
    """Iterative null-space projection (Ravfogel et al. 2020): h without its component along a linear probe for the
    feature, then without that along a probe on what is left, and so on. One step is enough if and only if the probe is
    parallel to Cov(h, x_i), as in tight frames; each further step takes a dimension from all other features.

    Attributes:
        steps: how many probes at most.
        above: stop where the probe explains less than so many times what is explained by chance; 0 for never.
    """

    steps: int = static(default=8)
    above: float = CERTAIN

    def __call__(self, h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Edit:
        """The claim."""
        covariance, mean = _covariance(h, h), h.mean(-1, keepdims=True)
        least = self.above * _noise(h, x)

        def kept(c: Float[Array, " m"], least: Array) -> Float[Array, "m m"]:
            P = jnp.eye(len(h))
            for _ in range(self.steps):
                probe = _inverse(P @ covariance @ P) @ (P @ c)
                along = ratio(probe, jnp.linalg.norm(probe)) * (probe @ c > least)
                P = P - jnp.outer(along, along)
            return P

        projections = jax.vmap(kept, (1, 0))(_covariance(h, x), least)
        return Edit(mean[None] + projections @ (h - mean))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("NullspaceProjection", "steps", self.steps, minimum=1)
        check_numbers("NullspaceProjection", "above", self.above, minimum=0)


def _covariance(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, "m n"]:
    return (h - h.mean(-1, keepdims=True)) @ (x - x.mean(-1, keepdims=True)).T / x.shape[-1]


def _noise(h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, " n"]:
    """The variance that a probe explains by chance: m / k of all, since the covariance of a feature that is on in k
    samples is a mean over no more than these."""
    return len(h) * x.var(-1) / jnp.maximum((x != 0).sum(-1), 1)


def _inverse(covariance: Float[Array, "m m"]) -> Float[Array, "m m"]:
    """The pseudo-inverse of a covariance, in the directions in which h varies at all."""
    variances, axes = eigh(covariance)
    varies = variances > 1e-5 * variances[-1]
    return (axes * jnp.where(varies, 1 / jnp.where(varies, variances, 1), 0)[None]) @ axes.T


def _without(h: Float[Array, "m samples"], along: Float[Array, "m n"], read: Float[Array, "m n"]) -> Edit:
    """h - d w·(h - E h) / w·d of each column d of `along` and w of `read`."""
    seen = ratio(read.T @ (h - h.mean(-1, keepdims=True)), (read * along).sum(0)[:, None])
    return Edit(h[None] - along.T[:, :, None] * seen[:, None])
