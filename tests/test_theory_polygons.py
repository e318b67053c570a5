"""Regular polygons with one feature on at a time: against Chen et al. 2023, quadrature and the loss of any weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.theory import expansion, polygons
from toymodels.theory.critical import critical_point
from toymodels.theory.polygons import crossing, polygon, polygon_learning_coefficient, polygon_loss, polygon_weights


@pytest.mark.parametrize(
    ("k", "length", "bias", "H"),  # Chen et al. 2023; H = 3 k times the loss where all features are corners
    [(5, 1.170460, -0.282297, 0.2373844), (6, 1.320526, -0.618135, 0.8674628), (7, 1.448394, -0.966906, 1.7486951)],
)
def test_polygons_are_those_of_the_paper(k: int, length: float, bias: float, H: float):
    found = polygon(k)
    assert found.length == pytest.approx(length, abs=1e-6)
    assert found.bias == pytest.approx(bias, abs=1e-6)
    assert 3 * found.error == pytest.approx(H, abs=1e-7)


@pytest.mark.parametrize(("k", "n"), [(4, 4), (5, 7), (8, 8), (9, 9)])
def test_the_loss_is_that_of_the_weights_and_has_no_slope(k: int, n: int):
    W, b = polygon_weights(k, n)
    found = critical_point(W, b)  # where there is no slope
    assert found.loss == pytest.approx(polygon_loss(k, n), abs=1e-9)
    assert abs(found.W - W).max() < 1e-6
    assert abs(found.b - b).max() < 1e-6


def test_a_biased_feature_costs_less_and_no_other_bias_is_better():
    n = 7
    with jax.enable_x64(True):
        losses = [
            float(expansion.one_hot_loss(*map(jnp.asarray, polygon_weights(5, n, 0, bias)), jnp.full(n, 1 / n)))
            for bias in (0.0, 0.9 / 14, 1 / 14, 1.1 / 14)
        ]
    assert losses[2] == pytest.approx(polygon_loss(5, n, 2), abs=1e-9)
    assert losses[2] == min(losses)
    assert losses[0] == pytest.approx(polygon_loss(5, n), abs=1e-9)


@pytest.mark.parametrize(("k", "all_on"), [(5, True), (8, True), (9, False), (12, True), (13, False), (100, False)])
def test_the_farthest_corner_within_a_right_angle_is_on_or_not(k: int, all_on: bool):
    length, bias, _ = polygon(k)
    assert (length**2 * np.cos(2 * np.pi * ((k - 1) // 4) / k) + bias > 0) == all_on
    assert length**2 + bias > 0  # its own output is
    assert polygon_loss(k, k) < 1 / 3 - 1 / (4 * k)  # better than biases alone


def test_all_features_are_corners_at_the_lowest_level_up_to_seven():
    lowest = {
        n: min((polygon_loss(k, n, biased), k) for k in range(2, n + 1) for biased in range(n - k + 1))[1]
        for n in range(4, 11)
    }
    assert lowest == {4: 4, 5: 5, 6: 6, 7: 7, 8: 7, 9: 7, 10: 7}


def test_the_error_is_an_integral():
    length, bias, k = 1.3, -0.41, 6
    x = (np.arange(20_000) + 0.5) / 20_000
    a = length**2 * np.cos(2 * np.pi * np.arange(k) / k)
    outputs = np.maximum(a[:, None] * x + bias, 0)
    by_sum = ((outputs[0] - x) ** 2).mean() + (outputs[1:] ** 2).mean(1).sum()
    assert polygons._error(length, bias, k) == pytest.approx(by_sum, rel=1e-6)
    assert polygons._error(length, 0.3, k) > polygons._error(length, bias, k)


@pytest.mark.parametrize("k", [5, 6, 8])
def test_the_learning_coefficient_is_half_the_rank_of_the_hessian(k: int):
    found = critical_point(*polygon_weights(k, k))
    assert found.positive / 2 == polygon_learning_coefficient(k)
    assert found.negative == 0


@pytest.mark.parametrize(
    ("loss", "coefficient", "constant"), [(-0.02055, 1.5, 2.7535), (-0.3, 0.7, 1.0), (0.1, -2.0, 1.0)]
)
def test_free_energies_cross_where_they_are_equal(loss: float, coefficient: float, constant: float):
    found = crossing(loss, coefficient, constant)
    n = np.geomspace(1e-6, 1e6, 2_000_001)
    difference = n * loss + coefficient * np.log(n) + constant
    changes = np.flatnonzero(np.diff(np.sign(difference)))
    np.testing.assert_allclose(found, n[changes], rtol=1e-4)
    assert len(found) > 0


def test_free_energies_that_differ_in_one_term_cross_once_or_never():
    np.testing.assert_allclose(crossing(-0.1, 0.0, 2.0), [20])
    np.testing.assert_allclose(crossing(0.0, 2.0, -2.0), [np.e])
    assert len(crossing(0.1, 0.0, 2.0)) == 0
    assert len(crossing(0.1, -0.2, 5.0)) == 0  # n / 10 - log(n) / 5 is at least .2 - .2 log 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: polygon(1), "k of polygon must be"),
        (lambda: polygon_loss(5, 4), "n_features of polygon_loss must be"),
        (lambda: polygon_loss(5, 6, 2), "biased of polygon_loss must be"),
        (lambda: polygon_learning_coefficient(4), "k of polygon_learning_coefficient must be"),
        (lambda: crossing(float("nan"), 1.0, 1.0), "loss of crossing must be"),
    ],
)
def test_what_makes_no_polygon_is_refused(call, message: str):
    with pytest.raises(ValueError, match=message):
        call()
