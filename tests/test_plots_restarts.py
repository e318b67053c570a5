"""Plots of restarts and of arrangements: the artists are read back as data."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba

from toymodels import plots
from toymodels.analysis import polytopes
from toymodels.plots import SET_COLORS

X = np.array([0.1, 0.2, 0.4])
LOSSES = np.array([[3.0, 1.0, 7.0, 9.0], [2.0, 5.0, np.nan, 4.0], [6.0, 2.5, 8.0, 0.5]])
CLASSES = np.array([[0, 1, 0, -1], [0, 0, 1, 1], [1, 1, -1, 1]])


def test_restarts_has_a_dot_for_each_loss_in_the_colour_of_its_class() -> None:
    ax = plots.restarts(X, LOSSES, CLASSES, names=("one", "two"))
    dots = {to_rgba(line.get_color())[:3]: line.get_xydata() for line in ax.lines if line.get_linestyle() == "None"}
    assert len(dots) == 3
    np.testing.assert_array_equal(dots[to_rgba(SET_COLORS[0])[:3]], [[0.1, 3], [0.1, 7], [0.2, 2], [0.2, 5]])
    np.testing.assert_array_equal(
        dots[to_rgba(SET_COLORS[1])[:3]], [[0.1, 1], [0.2, np.nan], [0.2, 4], [0.4, 6], [0.4, 2.5], [0.4, 0.5]]
    )


def test_restarts_has_a_line_through_the_lowest_loss_of_each_class() -> None:
    ax = plots.restarts(X, LOSSES, CLASSES, names=("one", "two"))
    lines = {line.get_label(): line.get_ydata() for line in ax.lines if line.get_linestyle() == "-"}
    np.testing.assert_array_equal(lines["one"], [3.0, 2.0, np.nan])
    np.testing.assert_array_equal(lines["two"], [1.0, 4.0, 0.5])


def test_restarts_refuses_classes_without_a_name() -> None:
    with pytest.raises(ValueError, match=r"classes of restarts must be in \[-1, 0\]. Got -1 to 1"):
        plots.restarts(X, LOSSES, CLASSES, names=("one",))
    with pytest.raises(ValueError, match=r"names of restarts must be at most 6\. Got 7"):
        plots.restarts(X, LOSSES, CLASSES, names=tuple("abcdefg"))


def joined_places(ax) -> list[list[list[float]]]:
    """Both ends of the lines that do not begin at the origin."""
    lines = [line.get_xydata() for line in ax.lines if len(line.get_xydata()) == 2]
    return [ends.tolist() for ends in lines if np.linalg.norm(ends[0]) > 1e-9]


@pytest.mark.parametrize(
    ("name", "edges"),
    [
        ("digon", 1),
        ("triangle", 3),
        ("pentagon", 5),
        ("tetrahedron", 6),
        ("square antiprism", 16),
        ("octahedron", 12),
        ("cube", 12),
        ("triangular bipyramid", 9),
        ("pentagonal bipyramid", 15),
        ("icosahedron", 30),
    ],
)
def test_polytopes_have_their_edges(name: str, edges: int) -> None:
    assert len(joined_places(plots.polytope(1.3 * polytopes.arrangement(name)))) == edges


def test_polytope_is_seen_from_the_given_side() -> None:
    W = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])

    def places(**view: float) -> np.ndarray:
        ends = [line.get_xydata() for line in plots.polytope(W, **view).lines]
        return np.array([end[0] for end in ends if len(end) == 1][:3])

    np.testing.assert_allclose(places(azimuth=0.0, elevation=0.0), [[1, 0], [0, 0], [0, 1]], atol=1e-12)
    np.testing.assert_allclose(places(azimuth=0.0, elevation=90.0), [[1, 0], [0, 1], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(places(azimuth=90.0, elevation=0.0), [[0, 0], [-1, 0], [0, 1]], atol=1e-12)
    with pytest.raises(ValueError, match=r"W of polytope must have 1, 2 or 3 dimensions\. Got 4"):
        plots.polytope(np.eye(4))


def test_overlay_shows_all_solutions_and_marks_a_feature() -> None:
    W = np.random.default_rng(0).normal(size=(3, 2, 4))
    ax = plots.overlay(W, marked=2, color="red")
    arrows = [line for line in ax.lines if len(line.get_xydata()) == 2]
    np.testing.assert_allclose([line.get_xydata()[1] for line in arrows], W.transpose(0, 2, 1).reshape(-1, 2))
    assert [line.get_color() == "red" for line in arrows] == [False, False, True, False] * 3
    widths = [line.get_linewidth() for line in arrows]
    assert min(widths[:4]) > max(widths[4:])  # the first solution is the strong one
