"""What each hidden unit of a model responds to."""

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.cases.case import truth
from toymodels.cases.circuit import CircuitModule


def profiles(module: nnx.Module) -> Float[Array, "m n"]:
    """The weights that lead from each feature to each hidden unit, an entry of the activations `hidden`: the rows of
    the features' directions, and in a `Circuit` also what its neurons add, as if all of them were on.

    >>> from toymodels import cases
    >>> profiles(cases.polysemantic(0.5).module()).tolist()  # two features and a neuron
    [[1.0, 0.0], [0.0, 1.0], [1.0, 0.5]]

    Raises:
        ValueError: for modules whose directions are not known.
    """
    if not isinstance(module, CircuitModule):
        return truth(module).directions
    held = jnp.eye(module.sizes[0])
    for layer in module.layers[:-1]:
        held = jnp.concatenate([held, layer.W @ held[: layer.W.shape[1]]])
    return module.frame[...] @ held
