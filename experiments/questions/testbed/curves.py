"""Measured numbers beside exact ones: what the figures of failures are made of."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Results, at_most
from toymodels import cases


class Curve(NamedTuple):
    """What is measured in a sweep, and what it is exactly.

    Attributes:
        sentence: what is measured.
        sweep: where.
        measured: the numbers (..., x), one or several at each place.
        x: their places on the horizontal axis.
        exact: the numbers at any x.
        label: in the legend of a panel with several curves.
    """

    sentence: str
    sweep: str
    measured: Callable[[xr.Dataset], np.ndarray]
    x: np.ndarray
    exact: Callable[[np.ndarray], np.ndarray]
    label: str = ""


class Panel(NamedTuple):
    """Curves that belong together.

    Attributes:
        title: of the panel.
        xlabel: of its horizontal axis.
        ylabel: of its vertical axis.
        limits: of the horizontal axis; exact curves start at 0 or further right.
        curves: what is drawn.
    """

    title: str
    xlabel: str
    ylabel: str
    limits: tuple[float, float]
    curves: tuple[Curve, ...]


def mean(name: str) -> Callable[[xr.Dataset], np.ndarray]:
    """A number of a sweep or a card by level, the mean over techniques, cases and seeds."""
    return lambda one: one[name].mean([dim for dim in ("technique", "case", "seed") if dim in one.dims]).values


def each(name: str) -> Callable[[xr.Dataset], np.ndarray]:
    """A number of a card of one technique and one case, (seed, level)."""
    return lambda one: one[name].squeeze(("technique", "case")).transpose("seed", "level").values


def raw_of(technique: str, case: str | None = None) -> Callable[[xr.Dataset], np.ndarray]:
    """The raw score of one technique of a card by level, the mean over seeds and cases, or that on one case."""
    chosen = {"technique": technique} if case is None else {"technique": technique, "case": [case]}
    return lambda card: card.raw.sel(chosen).mean(("case", "seed")).values


def draw_panel(ax: Axes, panel: Panel, results: Results) -> None:
    """Measured numbers as points, exact ones as lines."""
    x = np.linspace(max(panel.limits[0], 0), panel.limits[1], 201)
    sizes = np.linspace(4.5, 6.5, len(panel.curves))[::-1]  # so that points in the same place are seen
    for color, size, curve in zip(tm.plots.SET_COLORS, sizes, panel.curves, strict=False):
        measured = curve.measured(results[curve.sweep])
        places = np.broadcast_to(curve.x, measured.shape).ravel()
        ax.plot(x, curve.exact(x), color=tm.plots.INK, linewidth=0.9, zorder=0)
        ax.plot(places, measured.ravel(), "o", color=color, markersize=size, label=curve.label)
    ax.set(title=panel.title, xlabel=panel.xlabel, ylabel=panel.ylabel, xlim=panel.limits)
    if len(panel.curves) > 1:
        ax.legend(fontsize=7.5)


def draw_row(panels: Sequence[Panel], results: Results, width: float) -> Figure:
    """Panels of numbers from 0 to 1, side by side."""
    figure, axes = plt.subplots(1, len(panels), figsize=(width, 3.0), layout="constrained")
    for ax, panel in zip(axes, panels, strict=True):
        draw_panel(ax, panel, results)
        ax.set_ylim(0, 1.05)
    return figure


def write_cells(ax: Axes, values: np.ndarray, digits: int = 2, least: float = 0.0, limit: float = 1.0) -> None:
    """The numbers of a matrix in its cells, whose colours reach to `limit`, but for those nearer to 0 than `least`."""
    for (row, column), value in np.ndenumerate(values):
        text = f"{round(float(value), digits) + 0.0:.{digits}f}".replace("0.", ".")
        color = "white" if abs(value) > 0.6 * limit else tm.plots.INK
        if abs(value) >= least:
            ax.text(column, row, text, ha="center", va="center", fontsize=7, color=color)


def claims_of(panels: Sequence[Panel], results: Results, full: bool) -> list[Claim]:
    """Every exact number is met within 2 % of itself; what is 0 is 0."""
    return [near(curve, results) for panel in panels for curve in panel.curves]


def near(curve: Curve, results: Results) -> Claim:
    """The numbers of one curve are the exact ones."""
    measured, exact = curve.measured(results[curve.sweep]), curve.exact(curve.x)
    if exact.any():
        return at_most(f"{curve.sentence}: largest relative error", abs(measured / exact - 1).max(), 0.02)
    return at_most(f"{curve.sentence}: largest", abs(measured).max(), 0)


def pentagon() -> tuple[float, float]:
    """‖W_i‖² and b of `cases.polygon(5)`."""
    module: Any = cases.polygon(5).module()
    return float(jnp.square(module.W[...]).sum(0)[0]), float(module.b[...][0])


def a_twentieth_more(results: Results) -> Results:
    """What is measured is 5 % larger, but for the weights of trained dictionaries."""
    return results.map(lambda one: one if "W_dec" in one else 1.05 * one)
