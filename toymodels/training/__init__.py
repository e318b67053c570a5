"""Training: `train`, its `Recipe`, and the `Run` that it returns."""

from toymodels.training.recipe import Recipe, constant
from toymodels.training.run import Run
from toymodels.training.train import DivergenceWarning, log_spaced, train

__all__ = ["DivergenceWarning", "Recipe", "Run", "constant", "log_spaced", "train"]
