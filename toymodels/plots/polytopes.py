"""Arrangements drawn as polytopes, and solutions in the plane laid over each other."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes

from toymodels.arrays import AnyArray
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import BLUE, FAINT, INK

EDGE = 1.25  # neighbours are at most so much farther apart than the nearest two


def polytope(
    W: Float[AnyArray, "d k"],
    *,
    azimuth: float = 25.0,
    elevation: float = 20.0,
    limit: float = 1.25,
    ax: Axes | None = None,
) -> Axes:
    """Directions in up to three dimensions as dots, joined to the origin, and to each other where they are neighbours:
    no farther apart than 1.25 times the nearest two. In three dimensions what is behind is fainter.

    Args:
        W: (d, k), d = 1, 2 or 3.
        azimuth: degrees by which three dimensions are turned about the third axis.
        elevation: degrees from which they are seen above the first two axes.
        limit: half the width of the square that is shown.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for more than three dimensions.
    """
    W = np.asarray(W, dtype=float)
    if not 1 <= len(W) <= 3:
        raise ValueError(f"W of polytope must have 1, 2 or 3 dimensions. Got {len(W)}.")
    ax = axes_or_new(ax, 2, 2)
    right, up, towards = _seen(W, azimuth, elevation)
    near = np.interp(towards, [-1, 1], [0.3, 1]) if len(W) == 3 else np.ones(W.shape[1])
    distances = np.linalg.norm(W[:, :, None] - W[:, None, :], axis=0)
    first, second = np.triu_indices(W.shape[1], 1)
    apart = distances[first, second]
    for i, j in zip(first[apart < EDGE * apart.min()], second[apart < EDGE * apart.min()], strict=True):
        ax.plot(right[[i, j]], up[[i, j]], color=(BLUE, (near[i] + near[j]) / 2), linewidth=1.1)
    for x, y, strength in zip(right, up, near, strict=True):
        ax.plot([0, x], [0, y], color=FAINT, linewidth=0.7, zorder=0)
        ax.plot(x, y, "o", color=(BLUE, strength), markersize=3 + 1.5 * strength, markeredgewidth=0)
    ax.plot(0, 0, ".", color=FAINT, markersize=3, zorder=0)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def overlay(
    W: Float[AnyArray, "r 2 n"],
    *,
    marked: int | None = None,
    color: str = INK,
    limit: float = 1.4,
    ax: Axes | None = None,
) -> Axes:
    """Solutions in two dimensions, as a rule aligned, over each other: arrows of the first strong, of the others thin.

    Args:
        W: (r, 2, n).
        marked: the number of a feature that is drawn in colour, the others being grey.
        color: of the marked feature.
        limit: half the width of the square that is shown.
        ax: where to draw; a new figure if not given.
    """
    W = np.asarray(W)
    ax = axes_or_new(ax, 2, 2)
    circle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(circle), np.sin(circle), color=FAINT, linewidth=0.5, zorder=0)
    for number, solution in enumerate(W):
        for feature, (x, y) in enumerate(solution.T):
            shade = color if feature == marked else "#606060"
            if number == 0:
                ax.plot([0, x], [0, y], color=shade, linewidth=1.6, zorder=3, solid_capstyle="round")
                ax.plot(x, y, "o", color=shade, markersize=3.5, zorder=3)
            else:
                ax.plot([0, x], [0, y], color=shade, linewidth=0.5, alpha=0.4, zorder=1)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def _seen(
    W: Float[np.ndarray, "d k"], azimuth: float, elevation: float
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """Places to the right, upwards and towards the eye. One and two dimensions are seen as they are."""
    if len(W) < 3:
        return W[0], W[1] if len(W) == 2 else np.zeros(W.shape[1]), np.zeros(W.shape[1])
    turn, tilt = np.radians(azimuth), np.radians(elevation)
    right = np.cos(turn) * W[0] - np.sin(turn) * W[1]
    away = np.sin(turn) * W[0] + np.cos(turn) * W[1]
    return right, np.cos(tilt) * W[2] + np.sin(tilt) * away, np.sin(tilt) * W[2] - np.cos(tilt) * away
