"""The paper's models: one hidden layer, samples in columns."""

from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.checks import check_function, check_integer, check_numbers
from toymodels.models.functions import Activation, Initializer, identity, scaled_normal
from toymodels.specifications import specification, static


@specification
class Autoencoder:
    """x' = output_activation(W_out hidden_activation(W x + b_hidden) + b), with W_out = Wᵀ when `tied`.

    The defaults are the paper's ReLU output model, x' = ReLU(Wᵀ W x + b) (Elhage et al. 2022, "Demonstrating
    Superposition"). The others:

    - linear: `output_activation=identity`;
    - ReLU hidden layer (section "Superposition in a Privileged Basis"): `hidden_activation=jax.nn.relu`, with
      `hidden_bias=True` to give it a bias;
    - two matrices (section "Computation in Superposition"): `hidden_activation=jax.nn.relu, tied=False`.

    Attributes:
        n_features: number of features n.
        n_hidden: number of hidden dimensions m.
        hidden_activation, output_activation: functions of (units, batch), e.g. from `jax.nn`, `solu` or `square`, or
            their names, such as "relu"; or specifications whose numbers can be swept.
        hidden_bias, output_bias: whether the layer has a bias.
        tied: whether the decoder is the encoder's transpose.
        n_outputs: number of outputs where it is not n; only when not tied.
        initializer: function of (key, shape, dtype) as in `jax.nn.initializers`, or its name; sees one model's shape.
        initial_hidden_bias, initial_output_bias: what every element of the bias starts from.
    """

    n_features: int = static()
    n_hidden: int = static()
    hidden_activation: Activation = identity
    output_activation: Activation = jax.nn.relu
    hidden_bias: bool = static(default=False)
    output_bias: bool = static(default=True)
    tied: bool = static(default=True)
    n_outputs: int | None = static(default=None)
    initializer: Initializer = scaled_normal
    initial_hidden_bias: Any = 0.0
    initial_output_bias: Any = 0.0

    def __call__(self, *, rngs: nnx.Rngs) -> "AutoencoderModule":
        """The module with fresh parameters: `W` (m, n), `b` (n,), and `W_out` (outputs, m), `b_hidden` (m,)."""
        return AutoencoderModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("Autoencoder", "n_features", self.n_features, minimum=1)
        check_integer("Autoencoder", "n_hidden", self.n_hidden, minimum=1)
        for name in ("hidden_activation", "output_activation", "initializer"):
            check_function("Autoencoder", name, getattr(self, name))
        for name in ("initial_hidden_bias", "initial_output_bias"):
            check_numbers("Autoencoder", name, getattr(self, name))
        if self.n_outputs is not None:
            check_integer("Autoencoder", "n_outputs", self.n_outputs, minimum=1)
            if self.tied and self.n_outputs != self.n_features:
                raise ValueError(
                    f"n_outputs of Autoencoder must be n_features ({self.n_features}) when tied. "
                    f"Got {self.n_outputs}; set tied=False."
                )


class AutoencoderModule(nnx.Module):
    """The `nnx.Module` that an `Autoencoder` describes. Its activations are `hidden` and `prediction`."""

    def __init__(self, spec: Autoencoder, *, rngs: nnx.Rngs):
        n, m = spec.n_features, spec.n_hidden
        n_outputs = n if spec.n_outputs is None else spec.n_outputs
        self.hidden_activation = spec.hidden_activation
        self.output_activation = spec.output_activation
        self.W = nnx.Param(spec.initializer(rngs.params(), (m, n), float))
        self.W_out = None if spec.tied else nnx.Param(spec.initializer(rngs.params(), (n_outputs, m), float))
        self.b_hidden = nnx.Param(jnp.full(m, spec.initial_hidden_bias, float)) if spec.hidden_bias else None
        self.b = nnx.Param(jnp.full(n_outputs, spec.initial_output_bias, float)) if spec.output_bias else None
        self.output_axis = "feature" if spec.n_outputs is None else "output"

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters and activations are called."""
        return {
            "W": ("hidden", "feature"),
            "W_out": (self.output_axis, "hidden"),
            "b_hidden": ("hidden",),
            "b": (self.output_axis,),
            "hidden": ("hidden",),
            "prediction": (self.output_axis,),
        }

    def encode(self, x: Float[Array, "n batch"]) -> Float[Array, "m batch"]:
        """Hidden activations h."""
        hidden = self.W[...] @ x
        return self.hidden_activation(hidden if self.b_hidden is None else hidden + self.b_hidden[...][:, None])

    def decode(self, h: Float[Array, "m batch"]) -> Float[Array, "outputs batch"]:
        """The prediction x' from hidden activations."""
        out = (self.W[...].T if self.W_out is None else self.W_out[...]) @ h
        return self.output_activation(out if self.b is None else out + self.b[...][:, None])

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "outputs batch"]:
        """The prediction x' from features."""
        return self.decode(self.encode(x))
