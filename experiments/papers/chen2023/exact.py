"""The paper's model, trained on the exact expected loss, and starts near its critical points."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

import toymodels as tm
from experiments.harness.experiment import Sweep
from toymodels.theory.critical import Critical, critical_point
from toymodels.theory.expansion import one_hot_loss
from toymodels.theory.polygons import polygon_loss, polygon_weights

NOT_AT_HAND = (
    "the paper's full text was not at hand: its model, critical points and numbers are known to us from reviews, its "
    "code and replications"
)
CRITICAL_POINTS = "the classification of critical points"
LOSSES = {"4": 0.11111, "4+": 0.10417, "4++": 0.09722, "5": 0.06874, "5+": 0.06180, "6": 0.04819}
"""The paper's, of the polygons among six features."""
MOMENTUM = 0.9


class Form(NamedTuple):
    """A k-gon among n features.

    Attributes:
        k: the number of corners.
        n: the number of features.
        biased: how many of the others have the bias 1 / (2 n).
    """

    k: int
    n: int
    biased: int = 0

    @property
    def name(self) -> str:
        """What the paper calls it: 5+ with one such bias."""
        return f"{self.k}{'+' * self.biased}"

    @property
    def loss(self) -> float:
        """In theory."""
        return polygon_loss(self.k, self.n, self.biased)


@tm.specification
class OneHotLoss:
    """The expected loss with one feature on at a time, as a penalty: training with it alone has no noise.

    Attributes:
        last: the importance of the last feature; that of the others is 1.
    """

    last: Any = 1.0

    def __call__(self, W: Float[Array, "m n"], b: Float[Array, " n"]) -> Float[Array, ""]:
        """The loss, a sum over outputs."""
        n = len(b)
        return one_hot_loss(W, b, jnp.full(n, 1 / n), jnp.ones(n).at[-1].set(self.last))


def nothing(prediction: Float[Array, "n batch"], wanted: Array) -> Float[Array, "n batch"]:
    """No loss on samples."""
    return jnp.zeros_like(prediction)


def momentum(rate: Any) -> optax.GradientTransformation:
    """Gradient descent with momentum: ten times the rate for gradients that stay the same."""
    return optax.sgd(rate, momentum=MOMENTUM)


def exact_task(n: int, last: float = 1.0) -> tm.Task:
    """The task of which all of the objective is `OneHotLoss`."""
    return tm.Task(tm.Independent(n), loss=nothing, penalties=(OneHotLoss(last),))


def sampled_recipe(steps: int, batch_size: int, rate: float) -> tm.Recipe:
    """SGD on samples, a stream of its own for each restart, at a rate that falls to 0."""
    return tm.Recipe(
        steps,
        batch_size,
        rate,
        optimizer=momentum,
        schedule=tm.training.WarmupCosine(0.0),
        independent_data=True,
        evaluation_samples=1_024,
    )


def exact_recipe(steps: int, rate: float = 0.1) -> tm.Recipe:
    """For it: one sample per step, which does not matter."""
    return tm.Recipe(steps, 1, rate, optimizer=momentum, schedule=tm.training.constant, evaluation_samples=1)


def near(forms: Sequence[Form], steps: int, seed: int, noise: float = 0.05) -> Sweep:
    """Descent on the exact loss from rough polygons, a restart for each. All have the same n."""
    rng = np.random.default_rng(seed)
    made = [polygon_weights(*form) for form in forms]
    W, b = np.stack([one for one, _ in made]), np.stack([one for _, one in made])
    moved = W + noise * rng.normal(size=W.shape) * (W != 0).any(-2, keepdims=True)
    n = W.shape[-1]
    return partial(
        tm.sweep,
        tm.Autoencoder(n, 2),
        exact_task(n),
        exact_recipe(steps),
        over={"last": [1.0]},
        seed=seed,
        restarts=len(forms),
        start={"W": moved, "b": b},
    )


def losses(W: Float[np.ndarray, "*batch 2 n"], b: Float[np.ndarray, "*batch n"]) -> Float[np.ndarray, "*batch"]:
    """The exact loss of trained weights, all importances 1."""
    n = b.shape[-1]
    return np.asarray(one_hot_loss(W, b, jnp.full(n, 1 / n)))


def polished(W: Float[np.ndarray, "2 n"], b: Float[np.ndarray, " n"]) -> Critical | None:
    """The critical point near trained weights; None where there is none."""
    try:
        return critical_point(W, b)
    except ValueError:
        return None
