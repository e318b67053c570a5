"""How to train: a Recipe."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from toymodels.checks import check_function, check_integer, check_numbers
from toymodels.specification import specification, static


def constant(rate: Any, steps: int) -> optax.Schedule:
    """A learning rate that stays what it is."""
    return lambda step: rate


@specification
class Recipe:
    """Steps, batches and optimiser. The defaults are the project's fast recipe, `Recipe.fast()`.

    Attributes:
        steps: number of optimiser steps.
        batch_size: fresh samples a step.
        learning_rate: rate at the peak of the schedule.
        weight_decay: decoupled, as in AdamW: each step takes rate * weight_decay * parameter off every parameter
            (torch's AdamW has 1e-2 by default, optax's 1e-4).
        hidden_l1: adds hidden_l1 * mean over samples of Σ_k |h_k| to the objective; the module must have `encode` and
            `decode`.
        optimizer: makes the optimiser from a learning rate or schedule: `optax.adam`, or your own, such as
            `lambda rate: optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))`.
        schedule: makes the schedule from (learning_rate, steps), as `optax.cosine_decay_schedule` does; any other is
            `lambda rate, steps: ...` of it.
        independent_data: give each restart draws of its own. By default all models of a run transform the same
            uniform draws (common random numbers): each still sees fresh samples at every step, and comparisons between
            models are less noisy.
        evaluation_samples: size of the common sample on which the trained models are compared.
    """

    steps: int = static(default=2_000)
    batch_size: int = static(default=1_024)
    learning_rate: Any = 1e-2
    weight_decay: Any = 0.0
    hidden_l1: Any = 0.0
    optimizer: Callable[..., optax.GradientTransformation] = static(default=optax.adam)
    schedule: Callable[[Any, int], optax.Schedule] = static(default=optax.cosine_decay_schedule)
    independent_data: bool = static(default=False)
    evaluation_samples: int = static(default=65_536)

    @classmethod
    def fast(cls) -> "Recipe":
        """Adam at 1e-2 with cosine decay over 2,000 steps: the losses of the paper's recipe in a fifth of its steps."""
        return cls()

    @classmethod
    def paper(cls) -> "Recipe":
        """The recipe of the notebook released with Elhage et al. 2022: AdamW, 10,000 steps at a constant 1e-3."""
        return cls(steps=10_000, learning_rate=1e-3, weight_decay=1e-2, schedule=constant)

    def rate(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The learning rate at a step."""
        return jnp.asarray(self.schedule(self.learning_rate, self.steps)(step), dtype=float)

    def transformation(self) -> optax.GradientTransformation:
        """The optimiser with its schedule and weight decay."""
        return optax.chain(
            self.optimizer(self.schedule(self.learning_rate, self.steps)),
            _decoupled_weight_decay(self.rate, self.weight_decay),
        )

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("Recipe", "steps", self.steps, minimum=1)
        check_integer("Recipe", "batch_size", self.batch_size, minimum=1)
        check_integer("Recipe", "evaluation_samples", self.evaluation_samples, minimum=1)
        for name in ("learning_rate", "weight_decay", "hidden_l1"):
            check_numbers("Recipe", name, getattr(self, name), minimum=0)
        check_function("Recipe", "schedule", self.schedule)
        if not callable(self.optimizer):
            raise ValueError(
                "optimizer of Recipe must be a function of the learning rate, such as optax.adam or "
                f"`lambda rate: optax.sgd(rate, momentum=0.9)`. Got {self.optimizer!r}."
            )
        made = self.optimizer(self.schedule(self.learning_rate, self.steps))
        if not isinstance(made, optax.GradientTransformation):
            raise ValueError(f"optimizer of Recipe must return an optax.GradientTransformation. It returned {made!r}.")


def _decoupled_weight_decay(rate: Callable[[Array], Array], weight_decay: Any) -> optax.GradientTransformation:
    """Takes rate * weight_decay * parameter off each parameter (Loshchilov & Hutter 2019), after any optimiser."""

    def init(params: optax.Params) -> Array:
        return jnp.zeros((), int)

    def update(updates: optax.Updates, step: Array, params: optax.Params) -> tuple[optax.Updates, Array]:
        shrink = rate(step) * weight_decay
        return jax.tree.map(lambda update, param: update - shrink * param, updates, params), step + 1

    return optax.GradientTransformation(init, update)
