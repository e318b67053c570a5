"""The loss against numpy."""

import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm

X = np.array([[1.0, -2.0], [0.5, 0.0], [0.0, 3.0]])
PREDICTION = np.array([[0.0, 1.0], [0.5, 2.0], [-1.0, 1.0]])
SQUARES = np.array([[1.0, 9.0], [0.0, 4.0], [1.0, 4.0]])  # (X - PREDICTION)²
FEATURES = tm.Independent(3)


def loss(task: tm.Task, prediction: np.ndarray = PREDICTION) -> float:
    return float(task.loss_on(jnp.asarray(X), jnp.asarray(prediction)))


def test_the_loss_is_the_mean_over_samples_and_outputs():
    assert loss(tm.Task(FEATURES)) == pytest.approx(SQUARES.sum() / 6)


@pytest.mark.parametrize("importance", [2, 0.25])
def test_one_importance_for_all(importance: float):
    assert loss(tm.Task(FEATURES, importance)) == pytest.approx(importance * SQUARES.sum() / 6)


@pytest.mark.parametrize("kind", [tuple, list, np.array, jnp.array])
def test_an_importance_for_each_output(kind):
    # (1 * 10 + 0.5 * 4 + 3 * 5) / 6
    assert loss(tm.Task(FEATURES, kind([1.0, 0.5, 3.0]))) == pytest.approx(27 / 6)


def test_geometric_importance():
    assert tm.GeometricImportance(0.5).weights(4).tolist() == [1, 0.5, 0.25, 0.125]
    assert tm.GeometricImportance(0).weights(3).tolist() == [1, 0, 0]
    assert loss(tm.Task(FEATURES, tm.GeometricImportance(0.5))) == pytest.approx((10 + 0.5 * 4 + 0.25 * 5) / 6)
    np.testing.assert_array_equal(tm.Task(FEATURES, tm.GeometricImportance(0.5)).weights(3), [1, 0.5, 0.25])


def test_a_target_other_than_the_features():
    # |x| - prediction: [[1, 1], [0, -2], [1, 2]]
    assert loss(tm.Task(FEATURES, (1.0, 2.0, 4.0), jnp.abs)) == pytest.approx((2 + 2 * 4 + 4 * 5) / 6)


def test_a_target_with_another_number_of_outputs():
    task = tm.Task(FEATURES, (1.0, 2.0), target=lambda x: jnp.stack([x[0] * x[1], x.sum(0)]))
    # targets [[0.5, 0], [1.5, 1]] against [[0, 1], [0.5, 2]]
    assert loss(task, PREDICTION[:2]) == pytest.approx((0.25 + 1 + 2 * (1 + 1)) / 4)
    task.validate()
