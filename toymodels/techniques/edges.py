"""Techniques that say what each edge of a model does."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.cases import Switches, effects_of_cuts
from toymodels.techniques.claims import Effects


def zero_ablation(graph: Switches, x: Float[Array, "n samples"]) -> Effects:
    """The root mean square change of the outputs when each edge alone is cut, in the model as it is. It runs the model
    once for each edge."""
    return Effects(effects_of_cuts(graph, x))


def attribution(graph: Switches, x: Float[Array, "n samples"]) -> Effects:
    """Edge attribution patching (Syed et al. 2023) towards 0: what `zero_ablation` would say if outputs were linear in
    what each edge carries, that times their derivative."""
    on = jnp.ones(len(graph))

    def told(edge: Array) -> Array:
        along = jnp.zeros(len(graph)).at[edge].set(1.0)
        change = jax.jvp(lambda on: graph.run(on, x), (on,), (along,))[1]
        return jnp.sqrt(jnp.square(change).sum(0).mean())

    return Effects(jax.lax.map(told, jnp.arange(len(graph))))
