"""Plots of neurons say what the arrays say: the artists are read back as data."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from toymodels import plots
from toymodels.analysis.geometry import interference
from toymodels.plots.bars import KIND_MARKERS
from toymodels.plots.weights import interference_key

# Two features in one neuron, one in the next, none in the last.
W = np.array([[1.0, -0.7, 0.4, 0.0], [0.0, 0.0, 0.0, -0.9], [0.0, 0.0, 0.0, 0.0]])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_matrix_has_a_column_a_neuron_on_a_symmetric_scale() -> None:
    ax = plots.neuron_matrix(W, limit=2.0)
    (image,) = ax.images
    np.testing.assert_array_equal(image.get_array(), W.T)
    assert image.get_clim() == (-2.0, 2.0)
    bottom, top = ax.get_ylim()
    assert bottom > top  # the first feature is on top


def test_bars_are_stacked_weights_in_the_colours_of_their_features() -> None:
    ax = plots.neuron_bars(W)
    segments = [patch for patch in ax.patches if patch.get_height()]
    got = sorted((round(bar.get_x() + 0.4), bar.get_y(), round(bar.get_height(), 9)) for bar in segments)
    assert got == [(0, 0.0, -0.7), (0, 0.0, 1.0), (0, 1.0, 0.4), (1, 0.0, -0.9)]
    of_weight = {round(bar.get_height(), 9): bar.get_facecolor() for bar in segments}
    shared = interference(W)
    colors = interference_key(shared.max()).to_rgba(shared)
    for weight, color in zip([1.0, -0.7, 0.4, -0.9], colors, strict=True):
        np.testing.assert_allclose(of_weight[weight], color)


def test_marks_tell_the_kinds_of_neurons() -> None:
    ax = plots.neuron_bars(W)
    marks = [(line.get_xdata()[0], line.get_marker()) for line in ax.lines if line.get_marker() in "sD"]
    assert marks == [(1, KIND_MARKERS["monosemantic"][0]), (0, KIND_MARKERS["polysemantic"][0])]


def test_limit_of_the_bars() -> None:
    assert plots.neuron_bars(W).get_ylim() == pytest.approx((-1.0, 1.4 * 1.05))
    assert plots.neuron_bars(W, limits=(-2.0, 3.0)).get_ylim() == (-2.0, 3.0)
    assert plots.neuron_bars(np.zeros((2, 3))).get_ylim() == (-1.0, 1.0)


def test_models_side_by_side_have_one_scale() -> None:
    matrices, bars = plots.neurons(np.stack([W, 2 * W]), ["first", "second"])
    assert [ax.get_title() for ax in matrices] == ["first", "second"]
    np.testing.assert_array_equal([ax.images[0].get_array() for ax in matrices], [W.T, 2 * W.T])
    for ax in bars:
        assert ax.get_ylim() == pytest.approx((-1.8 * 1.05, 2.8 * 1.05))
    assert [ax.images[0].get_clim() for ax in matrices] == [(-2.0, 2.0)] * 2
    assert [text.get_text() for text in bars[0].figure.legends[0].get_texts()] == [
        "monosemantic neuron",
        "polysemantic neuron",
    ]
    cut = plots.neurons(np.stack([W, 2 * W]), ["first", "second"], limit=3.0, bar_limits=(-2.0, 2.0))
    assert [ax.get_ylim() for ax in cut[1]] == [(-2.0, 2.0)] * 2
    assert cut[0, 0].images[0].get_clim() == (-3.0, 3.0)


def test_titles_must_be_one_a_model() -> None:
    with pytest.raises(ValueError, match=r"titles of neurons must be one for each of the 2 models. Got 1"):
        plots.neurons(np.stack([W, W]), ["one"])
