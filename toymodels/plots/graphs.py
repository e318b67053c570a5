"""Small networks as graphs: a column per layer, and an edge per weight."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle

from toymodels.arrays import AnyArray
from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import INK, NEGATIVE, POSITIVE
from toymodels.plots.words import prose

RADIUS = 0.22
SPACING = 0.62  # of nodes in the tallest column
BETWEEN = 2.0  # columns
INCHES = 5 / 4.6  # of a unit
NEAR_NEURON = 0.28  # of an edge from the neuron on: there edges to different neurons are well apart
FITS = 5  # characters that a circle has room for


def neuron_graph(
    W: Float[AnyArray, "m n"],
    W_out: Float[AnyArray, "outputs neurons"],
    *,
    inputs: Sequence[str] | None = None,
    neurons: Sequence[str] | None = None,
    outputs: Sequence[str] | None = None,
    min_weight: float = 0.1,
    labels: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Inputs on the left, neurons in the middle, outputs on the right (Elhage et al. 2022, "Computation in
    Superposition"): a `layered_graph` of two matrices. Neurons stand in the order of their rows.

    Args:
        W: (m, n), input weights.
        W_out: (outputs, m), output weights.
        inputs, neurons, outputs: names; x₁, h₁ and y₁ and so on if not given.
        min_weight: edges with a smaller |weight|, relative to the largest of the layer, are left out.
        labels: whether to write the weights on the edges.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: if the sizes do not fit together, or there are not as many names as nodes.
    """
    W, W_out = np.asarray(W), np.asarray(W_out)
    (m, n), n_outputs = W.shape, len(W_out)
    if W_out.shape[1] != m:
        raise ValueError(
            f"W_out of neuron_graph must have a column for each of the {m} neurons. Got an array of shape "
            f"{W_out.shape}."
        )
    layers = [
        _names("inputs", inputs, n, "x"),
        _names("neurons", neurons, m, "h"),
        _names("outputs", outputs, n_outputs, "y"),
    ]
    edges = [
        (before + of, after + to, weights[to, of])
        for weights, before, after in ((W, 0, n), (W_out, n, n + m))
        for to, of in np.ndindex(weights.shape)
    ]
    return layered_graph(layers, edges, min_weight=min_weight, labels=labels, ax=ax)


def layered_graph(
    layers: Sequence[Sequence[str]],
    edges: Iterable[tuple[int, int, Any]],
    *,
    min_weight: float = 0.1,
    labels: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """A column of nodes per layer, from left to right. An edge is red where its weight is positive and blue where it is
    negative, and as wide as the weight is large, relative to the largest into the same layer. Edges that skip layers
    are curves between the nodes on their way.

    Args:
        layers: the names of the nodes of each layer, from top to bottom.
        edges: (source, target, weight); nodes are numbered from 0 through all layers.
        min_weight: edges with a smaller |weight|, relative to the largest into the same layer, are left out.
        labels: whether to write the weights on the edges.
        ax: where to draw; a new figure if not given.

    Raises:
        ValueError: if an edge does not lead from a node to one of a later layer.
    """
    stops = list(accumulate(map(len, layers)))
    tallest = max(map(len, layers))
    halves = [max([0.3, *map(_half_width, names)]) for names in layers]
    between = BETWEEN + 2 * (max(halves) - 0.3)
    columns = [_column(between * number, len(names), tallest) for number, names in enumerate(layers)]
    spans = []
    for source, target, weight in edges:
        if not (0 <= source < stops[-1] and 0 <= target < stops[-1]):
            raise ValueError(f"edges of layered_graph must join nodes 0 ... {stops[-1] - 1}. Got {source} to {target}.")
        start, stop = (int(np.searchsorted(stops, number, side="right")) for number in (source, target))
        if start >= stop:
            raise ValueError(f"edges of layered_graph must lead to a later layer. Got {source} to {target}.")
        ends = columns[start][source - stops[start]], columns[stop][target - stops[stop]]
        spans.append((start, stop, ends, float(weight)))
    into: list[list[tuple[Any, float]]] = [[] for _ in layers]  # the paths and weights of the edges into each layer
    taken: Counter[tuple[float, float]] = Counter()
    for start, stop, ends, weight in sorted(spans, key=lambda one: one[1] - one[0]):  # the longest go outside
        into[stop].append((_path(ends, columns[start + 1 : stop], start % 2 == 0, taken), weight))

    kept = [_large(layer, min_weight) for layer in into]
    heights = [np.array([0.0, SPACING * tallest])]
    heights += [path[:, 1] + side for layer in kept for path, _, _ in layer if len(path) > 2 for side in (-0.1, 0.1)]
    low, high = min(map(np.min, heights)), max(map(np.max, heights))
    width = halves[0] + between * (len(layers) - 1) + halves[-1]
    ax = axes_or_new(ax, INCHES * width, 0.75 / SPACING * (high - low) + 0.3)
    for number, layer in enumerate(kept[1:], start=1):
        _edges(layer, NEAR_NEURON if number == len(layers) - 1 else 1 - NEAR_NEURON, labels, ax)
    for names, column, half in zip(layers, columns, halves, strict=True):
        for name, (x, y) in zip(names, column, strict=True):
            _node(name, x, y, half > 0.3, ax)
    ax.set(xlim=(-halves[0], width - halves[0]), ylim=(low, high), aspect="equal", xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
    return ax


def _names(kind: str, names: Sequence[str] | None, count: int, letter: str) -> Sequence[str]:
    if names is None:
        return [f"${letter}_{{{number}}}$" for number in range(1, count + 1)]
    if len(names) != count:
        raise ValueError(f"{kind} of neuron_graph must be {count} names. Got {len(names)}.")
    return names


def _column(x: float, count: int, tallest: int) -> Float[np.ndarray, "count 2"]:
    """Places from top to bottom, spread evenly over the height of the tallest column."""
    y = SPACING * tallest * (1 - (np.arange(count) + 0.5) / count)
    return np.stack([np.full(count, x), y], axis=1)


def _path(
    ends: Sequence[np.ndarray],
    between: Sequence[Float[np.ndarray, "_ 2"]],
    upwards: bool,
    taken: Counter[tuple[float, float]],
) -> Float[np.ndarray, "points 2"]:
    """A straight line; where there are columns in between, a curve through the gap in each of them that is nearest to
    the line, the upper or the lower one of two that are equally near. It stays clear of the curves that have `taken`
    the same way."""
    if not between:
        return np.array(ends)
    from scipy.interpolate import PchipInterpolator  # not above: it takes a tenth of a second to import

    (left, first), (right, last) = ends
    through = [ends[0]]
    for column in between:
        x, y = column[0, 0], column[:, 1]
        gaps = np.array([y[0] + 0.75 * SPACING, *(y[:-1] + y[1:]) / 2, y[-1] - 0.75 * SPACING])
        line = first + (last - first) * (x - left) / (right - left)
        number = int(np.argmin(abs(gaps - line - (1e-6 if upwards else -1e-6))))
        before = taken[x, gaps[number]]
        outwards = {0: 0.2 * before, len(gaps) - 1: -0.2 * before}
        aside = outwards.get(number, 0.06 * (-1) ** before * ((before + 1) // 2))
        through.append(np.array([x, gaps[number] + aside]))
        taken[x, gaps[number]] += 1
    x, y = np.array([*through, ends[1]]).T
    along = np.linspace(left, right, 30 * (len(between) + 1) + 1)
    return np.stack([along, PchipInterpolator(x, y)(along)], axis=1)


def _large(layer: Sequence[tuple[Any, float]], min_weight: float) -> list[tuple[Any, float, float]]:
    """Paths, weights and sizes of the edges into a layer that are not negligible."""
    largest = max([abs(weight) for _, weight in layer], default=0.0)
    sized = [(path, weight, abs(weight) / max(largest, 1e-12)) for path, weight in layer]
    return [one for one in sized if one[2] >= min_weight and one[2] > 0]


def _edges(layer: Sequence[tuple[Any, float, float]], along: float, labels: bool, ax: Axes) -> None:
    """The edges into a layer, each with its weight at the share `along` of its length."""
    colors = [POSITIVE if weight > 0 else NEGATIVE for _, weight, _ in layer]
    widths = [0.4 + 3 * size for _, _, size in layer]
    paths = [path for path, _, _ in layer]
    ax.add_collection(LineCollection(paths, colors=colors, linewidths=widths, alpha=0.8, zorder=1))
    for (path, weight, _), color in zip(layer, colors, strict=True) if labels else ():
        x = path[0, 0] + along * (path[-1, 0] - path[0, 0])
        y = np.interp(x, path[:, 0], path[:, 1])
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        ax.text(x, y, f"{weight:+.2f}", color=color, fontsize=7, ha="center", va="center", bbox=box, zorder=2)


def _node(name: str, x: float, y: float, boxed: bool, ax: Axes) -> None:
    """A circle with a name in it, or a box around the name."""
    box: Any = None
    if boxed:
        box = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": INK, "linewidth": 0.9}
    else:
        ax.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=INK, linewidth=0.9, zorder=3))
    ax.text(x, y, prose(name), ha="center", va="center", fontsize=8, bbox=box, zorder=4)


def _half_width(name: str) -> float:
    """About half the width of a node, and a margin."""
    return 0.3 if _length(name) <= FITS else 0.032 * _length(name) + 0.12


def _length(name: str) -> int:
    """How many characters are seen, when signs of mathematics are not."""
    return sum(one not in "$_{}\\ " or (one == " " and "$" not in name) for one in name)
