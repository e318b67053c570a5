"""The score of a number of features."""

from toymodels.arrays import library
from toymodels.cases import Truth
from toymodels.techniques.claims import Number
from toymodels.techniques.scores.score import Score, score_from


def of_number(claim: Number, truth: Truth) -> Score:
    xp = library(truth.directions)
    n = truth.represented.sum()
    return score_from(1 - abs(xp.log(claim.value / n)) / xp.log(xp.maximum(n, 2)), 0.0 * n)
