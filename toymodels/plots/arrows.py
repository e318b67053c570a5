"""Features as arrows in two hidden dimensions."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from toymodels.arrays import AnyArray, norms, weights_of_one
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import FAINT, FEATURE_COLORS, SET_COLORS


def directions(
    W: Float[AnyArray, "2 n"],
    *,
    importance: Float[AnyArray, " n"] | None = None,
    sets: Sequence[Sequence[int]] | None = None,
    numbers: bool = False,
    limit: float = 1.5,
    ax: Axes | None = None,
) -> Axes:
    """The direction W_i of each feature as an arrow from the origin, coloured by importance (Elhage et al. 2022,
    introductory figure: the more important the darker) or by the set to which the feature belongs ("Organization of
    Correlated and Anticorrelated Features").

    Args:
        W: (2, n).
        importance: (n,); without it features are coloured by their number.
        sets: the features of each set, which get one colour instead of that of their importance. Arrows of a set's
            first feature end in a dot, those of the others in a ring, so that two that coincide are seen as such.
            Features of no set are grey.
        numbers: whether to write each feature's number beyond the end of its arrow, if that is longer than 0.2.
        limit: half the width of the square that is shown.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: if both importance and sets are given.
    """
    if importance is not None and sets is not None:
        raise ValueError("directions colours by importance or by sets. Got both.")
    W = weights_of_one("directions", W, hidden=2)
    ax = axes_or_new(ax, 2.5, 2.5)
    rank = np.arange(W.shape[1]) if importance is None else np.argsort(np.argsort(-np.asarray(importance)))
    colors = list(mpl.colormaps[FEATURE_COLORS](0.85 * rank / max(1, W.shape[1] - 1)))
    ringed = set()
    if sets is not None:
        owner = {feature: number for number, members in enumerate(sets) for feature in members}
        colors = [SET_COLORS[owner[i] % len(SET_COLORS)] if i in owner else FAINT for i in range(W.shape[1])]
        ringed = {feature for members in sets for feature in members[1:]}
    circle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(circle), np.sin(circle), color=FAINT, linewidth=0.6, zorder=0)
    for number, (direction, length, color) in enumerate(zip(W.T, norms(W), colors, strict=True)):
        ax.plot([0, direction[0]], [0, direction[1]], color=color, linewidth=1.8, solid_capstyle="round")
        if number in ringed:
            ax.plot(*direction, "o", color=color, markersize=8, markerfacecolor="none")
        else:
            ax.plot(*direction, "o", color=color, markersize=4 if length > 0.05 else 2.5)
        if numbers and length > 0.2:
            x, y = direction * (1 + 0.17 / length)
            ax.text(x, y, str(number), color=color, ha="center", va="center", fontsize="small")
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax
