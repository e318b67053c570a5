"""The quadratic model of the figures of Scherlis et al. 2022: on samples it is the one of the closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from experiments.papers.scherlis2022.model import Quadratic, Squares, Standardised, exact, exact_recipe, sampled
from toymodels.analysis import geometry
from toymodels.theory import capacity

SAMPLES = 2**17


def test_features_have_variance_one_and_the_kurtosis() -> None:
    for kurtosis in (1.8, 2.5, 12.0):
        x = np.asarray(Standardised(3, kurtosis).sample(jax.random.key(0), SAMPLES), dtype=float)
        np.testing.assert_allclose(x.mean(-1), 0, atol=0.01)  # standard error .002
        np.testing.assert_allclose((x**2).mean(-1), 1, atol=0.03)  # up to .007
        np.testing.assert_allclose((x**4).mean(-1), kurtosis, rtol=0.05)  # up to .01


def test_loss_on_samples_is_the_expected_one() -> None:
    W, b, decay, kurtosis = np.array([[0.7, -0.3, 0.5], [0.2, 0.9, 0.4]]), 0.3, 0.8, 4.0
    module = tm.module_with(Quadratic(3, 2), {"W": jnp.array(W), "b": jnp.array([b])})
    task = tm.Task(Standardised(3, kurtosis), target=Squares(decay))
    x = task.features.sample(jax.random.key(1), SAMPLES)
    found = task.loss_on(x, module(x))
    wanted = capacity.expected_loss(W, decay ** np.arange(3), kurtosis, b)
    assert found == pytest.approx(wanted, rel=0.05)  # standard error .01


@pytest.mark.slow
def test_both_ways_of_training_reach_the_best_division() -> None:
    decay, kurtosis = 0.85, 6.0
    v = decay ** np.arange(4)
    best = capacity.allocation(v, kurtosis, 2)
    assert ((best > 0) & (best < 1)).sum() >= 3
    over, model = {"kurtosis": [kurtosis]}, Quadratic(4, 2)
    trained = tm.sweep(model, exact(4, decay), exact_recipe(1_000), over=over, restarts=2)
    np.testing.assert_allclose(geometry.dimensionality(trained.W.values[0]), [best] * 2, atol=1e-3)
    least = capacity.feature_loss(best, v, kurtosis).sum()
    np.testing.assert_allclose(trained.objective.values, least, rtol=1e-4)
    on_samples = tm.sweep(model, sampled(4, decay), tm.Recipe(600, 512), over=over, restarts=1)
    np.testing.assert_allclose(geometry.dimensionality(on_samples.W.values[0, 0]), best, atol=0.05)
