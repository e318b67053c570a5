"""Tasks: features, what is to be computed from them, and what counts as an error."""

from collections.abc import Callable
from typing import Annotated, Any

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.checks import check_function, check_numbers
from toymodels.features.distributions import FEATURES, Labelled, inputs_of, validate_features
from toymodels.models import ACTIVATIONS, identity
from toymodels.names import Names
from toymodels.specifications import specification
from toymodels.tasks.attacks import ATTACKS, Attack, validate_attack
from toymodels.tasks.losses import Loss, squared_error
from toymodels.tasks.penalties import Penalty

TARGETS = Names("a target", ACTIVATIONS.table, "It is called with samples (..., batch).")
Target = Annotated[Callable[[Any], Array], TARGETS]
"""A function of samples (..., batch), or its name."""


@specification
class GeometricImportance:
    """Importance that falls by the same factor from each feature to the next: I_i = decay^i, i = 0 ... n-1.

    Attributes:
        decay: the factor, at least 0.
    """

    decay: Any

    def weights(self, count: int) -> Float[Array, " n"]:
        """(count,): 1, decay, decay², ..."""
        return jnp.asarray(self.decay, dtype=float) ** jnp.arange(count, dtype=float)


@specification
class Task:
    """Predict `target(x)` from x, for the weighted error of `loss`, and for the sake of `penalties`.

    What is reported as `loss` is the mean over samples and outputs of I_i loss_i, on evaluation samples; as
    `objective`, what is minimised: the loss with all penalties.

    Attributes:
        features: what is trained on, e.g. `Independent(n_features=5, density=0.1)`, or a `DrawnDataset`.
        importance: weight I_i >= 0 of each output's loss: one number, one per output, or `GeometricImportance(decay)`.
        target: function from samples x (..., batch), or from the label of a `Labelled` sample, to what is to be
            predicted (..., batch), e.g. `jnp.abs`, or its name.
        attack: what an adversary does to x before the model sees it, in training and in evaluation; see
            `toymodels.tasks.attacks`. The target stays that of x.
        loss: function of (prediction, wanted), e.g. `squared_error`, `PowerLoss(4.0)` or `cross_entropy`; see
            `toymodels.tasks.losses`; or its name, such as "cross_entropy".
        penalties: what is added to the loss, e.g. `(HiddenL1(0.03), WeightL2(1e-3))`; see `toymodels.tasks.penalties`.
        evaluation: other features to evaluate on, such as fresh samples beside a finite training set.
    """

    features: Annotated[Any, FEATURES]
    importance: Any = 1.0
    target: Target = identity
    attack: Annotated[Attack | None, ATTACKS] = None
    loss: Loss = squared_error
    penalties: tuple[Penalty, ...] = ()
    evaluation: Annotated[Any, FEATURES] = None

    @property
    def evaluation_features(self) -> Any:
        """What the trained models are evaluated on."""
        return self.features if self.evaluation is None else self.evaluation

    def inputs(self, x: Any) -> Any:
        """What the model is given of samples."""
        return inputs_of(x)

    def wanted(self, x: Any) -> Array:
        """What is to be predicted for samples."""
        return self.target(x.label if isinstance(x, Labelled) else x)

    def mean_loss(self, prediction: Float[Array, "... batch"], wanted: Array) -> Float[Array, ""]:
        """Mean over samples and outputs of I_i loss_i.

        This is the mean that the paper's released notebook takes; the paper's text writes the sum over features.
        """
        losses = self.loss(prediction, wanted)
        if losses.ndim < 2:  # without outputs there is one importance
            return jnp.mean(losses) * jnp.asarray(self.importance, dtype=float)
        weights = self.weights(losses.shape[0])
        return jnp.mean(weights.reshape(-1, *(1,) * (losses.ndim - 1)) * losses)

    def seen(self, key: PRNGKeyArray, module: nnx.Module, x: Any) -> Any:
        """What `module` is given instead of x: x itself, or what the attack makes of it.

        Args:
            key: of the attack.
            module: the model as it stands.
            x: samples (..., batch).
        """
        if self.attack is None:
            return x
        return self.attack.perturb(key, module, x, self.loss_on)

    def loss_on(self, x: Any, prediction: Float[Array, "... batch"]) -> Float[Array, ""]:
        """The mean loss of a prediction for samples x."""
        return self.mean_loss(prediction, self.wanted(x))

    def weights(self, count: int) -> Float[Array, " outputs"]:
        """The importance of each of `count` outputs."""
        if isinstance(self.importance, GeometricImportance):
            return self.importance.weights(count)
        return jnp.broadcast_to(jnp.asarray(self.importance, dtype=float), (count,))

    def validate(self) -> None:
        """Raise ValueError or TypeError if a field is out of range. Training checks whether the fields fit together."""
        validate_features(self.features)
        check_function("Task", "target", self.target)
        check_function("Task", "loss", self.loss)
        if self.evaluation is not None:
            validate_features(self.evaluation)
        if self.attack is not None:
            validate_attack(self.attack)
        if not isinstance(self.penalties, tuple):
            raise ValueError(f"penalties of Task must be a tuple, such as (HiddenL1(0.03),). Got {self.penalties!r}.")
        for number, penalty in enumerate(self.penalties):
            check_function("Task", f"penalties[{number}]", penalty)
        for part in (self.loss, self.target, *self.penalties):
            if hasattr(part, "validate") and not isinstance(part, type):
                part.validate()
        if isinstance(self.importance, GeometricImportance):
            check_numbers("GeometricImportance", "decay", self.importance.decay, minimum=0)
        else:
            count = np.size(self.importance) if np.ndim(self.importance) == 1 else None
            check_numbers("Task", "importance", self.importance, length=count, minimum=0)
