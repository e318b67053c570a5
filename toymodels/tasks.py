"""Tasks: features, what is to be computed from them, and how much each error counts."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.attacks import Attack, validate_attack
from toymodels.checks import check_function, check_numbers
from toymodels.features import validate_features
from toymodels.models import identity
from toymodels.specification import specification, static


@specification
class Geometric:
    """Importance that falls by the same factor from each feature to the next: I_i = decay^i, i = 0 ... n-1.

    Attributes:
        decay: the factor, at least 0.
    """

    decay: Any

    def weights(self, count: int) -> Float[Array, " n"]:
        """(count,): 1, decay, decay², ..."""
        return jnp.asarray(self.decay, dtype=float) ** jnp.arange(count)


@specification
class Task:
    """Predict `target(x)` from x, for the weighted error of `loss`.

    Attributes:
        features: distribution of x, e.g. `Independent(n_features=5, density=0.1)`.
        importance: weight I_i >= 0 of each output's squared error: one number, one per output, or `Geometric(decay)`.
        target: function from x (n, batch) to what is to be predicted (outputs, batch), e.g. `jnp.abs`.
        attack: what an adversary does to x before the model sees it, in training and in evaluation; see
            `toymodels.attacks`. The target stays that of x.
    """

    features: Any
    importance: Any = 1.0
    target: Callable[[Array], Array] = static(default=identity)
    attack: Attack | None = None

    def seen(self, key: PRNGKeyArray, module: nnx.Module, x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        """What `module` is given in the place of x: x itself, or what the attack makes of it.

        Args:
            key: the one that x was drawn from; the attack has another one, which splitting it would not give.
            module: the model as it stands.
            x: (n, batch).
        """
        if self.attack is None:
            return x
        return self.attack.perturb(jax.random.fold_in(key, 2**32 - 1), module, x, self.loss)

    def loss(self, x: Float[Array, "n batch"], prediction: Float[Array, "outputs batch"]) -> Float[Array, ""]:
        """Mean over samples and outputs of I_i (target_i - prediction_i)².

        This is the mean that the paper's released notebook takes; the paper's text writes the sum over features.
        """
        errors = jnp.square(self.target(x) - prediction)
        return jnp.mean(self.weights(errors.shape[0])[:, None] * errors)

    def weights(self, count: int) -> Float[Array, " outputs"]:
        """The importance of each of `count` outputs."""
        if isinstance(self.importance, Geometric):
            return self.importance.weights(count)
        return jnp.broadcast_to(jnp.asarray(self.importance, dtype=float), (count,))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range, or the target no function of arrays (n, batch)."""
        validate_features(self.features)
        check_function("Task", "target", self.target)
        if self.attack is not None:
            validate_attack(self.attack)
        if isinstance(self.importance, Geometric):
            check_numbers("Geometric", "decay", self.importance.decay, minimum=0)
            return
        check_numbers("Task", "importance", self.importance, length=self._n_outputs(), minimum=0)

    def _n_outputs(self) -> int:
        return _output_shape(self.target, self.features.n_features)[0]


@cache
def _output_shape(target: Callable[[Array], Array], n_features: int) -> tuple[int, int]:
    """The shape of the target of two samples; kept, since a run may have thousands of tasks with the same one."""
    x = jax.ShapeDtypeStruct((n_features, 2), np.float32)
    out = jax.eval_shape(target, x)
    if out.ndim != 2 or out.shape[1] != 2:
        raise ValueError(
            f"target of Task must map (n, batch) to (outputs, batch), samples in columns. It maps {x.shape} to "
            f"{out.shape}."
        )
    return out.shape
