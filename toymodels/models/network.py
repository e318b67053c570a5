"""Networks of several layers."""

from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.checks import check_function, check_integer, check_numbers
from toymodels.models.functions import Activation, Initializer, he_normal, identity
from toymodels.specifications import specification, static


@specification
class Network:
    """Layers h_1 = f(W_1 x + b_1), ..., x' = g(W_L h_(L-1) + b_L), samples in columns.

    Parameters are `W1` (sizes[1], sizes[0]), `b1` and so on; activations `hidden1`, ..., and `prediction`. With
    `residual`, each layer between two of equal size adds to what it is given: h_k = h_(k-1) + f(W_k h_(k-1) + b_k).

    Attributes:
        sizes: numbers of inputs, of the units of each hidden layer, and of outputs.
        activation: f, of hidden layers: a function of (units, batch), its name, or a specification whose numbers can
            be swept.
        output_activation: g.
        bias: whether layers have biases.
        initial_bias: what every element of the hidden layers' biases starts from.
        residual: as above.
        initializer: function of (key, shape, dtype), for shapes (units, inputs), or its name.
    """

    sizes: tuple[int, ...] = static()
    activation: Activation = jax.nn.relu
    output_activation: Activation = identity
    bias: bool = static(default=True)
    initial_bias: Any = 0.0
    residual: bool = static(default=False)
    initializer: Initializer = he_normal

    def __call__(self, *, rngs: nnx.Rngs) -> "NetworkModule":
        """The module with fresh parameters."""
        return NetworkModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        if not isinstance(self.sizes, tuple) or len(self.sizes) < 2:
            raise ValueError(f"sizes of Network must be a tuple such as (inputs, hidden, outputs). Got {self.sizes!r}.")
        for size in self.sizes:
            check_integer("Network", "each of sizes", size, minimum=1)
        for name in ("activation", "output_activation", "initializer"):
            check_function("Network", name, getattr(self, name))
        check_numbers("Network", "initial_bias", self.initial_bias)


class NetworkModule(nnx.Module):
    """The `nnx.Module` that a `Network` describes."""

    def __init__(self, spec: Network, *, rngs: nnx.Rngs):
        self.activation, self.output_activation = spec.activation, spec.output_activation
        self.residual, self.n_layers = spec.residual, len(spec.sizes) - 1
        for layer, (inputs, units) in enumerate(pairwise(spec.sizes), start=1):
            setattr(self, f"W{layer}", nnx.Param(spec.initializer(rngs.params(), (units, inputs), float)))
            start = spec.initial_bias if layer < self.n_layers else 0.0
            setattr(self, f"b{layer}", nnx.Param(jnp.full(units, start, float)) if spec.bias else None)

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters and activations are called."""
        names = ["feature", *(f"hidden{layer}" for layer in range(1, self.n_layers)), "output"]
        named: dict[str, tuple[str, ...]] = {"prediction": ("output",), **{name: (name,) for name in names[1:-1]}}
        for layer, (before, after) in enumerate(pairwise(names), start=1):
            named |= {f"W{layer}": (after, before), f"b{layer}": (after,)}
        return named

    def activations(self, x: Float[Array, "inputs batch"]) -> dict[str, Array]:
        """The activations of each layer."""
        named, h = {}, x
        for layer in range(1, self.n_layers + 1):
            last = layer == self.n_layers
            W, b = getattr(self, f"W{layer}"), getattr(self, f"b{layer}")
            before = W[...] @ h if b is None else W[...] @ h + b[...][:, None]
            after = (self.output_activation if last else self.activation)(before)
            h = h + after if self.residual and after.shape == h.shape else after
            named["prediction" if last else f"hidden{layer}"] = h
        return named

    def __call__(self, x: Float[Array, "inputs batch"]) -> Float[Array, "outputs batch"]:
        """The prediction."""
        return self.activations(x)["prediction"]
