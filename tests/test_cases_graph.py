"""Graphs: what is none is refused, files keep every bit, and a module's graph computes what the module does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import toymodels as tm
from toymodels import cases
from toymodels.cases import Edge, Graph, Vertex

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
NAMES = st.text(st.sampled_from(",;\"'$ \\_#λ₁é\t\u2028\ufeff"), max_size=8)


@st.composite
def parts(draw: st.DrawFn) -> tuple[tuple[Vertex, ...], tuple[Edge, ...]]:
    """Vertices and edges of up to four layers, with awkward numbers and names, and edges that skip layers."""
    sizes = draw(st.lists(st.integers(1, 3), min_size=2, max_size=4))
    vertices = []
    for layer, size in enumerate(sizes):
        kind = "feature" if layer == 0 else "output" if layer == len(sizes) - 1 else "neuron"
        for _ in range(size):
            activation = draw(st.sampled_from(["identity", "relu"]))
            vertices.append(Vertex(kind, layer, draw(NAMES), draw(NUMBERS), activation))
    layer_of = [vertex.layer for vertex in vertices]
    pairs = [(a, b) for a in range(len(vertices)) for b in range(len(vertices)) if layer_of[a] < layer_of[b]]
    chosen = draw(st.lists(st.sampled_from(pairs), unique=True))
    return tuple(vertices), tuple(Edge(source, target, draw(NUMBERS)) for source, target in chosen)


@given(parts())
def test_files_keep_every_bit(tmp_path, parts):
    graph = Graph(*parts)
    cases.write_graph(graph, tmp_path)
    cases.write_graph(graph, tmp_path, effects=[0.1] * len(graph.edges))  # what was written is replaced
    read = cases.read_graph(tmp_path)
    assert repr((read.vertices, read.edges)) == repr(parts)  # -0.0 is not 0.0


def test_a_circuit_from_files_has_the_same_outputs(tmp_path):
    case = cases.absolute_value(3)
    rng = np.random.default_rng(0)
    graph = case.graph()
    graph = Graph(graph.vertices, tuple(edge._replace(weight=float(rng.normal())) for edge in graph.edges))
    cases.write_graph(graph, tmp_path / "new" / "folder")
    again = cases.from_graph(cases.read_graph(tmp_path / "new" / "folder"), case.task)
    x = case.task.features.sample(jax.random.key(0), 50)
    np.testing.assert_array_equal(again.module()(x), cases.from_graph(graph).module()(x))


def test_effects_stand_beside_weights(tmp_path):
    case = cases.gate("and")
    x = jnp.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])
    cases.write_graph(case.graph(), tmp_path, effects=cases.effects(case.module(), x))
    assert (tmp_path / "edges.csv").read_text().splitlines()[1] == "0,2,1.0,0.5"
    with pytest.raises(ValueError, match=r"effects of write_graph must be 3, one per edge. Got 1"):
        cases.write_graph(case.graph(), tmp_path, effects=[1.0])


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path):
    theirs = "from,to\n1,2\n"
    (tmp_path / "edges.csv").write_text(theirs)
    with pytest.raises(FileExistsError, match=r"edges.csv is there and was not written by write_graph"):
        cases.write_graph(cases.gate("or").graph(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["edges.csv"]
    assert (tmp_path / "edges.csv").read_text() == theirs


VERTICES = "id,kind,layer,name,bias,activation\na,feature,0,x,0,identity\nb,output,1,y,0.5,relu\n"
EDGES = "note,from_id,to_id,weight\nmine,a,b,-2\n"


def test_a_file_written_by_hand_is_read(tmp_path):
    (tmp_path / "vertices.csv").write_text(VERTICES)
    (tmp_path / "edges.csv").write_text(EDGES)
    module = cases.from_graph(cases.read_graph(tmp_path)).module()
    assert module(jnp.array([[0.125, 1.0]])).tolist() == [[0.25, 0.0]]


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("vertices.csv", ",bias", ",bais", r"vertices.csv must have the columns id, kind, .*. It lacks bias"),
        (
            "edges.csv",
            "a,b",
            "a,c",
            r"to_id in line 2 of edges.csv must be an id of vertices.csv. Got 'c'. There",
        ),
        ("edges.csv", "-2", "two", r"weight in line 2 of edges.csv must be a number. Got 'two'"),
        ("edges.csv", "-2", "nan", r"edges of Graph must have finite weights"),
        ("vertices.csv", "1,y", "1.5,y", r"layer in line 3 of vertices.csv must be a whole number. Got '1.5'"),
        ("vertices.csv", "0.5,relu", "0.5", r"line 3 of vertices.csv must have 6 values"),
        ("vertices.csv", "b,", "a,", r"id in line 3 of vertices.csv must be another one .* Got 'a'"),
        (
            "vertices.csv",
            "relu",
            "tanh",
            r"activation of vertex y must be one of identity, .* Got 'tanh'",
        ),
    ],
)
def test_bad_files_are_explained(tmp_path, name: str, old: str, new: str, message: str):
    for file, text in (("vertices.csv", VERTICES), ("edges.csv", EDGES)):
        assert name != file or old in text
        (tmp_path / file).write_text(text.replace(old, new) if name == file else text)
    with pytest.raises(ValueError, match=message):
        cases.read_graph(tmp_path)


X, H, Y = Vertex("feature", 0, "x"), Vertex("neuron", 1, "h"), Vertex("output", 2, "y")


@pytest.mark.parametrize(
    ("vertices", "edges", "message"),
    [
        ((H, X, Y), (), "must stand in the order of layers"),
        ((X, Y), (), "must stand in the order of layers"),  # 0 and 2
        ((X, H), (), "must have features, all in layer 0, and outputs"),
        ((X, H, Y), (Edge(1, 0, 1.0),), "must lead to a later layer"),
        ((X, H, Y), (Edge(0, 3, 1.0),), r"must join vertices 0 ... 2"),
        ((X, H, Y), (Edge(0, 2, 1.0), Edge(0, 2, 2.0)), "at most one from a vertex to another"),
        ((X, H._replace(bias=np.inf), Y), (), "bias of vertex h must be finite"),
        ((X, H._replace(name="two\nlines"), Y), (), "name of a vertex must be one line"),
        ((X, H._replace(kind="unit"), Y), (), "kind of a vertex must be one of feature, neuron, output. Got 'unit'"),
    ],
)
def test_what_is_no_graph_is_refused(vertices, edges, message: str):
    with pytest.raises(ValueError, match=message):
        Graph(vertices, edges)


def test_layers_see_all_layers_before():
    with pytest.raises(ValueError, match=r"weights of layer 2 of layered must have shape \(1, 3\). Got \(1, 1\)"):
        cases.layered(
            (["h"], np.ones((1, 2)), [0.0], "relu"), (["y"], np.ones((1, 1)), [0.0], "relu"), features=["a", "b"]
        )


def test_without_cuts_edges():
    graph = cases.gate("and").graph()
    assert [(edge.source, edge.target) for edge in graph.without((0, 2)).edges] == [(1, 2), (2, 3)]


@pytest.mark.parametrize(
    "model",
    [
        tm.Autoencoder(4, 3, initial_output_bias=-0.1),
        tm.Autoencoder(4, 3, hidden_activation=jax.nn.relu, hidden_bias=True, initial_hidden_bias=0.2, tied=False),
    ],
)
def test_the_graph_of_an_autoencoder_computes_what_it_does(model: tm.Autoencoder):
    task = tm.Task(tm.Independent(4, density=0.5))
    module = cases.Case(model, task).module(seed=2)
    x = task.features.sample(jax.random.key(0), 20)
    again = cases.from_graph(cases.graph_of(module)).module()
    np.testing.assert_allclose(again(x), module(x), atol=1e-6)


def test_modules_without_a_graph_are_named():
    with pytest.raises(ValueError, match=r"The graph of a NetworkModule is not known. Give it an attribute `graph`"):
        cases.Case(tm.Network((3, 2, 3)), tm.Task(tm.Independent(3))).graph()
    squared = cases.Case(tm.Autoencoder(3, 2, output_activation="square"), tm.Task(tm.Independent(3)))
    with pytest.raises(ValueError, match=r"A vertex of a graph is linear or a ReLU. Got the activation .*square"):
        squared.graph()
