"""The scores of a number of features, and of a learning coefficient."""

from toymodels.arrays import library
from toymodels.cases import Truth
from toymodels.techniques.claims import LearningCoefficient, NotApplicableError, Number
from toymodels.techniques.scores.score import Score, score_from


def of_number(claim: Number, truth: Truth) -> Score:
    xp = library(truth.directions)
    n = truth.represented.sum()
    return score_from(1 - abs(xp.log(claim.value / n)) / xp.log(xp.maximum(n, 2)), 0.0 * n)


def of_learning_coefficient(claim: LearningCoefficient, truth: Truth) -> Score:
    """Chance is half the number of parameters, which says nothing of the model but its size."""
    known, size = truth.learning_coefficient, truth.n_parameters
    if known is None or size is None:
        raise NotApplicableError("The learning coefficient is not known.")
    values = library(truth.directions).array([claim.value, size / 2])
    raw, chance = 1 - abs(values / known - 1)
    return score_from(raw, chance)
