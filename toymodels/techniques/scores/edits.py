"""The score of edits."""

from jaxtyping import Float

from toymodels.arrays import AnyArray, library, ratio
from toymodels.cases import Truth
from toymodels.techniques.claims import Edit
from toymodels.techniques.scores.score import Score, centred, check_shape, score_from


def of_edit(claim: Edit, truth: Truth, x: AnyArray, h: AnyArray) -> Score:
    xp = library(x)
    check_shape("hidden of an Edit", claim.hidden, (len(x), *h.shape))
    before, after = _probe_r2(h, x)[None], _probe_r2(claim.hidden, x)  # features in columns, edits in rows
    counted = truth.represented & (before[0] > 0)
    left = xp.minimum(ratio(after, xp.broadcast_to(before, after.shape)), 1)  # it is never more, but for rounding
    lost = xp.where(counted[None], 1 - left, 0)
    own = xp.diagonal(lost)
    others = (lost.sum(-1) - own) / xp.maximum(counted.sum() - 1, 1)
    raw = ((own - others) * counted).sum() / xp.maximum(counted.sum(), 1)
    return score_from(raw, 0.0 * raw)


def _probe_r2(h: Float[AnyArray, "*batch m samples"], x: Float[AnyArray, "n samples"]) -> Float[AnyArray, "*batch n"]:
    """R² of the best linear probes for features, in the directions in which h varies at all."""
    xp = library(h)
    h, x = centred(h), centred(x)
    variances, axes = xp.linalg.eigh(h @ h.swapaxes(-1, -2))
    varies = variances > 2e-6 * variances[..., -1:]  # the rest is rounding, in single precision
    seen = (axes.swapaxes(-1, -2) @ (h @ x.T)) ** 2
    explained = xp.where(varies[..., None], seen / xp.where(varies, variances, 1)[..., None], 0).sum(-2)
    return ratio(explained, xp.broadcast_to((x * x).sum(-1), explained.shape))
