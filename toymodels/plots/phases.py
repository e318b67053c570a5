"""Phase diagrams with their key, and the surface of a loss of two weights."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, to_rgb
from matplotlib.ticker import FuncFormatter

from toymodels.arrays import AnyArray
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import BLUE, INK, LEVEL_COLORS
from toymodels.plots.words import prose

DEDICATED_COLOR = "#d9541e"
SUPERPOSED_COLOR = BLUE
CLASS_COLORS = np.array([(1.0, 1.0, 1.0), to_rgb(SUPERPOSED_COLOR), to_rgb(DEDICATED_COLOR)])
"""The colours of the classes of `analysis.phases`, by number."""


def phase_colors(
    norm: Float[AnyArray, "*batch"], superposition: Float[AnyArray, "*batch"]
) -> Float[np.ndarray, "*batch rgb"]:
    """The colour of a feature in a phase diagram (Elhage et al. 2022, "Superposition as a Phase Change"): white where
    it is not represented, orange where it has a dimension of its own, blue where it is in superposition, and what lies
    between.

    Args:
        norm: ‖W_i‖; 1 and above have the full colour.
        superposition: its interference Σ_{j≠i} (Ŵ_i·W_j)²; 1 and above are blue.

    >>> phase_colors(np.array(0.0), np.array(0.7)).tolist()
    [1.0, 1.0, 1.0]
    """
    norm, shared = (np.clip(np.asarray(values, float), 0, 1)[..., None] for values in (norm, superposition))
    white, superposed, dedicated = CLASS_COLORS
    return (1 - norm) * white + norm * (shared * superposed + (1 - shared) * dedicated)


def phase_diagram(
    colors: Float[AnyArray, "rows columns rgb"],
    importance: Float[AnyArray, " columns"],
    density: Float[AnyArray, " rows"],
    *,
    borders: Mapping[str, Sequence[tuple[AnyArray, AnyArray]]] = MappingProxyType({}),
    ax: Axes | None = None,
) -> Axes:
    """Colours over the extra feature's importance (to the right) and the density, 1 on top, both logarithmic.

    Args:
        colors: (rows, columns, 3), red, green and blue in [0, 1]; a row per density.
        importance: (columns,), positive, in geometric progression.
        density: (rows,), positive, in geometric progression.
        borders: by what they are called in a legend, lines (importances, densities); up to three kinds of them.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 3.6, 3.4)
    across, down = _edges(np.asarray(importance)), _edges(np.asarray(density))
    ax.pcolormesh(across, down, np.asarray(colors, float), rasterized=True)
    for (label, lines), style in zip(borders.items(), ("-", "--", ":"), strict=False):
        for number, (x, y) in enumerate(lines):
            ax.plot(x, y, style, color=INK, linewidth=1.2, label=prose(label) if number == 0 else None)
    ax.set(xscale="log", yscale="log", xlim=(across.min(), across.max()), ylim=(down.min(), down.max()))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: rf"{value:g}$\times$"))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.minorticks_off()
    ax.set(xlabel="relative importance of the extra feature", ylabel="density   [$\\,= 1 - S\\,$]", box_aspect=1)
    ax.spines[:].set_visible(True)
    return ax


def phase_key(*, ax: Axes | None = None) -> Axes:
    """The key to `phase_colors`: superposition to the right, norm upwards, and what the corners mean.

    Args:
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 2.2, 2.2)
    steps = np.linspace(0, 1, 64)
    ax.imshow(
        phase_colors(*np.meshgrid(steps, steps, indexing="ij")), origin="lower", extent=(0, 1, 0, 1), aspect="equal"
    )
    for x, y, word, color in (
        (0.5, 0.05, "not represented", INK),
        (0.05, 0.95, "own\ndimension", "white"),
        (0.95, 0.95, "in super-\nposition", "white"),
    ):
        side = {0.05: "left", 0.5: "center", 0.95: "right"}[x]
        ax.text(x, y, word, color=color, ha=side, va="bottom" if y < 0.5 else "top", fontsize=7)
    ax.set_xticks([0, 1], labels=["0", "$\\geq 1$"])
    ax.set_yticks([0, 1], labels=["0", "$\\geq 1$"])
    ax.set_xlabel("superposition\n$\\sum_{j \\neq i} (\\hat{W}_i \\cdot W_j)^2$", labelpad=-4)
    ax.set_ylabel("norm $\\Vert W_i \\Vert$", labelpad=-4)
    ax.spines[:].set_visible(True)
    return ax


def loss_surface(
    loss: Float[AnyArray, "rows columns"],
    a: Float[AnyArray, " columns"],
    c: Float[AnyArray, " rows"],
    *,
    levels: int = 24,
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Contours of a loss of two weights, dark where it is low, close together around the minima.

    Args:
        loss: (rows, columns), at c down the rows and a along them; positive.
        a, c: ascending.
        levels: the number of contours, whose losses are in geometric progression.
        limits: the lowest and the highest, for surfaces side by side; those of this loss if not given.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 3.4, 3.4)
    loss = np.asarray(loss, float)
    low, high = (float(loss.min()), float(loss.max())) if limits is None else limits
    steps = np.geomspace(low, high, levels)
    ax.contourf(a, c, loss, steps, cmap=LEVEL_COLORS, norm=LogNorm())
    ax.contour(a, c, loss, steps, colors="white", linewidths=0.4, alpha=0.6)
    ax.set(aspect="equal", xlabel="$a = W_1$", ylabel="$c = W_2$")
    return ax


def _edges(values: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k+1"]:
    """The edges of cells around values in geometric progression."""
    half = (values[1] / values[0]) ** 0.5
    return np.append(values / half, values[-1] * half)
