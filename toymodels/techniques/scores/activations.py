"""The score of activations."""

from toymodels.analysis import dictionaries
from toymodels.arrays import AnyArray, library
from toymodels.cases import Truth
from toymodels.techniques.claims import Activations
from toymodels.techniques.scores.score import Score, centred, check_shape, score_from, share_represented


def of_activations(claim: Activations, truth: Truth, x: AnyArray) -> Score:
    said = of_values(claim, truth, x)
    elsewhere = Activations(library(claim.rows).roll(claim.rows, 1, axis=-1), claim.labelled)
    return score_from(said["r_squared"], of_values(elsewhere, truth, x)["r_squared"], **said)


def of_values(claim: Activations, truth: Truth, x: AnyArray) -> dict[str, AnyArray]:
    """How well activations tell the features' values, and how sparse they are."""
    rows = claim.rows
    check_shape("activations", rows, (len(x) if claim.labelled else None, x.shape[-1]))
    counted = x * truth.represented[:, None]
    if claim.labelled:
        matched = library(rows).arange(len(x))
    else:  # correlations are cosines of rows that are centred
        matched = dictionaries.matches(centred(rows).T, centred(counted).T)
    return {
        "r_squared": dictionaries.r_squared(rows, counted, matched).mean() / share_represented(truth),
        "l0": dictionaries.l0(rows),
        "dead": dictionaries.dead(rows).mean(),
    }
