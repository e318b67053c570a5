"""Given parameters to start from, instead of fresh ones."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from flax import nnx

from toymodels.checks import near_matches
from toymodels.models import Model
from toymodels.models.modules import extra_state, param_state
from toymodels.training.run import Run


def start_arrays(owner: str, start: Any, model: Model, restarts: int) -> dict[str, np.ndarray]:
    """Parameters and other state by name, each (1, 1 or restarts, ...), from a run or from arrays by name.

    Raises:
        TypeError: for what is neither a Run nor a mapping.
        ValueError: for names and shapes that are not the model's; `owner` is the function to name.
    """
    if start is None:
        return {}
    if isinstance(start, Run):
        order = np.argsort(start.restart) if len(start.restart) == restarts else [0]
        start = {name: value[order] for name, value in (start.params | start.state).items()}
    if hasattr(start, "data_vars"):
        raise ValueError(f"start of {owner} must be one cell of a sweep's results: tm.sweeps.as_run(results, ...).")
    if not isinstance(start, Mapping):
        raise TypeError(f"start of {owner} must be a Run, or map names of parameters to arrays. Got {start!r}.")
    shapes = state_shapes(model)
    return {name: _with_restarts(owner, name, np.asarray(value), shapes, restarts) for name, value in start.items()}


def state_shapes(model: Model) -> dict[str, tuple[int, ...]]:
    """The shapes of the parameters and of the other state that a model makes, by name."""

    def made() -> dict[str, Any]:
        module = model(rngs=nnx.Rngs(0))
        return param_state(module) | extra_state(module)

    return {name: value.shape for name, value in jax.eval_shape(made).items()}


def _with_restarts(
    owner: str, name: str, value: np.ndarray, shapes: Mapping[str, tuple[int, ...]], restarts: int
) -> np.ndarray:
    if name not in shapes:
        raise ValueError(
            f"start of {owner} names {name!r}, which the model does not have. {near_matches(name, shapes)}"
        )
    wanted = shapes[name]
    if value.shape == wanted:
        return value[None, None]
    if value.shape in ((restarts, *wanted), (1, *wanted)):
        return value[None]
    raise ValueError(
        f"start of {owner} must have {name} of shape {wanted}, or {(restarts, *wanted)} with one per restart. Got "
        f"{value.shape}."
    )
