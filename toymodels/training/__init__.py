"""Training: `train`, its `Recipe` and optimisers, and the `Run` that it returns."""

from toymodels.training.evaluation import evaluate
from toymodels.training.launch import DivergenceWarning, log_spaced, train
from toymodels.training.optimisers import SGLD, Adam, Averaged, Clipped, WarmupCosine
from toymodels.training.recipe import Recipe, constant
from toymodels.training.run import Run

__all__ = [
    "SGLD",
    "Adam",
    "Averaged",
    "Clipped",
    "DivergenceWarning",
    "Recipe",
    "Run",
    "WarmupCosine",
    "constant",
    "evaluate",
    "log_spaced",
    "train",
]
