"""Phase diagrams and loss surfaces show what the arrays say."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import LogNorm

from toymodels import plots
from toymodels.analysis.phases import DEDICATED, IGNORED, SUPERPOSED


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_colours_of_the_three_phases_are_the_ends_of_the_scale() -> None:
    norm, superposition = np.array([0.0, 1.0, 1.2]), np.array([0.3, 1.1, 0.0])
    expected = plots.CLASS_COLORS[[IGNORED, SUPERPOSED, DEDICATED]]
    np.testing.assert_allclose(plots.phase_colors(norm, superposition), expected)


def test_colours_mix_by_norm_and_superposition() -> None:
    white, blue, orange = plots.CLASS_COLORS
    np.testing.assert_allclose(plots.phase_colors(np.array(1.0), np.array(0.25)), 0.25 * blue + 0.75 * orange)
    np.testing.assert_allclose(plots.phase_colors(np.array(0.4), np.array(0.0)), 0.6 * white + 0.4 * orange)
    assert plots.phase_colors(np.zeros((2, 5, 4)), np.zeros((2, 5, 4))).shape == (2, 5, 4, 3)


def test_phase_diagram_has_each_colour_at_its_importance_and_density() -> None:
    importance, density = np.array([0.1, 1.0, 10.0]), np.array([1.0, 0.1])
    colors = np.random.default_rng(0).random((2, 3, 3))
    ax = plots.phase_diagram(
        colors, importance, density, borders={"one": [(np.array([0.2, 3.0]), np.array([0.5, 0.1]))], "two": []}
    )
    mesh = ax.collections[0]
    np.testing.assert_allclose(mesh.get_array(), colors)
    corners = mesh.get_coordinates()
    np.testing.assert_allclose(np.sqrt(corners[0, :-1, 0] * corners[0, 1:, 0]), importance)
    np.testing.assert_allclose(np.sqrt(corners[:-1, 0, 1] * corners[1:, 0, 1]), density)
    assert ax.get_xlim()[0] < ax.get_xlim()[1]
    assert ax.get_ylim()[0] < ax.get_ylim()[1]  # density 1 is on top
    assert (ax.get_xscale(), ax.get_yscale()) == ("log", "log")
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[0.2, 0.5], [3.0, 0.1]])
    assert ax.get_legend_handles_labels()[1] == ["one"]


def test_lines_of_one_border_have_one_label_and_kinds_differ() -> None:
    line = np.array([1.0, 2.0]), np.array([0.1, 0.2])
    ax = plots.phase_diagram(
        np.zeros((2, 2, 3)), np.array([1.0, 2.0]), np.array([0.1, 0.2]), borders={"a": [line, line], "b": [line]}
    )
    assert ax.get_legend_handles_labels()[1] == ["a", "b"]
    assert [one.get_linestyle() for one in ax.lines] == ["-", "-", "--"]


def test_phase_key_has_superposition_to_the_right_and_norm_upwards() -> None:
    ax = plots.phase_key()
    pixels = ax.images[0].get_array()
    white, blue, orange = plots.CLASS_COLORS
    assert ax.images[0].origin == "lower"
    np.testing.assert_allclose(
        [pixels[0, 0], pixels[0, -1], pixels[-1, 0], pixels[-1, -1]], [white, white, orange, blue]
    )


def test_loss_surface_is_drawn_over_a_and_c() -> None:
    a, c = np.linspace(-1, 1, 30), np.linspace(-2, 2, 40)
    loss = 0.1 + (a - 0.5) ** 2 + (c[:, None] + 1) ** 2
    ax = plots.loss_surface(loss, a, c, levels=9)
    filled = ax.collections[0]
    assert isinstance(filled.norm, LogNorm)
    assert filled.get_clim() == pytest.approx((loss.min(), loss.max()))
    lowest = filled.get_paths()[0].vertices
    np.testing.assert_allclose(lowest.mean(0), [0.5, -1], atol=0.1)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("$a = W_1$", "$c = W_2$")
