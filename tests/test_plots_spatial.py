"""What is drawn in three dimensions, read back from the artists."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pytest

import toymodels as tm
from toymodels.plots import SET_COLORS

OCTAHEDRON = np.array([[1.0, 0, 0, -1, 0, 0], [0, 0.9, 0, 0, -0.9, 0], [0, 0, 1.1, 0, 0, -1.1]])


def ends(ax) -> list[tuple]:
    """The colour and the place of each dot."""
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    return [(line.get_color(), tuple(float(values[0]) for values in line.get_data_3d())) for line in dots]


def edges(ax) -> set[frozenset]:
    """The two ends of each line that does not begin in the origin."""
    lines = [np.array(line.get_data_3d()).T for line in ax.lines if line.get_marker() != "o"]
    return {frozenset(map(tuple, line.tolist())) for line in lines if line[0].any()}


def test_spokes_end_at_the_columns_in_the_colours_of_their_sets():
    ax = tm.plots.directions_3d(OCTAHEDRON, sets=[(0, 4, 5), (1, 2, 3)])
    places = [tuple(column) for column in OCTAHEDRON.T.tolist()]
    owners = [0, 1, 1, 1, 0, 0]
    assert ends(ax) == [(SET_COLORS[owner], place) for owner, place in zip(owners, places, strict=True)]


def test_edges_join_all_but_antipodal_ends_of_an_octahedron():
    ax = tm.plots.directions_3d(OCTAHEDRON)
    places = [tuple(column) for column in OCTAHEDRON.T.tolist()]
    wanted = {frozenset((places[i], places[j])) for i, j in itertools.combinations(range(6), 2) if j != i + 3}
    assert edges(ax) == wanted
    assert len(wanted) == 12


def test_features_without_length_have_no_edges():
    ax = tm.plots.directions_3d(OCTAHEDRON * [1, 1, 0.001, 1, 1, 1])
    assert len(edges(ax)) == 8


def test_other_dimensions_and_too_many_sets_are_refused():
    with pytest.raises(ValueError, match=r"must have shape \(3, n\). Got \(2, 4\)"):
        tm.plots.directions_3d(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="sets of directions_3d must be at most"):
        tm.plots.directions_3d(np.ones((3, 8)), sets=[(i,) for i in range(8)])


def test_the_animation_is_written_with_a_frame_a_snapshot(tmp_path):
    from PIL import Image

    snapshots = OCTAHEDRON * np.array([0.2, 0.6, 1.0])[:, None, None]
    figure = plt.figure(figsize=(3, 1.5), dpi=40)
    animation = tm.plots.training_animation(
        snapshots, np.array([0, 10, 100]), np.array([3.0, 2.0, 1.0]), np.array([1, 10, 100]), seconds=1.5, figure=figure
    )
    path = tmp_path / "training.gif"
    animation.save(path, writer="pillow")
    with Image.open(path) as picture:
        assert picture.n_frames == 3
        assert picture.info["duration"] == 500
