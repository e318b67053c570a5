"""Classes of a feature's state, and where they meet."""

import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.analysis.phases import DEDICATED, IGNORED, SUPERPOSED, classify, near_border, triple_points


def test_phases_of_two_features_in_one_dimension() -> None:
    W = np.array([[[1.0, 0.1]], [[0.1, 1.0]], [[0.9, -1.1]], [[1.1, 0.9]], [[0.0, 0.0]]])
    assert classify(W).tolist() == [
        [DEDICATED, IGNORED],
        [IGNORED, DEDICATED],
        [SUPERPOSED, SUPERPOSED],
        [SUPERPOSED, SUPERPOSED],
        [IGNORED, IGNORED],
    ]


def test_phases_of_a_pair_and_a_third_feature_at_any_angle() -> None:
    turn = np.array([[np.cos(0.7), -np.sin(0.7)], [np.sin(0.7), np.cos(0.7)]])
    W = turn @ np.array([[1.1, -0.8, 0.05], [0.0, 0.1, 0.9]])
    assert classify(W).tolist() == [SUPERPOSED, SUPERPOSED, DEDICATED]
    assert classify(jnp.asarray(W)).tolist() == [SUPERPOSED, SUPERPOSED, DEDICATED]


def test_phases_at_other_thresholds() -> None:
    W = np.array([[0.6, 0.4]])  # interference 0.16 and 0.36
    assert classify(W).tolist() == [SUPERPOSED, IGNORED]
    assert classify(W, min_norm=0.3).tolist() == [SUPERPOSED, SUPERPOSED]
    assert classify(W, min_norm=0.3, min_interference=0.2).tolist() == [DEDICATED, SUPERPOSED]
    assert classify(W, min_norm=0.7).tolist() == [IGNORED, IGNORED]


def test_near_a_border_are_cells_with_another_class_around() -> None:
    classes = np.array([[0, 0, 0, 1, 1], [0, 0, 0, 1, 1], [0, 0, 0, 0, 0]])
    assert near_border(classes).astype(int).tolist() == [[0, 0, 1, 1, 0], [0, 0, 1, 1, 1], [0, 0, 1, 1, 1]]
    assert near_border(classes, 2).astype(int).tolist() == [[0, 1, 1, 1, 1]] * 3


@pytest.mark.parametrize(("rows", "columns"), [(3, 5), (4, 4)])
def test_triple_points_need_three_classes(rows: int, columns: int) -> None:
    classes = np.zeros((rows, columns), int)
    classes[:, 2:] = 1
    assert triple_points(classes).shape == (0, 2)
    classes[-1] = 2
    assert triple_points(classes).tolist() == [[rows - 1.5, 1.5]]
