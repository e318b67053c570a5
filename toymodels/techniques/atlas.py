"""An atlas of hidden space: where samples lie, by the feature that dominates them, and how far that can be trusted.

In a picture a cloud always has some shape; that of a tight frame's principal axes has none of the features'. So it
comes with a number: how often the nearest neighbours of a sample have the same dominating feature.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from matplotlib.axes import Axes

from toymodels.checks import check_integer
from toymodels.plots.figures import new_figure
from toymodels.plots.styles import FAINT, shades


def dominating(x: Float[Array, "n samples"]) -> Int[Array, " samples"]:
    """The feature of the largest absolute value in each sample, and -1 where none is on.

    >>> dominating(jnp.array([[0.5, 0.0], [-0.7, 0.0]])).tolist()
    [1, -1]
    """
    return jnp.where((x != 0).any(0), abs(x).argmax(0), -1)


def trustworthiness(
    h: Float[Array, "m samples"], x: Float[Array, "n samples"], neighbours: int = 10
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """How often a near neighbour in h has the same dominating feature, over all samples in which one is on, and how
    often any other one of these has. It runs as a metric of a sweep; the memory is the square of the samples.

    Args:
        h: hidden activations, or what they are drawn by, such as two of their principal components.
        x: the features in them.
        neighbours: how many are the nearest.

    >>> x = jnp.repeat(jnp.eye(4), 8, axis=1)
    >>> share, chance = trustworthiness(x, x, neighbours=3)
    >>> float(share), round(float(chance), 3)
    (1.0, 0.226)
    """
    check_integer("trustworthiness", "neighbours", neighbours, minimum=1)
    which = dominating(x)
    on = which >= 0
    squares = jnp.square(h).sum(0)
    distances = squares[:, None] + squares[None] - 2 * h.T @ h
    apart = jnp.eye(len(on), dtype=bool) | ~on[None]
    nearest = jax.lax.top_k(-jnp.where(apart, jnp.inf, distances), neighbours)[1]
    count = on.sum()
    same = (which[nearest] == which[:, None]).mean(1)
    each = (which[None] == jnp.arange(len(x))[:, None]).sum(1)
    return (same * on).sum() / count, (each * (each - 1.0)).sum() / (count * (count - 1.0))


def atlas(h: Float[Array, "m samples"], x: Float[Array, "n samples"], *, ax: Axes | None = None) -> Axes:
    """Samples as points of hidden space, coloured by the feature that dominates, grey where none is on. The title says
    how often near neighbours agree, beside chance.

    Args:
        h: two or three coordinates of each sample.
        x: the features in them.
        ax: where to draw, with three axes for three coordinates; a new figure if not given.

    Raises:
        ValueError: for other numbers of coordinates.
    """
    if len(h) not in (2, 3):
        raise ValueError(f"h of atlas must have 2 or 3 rows. Got {len(h)}; take principal components of more.")
    if ax is None:
        ax = new_figure(3.4, 3.2).add_subplot(projection="3d" if len(h) == 3 else None)
    which = np.asarray(dominating(x))
    colors = np.array([FAINT, *shades(len(x))])[which + 1]
    share, chance = trustworthiness(h, x)
    drawn: Any = ax  # with two axes or with three
    drawn.scatter(*np.asarray(h), c=colors, s=6, linewidth=0)
    ax.set_title(f"neighbours agree: {share:.2f} (chance {chance:.2f})", fontsize=9)
    if len(h) == 2:
        ax.set_aspect("equal", adjustable="datalim")
    return ax
