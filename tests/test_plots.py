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
    scales = plots.Scales(weight=2.0, interference=7.0)
    keys = plots.superposition_keys(scales, figure=plt.figure())
    np.testing.assert_allclose([ax.get_ylim() for ax in keys], [(-2.0, 2.0), (0.0, 7.0)])
    assert [text.get_text() for text in keys[1].get_yticklabels()] == ["0", "0.5", "1", "2", "5"]


def test_models_side_by_side_have_scales_that_hold_all_their_values() -> None:
    W = np.stack([PENTAGON, 2 * PENTAGON, 0.01 * PENTAGON])
    b = np.zeros((3, 5))
    scales = plots.common_scales(W, b)
    assert scales == pytest.approx((4.0, geometry.interference(W[1]).max(), 2.1))
    assert plots.common_scales(W[:1], b[:1] - 9) == pytest.approx((9.0, 1.5, 1.3))
    assert plots.common_scales(W[2:], b[2:]) == plots.Scales()  # features without a direction have no interference
    for weights, bias in zip(W, b, strict=True):
        matrix, bars = plots.superposition(weights, bias, scales=scales)
        assert matrix.images[0].get_clim() == pytest.approx((-4.0, 4.0))
        assert bars.get_xlim() == (0, scales.norm)
    assert plots.common_scales(np.full((2, 3, 4), np.nan), np.zeros((2, 4))) == plots.Scales()  # diverged


def test_the_scale_of_interference_tells_what_is_beyond_1_apart() -> None:
    for limit in (1.0, 1.3, 3.0, 25.0):
        values = np.concatenate([[0, 0.25, 0.5, 0.75, 1.0], np.geomspace(1, limit, 5)[1:]])
        places = np.asarray(plots.interference_key(limit).norm(values))
        assert places[[0, -1]] == pytest.approx([0, 1])
        assert (np.diff(places[: 5 if limit == 1 else None]) > 0).all()
    steps = np.diff(np.asarray(plots.interference_key(25.0).norm([1.0, 5.0, 25.0])))
    np.testing.assert_allclose(steps, steps[0])


def test_features_without_a_direction_have_grey_bars() -> None:
    bars = plots.norm_bars(np.array([[1.0, 0.09, 0.11, 0.01]])).patches
    grey = [bar.get_facecolor() == to_rgba(plots.PALE) for bar in bars]
    assert grey == [False, True, False, True]
    np.testing.assert_allclose([bar.get_width() for bar in bars], [1, 0.09, 0.11, 0])  # no hairlines


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


def test_feature_graph_tells_acute_from_obtuse_and_near_from_far() -> None:
    edges = plots.feature_graph(PENTAGON).collections[0]
    colors = [tuple(color[:3]) for color in edges.get_colors()]
    acute, obtuse = (to_rgba(color)[:3] for color in (plots.POSITIVE, plots.NEGATIVE))
    assert colors == 5 * [acute] + 5 * [obtuse]  # the sides below the diagonals
    widths, alphas = edges.get_linewidths(), edges.get_colors()[:, 3]
    assert widths[0] < widths[-1]
    assert alphas[0] < alphas[-1]


def test_large_components_of_the_feature_graph_stand_on_a_ring_with_neighbours_together() -> None:
    angles = np.random.default_rng(0).permutation(2 * np.pi * np.arange(20) / 20)
    nodes = plots.feature_graph(np.stack([np.cos(angles), np.sin(angles)])).lines[0].get_xydata()
    distances = np.linalg.norm(nodes - nodes.mean(0), axis=1)
    np.testing.assert_allclose(distances, distances[0])
    assert len(np.unique(nodes.round(6), axis=0)) == 20


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
