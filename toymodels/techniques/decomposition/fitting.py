"""What decompositions share: the weights that they take apart, and how components are trained."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.features import Dataset
from toymodels.techniques.claims import NotApplicableError
from toymodels.training import Recipe


def weights(params: Mapping[str, Array]) -> tuple[Float[Array, "m n"], Float[Array, " n"]]:
    """W and b, or zeros, if there is nothing else."""
    if "W" not in params or set(params) - {"W", "b"}:
        raise NotApplicableError(f"It takes ReLU(Wᵀ W x + b) apart. The model has {', '.join(params)}.")
    W = params["W"]
    return W, params.get("b", jnp.zeros(W.shape[1]))


def fitted(
    objective: Callable[[Any, Array, PRNGKeyArray], Array],
    learned: Any,
    x: Float[Array, "n samples"],
    keys: PRNGKeyArray,
    recipe: Recipe,
) -> Any:
    """What is learned after the recipe's steps, with batches of the samples, drawn with replacement."""
    data, gradient = Dataset(x), jax.grad(objective)

    def one_step(step: Array, carried: Any) -> Any:
        learned, state = carried
        batch_key, own_key = jax.random.split(jax.random.fold_in(keys, step))
        slope = gradient(learned, data.sample(batch_key, recipe.batch_size), own_key)
        change, state = recipe.update(slope, state, learned)
        return optax.apply_updates(learned, change), state

    carried = (learned, recipe.transformation().init(learned))
    return jax.lax.fori_loop(0, recipe.steps, one_step, carried)[0]
