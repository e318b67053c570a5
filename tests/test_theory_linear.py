"""The linear model's loss against samples, and its optimum against gradient descent and random models."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

import toymodels as tm
from toymodels.theory import linear

SIZES = st.sampled_from([(1, 1), (2, 5), (3, 4)])


def random_model(seed: int, m: int, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.6, (m, n)), rng.normal(0, 0.3, n), rng.uniform(0.2, 2, n)


def sampled_loss(W: np.ndarray, b: np.ndarray, x: np.ndarray, importance: np.ndarray) -> float:
    errors = x - W.T @ (W @ x) - b[:, None]
    return float((importance[:, None] * errors**2).sum(0).mean())


def mixed_moments(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Mean and second moment of correlated features."""
    rng = np.random.default_rng(seed)
    mixing, mean = rng.normal(size=(n, n)), rng.normal(size=n)
    return mean, mixing @ mixing.T + np.outer(mean, mean)


@given(st.integers(0, 10_000), SIZES)
def test_expected_loss_is_that_of_a_sample_with_these_moments(seed: int, sizes: tuple[int, int]) -> None:
    """Any finite sample is a distribution, whose moments are exact."""
    W, b, importance = random_model(seed, *sizes)
    x = np.random.default_rng(seed).exponential(size=(len(b), 50)) * np.arange(1, len(b) + 1)[:, None]
    found = linear.expected_loss(W, b, x.mean(1), x @ x.T / 50, importance)
    assert found == pytest.approx(sampled_loss(W, b, x, importance), rel=1e-3)


def test_expected_loss_of_sparse_features() -> None:
    W, b, importance = random_model(7, 2, 5)
    features = tm.Independent(5, np.array([0.1, 0.3, 0.5, 0.05, 1.0]))
    x = np.asarray(features.sample(jax.random.key(0), 2**20))
    found = linear.expected_loss(W, b, features.mean(), features.second_moment(), importance)
    assert found == pytest.approx(sampled_loss(W, b, x, importance), rel=5e-3)


@given(st.integers(0, 10_000), SIZES)
def test_terms_are_the_loss_of_features_with_unit_second_moments(seed: int, sizes: tuple[int, int]) -> None:
    W, _, importance = random_model(seed, *sizes)
    terms = linear.terms(W, importance)
    n = len(importance)
    signs = np.random.default_rng(seed).choice([-1.0, 1.0], (n, n))
    x = np.linalg.qr(signs + 3 * np.eye(n))[0] * n**0.5  # n samples with E[x_i x_j] = 1 if i = j else 0
    assert terms.loss == pytest.approx(sampled_loss(W, np.zeros(n), x, importance), rel=1e-3)
    assert terms.benefit == pytest.approx((importance * (1 - (W**2).sum(0)) ** 2).sum(), rel=1e-4)


def test_terms_keep_apart_whose_importance_counts() -> None:
    """The error that i causes is weighted by the importance of the feature whose output it disturbs."""
    W, importance = np.array([[1.0, 0.5]]), np.array([3.0, 0.1])
    terms = linear.terms(W, importance)
    assert terms.benefit == pytest.approx(0.1 * 0.75**2)
    assert terms.interference == pytest.approx((3 + 0.1) * 0.25)


def test_batches_and_gradients() -> None:
    models = [random_model(seed, 2, 4) for seed in range(6)]
    W, b, importance = (np.stack(parts).reshape(2, 3, *parts[0].shape) for parts in zip(*models, strict=True))
    mean, second = mixed_moments(0, 4)
    losses, terms = linear.expected_loss(W, b, mean, second, importance), linear.terms(W, importance)
    for number, (weights, bias, weight) in enumerate(models):
        at = np.unravel_index(number, (2, 3))
        assert losses[at] == pytest.approx(float(linear.expected_loss(weights, bias, mean, second, weight)), rel=1e-4)
        assert terms.loss[at] == pytest.approx(float(linear.terms(weights, weight).loss), rel=1e-4)
    check_grads(
        lambda W, b: linear.expected_loss(W, b, mean, second, models[0][2]) / 10,
        (jnp.asarray(models[0][0]), jnp.asarray(models[0][1])),
        order=1,
        modes=["rev"],
        atol=2e-2,
        rtol=2e-2,
    )


@pytest.mark.parametrize("n_hidden", [1, 2, 3, 5])
def test_optimum_of_uncorrelated_features(n_hidden: int) -> None:
    features = tm.Independent(5, np.array([0.1, 0.3, 0.5, 0.05, 0.9]))
    importance = np.array([0.2, 1.0, 0.8, 3.0, 0.9])
    best = linear.optimum(features.mean(), features.second_moment(), n_hidden, importance)
    density = features.density
    values = np.sort(importance * (density / 3 - density**2 / 4))[::-1]
    assert best.loss == pytest.approx(values[n_hidden:].sum(), abs=1e-12)
    _is_attained_and_no_model_is_better(best, features.mean(), features.second_moment(), importance)


@pytest.mark.parametrize("n_hidden", [1, 2, 4])
def test_optimum_of_correlated_features_is_their_principal_components(n_hidden: int) -> None:
    mean, second = mixed_moments(3, 5)
    best = linear.optimum(mean, second, n_hidden, 0.7)
    singular = np.linalg.svd(np.linalg.cholesky(second - np.outer(mean, mean)), compute_uv=False)
    assert best.loss == pytest.approx(0.7 * (singular[n_hidden:] ** 2).sum())
    np.testing.assert_allclose(best.W @ best.W.T, np.eye(n_hidden), atol=1e-9)
    _is_attained_and_no_model_is_better(best, mean, second, np.full(5, 0.7))


def _is_attained_and_no_model_is_better(
    best: linear.Optimum, mean: np.ndarray, second: np.ndarray, importance: np.ndarray
) -> None:
    def loss(params: tuple[jax.Array, jax.Array]) -> jax.Array:
        return linear.expected_loss(*params, mean, second, importance)

    assert loss((best.W, best.b)) == pytest.approx(best.loss, rel=1e-4, abs=1e-5)
    rng = np.random.default_rng(0)
    for size in (0.01, 0.1, 1.0):
        for _ in range(30):
            moved = (best.W + size * rng.normal(size=best.W.shape), best.b + size * rng.normal(size=best.b.shape))
            assert loss(moved) > best.loss


def test_lower_bound_holds_for_untied_models_and_is_met_by_reduced_rank_regression() -> None:
    mean, second = mixed_moments(5, 4)
    importance = np.array([0.3, 2.0, 1.0, 0.1])
    bound = linear.lower_bound(mean, second, 2, importance)
    covariance, root = second - np.outer(mean, mean), np.diag(importance**0.5)
    half = np.linalg.cholesky(covariance)
    left, values, right = np.linalg.svd(root @ half)
    regression = np.linalg.inv(root) @ (left[:, :2] * values[:2]) @ right[:2] @ np.linalg.inv(half)
    missing = np.eye(4) - regression
    assert bound == pytest.approx(np.trace(root @ missing @ covariance @ missing.T @ root))
    random = np.random.default_rng(0).normal(size=(200, 2, 4))
    offsets = mean - np.einsum("kmi,kmj,j->ki", random, random, mean)
    assert (linear.expected_loss(random, offsets, mean, second, importance) > bound).all()


def test_optimum_refuses_what_has_no_symmetric_best_map() -> None:
    mean, second = mixed_moments(0, 3)
    with pytest.raises(ValueError, match="importance of optimum must be the same"):
        linear.optimum(mean, second, 1, np.array([1.0, 2.0, 3.0]))
    with pytest.raises(ValueError, match="n_hidden of optimum must be at most"):
        linear.optimum(mean, second, 4)
    with pytest.raises(ValueError, match="n_hidden of optimum must be an integer"):
        linear.optimum(mean, second, 0)
