"""Feature directions in three hidden dimensions: at one moment, and moving through training."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from mpl_toolkits.mplot3d import Axes3D

from toymodels.arrays import AnyArray, gram, norms, weights_of_one
from toymodels.plots.figures import new_figure
from toymodels.plots.styles import FAINT, INK, SET_COLORS


def directions_3d(
    W: Float[AnyArray, "m n"],
    *,
    sets: Sequence[Sequence[int]] | None = None,
    limit: float = 1.2,
    ax: Axes3D | None = None,
) -> Axes3D:
    """Columns of W as spokes from the origin, and an edge between the ends of any two that are neither parallel nor
    antipodal (|cos| < 1/2), so that an octahedron looks like one.

    Args:
        W: (3, n): three hidden dimensions.
        sets: features that belong together, for the same colour; all alike if not given.
        limit: half the width of the space that is drawn.
        ax: a three-dimensional Axes; a new figure if not given.

    Raises:
        ValueError: for another number of hidden dimensions, and for more sets than there are colours.
    """
    W = weights_of_one("directions_3d", W, hidden=3)
    ax = new_figure(3, 3, layout=None).add_subplot(projection="3d") if ax is None else ax
    for i, j in _edges(W):
        ax.plot(*W[:, [i, j]], color=FAINT, linewidth=0.8)
    for (x, y, z), color in zip(W.T, _colors(W.shape[1], sets), strict=True):
        ax.plot([0, x], [0, y], [0, z], color=color, linewidth=1.6)
        ax.plot([x], [y], [z], "o", color=color, markersize=5)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), zlim=(-limit, limit))
    ax.set_box_aspect((1, 1, 1), zoom=1.2)
    ax.set_axis_off()
    ax.view_init(elev=18, azim=35)
    return ax


def training_animation(
    snapshots: Float[AnyArray, "t 3 n"],
    steps: Int[AnyArray, " t"],
    losses: Float[AnyArray, " k"],
    loss_steps: Int[AnyArray, " k"],
    *,
    sets: Sequence[Sequence[int]] | None = None,
    seconds: float = 8.0,
    figure: Figure | None = None,
) -> FuncAnimation:
    """Directions in three dimensions moving through training, beside the loss curve with the moment marked. Write it
    with `animation.save("training.gif", writer="pillow")`.

    Args:
        snapshots: (t, 3, n), a frame each.
        steps: (t,), the numbers of steps after which they were taken.
        losses: (k,), the loss curve.
        loss_steps: (k,), its steps.
        sets: features that belong together, as in `directions_3d`.
        seconds: how long it plays.
        figure: where to draw; a new one if not given.
    """
    snapshots, steps = np.asarray(snapshots), np.asarray(steps)
    figure = new_figure(6.4, 3.2, layout=None) if figure is None else figure
    space = figure.add_subplot(1, 2, 1, projection="3d")
    curve = figure.add_axes((0.62, 0.2, 0.34, 0.66))
    curve.plot(loss_steps, losses, color=INK, linewidth=1)
    curve.set(xscale="log", yscale="log", xlabel="step", ylabel="loss")
    (moment,) = curve.plot([], [], color=SET_COLORS[1], linewidth=1)
    limit = 1.15 * float(norms(snapshots).max())

    def draw(frame: int) -> list[Line2D]:
        space.clear()
        directions_3d(snapshots[frame], sets=sets, limit=limit, ax=space)
        moment.set_data([max(steps[frame], 1)] * 2, curve.get_ylim())
        return [moment]

    return FuncAnimation(figure, draw, frames=len(steps), interval=1000 * seconds / len(steps), blit=False)


def _edges(W: Float[np.ndarray, "3 n"]) -> Int[np.ndarray, "k 2"]:
    """Pairs of features of some length whose directions are neither parallel nor antipodal."""
    lengths = norms(W)
    there = lengths > 0.05 * max(lengths.max(), 1e-12)
    cosines = gram(W) / np.maximum(np.outer(lengths, lengths), 1e-12)
    return np.argwhere(np.triu((abs(cosines) < 0.5) & np.outer(there, there), 1))


def _colors(n: int, sets: Sequence[Sequence[int]] | None) -> list[str]:
    colors = [SET_COLORS[0]] * n
    if sets is not None and len(sets) > len(SET_COLORS):
        raise ValueError(f"sets of directions_3d must be at most {len(SET_COLORS)}. Got {len(sets)}.")
    for members, color in zip(sets or (), SET_COLORS, strict=False):
        for feature in members:
            colors[feature] = color
    return colors
