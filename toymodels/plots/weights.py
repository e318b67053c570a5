"""What a model computes and which features it superposes: WᵀW, b, and the features' norms."""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.colors import Normalize, SymLogNorm, to_rgba
from matplotlib.figure import Figure, SubFigure

from toymodels.analysis.geometry import interference
from toymodels.arrays import AnyArray, as_array, gram, norms, weights_of_one
from toymodels.plots.figures import axes_or_new, new_figure
from toymodels.plots.styles import INTERFERENCE_COLORS, PALE, WEIGHT_COLORS
from toymodels.plots.words import prose

WEIGHTS = "$W^TW$ and $b$"
"""Label of the scale of `weight_matrix`."""

HEIGHTS = [1, 1.3]  # of the matrix and the bars
INTERFERENCE_TICKS = (0, 0.5, 1, 2, 5, 10, 20, 50, 100)
MIN_NORM = 0.1  # below it a feature has no direction to speak of, and its interference is noise
GAPS_UP_TO = 40  # bars: with gaps between more of them they would flicker


class Scales(NamedTuple):
    """Ends of the scales of `superposition`.

    Attributes:
        weight: of WᵀW and b, on both sides of 0.
        interference: of the colours of the bars, from 0.
        norm: of the lengths of the bars, from 0.
    """

    weight: float = 1.0
    interference: float = 1.0
    norm: float = 1.3


def common_scales(W: Float[AnyArray, "*batch m n"], b: Float[AnyArray, "*batch n"]) -> Scales:
    """Scales that reach as far as any of these models, and at least as far as `Scales()`: what models side by side
    need for equal colours to mean equal numbers, with none beyond the end.

    >>> common_scales(np.array([[[1.2, 0.0]], [[2.0, -1.0]]]), np.zeros((2, 2))).weight
    4.0
    """
    W, b, least = np.asarray(W), np.asarray(b), Scales()
    return Scales(
        float(max(np.nanmax(abs(gram(W)), initial=least.weight), np.nanmax(abs(b), initial=0))),
        interference_limit(W),
        float(np.nanmax(1.05 * norms(W), initial=least.norm)),
    )


def interference_limit(W: Float[AnyArray, "*batch m n"]) -> float:
    """The end of a scale of interference that holds all features of these models with ‖W_i‖ ≥ 0.1; at least 1."""
    W = np.asarray(W)
    return float(np.where(has_direction(W), interference(W), 0).max(initial=1.0))


def has_direction(W: Float[np.ndarray, "*batch m n"]) -> Bool[np.ndarray, "*batch n"]:
    """Whether a feature is long enough for its interference to mean something."""
    return norms(W) >= MIN_NORM


def superposition(
    W: Float[AnyArray, "m n"],
    b: Float[AnyArray, " n"],
    *,
    title: str = "",
    scales: Scales | None = None,
    figure: Figure | SubFigure | None = None,
) -> np.ndarray:
    """WᵀW and b as a heat map, and below them ‖W_i‖ as bars coloured by interference (Elhage et al. 2022, "Basic
    Results").

    Args:
        W: (m, n).
        b: (n,).
        scales: those of this model if not given; models side by side need `common_scales`.
        figure: where to draw; a new one if not given.

    Returns:
        The two Axes (2,), from above.
    """
    figure = new_figure(2.0, 4.0) if figure is None else figure
    axes = figure.subplots(2, 1, height_ratios=HEIGHTS)
    scales = common_scales(W, b) if scales is None else scales
    weight_matrix(W, b, limit=scales.weight, ax=axes[0]).set_title(prose(title))
    norm_bars(W, limit=scales.norm, color_limit=scales.interference, ax=axes[1])
    return axes


def superposition_keys(scales: Scales = Scales(), *, figure: Figure | SubFigure | None = None) -> np.ndarray:
    """The two scales of colour of `superposition`, for a narrow figure beside a row of them.

    Args:
        scales: what the models were drawn with.
        figure: where to draw; a new one if not given.

    Returns:
        The two Axes (2,), from above.
    """
    figure = new_figure(0.9, 4.0) if figure is None else figure
    axes = figure.subplots(2, 1, height_ratios=HEIGHTS)
    figure.colorbar(weight_key(scales.weight), cax=axes[0], label=WEIGHTS)
    interference_bar(figure, scales.interference, cax=axes[1])
    for ax in axes:
        ax.set_box_aspect(9)
    return axes


def weight_key(limit: float = 1.0) -> ScalarMappable:
    """The scale of `weight_matrix`, for a colour bar."""
    return ScalarMappable(Normalize(-limit, limit), WEIGHT_COLORS)


def interference_key(limit: float = 1.0) -> ScalarMappable:
    """The scale of `norm_bars`: linear up to 1, where a feature is fully shared, and logarithmic from there to the
    limit."""
    return ScalarMappable(SymLogNorm(1, linscale=0.6, vmin=0, vmax=limit), INTERFERENCE_COLORS)


def interference_bar(figure: Figure | SubFigure, limit: float = 1.0, **options: Any) -> Colorbar:
    """A colour bar of `interference_key`.

    Args:
        figure: of the Axes that it belongs to.
        limit: the end of the scale.
        options: for `Figure.colorbar`, such as ax or cax.
    """
    bar = figure.colorbar(interference_key(limit), **{"label": "interference"} | options)
    ticks = [tick for tick in INTERFERENCE_TICKS if tick <= 1.001 * limit]
    bar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])
    bar.minorticks_off()
    return bar


def interference_colors(W: Float[np.ndarray, "m n"], limit: float) -> Float[np.ndarray, "n 4"]:
    """The colour of each feature on the scale of `interference_key`; grey for one with ‖W_i‖ < 0.1."""
    colors = interference_key(limit).to_rgba(interference(W))
    colors[~has_direction(W)] = to_rgba(PALE)
    return colors


def weight_matrix(
    W: Float[AnyArray, "m n"], b: Float[AnyArray, " n"], *, limit: float | None = None, ax: Axes | None = None
) -> Axes:
    """WᵀW, and b as a column beside it; blue is -limit, white 0, red +limit.

    Args:
        W: (m, n).
        b: (n,).
        limit: the value of the full colour; the largest |value|, and at least 1, if not given.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 2.5, 2.2)
    W, b = weights_of_one("weight_matrix", W), np.asarray(as_array("b of weight_matrix", b))
    if b.shape != W.shape[1:]:
        turned = ": features are columns here, give W.T" if b.shape == W.shape[:1] else ""
        raise ValueError(
            f"b of weight_matrix must have shape ({W.shape[1]},), as W has {W.shape}. Got {b.shape}{turned}."
        )
    limit = common_scales(W, b).weight if limit is None else limit
    n = W.shape[1]
    gap = max(1.0, 0.06 * n)
    width = max(1.0, 0.05 * n)
    for values, left, right in ((gram(W), 0, n), (b[:, None], n + gap, n + gap + width)):
        ax.imshow(
            values, cmap=WEIGHT_COLORS, vmin=-limit, vmax=limit, interpolation="nearest", extent=(left, right, n, 0)
        )
    ax.set(xlim=(0, n + gap + width), ylim=(n, 0), xticks=[n / 2, n + gap + width / 2], yticks=[])
    ax.set_xticklabels(["$W^TW$", "$b$"])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    return ax


def norm_bars(
    W: Float[AnyArray, "m n"],
    *,
    limit: float | None = None,
    color_limit: float | None = None,
    ax: Axes | None = None,
) -> Axes:
    """‖W_i‖ of each feature as a bar, coloured by its interference Σ_{j≠i} (Ŵ_i·W_j)²: 0 dark, a dimension of its own;
    the brighter the more it is shared. Grey: ‖W_i‖ < 0.1, where Ŵ_i is noise; bars of less than a hundredth of the axis
    are left out. The first feature is on top.

    Args:
        W: (m, n).
        limit: the right end of the axis of norms; 1.3, or beyond the longest, if not given.
        color_limit: the end of the scale of colours; `interference_limit(W)` if not given.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 2.0, 2.5)
    W = weights_of_one("norm_bars", W)
    n, lengths = W.shape[1], norms(W)
    limit = float(np.nanmax(1.05 * lengths, initial=Scales().norm)) if limit is None else limit
    colors = interference_colors(W, interference_limit(W) if color_limit is None else color_limit)
    lengths = np.where(lengths < limit / 100, 0, lengths)  # else hairlines
    ax.barh(np.arange(n), lengths, height=0.85 if n <= GAPS_UP_TO else 1, color=colors, snap=False, antialiased=False)
    ax.set(xlim=(0, limit), ylim=(n - 0.4, -0.6), xticks=[0, 1], yticks=[])
    ax.set_xlabel(r"$\Vert W_i \Vert$", labelpad=0)
    ax.spines[["left", "top", "right"]].set_visible(False)
    return ax
