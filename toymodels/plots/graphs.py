"""A small network as a graph: features, neurons and outputs, joined by their weights."""

from collections.abc import Sequence

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
SPACING = 0.62  # of nodes in the tallest column; columns are 2 apart
NEAR_NEURON = 0.28  # of an edge from the neuron on: there edges to different neurons are well apart


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
    Superposition"). An edge is red where the weight is positive and blue where it is negative, and as wide as the
    weight is large, relative to the largest of its layer. Neurons stand in the order of their rows.

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
    columns = [
        _names("inputs", inputs, n, "x"),
        _names("neurons", neurons, m, "h"),
        _names("outputs", outputs, n_outputs, "y"),
    ]
    tallest = max(n, m, n_outputs)
    places = [_column(2.0 * layer, len(names), tallest) for layer, names in enumerate(columns)]
    ax = axes_or_new(ax, 5, 0.75 * tallest + 0.3)
    _edges(W, places[0], places[1], min_weight, 1 - NEAR_NEURON, labels, ax)
    _edges(W_out, places[1], places[2], min_weight, NEAR_NEURON, labels, ax)
    for names, column in zip(columns, places, strict=True):
        for name, (x, y) in zip(names, column, strict=True):
            ax.add_patch(Circle((x, y), RADIUS, facecolor="white", edgecolor=INK, linewidth=0.9, zorder=3))
            ax.text(x, y, prose(name), ha="center", va="center", fontsize=8, zorder=4)
    ax.set(xlim=(-0.3, 4.3), ylim=(0, tallest * SPACING), aspect="equal", xticks=[], yticks=[])
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


def _edges(
    weights: Float[np.ndarray, "rows columns"],
    left: Float[np.ndarray, "columns 2"],
    right: Float[np.ndarray, "rows 2"],
    min_weight: float,
    along: float,
    labels: bool,
    ax: Axes,
) -> None:
    """The edges from a layer to the next, each with its weight at the share `along` of its length."""
    size = abs(weights) / max(abs(weights).max(), 1e-12)
    pairs = [(int(to), int(of)) for to, of in np.argwhere((size >= min_weight) & (size > 0))]
    ends = [(left[of], right[to]) for to, of in pairs]
    colors = [POSITIVE if weights[pair] > 0 else NEGATIVE for pair in pairs]
    widths = [0.4 + 3 * size[pair] for pair in pairs]
    ax.add_collection(LineCollection(ends, colors=colors, linewidths=widths, alpha=0.8, zorder=1))
    for pair, (start, end), color in zip(pairs, ends, colors, strict=True) if labels else ():
        x, y = start + along * (end - start)
        box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
        ax.text(x, y, f"{weights[pair]:+.2f}", color=color, fontsize=7, ha="center", va="center", bbox=box, zorder=2)
