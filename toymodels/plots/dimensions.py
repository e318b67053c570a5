"""How many dimensions each feature has, against density."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from toymodels.analysis.geometry import (
    AnyArray,
    connected_components,
    gram,
    norms,
)
from toymodels.analysis.geometry import feature_graph as adjacency
from toymodels.arrays import weights_of_one
from toymodels.plots.density import against_density
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import BLUE, FAINT, INK

ARRANGEMENTS: Mapping[str, Fraction] = {
    "dedicated": Fraction(1),
    "tetrahedron": Fraction(3, 4),
    "triangle": Fraction(2, 3),
    "digon": Fraction(1, 2),
    "pentagon": Fraction(2, 5),
    "square antiprism": Fraction(3, 8),
}
"""Dimensionality of a feature in the arrangements of Elhage et al. 2022, "The Geometry of Superposition"."""


def dimensions_per_feature(
    densities: Float[AnyArray, " k"], values: Float[AnyArray, " k"], *, ax: Axes | None = None
) -> Axes:
    """D* = m / ‖W‖_F² against 1 / density on a logarithmic axis.

    Args:
        densities: (k,), each in (0, 1].
        values: (k,), D* of the model trained at each density.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 6, 3)
    x = against_density(ax, densities)
    ax.plot(x, np.asarray(values), "o-", color=INK, markersize=3.5, linewidth=1.2)
    ax.set(ylim=(0, 1.1))
    ax.set_ylabel("dimensions per feature   $D^* = m\\,/\\,\\Vert W \\Vert_F^2$")
    return ax


def dimensionality(
    densities: Float[AnyArray, " k"],
    values: Float[AnyArray, "k n"],
    *,
    shown: AnyArray | None = None,
    ax: Axes | None = None,
) -> Axes:
    """D_i of every feature against 1 / density, with lines at the fractions that regular arrangements have.

    Args:
        densities: (k,), each in (0, 1].
        values: (k, n), D_i of the models trained at each density.
        shown: (k, n) which features to draw, as a rule those with a norm that is not negligible; all if not given.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 9, 4)
    values = np.asarray(values)
    shown = np.ones(values.shape, bool) if shown is None else np.asarray(shown)
    x = against_density(ax, densities)
    places = np.log(x)
    gaps = abs(places - places[:, None]) + np.diag(np.full(len(x), np.inf))
    widths = np.minimum(gaps.min(0), 0.2)  # room for the points of each density before the next one's begin
    for name, fraction in ARRANGEMENTS.items():
        ax.axhline(float(fraction), color=FAINT, linewidth=0.8, zorder=0)
        place = {"pentagon": "bottom", "square antiprism": "top"}.get(name, "center")  # too close for one line each
        ax.text(1.005, float(fraction), f"{fraction}  {name}", transform=ax.get_yaxis_transform(), va=place, fontsize=8)
    for place, width, row, keep in zip(places, widths, values, shown, strict=True):
        points = np.sort(row[keep])
        spread = np.linspace(-0.4, 0.4, len(points)) if len(points) > 1 else np.zeros(len(points))
        ax.plot(np.exp(place + width * spread), points, ".", color=BLUE, markersize=2.2, alpha=0.55, mew=0)
    ax.set(ylim=(0, 1.08))
    ax.set_ylabel("feature dimensionality $D_i$")
    return ax


def feature_graph(W: Float[AnyArray, "m n"], *, min_cosine: float = 0.2, ax: Axes | None = None) -> Axes:
    """The feature graph of one model: a node for each represented feature, and an edge where two of them are not
    orthogonal, darker the closer they are to parallel. Each connected component is laid out by the two principal
    axes of its directions, so that a pentagon looks like one.

    Args:
        W: (m, n).
        min_cosine: least |cos| between two features to be joined.
        ax: where to draw; a new figure if not given.
    """
    ax = axes_or_new(ax, 3, 3)
    W = weights_of_one("feature_graph", W)
    joined = adjacency(W, min_cosine=min_cosine)
    labels = connected_components(joined)
    kept = np.flatnonzero(norms(W) > 0.5)
    groups = sorted((kept[labels[kept] == label] for label in np.unique(labels[kept])), key=len, reverse=True)
    places = _pack(groups, W)
    pairs = np.argwhere(np.triu(joined)).tolist()
    lengths = np.where(norms(W) > 0, norms(W), 1)
    cosines = abs(gram(W) / np.outer(lengths, lengths))
    edges = LineCollection(
        [(places[i], places[j]) for i, j in pairs],
        colors=[(0.12, 0.35, 0.6, min(1.0, cosines[i, j])) for i, j in pairs],
        linewidths=0.8,
        zorder=1,
    )
    ax.add_collection(edges)
    nodes = np.array([places[i] for i in kept.tolist()]).reshape(-1, 2)
    ax.plot(nodes[:, 0], nodes[:, 1], "o", color=INK, markersize=2, zorder=2)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.autoscale_view()
    ax.margins(0.05)
    ax.spines[:].set_visible(False)
    return ax


def _pack(groups: list[np.ndarray], W: Float[np.ndarray, "m n"]) -> dict[int, np.ndarray]:
    """A place for each feature: the components side by side in rows, each in a square as wide as its size asks."""
    sides = [0.6 if len(group) == 1 else 0.7 * len(group) ** 0.5 for group in groups]
    row_width = max(max(sides, default=1.0), sum(side**2 for side in sides) ** 0.5)
    places: dict[int, np.ndarray] = {}
    left = top = height = 0.0
    for group, side in zip(groups, sides, strict=True):
        if left + side > row_width * 1.001 and left > 0:
            left, top, height = 0.0, top - height, 0.0
        layout = _principal_layout(W[:, group])
        centre = np.array([left + side / 2, top - side / 2])
        places |= {int(feature): centre + 0.36 * side * at for feature, at in zip(group, layout, strict=True)}
        left, height = left + side, max(height, side)
    return places


def _principal_layout(W: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "k 2"]:
    """The directions seen along their two principal axes, scaled into the unit circle."""
    if W.shape[1] == 1:
        return np.zeros((1, 2))
    _, singular, rows = np.linalg.svd(W, full_matrices=False)
    seen = np.zeros((W.shape[1], 2))
    seen[:, : min(2, len(singular))] = (singular[:, None] * rows)[:2].T
    return seen / max(np.linalg.norm(seen, axis=1).max(), 1e-12)
