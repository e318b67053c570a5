"""Cases: models whose truth is known, on which techniques of interpretability are tried.

    case = tm.cases.tight_frame(n_features=20, n_hidden=10)
    case.module()                       # the model; h = W x
    case.over(n_hidden=[20, 10, 5])     # levels of superposition
    tm.cases.compress(tm.cases.gate("and"), n_hidden=2)   # the same circuit through fewer dimensions

Autoencoders: `dedicated`, `digons`, `octahedron`, `polygon`, `one_at_a_time`, `tight_frame`, `random_frame`,
`unrepresented`, `trained`.
Circuits: `gate`, `backup`, `dormant`, `ignored`, `polysemantic`, `absolute_value`, `asymmetric`, `all_ands`,
`pass_through`, `two_paths`. Transformers: `induction`, `skip_trigrams`. A network that nobody built by hand, and whose
truth is not known: `handwritten_digits`. One of your own is a `Case`: a model and its task; a model that you trained is
one by `of_run`.
"""

from toymodels.cases import frames
from toymodels.cases.attributions import MOST_FEATURES, shapley_values
from toymodels.cases.autoencoders import (
    dedicated,
    digons,
    octahedron,
    one_at_a_time,
    polygon,
    random_frame,
    samples_one_at_a_time,
    tight_frame,
    trained,
    unrepresented,
)
from toymodels.cases.case import (
    EXACT,
    Case,
    Truth,
    compress,
    feature_values,
    from_graph,
    graph_of,
    of_run,
    truth,
)
from toymodels.cases.changes import true_changes
from toymodels.cases.circuit import Circuit, Computed
from toymodels.cases.circuits import (
    absolute_value,
    all_ands,
    asymmetric,
    backup,
    dormant,
    gate,
    ignored,
    pass_through,
    polysemantic,
    two_paths,
)
from toymodels.cases.digits import DigitImages, digit_graph, digit_images, handwritten_digits
from toymodels.cases.edges import (
    SWITCHED,
    Switches,
    effects,
    effects_of_cuts,
    effects_of_patches,
    switches,
    true_effects,
    uncompressed,
)
from toymodels.cases.graph import Edge, Graph, Vertex, draw_graph, layered, read_graph, write_graph
from toymodels.cases.strength import carried, strongest
from toymodels.cases.transformer import Induction, RepeatedTokens, induction
from toymodels.cases.trigrams import skip_trigrams
from toymodels.cases.units import profiles

__all__ = [
    "EXACT",
    "MOST_FEATURES",
    "SWITCHED",
    "Case",
    "Circuit",
    "Computed",
    "DigitImages",
    "Edge",
    "Graph",
    "Induction",
    "RepeatedTokens",
    "Switches",
    "Truth",
    "Vertex",
    "absolute_value",
    "all_ands",
    "asymmetric",
    "backup",
    "carried",
    "compress",
    "dedicated",
    "digit_graph",
    "digit_images",
    "digons",
    "dormant",
    "draw_graph",
    "effects",
    "effects_of_cuts",
    "effects_of_patches",
    "feature_values",
    "frames",
    "from_graph",
    "gate",
    "graph_of",
    "handwritten_digits",
    "ignored",
    "induction",
    "layered",
    "octahedron",
    "of_run",
    "one_at_a_time",
    "pass_through",
    "polygon",
    "polysemantic",
    "profiles",
    "random_frame",
    "read_graph",
    "samples_one_at_a_time",
    "shapley_values",
    "skip_trigrams",
    "strongest",
    "switches",
    "tight_frame",
    "trained",
    "true_changes",
    "true_effects",
    "truth",
    "two_paths",
    "uncompressed",
    "unrepresented",
    "write_graph",
]
