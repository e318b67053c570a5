"""What a metric or a penalty of the user's is given: what its arguments are named after.

It may ask for parameters of the model (`W`, `b`, ...) or all of them by name (`params`), for activations on a batch
(`hidden`, `prediction`, whatever the module names) or all of them (`activations`), for the `module`, the `task`, the
samples `x` and a JAX `key`. Arguments that have other names must have a default, and keep it. A metric's samples are
one batch of evaluation samples, as large as one of training.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, PRNGKeyArray

from toymodels.checks import near_matches
from toymodels.models.modules import activations

Metric = Callable[..., Any]
Metrics = tuple[tuple[str, Metric], ...]
"""Names and functions; part of the compiled program."""

OFFERED = ("params", "activations", "module", "task", "x", "key")


def asked(function: Callable[..., Any], offered: Mapping[str, Any]) -> Any:
    """The function of what it asks for."""
    return function(**{name: offered[name] for name in arguments_of(function) if name in offered})


def offer(
    params: Mapping[str, Array], named: Mapping[str, Array], module: nnx.Module, task: Any, x: Any, key: PRNGKeyArray
) -> dict[str, Any]:
    """All that can be asked for, by name."""
    whole = {"params": dict(params), "activations": dict(named), "module": module, "task": task, "x": x, "key": key}
    return {**named, **params, **whole}


def compute_metrics(
    metrics: Metrics, params: Mapping[str, Array], module: nnx.Module, task: Any, x: Any, key: PRNGKeyArray
) -> dict[str, Array]:
    """The value of each metric for one model."""
    named = activations(module, task.inputs(x)) if _see_samples(metrics, params) else {}
    offered = offer(params, named, module, task, x, key)
    return {name: jnp.asarray(asked(metric, offered)) for name, metric in metrics}


def _see_samples(metrics: Metrics, params: Mapping[str, Any]) -> bool:
    """Whether a metric asks for activations."""
    without = {*params, *OFFERED} - {"activations"}
    return any(name not in without for _, metric in metrics for name in arguments_of(metric))


def check_arguments(what: str, function: Callable[..., Any], names: Mapping[str, Any]) -> None:
    """Raise ValueError if a function asks for what is not offered."""
    try:
        arguments = arguments_of(function)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{what} must be a function whose arguments have names: {error}") from error
    for argument, needed in arguments.items():
        if needed and argument not in names:
            raise ValueError(
                f"{what} has an argument {argument!r}, which is neither a parameter nor an activation of the model, "
                f"nor one of {', '.join(OFFERED)}. {near_matches(argument, names)}"
            )


def arguments_of(function: Callable[..., Any]) -> dict[str, bool]:
    """The names of a function's arguments, and whether each must be given."""
    return {
        name: parameter.default is parameter.empty
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
