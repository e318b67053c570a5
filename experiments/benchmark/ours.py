"""Our side: `toymodels.sweep` over the densities of a Size."""

import dataclasses
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import xarray as xr
from jaxtyping import Array

import toymodels as tm
from experiments.benchmark.sizes import BATCH, Effort, Size


def sweep(size: Size, recipe: tm.Recipe, *, restarts: int = 1, every: int = 1, own_draws: bool = False) -> xr.Dataset:
    """Train the models of every density, or of every second, and so on. Arrays start with (model, restart)."""
    model, task, over = configuration(size, every, own_draws)
    return tm.sweep(model, task, recipe, over=over, restarts=restarts, progress=False)


def configuration(
    size: Size, every: int = 1, own_draws: bool = False
) -> tuple[tm.Autoencoder, tm.Task, dict[str, Any]]:
    """Model, task, and what varies. Initial weights have the notebook's standard deviation. A line of models, in which
    a density may stand more than once; with `own_draws` each has a seed of its own."""
    model = tm.Autoencoder(size.n_features, size.n_hidden, initializer=_normal(size.notebook_std))
    densities = size.densities[::every]
    over = {"model": {"density": densities} | ({"seed": range(len(densities))} if own_draws else {})}
    return model, tm.Task(tm.Independent(size.n_features), size.importance), over


def notebook_steps(steps: int, **changes: Any) -> tm.Recipe:
    """`Recipe.elhage2022()` with another number of steps, and with a short evaluation after them: for timing steps."""
    return dataclasses.replace(tm.Recipe.elhage2022(), steps=steps, evaluation_samples=1024, **changes)


def brief_recipe(size: Size, effort: Effort, **changes: Any) -> tm.Recipe:
    """The notebook's recipe with as many steps as take about the wanted time on two cores: 2 ns a feature of a sample,
    and 20 µs; but at least 50, beside which the fixed cost of a call is little."""
    seconds = 2e-9 * BATCH * size.n_features * size.n_models + 2e-5
    return notebook_steps(max(50, round(effort.seconds / seconds / 10) * 10), **changes)


def seconds_per_step(size: Size, recipe: tm.Recipe, **options: Any) -> float:
    """Wall time of one whole call of `sweep` divided by the number of steps."""
    began = time.perf_counter()
    sweep(size, recipe, **options)
    return (time.perf_counter() - began) / recipe.steps


@cache
def _normal(std: float) -> Callable[..., Array]:
    """The same function for the same number: another function would be another program to compile."""

    def initializer(key: Array, shape: tuple[int, ...], dtype: Any) -> Array:
        return std * jax.random.normal(key, shape, dtype)

    return initializer
