"""Metrics by name."""

from collections.abc import Sequence

from toymodels.analysis import geometry
from toymodels.names import Names
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
        metrics[short] = METRICS.resolve("one of metrics", name)
    return metrics


METRICS = Names(
    "a function of toymodels.analysis.geometry",
    {own: getattr(geometry, own) for own in (*geometry.__all__, "gram", "norms")},
)
