"""What all plots share: colours, settings, small multiples."""

from collections.abc import Callable, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

FEATURE_COLORS = "viridis"  # importance: dark is most important
INTERFERENCE_COLORS = "cividis"  # 0 dark: a dimension of its own; 1 bright: fully shared
WEIGHT_COLORS = "RdBu_r"  # signed: blue negative, white 0, red positive
INK = "#303030"
FAINT = "#b8b8b8"


def style() -> dict[Any, Any]:
    """Settings for `matplotlib.rc_context`: small sans-serif text, thin axes, no frame around what needs none."""
    return {
        "axes.edgecolor": INK,
        "axes.labelsize": 9,
        "axes.linewidth": 0.6,
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 9,
        "figure.dpi": 110,
        "font.size": 9,
        "legend.frameon": False,
        "savefig.dpi": 160,
        "svg.hashsalt": "toymodels",
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
    }


def panels(
    draw: Callable[..., Axes],
    items: Sequence[Any] | np.ndarray,
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    panel_inches: float = 2.0,
    **options: Any,
) -> Figure:
    """Small multiples: `draw(item, ax=ax, **options)` for each item, in rows of `columns`.

    For example `panels(directions, run.W)` draws all restarts.
    """
    columns = min(len(items), columns or 8)
    rows = -(-len(items) // columns)
    figure, axes = plt.subplots(
        rows, columns, figsize=(panel_inches * columns, panel_inches * rows), squeeze=False, layout="constrained"
    )
    for ax in axes.flat[len(items) :]:
        ax.remove()
    for number, (item, ax) in enumerate(zip(items, axes.flat, strict=False)):
        draw(item, ax=ax, **options)
        if titles is not None:
            ax.set_title(titles[number])
    return figure
