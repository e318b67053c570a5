"""How many dimensions each feature has, against density."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from toymodels.analysis.geometry import connected_components
from toymodels.analysis.geometry import feature_graph as adjacency
from toymodels.arrays import AnyArray, gram, norms, unit_columns, weights_of_one
from toymodels.plots.density import against_density
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import BLUE, FAINT, INK, NEGATIVE, POSITIVE

ARRANGEMENTS: Mapping[str, Fraction] = {
    "dedicated": Fraction(1),
    "tetrahedron": Fraction(3, 4),
    "triangle": Fraction(2, 3),
    "digon": Fraction(1, 2),
    "pentagon": Fraction(2, 5),
    "square antiprism": Fraction(3, 8),
}
"""Dimensionality of a feature in the arrangements of Elhage et al. 2022, "The Geometry of Superposition"."""

RING_FROM = 12  # components of more features stand on a ring
FLAT_BOXES = {1: (0.6, 0.4), 2: (1.0, 0.5)}  # width and height of components that are less than a plane


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
    orthogonal, red where the angle is acute and blue where it is obtuse, wider and darker the closer they are to
    parallel or opposite.

    Connected components stand in rows, the largest first. Each is seen along the two principal axes of its directions,
    so that a pentagon looks like one. Components of more than twelve features, of which no view is clear, stand on a
    ring.

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
    cosines = gram(unit_columns(W))
    places = _pack(groups, W, cosines)
    pairs = sorted(np.argwhere(np.triu(joined)).tolist(), key=lambda pair: abs(cosines[*pair]))
    strengths = [min(1.0, abs(float(cosines[i, j]))) for i, j in pairs]
    edges = LineCollection(
        [(places[i], places[j]) for i, j in pairs],
        colors=[
            (POSITIVE if cosines[i, j] > 0 else NEGATIVE, strength**2 if len(groups[0]) > RING_FROM else strength)
            for (i, j), strength in zip(pairs, strengths, strict=True)
        ],
        linewidths=[0.3 + 1.2 * strength for strength in strengths],
        zorder=1,
    )
    ax.add_collection(edges)
    nodes = np.array([places[i] for i in kept.tolist()]).reshape(-1, 2)
    ax.plot(nodes[:, 0], nodes[:, 1], "o", color=INK, markersize=2.4, markeredgewidth=0, zorder=2)
    ax.set(aspect="equal", xticks=[], yticks=[])
    ax.autoscale_view()
    ax.margins(0.05)
    ax.spines[:].set_visible(False)
    return ax


def _pack(
    groups: list[np.ndarray], W: Float[np.ndarray, "m n"], cosines: Float[np.ndarray, "n n"]
) -> dict[int, np.ndarray]:
    """A place for each feature: the components side by side in rows, each in a box as large as its size asks."""
    boxes = [FLAT_BOXES.get(len(group), (0.7 * len(group) ** 0.5,) * 2) for group in groups]
    row_width = max(max((width for width, _ in boxes), default=1.0), 1.2 * sum(w * h for w, h in boxes) ** 0.5)
    places: dict[int, np.ndarray] = {}
    left = top = row_height = 0.0
    for group, (width, height) in zip(groups, boxes, strict=True):
        if left + width > row_width * 1.001 and left > 0:
            left, top, row_height = 0.0, top - row_height, 0.0
        layout = _ring(cosines[np.ix_(group, group)]) if len(group) > RING_FROM else _principal_view(W[:, group])
        centre = np.array([left + width / 2, top - height / 2])
        places |= {int(feature): centre + 0.36 * width * at for feature, at in zip(group, layout, strict=True)}
        left, row_height = left + width, max(row_height, height)
    return places


def _principal_view(W: Float[np.ndarray, "m k"]) -> Float[np.ndarray, "k 2"]:
    """The directions seen along their two principal axes, scaled into the unit circle."""
    if W.shape[1] == 1:
        return np.zeros((1, 2))
    _, singular, rows = np.linalg.svd(W, full_matrices=False)
    seen = np.zeros((W.shape[1], 2))
    seen[:, : min(2, len(singular))] = (singular[:, None] * rows)[:2].T
    return seen / max(np.linalg.norm(seen, axis=1).max(), 1e-12)


def _ring(cosines: Float[np.ndarray, "k k"]) -> Float[np.ndarray, "k 2"]:
    """Places on the unit circle, in an order in which most edges are short: by the angle in the two smoothest modes of
    the graph."""
    weights = cosines**2 * (1 - np.eye(len(cosines)))
    _, modes = np.linalg.eigh(np.diag(weights.sum(0)) - weights)
    order = np.arctan2(modes[:, 2], modes[:, 1]).argsort().argsort()
    angles = 2 * np.pi * order / len(order)
    return np.stack([np.cos(angles), np.sin(angles)], 1)
