"""How to train: a Recipe."""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from toymodels.checks import check_function, check_instance, check_integer, check_numbers, near_matches
from toymodels.specifications import specification, static
from toymodels.training.optimisers import Adam, Optimizer, Schedule, Trapezoid, WarmupCosine, constant


@specification
class Recipe:
    """Steps, batches and optimiser. The defaults are the project's fast recipe, `Recipe.fast()`.

    Attributes:
        steps: number of optimiser steps; 0 to evaluate what a model starts from.
        batch_size: samples per step, fresh ones unless the features are a finite data set.
        learning_rate: rate at the peak of the schedule.
        weight_decay: decoupled, as in AdamW: each step takes rate * weight_decay * parameter off every parameter
            (torch's AdamW has 1e-2 by default, optax's 1e-4). A mapping such as {"W": 1e-2} decays the parameters that
            it names. Below 0, parameters grow.
        optimizer: makes the optimiser from a learning rate or schedule: a specification whose numbers can be swept,
            such as `Adam(b1=0.95)`, see `toymodels.training.optimisers`; `optax.adam` or "adam"; or your own
            function, as `lambda rate: optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))`.
        schedule: makes the schedule from (learning_rate, steps): a specification such as `WarmupCosine(0.1)`; a
            function such as `optax.cosine_decay_schedule`, or `lambda rate, steps: ...`; or a name, "constant".
        independent_data: give each restart draws of its own. By default all models of a seed transform the same
            uniform draws (common random numbers): each still sees fresh samples at every step, and comparisons between
            models are less noisy.
        evaluation_samples: size of the common sample on which the trained models are compared. A finite data set is
            evaluated on as a whole.
    """

    steps: int = static(default=2_000)
    batch_size: int = static(default=1_024)
    learning_rate: Any = 1e-2
    weight_decay: Any = 0.0
    optimizer: Optimizer = Adam(b2=0.99)
    schedule: Schedule = WarmupCosine(0.2)
    independent_data: bool = static(default=False)
    evaluation_samples: int = static(default=65_536)

    @classmethod
    def fast(cls) -> "Recipe":
        """Adam at 1e-2 with warm-up and cosine decay over 2,000 steps: the losses of the paper's recipe in a fifth of
        its steps, at densities from 1 to 1e-3.

        The rate rises over the first fifth of the steps. Without that, a feature of density 1e-3 whose column starts
        short can be lost for good, in all restarts of a seed. Second moments are averaged over 100 steps (b2 = .99):
        over 1,000, as is usual, the large gradients of the start slow down half of the training.
        """
        return cls()

    @classmethod
    def elhage2022(cls) -> "Recipe":
        """The recipe of the notebook released with Elhage et al. 2022: AdamW, 10,000 steps at a constant 1e-3."""
        return cls(steps=10_000, learning_rate=1e-3, weight_decay=1e-2, optimizer=optax.adam, schedule=constant)

    @classmethod
    def dictionary(cls) -> "Recipe":
        """For sparse autoencoders: Adam with b2 = .99 at 3e-3, constant but for the last fifth of 10,000 steps, over
        which it falls to 0.

        A weak penalty acts slowly, so that a rate which falls early leaves the dictionary unfinished. MMCS for
        20 features of density .05 in 8 dimensions, 40 ReLU units, batches of 512, the mean over three seeds; features
        in the directions of a trained toy model:

        | λ = 8 strength | 1e-4 | 1e-3 | 1e-2 | .03 | .1, .3, 1 |
        |---|---|---|---|---|---|
        | this one | .833 | .899 | .928 | .963 | 1.000 |
        | Adam, constant 1e-3, 10,000 steps | .702 | .806 | .913 | .947 | 1.000 |
        | Adam, constant 1e-3, 20,000 steps | .848 | .896 | .923 | .952 | 1.000 |
        | 20,000 steps of this one | .863 | .900 | .934 | .963 | 1.000 |
        | `Recipe.fast()` | .713 | .833 | .917 | .947 | 1.000 |

        and in random directions, where a weaker penalty than λ = .3 does not find them all, however long it acts:

        | λ = 8 strength | 1e-4 | 1e-3 | 1e-2 | .03 | .1 | .3 | 1 |
        |---|---|---|---|---|---|---|---|
        | this one | .779 | .812 | .839 | .860 | .910 | .971 | .999 |
        | Adam, constant 1e-3, 10,000 steps | .718 | .761 | .818 | .857 | .909 | .970 | .999 |
        | Adam, constant 1e-3, 20,000 steps | .761 | .804 | .830 | .868 | .910 | .971 | .999 |

        With b2 = .999, 5,000 steps reach less (.733 against .888 at 1e-3); at a rate of 1e-2 more units die (12 of 40
        against 6 at λ = .1, after 5,000 steps).
        """
        return cls(steps=10_000, batch_size=512, learning_rate=3e-3, optimizer=Adam(b2=0.99), schedule=Trapezoid())

    def scheduled(self) -> Any:  # whether it is a function, training checks
        """The schedule of the learning rate: of one step where there are none."""
        return self.schedule(self.learning_rate, max(self.steps, 1))

    def rate(self, step: Int[Array, ""]) -> Float[Array, ""]:
        """The learning rate at a step."""
        with jax.numpy_dtype_promotion("standard"):  # optax multiplies numbers of different types
            return jnp.asarray(self.scheduled()(step), dtype=float)

    def transformation(self) -> optax.GradientTransformation:
        """The optimiser with its schedule and weight decay."""
        return optax.chain(
            self.optimizer(self.scheduled()),
            _decoupled_weight_decay(self.rate, self.weight_decay),
        )

    def check_params(self, params: Mapping[str, Any]) -> None:
        """Raise ValueError if the recipe names a parameter that is not among those of a model."""
        for name in self.weight_decay if isinstance(self.weight_decay, Mapping) else ():
            if name not in params:
                raise ValueError(
                    f"weight_decay of Recipe names {name!r}, which is not a parameter. {near_matches(name, params)}"
                )

    def update(
        self, gradient: optax.Updates, state: optax.OptState, params: optax.Params, **extra: Any
    ) -> tuple[optax.Updates, optax.OptState]:
        """The optimiser's updates and its next state. `extra`: what else it may ask for, as optax's extra arguments."""
        transformation = optax.with_extra_args_support(self.transformation())
        with jax.numpy_dtype_promotion("standard"):  # as above
            return transformation.update(gradient, state, params, **extra)

    @property
    def averages(self) -> bool:
        """Whether the optimiser has an average of the iterates, which stands for the trained parameters."""
        return hasattr(self.optimizer, "averaged")

    def iterate(self, params: optax.Params, state: optax.OptState) -> optax.Params:
        """The parameters that stand for a training so far: the optimiser's average, or those of the last step."""
        return self.optimizer.averaged(params, state[0]) if self.averages else params  # type: ignore[attr-defined]

    def validate(self) -> None:
        """Raise ValueError if a field is out of range. What schedule and optimiser make, training checks."""
        check_integer("Recipe", "steps", self.steps, minimum=0)
        check_integer("Recipe", "batch_size", self.batch_size, minimum=1)
        check_integer("Recipe", "evaluation_samples", self.evaluation_samples, minimum=1)
        check_numbers("Recipe", "learning_rate", self.learning_rate, minimum=0)
        for name, decay in self.weight_decay.items() if isinstance(self.weight_decay, Mapping) else ():
            check_numbers("Recipe", f"weight_decay of {name!r}", decay)
        if not isinstance(self.weight_decay, Mapping):
            check_numbers("Recipe", "weight_decay", self.weight_decay)
        check_function("Recipe", "schedule", self.schedule)
        check_instance("Recipe", "optimizer", self.optimizer)
        if not callable(self.optimizer):
            raise ValueError(
                "optimizer of Recipe must be a function of the learning rate, such as optax.adam or "
                f"`lambda rate: optax.sgd(rate, momentum=0.9)`. Got {self.optimizer!r}."
            )
        for part in (self.optimizer, self.schedule):
            if hasattr(part, "validate") and not isinstance(part, type):
                part.validate()


def _decoupled_weight_decay(rate: Callable[[Array], Array], weight_decay: Any) -> optax.GradientTransformation:
    """Takes rate * weight_decay * parameter off each parameter (Loshchilov & Hutter 2019), after any optimiser."""

    def init(params: optax.Params) -> Array:
        return jnp.zeros((), int)

    def update(updates: optax.Updates, step: Array, params: Any) -> tuple[optax.Updates, Array]:
        size = rate(step)
        if isinstance(weight_decay, Mapping):
            shrunk = {name: updates[name] - size * decay * params[name] for name, decay in weight_decay.items()}
            return {**updates, **shrunk}, step + 1
        shrink = size * weight_decay
        return jax.tree.map(lambda update, param: update - shrink * param, updates, params), step + 1

    return optax.GradientTransformation(init, update)
