"""What a playground's settings describe, in the library's own terms."""

import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple

import jax
import numpy as np

from toymodels.checks import near_matches
from toymodels.features import AnticorrelatedSets, CorrelatedSets, Independent
from toymodels.models import Activation, Autoencoder, identity, solu, square
from toymodels.tasks import GeometricImportance, Task
from toymodels.training.recipe import Recipe, constant


class Range(NamedTuple):
    """The values that a number can have, both ends included."""

    minimum: float | int
    maximum: float | int
    integer: bool = False


DEFAULTS: Mapping[str, Any] = {
    "n": 5,
    "m": 2,
    "density": 0.1,
    "decay": 0.9,
    "pairs": "independent",
    "correlation": 1,
    "activation": "relu",
    "rate": 0.01,
    "batch": 256,
    "seed": 0,
}
"""The settings of a fresh playground, as in settings.js."""

RANGES: Mapping[str, Range] = {
    "n": Range(2, 20, integer=True),
    "density": Range(0.002, 1),
    "decay": Range(0.3, 1),
    "correlation": Range(0, 1),
    "rate": Range(0.0001, 0.1),
    "batch": Range(16, 4096, integer=True),
    "seed": Range(0, 2**32 - 1, integer=True),
}

ACTIVATIONS: Mapping[str, Activation] = {
    "relu": jax.nn.relu,
    "linear": identity,
    "gelu": jax.nn.gelu,
    "solu": solu,
    "square": square,
}

CHOICES: Mapping[str, tuple[Any, ...]] = {
    "m": (2, 3),
    "pairs": ("independent", "correlated", "anticorrelated"),
    "activation": tuple(ACTIVATIONS),
}


def configuration(settings: Mapping[str, Any]) -> tuple[Autoencoder, Task, Recipe]:
    """The model, the task and the recipe of a playground with these settings; `train` of them does what it does.

    Training has a constant rate, data of its own for each restart, and the recipe's default number of steps: a
    playground goes on until it is stopped. The seed is in none of them: from the same seed `train` draws other numbers.

    Args:
        settings: any of the names in `DEFAULTS`; those that are missing have the values there.

    Raises:
        ValueError: for a name that is none of them, or a value that a playground cannot have.

    >>> model, task, recipe = configuration({"n": 6, "pairs": "anticorrelated"})
    >>> (model.n_features, float(task.features.density), recipe.batch_size)
    (6, 0.2, 256)
    """
    _validate(settings)
    chosen = {**DEFAULTS, **settings}
    model = Autoencoder(chosen["n"], chosen["m"], output_activation=ACTIVATIONS[chosen["activation"]])
    task = Task(_features(chosen), GeometricImportance(chosen["decay"]))
    recipe = Recipe(batch_size=chosen["batch"], learning_rate=chosen["rate"], schedule=constant, independent_data=True)
    return model, task, recipe


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


def _validate(settings: Mapping[str, Any]) -> None:
    for name, value in settings.items():
        if name not in DEFAULTS:
            raise ValueError(f"settings of a playground have no {name!r}. {near_matches(name, DEFAULTS)}")
        if name in CHOICES:
            if not any(value == choice and isinstance(value, type(choice)) for choice in CHOICES[name]):
                raise ValueError(f"{name} of a playground must be one of {CHOICES[name]}. Got {value!r}.")
        else:
            _validate_number(name, value, RANGES[name])


def _validate_number(name: str, value: Any, allowed: Range) -> None:
    kind = Integral if allowed.integer else Real
    right = isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
    if not (right and allowed.minimum <= value <= allowed.maximum):
        noun = "an integer" if allowed.integer else "a number"
        raise ValueError(
            f"{name} of a playground must be {noun} in [{allowed.minimum}, {allowed.maximum}]. Got {value!r}."
        )
