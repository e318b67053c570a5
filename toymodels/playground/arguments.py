"""What a playground's settings describe, in the library's own terms."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from toymodels.features import AnticorrelatedSets, CorrelatedSets, Independent
from toymodels.models import Activation, Autoencoder, identity, solu, square
from toymodels.playground.settings import complete
from toymodels.tasks import GeometricImportance, Task
from toymodels.training import Adam, Recipe, constant

ACTIVATIONS: Mapping[str, Activation] = {
    "relu": jax.nn.relu,
    "linear": identity,
    "gelu": jax.nn.gelu,
    "solu": solu,
    "square": square,
}


def train_arguments(settings: Mapping[str, Any]) -> tuple[Autoencoder, Task, Recipe]:
    """The model, the task and the recipe of a playground with these settings; `train` of them does what it does.

    Training has a constant rate, data of its own for each restart, and the recipe's default number of steps: a
    playground goes on until it is stopped. The seed is in none of them: from the same seed `train` draws other numbers.

    Args:
        settings: any of the names in `toymodels.playground.settings.DEFAULTS`; those that are missing have the values
            there.

    Raises:
        ValueError: for a name that is none of them, or a value that a playground cannot have.

    >>> model, task, recipe = train_arguments({"n": 6, "density": 0.1, "pairs": "anticorrelated"})
    >>> (model.n_features, float(task.features.density), recipe.batch_size)
    (6, 0.2, 256)
    """
    chosen = complete(settings)
    model = Autoencoder(chosen["n"], chosen["m"], output_activation=ACTIVATIONS[chosen["activation"]])
    task = Task(_features(chosen), GeometricImportance(chosen["decay"]))
    recipe = Recipe(batch_size=chosen["batch"], learning_rate=chosen["rate"], independent_data=True)
    return model, task, replace(recipe, optimizer=Adam(), schedule=constant)


def _features(settings: Mapping[str, Any]) -> Independent | CorrelatedSets | AnticorrelatedSets:
    """Features 2k and 2k + 1 are a pair; where n is odd the last one stands alone."""
    n, density = settings["n"], settings["density"]
    sets = tuple(tuple(range(first, min(first + 2, n))) for first in range(0, n, 2))
    if settings["pairs"] == "correlated":
        return CorrelatedSets(sets, density, correlation=settings["correlation"])
    if settings["pairs"] == "anticorrelated":
        of_set = [min(1.0, len(members) * density) for members in sets]
        return AnticorrelatedSets(sets, np.array(of_set) if n % 2 else of_set[0])
    return Independent(n, density)
