"""Where plots draw: on the Axes that they are given, or on a figure of their own."""

from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.backends.registry import BackendFilter, backend_registry
from matplotlib.figure import Figure

OURS = "toymodels"
"""Name of the figure that stays with pyplot where nothing can be shown."""


def axes_or_new(ax: Axes | None, width_inches: float | int, height_inches: float | int) -> Axes:
    """The given Axes, or those of a new figure of this size."""
    return new_figure(width_inches, height_inches).subplots() if ax is None else ax


def new_figure(width_inches: float | int, height_inches: float | int, **options: Any) -> Figure:
    """A figure for one plot, which is pyplot's current one.

    In a window or a notebook it stays until it is shown, as pyplot's own do. Where nothing can be shown (Agg, PDF and
    so on) pyplot forgets it when the next plot makes one, so that figures in a loop do not pile up; whoever holds its
    Axes can go on using it.

    Args:
        width_inches, height_inches: its size.
        options: for `pyplot.figure`.
    """
    options = {"figsize": (width_inches, height_inches), "layout": "constrained"} | options
    backend = mpl.get_backend().lower()
    if backend in backend_registry.list_builtin(BackendFilter.NON_INTERACTIVE):
        plt.close(OURS)
        return plt.figure(OURS, **options)
    # A cell closes what it shows, so nothing piles up there. Not by rc_context: that would also undo that the backend
    # of notebooks, loaded by the first figure, turns interaction on, and later figures would not be shown.
    limit = mpl.rcParams["figure.max_open_warning"]
    mpl.rcParams["figure.max_open_warning"] = 0 if "inline" in backend else limit
    try:
        return plt.figure(**options)
    finally:
        mpl.rcParams["figure.max_open_warning"] = limit
