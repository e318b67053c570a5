"""Optimisers and schedules as specifications, whose numbers can be swept: `Recipe(optimizer=..., schedule=...)`.

An optimiser is called with a learning rate or schedule, and returns an optax.GradientTransformation. Parameters are a
dict by name, so that `optax.masked` and the like can treat them apart. The transformation's `update` is also given, as
optax's extra arguments, `value` (the objective), `grad`, `value_fn`, and `key`, a JAX key that is new at every step. If
the specification has a method `averaged(params, state)`, what it returns stands for the trained parameters:

    @tm.specification
    class ScheduleFree:
        b1: float = 0.9

        def __call__(self, rate):
            return optax.contrib.schedule_free_adamw(rate, b1=self.b1)

        def averaged(self, params, state):
            return optax.contrib.schedule_free_eval_params(state, params)
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, PRNGKeyArray

from toymodels.checks import check_function, check_numbers
from toymodels.names import Names
from toymodels.specifications import specification

_OF_OPTAX = (
    "adabelief adadelta adagrad adam adamax adamaxw adamw adan amsgrad fromage lamb lion nadam nadamw novograd radam "
    "rmsprop sgd sign_sgd yogi"
)
OPTIMIZERS = Names(
    "an optimizer",
    {name: getattr(optax, name) for name in _OF_OPTAX.split() if hasattr(optax, name)},
    "It is called with a learning rate or schedule: `lambda rate: optax.sgd(rate, momentum=0.9)` is one.",
)
Optimizer = Annotated[Callable[..., optax.GradientTransformation], OPTIMIZERS]
"""A function of a learning rate or schedule, or its name."""


@specification
class Adam:
    """Adam (Kingma & Ba 2015), as `optax.adam`, with numbers that can be swept.

    Attributes:
        b1, b2: decay of the first and the second moment, in [0, 1).
        eps: added to the root of the second moment.
    """

    b1: Any = 0.9
    b2: Any = 0.999
    eps: Any = 1e-8

    def __call__(self, rate: Any) -> optax.GradientTransformation:
        """The transformation for a learning rate or schedule."""
        return optax.adam(rate, self.b1, self.b2, self.eps)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        for name in ("b1", "b2"):
            check_numbers("Adam", name, getattr(self, name), minimum=0, maximum=1 - 1e-7)
        check_numbers("Adam", "eps", self.eps, minimum=0)


@specification
class Clipped:
    """An optimiser whose gradients are scaled down to a norm, over all parameters together (Pascanu et al. 2013).

    Attributes:
        norm: the largest norm.
        optimizer: gets the gradients then.
    """

    norm: Any = 1.0
    optimizer: Optimizer = optax.adam

    def __call__(self, rate: Any) -> optax.GradientTransformation:
        """The transformation for a learning rate or schedule."""
        return optax.chain(optax.clip_by_global_norm(self.norm), self.optimizer(rate))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("Clipped", "norm", self.norm, minimum=0)
        check_function("Clipped", "optimizer", self.optimizer)


class AverageState(NamedTuple):
    """The state of `Averaged`: the optimiser's, the average up to the last step but one, and the number of steps."""

    inner: Any
    average: Any
    steps: Array


@specification
class Averaged:
    """Any optimiser, with an average of the iterates as the trained parameters (Polyak & Juditsky 1992).

    Attributes:
        optimizer: makes the iterates.
        decay: of the exponential average, in [0, 1); its start from 0 is corrected.
    """

    optimizer: Optimizer = optax.adam
    decay: Any = 0.99

    def __call__(self, rate: Any) -> optax.GradientTransformationExtraArgs:
        """The transformation for a learning rate or schedule."""
        inner = optax.with_extra_args_support(self.optimizer(rate))

        def init(params: optax.Params) -> AverageState:
            return AverageState(inner.init(params), jax.tree.map(jnp.zeros_like, params), jnp.zeros((), int))

        def update(updates: Any, state: AverageState, params: Any = None, **extra: Any) -> tuple[Any, AverageState]:
            updates, inner_state = inner.update(updates, state.inner, params, **extra)
            started = (state.steps > 0).astype(float)  # the start is not an iterate
            average = jax.tree.map(lambda old, new: started * self._next(old, new), state.average, params)
            return updates, AverageState(inner_state, average, state.steps + 1)

        return optax.GradientTransformationExtraArgs(init, update)

    def averaged(self, params: optax.Params, state: AverageState) -> optax.Params:
        """The average over all steps so far; before the first one, the parameters."""
        weight = 1 - jnp.asarray(self.decay, float) ** jnp.maximum(state.steps, 1).astype(float)
        return jax.tree.map(
            lambda param, average: jnp.where(state.steps > 0, self._next(average, param) / weight, param),
            params,
            state.average,
        )

    def _next(self, average: Array, param: Array) -> Array:
        return self.decay * average + (1 - self.decay) * param

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_function("Averaged", "optimizer", self.optimizer)
        check_numbers("Averaged", "decay", self.decay, minimum=0, maximum=1 - 1e-7)


@specification
class SGLD:
    """Stochastic gradient Langevin dynamics (Welling & Teh 2011) around the parameters that training starts from.

    Each step adds -ε/2 (n β ∇L(w) + γ (w - w_0)) + N(0, ε) to the parameters w, where ε is the learning rate, L the
    objective and w_0 the start. For small ε the steps are samples of the density proportional to
    exp(-n β L(w) - γ/2 ‖w - w_0‖²); the local learning coefficient is estimated as n β (mean L - L(w_0)) (Lau et al.
    2023, "The Local Learning Coefficient"). Use the schedule `constant`.

    Attributes:
        n_beta: n β, the number of samples times the inverse temperature.
        localization: γ, how strongly the chain is held near its start.
    """

    n_beta: Any = 1.0
    localization: Any = 0.0

    def __call__(self, rate: Any) -> optax.GradientTransformationExtraArgs:
        """The transformation for a learning rate or schedule."""

        def init(params: optax.Params) -> tuple[Any, Array]:
            return params, jnp.zeros((), int)

        def update(
            updates: Any, state: tuple[Any, Array], params: Any = None, *, key: PRNGKeyArray, **extra: Any
        ) -> tuple[Any, tuple[Any, Array]]:
            start, step = state
            size = jnp.asarray(rate(step) if callable(rate) else rate, float)
            leaves, treedef = jax.tree.flatten(params)
            keys = jax.tree.unflatten(treedef, list(jax.random.split(key, len(leaves))))

            def move(gradient: Array, param: Array, origin: Array, key: PRNGKeyArray) -> Array:
                drift = self.n_beta * gradient + self.localization * (param - origin)
                return -size / 2 * drift + jnp.sqrt(size) * jax.random.normal(key, param.shape, param.dtype)

            return jax.tree.map(move, updates, params, start, keys), (start, step + 1)

        return optax.GradientTransformationExtraArgs(init, update)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("SGLD", "n_beta", self.n_beta, minimum=0)
        check_numbers("SGLD", "localization", self.localization, minimum=0)


def constant(rate: Any, steps: int) -> optax.Schedule:
    """A learning rate that stays what it is."""
    return lambda step: rate


def linear(rate: Any, steps: int) -> optax.Schedule:
    """A learning rate that falls to 0 along a straight line."""
    return optax.linear_schedule(rate, 0.0, steps)


@specification
class WarmupCosine:
    """A learning rate that rises linearly from 0 and then falls along a half cosine (Loshchilov & Hutter 2017).

    Attributes:
        warmup: share of the steps during which it rises, in [0, 1).
        end: share of the peak that it falls to.
    """

    warmup: Any = 0.2
    end: Any = 0.0

    def __call__(self, rate: Any, steps: int) -> optax.Schedule:
        """The schedule of a peak and a number of steps."""

        def at(step: Any) -> Array:
            progress = jnp.asarray(step, float) / steps
            rising = (progress + 1 / steps) / jnp.maximum(self.warmup, 1 / steps)
            falling = jnp.clip((progress - self.warmup) / (1 - self.warmup), 0.0, 1.0)
            cosine = self.end + (1 - self.end) * (1 + jnp.cos(jnp.pi * falling)) / 2
            return rate * jnp.where(progress < self.warmup, jnp.minimum(rising, 1.0), cosine)

        return at

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("WarmupCosine", "warmup", self.warmup, minimum=0, maximum=1 - 1e-7)
        check_numbers("WarmupCosine", "end", self.end, minimum=0)


@specification
class Trapezoid:
    """A learning rate that rises linearly from 0, stays, and falls to 0 along a straight line. Sparse autoencoders are
    often trained so, with a fall over the last fifth of the steps (Conerly et al. 2024, "Update on how we train SAEs").

    Attributes:
        warmup: share of the steps during which it rises, in [0, 1].
        fall: share of the steps during which it falls, in [0, 1].
    """

    warmup: Any = 0.0
    fall: Any = 0.2

    def __call__(self, rate: Any, steps: int) -> optax.Schedule:
        """The schedule of a peak and a number of steps."""

        def at(step: Any) -> Array:
            done = (jnp.asarray(step, float) + 1) / steps
            rising = done / jnp.maximum(self.warmup, 1 / steps)
            falling = (1 - done + 1 / steps) / jnp.maximum(self.fall, 1 / steps)
            return rate * jnp.minimum(jnp.minimum(rising, falling), 1.0)

        return at

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("Trapezoid", "warmup", self.warmup, minimum=0, maximum=1)
        check_numbers("Trapezoid", "fall", self.fall, minimum=0, maximum=1)


SCHEDULES = Names(
    "a schedule",
    {
        "constant": constant,
        "constant_schedule": constant,
        "cosine": optax.cosine_decay_schedule,
        "cosine_decay": optax.cosine_decay_schedule,
        "cosine_decay_schedule": optax.cosine_decay_schedule,
        "linear": linear,
        "linear_schedule": linear,
        "trapezoid": Trapezoid(),
        "warmup_cosine": WarmupCosine(),
        "warmup_cosine_decay_schedule": WarmupCosine(),
    },
    "It is called with (learning_rate, steps): `lambda rate, steps: optax.exponential_decay(rate, steps, 0.1)` is one.",
)
Schedule = Annotated[Callable[[Any, int], optax.Schedule], SCHEDULES]
"""A function of (learning_rate, steps) to an optax schedule, or its name."""
