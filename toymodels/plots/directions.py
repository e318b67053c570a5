"""Features as arrows in two hidden dimensions."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from toymodels.analysis.geometry import AnyArray, norms
from toymodels.plots.style import FAINT, FEATURE_COLORS


def directions(
    W: Float[AnyArray, "2 n"],
    *,
    importance: Float[AnyArray, " n"] | None = None,
    limit: float = 1.5,
    ax: Axes | None = None,
) -> Axes:
    """The direction W_i of each feature as an arrow from the origin, coloured by importance (Elhage et al. 2022,
    introductory figure: the more important the darker).

    Args:
        W: (2, n).
        importance: (n,); without it features are coloured by their number.
        limit: half the width of the square that is shown.
        ax: where to draw; a new figure if not given.
    """
    W = np.asarray(W)
    ax = plt.subplots(figsize=(2.5, 2.5), layout="constrained")[1] if ax is None else ax
    rank = np.arange(W.shape[1]) if importance is None else np.argsort(np.argsort(-np.asarray(importance)))
    colors = mpl.colormaps[FEATURE_COLORS](0.85 * rank / max(1, W.shape[1] - 1))
    circle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(circle), np.sin(circle), color=FAINT, linewidth=0.6, zorder=0)
    for direction, length, color in zip(W.T, norms(W), colors, strict=True):
        ax.plot([0, direction[0]], [0, direction[1]], color=color, linewidth=1.8, solid_capstyle="round")
        ax.plot(*direction, "o", color=color, markersize=4 if length > 0.05 else 2.5)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax
