"""Toy models: flax.nnx modules over feature vectors, samples in columns.

A *model* is anything that, called with `rngs=`, returns an `nnx.Module` mapping x (n, batch) to a prediction
(outputs, batch): `Autoencoder` below, your own class under `functools.partial`, or a function. Its `nnx.Param`s are
trained. If the module has `encode` and `decode`, it must compute decode(encode(x)); then the hidden activations can
be penalised.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float

from toymodels.checks import check_function, check_integer
from toymodels.specification import specification, static

Activation = Callable[[Array], Array]
Model = Callable[..., nnx.Module]


def identity(x: Array) -> Array:
    """x itself: the activation of a linear layer."""
    return x


def square(x: Array) -> Array:
    """x²: the quadratic activation of Scherlis et al. 2022, "Polysemanticity and Capacity in Neural Networks"."""
    return jnp.square(x)


def solu(x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
    """x softmax(x), the softmax over the rows of each sample (Elhage et al. 2022, "Softmax Linear Units")."""
    return x * jax.nn.softmax(x, axis=0)


def scaled_normal(key: Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """Normal with variance 4 / (n m), so that ‖W‖_F is about 2 whatever the size.

    The scale was chosen by the losses it leads to. From half of it, very sparse models leave features out that they
    could represent: with n = 80, m = 20 and a density of .001 their loss is 18 times as high. From twice of it, or from
    `jax.nn.initializers.glorot_normal()`, outputs of dense models with n = 200 die, their ReLU never on again.
    """
    return 2 * jax.random.normal(key, shape, dtype) / math.prod(shape) ** 0.5


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
        hidden_activation, output_activation: functions of (units, batch), e.g. from `jax.nn`, `solu` or `square`.
        hidden_bias, output_bias: whether the layer has a bias; biases start at zero.
        tied: whether the decoder is the encoder's transpose.
        n_outputs: number of outputs where it is not n; only when not tied.
        initializer: function of (key, shape, dtype) as in `jax.nn.initializers`; sees one model's shape.
    """

    n_features: int = static()
    n_hidden: int = static()
    hidden_activation: Activation = static(default=identity)
    output_activation: Activation = static(default=jax.nn.relu)
    hidden_bias: bool = static(default=False)
    output_bias: bool = static(default=True)
    tied: bool = static(default=True)
    n_outputs: int | None = static(default=None)
    initializer: Callable[..., Array] = static(default=scaled_normal)

    def __call__(self, *, rngs: nnx.Rngs) -> "AutoencoderModule":
        """The module with fresh parameters: `W` (m, n), `b` (n,), and `W_out` (outputs, m), `b_hidden` (m,)."""
        return AutoencoderModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("Autoencoder", "n_features", self.n_features, minimum=1)
        check_integer("Autoencoder", "n_hidden", self.n_hidden, minimum=1)
        for name in ("hidden_activation", "output_activation", "initializer"):
            check_function("Autoencoder", name, getattr(self, name))
        if self.n_outputs is not None:
            check_integer("Autoencoder", "n_outputs", self.n_outputs, minimum=1)
            if self.tied and self.n_outputs != self.n_features:
                raise ValueError(
                    f"n_outputs of Autoencoder must be n_features ({self.n_features}) when tied. "
                    f"Got {self.n_outputs}; set tied=False."
                )


class AutoencoderModule(nnx.Module):
    """The `nnx.Module` that an `Autoencoder` describes."""

    def __init__(self, spec: Autoencoder, *, rngs: nnx.Rngs):
        n, m = spec.n_features, spec.n_hidden
        n_outputs = n if spec.n_outputs is None else spec.n_outputs
        self.hidden_activation = spec.hidden_activation
        self.output_activation = spec.output_activation
        self.W = nnx.Param(spec.initializer(rngs.params(), (m, n), jnp.float32))
        self.W_out = None if spec.tied else nnx.Param(spec.initializer(rngs.params(), (n_outputs, m), jnp.float32))
        self.b_hidden = nnx.Param(jnp.zeros(m)) if spec.hidden_bias else None
        self.b = nnx.Param(jnp.zeros(n_outputs)) if spec.output_bias else None

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


def module_with(model: Model, params: Mapping[str, Any]) -> nnx.Module:
    """The module of `model` that has the parameters `params`, one model's share of a run's.

    Raises:
        ValueError: if the names or shapes are not those of the model.

    >>> tied = Autoencoder(n_features=3, n_hidden=2)
    >>> module = module_with(tied, {"W": jnp.eye(2, 3), "b": jnp.zeros(3)})
    >>> module(jnp.array([[1.0], [2.0], [3.0]])).ravel().tolist()
    [1.0, 2.0, 0.0]
    """
    module = model(rngs=nnx.Rngs(0))
    wanted = {name: value.shape for name, value in flatten_names(nnx.state(module, nnx.Param)).items()}
    got = {name: np.shape(value) for name, value in params.items()}
    if got != wanted:
        raise ValueError(f"params of module_with must have the names and shapes {wanted}. Got {got}.")
    nnx.update(module, unflatten_names(params))
    return module


def flatten_names(state: nnx.State) -> dict[str, Array]:
    """A module's parameters by name, nested ones with dots: `decoder.kernel`."""
    return {".".join(map(str, path)): variable[...] for path, variable in nnx.to_flat_state(state)}


def param_shapes(model: Model) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and types of the parameters that `model` makes, by name."""
    return jax.eval_shape(lambda: flatten_names(nnx.state(model(rngs=nnx.Rngs(0)), nnx.Param)))


def unflatten_names(params: Mapping[str, Any]) -> dict[Any, Any]:
    """The nested dict that `nnx.update` takes."""
    nested: dict[Any, Any] = {}
    for name, value in params.items():
        *outer, last = (int(part) if part.isdigit() else part for part in name.split("."))
        inside = nested
        for part in outer:
            inside = inside.setdefault(part, {})
        inside[last] = jnp.asarray(value)
    return nested
