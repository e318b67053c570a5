"""Learned directions beside true ones."""

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize

from toymodels.arrays import AnyArray
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import WEIGHT_COLORS
from toymodels.plots.words import prose

STRONG = 0.6
"""|cosine| from which numbers are white: the colour below them is dark."""


def cosine_matrix(
    cosines: Float[AnyArray, "n k"],
    *,
    values: bool = False,
    labels: tuple[str, str] = ("feature", "latent"),
    ax: Axes | None = None,
) -> Axes:
    """The cosines of true and learned directions, a column per feature and a row per latent, the first below (as in
    Chanin & Garriga-Alonso 2025). Blue is -1, white 0, red 1.

    Args:
        cosines: as `analysis.dictionaries.cosines` has them, cos(truth_i, learned_j) at [i, j]. Latents are best put
            in the order of their features: `matches`.
        values: whether to write the numbers into the cells.
        labels: what a column and a row are.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 2.6, 2.6)
    cells = np.asarray(cosines).T
    rows, columns = cells.shape
    ax.imshow(cells, cmap=WEIGHT_COLORS, vmin=-1, vmax=1, interpolation="nearest", aspect="equal", origin="lower")
    for (row, column), value in np.ndenumerate(cells) if values else ():
        color = "white" if abs(value) > STRONG else "black"
        ax.text(column, row, f"{value:.2f}".replace("-0.00", "0.00"), ha="center", va="center", color=color, fontsize=8)
    for axis, count, label in zip((ax.xaxis, ax.yaxis), (columns, rows), labels, strict=True):
        axis.set_ticks(range(0, count, max(1, 10 * round(count / 50))))
        axis.set_label_text(prose(label))
    ax.tick_params(length=2)
    ax.spines[:].set_visible(True)
    return ax


def cosine_key() -> ScalarMappable:
    """The scale of `cosine_matrix`, for a colour bar."""
    return ScalarMappable(Normalize(-1, 1), WEIGHT_COLORS)
