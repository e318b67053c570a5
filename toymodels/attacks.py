"""Attacks: what an adversary adds to the features before a model sees them, for `Task(..., attack=...)`.

An attack is anything with a method `perturb(key, module, x, loss)` that returns what the model is given in the place of
x (n, batch); `loss(x, prediction)` is the task's. Lengths are relative to the mean length of the batch's samples, as in
Elhage et al. 2022, "Superposition and Adversarial Robustness".
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.analysis.robustness import attack_directions
from toymodels.checks import check_integer, check_numbers
from toymodels.specification import specification, static

Loss = Callable[[Array, Array], Array]


@runtime_checkable
class Attack(Protocol):
    """What training needs of an attack."""

    def perturb(
        self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"], loss: Loss
    ) -> Float[Array, "n batch"]: ...


@specification
class FeatureAttack:
    """For each sample, the most harmful step of a given length against one feature chosen at random: along
    ±(WᵀW)_i / ‖(WᵀW)_i‖, with the sign that makes the larger error of output i. The module must have a `W` (m, n) and
    predict what it is given.

    Attributes:
        norm: length of the step relative to the mean length of the samples, at least 0.
    """

    norm: Any = 0.1

    def perturb(
        self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"], loss: Loss
    ) -> Float[Array, "n batch"]:
        """x with the step added."""
        n, batch = x.shape
        chosen = jax.random.randint(key, (batch,), 0, n)
        step = self.norm * mean_length(x) * attack_directions(module.W[...])[:, chosen]  # type: ignore[attr-defined]

        def error(seen: Float[Array, "n batch"]) -> Float[Array, " batch"]:
            return jnp.abs(module(seen) - x)[chosen, jnp.arange(batch)]

        return jnp.where(error(x + step) >= error(x - step), x + step, x - step)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("FeatureAttack", "norm", self.norm, minimum=0)


@specification
class GradientAttack:
    """For each sample, `steps` steps uphill on the task's loss from a random start, kept within a ball (projected
    gradient ascent: Madry et al. 2018, "Towards Deep Learning Models Resistant to Adversarial Attacks").

    Attributes:
        norm: radius of the ball relative to the mean length of the samples, at least 0.
        steps: number of steps, each of 2.5 / steps of the radius.
    """

    norm: Any = 0.1
    steps: int = static(default=10)

    def perturb(
        self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"], loss: Loss
    ) -> Float[Array, "n batch"]:
        """x with the steps added."""
        radius = self.norm * mean_length(x)
        start = unit_columns(jax.random.normal(key, x.shape))

        def ascend(_: Array, offset: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
            uphill = jax.grad(lambda offset: loss(x, module(x + radius * offset)))(offset)
            moved = offset + 2.5 / self.steps * unit_columns(uphill)
            return moved / jnp.maximum(jnp.linalg.norm(moved, axis=0), 1.0)[None]

        return x + radius * jax.lax.fori_loop(0, self.steps, ascend, start)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("GradientAttack", "norm", self.norm, minimum=0)
        check_integer("GradientAttack", "steps", self.steps, minimum=1)


def mean_length(x: Float[Array, "n batch"]) -> Float[Array, ""]:
    """The mean Euclidean length of samples."""
    return jnp.linalg.norm(x, axis=0).mean()


def unit_columns(x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
    """Columns scaled to length 1; those that are 0 stay so."""
    lengths = jnp.linalg.norm(x, axis=0)[None]
    return jnp.where(lengths > 0, x / jnp.where(lengths > 0, lengths, 1.0), 0.0)


def validate_attack(attack: Any) -> None:
    """Raise unless `attack` is a valid attack: ValueError for a bad field, TypeError for another thing."""
    if isinstance(attack, type) or not isinstance(attack, Attack):
        raise TypeError(f"attack of Task must have a method `perturb(key, module, x, loss)`. Got {attack!r}.")
    if hasattr(attack, "validate"):
        attack.validate()
