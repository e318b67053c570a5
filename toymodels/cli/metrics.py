"""Metrics by name."""

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from toymodels.analysis import geometry
from toymodels.checks import near_matches
from toymodels.training.engine.ask import Metric


def read_metrics(names: Sequence[str]) -> dict[str, Metric]:
    """Functions by name: those of `toymodels.analysis.geometry`, or `module:function`, where modules in the current
    directory are found too.

    Raises:
        ValueError: for what does not exist, with near matches, and for two metrics of the same name.

    >>> list(read_metrics(["n_represented"]))
    ['n_represented']
    """
    metrics: dict[str, Metric] = {}
    for name in names:
        short = name.rpartition(":")[2]
        if short in metrics:
            raise ValueError(f"metrics must have names of their own. Got two that are called {short!r}.")
        metrics[short] = _imported(name) if ":" in name else _of_geometry(name)
    return metrics


def _of_geometry(name: str) -> Metric:
    there = {own: getattr(geometry, own) for own in geometry.__all__}
    if name not in there:
        raise ValueError(
            f"metrics has {name!r}, which is not a function of toymodels.analysis.geometry. "
            f'{near_matches(name, there)} A function of your own is "module:function".'
        )
    return there[name]


def _imported(name: str) -> Metric:
    """The function that `module:function` names."""
    module_name, _, function_name = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the module does
        raise ValueError(f"metrics has {name!r}: cannot import {module_name!r}: {error}") from error
    if not hasattr(module, function_name):
        there = [own for own, value in vars(module).items() if callable(value)]
        raise ValueError(f"metrics has {name!r}, which {module_name!r} lacks. {near_matches(function_name, there)}")
    return getattr(module, function_name)
