"""What training needs of a model: to make its module, to see its activations, and to name its parameters.

A *model* is anything that, called with `rngs=`, returns an `nnx.Module`: a specification such as `Autoencoder`, your
own class under `functools.partial`, or a function. The module maps samples to predictions, both with the batch as their
last axis. Each `nnx.Param` is trained. It may say more of itself:

- `activations(x)`: a dict of what it computes, by name, with the last under "prediction"; or `encode` and `decode`, of
  which it computes decode(encode(x)): these are "hidden" and "prediction". Penalties and metrics ask for them by name;
- `axes`: a dict of what the axes of parameters and of activations (without the batch) are called, e.g.
  `{"W": ("hidden", "feature")}`; so they are called in the results of a sweep;
- noise: what it draws from the `rngs` that it was made with, as `nnx.Dropout` does, is new at every step;
- other state, as that of `nnx.BatchNorm`, is carried from step to step.
"""

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, PRNGKeyArray

Model = Callable[..., nnx.Module]


def activations(module: nnx.Module, x: Any) -> dict[str, Array]:
    """What a module computes from samples, by name; the prediction is among it."""
    if hasattr(module, "activations"):
        return dict(module.activations(x))
    if hasattr(module, "encode") and hasattr(module, "decode"):
        hidden = module.encode(x)
        return {"hidden": hidden, "prediction": module.decode(hidden)}
    return {"prediction": module(x)}


def axes(module: nnx.Module) -> dict[str, tuple[str, ...]]:
    """The names of axes that a module gives to its parameters and activations."""
    return dict(getattr(module, "axes", {}))


def abstract(model: Model) -> nnx.Module:
    """The module of a model with shapes instead of numbers: for what it says of itself."""
    return nnx.eval_shape(lambda: model(rngs=nnx.Rngs(0)))


def rebuilt(model: Model, state: Mapping[str, Any], noise: PRNGKeyArray, *, evaluation: bool = False) -> nnx.Module:
    """The module of a model with the given parameters and other state, and noise from a key.

    The module is made as if for the first time, so that its random streams come from the key; what it is initialised
    with is overwritten, and never computed where this is compiled. In evaluation, layers such as `nnx.Dropout` and
    `nnx.BatchNorm` are in their evaluation mode.
    """
    module = model(rngs=nnx.Rngs(noise))
    nnx.update(module, unflatten_names(state))
    if evaluation:
        module.eval()
    return module


def module_with(model: Model, params: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> nnx.Module:
    """The module of `model` that has the parameters `params`, one model's share of a run's, in evaluation mode.

    Args:
        model: an `Autoencoder`, or whatever was trained.
        params: by name, without the axis of restarts.
        state: other state by name, such as running averages; fresh if it is not given.

    Raises:
        ValueError: if the names or shapes are not those of the model.

    >>> from toymodels.models import Autoencoder
    >>> tied = Autoencoder(n_features=3, n_hidden=2)
    >>> module = module_with(tied, {"W": jnp.eye(2, 3), "b": jnp.zeros(3)})
    >>> module(jnp.array([[1.0], [2.0], [3.0]])).ravel().tolist()
    [1.0, 2.0, 0.0]
    """
    fresh = model(rngs=nnx.Rngs(0))
    state = extra_state(fresh) if state is None else state
    for what, given, has in (("params", params, param_state(fresh)), ("state", state, extra_state(fresh))):
        wanted, got = ({name: np.shape(value) for name, value in one.items()} for one in (has, given))
        if got != wanted:
            raise ValueError(f"{what} of module_with must have the names and shapes {wanted}. Got {got}.")
    return rebuilt(model, {**params, **state}, jax.random.key(0), evaluation=True)


def param_state(module: nnx.Module) -> dict[str, Array]:
    """The parameters of a module by name."""
    return flatten_names(nnx.state(module, nnx.Param))


def extra_state(module: nnx.Module) -> dict[str, Array]:
    """The state of a module that is neither trained nor random, such as running averages, by name."""
    kept = nnx.state(module, nnx.Not(nnx.Any(*map(nnx.OfType, (nnx.Param, nnx.RngState, nnx.Intermediate)))))
    return flatten_names(kept)


def param_shapes(model: Model) -> dict[str, jax.ShapeDtypeStruct]:
    """Shapes and types of the parameters that `model` makes, by name."""
    return jax.eval_shape(lambda: param_state(model(rngs=nnx.Rngs(0))))


def flatten_names(state: nnx.State) -> dict[str, Array]:
    """Arrays by name; names of nested modules are joined by dots: `layer.kernel`."""
    return {".".join(map(str, path)): variable[...] for path, variable in nnx.to_flat_state(state)}


def unflatten_names(params: Mapping[str, Any]) -> dict[Any, Any]:
    """The nested dict that `nnx.update` takes."""
    nested: dict[Any, Any] = {}
    for name, value in params.items():
        *outer, last = (int(part) if part.isdigit() else part for part in name.split("."))
        inside = nested
        for part in outer:
            inside = inside.setdefault(part, {})
        inside[last] = jnp.asarray(value)
    return nested
