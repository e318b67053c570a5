"""The closed forms of a correlated pair, beside models that see samples of it."""

import jax
import numpy as np
import pytest

import toymodels as tm
from toymodels.theory import correlated_pair

SAMPLES = 2**18  # the standard error of a sum loss below .1 is below 5e-4


def sampled_loss(W: np.ndarray, bias: float, density: float, correlation: float) -> float:
    """Sum loss of x' = ReLU(Wᵀ W x + b) on samples."""
    features = tm.CorrelatedSets(((0, 1),), density, correlation=correlation)
    x = np.asarray(features.sample(jax.random.key(3), SAMPLES), dtype=float)
    return float(((x - np.maximum(W.T @ W @ x + bias, 0)) ** 2).sum(0).mean())


@pytest.mark.parametrize(("density", "correlation"), [(0.3, 0.0), (0.15, 0.6), (0.7, 0.35)])
def test_losses_are_those_of_models_on_samples(density: float, correlation: float) -> None:
    p, c = np.array(density), np.array(correlation)
    merged = sampled_loss(np.array([[1.0, 1.0]]) / 2**0.5, 0.0, density, correlation)
    antipodal = sampled_loss(np.array([[1.0, -1.0]]), 0.0, density, correlation)
    assert correlated_pair.merged_loss(p, c) == pytest.approx(merged, abs=1e-3)
    assert correlated_pair.antipodal_loss(p, c) == pytest.approx(antipodal, abs=1e-3)


def test_partner_probability_is_that_of_the_features() -> None:
    moment = tm.CorrelatedSets(((0, 1),), 0.3, correlation=0.45).second_moment()
    both_on = moment[0, 1] / 0.5**2  # values that are on have the mean 1/2
    assert correlated_pair.partner_probability(np.array(0.3), np.array(0.45)) == pytest.approx(both_on / 0.3)


@pytest.mark.parametrize(("scale", "bias"), [(0.9, 0.1), (1.1, -0.05), (1.0, 0.0)])
def test_antipodal_terms_weighed_by_how_often_they_occur_are_the_loss(scale: float, bias: float) -> None:
    density, correlation = 0.4, 0.3
    none, one, both = correlated_pair.antipodal_terms(scale, bias)
    both_on = density * (correlation + (1 - correlation) * density)
    expected = (1 - 2 * density + both_on) * none + 2 * (density - both_on) * one + both_on * both
    sampled = sampled_loss(scale**0.5 * np.array([[1.0, -1.0]]), bias, density, correlation)
    assert expected == pytest.approx(sampled, abs=1e-3)


def test_best_antipodal_loss_is_no_more_than_that_of_unit_weights() -> None:
    p, c = np.array([0.05, 0.3, 0.6]), np.array([[0.1], [0.5]])
    gain = correlated_pair.antipodal_loss(p, c) - correlated_pair.best_antipodal_loss(p, c)
    assert (gain > -1e-4).all()  # the error of quadrature
    assert (np.diff(gain) > 0).all()  # the denser, the more biases help


def test_unit_border_is_where_both_cost_the_same_and_the_best_border_lies_above() -> None:
    c = np.array([0.1, 0.3, 0.5])
    p = correlated_pair.unit_border(c)
    np.testing.assert_allclose(correlated_pair.merged_loss(p, c), correlated_pair.antipodal_loss(p, c), rtol=1e-12)
    best = correlated_pair.best_border(c, np.linspace(0.02, 0.98, 97))
    assert (best > p).all()
    at_border = [correlated_pair.best_antipodal_loss(p, c), correlated_pair.merged_loss(p, c)]
    at_best = [correlated_pair.best_antipodal_loss(best, c), correlated_pair.merged_loss(best, c)]
    assert (at_border[0] < at_border[1]).all()
    np.testing.assert_allclose(*at_best, rtol=2e-3)


def test_there_is_no_border_for_features_that_are_always_together() -> None:
    c = np.array([0.7, 1.0 - 1e-9])
    assert correlated_pair.unit_border(c).tolist() == [0, 0]
    assert correlated_pair.best_border(c, np.geomspace(0.01, 0.99, 30)).tolist() == [0, 0]
