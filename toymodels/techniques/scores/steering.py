"""The score of steering."""

from collections.abc import Callable

from jaxtyping import Float

from toymodels.arrays import AnyArray, library, ratio
from toymodels.techniques.claims import Steered
from toymodels.techniques.scores.score import Score, check_shape, score_from


def of_steering(
    claim: Steered,
    h: Float[AnyArray, "m samples"],
    forward: Callable[[AnyArray], AnyArray],
    changes: Float[AnyArray, "n outputs samples"],
) -> Score:
    xp = library(h)
    check_shape("hidden of Steered", claim.hidden, (len(changes), *h.shape))
    before = forward(h)
    made = xp.stack([(forward(one) - before).ravel() for one in claim.hidden])
    true = changes.reshape(len(changes), -1)
    along, lengths = made @ true.T, (true * true).sum(-1)  # made for feature i by row, true of feature j by column
    cosines = ratio(along, ((made * made).sum(-1)[:, None] * lengths[None]) ** 0.5)
    counted = lengths > 0
    count = xp.maximum(counted.sum(), 1)
    own = xp.diagonal(cosines)
    others = ((cosines * counted[None]).sum(-1) - own * counted) / xp.maximum(counted.sum() - 1, 1)
    gain = ratio(xp.diagonal(along), lengths)
    return score_from(
        (own * counted).sum() / count, (others * counted).sum() / count, gain=(gain * counted).sum() / count
    )
