"""The models of the figures of Lecomte et al. 2023: their loss moves weights as the theory's flow does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from flax import nnx

import toymodels as tm
from experiments.harness.experiment import Results
from experiments.papers.lecomte2023.incidental import STRENGTHS, Scaled, shares, surviving, thresholds
from experiments.papers.lecomte2023.model import model, polysemantic, start, task
from experiments.papers.lecomte2023.noise import Noisy, fourth, gaussian, signs
from experiments.papers.lecomte2023.winners import SHOWN, sizes


def test_loss_is_the_sum_over_features_and_its_gradient_four_times_that_of_the_flow() -> None:
    strength, w = 0.3, np.array([0.4, -0.7, 0.2])
    one = task(1, strength)

    def objective(column: jax.Array) -> jax.Array:
        module = tm.module_with(model(1, 3), {"W": column[:, None]})
        x = one.features.everything()
        return one.loss_on(x, module(x)) + one.penalties[0]({"W": column})

    flow = (1 - (w**2).sum()) * w - strength / 4 * np.sign(w)
    np.testing.assert_allclose(-jax.grad(objective)(jnp.array(w)), 4 * flow, rtol=1e-5)

    W = np.array([[0.9, -0.8, 0.1], [0.3, 0.5, 0.6]])
    two = task(3, strength)
    found = two.loss_on(jnp.eye(3), tm.module_with(model(3, 2), {"W": jnp.array(W)})(jnp.eye(3)))
    np.testing.assert_allclose(found, ((np.maximum(W.T @ W, 0) - np.eye(3)) ** 2).sum(), rtol=1e-5)


def test_directions_start_with_length_one() -> None:
    W = np.asarray(start(jax.random.key(0), (400, 50)))
    np.testing.assert_allclose((W**2).sum(0).mean(), 1, atol=0.05)  # standard error .01


def test_a_neuron_is_polysemantic_from_two_weights_of_about_one_on() -> None:
    W = np.array([[1.1, -0.9, 0.0], [0.7, 1.0, 0.0], [1.3, 1.0, 0.9], [0.0, 0.0, -1.0]])
    assert polysemantic(W) == 2
    assert polysemantic(np.stack([W, W[::-1]])).tolist() == [2, 2]


def test_the_features_that_are_shown_are_trained_at_both_sizes() -> None:
    assert all(SHOWN in sizes(full)[1] for full in (False, True))


def test_noise_is_that_of_the_hidden_layer_in_training_and_none_in_evaluation() -> None:
    x = jnp.ones((8, 4_000))
    for noise in (signs, gaussian):
        module = Noisy(0.3, noise)(rngs=nnx.Rngs(0))
        W = np.array(module.W[...])
        W[:, 1:] = 0
        module.W[...] = jnp.array(W)
        h = W[:, 0]
        found = np.asarray(module(x))[0]
        np.testing.assert_allclose(found.mean(), h @ W[:, 0], atol=0.03)  # standard error .005
        np.testing.assert_allclose(found.std(), 0.3 * (W[:, 0] ** 2).sum() ** 0.5, rtol=0.1)
        module.eval()
        np.testing.assert_allclose(module(x)[0], h @ W[:, 0], rtol=1e-5)


def test_fourth_powers_tell_one_neuron_from_many() -> None:
    np.testing.assert_allclose(fourth(np.array([[1.0, 0.5], [0.0, -0.5], [0.0, 0.5], [0.0, 0.5]])), [1, 0.25])


def test_short_starts_survive_if_their_largest_weight_is_above_a_quarter_of_the_penalty() -> None:
    m, scale, strength = 8, 1e-3, 2.55e-3
    w = np.asarray(Scaled(scale)(jax.random.key(1), (m, 4_000)))
    for _ in range(900):  # the flow, while w is short; weights that would change their sign are 0
        step = 0.01 * (w - strength / 4 * np.sign(w))
        w = np.where(w * (w + step) > 0, w + step, 0.0)
    survive = (w != 0).any(0).mean()
    expected = surviving(m, np.array(strength / 4 * m**0.5 / scale))
    assert 0.1 < expected < 0.99
    assert survive == pytest.approx(expected, abs=0.03)  # standard error below .008


def test_thresholds_are_in_units_of_the_start() -> None:
    assert thresholds(16)[2, 3] == pytest.approx(STRENGTHS[3] / 4 / (0.12 / 4))


def test_features_share_that_are_on_a_neuron_with_another_one() -> None:
    W = np.zeros((1, 1, 1, 3, 4))
    W[..., 0, 0], W[..., 0, 1], W[..., 2, 2], W[..., 2, 3] = 0.9, -1.1, 1.0, 0.3
    (found,) = shares(Results({"m": xr.Dataset({"W": (("scale", "strength", "restart", "hidden", "feature"), W)})}))
    assert (found.m, found.n) == (3, 4)
    np.testing.assert_allclose(found.represented, 0.75)
    np.testing.assert_allclose(found.sharing, 2 / 3)
    assert found.by_chance == pytest.approx(3 / 5)
