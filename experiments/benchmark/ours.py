"""Our side: `toymodels.train` on the ensemble of a Size."""

import dataclasses
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
from jaxtyping import Array

import toymodels as tm
from experiments.benchmark.sizes import Size


def train(size: Size, recipe: tm.Recipe, *, restarts: int = 1, every: int = 1) -> tm.Run:
    """Train the models of every density, or of every second, and so on. Initial weights have the notebook's standard
    deviation. The run's arrays start with (densities, restarts)."""
    model = tm.Autoencoder(size.n_features, size.n_hidden, initializer=_normal(size.notebook_std))
    tasks = [tm.Task(tm.Independent(size.n_features, density), size.importance) for density in size.densities[::every]]
    return tm.train(model, tasks, recipe, restarts=restarts, progress=False)


def notebook_steps(steps: int, **changes: Any) -> tm.Recipe:
    """`Recipe.paper()` with another number of steps, and with a short evaluation after them: for timing steps."""
    return dataclasses.replace(tm.Recipe.paper(), steps=steps, evaluation_samples=1024, **changes)


def seconds_per_step(size: Size, recipe: tm.Recipe) -> float:
    """Wall time of one whole call of `train` divided by the number of steps."""
    began = time.perf_counter()
    train(size, recipe)
    return (time.perf_counter() - began) / recipe.steps


@cache
def _normal(std: float) -> Callable[..., Array]:
    """The same function for the same number: another function would be another program to compile."""

    def initializer(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        return std * jax.random.normal(key, shape, dtype)

    return initializer
