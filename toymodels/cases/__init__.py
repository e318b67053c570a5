"""Cases: models whose truth is known, on which techniques of interpretability are tried.

    case = tm.cases.tight(n_features=20, n_hidden=10)
    case.module()                       # the model; h = W x
    case.over(n_hidden=[20, 10, 5])     # levels of superposition
    tm.cases.compress(tm.cases.gate("and"), n_hidden=2)   # the same circuit through fewer dimensions

Autoencoders: `dedicated`, `digons`, `octahedron`, `polygon`, `tight`, `random`, `unrepresented`, `trained`. Circuits:
`gate`, `backup`, `dormant`, `ignored`, `polysemantic`, `absolute_value`, `asymmetric`, `all_ands`, `identity`. One of
your own is a `Case`: a model and its task.
"""

from toymodels.cases.autoencoders import (
    dedicated,
    digons,
    octahedron,
    polygon,
    random,
    tight,
    trained,
    unrepresented,
)
from toymodels.cases.case import EXACT, Case, Truth, compress, from_graph, graph_of, truth
from toymodels.cases.circuit import Circuit, Computed, effects
from toymodels.cases.circuits import (
    absolute_value,
    all_ands,
    asymmetric,
    backup,
    dormant,
    gate,
    identity,
    ignored,
    polysemantic,
)
from toymodels.cases.frames import axes_frame, digon_frame, random_frame, tight_frame
from toymodels.cases.graph import Edge, Graph, Vertex, draw_graph, layered, read_graph, write_graph

__all__ = [
    "EXACT",
    "Case",
    "Circuit",
    "Computed",
    "Edge",
    "Graph",
    "Truth",
    "Vertex",
    "absolute_value",
    "all_ands",
    "asymmetric",
    "axes_frame",
    "backup",
    "compress",
    "dedicated",
    "digon_frame",
    "digons",
    "dormant",
    "draw_graph",
    "effects",
    "from_graph",
    "gate",
    "graph_of",
    "identity",
    "ignored",
    "layered",
    "octahedron",
    "polygon",
    "polysemantic",
    "random",
    "random_frame",
    "read_graph",
    "tight",
    "tight_frame",
    "trained",
    "truth",
    "unrepresented",
    "write_graph",
]
