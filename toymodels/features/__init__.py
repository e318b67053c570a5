"""What models are trained on: distributions over sparse features, and finite data sets."""

from toymodels.features.datasets import (
    Dataset,
    DrawnDataset,
    HiddenActivations,
    epochs,
    full_batch,
    with_replacement,
    without_replacement,
)
from toymodels.features.distributions import (
    EXPONENTIAL,
    SIGNED_UNIFORM,
    UNIFORM,
    AnticorrelatedSets,
    Concatenated,
    CorrelatedSets,
    Features,
    Independent,
    Labelled,
    Values,
    validate_features,
)

__all__ = [
    "EXPONENTIAL",
    "SIGNED_UNIFORM",
    "UNIFORM",
    "AnticorrelatedSets",
    "Concatenated",
    "CorrelatedSets",
    "Dataset",
    "DrawnDataset",
    "Features",
    "HiddenActivations",
    "Independent",
    "Labelled",
    "Values",
    "epochs",
    "full_batch",
    "validate_features",
    "with_replacement",
    "without_replacement",
]
