"""Helpers of the figures of Chen et al. 2023 that sample, at generic points."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.papers.chen2023 import calibration, levels, occupancy, trajectories
from toymodels.cases import samples_one_at_a_time
from toymodels.theory.expansion import one_hot_loss
from toymodels.theory.polygons import polygon_loss, polygon_weights


def test_samples_one_at_a_time_have_the_exact_loss():
    rng = np.random.default_rng(1)
    W, b = rng.normal(size=(2, 4)) * 0.8, rng.normal(size=4) * 0.3
    x = samples_one_at_a_time(4, points=200).samples
    error = np.square(np.maximum(W.T @ W @ x + b[:, None], 0) - x).sum(0).mean()
    assert error == pytest.approx(float(one_hot_loss(W, b, np.full(4, 1 / 4))), rel=1e-4)


def test_curvatures_are_those_of_a_mean_over_outputs():
    """The sum of all, by finite differences of the slope."""
    W, b = polygon_weights(5, 5)

    def loss(p: jax.Array) -> jax.Array:
        return one_hot_loss(p[:10].reshape(2, 5), p[10:], jnp.full(5, 1 / 5)) / 5

    with jax.enable_x64(True):
        p, slope = np.concatenate([W.ravel(), b]), jax.grad(loss)
        trace = sum(float(slope(p + step)[i] - slope(p - step)[i]) / 2e-5 for i, step in enumerate(1e-5 * np.eye(15)))
    found = calibration.curvatures()
    assert found.sum() == pytest.approx(trace, rel=1e-4)
    assert (found > 1e-6).sum() == 14


def test_curvatures_by_the_corners_of_a_pentagon_beside_a_silent_feature():
    """Those of a pentagon alone, times 5/6: the sum of all, by finite differences of the slope."""
    W, b = polygon_weights(5, 6)

    def loss(p: jax.Array) -> jax.Array:
        full_W, full_b = jnp.asarray(W).at[:, :5].set(p[:10].reshape(2, 5)), jnp.asarray(b).at[:5].set(p[10:])
        return one_hot_loss(full_W, full_b, jnp.full(6, 1 / 6))

    with jax.enable_x64(True):
        p, slope = np.concatenate([W[:, :5].ravel(), b[:5]]), jax.grad(loss)
        trace = sum(float(slope(p + step)[i] - slope(p - step)[i]) / 2e-5 for i, step in enumerate(1e-5 * np.eye(15)))
    assert calibration.curvatures().sum() * 5 * 5 / 6 == pytest.approx(trace, rel=1e-4)


def test_numbers_in_texts_are_those_of_theory():
    """They are written there, and not computed whenever a paper is imported."""
    table = occupancy.of_the_table()
    assert f"n = {table['5']:.0f} (5) or {table['5+']:.0f} (5+)" in occupancy.OCCUPANCY.differences[2]
    assert f"is {calibration.KNOWN['w₁² w₂²'].at_n_beta:.2f} here".replace("0.", ".") in calibration.CALIBRATION.shows
    numbers = f"7+, at {polygon_loss(7, 8, 1):.5f}, below the 8-gon's {polygon_loss(8, 8):.5f}".replace("0.", ".")
    assert numbers in levels.LEVELS.shows


def test_the_cross_by_chance():
    """n β E[L] by a sum over a grid of both weights, at a smaller n β."""
    w = np.linspace(-6, 6, 2_401)
    cost = 20.0 * np.square(w[:, None] * w)
    weight = np.exp(-cost - (w[:, None] ** 2 + w**2) / 2)
    assert calibration._cross_at(20.0) == pytest.approx((weight * cost).sum() / weight.sum(), rel=1e-3)


def test_levels_are_found_from_losses():
    level = [polygon_loss(k, 6, biased) for k, biased in trajectories.LEVELS.values()]
    np.testing.assert_array_equal(trajectories.levels_of(1.005 * np.array(level)), np.arange(6))
    assert trajectories.levels_of(np.array([0.0843, 0.13])).tolist() == [-1, -1]


def test_half_is_where_a_line_crosses():
    assert occupancy.half(np.array([1.0, 2.0, 4.0]), np.array([0.1, 0.3, 0.7])) == pytest.approx(3.0)
    assert np.isnan(occupancy.half(np.array([1.0, 2.0]), np.array([0.1, 0.3])))


def test_the_sixth_feature_by_monte_carlo():
    """The integral is (2π)^(3/2) times the mean of exp(-n (L - L_5)) under the prior, where the feature is not
    represented."""
    n, (W, b) = 30.0, polygon_weights(5, 6)
    drawn = np.random.default_rng(0).normal(size=(20_000, 3))
    drawn = drawn[(abs(drawn[:, :2]) < 1.5).all(1)]

    def loss(place: jax.Array) -> jax.Array:
        sixth = jnp.asarray(W).at[:, 5].set(place[:2]), jnp.asarray(b).at[5].set(place[2])
        return one_hot_loss(*sixth, jnp.full(6, 1 / 6))

    values = np.exp(-n * (np.asarray(jax.vmap(loss)(jnp.asarray(drawn))) - polygon_loss(5, 6)))
    values[np.square(drawn[:, :2]).sum(1) + drawn[:, 2] > 0.5] = 0
    mean, error = values.sum() / 20_000, values.std() / 20_000**0.5
    assert occupancy._sixth(n) / (2 * np.pi) ** 1.5 == pytest.approx(mean, abs=4 * error)
    assert error < 0.03 * mean


def test_a_hexagon_alone_has_the_gaussian_integral_of_its_corners():
    """Twice as many samples lower each of 17 curved directions' volume by √2, but for the prior."""
    rise = occupancy._of_corners(6, 2e6, 120) - occupancy._of_corners(6, 1e6, 120)
    assert rise == pytest.approx(1e6 * polygon_loss(6, 6) + 17 / 2 * np.log(2), rel=1e-6)
