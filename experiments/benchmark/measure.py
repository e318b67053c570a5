"""The measurements: seconds a step, and how they grow with the number of models and of features."""

from collections.abc import Callable
from typing import Any

import jax

from experiments.benchmark import ours
from experiments.benchmark.baseline import Notebook
from experiments.benchmark.sizes import BATCH, Effort, Size
from experiments.benchmark.timing import interleave, matrix_rate, rounded, seconds_of, spread


def step_times(size: Size, effort: Effort, own_draws: bool = False) -> dict[str, Any]:
    """Milliseconds a step of all models, ours, PyTorch's, and the ratio; and our arithmetic rate beside the machine's.

    Same recipe, same number of samples per step. A time of ours is that of a whole call of `sweep` without compilation,
    divided by its steps; the first call, with compilation, is told apart. Our models share their uniform draws, which
    the notebook's do not; `own_draws` measures ours also without that, with a seed for each model. The arithmetic is
    that of the five matrix products a model and step; the machine's rate is the best of some products of large matrices
    in the same round.
    """
    recipe = ours.brief_recipe(size, effort)
    jax.clear_caches()
    first = seconds_of(lambda: ours.sweep(size, recipe))
    sides = {
        "ours": lambda: ours.seconds_per_step(size, recipe),
        "pytorch": notebook_side(size, effort),
        "matrix": matrix_rate(),
    }
    if own_draws:
        ours.sweep(size, recipe, own_draws=True)
        sides["own_draws"] = lambda: ours.seconds_per_step(size, recipe, own_draws=True)
    measured = interleave(sides, effort.rounds)
    rate = size.flops(BATCH) / measured["ours"]
    result = {
        "models": size.n_models,
        "features": size.n_features,
        "hidden": size.n_hidden,
        "steps": recipe.steps,
        "first_call_seconds": rounded(first),
        "ours_ms": spread(1e3 * measured["ours"]),
        "pytorch_ms": spread(1e3 * measured["pytorch"]),
        "ratio": spread(measured["pytorch"] / measured["ours"]),
        "ours_gflops": spread(rate / 1e9),
        "pytorch_gflops": spread(size.flops(BATCH) / measured["pytorch"] / 1e9),
        "matrix_gflops": spread(measured["matrix"] / 1e9),
        "share_of_matrix_rate": spread(rate / measured["matrix"]),
    }
    if own_draws:
        result["own_draws_ms"] = spread(1e3 * measured["own_draws"])
        result["ratio_own_draws"] = spread(measured["pytorch"] / measured["own_draws"])
    return result


def model_steps(size: Size, effort: Effort, with_pytorch: bool) -> dict[str, Any]:
    """Training steps of single models per second, by the number of models that train together; PyTorch's too if asked
    for."""
    recipe = ours.brief_recipe(size, effort)
    ours.sweep(size, recipe)
    sides = {"ours": lambda: ours.seconds_per_step(size, recipe)}
    if with_pytorch:
        sides["pytorch"] = notebook_side(size, effort)
    measured = interleave(sides, effort.rounds)
    rates = {f"{name}_model_steps_per_second": spread(size.n_models / values) for name, values in measured.items()}
    return {"models": size.n_models, "steps": recipe.steps, **rates}


def notebook_side(size: Size, effort: Effort) -> Callable[[], float]:
    """A function that measures PyTorch's seconds a step over half the wanted time."""
    notebook = Notebook(size, BATCH)
    notebook.seconds_per_step(1)
    steps = max(2, round(effort.seconds / 2 / notebook.seconds_per_step(2)))
    return lambda: notebook.seconds_per_step(steps)
