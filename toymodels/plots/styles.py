"""What all plots share: colours, settings, small multiples."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from toymodels.plots.figures import new_figure
from toymodels.plots.words import prose

FEATURE_COLORS = "viridis"  # importance: dark is most important
INTERFERENCE_COLORS = "cividis"  # 0 dark: a dimension of its own; 1 bright: fully shared
LEVEL_COLORS = "viridis"  # numbers of one sign: dark is low
WEIGHT_COLORS = "RdBu_r"  # signed: blue negative, white 0, red positive
POSITIVE, NEGATIVE = "#b2182b", "#2166ac"  # one sign each, of the same hues
SET_COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # for the colour-blind too (Okabe, Ito)
INK, FAINT = "#303030", "#b8b8b8"  # lines that are meant to be read, and lines to compare with
PALE, SHADE = "#d8d8d8", "#ececec"  # areas of what is left over, and of what is marked
BLUE, ORANGE, RED = "#1f5a99", "#d08a3c", "#c1443c"  # curves: the first, one beside it, and a third one


def shades(count: int) -> list[str]:
    """Colours of curves that are ordered by a number, from dark to bright.

    >>> shades(3)
    ['#440154', '#25848e', '#bddf26']
    """
    return [to_hex(color) for color in mpl.colormaps[LEVEL_COLORS](np.linspace(0, 0.9, count))]


def style() -> dict[Any, Any]:
    """Settings for `matplotlib.rc_context`: small sans-serif text, thin axes, no frame around what needs none; black on
    opaque white, whatever the theme of the notebook or the page."""
    return {
        "axes.edgecolor": INK,
        "axes.facecolor": "white",
        "axes.labelcolor": "black",
        "axes.labelsize": 9,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 9,
        "figure.dpi": 110,
        "figure.facecolor": "white",
        "font.size": 9,
        "legend.frameon": False,
        "savefig.dpi": 160,
        "savefig.facecolor": "white",
        "savefig.transparent": False,
        "svg.hashsalt": "toymodels",
        "text.color": "black",
        "xtick.color": "black",
        "xtick.labelsize": 8,
        "ytick.color": "black",
        "ytick.labelsize": 8,
    }


def panels(
    draw: Callable[..., Axes],
    items: Sequence[Any] | np.ndarray,
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    panel_inches: float | int = 2.0,
    **options: Any,
) -> np.ndarray:
    """Small multiples: `draw(item, ax=ax, **options)` for each item, in rows of `columns`. Returns the Axes (items,).

    For example `panels(directions, run.W)` draws all restarts.

    Raises:
        ValueError: without items, and if there are not as many titles.
    """
    if len(items) == 0:
        raise ValueError("items of panels must be one or more. Got none.")
    if titles is not None and len(titles) != len(items):
        raise ValueError(f"titles of panels must be one for each of the {len(items)} items. Got {len(titles)}.")
    columns = min(len(items), columns or 8)
    rows = -(-len(items) // columns)
    axes = new_figure(panel_inches * columns, panel_inches * rows).subplots(rows, columns, squeeze=False).ravel()
    for ax in axes[len(items) :]:
        ax.remove()
    for number, (item, ax) in enumerate(zip(items, axes, strict=False)):
        draw(item, ax=ax, **options)
        if titles is not None:
            ax.set_title(prose(titles[number]))
    return axes[: len(items)]
