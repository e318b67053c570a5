"""toymodels: a simulator for research on superposition in neural networks."""

import importlib
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from toymodels import analysis, cases, features, interop, models, tasks, theory, training
from toymodels.features import (
    BINARY,
    EXPONENTIAL,
    SIGNED_UNIFORM,
    UNIFORM,
    AnticorrelatedSets,
    Concatenated,
    CorrelatedSets,
    Dataset,
    DrawnDataset,
    ExactlyK,
    GaussianCopula,
    HiddenActivations,
    Hierarchical,
    Independent,
    Labelled,
    NonEmpty,
    RepeatedSequences,
    Scaled,
    SkipTrigrams,
    Values,
    WithParents,
    forest,
    geometric,
    zipf,
)
from toymodels.identities import describe
from toymodels.models import (
    Autoencoder,
    BatchTopK,
    Gated,
    JumpReLU,
    MatchingPursuit,
    Network,
    SparseAutoencoder,
    TopK,
    Transformer,
    identity,
    module_with,
    solu,
    square,
)
from toymodels.specifications import specification, static
from toymodels.tasks import (
    AuxK,
    FeatureAttack,
    GatedAuxiliary,
    GeometricImportance,
    GradientAttack,
    HiddenL0,
    HiddenL1,
    NestedReconstruction,
    PowerLoss,
    Task,
    WeightL1,
    WeightL2,
    cross_entropy,
    cross_entropy_at_end,
    squared_error,
)
from toymodels.training import (
    SGLD,
    Adam,
    Averaged,
    Clipped,
    DivergenceWarning,
    Recipe,
    Resampled,
    Run,
    Trapezoid,
    WarmupCosine,
    evaluate,
    log_spaced,
    train,
)
from toymodels.version import VERSION

if TYPE_CHECKING:
    from toymodels import plots, sampling, sweeps, techniques
    from toymodels.playground.widget import Playground
    from toymodels.sweeps.launch import sweep

__version__ = VERSION

__all__ = [
    "BINARY",
    "EXPONENTIAL",
    "SGLD",
    "SIGNED_UNIFORM",
    "UNIFORM",
    "Adam",
    "AnticorrelatedSets",
    "Autoencoder",
    "AuxK",
    "Averaged",
    "BatchTopK",
    "Clipped",
    "Concatenated",
    "CorrelatedSets",
    "Dataset",
    "DivergenceWarning",
    "DrawnDataset",
    "ExactlyK",
    "FeatureAttack",
    "Gated",
    "GatedAuxiliary",
    "GaussianCopula",
    "GeometricImportance",
    "GradientAttack",
    "HiddenActivations",
    "HiddenL0",
    "HiddenL1",
    "Hierarchical",
    "Independent",
    "JumpReLU",
    "Labelled",
    "MatchingPursuit",
    "NestedReconstruction",
    "Network",
    "NonEmpty",
    "Playground",
    "PowerLoss",
    "Recipe",
    "RepeatedSequences",
    "Resampled",
    "Run",
    "Scaled",
    "SkipTrigrams",
    "SparseAutoencoder",
    "Task",
    "TopK",
    "Transformer",
    "Trapezoid",
    "Values",
    "WarmupCosine",
    "WeightL1",
    "WeightL2",
    "WithParents",
    "analysis",
    "cases",
    "cross_entropy",
    "cross_entropy_at_end",
    "describe",
    "evaluate",
    "features",
    "forest",
    "geometric",
    "identity",
    "interop",
    "log_spaced",
    "models",
    "module_with",
    "plots",
    "sampling",
    "solu",
    "specification",
    "square",
    "squared_error",
    "static",
    "sweep",
    "sweeps",
    "tasks",
    "techniques",
    "theory",
    "train",
    "training",
    "zipf",
]
if find_spec("anywidget") is None:  # an optional dependency, without which `from toymodels import *` works too
    __all__.remove("Playground")


def __getattr__(name: str) -> Any:
    # matplotlib and xarray cost as much to import as all the rest of this package.
    if name in ("plots", "sampling", "sweeps", "techniques"):
        return importlib.import_module(f"toymodels.{name}")
    if name == "sweep":
        return importlib.import_module("toymodels.sweeps").sweep
    if name == "Playground":
        return importlib.import_module("toymodels.playground.widget").Playground
    raise AttributeError(f"module 'toymodels' has no attribute {name!r}")
