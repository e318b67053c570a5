"""The terms of the ReLU model's loss against quadrature, counting and samples."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

import toymodels as tm
from toymodels.theory import expansion

GRID = (np.arange(20_000) + 0.5) / 20_000
GRADIENTS = jax.jit(jax.grad(lambda W, b: expansion.one_on(W, b).loss.sum(), argnums=(0, 1)))
SIZES = st.sampled_from([(1, 1), (2, 5), (3, 4)])


def random_model(seed: int, m: int = 2, n: int = 5, bias: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W, b and importance: generic and unequal."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, 0.7, (m, n)), rng.normal(0, bias, n), rng.uniform(0.2, 2, n)


def errors(W: np.ndarray, b: np.ndarray, importance: np.ndarray, x: np.ndarray) -> np.ndarray:
    """I_j (x_j - x'_j)² at [j, sample]."""
    return importance[:, None] * (x - np.maximum(W.T @ (W @ x) + b[:, None], 0)) ** 2


def alone(n: int, i: int) -> np.ndarray:
    """Samples in which feature i alone is on, on a grid."""
    x = np.zeros((n, len(GRID)))
    x[i] = GRID
    return x


@given(st.integers(0, 10_000), SIZES)
def test_one_on_is_the_quadrature_of_the_model_itself(seed: int, sizes: tuple[int, int]) -> None:
    m, n = sizes
    W, b, importance = random_model(seed, m, n)
    terms = expansion.one_on(W, b, importance)
    products = W.T @ W
    for i in range(n):
        by_output = errors(W, b, importance, alone(n, i)).mean(-1)
        others = np.arange(n) != i
        assert terms.benefit[i] == pytest.approx(by_output[i], rel=1e-4, abs=1e-6)
        assert terms.positive[i] == pytest.approx(by_output[others & (products[i] > 0)].sum(), rel=1e-4, abs=1e-6)
        assert terms.negative[i] == pytest.approx(by_output[others & (products[i] < 0)].sum(), rel=1e-4, abs=1e-6)
        assert terms.loss[i] == pytest.approx(by_output.sum(), rel=1e-4, abs=1e-6)


def test_without_bias_negative_interference_is_free_and_positive_is_not() -> None:
    W, _, importance = random_model(1, 2, 8)
    terms = expansion.one_on(W, np.zeros(8), importance)
    assert (terms.negative == 0).all()
    products = W.T @ W
    np.fill_diagonal(products, 0)
    np.testing.assert_allclose(terms.positive, np.maximum(products, 0) ** 2 @ importance / 3, rtol=1e-5)
    assert (expansion.one_on(W, np.full(8, 0.1), importance).negative > 0).all()


def test_the_expansion_is_the_loss_of_the_task() -> None:
    """L_0, L_1 and the rest add up to the expected loss at a density at which each of them is a good part of it."""
    W, b, importance = random_model(2, 2, 5)
    density = 0.3
    parts = [
        expansion.probability_of_set(5, density, 0) * expansion.none_on(b, importance),
        expansion.probability_of_set(5, density, 1) * expansion.one_on(W, b, importance).loss.sum(),
        expansion.several_on(jax.random.key(0), W, b, density, importance, samples=2**18),
    ]
    x = np.asarray(tm.Independent(5, density).sample(jax.random.key(1), 2**20))
    losses = errors(W, b, importance, x).sum(0)
    on = (x > 0).sum(0)
    for k, part in enumerate(parts):  # relative standard error below 2 / sqrt(2^20) ≈ .002, of each term .004
        assert part / losses.mean() > 0.03
        assert part == pytest.approx((losses * (on == k if k < 2 else on >= 2)).mean(), rel=0.015)
    assert sum(map(float, parts)) == pytest.approx(losses.mean(), rel=0.006)
    module = tm.module_with(tm.Autoencoder(5, 2), {"W": jnp.asarray(W), "b": jnp.asarray(b)})
    task = tm.Task(tm.Independent(5, density), importance=importance)
    assert 5 * task.loss_on(jnp.asarray(x), module(jnp.asarray(x))) == pytest.approx(losses.mean(), rel=1e-3)


def test_several_on_at_a_density_at_which_that_hardly_happens() -> None:
    """To second order in p it is p² times the sum over pairs, here by quadrature on a square."""
    W, b, importance = random_model(3, 2, 4)
    density, grid = 1e-3, (np.arange(300) + 0.5) / 300
    first, second = (values.ravel() for values in np.meshgrid(grid, grid))
    total = 0.0
    for i in range(4):
        for j in range(i):
            x = np.zeros((4, len(first)))
            x[i], x[j] = first, second
            total += errors(W, b, importance, x).sum(0).mean()
    found = expansion.several_on(jax.random.key(0), W, b, density, importance, samples=2**18)
    assert found == pytest.approx(total * density**2, rel=0.01)


def test_several_on_when_all_are_on_and_when_there_is_only_one_feature() -> None:
    W, b, importance = random_model(4, 2, 3)
    x = np.random.default_rng(0).uniform(size=(3, 2**18))
    dense = expansion.several_on(jax.random.key(0), W, b, 1.0, importance, samples=2**18)
    assert dense == pytest.approx(errors(W, b, importance, x).sum(0).mean(), rel=0.01)
    assert expansion.several_on(jax.random.key(0), W[:, :1], b[:1], 0.3) == 0


def test_one_hot_loss_is_that_of_exactly_one_feature_on() -> None:
    W, b, importance = random_model(5)
    probabilities = np.array([0.1, 0.15, 0.2, 0.05, 0.5])
    expected = sum(probabilities[i] * errors(W, b, importance, alone(5, i)).sum(0).mean() for i in range(5))
    assert expansion.one_hot_loss(W, b, probabilities, importance) == pytest.approx(expected, rel=1e-4)


def test_one_hot_loss_of_two_matrices() -> None:
    W, b, importance = random_model(6)
    W_out = random_model(7)[0].T
    probabilities = np.array([0.1, 0.15, 0.2, 0.05, 0.5])
    expected = 0.0
    for i in range(5):
        x = alone(5, i)
        error = np.square(np.maximum(W_out @ W @ x + b[:, None], 0) - x).mean(1)
        expected += probabilities[i] * importance @ error
    found = expansion.one_hot_loss(W, b, probabilities, importance, W_out)
    assert found == pytest.approx(expected, rel=1e-4)
    tied = expansion.one_hot_loss(W, b, probabilities, importance)
    assert tied == pytest.approx(float(expansion.one_hot_loss(W, b, probabilities, importance, W.T)), rel=1e-6)
    assert abs(found - tied) > 0.01


def test_batches_are_single_models_side_by_side() -> None:
    models = [random_model(seed, 2, 4) for seed in range(6)]
    W, b, importance = (np.stack(parts).reshape(2, 3, *parts[0].shape) for parts in zip(*models, strict=True))
    together = expansion.one_on(W, b, importance)
    zero, one_hot = expansion.none_on(b, importance), expansion.one_hot_loss(W, b, np.full(4, 0.25), importance)
    for number, (weights, bias, weight) in enumerate(models):
        at = np.unravel_index(number, (2, 3))
        for batched, single in zip(together, expansion.one_on(weights, bias, weight), strict=True):
            np.testing.assert_allclose(batched[at], single, rtol=1e-5, atol=1e-7)
        assert zero[at] == pytest.approx(weight @ np.maximum(bias, 0) ** 2)
        assert one_hot[at] == pytest.approx(float(together.loss[at].mean()))


@pytest.mark.parametrize("seed", range(5))
def test_gradients_are_those_of_finite_differences(seed: int) -> None:
    W, b, importance = map(jnp.asarray, random_model(seed))

    def loss(W: jax.Array, b: jax.Array) -> jax.Array:
        return expansion.one_on(W, b, importance).loss.sum() + expansion.none_on(b, importance)

    check_grads(jax.jit(loss), (W, b), order=1, modes=["rev"], atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("bias", [-0.2, 0.0, 0.2])
@pytest.mark.parametrize("scale", [0.0, 1e-30, 1e-20, 1e-12, 1e-6, 1.0])
def test_gradients_are_finite_where_directions_are_orthogonal_tiny_or_antipodal(scale: float, bias: float) -> None:
    W = jnp.array([[1.0, -1.0, 0.0, scale], [0.0, 0.0, 1.0, 0.0]])
    for b in (jnp.full(4, bias), jnp.full(4, bias * scale), -jnp.diagonal(W.T @ W)):
        assert all(jnp.isfinite(gradient).all() for gradient in GRADIENTS(W, b))
