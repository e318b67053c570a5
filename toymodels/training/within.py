"""`trained_within`: train one model inside a compiled program of one's own, such as a metric."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, PRNGKeyArray

from toymodels.features.uniform import batch_of
from toymodels.models import Model
from toymodels.models.modules import extra_state, param_state, rebuilt
from toymodels.tasks import Task
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.keys import initial_key, step_keys
from toymodels.training.engine.step import update
from toymodels.training.recipe import Recipe


def trained_within(model: Model, task: Task, recipe: Recipe, key: PRNGKeyArray) -> Any:
    """The `nnx.Module` that training makes, in evaluation mode, with the step that `train` takes. It may be traced: the
    task's numbers may be unknown, as those of a `Dataset` of another model's activations, and `vmap` trains many.

    Arguments are not checked, progress is not reported, and attacks are left out. From Python, use `train`.

    Args:
        model, task, recipe: as in `train`.
        key: of the initial weights and the samples.
    """
    init_key, data_key = jax.random.split(key)
    init = jax.random.key_data(init_key)
    fresh = model(rngs=nnx.Rngs(initial_key(init)))
    params, extra = param_state(fresh), extra_state(fresh)

    def one_step(step: Array, carried: Any) -> Any:
        x = batch_of(task.features, data_key, step, recipe.batch_size)
        keys = step_keys(init, step)
        return update(Cell(model, task, recipe), 1, keys, x, task.wanted(x), *carried)[:3]

    start = (params, extra, recipe.transformation().init(params))
    start = jax.tree.map(lambda array: jnp.asarray(array, array.dtype), start)  # types as weak as a step's are not
    params, extra, optimizer = jax.lax.fori_loop(0, recipe.steps, one_step, start)
    return rebuilt(model, recipe.iterate(params, optimizer) | extra, init_key, evaluation=True)
