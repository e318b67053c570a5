"""Does what is computed for a sample depend on the others? Samples are columns, and `jax.nn.softmax`, `jax.lax.top_k`
and the like work along the last axis, which is the batch: a function that does so trains on something else than it
says, without a word.

It is tried on numbers: one sample stays, all others change, and what is computed for it must not. `check_apart` does so
for the activations of a model, the target of a task, and the model as a whole, in evaluation.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from toymodels.features import Labelled
from toymodels.models import ACTIVATIONS, Network
from toymodels.models.autoencoder import Autoencoder
from toymodels.models.modules import activations
from toymodels.specifications import named_fields
from toymodels.tasks import Task

MOST_SAMPLES = 256
UNITS = 3
TOLERANCE = 1e-4  # of what is largest; the others change by a hundred times it

_MADE_OF_ACTIVATIONS = (Autoencoder, Network)


def check_apart(model: Any, task: Task, x: Any) -> None:
    """Raise ValueError if an activation, the target, or the model mixes samples.

    Args:
        model: what makes the module.
        x: the shapes of a batch of samples.
    """
    cls: Any = type(model)
    for name, names in named_fields(cls).items() if dataclasses.is_dataclass(cls) else ():
        function = getattr(model, name)
        if names is ACTIVATIONS and callable(function) and not _is_known(function):
            units = jax.ShapeDtypeStruct((UNITS, MOST_SAMPLES), jnp.zeros(0).dtype)
            _check(f"{name} of {cls.__name__}", "(units, batch)", function, units)
    if not _is_known(task.target):
        _check("target of Task", "(..., batch)", task.target, x.label if isinstance(x, Labelled) else x)
    if not isinstance(model, _MADE_OF_ACTIVATIONS):

        def predicted(x: Any) -> Any:
            module = model(rngs=nnx.Rngs(0))
            module.eval()
            return activations(module, x)["prediction"]

        _check("model, in evaluation,", "(..., batch)", predicted, task.inputs(x))


def _is_known(function: Any) -> bool:
    """Whether it has a name, and so works sample by sample."""
    return any(function is one for one in ACTIVATIONS.table.values())


def _check(what: str, given: str, function: Callable[[Any], Any], x: Any) -> None:
    if mixes(function, x):
        raise ValueError(
            f"{what} mixes samples: what it gives for one depends on the others. It is given {given}, samples in "
            "columns, so that the last axis is the batch and axis=0 are the units or features of one sample: "
            "lambda x: jax.nn.softmax(x, axis=0)."
        )


def mixes(function: Callable[[Any], Any], x: Any) -> bool:
    """Whether what a function computes for the sample in the middle depends on the samples before and behind it.

    Args:
        function: of samples (..., batch) to (..., batch).
        x: the shapes of samples.
    """
    batch = min(MOST_SAMPLES, max(3, jax.tree.leaves(x)[0].shape[-1]))
    low, high = (jax.tree.map(lambda one, size=size: _filled(one, batch, size), x) for size in (-50.0, 100.0))
    program = jax.jit(lambda x: function(x))
    try:
        first, second = (jax.device_get(program(jax.device_put(samples))) for samples in (low, high))
    except Exception:  # it asks for samples of another kind, or more of them; whether it fits is tried elsewhere
        return False
    one, other = (np.asarray(array)[..., batch // 2].astype(float) for array in (first, second))
    largest = np.abs(one[np.isfinite(one)]).max(initial=0)
    return not np.allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE * largest, equal_nan=True)


def _filled(shape: jax.ShapeDtypeStruct, batch: int, size: float) -> np.ndarray:
    """Samples of a shape, of which the one in the middle is the same for every size, and the others are not. Whole
    numbers are 0 and 1, which are tokens or labels anywhere."""
    random = np.random.default_rng(0)
    samples = random.normal(size=(*shape.shape[:-1], batch))
    others = np.arange(batch) != batch // 2
    if not jnp.issubdtype(shape.dtype, jnp.floating):
        return np.where(others, size > 0, 0).astype(shape.dtype) + np.zeros(samples.shape, shape.dtype)
    changed = size * (1 + random.uniform(size=samples.shape) / 2)
    return np.where(others, changed, samples).astype(shape.dtype)
