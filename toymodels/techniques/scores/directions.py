"""The score of directions."""

from jaxtyping import Float

from toymodels.analysis import dictionaries
from toymodels.arrays import AnyArray, library
from toymodels.cases import Truth
from toymodels.techniques.claims import Activations, Directions
from toymodels.techniques.scores.activations import of_values
from toymodels.techniques.scores.score import Score, check_shape, represented, score_from, share_represented

RANDOM = 64
"""How many random dictionaries chance is the mean of."""


def of_directions(claim: Directions, truth: Truth, x: AnyArray) -> Score:
    there, share = represented(truth), share_represented(truth)
    check_shape("columns of Directions", claim.columns, (len(there), None if not claim.labelled else len(x)))
    if claim.labelled:
        own = dictionaries.cosines(claim.columns, there)
        raw, chance = _own_and_others(own, truth)
    else:
        raw = dictionaries.matched_cosines(claim.columns, there).mean() / share
        chance = dictionaries.random_score(_mean_matched, claim.columns, there, RANDOM) / share
    said = {} if claim.activations is None else of_values(Activations(claim.activations, claim.labelled), truth, x)
    return score_from(
        raw,
        chance,
        found=dictionaries.found(claim.columns, there) / share,
        mmcs=dictionaries.mmcs(claim.columns, there) / share,
        **said,
    )


def _own_and_others(table: Float[AnyArray, "n n"], truth: Truth) -> tuple[AnyArray, AnyArray]:
    """The mean of each feature's own entry, and of the others' for it."""
    own = library(table).diagonal(table)
    others = (table.sum(-1) - own) / max(len(table) - 1, 1)
    return (own * truth.represented).mean() / share_represented(truth), (
        others * truth.represented
    ).mean() / share_represented(truth)


def _mean_matched(learned: AnyArray, truth: AnyArray) -> AnyArray:
    return dictionaries.matched_cosines(learned, truth).mean(-1)
