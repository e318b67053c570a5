"""Samples against exact moments.

A mean of N draws is off by more than 5 sigma = 5 sqrt(variance / N) once in two million times.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtri

import toymodels as tm
from toymodels.features import full_batch, with_replacement, without_replacement
from toymodels.features.uniform import draws, ranks, split_draw

N = 200_000
SETS = ((2, 0), (1, 3, 4))

# The user's own: a feature that is on has a value 2 + u²: E v = 2 + 1/3, E v² = 4 + 4/3 + 1/5, E v⁴ < 3⁴ = 81.
SHIFTED = tm.Values(lambda u: 2 + u**2, mean=7 / 3, second_moment=83 / 15)
VALUES = {  # and E v⁴: the integral of u⁴ is 1/5, alike for u in [-1, 1]; of v⁴ exp(-v), 4! = 24
    "uniform": (tm.UNIFORM, 1 / 5),
    "signed uniform": (tm.SIGNED_UNIFORM, 1 / 5),
    "exponential": (tm.EXPONENTIAL, 24),
    "own": (SHIFTED, 81),
}
DISTRIBUTIONS: dict[str, Callable] = {
    "independent": lambda values: tm.Independent(4, (0.7, 0.05, 0.3, 1.0), values),
    "independent, one density": lambda values: tm.Independent(3, 0.2, values),
    "correlated": lambda values: tm.CorrelatedSets(SETS, (0.6, 0.15), values),
    "correlated in part": lambda values: tm.CorrelatedSets(SETS, (0.6, 0.15), values, (0.3, 0.8)),
    "anticorrelated": lambda values: tm.AnticorrelatedSets(SETS, (0.9, 0.4), values),
    "concatenated": lambda values: tm.Concatenated(
        (tm.Independent(2, 0.3, values), tm.CorrelatedSets(((1, 0),), 0.5), tm.AnticorrelatedSets(((0, 1),), 0.8))
    ),
}


def draw(features: tm.features.Features, count: int = N, seed: int = 0) -> np.ndarray:
    return np.asarray(features.sample(jax.random.key(seed), count), dtype=float)


def frequency_tolerance(probability: float, count: float = N) -> float:
    """5 sigma of how often an event of this probability occurs in `count` draws: its variance is p (1-p)."""
    return 5 * (probability * (1 - probability) / count) ** 0.5


@pytest.mark.parametrize("values", VALUES)
@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_samples_have_the_exact_mean_and_second_moment(distribution: str, values: str):
    kind, fourth = VALUES[values]
    features = DISTRIBUTIONS[distribution](kind)
    x = draw(features)
    # Var x_i <= E x_i², and by Cauchy-Schwarz Var x_i x_j <= E x_i² x_j² <= the largest E x_i⁴ <= E v⁴ (density 1).
    assert x.shape == (features.n_features, N)
    np.testing.assert_allclose(x.mean(1), features.mean(), atol=5 * (kind.second_moment / N) ** 0.5)
    np.testing.assert_allclose(x @ x.T / N, features.second_moment(), atol=5 * (fourth / N) ** 0.5)


def test_moments_of_independent_features_by_hand():
    features = tm.Independent(2, (0.3, 0.6))
    np.testing.assert_allclose(features.mean(), [0.15, 0.3])
    np.testing.assert_allclose(features.second_moment(), [[0.1, 0.045], [0.045, 0.2]])


def test_moments_of_correlated_sets_by_hand():
    features = tm.CorrelatedSets(((0, 2), (1,)), (0.3, 0.6))
    np.testing.assert_allclose(features.mean(), [0.15, 0.3, 0.15])
    wanted = [[0.1, 0.045, 0.075], [0.045, 0.2, 0.045], [0.075, 0.045, 0.1]]  # together: 0.3 / 4
    np.testing.assert_allclose(features.second_moment(), wanted)


def test_moments_of_anticorrelated_sets_by_hand():
    features = tm.AnticorrelatedSets(((0, 2), (1,)), (0.6, 0.3))
    np.testing.assert_allclose(features.mean(), [0.15, 0.15, 0.15])
    wanted = [[0.1, 0.0225, 0], [0.0225, 0.1, 0.0225], [0, 0.0225, 0.1]]
    np.testing.assert_allclose(features.second_moment(), wanted)


def test_moments_of_concatenated_parts_by_hand():
    features = tm.Concatenated((tm.CorrelatedSets(((0, 1),), 0.3), tm.Independent(1, 0.6)))
    np.testing.assert_allclose(features.mean(), [0.15, 0.15, 0.3])
    wanted = [[0.1, 0.075, 0.045], [0.075, 0.1, 0.045], [0.045, 0.045, 0.2]]
    np.testing.assert_allclose(features.second_moment(), wanted)


@pytest.mark.parametrize("values", [tm.UNIFORM, tm.EXPONENTIAL])
@pytest.mark.parametrize("kind", [tm.CorrelatedSets, tm.AnticorrelatedSets, tm.Independent])
def test_density_zero_and_one(kind: type, values: tm.Values):
    first = 2 if kind is tm.Independent else ((0,), (1,))
    x = draw(kind(first, (0.0, 1.0), values), 10_000)
    assert (x[0] == 0).all()
    assert (x[1] != 0).mean() > 0.999  # float32 draws an exact 0 once in 8 million
    assert np.isfinite(x).all()


def test_density_is_the_probability_of_each_feature():
    density = (0.5, 0.01, 0.93)
    on = (draw(tm.Independent(3, density)) != 0).mean(1)
    for got, wanted in zip(on, density, strict=True):
        assert got == pytest.approx(wanted, abs=frequency_tolerance(wanted))


def test_the_value_of_a_feature_that_is_on_does_not_depend_on_the_density():
    """Mask and value come from one draw: each quarter of [0, 1] must be as likely for any density."""
    for x, density in zip(draw(tm.Independent(3, (0.9, 0.3, 0.04))), (0.9, 0.3, 0.04), strict=True):
        shares = np.histogram(x[x != 0], bins=4, range=(0, 1))[0] / np.sum(x != 0)
        np.testing.assert_allclose(shares, 0.25, atol=frequency_tolerance(0.25, 0.95 * density * N))


def test_density_may_be_any_kind_of_sequence():
    density = [0.5, 0.125, 0.25]
    wanted = draw(tm.Independent(3, np.array(density)), 100)
    for given in (density, tuple(density), jnp.array(density)):
        np.testing.assert_array_equal(draw(tm.Independent(3, given), 100), wanted)


def test_a_correlated_set_is_on_together_and_its_values_are_independent():
    x = draw(tm.CorrelatedSets(SETS, (0.6, 0.15)))
    for members, density in zip(SETS, (0.6, 0.15), strict=True):
        on = x[list(members)] != 0
        assert (on.any(0) == on.all(0)).mean() > 0.9999  # an exact 0 is drawn once in 8 million
        assert on[0].mean() == pytest.approx(density, abs=frequency_tolerance(density))
        values = x[list(members)][:, on[0]]
        # A correlation coefficient of K independent pairs has variance 1/K.
        apart = np.corrcoef(values)[np.triu_indices(len(members), 1)]
        np.testing.assert_allclose(apart, 0, atol=5 / np.sqrt(0.95 * density * N))


def test_members_of_a_set_are_on_with_the_correlation_asked_for():
    on = draw(tm.CorrelatedSets(SETS, (0.6, 0.15), correlation=(0.3, 0.8))) > 0
    # The sample correlation of N pairs of bits has a standard deviation below 2 / sqrt(N) at these densities.
    wanted = np.eye(5) + np.array(
        [[0.3 * ({i, j} == {0, 2}) + 0.8 * (i != j and {i, j} <= {1, 3, 4}) for j in range(5)] for i in range(5)]
    )
    np.testing.assert_allclose(np.corrcoef(on), wanted, atol=10 / N**0.5)


def test_sets_without_correlation_are_independent_features():
    features = tm.CorrelatedSets(SETS, 0.2, correlation=0.0)
    np.testing.assert_allclose(features.second_moment(), tm.Independent(5, 0.2).second_moment())


def test_an_anticorrelated_set_has_at_most_one_member_on_chosen_evenly():
    x = draw(tm.AnticorrelatedSets(SETS, (0.9, 0.4)))
    for members, density in zip(SETS, (0.9, 0.4), strict=True):
        on = x[list(members)] != 0
        assert on.sum(0).max() == 1
        share = density / len(members)
        np.testing.assert_allclose(on.mean(1), share, atol=frequency_tolerance(share))


def test_sets_are_independent_of_each_other():
    for kind in (tm.CorrelatedSets, tm.AnticorrelatedSets):
        on = draw(kind(SETS, (0.6, 0.5))) != 0
        both = (on[[2, 0]].any(0) & on[[1, 3, 4]].any(0)).mean()
        assert both == pytest.approx(0.3, abs=frequency_tolerance(0.3))


def test_concatenated_parts_are_independent_and_in_order():
    same = tm.Independent(1, 0.5)
    x = draw(tm.Concatenated((same, same, tm.Independent(2, (1.0, 0.0)))))
    both = ((x[0] != 0) & (x[1] != 0)).mean()
    assert both == pytest.approx(0.25, abs=frequency_tolerance(0.25))
    assert x[2].all()
    assert not x[3].any()


def test_moments_of_values_without_moments_raise():
    for features in (
        tm.Independent(2, 0.5, tm.Values(jnp.square)),
        tm.CorrelatedSets(SETS, 0.5, tm.Values(jnp.square)),
    ):
        for moment in (features.mean, features.second_moment):
            with pytest.raises(ValueError, match="no known moments"):
                moment()
    x = draw(tm.Independent(1, 0.5, tm.Values(jnp.square)))
    assert x.mean() == pytest.approx(1 / 6, abs=5 * (0.5 / 5 / N) ** 0.5)  # E v = 1/3, E v² = 1/5


# --- A finite data set -------------------------------------------------------------------------------------------

SAMPLES = np.array([[1.0, 0.0, 3.0, 4.0], [-1.0, 0.5, 0.0, 2.0]])


def columns(x: np.ndarray) -> list[int]:
    """The number of the sample that each column is."""
    return [int(np.flatnonzero((column[:, None] == SAMPLES).all(0))[0]) for column in x.T]


def test_moments_of_a_data_set_are_those_of_its_samples():
    data = tm.Dataset(SAMPLES)
    assert data.n_features == 2
    np.testing.assert_allclose(data.mean(), [2.0, 0.375])
    np.testing.assert_allclose(data.second_moment(), [[26 / 4, 7 / 4], [7 / 4, 5.25 / 4]])


def test_with_replacement_draws_all_samples_alike():
    assert tm.Dataset(SAMPLES).batches is with_replacement
    shares = np.bincount(columns(draw(tm.Dataset(SAMPLES), 4_000)), minlength=4) / 4_000
    np.testing.assert_allclose(shares, 0.25, atol=frequency_tolerance(0.25, 4_000))


def test_without_replacement_draws_different_samples():
    drawn = [tuple(columns(draw(tm.Dataset(SAMPLES, without_replacement), 3, seed))) for seed in range(20)]
    assert all(len(set(batch)) == 3 for batch in drawn)
    assert len(set(drawn)) > 5  # of 24 orders


def test_a_full_batch_is_the_data_set_at_any_batch_size():
    np.testing.assert_array_equal(draw(tm.Dataset(SAMPLES, full_batch), 7), SAMPLES)


def test_a_users_own_batches():
    every_other = tm.Dataset(SAMPLES, lambda key, step, n_samples, batch_size: jnp.arange(batch_size) * 2 % n_samples)
    np.testing.assert_array_equal(draw(every_other, 3), SAMPLES[:, [0, 2, 0]])


def test_draw_keeps_the_samples_of_the_key():
    features, key = tm.Independent(3, 0.5), jax.random.key(3)
    np.testing.assert_array_equal(tm.Dataset.draw(key, features, 10).samples, features.sample(key, 10))


def test_draw_with_unit_norm_scales_all_but_zeros_to_length_one():
    features, key = tm.Independent(3, 0.3, tm.SIGNED_UNIFORM), jax.random.key(3)
    plain = tm.Dataset.draw(key, features, 200).samples
    unit = tm.Dataset.draw(key, features, 200, unit_norm=True).samples
    lengths = np.linalg.norm(plain, axis=0)
    assert 0 < (lengths == 0).sum() < 200
    np.testing.assert_allclose(unit * lengths, plain, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(unit, axis=0), lengths > 0, atol=1e-6)


def test_draw_checks_its_arguments():
    with pytest.raises(ValueError, match=r"n_samples of DrawnDataset must be an integer of at least 1. Got 0"):
        tm.Dataset.draw(jax.random.key(0), tm.Independent(3), 0)
    with pytest.raises(ValueError, match="density of Independent"):
        tm.Dataset.draw(jax.random.key(0), tm.Independent(3, 1.5), 10)


# --- Draws -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [1e-7, 3e-7, 1e-6, 1e-5, 1e-4, 1e-3])
def test_rates_and_moments_are_right_at_every_density_that_is_accepted(density: float):
    """Exactly, over all draws: they are equally likely, and of 2^31 only those at the top can be on."""
    w = jnp.arange(2**22, dtype=jnp.float32)[None] + 0.5
    on, given = split_draw(w, jnp.asarray(density))
    assert float(on.sum()) / 2**31 == pytest.approx(density, rel=0.01)
    values = np.asarray(ranks(given), dtype=float)[np.asarray(on)]
    assert values.mean() == pytest.approx(1 / 2, rel=0.01)
    assert (values**2).mean() == pytest.approx(1 / 3, rel=0.01)
    assert not np.asarray(on)[0, -1]  # no draw that is on is left out


def test_draws_are_the_places_from_the_top_of_common_uniform_draws():
    key = jax.random.key(3)
    u = np.asarray(jax.random.uniform(key, (1000,)), dtype=float)
    np.testing.assert_allclose(1 - np.asarray(draws(key, (1000,)), dtype=float) / 2**31, u, atol=2.0**-22)


@pytest.mark.parametrize("density", [0.0, 1e-7, 0.3, 1.0])
def test_ranks_lie_in_the_open_interval(density: float):
    w = jnp.array([[0.5, 1.5, 2.0**30, 2.0**31 - 1, 2.0**31]])
    on, given = split_draw(w, jnp.asarray(density))
    rank = np.asarray(ranks(given))
    assert ((rank > 0) & (rank < 1)).all()
    assert np.isfinite(ndtri(ranks(given))).all()
    assert on[0].tolist() == [density > 0, density > 0, density == 1, density == 1, density == 1]


def test_gaussian_features_are_finite_and_have_their_moments():
    features = tm.Independent(50, 0.1, tm.Values(ndtri, mean=0.0, second_moment=1.0))
    x = np.asarray(features.sample(jax.random.key(0), 100_000), dtype=float)
    assert np.isfinite(x).all()
    assert (x != 0).mean() == pytest.approx(0.1, rel=0.01)
    assert (x[x != 0] ** 2).mean() == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize(
    ("make", "density"),
    [
        (lambda density: tm.Independent(2, density), 1e-8),
        (lambda density: tm.CorrelatedSets(((0, 1),), density), np.array([9e-8])),
        (lambda density: tm.AnticorrelatedSets(((0, 1),), density), 1e-12),
    ],
)
def test_a_density_that_draws_cannot_tell_from_others_is_refused(make: Any, density: Any):
    with pytest.raises(ValueError, match="must be 0 or at least 1e-07"):
        make(density)
    make(1e-7)
    make(0.0)
