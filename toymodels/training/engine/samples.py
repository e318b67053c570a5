"""Whether what is minimised is a mean over samples, so that a batch can be trained on in parts."""

from functools import lru_cache

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array

from toymodels.models.modules import Model, abstract, extra_state, param_state
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.code import Alike
from toymodels.training.engine.step import loss_and_objective


def is_mean_over_samples(cell: Cell) -> bool:
    """Whether the objective of some samples is the mean of that of two halves of them, for random samples and initial
    weights. It is not where a layer normalises over the batch; and noise must not be the same in every part."""
    return _is_mean(Alike(cell))


@lru_cache(maxsize=256)
def _is_mean(alike: Alike) -> bool:
    model, task, _ = alike.value
    key = jax.random.key(0)
    if jax.tree.leaves(nnx.state(abstract(model), nnx.RngState)) or jax.eval_shape(lambda: _extra(model)):
        return False

    def is_mean() -> Array:
        samples = jax.tree.map(_random, jax.eval_shape(lambda: task.features.sample(key, 4)))

        def objective(start: int, stop: int) -> Array:
            module, part = model(rngs=nnx.Rngs(0)), jax.tree.map(lambda array: array[..., start:stop], samples)
            return loss_and_objective(task, module, param_state(module), part, task.wanted(part), key)[1]

        whole, halves = objective(0, 4), (objective(0, 2) + objective(2, 4)) / 2
        return jnp.abs(whole - halves) <= 1e-5 * jnp.abs(whole)

    return bool(jax.jit(is_mean)())


def _extra(model: Model) -> dict[str, Array]:
    return extra_state(model(rngs=nnx.Rngs(0)))


def _random(array: jax.ShapeDtypeStruct) -> jax.Array:
    """Dense random samples of a shape; whole numbers are all 0, which is a token or a label anywhere."""
    if not jnp.issubdtype(array.dtype, jnp.floating):
        return jnp.zeros(array.shape, array.dtype)
    return jax.random.uniform(jax.random.key(1), array.shape, array.dtype, 0.1, 1.0)
