"""The score of effects of edges."""

import numpy as np

from toymodels.analysis import dictionaries
from toymodels.arrays import AnyArray, library
from toymodels.techniques.claims import Effects
from toymodels.techniques.scores.score import Score, check_shape, score_from

ORDERS = 64
"""How many orders of the edges chance is the mean of."""

NOTHING = 1e-6
"""An edge whose effect is smaller does nothing."""


def of_effects(claim: Effects, effects: AnyArray) -> Score:
    xp = library(effects)
    check_shape("sizes of Effects", claim.sizes, (len(effects),))
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
    return score_from(raw, chance, auroc=(above * pairs).sum() / xp.where(pairs.any(), pairs.sum(), xp.nan))
