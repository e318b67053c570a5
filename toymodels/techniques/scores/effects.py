"""The score of effects of edges, or of vertices."""

import numpy as np

from toymodels.analysis import dictionaries
from toymodels.arrays import AnyArray, library, ratio
from toymodels.techniques.claims import Effects, VertexEffects
from toymodels.techniques.scores.score import Score, check_shape, score_from

ORDERS = 64
"""How many orders of the edges chance is the mean of."""

NOTHING = 1e-6
"""An edge whose effect is smaller does nothing."""


def of_effects(claim: Effects | VertexEffects, effects: AnyArray) -> Score:
    xp = library(effects)
    check_shape(f"sizes of {type(claim).__name__}", claim.sizes, (len(effects),))
    sizes, true = xp.asarray(claim.sizes), effects[None, None]
    random = np.random.default_rng(0)
    elsewhere = np.stack([random.permutation(len(effects)) for _ in range(ORDERS)])
    raw, chance = (
        dictionaries.r_squared(one[:, None], true, xp.zeros((1, 1), int)).mean()
        for one in (sizes[None], sizes[elsewhere])
    )
    something = effects > NOTHING
    pairs = something[:, None] & ~something[None]
    above = (sizes[:, None] > sizes[None]) + (sizes[:, None] == sizes[None]) / 2
    k = something.sum()
    larger, equal = ((compare(sizes[None], sizes[:, None])).sum(-1) for compare in (xp.greater, xp.equal))
    taken = xp.clip((k - larger) / equal, 0, 1) * (sizes > NOTHING)
    right = (taken * something).sum()
    return score_from(
        raw,
        chance,
        auroc=(above * pairs).sum() / xp.where(pairs.any(), pairs.sum(), xp.nan),
        precision=ratio(right, taken.sum()),
        recall=ratio(right, k, xp.nan),
    )
