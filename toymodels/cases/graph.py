"""Graphs: a model as vertices, which are features, neurons and outputs, and weighted edges. Kept in two files.

    vertices.csv: id, kind, layer, name, bias, activation
    edges.csv:    from_id, to_id, weight, effect

Layers are numbered from 0, that of the features; the last one is that of the outputs. An edge may skip layers.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float

from toymodels import files
from toymodels.checks import near_matches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KINDS = ("feature", "neuron", "output")
ACTIVATIONS = ("identity", "relu")


class Vertex(NamedTuple):
    """A feature, a neuron or an output.

    Attributes:
        kind: "feature", "neuron" or "output".
        layer: 0 for features.
        name: what it is called in pictures.
        bias: what is added to what it receives.
        activation: what is done with the sum, "identity" or "relu".
    """

    kind: str
    layer: int
    name: str
    bias: float = 0.0
    activation: str = "identity"


class Edge(NamedTuple):
    """What a vertex adds to a later one: `weight` times its value. Vertices are numbered as they stand in the graph."""

    source: int
    target: int
    weight: float


@dataclass(frozen=True)
class Graph:
    """Vertices in the order of their layers, and edges between them.

    Attributes:
        vertices: features first, outputs last.
        edges: each from an earlier layer to a later one.

    Raises:
        ValueError: for vertices out of order, and for edges that do not lead from one layer to a later one.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        for vertex in self.vertices:
            if vertex.kind not in KINDS:
                raise ValueError(f"kind of a vertex must be one of {', '.join(KINDS)}. Got {vertex.kind!r}.")
            if vertex.activation not in ACTIVATIONS:
                raise ValueError(
                    f"activation of vertex {vertex.name} must be one of {', '.join(ACTIVATIONS)}. "
                    f"Got {vertex.activation!r}."
                )
        layers = [vertex.layer for vertex in self.vertices]
        kinds = [KINDS.index(vertex.kind) for vertex in self.vertices]
        if layers != sorted(layers) or kinds != sorted(kinds) or sorted(set(layers)) != list(range(len(set(layers)))):
            raise ValueError(
                "vertices of Graph must stand in the order of layers 0, 1, ...: features, neurons, outputs."
            )
        if set(kinds) - {1} != {0, 2} or any(
            (vertex.kind == "feature") != (vertex.layer == 0) for vertex in self.vertices
        ):
            raise ValueError("vertices of Graph must have features, all in layer 0, and outputs.")
        for edge in self.edges:
            if not (0 <= edge.source < len(layers) and 0 <= edge.target < len(layers)):
                raise ValueError(f"edges of Graph must join vertices 0 ... {len(layers) - 1}. Got {edge}.")
            if layers[edge.source] >= layers[edge.target]:
                raise ValueError(f"edges of Graph must lead to a later layer. Got {edge}.")
        if len({(edge.source, edge.target) for edge in self.edges}) < len(self.edges):
            raise ValueError("edges of Graph must be at most one from a vertex to another.")

    @property
    def layers(self) -> list[list[int]]:
        """The numbers of the vertices of each layer."""
        count = self.vertices[-1].layer + 1
        return [[number for number, one in enumerate(self.vertices) if one.layer == layer] for layer in range(count)]

    def of_kind(self, kind: str) -> list[int]:
        """The numbers of the features, neurons or outputs."""
        return [number for number, one in enumerate(self.vertices) if one.kind == kind]

    def without(self, *edges: tuple[int, int]) -> "Graph":
        """The graph without the edges that lead from `source` to `target`."""
        return Graph(self.vertices, tuple(edge for edge in self.edges if (edge.source, edge.target) not in edges))


def layered(
    *layers: tuple[Sequence[str], Float[np.ndarray, "_ _"], Any, str],
    features: Sequence[str],
) -> Graph:
    """A graph from matrices.

    Args:
        layers: of each layer after the features, the last of which is that of the outputs: names (to,); weights (to,
            before) from all vertices of all layers before; biases (to,); activation.
        features: their names.

    >>> layered((["y"], np.array([[2.0, 0.0]]), [0.5], "relu"), features=["a", "b"]).edges
    (Edge(source=0, target=2, weight=2.0),)
    """
    vertices = [Vertex("feature", 0, name) for name in features]
    edges: list[Edge] = []
    for layer, (names, weights, biases, activation) in enumerate(layers, start=1):
        kind = "output" if layer == len(layers) else "neuron"
        edges += [
            Edge(int(source), len(vertices) + int(row), float(weights[row, source]))
            for row, source in np.argwhere(weights)
        ]
        vertices += [
            Vertex(kind, layer, name, float(bias), activation) for name, bias in zip(names, biases, strict=True)
        ]
    return Graph(tuple(vertices), tuple(edges))


def numbered(letter: str, count: int) -> list[str]:
    """Names x₁, x₂, ... in mathematical notation."""
    return [f"${letter}_{{{number}}}$" for number in range(1, count + 1)]


def write_graph(graph: Graph, folder: str | Path, effects: Iterable[float] | None = None) -> None:
    """Write `vertices.csv` and `edges.csv` to a folder, numbers in full.

    Args:
        graph: what to write.
        folder: where to; it is made if it is not there.
        effects: of each edge, as `cases.effects` gives them; the column is left empty if not given.
    """
    vertices = [
        (number, one.kind, one.layer, one.name, one.bias, one.activation) for number, one in enumerate(graph.vertices)
    ]
    told = [""] * len(graph.edges) if effects is None else [repr(float(effect)) for effect in effects]
    edges = [(edge.source, edge.target, edge.weight, effect) for edge, effect in zip(graph.edges, told, strict=True)]
    files.write_text(Path(folder) / "vertices.csv", _table(VERTEX_COLUMNS, vertices))
    files.write_text(Path(folder) / "edges.csv", _table(EDGE_COLUMNS, edges))


def read_graph(folder: str | Path) -> Graph:
    """The graph in `vertices.csv` and `edges.csv`. Ids may be any text; other columns are left alone.

    Raises:
        ValueError: for columns that are missing, unknown ids, and what is no graph.
    """
    vertices = _rows(Path(folder) / "vertices.csv", VERTEX_COLUMNS)
    number = {row["id"]: place for place, row in enumerate(vertices)}
    edges = []
    for row in _rows(Path(folder) / "edges.csv", EDGE_COLUMNS[:3]):
        for end in ("from_id", "to_id"):
            if row[end] not in number:
                raise ValueError(f"{end} in edges.csv must be an id of vertices.csv. {near_matches(row[end], number)}")
        edges.append(Edge(number[row["from_id"]], number[row["to_id"]], float(row["weight"])))
    return Graph(
        tuple(
            Vertex(row["kind"], int(row["layer"]), row["name"], float(row["bias"]), row["activation"])
            for row in vertices
        ),
        tuple(edges),
    )


def draw_graph(graph: Graph, *, min_weight: float = 0.1, labels: bool = True, ax: "Axes | None" = None) -> "Axes":
    """The graph with a column per layer, as `plots.layered_graph` draws it."""
    from toymodels.plots import layered_graph  # not above: matplotlib costs half a second to import

    names = [[graph.vertices[number].name for number in layer] for layer in graph.layers]
    return layered_graph(names, list(graph.edges), min_weight=min_weight, labels=labels, ax=ax)


VERTEX_COLUMNS = ("id", "kind", "layer", "name", "bias", "activation")
EDGE_COLUMNS = ("from_id", "to_id", "weight", "effect")


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _rows(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    reader = csv.DictReader(io.StringIO(files.read_text(path)))
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"{path.name} must have the columns {', '.join(columns)}. It lacks {', '.join(missing)}.")
    return list(reader)
