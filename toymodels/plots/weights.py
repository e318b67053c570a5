"""What a model computes and which features it superposes: WᵀW, b, and the features' norms."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure, SubFigure

from toymodels.analysis.geometry import interference
from toymodels.arrays import AnyArray, as_array, gram, norms, weights_of_one
from toymodels.plots.figures import axes_or_new, new_figure
from toymodels.plots.styles import INTERFERENCE_COLORS, WEIGHT_COLORS
from toymodels.plots.words import prose

WEIGHTS = "$W^TW$ and $b$"
"""Label of the scale of `weight_matrix`."""

HEIGHTS = [1, 1.3]  # of the matrix and the bars


def superposition(
    W: Float[AnyArray, "m n"],
    b: Float[AnyArray, " n"],
    *,
    title: str = "",
    figure: Figure | SubFigure | None = None,
) -> np.ndarray:
    """WᵀW and b as a heat map, and below them ‖W_i‖ as bars coloured by interference (Elhage et al. 2022, "Basic
    Results").

    Args:
        W: (m, n).
        b: (n,).
        figure: where to draw; a new one if not given.

    Returns:
        The two Axes (2,), from above.
    """
    figure = new_figure(2.0, 4.0) if figure is None else figure
    axes = figure.subplots(2, 1, height_ratios=HEIGHTS)
    weight_matrix(W, b, ax=axes[0]).set_title(prose(title))
    norm_bars(W, ax=axes[1])
    return axes


def superposition_keys(*, figure: Figure | SubFigure | None = None) -> np.ndarray:
    """The two scales of colour of `superposition`, for a narrow figure beside a row of them.

    Args:
        figure: where to draw; a new one if not given.

    Returns:
        The two Axes (2,), from above.
    """
    figure = new_figure(0.9, 4.0) if figure is None else figure
    axes = figure.subplots(2, 1, height_ratios=HEIGHTS)
    keys = {WEIGHTS: weight_key(), "interference": interference_key()}
    for ax, (label, key) in zip(axes, keys.items(), strict=True):
        figure.colorbar(key, cax=ax, label=label)
        ax.set_box_aspect(9)
    return axes


def weight_key(limit: float = 1.0) -> ScalarMappable:
    """The scale of `weight_matrix`, for a colour bar."""
    return ScalarMappable(Normalize(-limit, limit), WEIGHT_COLORS)


def interference_key() -> ScalarMappable:
    """The scale of `norm_bars`, for a colour bar."""
    return ScalarMappable(Normalize(0, 1), INTERFERENCE_COLORS)


def weight_matrix(
    W: Float[AnyArray, "m n"], b: Float[AnyArray, " n"], *, limit: float = 1.0, ax: Axes | None = None
) -> Axes:
    """WᵀW, and b as a column beside it; blue is -limit, white 0, red +limit.

    Args:
        W: (m, n).
        b: (n,).
        limit: the value of the full colour.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 2.5, 2.2)
    W, b = weights_of_one("weight_matrix", W), np.asarray(as_array("b of weight_matrix", b))
    if b.shape != W.shape[1:]:
        turned = ": features are columns here, give W.T" if b.shape == W.shape[:1] else ""
        raise ValueError(
            f"b of weight_matrix must have shape ({W.shape[1]},), as W has {W.shape}. Got {b.shape}{turned}."
        )
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


def norm_bars(W: Float[AnyArray, "m n"], *, limit: float = 1.3, ax: Axes | None = None) -> Axes:
    """‖W_i‖ of each feature as a bar, coloured by its interference Σ_{j≠i} (Ŵ_i·W_j)² from 0 (dark: a dimension of
    its own) to 1 (bright: fully shared). The first feature is on top.

    Args:
        W: (m, n).
        limit: the right end of the axis of norms.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 2.0, 2.5)
    W = weights_of_one("norm_bars", W)
    ax.barh(np.arange(W.shape[1]), norms(W), height=0.85, color=interference_key().to_rgba(interference(W)))
    ax.set(xlim=(0, limit), ylim=(W.shape[1] - 0.4, -0.6), xticks=[0, 1], yticks=[])
    ax.set_xlabel(r"$\Vert W_i \Vert$", labelpad=0)
    ax.spines[["left", "top", "right"]].set_visible(False)
    return ax
