"""The graph of a small network shows its weights: edges, colours, widths and names are read back."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from legibility import faults
from matplotlib.collections import LineCollection

import toymodels as tm
from toymodels import cases

W = np.array([[2.0, -0.5], [0.0, 1.0], [-4.0, 0.1]])  # three neurons, two inputs
W_OUT = np.array([[0.5, 0.0, -1.0]])


@pytest.fixture
def ax():
    axes = tm.plots.neuron_graph(W, W_OUT, outputs=["sum"], min_weight=0.1)
    yield axes
    plt.close(axes.figure)


def _edges(ax) -> dict[tuple[str, str], tuple[tuple[float, ...], float]]:
    """(colour, width) of the edge between two nodes, by their names."""
    names = {patch.get_center(): text for patch, text in zip(ax.patches, _names(ax), strict=True)}
    found = {}
    for layer in ax.collections:
        assert isinstance(layer, LineCollection)
        for ends, color, width in zip(layer.get_segments(), layer.get_colors(), layer.get_linewidths(), strict=True):
            start, end = (names[tuple(map(float, end))] for end in ends)
            found[start, end] = tuple(map(float, color[:3])), float(width)
    return found


def _names(ax) -> list[str]:
    return [text.get_text() for text in ax.texts if text.get_text()[0] not in "+-"]


def test_every_weight_that_is_not_negligible_has_an_edge(ax) -> None:
    wanted = {("$x_{1}$", "$h_{1}$"), ("$x_{2}$", "$h_{1}$"), ("$x_{2}$", "$h_{2}$"), ("$x_{1}$", "$h_{3}$")}
    assert set(_edges(ax)) == wanted | {("$h_{1}$", "sum"), ("$h_{3}$", "sum")}


def test_colours_tell_signs_and_widths_sizes(ax) -> None:
    edges = _edges(ax)
    red, blue = (mpl.colors.to_rgb(color) for color in ("#b2182b", "#2166ac"))
    assert edges["$x_{1}$", "$h_{1}$"][0] == pytest.approx(red)
    assert edges["$x_{2}$", "$h_{1}$"][0] == pytest.approx(blue)
    assert edges["$h_{3}$", "sum"][0] == pytest.approx(blue)
    # widths are relative to the largest of the layer: 4 of W, 1 of W_out
    widths = [edges[pair][1] for pair in (("$x_{1}$", "$h_{3}$"), ("$x_{1}$", "$h_{1}$"), ("$x_{2}$", "$h_{1}$"))]
    assert widths[0] > widths[1] > widths[2]
    assert edges["$h_{3}$", "sum"][1] == pytest.approx(widths[0])
    assert edges["$h_{1}$", "sum"][1] == pytest.approx(widths[1])


def test_weights_are_written_on_the_edges(ax) -> None:
    written = sorted(text.get_text() for text in ax.texts if text.get_text()[0] in "+-")
    assert written == sorted(["+2.00", "-0.50", "+1.00", "-4.00", "+0.50", "-1.00"])


def test_weights_can_be_left_out() -> None:
    ax = tm.plots.neuron_graph(W, W_OUT, labels=False)
    assert len(ax.texts) == 6  # the nodes
    plt.close(ax.figure)


def test_a_network_without_weights_has_no_edges() -> None:
    ax = tm.plots.neuron_graph(0 * W, 0 * W_OUT)
    assert [len(layer.get_segments()) for layer in ax.collections] == [0, 0]
    plt.close(ax.figure)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="W_out of neuron_graph must have a column for each of the 3 neurons"):
        tm.plots.neuron_graph(W, W_OUT[:, :2])
    with pytest.raises(ValueError, match=r"inputs of neuron_graph must be 2 names. Got 1"):
        tm.plots.neuron_graph(W, W_OUT, inputs=["a"])


def test_edges_that_skip_layers_go_between_the_nodes() -> None:
    layers = [["a"], ["b", "c", "d"], ["e"], ["f"]]
    edges = [(0, 4, 1.0), (0, 5, -0.5), (1, 4, 2.0), (2, 5, 0.3)]
    ax = tm.plots.layered_graph(layers, edges)
    nodes = np.array([patch.get_center() for patch in ax.patches])
    radius = ax.patches[0].get_radius()
    lines = [line for layer in ax.collections for line in layer.get_segments()]
    assert [len(line) > 2 for line in lines] == [False, True, True, True]  # into e, then into f
    for line in lines:
        inner = nodes[~(np.isclose(nodes, line[0]) | np.isclose(nodes, line[-1])).all(1)]
        far = np.linalg.norm(line[:, None] - inner, axis=-1).min()
        assert far > (0.3 if len(line) > 2 else 1) * radius
        low, high = ax.get_ylim()
        assert low < line[:, 1].min()
        assert line[:, 1].max() < high
    written = {text.get_text() for text in ax.texts} & {"+1.00", "-0.50", "+2.00", "+0.30"}
    assert len(written) == 4
    assert faults(ax.figure) == []


def test_widths_are_relative_to_the_largest_into_the_same_layer() -> None:
    ax = tm.plots.layered_graph([["a", "b"], ["c"], ["d"]], [(0, 2, 4.0), (1, 2, 2.0), (0, 3, 0.1), (2, 3, 0.05)])
    first, second = (layer.get_linewidths() for layer in ax.collections)
    assert sorted(first) == pytest.approx(sorted(second))


def test_curves_through_the_same_gap_keep_apart() -> None:
    ax = tm.plots.layered_graph([["a"], ["b"], ["c"], ["d"]], [(0, 2, 1.0), (0, 3, 1.0)], labels=False)
    short, long = (layer.get_segments()[0] for layer in ax.collections[1:])
    over_b = [np.interp(2.0, *line.T) for line in (short, long)]
    assert over_b[1] - over_b[0] > 0.15


@pytest.mark.parametrize("edge", [(1, 0), (0, 2), (0, 0)])
def test_edges_that_lead_nowhere_are_named(edge: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"edges of layered_graph must .*. Got {edge[0]} to {edge[1]}"):
        tm.plots.layered_graph([["a"], ["b"]], [(*edge, 1.0)])


CASES = [cases.gate("or"), cases.backup(), cases.absolute_value(), cases.asymmetric(), cases.polygon(5)]


@pytest.mark.parametrize("case", [*CASES, cases.induction()], ids=lambda case: type(case.model).__name__)
def test_the_graphs_of_cases_can_be_read(case: cases.Case) -> None:
    assert faults(cases.draw_graph(case.graph()).figure) == []
