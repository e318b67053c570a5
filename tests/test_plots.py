"""Plots say what the arrays say: the artists are read back as data."""

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba

from toymodels import plots
from toymodels.analysis import geometry

PENTAGON = np.array([np.cos(2 * np.pi * np.arange(5) / 5), np.sin(2 * np.pi * np.arange(5) / 5)])


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_directions_end_where_the_features_point() -> None:
    W = np.array([[1.0, -0.3, 0.2], [0.5, 0.7, -1.1]])
    ax = plots.directions(W)
    ends = [line.get_xydata()[-1] for line in ax.lines if len(line.get_xydata()) == 2]
    np.testing.assert_allclose(ends, W.T)


def test_directions_are_darkest_where_most_important() -> None:
    ax = plots.directions(PENTAGON, importance=np.array([0.2, 0.9, 0.5, 0.1, 0.3]))
    colors = [to_rgba(line.get_color()) for line in ax.lines if len(line.get_xydata()) == 2]
    brightness = [sum(color[:3]) for color in colors]
    assert np.argsort(brightness).tolist() == [1, 2, 4, 0, 3]


def test_weight_matrix_shows_gram_and_bias_on_one_symmetric_scale() -> None:
    W, b = np.array([[1.0, -0.8, 0.3]]), np.array([0.1, -0.2, 0.5])
    ax = plots.weight_matrix(W, b, limit=2.0)
    matrix, column = ax.images
    np.testing.assert_allclose(matrix.get_array(), W.T @ W)
    np.testing.assert_allclose(column.get_array()[:, 0], b)
    assert matrix.get_clim() == column.get_clim() == (-2.0, 2.0)


def test_norm_bars_have_norms_as_widths_and_interference_as_colour() -> None:
    W = np.array([[1.0, -0.6, 0.0], [0.0, 0.0, 0.9]])
    bars = plots.norm_bars(W).patches
    np.testing.assert_allclose([bar.get_width() for bar in bars], [1.0, 0.6, 0.9])
    colors = mpl.colormaps[plots.INTERFERENCE_COLORS]
    # Ŵ_0·W_1 = -0.6, Ŵ_1·W_0 = -1, and the third stands alone.
    for bar, interference in zip(bars, [0.36, 1.0, 0.0], strict=True):
        np.testing.assert_allclose(bar.get_facecolor(), colors(interference))
    assert bars[0].axes.get_ylim()[0] > bars[0].axes.get_ylim()[1]  # the first feature is on top


def test_superposition_uses_the_given_figure() -> None:
    figure = plt.figure()
    matrix, bars = plots.superposition(PENTAGON, np.zeros(5), title="here", figure=figure)
    assert matrix.figure is bars.figure is figure
    assert (matrix.get_title(), len(figure.axes)) == ("here", 2)


def test_keys_span_the_scales_of_the_plots() -> None:
    assert [ax.get_ylim() for ax in plots.superposition_keys(figure=plt.figure())] == [(-1.0, 1.0), (0.0, 1.0)]


def test_dimensionality_leaves_out_what_is_not_shown() -> None:
    values = np.array([[1.0, 0.5, 0.1], [0.4, 0.4, 0.2]])
    ax = plots.dimensionality(np.array([1.0, 0.1]), values, shown=np.array([[1, 1, 0], [1, 0, 1]], bool))
    drawn = [np.sort(line.get_ydata()) for line in ax.lines if line.get_marker() == "."]
    np.testing.assert_allclose(drawn, [[0.5, 1.0], [0.2, 0.4]])
    lines = {line.get_ydata()[0] for line in ax.lines if line.get_marker() != "."}
    assert lines == {1.0, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8}


def test_feature_graph_joins_what_is_not_orthogonal() -> None:
    W = np.zeros((4, 9))
    W[:2, :5] = PENTAGON
    W[2, 5], W[2, 6] = 1.0, -1.0
    W[3, 7] = 1.0  # alone; feature 8 is not represented
    ax = plots.feature_graph(W)
    assert len(ax.collections[0].get_segments()) == 10 + 1
    assert len(ax.lines[0].get_xydata()) == 8
    assert len(plots.feature_graph(W, min_cosine=0.5).collections[0].get_segments()) == 5 + 1


def test_feature_graph_lays_a_pentagon_out_as_one() -> None:
    nodes = plots.feature_graph(PENTAGON).lines[0].get_xydata()
    radii = np.linalg.norm(nodes - nodes.mean(0), axis=1)
    np.testing.assert_allclose(radii, radii[0])


def test_feature_graph_of_a_model_that_represents_nothing_is_empty() -> None:
    ax = plots.feature_graph(np.full((2, 5), 0.01))
    assert len(ax.lines[0].get_xydata()) == 0


def test_panels_draw_one_item_each_in_rows() -> None:
    W = np.stack([PENTAGON, 0.5 * PENTAGON, 0.2 * PENTAGON])
    axes = plots.panels(plots.directions, W, ["a", "b", "c"], columns=2, limit=3.0)
    assert [ax.get_title() for ax in axes] == ["a", "b", "c"]
    assert axes[2].get_xlim() == (-3.0, 3.0)
    ends = [line.get_xydata()[-1] for line in axes[1].lines if len(line.get_xydata()) == 2]
    np.testing.assert_allclose(ends, 0.5 * PENTAGON.T)


def test_given_axes_are_used() -> None:
    _, ax = plt.subplots()
    for draw in (plots.directions, plots.norm_bars, plots.feature_graph):
        assert draw(PENTAGON, ax=ax) is ax
    assert plots.weight_matrix(PENTAGON, np.zeros(5), ax=ax) is ax
    assert plots.dimensionality(np.array([0.5]), geometry.dimensionality(PENTAGON)[None], ax=ax) is ax
    assert plots.dimensions_per_feature(np.array([0.5]), np.array([0.4]), ax=ax) is ax
