"""The score of attributions. The truth is the Shapley value of the output, exact by enumeration: see
`cases.shapley_values`.

It is a choice, made because it needs only outputs of the model, so that no method is held against its own slopes or
path. Others are complete too: integrated gradients are what it would be if every feature were cut into many small
parts, all alike, and differ from it wherever two features meet in a kink. A score below 1 of a complete method is then
a difference of definitions. What can be asked of any method is told apart from it: `completeness`, `dummies`, `signs`
and `ranks`; an attribution of 0 has neither sign nor rank.
"""

import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray, library, ratio
from toymodels.techniques.claims import Attributions
from toymodels.techniques.scores.score import Score, check_shape, score_from

NOTHING = 1e-5
"""An attribution that is smaller, in parts of the largest one, is rounding."""


def of_attributions(claim: Attributions, true: Float[AnyArray, "outputs n samples"]) -> Score:
    xp = library(true)
    check_shape("values of Attributions", claim.values, true.shape)
    values, n = xp.asarray(claim.values), true.shape[1]
    squares = xp.square(true).sum()
    error = xp.square(values - true).sum()
    every = n * (xp.square(values).sum() + squares) - 2 * (values.sum(1) * true.sum(1)).sum()  # any one for any one
    elsewhere = (every - error) / (n - 1) if n > 1 else squares
    raw, chance = 1 - ratio(error, squares), 1 - ratio(elsewhere, squares)
    nothing = NOTHING * abs(true).max()
    dummy = abs(true).max(-1, keepdims=True) <= nothing
    return score_from(
        raw,
        chance,
        completeness=1 - ratio(abs((values - true).sum(1)).sum(), abs(true.sum(1)).sum()),
        dummies=xp.where(dummy.any(), 1 - ratio((abs(values) * dummy).sum(), abs(values).sum()), np.nan),
        signs=_share(*_agreement(values, true, nothing)),
        ranks=_ranks(values, true, nothing),
    )


def _ranks(values: AnyArray, true: AnyArray, nothing: AnyArray) -> AnyArray:
    """The agreement of the signs of differences: each feature with the one that stands `by` after it, for every `by`,
    which takes less memory than all pairs at once."""
    xp = library(true)
    agreed = [
        _agreement(values - xp.roll(values, by, 1), true - xp.roll(true, by, 1), nothing)
        for by in range(1, true.shape[1])
    ]
    right, there = (sum((one[part] for one in agreed), xp.zeros(())) for part in (0, 1))
    return _share(right, there)


def _share(right: AnyArray, there: AnyArray) -> AnyArray:
    return ratio(right, 1.0 * there)


def _agreement(values: AnyArray, true: AnyArray, nothing: AnyArray) -> tuple[AnyArray, AnyArray]:
    """The number of same signs less that of opposite ones, where the truth has one, and the number of those."""
    xp = library(true)
    there = abs(true) > nothing
    return (xp.sign(values) * xp.sign(true) * there).sum(), there.sum()
