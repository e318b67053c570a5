"""What the neurons of a hidden layer stand for: their weights, and stacked bars of the features in each."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from toymodels.analysis.neurons import monosemantic, polysemantic
from toymodels.arrays import AnyArray
from toymodels.plots.figures import axes_or_new, new_figure
from toymodels.plots.styles import FAINT, INK, SET_COLORS, WEIGHT_COLORS
from toymodels.plots.weights import interference_bar, interference_colors, interference_limit, weight_key
from toymodels.plots.words import prose

KIND_MARKERS: Mapping[str, tuple[str, str]] = {
    "monosemantic": ("s", SET_COLORS[0]),
    "polysemantic": ("D", SET_COLORS[1]),
}
"""Marker and colour of a neuron that stands for one feature, and of one that stands for several."""


def neurons(
    W: Float[AnyArray, "models m n"],
    titles: Sequence[str],
    *,
    limit: float | None = None,
    bar_limits: tuple[float, float] | None = None,
    panel_inches: float | int = 1.4,
) -> np.ndarray:
    """The weights of the neurons of several models side by side, and below them the same as stacked bars on a common
    scale (Elhage et al. 2022, "Superposition in a Privileged Basis"). Neurons stand in the order of the rows of W; see
    `analysis.neurons.neuron_order`.

    Args:
        W: (models, m, n).
        titles: of the models.
        limit: the weight of the full colour; the largest |weight|, and at least 1, if not given.
        bar_limits: where bars are cut off, below and above; beyond the longest if not given.
        panel_inches: width of a model's column.

    Returns:
        The Axes (2, models), heat maps above and bars below.

    Raises:
        ValueError: if there is not one title per model.
    """
    weights = np.asarray(W)
    models = len(weights)
    if len(titles) != models:
        raise ValueError(f"titles of neurons must be one for each of the {models} models. Got {len(titles)}.")
    figure = new_figure(panel_inches * models + 1.6, 4.8)
    axes = figure.subplots(2, models, sharey="row", squeeze=False)
    limit = _largest(weights) if limit is None else limit
    bar_limits = _limits(weights) if bar_limits is None else bar_limits
    color_limit = interference_limit(weights)
    for model, title, (matrix_ax, bars_ax) in zip(weights, titles, axes.T, strict=True):
        neuron_matrix(model, limit=limit, ax=matrix_ax).set_title(prose(title))
        neuron_bars(model, limits=bar_limits, color_limit=color_limit, ax=bars_ax)
    for ax in axes[:, 1:].flat:
        ax.set_ylabel("")
    beyond = "both" if abs(weights).max() > limit else "neither"
    figure.colorbar(weight_key(limit), ax=axes[0], label="weight", aspect=12, extend=beyond)
    interference_bar(figure, color_limit, ax=axes[1], label="feature's interference", aspect=12)
    marks = [
        Line2D([], [], linestyle="", marker=marker, color=color, markersize=5, label=f"{kind} neuron")
        for kind, (marker, color) in KIND_MARKERS.items()
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=2, fontsize=8, handletextpad=0.2)
    return axes


def neuron_matrix(W: Float[AnyArray, "m n"], *, limit: float | None = None, ax: Axes | None = None) -> Axes:
    """Weights as a heat map, one column per neuron and one row per feature, the first feature on top; blue is -limit,
    white 0, red +limit.

    Args:
        W: (m, n).
        limit: the weight of the full colour; the largest |weight|, and at least 1, if not given.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 1.6, 2.6)
    weights = np.asarray(W)
    limit = _largest(weights) if limit is None else limit
    ax.imshow(weights.T, cmap=WEIGHT_COLORS, vmin=-limit, vmax=limit, interpolation="nearest", aspect="auto")
    m, n = weights.shape
    ax.hlines(np.arange(n + 1) - 0.5, -0.5, m - 0.5, color="white", linewidth=0.6)
    ax.vlines(np.arange(m + 1) - 0.5, -0.5, n - 0.5, color="white", linewidth=0.6)
    ax.set(xticks=[], yticks=[], ylabel="features")
    ax.spines[:].set_visible(True)
    ax.spines[:].set_color(FAINT)
    return ax


def neuron_bars(
    W: Float[AnyArray, "m n"],
    *,
    limits: tuple[float, float] | None = None,
    color_limit: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A stacked bar per neuron, with a segment as long as the weight for each feature, the first feature innermost;
    negative weights go down. Segments are coloured by the interference Σ_{j≠i} (Ŵ_i·W_j)² of the feature: 0 dark, a
    direction of its own; the brighter the more it is shared; grey where ‖W_i‖ < 0.1. Below each bar, a square marks a
    monosemantic neuron, a diamond a polysemantic one, and nothing a dead one.

    Args:
        W: (m, n).
        limits: lower and upper end of the axis; beyond the longest bars if not given.
        color_limit: the end of the scale of colours; `interference_limit(W)` if not given.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 1.8, 2.2)
    weights = np.asarray(W)
    m = len(weights)
    colors = interference_colors(weights, interference_limit(weights) if color_limit is None else color_limit)
    ends = {sign: np.zeros(m) for sign in (1, -1)}
    for feature, color in enumerate(colors):
        for sign, end in ends.items():
            heights = sign * np.maximum(sign * weights[:, feature], 0)
            ax.bar(np.arange(m), heights, bottom=end, width=0.8, color=color, edgecolor="white", linewidth=0.4)
            end += heights
    ax.axhline(0, color=INK, linewidth=0.6)
    for of_kind, (marker, color) in zip(_kinds(weights), KIND_MARKERS.values(), strict=True):
        for neuron in np.flatnonzero(of_kind):
            ax.plot(
                neuron,
                -0.07,
                marker,
                color=color,
                markersize=5,
                transform=ax.get_xaxis_transform(),
                clip_on=False,
            )
    ax.set(xlim=(-0.5, m - 0.5), ylim=_limits(weights) if limits is None else limits, xticks=[])
    ax.set_xlabel("neurons", labelpad=15)
    ax.set_ylabel("weights, stacked")
    ax.spines["bottom"].set_visible(False)
    return ax


def _largest(W: Float[np.ndarray, "*batch m n"]) -> float:
    """The largest |weight|; 1 where none is larger."""
    return float(np.nanmax(abs(W), initial=1.0))


def _limits(W: Float[np.ndarray, "*batch m n"]) -> tuple[float, float]:
    """A little more than the longest bars downwards and upwards; 1 where they are shorter."""
    down, up = (float(np.nanmax(1.05 * np.maximum(sign * W, 0).sum(-1), initial=1.0)) for sign in (-1, 1))
    return -down, up


def _kinds(W: Float[np.ndarray, "m n"]) -> tuple[Bool[np.ndarray, " m"], Bool[np.ndarray, " m"]]:
    """Which neurons are of the kinds of `KIND_MARKERS`."""
    return monosemantic(W), polysemantic(W)
