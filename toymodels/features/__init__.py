"""What models are trained on: distributions over sparse features, and finite data sets."""

from toymodels.features.copulas import GaussianCopula
from toymodels.features.counts import ExactlyK, NonEmpty
from toymodels.features.datasets import (
    BATCHES,
    Dataset,
    DrawnDataset,
    HiddenActivations,
    epochs,
    full_batch,
    with_replacement,
    without_replacement,
)
from toymodels.features.distributions import (
    BINARY,
    EXPONENTIAL,
    FEATURES,
    SIGNED_UNIFORM,
    UNIFORM,
    VALUES,
    Concatenated,
    Features,
    Independent,
    Labelled,
    Scaled,
    Values,
    validate_features,
)
from toymodels.features.frequencies import geometric, zipf
from toymodels.features.hierarchies import Hierarchical, WithParents, forest
from toymodels.features.sequences import RepeatedSequences, SkipTrigrams
from toymodels.features.sets import AnticorrelatedSets, CorrelatedSets

__all__ = [
    "BATCHES",
    "BINARY",
    "EXPONENTIAL",
    "FEATURES",
    "SIGNED_UNIFORM",
    "UNIFORM",
    "VALUES",
    "AnticorrelatedSets",
    "Concatenated",
    "CorrelatedSets",
    "Dataset",
    "DrawnDataset",
    "ExactlyK",
    "Features",
    "GaussianCopula",
    "HiddenActivations",
    "Hierarchical",
    "Independent",
    "Labelled",
    "NonEmpty",
    "RepeatedSequences",
    "Scaled",
    "SkipTrigrams",
    "Values",
    "WithParents",
    "epochs",
    "forest",
    "full_batch",
    "geometric",
    "validate_features",
    "with_replacement",
    "without_replacement",
    "zipf",
]
