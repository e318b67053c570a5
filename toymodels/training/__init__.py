"""Training: `train`, its `Recipe` and optimisers, and the `Run` that it returns."""

from toymodels.training.evaluation import evaluate
from toymodels.training.launch import DivergenceWarning, initial_module, log_spaced, train
from toymodels.training.optimisers import (
    OPTIMIZERS,
    SCHEDULES,
    SGLD,
    Adam,
    Averaged,
    Clipped,
    Trapezoid,
    WarmupCosine,
    constant,
    linear,
)
from toymodels.training.recipe import Recipe
from toymodels.training.resampling import Resampled
from toymodels.training.run import Run

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "SGLD",
    "Adam",
    "Averaged",
    "Clipped",
    "DivergenceWarning",
    "Recipe",
    "Resampled",
    "Run",
    "Trapezoid",
    "WarmupCosine",
    "constant",
    "evaluate",
    "initial_module",
    "linear",
    "log_spaced",
    "train",
]
