"""Metrics: numbers computed from each trained model in the program that evaluates it.

A metric is a function whose arguments are named after what it needs: parameters of the model (`W`, `b`, ...), `params`
(all of them by name), `module` (the trained nnx.Module), `task`, or `key` (a JAX key, the same for all models of a
seed). Arguments with a default that have other names keep their default. It returns a number or an array.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from flax import nnx
from jaxtyping import Array, PRNGKeyArray

from toymodels.checks import near_matches

Metric = Callable[..., Any]
Metrics = tuple[tuple[str, Metric], ...]
"""Names and functions; part of the compiled program."""

OFFERED = ("params", "module", "task", "key")


def compute_metrics(
    metrics: Metrics, params: Mapping[str, Array], module: nnx.Module, task: Any, key: PRNGKeyArray
) -> dict[str, Array]:
    """The value of each metric for one model."""
    offered = {**params, "params": dict(params), "module": module, "task": task, "key": key}
    return {
        name: metric(**{argument: offered[argument] for argument in _arguments(metric) if argument in offered})
        for name, metric in metrics
    }


def check_metrics(metrics: Metrics, params: Mapping[str, Any]) -> None:
    """Raise ValueError if a metric needs what is not there."""
    names = (*params, *OFFERED)
    for name, metric in metrics:
        try:
            arguments = _arguments(metric)
        except (TypeError, ValueError) as error:
            raise ValueError(f"metric {name!r} must be a function whose arguments have names: {error}") from error
        for argument, needed in arguments.items():
            if needed and argument not in names:
                raise ValueError(
                    f"metric {name!r} has an argument {argument!r}, which is neither a parameter of the model nor one "
                    f"of {', '.join(OFFERED)}. {near_matches(argument, names)}"
                )


def _arguments(metric: Metric) -> dict[str, bool]:
    """The names of a metric's arguments, and whether each must be given."""
    return {
        name: parameter.default is parameter.empty
        for name, parameter in inspect.signature(metric).parameters.items()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    }
