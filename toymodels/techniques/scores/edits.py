"""The score of edits."""

from jaxtyping import Float

from toymodels.arrays import AnyArray, library, ratio
from toymodels.cases import Truth
from toymodels.linear_algebra import eigh
from toymodels.techniques.claims import Edit
from toymodels.techniques.scores.score import Score, centred, check_shape, score_from

ROUNDING = 2e-6
"""Directions in which h varies less than this share of the most are rounding, in single precision."""

NOTHING = 1e-11
"""What varies less than this share of the whole is constant."""

RESOLUTION = 1e-3
"""The same for the non-linear reader, or 4 m / samples if that is more: an edit that is fitted to samples is off by
their noise, of which |h| could make a signal."""


def of_edit(claim: Edit, truth: Truth, x: AnyArray, h: AnyArray) -> Score:
    xp = library(x)
    check_shape("hidden of an Edit", claim.hidden, (len(x), *h.shape))
    scale = xp.square(h).sum()
    before, after = _probe_r2(h, x, scale), _probe_r2(claim.hidden, x, scale)  # features in columns, edits in rows
    counted = truth.represented & (before > 0)
    count = xp.maximum(counted.sum(), 1)
    left = xp.minimum(ratio(after, xp.broadcast_to(before[None], after.shape)), 1)  # it is never more, but for rounding
    gone = xp.where(counted[None], 1 - left, 0)
    own = xp.diagonal(gone)
    others = (gone.sum(-1) - own) / xp.maximum(counted.sum() - 1, 1)
    erased, lost = (own * counted).sum() / count, (others * counted).sum() / count
    bent = xp.concatenate([claim.hidden, abs(claim.hidden)], 1)
    resolution = max(RESOLUTION, 4 * len(h) / x.shape[-1])
    still = xp.diagonal(_probe_r2(bent, 1.0 * (x != 0), scale, resolution))
    raw = erased - lost
    return score_from(raw, 0.0 * raw, erased=erased, lost=lost, left=(still * counted).sum() / count)


def _probe_r2(
    h: Float[AnyArray, "*batch m samples"],
    x: Float[AnyArray, "n samples"],
    scale: Float[AnyArray, ""],
    least: float = ROUNDING,
) -> Float[AnyArray, "*batch n"]:
    """R² of the best linear probes for features, in the directions in which h varies at all: `scale` is Σ h² of whole
    activations, of which rounding is a share."""
    xp = library(h)
    h, x = centred(h), centred(x)
    variances, axes = eigh(h @ h.swapaxes(-1, -2))
    varies = variances > xp.maximum(least * variances[..., -1:], NOTHING * scale)
    seen = (axes.swapaxes(-1, -2) @ (h @ x.T)) ** 2
    explained = xp.where(varies[..., None], seen / xp.where(varies, variances, 1)[..., None], 0).sum(-2)
    return ratio(explained, xp.broadcast_to((x * x).sum(-1), explained.shape))
