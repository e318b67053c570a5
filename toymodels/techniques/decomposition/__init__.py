"""Parameter decomposition: weights as a sum of simple components, few of which are needed for any one sample."""

from toymodels.techniques.decomposition.attributed import AttributionDecomposition
from toymodels.techniques.decomposition.measures import Components, Likeness, by_column, likeness
from toymodels.techniques.decomposition.stochastic import StochasticDecomposition

__all__ = [
    "AttributionDecomposition",
    "Components",
    "Likeness",
    "StochasticDecomposition",
    "by_column",
    "likeness",
]
