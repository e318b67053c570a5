"""The quadratic model of Scherlis et al. 2022: its loss against an enumeration, and its capacities against searches."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.features.distributions import EXPONENTIAL, UNIFORM, Values
from toymodels.theory import capacity

V = np.array([1.7, 0.9, 1.2, 0.4, 0.65])
KURTOSIS = np.array([4.0, 9.0, 2.2, 15.0, 3.0])


def weights(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape) * np.linspace(0.4, 1.1, shape[-1])


def enumerated(kurtosis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All samples (n, 3^n) of features that are 0 or ±√κ, and their probabilities: mean 0, variance 1, kurtosis κ."""
    each = [((0.0, 1 - 1 / k), (k**0.5, 0.5 / k), (-(k**0.5), 0.5 / k)) for k in kurtosis]
    samples = list(itertools.product(*each))
    values = np.array([[value for value, _ in sample] for sample in samples]).T
    return values, np.array([np.prod([share for _, share in sample]) for sample in samples])


def searched(v: np.ndarray, kurtosis: np.ndarray, m: int, starts: int) -> np.ndarray:
    """The best W that BFGS finds."""

    def loss(flat: jax.Array) -> jax.Array:
        return capacity.expected_loss(flat.reshape(m, v.size), v, kurtosis)

    with_gradient = jax.jit(jax.value_and_grad(loss))
    found = [
        scipy.optimize.minimize(
            lambda flat: [np.asarray(part, float) for part in with_gradient(flat)],
            0.5 * np.random.default_rng(seed).normal(size=m * v.size),
            jac=True,
            method="BFGS",
        )
        for seed in range(starts)
    ]
    return min(found, key=lambda one: one.fun).x.reshape(m, v.size)


def test_loss_is_that_of_all_samples() -> None:
    W, b = weights(0, 2, 5), 0.3
    x, share = enumerated(KURTOSIS)
    error = V @ x**2 - ((W @ x) ** 2).sum(0)
    assert capacity.expected_loss(W, V, KURTOSIS, b) == pytest.approx(share @ (error - b) ** 2, rel=1e-9)
    best = share @ error
    assert capacity.expected_loss(W, V, KURTOSIS) == pytest.approx(share @ (error - best) ** 2, rel=1e-9)


def test_a_feature_by_itself_against_a_search() -> None:
    for C, v, kurtosis in ((0.35, 1.3, 7.0), (0.8, 0.6, 2.1), (0.5, 2.0, 3.0)):

        def loss(length: float, C: float = C, v: float = v, kurtosis: float = kurtosis) -> float:
            return (kurtosis - 1) * (v - length) ** 2 + 2 * length**2 * (1 / C - 1)

        best = scipy.optimize.minimize_scalar(loss, bounds=(0, 2 * v), method="bounded", options={"xatol": 1e-9})
        assert capacity.squared_norm(np.array(C), v, kurtosis) == pytest.approx(best.x, abs=1e-5)
        assert capacity.feature_loss(np.array(C), v, kurtosis) == pytest.approx(best.fun, rel=1e-9)
        around = capacity.feature_loss(np.array([C - 1e-5, C + 1e-5]), v, kurtosis)
        assert capacity.marginal_gain(np.array(C), v, kurtosis) == pytest.approx(-np.diff(around)[0] / 2e-5, rel=1e-6)


@pytest.mark.parametrize(
    ("kurtosis", "m"), [(np.full(5, 5.0), 2), (np.full(5, 2.0), 3), (KURTOSIS, 2), (np.array([4, 9, 2.2, 15, 6]), 1)]
)
def test_allocation_is_that_of_the_best_weights(kurtosis: np.ndarray, m: int) -> None:
    W, found = searched(V, kurtosis, m, starts=12), capacity.allocation(V, kurtosis, m)
    assert found.sum() == pytest.approx(m)
    least = capacity.feature_loss(found, V, kurtosis).sum()
    assert capacity.expected_loss(W, V, kurtosis) == pytest.approx(least, rel=1e-4)
    np.testing.assert_allclose(geometry.dimensionality(W), found, atol=5e-3)
    np.testing.assert_allclose((W * W).sum(0), capacity.squared_norm(found, V, kurtosis), atol=1e-2)
    part = (found > 1e-3) & (found < 1 - 1e-3)
    gains = capacity.marginal_gain(found, V, kurtosis)
    np.testing.assert_allclose(gains[part], gains[part].mean() if part.any() else 0, rtol=1e-9)


@pytest.mark.parametrize(
    "kurtosis",
    [
        np.array([6.0, 4.0, 11.0]),
        np.array([2.0, 1.4, 2.9]),
        np.array([2.8, 14.0, 2.5]),  # one that rises shares with one that falls
        np.array([3.0, 2.0, 8.0]),
    ],
)
@pytest.mark.parametrize("total", [0.6, 1, 1.45, 2.2])
def test_no_division_on_a_grid_is_better(kurtosis: np.ndarray, total: float) -> None:
    v = np.array([1.1, 0.7, 0.95])
    grid = np.linspace(0, 1, 301)
    first, second = np.meshgrid(grid, grid)
    divisions = np.stack([first, second, total - first - second], axis=-1).reshape(-1, 3)
    divisions = divisions[(divisions[:, 2] >= 0) & (divisions[:, 2] <= 1)]
    least = capacity.feature_loss(divisions, v, kurtosis).sum(-1).min()
    found = capacity.allocation(v, kurtosis, total)
    assert found.sum() == pytest.approx(total)
    assert ((found >= 0) & (found <= 1)).all()
    loss = capacity.feature_loss(found, v, kurtosis).sum()
    assert loss <= least + 1e-9
    assert loss == pytest.approx(least, abs=0.02)  # the grid's step is 1/300, gains are up to 7


def test_what_cannot_be_used_is_left() -> None:
    v, kurtosis = np.array([2.0, 0.0, 1.0, 3.0]), np.array([4.0, 9.0, 1.0, 2.0])
    assert capacity.allocation(v, kurtosis, 3).tolist() == [1, 0, 0, 1]  # x² is constant for κ = 1
    assert capacity.allocation(v, kurtosis, 1).tolist() == [1, 0, 0, 0]
    assert capacity.allocation(v, kurtosis, 0).tolist() == [0, 0, 0, 0]
    equal = capacity.allocation(np.ones(4), 3.0, 2.0)
    np.testing.assert_allclose(equal, 0.5)


def test_pairs_are_a_case_of_allocation() -> None:
    for kurtosis in (1.9, 3.5, 6.0, 20.0):
        ignored, dedicated = capacity.pair_borders(kurtosis)
        for v_ratio in (0.07, 0.4, 0.9, 1.3, 2.2, 8.0):
            share = capacity.pair_share(v_ratio, kurtosis)
            assert share == pytest.approx(capacity.allocation(np.array([1.0, v_ratio]), kurtosis, 1)[1], abs=1e-12)
            assert (share == 0) == (v_ratio <= ignored)
            assert (share == 1) == (v_ratio >= dedicated)


def test_kurtosis_is_that_of_samples() -> None:
    density = np.array([0.2, 0.35, 0.6])
    for values in (UNIFORM, tm.SIGNED_UNIFORM, Values.normal(0.5, 0.3)):
        x = np.asarray(tm.Independent(3, density, values).sample(jax.random.key(3), 2**17), dtype=float)
        centred = x - x.mean(-1, keepdims=True)
        sampled = (centred**4).mean(-1) / (centred**2).mean(-1) ** 2
        np.testing.assert_allclose(capacity.kurtosis(density, values), sampled, rtol=0.04)  # standard error up to .01
    assert capacity.kurtosis(1.0, EXPONENTIAL) == pytest.approx(9, rel=1e-3)
    assert capacity.kurtosis(0.25, Values.normal(0.0, 2.0)) == pytest.approx(12, rel=1e-3)
    np.testing.assert_allclose(capacity.kurtosis(density), 9 / (5 * density), rtol=1e-6)


def test_arrays_of_jax_with_leading_axes() -> None:
    W = weights(4, 2, 3, 2, 5)
    found = capacity.expected_loss(jnp.array(W), V, KURTOSIS)
    assert isinstance(found, jax.Array)
    np.testing.assert_allclose(found, capacity.expected_loss(W, V, KURTOSIS), rtol=1e-4)
    C = geometry.dimensionality(W)
    for of_feature in (capacity.squared_norm, capacity.feature_loss, capacity.marginal_gain):
        np.testing.assert_allclose(of_feature(jnp.array(C), V, KURTOSIS), of_feature(C, V, KURTOSIS), rtol=1e-3)
    bound = capacity.feature_loss(C, V, KURTOSIS).sum(-1)
    assert (capacity.expected_loss(W, V, KURTOSIS) >= bound).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.array([1.0, -1.0]), 4.0, 1), "v of allocation"),
        ((np.ones(2), 0.5, 1), "kurtosis of allocation"),
        ((np.ones(2), np.ones(3), 1), "kurtosis of allocation"),
        ((np.ones(2), 4.0, -1), "total of allocation"),
    ],
)
def test_numbers_out_of_range(arguments: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        capacity.allocation(*arguments)
