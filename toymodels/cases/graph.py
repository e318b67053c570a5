"""Graphs: a model as vertices, which are features, neurons and outputs, and weighted edges. Kept in two files.

    vertices.csv: id, kind, layer, name, bias, activation
    edges.csv:    from_id, to_id, weight, effect

Layers are numbered from 0, that of the features; the last one is that of the outputs. An edge may skip layers.
"""

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import Float

from toymodels import files
from toymodels.checks import near_matches

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Number = TypeVar("Number", int, float)

KINDS = ("feature", "neuron", "output")
ACTIVATIONS = ("identity", "relu", "attention")


class Vertex(NamedTuple):
    """A feature, a neuron or an output.

    Attributes:
        kind: "feature", "neuron" or "output".
        layer: 0 for features.
        name: what it is called in pictures.
        bias: what is added to what it receives.
        activation: what is done with the sum, "identity" or "relu"; or "attention", for a head: it is
            not a function of a sum, and a `Circuit` does not compute it.
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


@dataclass(frozen=True, repr=False)
class Graph:
    """Vertices in the order of their layers, and edges between them.

    Attributes:
        vertices: features first, outputs last.
        edges: each from an earlier layer to a later one.

    Raises:
        ValueError: for vertices out of order, for edges that do not lead from one layer to a later one, and for numbers
            that are not finite.
    """

    vertices: tuple[Vertex, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        for vertex in self.vertices:
            if set(vertex.name) & set("\r\n"):
                raise ValueError(f"name of a vertex must be one line. Got {vertex.name!r}.")
            if not math.isfinite(vertex.bias):
                raise ValueError(f"bias of vertex {vertex.name} must be finite. Got {vertex.bias}.")
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
            if not math.isfinite(edge.weight):
                raise ValueError(f"edges of Graph must have finite weights. Got {edge}.")
            if layers[edge.source] >= layers[edge.target]:
                raise ValueError(f"edges of Graph must lead to a later layer. Got {edge}.")
        if len({(edge.source, edge.target) for edge in self.edges}) < len(self.edges):
            raise ValueError("edges of Graph must be at most one from a vertex to another.")

    def __repr__(self) -> str:
        counts = "".join(f"{kind}s: {len(self.of_kind(kind))}, " for kind in KINDS)
        return f"Graph({counts}edges: {len(self.edges)})"

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

    Raises:
        ValueError: if weights do not have this shape.

    >>> layered((["y"], np.array([[2.0, 0.0]]), [0.5], "relu"), features=["a", "b"]).edges
    (Edge(source=0, target=2, weight=2.0),)
    """
    vertices = [Vertex("feature", 0, name) for name in features]
    edges: list[Edge] = []
    for layer, (names, weights, biases, activation) in enumerate(layers, start=1):
        kind = "output" if layer == len(layers) else "neuron"
        if weights.shape != (len(names), len(vertices)):
            wanted = (len(names), len(vertices))
            raise ValueError(f"weights of layer {layer} of layered must have shape {wanted}. Got {weights.shape}.")
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
    """Write `vertices.csv` and `edges.csv` to a folder, numbers in full: `read_graph` gives the same graph.

    Args:
        graph: what to write.
        folder: where to; it is made if it is not there.
        effects: of each edge, as `cases.effects` gives them; the column is left empty if not given.

    Raises:
        ValueError: if there are not as many effects as edges.
        FileExistsError: if there are files of these names with other columns; those of a graph are replaced.
    """
    told: list[Any] = [""] * len(graph.edges) if effects is None else [float(effect) for effect in effects]
    if len(told) != len(graph.edges):
        raise ValueError(f"effects of write_graph must be {len(graph.edges)}, one per edge. Got {len(told)}.")
    vertices = [
        (number, one.kind, one.layer, one.name, float(one.bias), one.activation)
        for number, one in enumerate(graph.vertices)
    ]
    edges = [(edge.source, edge.target, float(edge.weight), told[at]) for at, edge in enumerate(graph.edges)]
    tables: list[tuple[Path, Sequence[str], list[Any]]] = [
        (files.expanded(folder) / "vertices.csv", VERTEX_COLUMNS, vertices),
        (files.expanded(folder) / "edges.csv", EDGE_COLUMNS, edges),
    ]
    for path, columns, _ in tables:
        if path.exists() and tuple(_reader(path).fieldnames or ()) != columns:
            raise FileExistsError(f"{path} is there and was not written by write_graph. Choose another folder.")
    for path, columns, rows in tables:
        files.write_text(path, _table(columns, rows))


def read_graph(folder: str | Path) -> Graph:
    """The graph in `vertices.csv` and `edges.csv`. Ids may be any text; other columns are not read.

    Raises:
        FileNotFoundError: if one of them is not there.
        ValueError: for missing columns, unknown ids, text where a number belongs, and vertices and edges that do not
            make a graph.
    """
    number: dict[str, int] = {}
    vertices, edges = [], []
    for line, row in _rows(files.expanded(folder) / "vertices.csv", VERTEX_COLUMNS):
        if row["id"] in number:
            raise ValueError(f"id in {line} must be another one than that of an earlier line. Got {row['id']!r}.")
        number[row["id"]] = len(number)
        layer, bias = _number(line, row, "layer", int), _number(line, row, "bias", float)
        vertices.append(Vertex(row["kind"], layer, row["name"], bias, row["activation"]))
    for line, row in _rows(files.expanded(folder) / "edges.csv", EDGE_COLUMNS[:3]):
        for end in ("from_id", "to_id"):
            if row[end] not in number:
                there = near_matches(row[end], number)
                raise ValueError(f"{end} in {line} must be an id of vertices.csv. Got {row[end]!r}. {there}")
        edges.append(Edge(number[row["from_id"]], number[row["to_id"]], _number(line, row, "weight", float)))
    return Graph(tuple(vertices), tuple(edges))


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


def _reader(path: Path) -> csv.DictReader:
    return csv.DictReader(io.StringIO(files.read_text(path)))


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """The rows of a table, each with the words for where it stands."""
    reader = _reader(path)
    missing = [name for name in columns if name not in (reader.fieldnames or ())]
    if missing:
        raise ValueError(f"{path.name} must have the columns {', '.join(columns)}. It lacks {', '.join(missing)}.")
    for row in reader:
        line = f"line {reader.line_num} of {path.name}"
        if any(row[name] is None for name in columns):
            raise ValueError(f"{line} must have {len(reader.fieldnames or ())} values.")
        yield line, row


def _number(line: str, row: Mapping[str, str], column: str, kind: type[Number]) -> Number:
    try:
        return kind(row[column])
    except ValueError:
        what = "a whole number" if kind is int else "a number"
        raise ValueError(f"{column} in {line} must be {what}. Got {row[column]!r}.") from None
