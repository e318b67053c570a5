"""Attacks: what an adversary adds to the features before a model sees them, for `Task(..., attack=...)`.

An attack is anything with a method `perturb` that returns what the model is given instead of x; its numeric fields
can be swept like any other:

    @tm.specification
    class Noise:
        norm: float = 0.1

        def perturb(self, key, module, x, loss):
            return x + self.norm * jax.random.normal(key, x.shape)

`module` is the model as it stands, x (n, batch) are the samples, in columns, and `loss(x, prediction)` is the task's.
The model is trained on what `perturb` returns, and its loss on the evaluation sample is that under attack; nothing is
differentiated through the attack. Lengths are relative to the mean length of the batch's samples, as in Elhage et al.
2022, "Relationship to Adversarial Robustness".
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.analysis.robustness import attack_directions, projected_gradient_ascent, unit_columns
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
    """For each sample, the most harmful step of a given length against one feature i chosen at random: along
    ±(WᵀW)_i / ‖(WᵀW)_i‖, with the sign that makes |x_i - x'_i| larger; see `analysis.robustness.attack_directions`.

    For tied models x' = f(WᵀWx + b), with a monotone f, of a task whose target is x. A feature without a direction is
    not attacked.

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
        step = self.norm * mean_length(x) * attack_directions(_tied_weights(module))[:, chosen]

        def error(seen: Float[Array, "n batch"]) -> Float[Array, " batch"]:
            return jnp.abs(module(seen) - x)[chosen, jnp.arange(batch)]

        sign = jnp.where(error(x + step) >= error(x - step), 1.0, -1.0)
        return x + sign[None] * step

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("FeatureAttack", "norm", self.norm, minimum=0)


@specification
class GradientAttack:
    """For each sample, projected gradient ascent on the task's loss from a random start, for any model and target; see
    `analysis.robustness.projected_gradient_ascent`.

    Attributes:
        norm: the largest length of the step relative to the mean length of the samples, at least 0.
        steps: number of steps uphill, each of which costs as much as a step of training.
    """

    norm: Any = 0.1
    steps: int = static(default=10)

    def perturb(
        self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"], loss: Loss
    ) -> Float[Array, "n batch"]:
        """x with the step added."""
        start = unit_columns(jax.random.normal(key, x.shape))
        length = self.norm * mean_length(x)
        return projected_gradient_ascent(
            lambda seen: loss(x, module(seen)),
            x,
            start,
            length=length,
            steps=self.steps,
        )

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("GradientAttack", "norm", self.norm, minimum=0)
        check_integer("GradientAttack", "steps", self.steps, minimum=1)


def mean_length(x: Float[Array, "n batch"]) -> Float[Array, ""]:
    """The mean Euclidean length of samples."""
    return jnp.linalg.norm(x, axis=0).mean()


def validate_attack(attack: Any) -> None:
    """Raise unless `attack` is a valid attack: ValueError for a bad field, TypeError for another thing."""
    if isinstance(attack, type) or not callable(getattr(attack, "perturb", None)):
        raise TypeError(f"attack of Task must have a method `perturb(key, module, x, loss)`. Got {attack!r}.")
    if hasattr(attack, "validate"):
        attack.validate()


def _tied_weights(module: Any) -> Float[Array, "m n"]:
    """W of a module that has no other matrix."""
    if not hasattr(module, "W") or getattr(module, "W_out", None) is not None:
        raise ValueError(
            "FeatureAttack needs a tied model, with weights `W` (m, n) and no `W_out`; see GradientAttack."
        )
    return module.W[...]
