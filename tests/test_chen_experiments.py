"""Helpers of the figures of Chen et al. 2023."""

import jax.numpy as jnp
import numpy as np
import pytest

from experiments.papers.chen2023.exact import Form, OneHotLoss, exact_task, losses, polished
from experiments.papers.chen2023.importance import Trained, branch, found_switch, saddle, switch, weighted
from experiments.papers.chen2023.levels import forms
from toymodels.theory.polygons import polygon_weights

RNG = np.random.default_rng(3)
W, B = RNG.normal(0, 0.8, (2, 5)), RNG.normal(0, 0.3, 5)


def sampled(W: np.ndarray, b: np.ndarray, importance: np.ndarray) -> float:
    """The loss, by a sum over values of each feature."""
    x = (np.arange(4_000) + 0.5) / 4_000
    n, total = len(b), 0.0
    for i in range(n):
        outputs = np.maximum((W.T @ W[:, i])[:, None] * x + b[:, None], 0)
        total += (importance[:, None] * (outputs - np.where(np.arange(n)[:, None] == i, x, 0)) ** 2).sum(0).mean()
    return total / n


def test_the_objective_is_the_expected_loss_with_one_feature_on() -> None:
    importance = np.array([1, 1, 1, 1, 0.3])
    np.testing.assert_allclose(OneHotLoss(0.3)(jnp.array(W), jnp.array(B)), sampled(W, B, importance), rtol=1e-5)
    np.testing.assert_allclose(losses(W, B), sampled(W, B, np.ones(5)), rtol=1e-5)
    task = exact_task(5, 0.3)
    assert (task.loss(jnp.ones((5, 2)), jnp.zeros((5, 2))) == 0).all()
    assert task.penalties == (OneHotLoss(0.3),)


def test_forms_have_the_names_and_losses_of_the_paper() -> None:
    assert [Form(4, 6, 2).name, Form(5, 5).name] == ["4++", "5"]
    np.testing.assert_allclose(Form(5, 6, 1).loss, losses(*polygon_weights(5, 6, 1)), rtol=1e-5)


def test_weights_that_are_far_from_critical_points_have_none() -> None:
    assert polished(W, B) is None
    found = polished(*(one + 0.003 for one in polygon_weights(6, 6)))
    assert found is not None
    assert found.positive == 17


def test_levels_are_those_of_all_polygons() -> None:
    assert [form.name for form in forms(4)] == ["2", "2+", "2++", "3", "3+", "4"]


def test_a_branch_is_of_critical_points_and_its_loss_rises_by_the_error_of_the_last_feature() -> None:
    six, at = branch(6), len(branch(6).u) - 40
    near = [six.points[at + shift] for shift in (-1, 0, 1)]
    u = six.u[at]
    assert near[1].loss == pytest.approx(sampled(near[1].W, near[1].b, weighted(u)), abs=1e-6)
    slope = (near[2].loss - near[0].loss) / (six.u[at + 1] - six.u[at - 1])  # along the branch the weights cost nothing
    only_last = sampled(near[1].W, near[1].b, np.array([0, 0, 0, 0, 0, 1]))
    assert slope == pytest.approx(only_last, rel=1e-3)


def test_both_branches_have_the_same_loss_where_they_switch_and_the_saddle_meets_one() -> None:
    assert branch(5).points[0].loss == pytest.approx(Form(5, 5).loss * 5 / 6 + branch(5).u[0] * (1 / 18 - 1 / 144))
    np.testing.assert_allclose(*(np.interp(switch(), branch(k).u, branch(k).loss) for k in (5, 6)), atol=1e-6)
    assert saddle().u[0] == pytest.approx(branch(6).u[0], abs=0.001)
    above = saddle().loss - np.interp(saddle().u, branch(6).u, branch(6).loss)
    assert 0 < above[0] < 2e-5
    assert (np.diff(above) > 0).mean() > 0.9


def test_the_switch_that_models_make_is_between_two_importances() -> None:
    losses = np.array([[0.3, 0.2]] * 4)
    counts = np.array([[6, 5], [6, 5], [5, 6], [5, 6]])
    found = Trained(np.array([0.1, 0.3, 0.4, 0.9]), losses, losses, counts)
    assert found_switch(found) == pytest.approx(0.35)
    assert np.isnan(found_switch(found._replace(represented=counts[::-1])))
    assert np.isnan(found_switch(found._replace(represented=counts[[2, 0, 2, 0]])))
