"""Closed forms of probes and mean differences, beside least squares and means on samples."""

import itertools

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.features.distributions import EXPONENTIAL, SIGNED_UNIFORM, UNIFORM, Values
from toymodels.theory import probing

ONES = Values(jnp.ones_like, 1.0, 1.0)
DENSITY = np.array([0.3, 0.1, 0.6, 0.2, 0.45])
PENTAGON = np.stack([np.cos(2 * np.pi * np.arange(5) / 5), np.sin(2 * np.pi * np.arange(5) / 5)])
SETS = ((0, 3), (1, 4, 2))
SAMPLES = 2**17  # the standard error of an R² is below 1/√samples = .0028


def weights(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * np.linspace(0.5, 1.5, shape[-1])


def correlated(values: Values = UNIFORM) -> tm.CorrelatedSets:
    return tm.CorrelatedSets(SETS, np.array([0.2, 0.4]), values, correlation=np.array([0.7, 0.35]))


def draw(features: tm.Independent | tm.CorrelatedSets) -> np.ndarray:
    return np.asarray(features.sample(jax.random.key(1), SAMPLES), dtype=float)


def least_squares_r2(h: np.ndarray, y: np.ndarray) -> np.ndarray:
    """R² on the samples themselves, of each row of y on all rows of h and a constant."""
    h, y = h - h.mean(1, keepdims=True), y - y.mean(1, keepdims=True)
    fitted = h.T @ np.linalg.lstsq(h.T, y.T, rcond=1e-9)[0]
    return 1 - ((y - fitted.T) ** 2).sum(1) / (y**2).sum(1)


def means_by_label(h: np.ndarray, on: np.ndarray) -> np.ndarray:
    return h @ on.T / on.sum(1) - h @ ~on.T / (~on).sum(1)


@pytest.mark.parametrize(
    "features", [tm.Independent(5, DENSITY), tm.Independent(5, DENSITY, EXPONENTIAL), correlated()]
)
def test_r2_of_probes_are_those_of_least_squares(features: tm.Independent | tm.CorrelatedSets) -> None:
    W, V, x = weights(0, 2, 5), probing.covariance_of(features), draw(features)
    h = W @ x
    np.testing.assert_allclose(probing.probe_r2(W, V), least_squares_r2(h, x), atol=1e-2)
    fitted = np.linalg.lstsq((h - h.mean(1, keepdims=True)).T, (x - x.mean(1, keepdims=True)).T)[0]
    np.testing.assert_allclose(probing.probe(W, V), fitted, atol=2e-2)
    along = [np.corrcoef(W[:, i] @ h, x[i])[0, 1] ** 2 for i in range(5)]
    np.testing.assert_allclose(probing.reading_r2(W, W, V), along, atol=1e-2)


def test_any_finite_sample_is_a_distribution_with_its_own_moments() -> None:
    """Then nothing is left to chance; x has a feature that is constant, and two that are the same."""
    x = np.random.default_rng(3).exponential(size=(6, 40)) * np.array([1, 3, 0.01, 2, 0, 1])[:, None]
    x[5] = x[0]
    W, V, varying = weights(2, 3, 6), np.cov(x, bias=True), [0, 1, 2, 3, 5]
    for rank_of_w in (1, 2, 3):
        thin = weights(7, 3, rank_of_w) @ W[:rank_of_w]
        found = probing.probe_r2(thin, V)
        np.testing.assert_allclose(found[varying], least_squares_r2(thin @ x, x[varying]), rtol=1e-6)
        assert found[4] == 0
        probe = probing.probe(thin, V)
        direct = np.linalg.pinv(thin @ V @ thin.T, rcond=1e-10) @ thin @ V
        np.testing.assert_allclose(probe, direct, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(probing.reading_r2(probe, thin, V), found, atol=1e-9)
        assert (probing.reading_r2(thin, thin, V) <= found + 1e-9).all()


def test_features_that_are_each_others_multiples() -> None:
    """The rank of their covariance, 2, is below m = 3: the probe is the shortest, and does not follow rounding."""
    mixing = np.array([[1.0, 0.0], [-2.0, 0.0], [0.3, 0.7], [0.0, 3.0]])
    W, V = weights(3, 3, 4), mixing @ mixing.T
    np.testing.assert_allclose(probing.probe_r2(W, V), 1, rtol=1e-9)
    shortest = np.linalg.pinv(W @ mixing).T @ mixing.T  # (A Aᵀ)⁺ A Bᵀ for A = W B, with B the mixing
    np.testing.assert_allclose(probing.probe(W, V), shortest, atol=1e-9)


def test_for_equal_variances_they_are_leverage_and_dimensionality() -> None:
    W = weights(5, 2, 3, 7)
    for density in (0.3, 0.001):
        V = probing.covariance_of(tm.Independent(7, density))
        found = probing.probe_r2(W, V)
        np.testing.assert_allclose(found, geometry.leverage(W), atol=1e-9)
        np.testing.assert_allclose(found.sum(-1), 3, atol=1e-9)
        np.testing.assert_allclose(probing.reading_r2(W, W, V), geometry.dimensionality(W), atol=1e-9)
    spread = probing.probe_r2(W, np.diag(np.linspace(0.01, 2, 7)))
    np.testing.assert_allclose(spread.sum(-1), 3, atol=1e-9)  # the sum is the rank for any variances
    assert abs(spread - geometry.leverage(W)).max() > 0.1


def test_a_rare_feature_is_not_taken_for_rounding() -> None:
    """In single precision too: the deviations of the two are 4,000 times apart."""
    density = np.array([1e-7, 0.3])
    V = probing.covariance_of(tm.Independent(2, density))
    shared = V[0, 0] / (V[0, 0] + V[1, 1] / 4)
    for array in (np.array, jnp.array):
        found = probing.probe_r2(array([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.5], [0.0, 0.0]]]), V)
        np.testing.assert_allclose(found, [[1, 1], [shared, 1]], rtol=1e-4)


def test_arrays_of_jax_with_leading_axes_under_jit() -> None:
    W, V = weights(6, 2, 2, 3, 5), probing.covariance_of(correlated())
    on = correlated(ONES).second_moment()

    def everything(W, V, density):
        return (
            probing.probe(W, V),
            probing.reading_r2(W, W, V),
            probing.sparse_probe_r2(W, V, 2),
            probing.mean_difference(W, on),
            probing.mean_difference_error(W, density, 9),
            probing.column_cosines(probing.probe(W, V), W),
        )

    at_once = everything(W, V, DENSITY)
    compiled = jax.jit(everything)(jnp.array(W), jnp.array(V), jnp.array(DENSITY))
    assert all(isinstance(array, jax.Array) for array in compiled)
    for i, j in np.ndindex(2, 2):
        for one, all_of_them, traced in zip(everything(W[i, j], V, DENSITY), at_once, compiled, strict=True):
            np.testing.assert_allclose(all_of_them[i, j], one, atol=1e-9)
            np.testing.assert_allclose(traced[i, j], one, atol=1e-3)


@pytest.mark.parametrize("values", [UNIFORM, EXPONENTIAL])
def test_r2_of_labels(values: Values) -> None:
    W, x = weights(1, 2, 5), draw(tm.Independent(5, DENSITY, values))
    V = probing.covariance_of(tm.Independent(5, DENSITY, values))
    on = tm.Independent(5, DENSITY, ONES).second_moment()
    found = probing.target_r2(W, V, probing.label_covariance(on, values), DENSITY * (1 - DENSITY))
    np.testing.assert_allclose(found, least_squares_r2(W @ x, (x > 0).astype(float)), atol=1e-2)
    np.testing.assert_allclose(found, probing.probe_r2(W, V) * probing.label_share(DENSITY, values), atol=1e-9)
    if values is UNIFORM:
        np.testing.assert_allclose(probing.label_share(DENSITY), 3 * (1 - DENSITY) / (4 - 3 * DENSITY))


def test_labels_of_correlated_features_and_of_signed_ones() -> None:
    W, x, on = weights(1, 2, 5), draw(correlated()), correlated(ONES).second_moment()
    p = on.diagonal()
    found = probing.target_r2(W, probing.covariance_of(correlated()), probing.label_covariance(on), p * (1 - p))
    np.testing.assert_allclose(found, least_squares_r2(W @ x, (x > 0).astype(float)), atol=1e-2)
    assert probing.label_share(np.array(0.1), SIGNED_UNIFORM) == 0  # a sign says nothing of being on


def test_a_feature_without_a_direction_is_read_off_its_partner() -> None:
    """R² of x_j where W_j = 0, always on with i: that of x_i, times corr(x_i, z_i) to the fourth power."""
    V = probing.covariance_of(tm.CorrelatedSets(((0, 1), (2,)), 0.1))
    W = np.array([[1.0, 0.0, 0.7]])
    share = 3 * 0.9 / (4 - 0.3)
    assert probing.probe_r2(W, V)[1] == pytest.approx(share**2 * probing.probe_r2(W, V)[0])
    assert probing.probe_r2(np.array([[1.0, 0.0, 0.0]]), V)[1] == pytest.approx(0.5325, abs=1e-4)


def test_sparse_probes() -> None:
    """Against least squares on every pair of neurons; features of unequal variance."""
    W, x = weights(4, 4, 5), np.random.default_rng(0).exponential(size=(5, 200)) * np.arange(1, 6)[:, None]
    V, h = np.cov(x, bias=True), W @ x
    pairs = [least_squares_r2(h[[a, b]], x) for a in range(4) for b in range(a)]
    np.testing.assert_allclose(probing.sparse_probe_r2(W, V, 2), np.max(pairs, axis=0), rtol=1e-9)
    np.testing.assert_allclose(probing.sparse_probe_r2(W, V, 4), probing.probe_r2(W, V), rtol=1e-9)
    one = (W**2 / (W**2).sum(1, keepdims=True)).max(0)
    np.testing.assert_allclose(probing.sparse_probe_r2(W, np.eye(5), 1), one, rtol=1e-9)
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    before, after = (probing.sparse_probe_r2(W, np.eye(5), 1) for W in (PENTAGON, turn @ PENTAGON))
    assert before.max() == pytest.approx(0.4)
    assert abs(before - after).max() > 0.03  # one neuron sees a rotation, both together do not


@pytest.mark.parametrize("features", [tm.Independent(5, DENSITY), correlated()])
def test_mean_differences_are_those_of_samples(features: tm.Independent | tm.CorrelatedSets) -> None:
    W, x = weights(8, 3, 5), draw(features)
    on = tm.Independent(5, DENSITY, ONES) if isinstance(features, tm.Independent) else correlated(ONES)
    found = probing.mean_difference(W, on.second_moment())
    # Its root mean square error is at most .015 here, over three dimensions.
    np.testing.assert_allclose(found, means_by_label(W @ x, x > 0), atol=2e-2)
    cosines = probing.column_cosines(found, W)
    if isinstance(features, tm.Independent):
        np.testing.assert_allclose(cosines, 1, atol=1e-9)
        np.testing.assert_allclose(found, W / 2, atol=1e-9)
    else:
        assert cosines.min() < 0.99


def test_a_pair_is_drawn_together_by_its_correlation() -> None:
    """For unit vectors at 60° the difference is W_1 + c W_2, c being the correlation in being on."""
    c = 0.35
    on = tm.CorrelatedSets(((0, 1),), 0.2, ONES, correlation=c).second_moment()
    W = np.array([[1.0, 0.5], [0.0, 0.75**0.5]])
    cosine = (1 + c / 2) / (1 + c + c**2) ** 0.5
    assert probing.column_cosines(probing.mean_difference(W, on), W) == pytest.approx([cosine, cosine])


@pytest.mark.parametrize("values", [UNIFORM, EXPONENTIAL])
def test_error_of_a_mean_difference(values: Values) -> None:
    W, samples, repeats = weights(9, 3, 5), 400, 500
    x = np.asarray(tm.Independent(5, DENSITY, values).sample(jax.random.key(5), samples * repeats), dtype=float)
    truth = probing.mean_difference(W, tm.Independent(5, DENSITY, ONES).second_moment(), values)
    estimates = [means_by_label(W @ part, part > 0) for part in np.split(x, repeats, axis=1)]
    error = ((np.stack(estimates) - truth) ** 2).sum(1).mean(0) ** 0.5
    # The standard error of each ratio is about .5 √(2/3) / √500 = .02; counts that vary add 1/(2 p N) = .01 at p = .1.
    np.testing.assert_allclose(error / probing.mean_difference_error(W, DENSITY, samples, values), 1, atol=0.07)


def test_probe_directions_in_tight_and_in_random_frames() -> None:
    np.testing.assert_allclose(probing.column_cosines(probing.probe(PENTAGON, np.eye(5)), PENTAGON), 1, atol=1e-9)
    W = weights(10, 4, 6)
    filters = np.linalg.solve(W @ W.T, W)
    cosines = (filters * W).sum(0) / (np.linalg.norm(filters, axis=0) * np.linalg.norm(W, axis=0))
    np.testing.assert_allclose(probing.column_cosines(probing.probe(W, np.eye(6)), W), cosines, atol=1e-9)
    assert cosines.min() < 0.9


def test_chance_of_permuted_labels() -> None:
    """Exact over all permutations of four labels; on fresh samples, to first order in 1/N."""
    h = np.array([[0.3, -1.0, 2.0, 0.4]])
    labels = np.array(list(itertools.permutations([0.0, 1.0, 5.0, -2.0])))
    assert least_squares_r2(h, labels).mean() == pytest.approx(probing.chance_r2(1, 4))

    rng, rank, n = np.random.default_rng(0), 3, 100
    h, y = rng.normal(size=(3000, n, rank)), rng.normal(size=(3000, n, 1))
    centred = h - h.mean(1, keepdims=True)
    slopes = np.linalg.solve(centred.swapaxes(1, 2) @ centred, centred.swapaxes(1, 2) @ y)
    # Fresh samples have mean 0 and covariance 1: the error beyond Var y is the squared length of slopes and constant.
    constant = y.mean(1, keepdims=True) - h.mean(1, keepdims=True) @ slopes
    worse = (slopes**2).sum(1).mean() + (constant**2).mean()
    assert worse == pytest.approx((rank + 1) / n, rel=0.1)  # standard error 1.3 %, second order 5 %


@pytest.mark.parametrize(("density", "values"), [(0.3, UNIFORM), (0.8, UNIFORM), (0.45, EXPONENTIAL)])
def test_outputs_of_antipodal_pairs(density: float, values: Values) -> None:
    x = np.asarray(tm.Independent(2, density, values).sample(jax.random.key(8), 400_000), dtype=float)
    sampled = np.corrcoef(np.maximum(0, x[0] - x[1]), x[0])[0, 1] ** 2
    # The standard error of R² is at most 2 (1 - R²) / √400,000 for normal numbers, .003; long tails have more.
    assert probing.digon_output_r2(np.array(density), values) == pytest.approx(sampled, abs=8e-3)


def test_outputs_of_antipodal_pairs_that_are_always_on() -> None:
    """Of uniform values Cov = 1/24, Var y = 1/18 and Var x = 1/12; of exponential ones 3/4, 3/4 and 1, as the larger
    exceeds the smaller one by an exponential number again."""
    assert probing.digon_output_r2(np.array(1.0)) == pytest.approx((1 / 24) ** 2 * 18 * 12, abs=1e-6)
    assert probing.digon_output_r2(np.array(1.0), EXPONENTIAL) == pytest.approx(3 / 4, abs=3e-3)  # the tail is cut off
    with pytest.raises(ValueError, match=r"values of digon_output_r2 must not be negative. Got -0.999"):
        probing.digon_output_r2(np.array(0.2), SIGNED_UNIFORM)
    with pytest.raises(ValueError, match=r"density of digon_output_r2"):
        probing.digon_output_r2(np.array(1.2))


def test_bad_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as users have it
    W = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"covariance must have shape \(3, 3\), as W has 3 columns. Got \(2, 2\)."):
        probing.probe_r2(W, np.eye(2))
    with pytest.raises(ValueError, match=r"k of sparse_probe_r2 must be at most the number of neurons, 2. Got 3."):
        probing.sparse_probe_r2(W, np.eye(3), 3)
    with pytest.raises(ValueError, match=r"k of sparse_probe_r2 must be an integer of at least 1. Got 0."):
        probing.sparse_probe_r2(W, np.eye(3), 0)
    with pytest.raises(ValueError, match=r"k = 20 of 40 neurons are 137,846,528,820 sets"):
        probing.sparse_probe_r2(np.ones((40, 3)), np.eye(3), 20)
    with pytest.raises(ValueError, match=r"samples of chance_r2 must be an integer of at least 4"):
        probing.chance_r2(3, 3)
    with pytest.raises(ValueError, match=r"no known moments"):
        probing.label_share(np.array(0.1), Values(jnp.sqrt))
