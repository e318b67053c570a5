"""Axes and colours on which densities stand as the paper has them: as 1 / density, logarithmic."""

from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from toymodels.arrays import AnyArray
from toymodels.plots.styles import LEVEL_COLORS

INVERSE_DENSITY = "1 / density"


def against_density(ax: Axes, density: Float[AnyArray, "*k"]) -> Float[np.ndarray, "*k"]:
    """Make the horizontal axis the paper's: 1 / density, logarithmic. Returns the places of these densities on it, so
    that `ax.plot(against_density(ax, density), values)` cannot say one thing and draw another.

    Args:
        ax: what is drawn on.
        density: in (0, 1], any shape.
    """
    ax.set(xscale="log", xlabel=f"{INVERSE_DENSITY}   [$\\,= 1 / (1 - S)\\,$]")
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    return 1 / np.asarray(density, dtype=float)


def scatter_by_density(
    ax: Axes, x: Float[AnyArray, "*k"], y: Float[AnyArray, "*k"], density: Float[AnyArray, "*k"], **options: Any
) -> Axes:
    """Dots coloured by 1 / density, the densest dark, with a colour bar.

    Args:
        ax: where to draw.
        x, y, density: of each dot, of one shape.
        options: for `Axes.scatter`.
    """
    numbers = 1 / np.asarray(density, dtype=float)
    dots = ax.scatter(np.asarray(x), np.asarray(y), c=numbers, norm=LogNorm(), cmap=LEVEL_COLORS, **options)
    ax.figure.colorbar(dots, ax=ax, label=INVERSE_DENSITY, format=FuncFormatter(lambda value, _: f"{value:g}"))
    return ax
