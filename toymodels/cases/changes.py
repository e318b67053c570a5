"""What one more of a feature does to the outputs: what steering is held against."""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.arrays import AnyArray
from toymodels.cases.circuit import CircuitModule
from toymodels.cases.edges import uncompressed
from toymodels.models.autoencoder import AutoencoderModule


def true_changes(module: nnx.Module, x: Float[AnyArray, "n samples"]) -> Float[Array, "n outputs samples"]:
    """By how much the outputs change if feature i grows by 1, at [i], where nothing shares a dimension. Of an
    autoencoder that is output i alone, by 1; of a `Circuit` it is what its graph says.

    >>> from toymodels import cases
    >>> true_changes(cases.gate("and").module(), jnp.array([[0.0, 1.0], [0.0, 0.0]])).tolist()
    [[[0.0, 1.0]], [[0.0, 1.0]]]

    Args:
        module: of a `Circuit` or an `Autoencoder`.
        x: samples.

    Raises:
        ValueError: for modules of other kinds.
    """
    one = jnp.eye(len(x))
    if isinstance(module, AutoencoderModule):
        return jnp.broadcast_to(one[:, :, None], (*one.shape, x.shape[-1]))
    if not isinstance(module, CircuitModule):
        raise ValueError(
            f"What features do in a {type(module).__name__} is not known: only in a Circuit or an Autoencoder."
        )
    apart = uncompressed(module)
    on, x = jnp.ones(len(apart)), jnp.asarray(x, float)
    before = apart.run(on, x)
    return jax.vmap(lambda more: apart.run(on, x + more[:, None]) - before)(one)
