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

from toymodels.arrays import AnyArray, gram, unit_columns
from toymodels.checks import check_integer, check_numbers
from toymodels.names import Names
from toymodels.specifications import specification, static

LossOn = Callable[[Array, Array], Array]


@runtime_checkable
class Attack(Protocol):
    """What training needs of an attack."""

    def perturb(
        self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"], loss: LossOn
    ) -> Float[Array, "n batch"]: ...


@specification
class FeatureAttack:
    """For each sample, the most harmful step of a given length against one feature i chosen at random: along
    ±(WᵀW)_i / ‖(WᵀW)_i‖, with the sign that makes |x_i - x'_i| larger; see `attack_directions`.

    For tied models x' = f(WᵀWx + b), with a monotone f, of a task whose target is x. A feature without a direction is
    not attacked.

    Attributes:
        norm: length of the step relative to the mean length of the samples, at least 0.
    """

    norm: Any = 0.1

    def perturb(
        self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"], loss: LossOn
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
    `projected_gradient_ascent`.

    Attributes:
        norm: the largest length of the step relative to the mean length of the samples, at least 0.
        steps: number of steps uphill, each of which costs as much as a step of training.
    """

    norm: Any = 0.1
    steps: int = static(default=10)

    def perturb(
        self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"], loss: LossOn
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


ATTACKS = Names("an attack", {"feature": FeatureAttack(), "gradient": GradientAttack()})


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


def attack_directions(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n n"]:
    """The unit vector along which the input changes output i the most, as column i: (WᵀW)_i / ‖(WᵀW)_i‖ (Elhage et al.
    2022, "Relationship to Adversarial Robustness"). 0 for a feature without a direction.

    |x_i - x'_i| is largest, among all steps up to a given length, at one of the two ends of this direction: output i
    depends on the step only through its component along it, and never falls as that grows.

    >>> import numpy as np
    >>> attack_directions(np.array([[0.6, -0.8]])).round(6).tolist()
    [[0.6, -0.6], [-0.8, 0.8]]
    """
    return unit_columns(gram(W))


def projected_gradient_ascent(
    loss: Callable[[Array], Array],
    x: Float[Array, "n batch"],
    start: Float[Array, "n batch"],
    *,
    length: float | int | Float[Array, ""],
    steps: int,
) -> Float[Array, "n batch"]:
    """x plus a step of at most `length` for each sample, from `steps` steps uphill on a loss (Madry et al. 2018,
    "Towards Deep Learning Models Resistant to Adversarial Attacks").

    Each goes 2.5 / steps of the length along the sample's own gradient, and then back into the ball.

    Args:
        loss: function of samples like x to a number, a sum or mean of what each of them gives.
        start: first step in units of `length`.
    """

    def ascend(_: Array, offset: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        uphill = jax.grad(lambda offset: loss(x + length * offset))(offset)
        moved = offset + 2.5 / steps * unit_columns(uphill)
        return moved / jnp.maximum(jnp.linalg.norm(moved, axis=0), 1.0)[None]

    return x + length * jax.lax.fori_loop(0, steps, ascend, start)
