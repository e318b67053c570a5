"""The paper's model and task, and what is known of both."""

from typing import Any

import jax
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

import toymodels as tm
from toymodels.tasks.penalties import WeightL1

NOT_AT_HAND = (
    "the paper's full text was not at hand: sizes, training and claims are known to us from its code and from reviews"
)
MOMENTUM = 0.9


def start(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Float[Array, "m n"]:
    """Normal with variance 1/m, so that each feature's direction has a length of about 1."""
    return jax.random.normal(key, shape, dtype) / shape[0] ** 0.5


def momentum(rate: Any) -> optax.GradientTransformation:
    """Gradient descent with momentum: ten times the rate for gradients that stay the same."""
    return optax.sgd(rate, momentum=MOMENTUM)


def model(n: int, m: int) -> tm.Autoencoder:
    """ReLU(WᵀWx)."""
    return tm.Autoencoder(n, m, output_bias=False, initializer=start)


def task(n: int, strength: float) -> tm.Task:
    """Each feature by itself, all of them at every step; the loss is the sum over samples and outputs."""
    every = tm.Dataset(np.eye(n), tm.features.full_batch)
    return tm.Task(every, importance=float(n**2), penalties=(WeightL1(strength),))


def recipe(n: int, steps: int, rate: float) -> tm.Recipe:
    """At a constant rate."""
    return tm.Recipe(steps, n, rate, optimizer=momentum, schedule=tm.training.constant, evaluation_samples=n)


def on(W: Float[np.ndarray, "*batch m n"]) -> Bool[np.ndarray, "*batch m n"]:
    """Weights of about 1 or -1, as the paper counts them."""
    return (abs(W) >= 0.8) & (abs(W) <= 1.2)


def polysemantic(W: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch"]:
    """The number of neurons that have two or more of them."""
    return (on(W).sum(-1) >= 2).sum(-1)
