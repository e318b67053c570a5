"""Layers that read from one vector of values and add to it: how a `Circuit` computes."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.models.autoencoder import AutoencoderModule


class Layer(NamedTuple):
    """Units that read values from the vector h = Σ_j E_j v_j.

    Attributes:
        W: weights (to, read), from the values that it reads.
        b: biases (to,).
        activation: function of what it reads.
        first: number of the first value that it reads.
    """

    W: Float[Array, "to read"]
    b: Float[Array, " to"]
    activation: Callable[[Array], Array]
    first: int = 0

    def __call__(self, frame: Float[Array, "m held"], h: Float[Array, "m batch"]) -> Float[Array, "to batch"]:
        """What the units make of h, read along the columns of the frame E."""
        columns = frame[:, self.first : self.first + self.W.shape[1]]
        return self.activation(self.W @ (columns.T @ h) + self.b[:, None])


def layers_of_autoencoder(module: AutoencoderModule) -> tuple[Layer, Layer]:
    """An autoencoder as a layer of hidden dimensions, which reads the features, and one of outputs, which reads those.
    Biases that it does not have are 0."""
    W = module.W[...]
    (m, n), W_out = W.shape, W.T if module.W_out is None else module.W_out[...]
    b_hidden, b = (
        jnp.zeros(count) if bias is None else bias[...]
        for bias, count in ((module.b_hidden, m), (module.b, len(W_out)))
    )
    return Layer(W, b_hidden, module.hidden_activation), Layer(W_out, b, module.output_activation, first=n)


def held(
    frame: Float[Array, "m held"], layers: Sequence[Layer], x: Float[Array, "n batch"]
) -> tuple[Float[Array, "m batch"], Float[Array, "neurons batch"]]:
    """The vector h when features and all layers but the last one, that of the outputs, have been added, and what they
    added."""
    start = len(x)
    h, neurons = frame[:, :start] @ x, [jnp.zeros((0, x.shape[-1]))]
    for layer in layers[:-1]:
        neurons.append(layer(frame, h))
        stop = start + len(layer.b)
        h, start = h + frame[:, start:stop] @ neurons[-1], stop
    return h, jnp.concatenate(neurons)
