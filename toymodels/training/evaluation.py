"""`evaluate`: the loss of given parameters, trained elsewhere or made by hand."""

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optax
from jaxtyping import PRNGKeyArray

from toymodels.arguments import told_apart
from toymodels.models import Model
from toymodels.tasks import Task
from toymodels.training.engine.ask import Metric
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.execution import execute
from toymodels.training.engine.plan import Keep
from toymodels.training.fit import check_fit
from toymodels.training.launch import describe_run, key_data, named_metrics, one_cell_plan, run_of
from toymodels.training.optimisers import constant
from toymodels.training.recipe import Recipe
from toymodels.training.run import Run
from toymodels.training.start import start_arrays, state_shapes


@told_apart({"restarts": "There are as many models as params has."})
def evaluate(
    model: Model,
    task: Task,
    params: Run | Mapping[str, Any],
    recipe: Recipe = Recipe(),
    *,
    seed: int | PRNGKeyArray = 0,
    metrics: str | Sequence[Metric | str] | Mapping[str, Metric | str] = (),
) -> Run:
    """The loss of given parameters on a task, on the samples on which `train` evaluates with the same recipe and seed.

    Args:
        model: what the parameters are of, e.g. `Autoencoder(n_features=5, n_hidden=2)`.
        task: what they are judged by.
        params: by name, for one model (m, n), or for several (restarts, m, n); or a `Run`, with its other state.
        recipe: how many evaluation samples there are, and in batches of which size. Nothing else of it counts.
        seed: of the evaluation samples, and of whatever the module draws.
        metrics: as in `train`.

    Returns:
        A `Run` with `loss`, `objective` and metrics, without a history: its models are those that were given, sorted by
        their objective.

    Raises:
        ValueError, TypeError: for bad arguments and parameters that are not the model's, before anything is compiled.

    >>> import toymodels as tm
    >>> task = tm.Task(tm.Independent(2, density=1.0))
    >>> nothing = {"W": np.zeros((1, 2)), "b": np.full(2, 0.5)}  # misses the variance of a uniform variable, 1/12
    >>> float(evaluate(tm.Autoencoder(2, 1), task, nothing).loss[0]).__round__(3)
    0.083
    """
    given = params.params | params.state if isinstance(params, Run) else params
    cell, named = Cell(model, task, recipe), named_metrics("evaluate", metrics)
    check_fit(cell, named)
    restarts = _count(given, model)
    start = start_arrays("evaluate", given, model, restarts)
    missing = [name for name in state_shapes(model) if name not in start]
    if missing:
        raise ValueError(f"params of evaluate must have all that the model has. It lacks {', '.join(missing)}.")
    began, key = time.perf_counter(), key_data("evaluate", seed)
    nothing = dataclasses.replace(recipe, steps=0, optimizer=optax.sgd, schedule=constant)
    untrained = cell._replace(recipe=nothing)
    plan = one_cell_plan(untrained, key, restarts, start, Keep(named), 2**30)
    return run_of(
        [trained for _, trained in execute(plan, plan.chunks())],
        history_steps=np.zeros(0, int),
        snapshot_steps=np.zeros(0, int),
        model=model,
        config=describe_run(untrained, key, restarts),
        seconds=time.perf_counter() - began,
    )


def _count(given: Any, model: Model) -> int:
    """How many models the parameters are of."""
    shapes = state_shapes(model)
    counts = [
        len(value)
        for name, value in (given.items() if isinstance(given, Mapping) else ())
        if name in shapes and np.ndim(value) == len(shapes[name]) + 1
    ]
    return max(counts, default=1)
