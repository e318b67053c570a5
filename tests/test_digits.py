"""The network that reads digits, and what edges carry."""

import subprocess
import sys

import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels import cases
from toymodels.cases import Graph, Vertex
from toymodels.cases.graph import Edge


@pytest.fixture(scope="module")
def images():
    pytest.importorskip("sklearn")
    return cases.digit_images()


@pytest.fixture(scope="module")
def module(images):
    return cases.handwritten_digits(12, recipe=tm.Recipe(steps=300, batch_size=100)).module(seed=3)


def right(module, images):
    return float((np.asarray(module(jnp.asarray(images.input))).argmax(0) == images.label).mean())


def test_images_are_all_there_in_columns_and_apart(images):
    (train, labels), (test, others) = images
    assert (train.shape, labels.shape, test.shape, others.shape) == ((64, 1497), (1497,), (64, 300), (300,))
    assert (train.min(), train.max()) == (0, 1)
    both = np.concatenate([train, test], axis=1)
    assert len(np.unique(both.T, axis=0)) == 1797
    assert np.bincount(np.concatenate([labels, others])).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_it_reads_what_it_has_not_seen(images, module):
    assert right(module, images.test) > 0.9
    # an untrained one is right by chance, .1, give or take what ten guesses may have in common
    assert right(cases.handwritten_digits(12, recipe=cases.EXACT).module(seed=3), images.test) < 0.4


def test_its_graph_is_the_network(images, module, tmp_path):
    graph = cases.digit_graph(module)
    assert [len(layer) for layer in graph.layers] == [64, 12, 10]
    assert [graph.vertices[number].name for number in (0, 9, 63, 76, 85)] == ["0,0", "1,1", "7,7", "0", "9"]
    cases.write_graph(graph, tmp_path)
    again = cases.from_graph(cases.read_graph(tmp_path), tm.Task(tm.Independent(64))).module()
    some = jnp.asarray(images.test.input[:, :40])
    np.testing.assert_allclose(again(some), module(some), atol=1e-4)


def test_what_its_edges_carry_adds_up(images, module):
    """With the biases, what the edges into a vertex carry is its mean input."""
    threes = jnp.asarray(images.test.input[:, images.test.label == 3])
    graph = cases.digit_graph(module, threes)
    into = np.array([vertex.bias for vertex in graph.vertices])
    for edge in graph.edges:
        into[edge.target] += edge.weight
    np.testing.assert_allclose(into[76:], np.asarray(module(threes)).mean(-1), atol=1e-4)
    before = np.asarray(module.W[...]) @ threes + np.asarray(module.b_hidden[...])[:, None]
    np.testing.assert_allclose(into[64:76], before.mean(-1), atol=1e-4)


def test_its_edges_have_switches_and_the_last_ones_do_what_they_carry(images, module):
    """The logits are linear in the neurons: cutting an edge takes away its weight times the neuron."""
    some = jnp.asarray(images.test.input[:, :20])
    every = cases.switches(module)
    places = np.flatnonzero(every.targets >= 76)[[0, 13, 77]]
    done = np.asarray(cases.effects_of_cuts(every, some, places))
    hidden, W_out = np.asarray(module.encode(some)), np.asarray(module.W_out[...])
    for effect, place in zip(done, places, strict=True):
        neuron, digit = every.sources[place] - 64, every.targets[place] - 76
        expected = abs(W_out[digit, neuron]) * np.sqrt(np.square(hidden[neuron]).mean())
        assert effect == pytest.approx(expected, rel=1e-3, abs=1e-4)


def test_edges_of_a_circuit_carry_what_its_graph_says():
    asymmetric, x = cases.asymmetric().module(), np.array([[1.0, 0.5], [0.0, 0.2]])
    # h₁ = 2 x₁ + x₂/2 is 2 and 1.1, h₂ = 2 x₁ is 2 and 1: means 1.55 and 1.5
    expected = {(0, 2): 1.5, (1, 2): 0.05, (0, 3): 1.5, (2, 4): 0.775, (2, 5): 3.1, (3, 5): -3.0}
    got = {edge[:2]: edge.weight for edge in cases.carried(asymmetric, x).edges}
    assert got == pytest.approx(expected, abs=1e-6)


def test_the_strongest_edges_lead_to_an_output():
    vertices = [Vertex("feature", 0, name) for name in "abc"]
    vertices += [Vertex("neuron", 1, name, bias) for name, bias in (("h", 0.5), ("k", -1.0))]
    vertices += [Vertex("output", 2, "y")]
    edges = (Edge(0, 3, 9.0), Edge(1, 4, 0.5), Edge(2, 4, -0.7), Edge(3, 5, 0.1), Edge(4, 5, -2.0))
    left = cases.strongest(Graph(tuple(vertices), edges), 1)
    assert [vertex.name for vertex in left.vertices] == ["c", "k", "y"]
    assert left.edges == (Edge(0, 1, -0.7), Edge(1, 2, -2.0))
    assert left.vertices[1].bias == -1
    assert cases.strongest(Graph(tuple(vertices), edges), 5).edges == edges
    with pytest.raises(ValueError, match="count of strongest"):
        cases.strongest(left, 0)


def test_a_graph_of_some_edges_is_drawn(images, module):
    threes = jnp.asarray(images.test.input[:, images.test.label == 3])
    ax = cases.draw_graph(cases.strongest(cases.digit_graph(module, threes), 8), labels=False)
    assert {"3"} & {text.get_text() for text in ax.texts}


def test_without_scikit_learn_it_says_what_to_install():
    code = (
        "import sys; sys.modules['sklearn'] = sys.modules['sklearn.datasets'] = None\n"
        "from toymodels import cases\n"
        "try:\n    cases.handwritten_digits()\nexcept ModuleNotFoundError as error:\n    print(error.name, error)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.startswith("sklearn The images of digits are those of scikit-learn, which is not installed.")
    assert "pip install 'toymodels[techniques]'" in said


def test_a_count_of_neurons_is_checked():
    with pytest.raises(ValueError, match="n_hidden of handwritten_digits must be an integer"):
        cases.handwritten_digits(0)
