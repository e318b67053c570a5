"""What the neurons of a hidden layer stand for: their weights, and stacked bars of the features in each."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D

from toymodels.analysis.geometry import AnyArray, interference
from toymodels.analysis.neurons import monosemantic, polysemantic
from toymodels.plots.style import FAINT, INK, WEIGHT_COLORS
from toymodels.plots.superposition import interference_key, weight_key

KIND_MARKERS: Mapping[str, tuple[str, str]] = {"monosemantic": ("s", "#0072b2"), "polysemantic": ("D", "#d55e00")}
"""Marker and colour of a neuron that stands for one feature, and of one that stands for several."""


def neurons(
    W: Float[AnyArray, "m n"],
    *,
    title: str = "",
    limit: float = 1.0,
    bar_limit: float | None = None,
    figure: Figure | SubFigure | None = None,
) -> Figure | SubFigure:
    """The weights of each neuron, and below them the same as stacked bars (Elhage et al. 2022, "Superposition in a
    Privileged Basis"). Neurons are columns, in the order of the rows of W; see `analysis.neurons.neuron_order`.

    Args:
        W: (m, n).
        limit: the weight of the full colour.
        bar_limit: upper and lower end of the axis of the bars; as long as the longest bar if not given.
        figure: where to draw; a new one if not given.
    """
    figure = plt.figure(figsize=(1.8, 4.2), layout="constrained") if figure is None else figure
    matrix_ax, bars_ax = figure.subplots(2, 1)
    neuron_matrix(W, limit=limit, ax=matrix_ax)
    neuron_bars(W, limit=bar_limit, ax=bars_ax)
    matrix_ax.set_title(title)
    return figure


def neuron_matrix(W: Float[AnyArray, "m n"], *, limit: float = 1.0, ax: Axes | None = None) -> Axes:
    """Weights as a heat map, a column a neuron and a row a feature, the first feature on top; blue is -limit, white 0,
    red +limit.

    Args:
        W: (m, n).
        limit: the weight of the full colour.
        ax: where to draw; a new figure if not given.
    """
    ax = plt.subplots(figsize=(1.6, 2.6), layout="constrained")[1] if ax is None else ax
    weights = np.asarray(W)
    ax.imshow(weights.T, cmap=WEIGHT_COLORS, vmin=-limit, vmax=limit, interpolation="nearest")
    m, n = weights.shape
    ax.hlines(np.arange(n + 1) - 0.5, -0.5, m - 0.5, color="white", linewidth=0.6)
    ax.vlines(np.arange(m + 1) - 0.5, -0.5, n - 0.5, color="white", linewidth=0.6)
    ax.set(xticks=[], yticks=[], xlabel="neurons", ylabel="features")
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(FAINT)
    return ax


def neuron_bars(W: Float[AnyArray, "m n"], *, limit: float | None = None, ax: Axes | None = None) -> Axes:
    """A stacked bar a neuron, with a segment as long as the weight for each feature, the first feature innermost;
    negative weights go down. Segments are coloured by the interference Σ_{j≠i} (Ŵ_i·W_j)² of the feature from 0 (dark:
    a direction of its own) to 1 (bright: fully shared). Below each bar, a square marks a monosemantic neuron, a diamond
    a polysemantic one, and nothing a dead one.

    Args:
        W: (m, n).
        limit: upper and lower end of the axis; as long as the longest bar if not given.
        ax: where to draw; a new figure if not given.
    """
    ax = plt.subplots(figsize=(1.8, 2.2), layout="constrained")[1] if ax is None else ax
    weights = np.asarray(W)
    m = len(weights)
    colors = interference_key().to_rgba(interference(weights))
    ends = {sign: np.zeros(m) for sign in (1, -1)}
    for feature, color in enumerate(colors):
        for sign, end in ends.items():
            heights = sign * np.maximum(sign * weights[:, feature], 0)
            ax.bar(np.arange(m), heights, bottom=end, width=0.8, color=color, edgecolor="white", linewidth=0.4)
            end += heights
    longest = max(abs(end).max() for end in ends.values())
    limit = 1.05 * longest if limit is None else limit
    ax.axhline(0, color=INK, linewidth=0.6)
    for of_kind, (marker, color) in zip(_kinds(weights), KIND_MARKERS.values(), strict=True):
        ax.plot(
            np.flatnonzero(of_kind),
            np.full(of_kind.sum(), -0.07),
            marker,
            color=color,
            markersize=5,
            transform=ax.get_xaxis_transform(),
            clip_on=False,
        )
    ax.set(xlim=(-0.6, m - 0.4), ylim=(-limit, limit), xticks=[])
    ax.set_xlabel("neurons", labelpad=10)
    ax.spines["bottom"].set_visible(False)
    return ax


def neuron_keys(figure: Figure | SubFigure) -> None:
    """The scales of colour and the marks of `neurons`, for a narrow figure beside a row of them."""
    above, below = figure.subplots(2, 1)
    for ax, (label, key) in zip(
        (above, below), {"W": weight_key(), "interference": interference_key()}.items(), strict=True
    ):
        figure.colorbar(key, cax=ax, label=label)
        ax.set_box_aspect(9)
    marks = [
        Line2D([], [], linestyle="", marker=marker, color=color, markersize=5, label=label)
        for label, (marker, color) in KIND_MARKERS.items()
    ]
    figure.legend(handles=marks, loc="lower left", fontsize=8, handletextpad=0.2, borderpad=0)


def _kinds(W: Float[np.ndarray, "m n"]) -> tuple[Bool[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
    """Which neurons are of the kinds of `KIND_MARKERS`."""
    return monosemantic(W), polysemantic(W)
