"""Plots of sweeps say what the labelled arrays say: the artists are read back as data."""

import subprocess
import sys
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_rgba

from toymodels.plots import heat_map, lines, small_multiples

NAN = float("nan")
WORDS = ("relu", "gelu", "absolute")


def array(values: Any, name: str | None = None, **coords: Any) -> xr.DataArray:
    return xr.DataArray(np.asarray(values), dims=tuple(coords), coords=coords, name=name)


def mesh(ax: Axes) -> QuadMesh:
    (only,) = (one for one in ax.collections if isinstance(one, QuadMesh))
    return only


def edges(ax: Axes) -> tuple[np.ndarray, np.ndarray]:
    corners = mesh(ax).get_coordinates()
    return corners[0, :, 0], corners[:, 0, 1]


def color_bars(figure: Any) -> list[Axes]:
    return [ax for ax in figure.axes if ax.get_label() == "<colorbar>"]


def names(axis: Any) -> list[str]:
    axis.figure.canvas.draw()
    return [text.get_text() for text in axis.get_ticklabels()]


def test_heat_map_has_the_second_dimension_along_x() -> None:
    ax = heat_map(array([[1.0, 2.5, 4.0], [3.0, 7.0, 6.0]], "loss", n_hidden=[2, 4], seed=[0, 1, 2]))
    np.testing.assert_array_equal(mesh(ax).get_array(), [[1.0, 2.5, 4.0], [3.0, 7.0, 6.0]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("seed", "n_hidden")
    np.testing.assert_allclose(edges(ax)[0], [-0.5, 0.5, 1.5, 2.5])
    np.testing.assert_allclose(edges(ax)[1], [1, 3, 5])
    assert [bar.get_ylabel() for bar in color_bars(ax.figure)] == ["loss"]


def test_heat_map_has_the_named_dimension_along_x() -> None:
    ax = heat_map(array([[1.0, 2.5, 4.0], [3.0, 7.0, 6.0]], n_hidden=[2, 4], seed=[0, 1, 2]), x="n_hidden")
    np.testing.assert_array_equal(mesh(ax).get_array(), [[1, 3], [2.5, 7], [4, 6]])
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("n_hidden", "seed")
    np.testing.assert_allclose(edges(ax)[0], [1, 3, 5])


def test_heat_map_sorts_cells_by_their_coordinates() -> None:
    ax = heat_map(array([[1.0, 2.5, 4.0], [3.0, 7.0, 6.0]], n_hidden=[4, 2], width=[5.0, 2.0, 3.0]))
    np.testing.assert_array_equal(mesh(ax).get_array(), [[7, 6, 3], [2.5, 4, 1]])
    np.testing.assert_allclose(edges(ax)[0], [1.5, 2.5, 4, 6])  # half way, and as far beyond the ends
    assert ax.get_xscale() == "linear"
    assert ax.get_xlim() == (1.5, 6)


def test_heat_map_has_geometric_edges_where_coordinates_are_geometric() -> None:
    ax = heat_map(array([[1.0, 2.5, 4.0], [3.0, 7.0, 6.0]], learning_rate=[0.001, 0.1], density=[1.0, 0.25, 0.0625]))
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_array_equal(mesh(ax).get_array(), [[4, 2.5, 1], [6, 7, 3]])
    np.testing.assert_allclose(edges(ax)[0], [0.03125, 0.125, 0.5, 2])
    np.testing.assert_allclose(edges(ax)[1], [0.0001, 0.01, 1])


@pytest.mark.parametrize(
    ("coordinate", "scale"),
    [
        ([0.01, 0.03, 0.1, 0.3, 1.0], "log"),
        ([1, 2, 5, 10, 20], "log"),
        ([4, 1, 2], "log"),
        ([1, 10], "log"),
        ([2, 3, 4, 5], "linear"),
        ([0.8, 0.88, 0.968], "linear"),  # geometric, but with nothing to show for it
        ([1, 9], "linear"),
        ([0, 0.01, 0.1, 1], "linear"),
        ([-4, -2, -1], "linear"),
    ],
)
def test_axes_are_logarithmic_where_that_spaces_evenly(coordinate: list[float], scale: str) -> None:
    values = np.arange(float(len(coordinate)))
    assert heat_map(array([values], seed=[3], width=coordinate)).get_xscale() == scale
    assert lines(array(values, width=coordinate), "width", over=None).get_xscale() == scale


def test_heat_map_names_what_is_no_number() -> None:
    ax = heat_map(array([[1.0, 2.0, 3.0]], seed=[7], activation=list(WORDS)))
    np.testing.assert_allclose(edges(ax)[0], [-0.5, 0.5, 1.5, 2.5])
    assert names(ax.xaxis) == list(WORDS)
    assert ax.get_xticks().tolist() == [0, 1, 2]
    assert names(ax.yaxis) == ["7"]  # one position has no neighbour to reach half way to
    np.testing.assert_allclose(edges(ax)[1], [-0.5, 0.5])


def test_heat_map_turns_names_that_are_too_long_and_leaves_out_some_of_very_many() -> None:
    short = heat_map(array([[1.0, 2.0]], seed=[7], activation=["a", "b"]))
    assert [text.get_rotation() for text in short.get_xticklabels()] == [0, 0]
    long = heat_map(array([[1.0, 2.0]], seed=[7], activation=["a" * 30, "b" * 30]))
    assert [text.get_rotation() for text in long.get_xticklabels()] == [45, 45]
    many = heat_map(array([np.arange(60.0)], seed=[7], activation=[f"f{i}" for i in range(60)]))
    assert names(many.xaxis)[:2] == ["f0", f"f{int(many.get_xticks()[1])}"]
    assert len(many.get_xticks()) <= 25


def test_ticks_are_at_the_positions_where_they_fit() -> None:
    few = heat_map(array([[1.0, 2.0, 3.0]], seed=[7], density=[1.0, 0.1, 0.0316227]))
    assert names(few.xaxis) == ["0.0316", "0.1", "1"]
    np.testing.assert_allclose(few.get_xticks(), [0.0316227, 0.1, 1])
    assert few.xaxis.get_minorticklocs().tolist() == []
    seeds = heat_map(array([np.arange(14.0)], density=[0.1], seed=np.arange(14)))
    assert all(tick == round(tick) for tick in seeds.get_xticks())  # not 2.5, 7.5, ...
    assert 3 < len(seeds.get_xticks()) < 14


@pytest.mark.parametrize(
    ("lowest", "expected"),
    [
        (0.3, ["0.5", "1"]),
        (0.02, ["0.02", "0.05", "0.1", "0.2", "0.5", "1"]),
        (0.01, ["0.01", "0.03", "0.1", "0.3", "1"]),
        (0.0001, ["0.0001", "0.001", "0.01", "0.1", "1"]),
    ],
)
def test_logarithmic_ticks_are_as_dense_as_there_is_room(lowest: float, expected: list[str]) -> None:
    ax = heat_map(array([np.arange(40.0)], seed=[7], density=np.geomspace(lowest, 1, 40)))
    ax.figure.canvas.draw()
    low, high = ax.get_xlim()
    assert [tick.label1.get_text() for tick in ax.xaxis.get_major_ticks() if low < tick.get_loc() < high] == expected
    assert not any(tick.label1.get_text() for tick in ax.xaxis.get_minor_ticks())


def test_names_have_as_many_digits_as_tell_them_apart() -> None:
    ax = heat_map(array([[1.0, 2.0]], seed=[7], rate=[0.123451, 0.123486]))
    assert names(ax.xaxis) == ["0.12345", "0.12349"]


def test_signed_values_have_a_scale_that_is_symmetric_about_0() -> None:
    signed = heat_map(array([[-1.0, 3.0], [0.5, 2.0]], n_hidden=[2, 4], seed=[0, 1]))
    assert mesh(signed).get_clim() == (-3, 3)
    assert mesh(signed).get_cmap().name == "RdBu_r"
    low = heat_map(array([[-5.0, 3.0], [0.5, 2.0]], n_hidden=[2, 4], seed=[0, 1]), vmax=4.0)
    assert mesh(low).get_clim() == (-5, 5)


@pytest.mark.parametrize(("values", "limits"), [([2.0, 9.0], (2, 9)), ([-9.0, 0.0], (-9, 0)), ([0.0, 4.0], (0, 4))])
def test_values_of_one_sign_have_their_own_scale(values: list[float], limits: tuple[float, float]) -> None:
    drawn = mesh(heat_map(array([values], n_hidden=[2], seed=[0, 1])))
    assert drawn.get_clim() == limits
    assert drawn.get_cmap().name == "viridis"


@pytest.mark.parametrize(
    ("value", "limits"), [(0.7, (0, 0.7)), (-2.0, (-2, 0)), (0.0, (0, 1)), (NAN, (0, 1)), (3, (0, 3))]
)
def test_equal_values_have_a_scale_from_0(value: float, limits: tuple[float, float]) -> None:
    assert mesh(heat_map(array([[value, value]], n_hidden=[2], seed=[0, 1]))).get_clim() == limits


def test_limits_label_and_colours_can_be_given() -> None:
    values = array([[0.2, 0.4]], "share", n_hidden=[2], seed=[0, 1])
    ax = heat_map(values, vmin=0, vmax=1, label="pentagons", cmap="magma")
    assert mesh(ax).get_clim() == (0, 1)
    assert mesh(ax).get_cmap().name == "magma"
    assert color_bars(ax.figure)[0].get_ylabel() == "pentagons"
    assert color_bars(heat_map(values, colorbar=False).figure) == []


def test_the_colour_bar_has_arrows_where_values_are_beyond_it() -> None:
    values = array([[0.2, 0.4, 0.9]], n_hidden=[2], seed=[0, 1, 2])
    found = [
        mesh(heat_map(values, **limits)).colorbar.extend
        for limits in ({}, {"vmin": 0.3}, {"vmax": 0.5}, {"vmin": 0.3, "vmax": 0.5}, {"vmin": 0, "vmax": 1})
    ]
    assert found == ["neither", "min", "max", "both", "neither"]


def test_infinite_cells_have_the_colour_of_the_end_of_the_scale() -> None:
    ax = heat_map(array([[np.inf, 0.5, 2.0, -np.inf]], n_hidden=[2], seed=[0, 1, 2, 3]))
    ax.figure.canvas.draw()
    assert mesh(ax).get_clim() == (0.5, 2)
    assert mesh(ax).colorbar.extend == "both"
    colors = mesh(ax).get_facecolor().reshape(-1, 4)
    np.testing.assert_array_equal(colors[0], colors[2])
    np.testing.assert_array_equal(colors[3], colors[1])
    assert ax.get_legend() is None


def test_missing_cells_are_hatched_and_explained() -> None:
    values = array([[1.0, NAN, 4.0]], n_hidden=[2], seed=[0, 1, 2])
    ax = heat_map(values)
    assert np.ma.getmaskarray(mesh(ax).get_array()).tolist() == [[False, True, False]]
    assert mesh(ax).get_cmap().get_bad()[3] == 0  # so that the hatched background is seen
    assert mesh(ax).get_clim() == (1, 4)
    (key,) = ax.get_legend().legend_handles
    assert key.get_hatch() == ax.patch.get_hatch() == "////"
    assert to_rgba(key.get_facecolor()) == to_rgba(ax.patch.get_facecolor())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["NaN: diverged or missing"]
    whole = heat_map(values.fillna(2.0))
    assert whole.get_legend() is None
    assert whole.patch.get_hatch() is None


def test_the_explanation_of_missing_cells_covers_nothing() -> None:
    ax = heat_map(array([[1.0, NAN]], n_hidden=[2], activation=["a" * 30, "b" * 30]))
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().y1 <= ax.xaxis.get_tightbbox().y0 + 1


def test_truth_values_are_0_and_1_in_two_colours() -> None:
    ax = heat_map(array([[True, True], [False, True]], n_hidden=[2, 4], seed=[0, 1]))
    np.testing.assert_array_equal(mesh(ax).get_array(), [[1, 1], [0, 1]])
    assert mesh(ax).get_clim() == (0, 1)
    assert mesh(ax).get_cmap().N == 2
    assert color_bars(ax.figure)[0].get_yticks().tolist() == [0, 1]
    assert mesh(heat_map(array([[True, True]], n_hidden=[2], seed=[0, 1]))).get_clim() == (0, 1)


SEEDS = array(
    [[[1.0, 2.0, 6.0, 9.0, 3.0], [4.0, NAN, 0.5, NAN, NAN]], [[7.0, 8.0, 1.0, 3.0, 2.0], [NAN] * 5]],
    "loss",
    n_hidden=[3, 2],
    density=[0.5, 0.1],
    seed=[0, 1, 2, 3, 4],
)


def test_lines_are_medians_with_a_band_of_quartiles() -> None:
    ax = lines(SEEDS.isel(n_hidden=0), "density")
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xydata(), [[0.1, 2.25], [0.5, 3.0]])
    (band,) = ax.collections
    # Quartiles of 1, 2, 3, 6, 9 are 2 and 6; of 0.5 and 4 they are 1.375 and 3.125.
    corners = {(float(x), float(y)) for x, y in band.get_paths()[0].vertices}
    assert corners == {(0.1, 1.375), (0.1, 2.25 + 0.875), (0.5, 2.0), (0.5, 6.0)}
    assert ax.get_xlabel() == "density"
    assert ax.get_ylabel() == "loss\nmedian, 25–75% over seed"
    assert ax.get_legend() is None


def test_the_band_and_the_label_can_be_given() -> None:
    ax = lines(SEEDS.isel(n_hidden=0), "density", band=(0, 1))
    corners = {(float(x), float(y)) for x, y in ax.collections[0].get_paths()[0].vertices}
    assert corners == {(0.1, 0.5), (0.1, 4.0), (0.5, 1.0), (0.5, 9.0)}
    assert ax.get_ylabel() == "loss\nmedian, 0–100% over seed"
    assert lines(SEEDS.isel(n_hidden=0), "density", label="test loss").get_ylabel() == "test loss"


def test_lines_are_drawn_by_a_dimension_in_the_order_of_its_numbers() -> None:
    ax = lines(SEEDS, "density", by="n_hidden")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["2", "3"]
    assert ax.get_legend().get_title().get_text() == "n_hidden"
    two, three = ax.lines
    assert (two.get_label(), three.get_label()) == ("2", "3")
    np.testing.assert_allclose(three.get_ydata(), [2.25, 3.0])
    np.testing.assert_allclose(two.get_ydata(), [NAN, 3.0])
    brightness = [sum(to_rgba(line.get_color())[:3]) for line in ax.lines]
    assert brightness[0] < brightness[1]
    bands = [to_rgba(band.get_facecolor()[0])[:3] for band in ax.collections]
    assert bands == [to_rgba(line.get_color())[:3] for line in ax.lines]


def test_lines_by_names_have_colours_without_an_order() -> None:
    values = array([[1.0, 2.0], [4.0, 3.0], [9.0, 5.0]], activation=list(WORDS), density=[0.5, 0.1])
    ax = lines(values, "density", over=None, by="activation")
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(WORDS)
    assert [line.get_color() for line in ax.lines] == ["C0", "C1", "C2"]
    np.testing.assert_allclose(ax.lines[2].get_ydata(), [5, 9])


def test_the_legend_covers_no_line() -> None:
    ax = lines(SEEDS, "density", by="n_hidden")
    ax.figure.canvas.draw()
    assert ax.get_legend().get_window_extent().x0 >= ax.get_window_extent().x1


def test_lines_over_several_dimensions() -> None:
    ax = lines(SEEDS, "density", over=("seed", "n_hidden"))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [2.25, 3.0])  # 1 1 2 2 3 3 6 7 8 9: between 3 and 3
    assert ax.get_ylabel().endswith("over seed, n_hidden")


def test_lines_without_a_summary_are_the_values() -> None:
    ax = lines(array([5.0, NAN, 2.0], "loss", activation=list(WORDS)), "activation", over=None)
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[0, 5], [1, NAN], [2, 2]])
    assert len(ax.collections) == 0
    assert ax.get_ylabel() == "loss"
    assert names(ax.xaxis) == list(WORDS)


def test_lines_of_quantiles_that_are_there_already() -> None:
    values = array([[1.0, 2.0], [4.0, 3.0]], density=[0.5, 0.1], quantile=[0.1, 0.9])
    ax = lines(values, "density", over=None, by="quantile")
    np.testing.assert_allclose([line.get_ydata() for line in ax.lines], [[4, 1], [3, 2]])


def test_small_multiples_have_a_panel_for_each_position() -> None:
    values = array(
        np.arange(24.0).reshape(2, 3, 4) + 1, "loss", seed=[8, 9], activation=list(WORDS), density=[1, 0.5, 0.25, 0.125]
    ).expand_dims(n_hidden=[6])
    figure = small_multiples(heat_map, values, row="seed", column="activation", x="density")[0, 0].figure
    panels = np.array(figure.axes[:6]).reshape(2, 3)
    for i, j in np.ndindex(2, 3):
        np.testing.assert_array_equal(mesh(panels[i, j]).get_array()[0], values.values[0, i, j][::-1])
        assert mesh(panels[i, j]).get_clim() == (1, 24)
    assert [ax.get_title() for ax in panels[0]] == ["activation = relu", "activation = gelu", "activation = absolute"]
    assert [ax.get_title() for ax in panels[1]] == ["", "", ""]
    assert [[text.get_text() for text in ax.texts] for ax in panels[:, 2]] == [["seed = 8"], ["seed = 9"]]
    assert [bar.get_ylabel() for bar in color_bars(figure)] == ["loss"]
    assert len(figure.axes) == 7
    assert figure.get_supylabel() == "n_hidden"


@pytest.mark.parametrize("where", ["row", "column"])
def test_panels_along_one_dimension_have_titles(where: str) -> None:
    values = array(np.arange(8.0).reshape(2, 2, 2), density=[0.1, 0.05], n_hidden=[2, 3], seed=[0, 1])
    figure = small_multiples(heat_map, values, **{where: "density"})[0, 0].figure
    first, second, _ = figure.axes
    assert [first.get_title(), second.get_title()] == ["density = 0.1", "density = 0.05"]
    assert first.get_subplotspec().get_gridspec().get_geometry() == ((2, 1) if where == "row" else (1, 2))
    assert first.get_shared_x_axes().joined(first, second)
    assert first.get_shared_y_axes().joined(first, second)
    np.testing.assert_array_equal(mesh(second).get_array(), [[4, 5], [6, 7]])


def test_small_heat_maps_share_one_scale_for_signs_and_arrows() -> None:
    values = array([[[1.0, 2.0]], [[-0.5, 0.3]]], "score", density=[0.1, 0.05], n_hidden=[2], seed=[0, 1])
    figure = small_multiples(heat_map, values, column="density", label="advantage")[0, 0].figure
    assert [mesh(ax).get_clim() for ax in figure.axes[:2]] == [(-2, 2), (-2, 2)]
    assert [mesh(ax).get_cmap().name for ax in figure.axes[:2]] == ["RdBu_r", "RdBu_r"]
    assert color_bars(figure)[0].get_ylabel() == "advantage"
    given = small_multiples(heat_map, abs(values), column="density", vmin=0, vmax=1.5)[0, 0].figure
    assert [mesh(ax).get_clim() for ax in given.axes[:2]] == [(0, 1.5), (0, 1.5)]
    assert mesh(given.axes[0]).colorbar.extend == "max"
    assert color_bars(small_multiples(heat_map, values, column="density", colorbar=False)[0, 0].figure) == []


def test_legends_of_panels_are_joined() -> None:
    values = array([[[1.0, 2.0]], [[NAN, 0.3]], [[NAN, 4.0]]], density=[0.2, 0.1, 0.05], n_hidden=[2], seed=[0, 1])
    figure = small_multiples(heat_map, values, column="density")[0, 0].figure
    assert [ax.get_legend() for ax in figure.axes[:3]] == [None] * 3
    assert [[text.get_text() for text in one.get_texts()] for one in figure.legends] == [["NaN: diverged or missing"]]
    without = small_multiples(heat_map, values.fillna(1.0), column="density")[0, 0].figure
    assert without.legends == []
    assert figure.get_figheight() > without.get_figheight()  # panels give no room to it
    drawn = small_multiples(lines, SEEDS.expand_dims(decay=[0.9, 0.8]), column="decay", x="density", by="n_hidden")[
        0, 0
    ].figure
    (legend,) = drawn.legends
    assert [text.get_text() for text in legend.get_texts()] == ["2", "3"]
    assert legend.get_title().get_text() == "n_hidden"


def test_small_multiples_of_lines() -> None:
    figure = small_multiples(lines, SEEDS, column="n_hidden", x="density", band=(0, 1))[0, 0].figure
    assert [ax.get_title() for ax in figure.axes] == ["n_hidden = 3", "n_hidden = 2"]
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), [2.25, 3.0])
    np.testing.assert_allclose(figure.axes[1].lines[0].get_ydata(), [NAN, 3.0])
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert figure.axes[1].get_ylabel() == ""  # the first one's


def test_small_multiples_of_any_function() -> None:
    def draw(values: xr.DataArray, *, color: str, ax: Axes) -> Axes:
        ax.plot(values.values, color=color)
        return ax

    figure = small_multiples(draw, SEEDS.isel(density=0), row="n_hidden", color="red", panel_inches=3.0)[0, 0].figure
    assert [line.get_color() for ax in figure.axes for line in ax.lines] == ["red", "red"]
    np.testing.assert_array_equal(figure.axes[1].lines[0].get_ydata(), SEEDS[1, 0])
    assert figure.get_figheight() > 6
    assert (
        small_multiples(draw, SEEDS[:, 0], column="n_hidden", color="red", panel_inches=3.0)[0, 0].figure.get_figwidth()
        > 6
    )


def test_small_multiples_of_images_share_their_scale() -> None:
    def draw(values: xr.DataArray, *, vmin: float, vmax: float, colorbar: bool, ax: Axes) -> Axes:
        assert not colorbar
        ax.imshow(values.values, vmin=vmin, vmax=vmax)
        return ax

    figure = small_multiples(draw, array([[[1.0, 2.0]], [[5.0, 0.3]]], a=[0, 1], b=[0], c=[0, 1]), column="a")[
        0, 0
    ].figure
    assert [ax.images[0].get_clim() for ax in figure.axes[:2]] == [(0.3, 5), (0.3, 5)]
    assert len(color_bars(figure)) == 1


def test_given_axes_are_used_and_nothing_is_set_globally() -> None:
    before = dict(mpl.rcParams)
    _, axes = plt.subplots(1, 2)
    assert heat_map(SEEDS[:, 0], ax=axes[0]) is axes[0]
    assert lines(SEEDS[0], "density", ax=axes[1]) is axes[1]
    small_multiples(lines, SEEDS, column="n_hidden", x="density")
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: heat_map(SEEDS), r"heat_map needs two dimensions\. Got \('n_hidden', 'density', 'seed'\): select"),
        (
            lambda: heat_map(SEEDS[0], x="densty"),
            r"heat_map needs dimensions of loss\. Got 'densty'\. Did you mean den",
        ),
        (lambda: heat_map(SEEDS[0].astype(str)), "values of heat_map must be numbers or truth values"),
        (lambda: heat_map(SEEDS[0], vmin=10), r"vmin must not be above vmax\. Got a scale from 10 to 9"),
        (lambda: lines(SEEDS, "density"), "lines needs to know what to do with n_hidden: name it in over or by"),
        (lambda: lines(SEEDS[0], "density", over="sed"), r"Got 'sed'\. Did you mean seed"),
        (lambda: lines(SEEDS[0], "seed"), "lines needs dimensions, each named once"),
        (lambda: lines(SEEDS, "density", by="hidden"), r"Got 'hidden'\. Did you mean n_hidden"),
        (lambda: lines(SEEDS[0], "density", band=(25, 75)), r"band of lines must be two quantiles in \[0, 1\]"),
        (lambda: lines(SEEDS[0], "density", band=(0.9, 0.1)), r"the lower first\. Got \(0\.9, 0\.1\)"),
        (lambda: lines(SEEDS[0].astype(str), "density", over=None), "values of lines must be numbers"),
        (lambda: small_multiples(heat_map, SEEDS), "small_multiples needs dimensions, each named once"),
        (lambda: small_multiples(heat_map, SEEDS, column="densities"), r"Got 'densities'\. Did you mean density"),
        (lambda: small_multiples(heat_map, SEEDS.astype(str), row="seed"), "values of small_multiples must be numbers"),
    ],
)
def test_bad_input_is_refused_before_anything_is_drawn(draw: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        draw()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("values", [SEEDS[0].values, xr.Dataset({"loss": SEEDS})])
def test_what_has_no_labels_is_refused(values: Any) -> None:
    with pytest.raises(TypeError, match=r"heat_map must be an xarray\.DataArray, such as results\.loss"):
        heat_map(values)
    with pytest.raises(TypeError, match=r"lines must be an xarray\.DataArray"):
        lines(values, "density")
    with pytest.raises(TypeError, match=r"small_multiples must be an xarray\.DataArray"):
        small_multiples(heat_map, values, row="seed")


def test_plots_of_single_models_do_not_import_xarray() -> None:
    code = "import sys, toymodels.plots; print('xarray' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "False\n"
