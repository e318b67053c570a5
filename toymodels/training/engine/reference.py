"""What training computes, in plain numpy: one model, one step after the other, gradients by hand.

This is the engine without its speed: no compiled program, no threads, no second model. It trains the paper's ReLU
output model x' = ReLU(Wᵀ W x + b) on `Independent` features with values from U[0, 1], by Adam. The tests hold the
engine to it. It is there to be read; to train, use `toymodels.train`.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from toymodels.models import Autoencoder
from toymodels.tasks import Task
from toymodels.training.optimisers import Adam
from toymodels.training.recipe import Recipe

Matrix = Float[np.ndarray, "m n"]
Vector = Float[np.ndarray, " n"]
Batch = Float[np.ndarray, "n batch"]


class Reference(NamedTuple):
    """One trained model: parameters, the loss of each step's batch, and the loss on the evaluation samples."""

    W: Matrix
    b: Vector
    losses: list[float]
    loss: float


def train_in_numpy(model: Autoencoder, task: Task, recipe: Recipe, seed: int, restart: int = 0) -> Reference:
    """Train one restart of a tied model with the loss (x - x')², as `train(model, task, recipe, seed=seed)` does.

    Penalties may be one `HiddenL1`; the optimiser is an `Adam`.
    """
    adam = recipe.optimizer
    assert isinstance(adam, Adam), adam
    init, data, evaluation = jax.random.split(jax.random.key(seed), 3)
    density = np.broadcast_to(np.asarray(task.features.density, dtype=float), model.n_features)
    importance = np.asarray(task.weights(model.n_features), dtype=float)
    strength = task.penalties[0].strength if task.penalties else 0.0  # type: ignore[attr-defined]

    W, b = initial(model, jax.random.fold_in(init, restart))
    first, second = ([np.zeros_like(param) for param in (W, b)] for _ in range(2))  # Adam's two moments
    losses = []
    for step in range(recipe.steps):
        x = samples(jax.random.fold_in(data, step), density, recipe.batch_size)
        loss, *gradient = loss_and_gradient(W, b, x, importance, strength)
        losses.append(loss)
        rate = float(recipe.rate(jnp.asarray(step)))
        params = [W, b]
        for i in range(2):
            first[i] = adam.b1 * first[i] + (1 - adam.b1) * gradient[i]
            second[i] = adam.b2 * second[i] + (1 - adam.b2) * gradient[i] ** 2
            mean, variance = first[i] / (1 - adam.b1 ** (step + 1)), second[i] / (1 - adam.b2 ** (step + 1))
            params[i] = params[i] - rate * (mean / (np.sqrt(variance) + adam.eps) + recipe.weight_decay * params[i])
        W, b = params

    batches = recipe.evaluation_samples // recipe.batch_size
    xs = [samples(jax.random.fold_in(evaluation, batch), density, recipe.batch_size) for batch in range(batches)]
    final = np.mean([loss_and_gradient(W, b, x, importance, 0.0)[0] for x in xs])
    return Reference(W, b, losses, float(final))


def initial(model: Autoencoder, key: jax.Array) -> tuple[Matrix, Vector]:
    """Normal weights of variance 4 / (m n), and a bias of 0."""
    shape = (model.n_hidden, model.n_features)
    W = 2 * jax.random.normal(nnx.Rngs(key).params(), shape) / np.sqrt(np.prod(shape))
    return np.asarray(W, dtype=float), np.zeros(model.n_features)


def samples(key: jax.Array, density: Vector, batch_size: int) -> Batch:
    """Features that are on where a uniform draw is in the top `density` of [0, 1), with its place there as value."""
    u = np.asarray(jax.random.uniform(key, (len(density), batch_size)), dtype=float)
    return np.maximum(0, (u - (1 - density[:, None])) / density[:, None])


def loss_and_gradient(
    W: Matrix, b: Vector, x: Batch, importance: Vector, strength: float | int
) -> tuple[float, Matrix, Vector]:
    """The loss, the mean over samples and outputs of I_i (x_i - x'_i)², and the gradient of the objective: the loss
    plus strength times the mean over samples of Σ_k |h_k|."""
    h = W @ x
    before = W.T @ h + b[:, None]  # the ReLU
    error = np.maximum(before, 0) - x
    to_before = 2 * importance[:, None] * error * (before > 0) / error.size
    to_h = W @ to_before + strength * np.sign(h) / x.shape[1]
    loss = np.mean(importance[:, None] * error**2)
    return float(loss), h @ to_before.T + to_h @ x.T, to_before.sum(1)
