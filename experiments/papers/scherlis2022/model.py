"""The paper's quadratic model, its task, and its loss in closed form."""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

import toymodels as tm
from toymodels.theory import capacity


@tm.specification
class Quadratic:
    """Σ_k (W_k·x)² + b, one number per sample.

    Attributes:
        n_features, n_hidden: n and m.
        initializer: of W.
    """

    n_features: int = tm.static()
    n_hidden: int = tm.static()
    initializer: Any = tm.models.functions.scaled_normal

    def __call__(self, *, rngs: nnx.Rngs) -> "QuadraticModule":
        """The module with fresh parameters."""
        return QuadraticModule(self, rngs=rngs)


class QuadraticModule(nnx.Module):
    """The `nnx.Module` that a `Quadratic` describes."""

    def __init__(self, spec: Quadratic, *, rngs: nnx.Rngs):
        self.W = nnx.Param(spec.initializer(rngs.params(), (spec.n_hidden, spec.n_features), float))
        self.b = nnx.Param(jnp.zeros(1))

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters are called."""
        return {"W": ("hidden", "feature"), "b": ("output",)}

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "1 batch"]:
        """The prediction of Σ_i v_i x_i²."""
        return jnp.square(self.W[...] @ x).sum(0, keepdims=True) + self.b[...][:, None]


@tm.specification
class Standardised:
    """Independent features, zero or uniform on an interval around 0, of variance 1 and a given kurtosis κ: they are on
    with the probability 9 / (5 κ).

    Attributes:
        n_features: n.
        kurtosis: κ, at least 1.8, where features are always on.
    """

    n_features: int = tm.static()
    kurtosis: Any = 9.0

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        density = jnp.minimum(1.0, 1.8 / jnp.asarray(self.kurtosis, dtype=float))
        sparse = tm.Independent(self.n_features, density, tm.SIGNED_UNIFORM).sample(key, batch_size)
        return sparse * jnp.sqrt(3 / density)


@tm.specification
class Squares:
    """The target Σ_i v_i x_i² with v_i = decay^i.

    Attributes:
        decay: v_2 / v_1, positive.
    """

    decay: Any = 1.0

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "1 batch"]:
        """One number per sample."""
        return (tm.GeometricImportance(self.decay).weights(len(x))[:, None] * jnp.square(x)).sum(0, keepdims=True)


@tm.specification
class ExpectedLoss:
    """The expected squared error with the best constant, as a penalty on W: training with it alone has no noise.

    Attributes:
        decay: v_i = decay^i.
        kurtosis: κ.
    """

    decay: Any = 1.0
    kurtosis: Any = 9.0

    def __call__(self, W: Float[Array, "m n"]) -> Float[Array, ""]:
        """The loss."""
        return capacity.expected_loss(W, tm.GeometricImportance(self.decay).weights(W.shape[-1]), self.kurtosis)


def nothing(prediction: Float[Array, "1 batch"], wanted: Array) -> Float[Array, "1 batch"]:
    """No loss on samples."""
    return jnp.zeros_like(prediction)


def exact(n: int, decay: float = 1.0) -> tm.Task:
    """The task of which all of the objective is `ExpectedLoss`; the constant is not trained."""
    return tm.Task(tm.Independent(n), loss=nothing, penalties=(ExpectedLoss(decay),))


def exact_recipe(steps: int) -> tm.Recipe:
    """For it: one sample per step, which does not matter."""
    return tm.Recipe(steps, batch_size=1, evaluation_samples=1)


def sampled(n: int, decay: float = 1.0) -> tm.Task:
    """The same task on samples."""
    return tm.Task(Standardised(n), target=Squares(decay))
