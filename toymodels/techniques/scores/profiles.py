"""The score of profiles of hidden units."""

import numpy as np
from jaxtyping import Float

from toymodels.analysis import dictionaries
from toymodels.arrays import AnyArray, library, ratio
from toymodels.techniques.claims import Profiles
from toymodels.techniques.scores.score import Score, centred, check_shape, score_from

TOP = 0.02
"""The share of the samples that are the top ones of a unit."""


def of_profiles(
    claim: Profiles, true: Float[AnyArray, "m n"], x: Float[AnyArray, "n samples"], h: Float[AnyArray, "m samples"]
) -> Score:
    xp = library(true)
    check_shape("rows of Profiles", claim.rows, true.shape)
    rows = xp.asarray(claim.rows)
    there = 1.0 * (xp.linalg.norm(true, axis=1) > 0)
    table = dictionaries.cosines(true.T, rows.T)
    own = xp.diagonal(table)
    others = ((table * there[:, None]).sum(0) - own) / xp.maximum(there.sum() - 1, 1)
    half = x.shape[-1] // 2
    x, h = x[:, half:], h[:, half:]
    top = xp.argsort(h, axis=-1)[:, -max(2, int(TOP * h.shape[-1])) :]
    said = rows @ x
    best_said, best_h = (xp.take_along_axis(one, top, axis=-1) for one in (said, h))
    return score_from(
        *(ratio((one * there).sum(), there.sum()) for one in (own, others)),
        r_squared=_explained(said, h, there),
        top_r_squared=_explained(best_said, best_h, there),
    )


def _explained(
    said: Float[AnyArray, "m samples"], h: Float[AnyArray, "m samples"], there: Float[AnyArray, " m"]
) -> AnyArray:
    """The share of the variance of h that a line in what is said explains, where it rises: the mean over those units
    that vary at all."""
    xp = library(h)
    said, h = centred(said), centred(h)
    varies = there * (abs(h).max(-1) > 1e-6)
    along = xp.maximum((said * h).sum(-1), 0)
    shares = ratio(along**2, xp.square(said).sum(-1) * xp.square(h).sum(-1))
    return ratio((shares * varies).sum(), varies.sum(), np.nan)
