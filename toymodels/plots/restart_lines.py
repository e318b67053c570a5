"""The losses of all restarts against a parameter: which solutions there are, and where one overtakes another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes

from toymodels.analysis.alignment import lowest_losses
from toymodels.arrays import AnyArray
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import FAINT, SET_COLORS
from toymodels.plots.words import prose


def restarts(
    x: Float[AnyArray, " k"],
    losses: Float[AnyArray, "k r"],
    classes: Int[AnyArray, "k r"],
    *,
    names: Sequence[str],
    ax: Axes | None = None,
) -> Axes:
    """A dot for the loss of each restart at each value of a parameter, coloured by its class, and a line through the
    lowest loss of each class (Elhage et al. 2022, "Non-Uniform Superposition"). Lines that cross show a first-order
    change: one solution overtakes another, and both go on existing.

    Args:
        x: (k,) the parameter.
        losses: (k, r); NaN is not drawn.
        classes: (k, r) the class of each restart, a number of a name; -1 for none, drawn grey and without a line, and
            called "none of these" in a legend.
        names: of the classes, at most six.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: for more than six names, and for a class without a name.
    """
    x, losses, classes = np.asarray(x), np.asarray(losses), np.asarray(classes)
    if len(names) > len(SET_COLORS):
        raise ValueError(f"names of restarts must be at most {len(SET_COLORS)}. Got {len(names)}.")
    if classes.min() < -1 or classes.max() >= len(names):
        raise ValueError(
            f"classes of restarts must be in [-1, {len(names) - 1}]. Got {classes.min()} to {classes.max()}."
        )
    ax = axes_or_new(ax, 6, 3.5)
    places = np.broadcast_to(x[:, None], losses.shape)
    dots: dict[str, Any] = {"linestyle": "", "marker": "o", "markersize": 3, "markeredgewidth": 0, "alpha": 0.45}
    others = classes == -1
    if others.any():
        ax.plot(places[others], losses[others], color=FAINT, zorder=1, label="none of these", **dots)
    for number, (name, color) in enumerate(zip(names, SET_COLORS, strict=False)):
        member = classes == number
        ax.plot(places[member], losses[member], color=color, zorder=2, **dots)
        ax.plot(x, lowest_losses(losses, member), color=color, linewidth=1.4, zorder=3, label=prose(name))
    return ax
