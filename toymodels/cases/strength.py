"""What the edges of a model carry on given inputs, and the strongest of them."""

import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Float

from toymodels.arrays import AnyArray
from toymodels.cases.case import graph_of
from toymodels.cases.graph import Edge, Graph
from toymodels.checks import check_integer
from toymodels.models.modules import activations


def carried(module: nnx.Module, x: Float[AnyArray, "n samples"]) -> Graph:
    """The graph of a module (`graph_of`), where an edge has, instead of its weight, what it adds to its target in the
    mean over samples: its weight times the mean of its source.

    Args:
        module: of a `Circuit` or an `Autoencoder`.
        x: samples, such as all of one kind.

    Raises:
        ValueError: for modules of other kinds.

    >>> from toymodels import cases
    >>> [edge.weight for edge in carried(cases.gate("and").module(), np.array([[1.0, 1.0], [1.0, 0.0]])).edges]
    [1.0, 0.5, 0.5]
    """
    x = jnp.asarray(x, float)
    graph, named = graph_of(module), activations(module, x)
    neurons = named["neurons" if "neurons" in named else "hidden"]
    means = np.concatenate([np.asarray(values, dtype=float).mean(-1) for values in (x, neurons)])
    return Graph(
        graph.vertices, tuple(edge._replace(weight=float(edge.weight * means[edge.source])) for edge in graph.edges)
    )


def strongest(graph: Graph, count: int) -> Graph:
    """The `count` edges into each layer whose weights are the largest, whatever their signs, among those that lead on
    to an output through edges that stay; and the vertices that they join. All layers must keep one.

    Args:
        graph: any.
        count: how many edges into each layer, at least 1.

    Raises:
        ValueError: for a count below 1.
    """
    check_integer("strongest", "count", count, minimum=1)
    reached = set(graph.of_kind("output"))
    kept: list[Edge] = []
    for layer in reversed(graph.layers[1:]):
        into = [edge for edge in graph.edges if edge.target in layer and edge.target in reached and edge.weight]
        chosen = sorted(into, key=lambda edge: -abs(edge.weight))[:count]
        kept += chosen
        reached |= {edge.source for edge in chosen}
    joined = sorted({end for edge in kept for end in edge[:2]})
    number = {old: new for new, old in enumerate(joined)}
    return Graph(
        tuple(graph.vertices[old] for old in joined),
        tuple(Edge(number[edge.source], number[edge.target], edge.weight) for edge in sorted(kept)),
    )
