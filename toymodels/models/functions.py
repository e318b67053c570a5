"""Activations and initialisers, and their names."""

import math
from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.names import Names

# --- Activations -------------------------------------------------------------------------------------------------


def identity(x: Array) -> Array:
    """x itself: the activation of a linear layer."""
    return x


def square(x: Array) -> Array:
    """x²: the quadratic activation of Scherlis et al. 2022, "Polysemanticity and Capacity in Neural Networks"."""
    return jnp.square(x)


def softmax(x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
    """The softmax over the rows of each sample."""
    return jax.nn.softmax(x, axis=0)


def solu(x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
    """x softmax(x), the softmax over the rows of each sample (Elhage et al. 2022b)."""
    return x * softmax(x)


ACTIVATIONS = Names(
    "an activation",
    {
        "identity": identity,
        "linear": identity,
        "relu": jax.nn.relu,
        "relu6": jax.nn.relu6,
        "leaky_relu": jax.nn.leaky_relu,
        "elu": jax.nn.elu,
        "celu": jax.nn.celu,
        "selu": jax.nn.selu,
        "gelu": jax.nn.gelu,
        "silu": jax.nn.silu,
        "swish": jax.nn.silu,
        "mish": jax.nn.mish,
        "softplus": jax.nn.softplus,
        "squareplus": jax.nn.squareplus,
        "soft_sign": jax.nn.soft_sign,
        "sigmoid": jax.nn.sigmoid,
        "hard_sigmoid": jax.nn.hard_sigmoid,
        "hard_tanh": jax.nn.hard_tanh,
        "tanh": jnp.tanh,
        "abs": jnp.abs,
        "square": square,
        "quadratic": square,
        "softmax": softmax,
        "solu": solu,
    },
)
Activation = Annotated[Callable[[Array], Array], ACTIVATIONS]
"""A function of (units, batch), or its name."""


# --- Initialisers, for shapes (units, inputs) --------------------------------------------------------------------


def scaled_normal(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Normal with variance 4 / (n m), so that ‖W‖_F is about 2 whatever the size.

    The scale was chosen by the losses it leads to. From half of it, very sparse models leave features out that they
    could represent: with n = 80, m = 20 and a density of .001 their loss is 18 times as high. From twice of it, or from
    `jax.nn.initializers.glorot_normal()`, outputs of dense models with n = 200 die, their ReLU never on again.
    """
    return 2 * jax.random.normal(key, shape, dtype) / math.prod(shape) ** 0.5


def he_normal(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Normal with variance 2 / inputs, which keeps the size of activations through layers of ReLUs (He et al.
    2015)."""
    return jax.random.normal(key, shape, dtype) * (2 / shape[-1]) ** 0.5


def he_uniform(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Uniform, with the variance of `he_normal`."""
    return jax.nn.initializers.he_uniform(in_axis=-1, out_axis=-2)(key, shape, dtype)


def glorot_normal(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """`jax.nn.initializers.glorot_normal`: normal, cut off at two standard deviations, with variance
    2 / (inputs + units) (Glorot & Bengio 2010)."""
    return jax.nn.initializers.glorot_normal(in_axis=-1, out_axis=-2)(key, shape, dtype)


def glorot_uniform(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Uniform, with the variance of `glorot_normal`."""
    return jax.nn.initializers.glorot_uniform(in_axis=-1, out_axis=-2)(key, shape, dtype)


def lecun_normal(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """`jax.nn.initializers.lecun_normal`: normal, cut off at two standard deviations, with variance 1 / inputs."""
    return jax.nn.initializers.lecun_normal(in_axis=-1, out_axis=-2)(key, shape, dtype)


def orthogonal(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Rows, or columns where there are fewer of them, that are orthonormal."""
    return jax.nn.initializers.orthogonal()(key, shape, dtype)


INITIALIZERS = Names(
    "an initializer",
    {
        "scaled_normal": scaled_normal,
        "he_normal": he_normal,
        "kaiming_normal": he_normal,
        "he_uniform": he_uniform,
        "kaiming_uniform": he_uniform,
        "glorot_normal": glorot_normal,
        "xavier_normal": glorot_normal,
        "glorot_uniform": glorot_uniform,
        "xavier_uniform": glorot_uniform,
        "lecun_normal": lecun_normal,
        "orthogonal": orthogonal,
    },
    "It is called with (key, shape, dtype): `jax.nn.initializers.normal(0.1)` is one.",
)
Initializer = Annotated[Callable[..., Array], INITIALIZERS]
"""A function of (key, shape, dtype), or its name."""
