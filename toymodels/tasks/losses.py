"""Losses: how much each predicted number is wrong, for `Task(loss=...)`.

A loss is a function of (prediction, wanted), or a specification that is called so, whose numbers can be swept. What it
returns has the batch as its last axis. The task weights its rows, the outputs, by importance and takes the mean.
"""

from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.checks import check_numbers
from toymodels.names import Names
from toymodels.specifications import specification


def squared_error(prediction: Float[Array, "*outputs batch"], wanted: Array) -> Float[Array, "*outputs batch"]:
    """(wanted - prediction)², the loss of Elhage et al. 2022.

    Raises:
        ValueError: if the shapes differ.
    """
    _check_same_shape(prediction, wanted)
    return jnp.square(wanted - prediction)


@specification
class PowerLoss:
    """|wanted - prediction|^q, the L^q loss; q = 2 is the squared error.

    Attributes:
        q: the power, at least 1.
    """

    q: Any = 4.0

    def __call__(self, prediction: Float[Array, "*outputs batch"], wanted: Array) -> Float[Array, "*outputs batch"]:
        """The loss of each output.

        Raises:
            ValueError: if the shapes differ.
        """
        _check_same_shape(prediction, wanted)
        error = wanted - prediction
        wrong = jnp.where(error == 0, 1.0, error)  # the gradient at 0 is 0, for q = 1 too
        return jnp.where(error == 0, 0.0, jnp.abs(wrong) ** jnp.asarray(self.q, prediction.dtype))

    def validate(self) -> None:
        """Raise ValueError if q is out of range."""
        check_numbers("PowerLoss", "q", self.q, minimum=1)


def cross_entropy(
    prediction: Float[Array, "classes *positions batch"], wanted: Array
) -> Float[Array, "*positions batch"]:
    """-log softmax(prediction)[wanted], in nats: logits of each class along the first axis, and integer labels.

    Raises:
        ValueError: if the labels are not integers, or their shape is not that of the logits without the classes.
    """
    if not jnp.issubdtype(wanted.dtype, jnp.integer):
        raise ValueError(f"cross_entropy needs integer labels. Got {wanted.dtype}.")
    if prediction.shape[1:] != wanted.shape:
        raise ValueError(
            f"cross_entropy needs logits (classes, ...) and labels (...). Got {prediction.shape} and {wanted.shape}."
        )
    chosen = jnp.take_along_axis(prediction, wanted[None], axis=0)[0]
    return jax.nn.logsumexp(prediction, axis=0) - chosen


def cross_entropy_at_end(
    prediction: Float[Array, "classes length batch"], wanted: Array
) -> Float[Array, "positions batch"]:
    """`cross_entropy` at the last positions of sequences, as many as there are labels (positions, batch): for logits of
    a transformer, which are those of all positions.

    Raises:
        ValueError: for more labels than positions, or labels that are not integers.
    """
    if wanted.ndim != 2 or prediction.ndim != 3 or not 0 < len(wanted) <= prediction.shape[1]:
        raise ValueError(
            "cross_entropy_at_end needs logits (classes, length, batch) and labels of the last positions (positions, "
            f"batch). Got {prediction.shape} and {wanted.shape}."
        )
    return cross_entropy(prediction[:, prediction.shape[1] - len(wanted) :], wanted)


def _check_same_shape(prediction: Array, wanted: Array) -> None:
    if prediction.shape != wanted.shape:
        raise ValueError(f"model predicts shape {prediction.shape} but the task's target has shape {wanted.shape}.")


LOSSES = Names(
    "a loss",
    {
        "squared_error": squared_error,
        "mse": squared_error,
        "absolute_error": PowerLoss(1.0),
        "power": PowerLoss(),
        "cross_entropy": cross_entropy,
        "cross_entropy_at_end": cross_entropy_at_end,
    },
    "It is called with (prediction, wanted).",
)
Loss = Annotated[Callable[[Array, Array], Array], LOSSES]
"""A function of (prediction, wanted), or its name."""
