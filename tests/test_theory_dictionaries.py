"""Closed forms of dictionaries' failures and of scores by chance, beside brute force and samples."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import nnls

import toymodels as tm
from toymodels.analysis.dictionaries import matched_cosines, mmcs
from toymodels.features.distributions import EXPONENTIAL, SIGNED_UNIFORM, Values
from toymodels.theory import dictionaries, probing

ANGLES = 2 * np.pi * np.arange(5) / 5
PENTAGON = np.stack([np.cos(ANGLES), np.sin(ANGLES)])
GOLDEN = (1 + 5**0.5) / 2


def units(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random unit vectors, along the last axis."""
    drawn = rng.normal(size=shape)
    return drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)


# --- TopK --------------------------------------------------------------------------------------------------------


def least_loss(first_only: float, second_only: float, both: float) -> float:
    """The least expected loss of any two unit directions, the better one chosen for each sample: on a grid of 1/4°."""
    directions = np.stack([np.cos(np.linspace(0, np.pi, 721)), np.sin(np.linspace(0, np.pi, 721))])
    loss = {
        sample: (np.square(sample).sum() - (np.array(sample) @ directions) ** 2) for sample in ((1, 0), (0, 1), (1, 1))
    }
    pairs = {sample: np.minimum(each[:, None], each) for sample, each in loss.items()}
    return (first_only * pairs[1, 0] + second_only * pairs[0, 1] + both * pairs[1, 1]).min()


@pytest.mark.parametrize(("first", "second", "both"), [(0.09, 0.09, 0.01), (0.24, 0.24, 0.16), (0.3, 0.05, 0.1)])
def test_tilt_is_the_best_of_all_pairs_of_directions(first: float, second: float, both: float) -> None:
    tilt = dictionaries.topk_tilt(np.array(both), np.array(min(first, second)))
    assert tilt.loss == pytest.approx(least_loss(first, second, both), abs=1e-5)
    assert tilt.true_loss == both
    angle = tilt.angle
    assert np.tan(2 * angle) == pytest.approx(2 * both / min(first, second))
    assert min(first, second) * np.sin(angle) ** 2 + both * (1 - np.sin(2 * angle)) == pytest.approx(tilt.loss)


def test_tilt_of_independent_features_and_absorption() -> None:
    q = np.array([0.1, 0.4])
    tilt = dictionaries.topk_tilt(q**2, q * (1 - q))
    np.testing.assert_allclose(tilt.loss, [0.008902, 0.08], atol=1e-6)
    np.testing.assert_allclose(tilt.true_loss, [0.01, 0.16])
    child = dictionaries.topk_tilt(np.array(0.15), np.array(0.0))
    assert child.angle == pytest.approx(np.pi / 4)
    assert child.loss == pytest.approx(0, abs=1e-15)


# --- Matryoshka --------------------------------------------------------------------------------------------------


def least_nested_loss(samples: dict[tuple[int, int], float], balance: float) -> tuple[float, float]:
    """The least loss of any two unit directions, on a grid of 1°, and the inner one's angle, with the best activations
    for each sample: the inner one's on a grid of .005, and the outer one's given that."""
    angles = np.radians(np.arange(-180, 180))
    directions = np.stack([np.cos(angles), np.sin(angles)])
    inner, z = directions[:, 180:270], np.arange(0, 1.5, 0.005)
    total = np.zeros((90, 360))
    for sample, chance in samples.items():
        h = np.array(sample, float)
        left = h[:, None, None] - inner[:, :, None] * z  # (2, inner, z)
        apart = np.square(left).sum(0)
        best = np.full((90, 360), np.inf)
        for place in range(len(z)):
            taken = np.maximum(0, left[:, :, place].T @ directions)
            best = np.minimum(best, (1 + balance) * apart[:, place, None] - taken**2)
        total += chance * best
    return total.min(), float(total.min(1).argmin())


@pytest.mark.parametrize(
    ("both", "only", "other", "balance"), [(0.1, 0.4, 0.0, 1.0), (0.1, 0.35, 0.0, 4.0), (0.15, 0.4, 0.1, 0.7)]
)
def test_nested_tilt_is_the_best_of_all_pairs_of_directions(
    both: float, only: float, other: float, balance: float
) -> None:
    tilt = dictionaries.nested_tilt(*map(np.array, (both, only, other, balance)))
    loss, degrees = least_nested_loss({(1, 0): only, (0, 1): other, (1, 1): both}, balance)
    assert tilt.loss == pytest.approx(loss, abs=2e-4)
    assert np.degrees(tilt.angle) == pytest.approx(degrees, abs=0.6)
    assert tilt.loss < tilt.true_loss - 1e-3


def test_a_large_balance_is_one_active_unit() -> None:
    nested = dictionaries.nested_tilt(*map(np.array, (0.2, 0.3, 0.0, 1e9)))
    assert nested.angle == pytest.approx(dictionaries.topk_tilt(np.array(0.2), np.array(0.3)).angle)


# --- L1 ----------------------------------------------------------------------------------------------------------


def test_l1_activations_minimise_the_objective_among_all_units() -> None:
    """Non-negative lasso by non-negative least squares, on unit columns of a random dictionary in four dimensions."""
    rng, penalty, length = np.random.default_rng(0), 0.8, 1.7
    D = units(rng, 9, 4).T
    for x in (0.1, 0.3, 0.9):
        h = length * x * D[:, 2]
        # ‖h - Dz‖² + λ 1ᵀz is ‖Az - b‖² but for a constant, if AᵀA = DᵀD + ε and Aᵀb = Dᵀh - λ/2.
        A = np.linalg.cholesky(D.T @ D + 1e-9 * np.eye(9)).T
        z, _ = nnls(A, np.linalg.solve(A.T, D.T @ h - penalty / 2))
        expected = np.zeros(9)
        expected[2] = dictionaries.l1_activation(np.array(length), np.array(x), np.array(penalty))
        np.testing.assert_allclose(z, expected, atol=1e-6)


def test_shrinkage() -> None:
    length, penalty = 1.3, 0.5
    t = penalty / (2 * length)
    uniform = dictionaries.l1_shrinkage(length, penalty)
    assert uniform.recall == pytest.approx(1 - t, abs=1e-4)
    assert uniform.bias == pytest.approx(-length * t * (1 - t / 2), abs=1e-5)
    exponential = dictionaries.l1_shrinkage(length, penalty, EXPONENTIAL)
    assert exponential.recall == pytest.approx(np.exp(-t), abs=1e-4)
    assert exponential.bias == pytest.approx(length * (np.exp(-t) - 1), abs=1e-3)  # E max(0, x - t) = e^-t; a tail
    always = dictionaries.l1_shrinkage(length, penalty, Values(lambda u: 1 + u))
    assert always == (1, pytest.approx(-penalty / 2))
    assert dictionaries.l1_shrinkage(length, 5.0) == (0, pytest.approx(-length / 2))


def test_lambda_is_m_times_the_strength_of_the_penalty() -> None:
    """The objective of a trained autoencoder at z is that of `l1_activation`, over m."""
    m, strength, h, z = 4, 0.03, np.array([[0.4], [0.1], [-0.3], [0.8]]), np.array([[0.5], [0.0], [0.2]])
    penalty = tm.HiddenL1(strength)({"hidden": jnp.array(z)})
    D = units(np.random.default_rng(0), 3, m).T
    assert ((h - D @ z) ** 2).mean() + float(penalty) == pytest.approx(
        (((h - D @ z) ** 2).sum() + m * strength * z.sum()) / m
    )


@pytest.mark.parametrize(("length", "threshold"), [(1.3, 0.4), (0.7, 0.25)])
def test_thresholds_miss_and_do_not_shrink(length: float, threshold: float) -> None:
    x = np.random.default_rng(0).random(200_000)
    z = np.where(length * x > threshold, length * x, 0)
    uniform = dictionaries.threshold_shrinkage(length, threshold)
    assert uniform.recall == pytest.approx((z > 0).mean(), abs=5e-3)  # standard error .0011
    assert uniform.bias == pytest.approx((z - length * x).mean(), abs=2e-3)
    assert uniform.recall == pytest.approx(1 - threshold / length, abs=1e-4)
    assert uniform.bias == pytest.approx(-(threshold**2) / (2 * length), abs=1e-4)
    exponential = dictionaries.threshold_shrinkage(length, threshold, EXPONENTIAL)
    assert exponential.recall == pytest.approx(np.exp(-threshold / length), abs=1e-4)
    with pytest.raises(ValueError, match=r"values of threshold_shrinkage must not be negative. Got -1"):
        dictionaries.threshold_shrinkage(1.0, 0.1, SIGNED_UNIFORM)


def test_a_jump_comes_to_rest_where_its_gradient_is_0() -> None:
    """The gradients of loss and penalty by log θ, of the activation and the penalty themselves, on values that are
    spread evenly: they cancel at the threshold, and on both sides of it they push towards it."""
    strength, bandwidth, length = 0.06, 0.2, 1.2
    h = length * (jnp.arange(200_000) + 0.5)[None, :] / 200_000
    jump, penalty = tm.models.JumpReLU(bandwidth=bandwidth), tm.HiddenL0(strength, bandwidth)

    def objective(log_threshold: jnp.ndarray) -> jnp.ndarray:
        z, margin = jump.units(h, SimpleNamespace(log_threshold=log_threshold[None]))
        return jnp.square(h - z).mean() + penalty(margin)

    rest = dictionaries.jump_threshold(np.float64(strength), np.float64(bandwidth))
    push = [float(jax.grad(objective)(jnp.log(jnp.asarray(rest * factor, float)))) for factor in (0.9, 1.0, 1.1)]
    assert push[0] < -1e-3 < 1e-3 < push[2]
    assert push[1] == pytest.approx(0, abs=2e-5)
    assert rest > strength**0.5 + 0.02


# --- Matching pursuit --------------------------------------------------------------------------------------------


def test_first_picks_in_a_pentagon() -> None:
    u, w, v = PENTAGON.T[:3]
    assert dictionaries.greedy_border(u, v, w) == pytest.approx(1 / GOLDEN)
    x = np.random.default_rng(0).random((2, 200_000))
    picked = (PENTAGON.T @ (PENTAGON[:, [0, 2]] @ x)).argmax(0)
    assert set(picked) == {0, 1, 2}
    wrong = (x.min(0) / x.max(0)) > 1 / GOLDEN
    np.testing.assert_array_equal(picked == 1, wrong)
    # The standard error is .0011.
    assert dictionaries.wrong_first_pick(u, v, w) == pytest.approx((picked == 1).mean(), abs=4e-3)
    assert dictionaries.wrong_first_pick(u, v, w) == pytest.approx(GOLDEN**-2)


def test_borders_and_probabilities_of_random_triples() -> None:
    """First picks of samples on both sides of the border, and how often they are wrong."""
    rng = np.random.default_rng(1)
    u, v, w = (units(rng, 40, 3) for _ in range(3))
    border, wrong = dictionaries.greedy_border(u, v, w), dictionaries.wrong_first_pick(u, v, w)
    assert 5 < np.isfinite(border).sum() < 35
    assert (wrong > 0.05).sum() > 3
    x, y = rng.random((2, 20_000, 1))
    for a, b, c, limit, chance in zip(u, v, w, border, wrong, strict=True):
        h = x * a + y * b
        before = h @ c > h @ a
        np.testing.assert_array_equal(before, (y > limit * x)[:, 0])
        assert (before & (h @ c > h @ b)).mean() == pytest.approx(chance, abs=0.015)  # standard error .0035


def test_collisions() -> None:
    rng = np.random.default_rng(2)
    u, v, values = units(rng, 6, 3), units(rng, 6, 3), rng.uniform(0.2, 2, (6, 2))
    between = values[:, :1] * u + values[:, 1:] * v
    length = np.linalg.norm(between, axis=-1, keepdims=True)
    np.testing.assert_allclose(dictionaries.collision(u, v, between / length), values / length, rtol=1e-9)
    assert np.isnan(dictionaries.collision(u, v, units(rng, 6, 3))).all()  # not in their plane
    assert np.isnan(dictionaries.collision(u, v, -between / length)).all()
    assert np.isnan(dictionaries.collision(u, -u, v)).all()
    both = PENTAGON[:, 0] + PENTAGON[:, 2]
    np.testing.assert_allclose(both, PENTAGON[:, 1] / GOLDEN, atol=1e-12)
    np.testing.assert_allclose(dictionaries.collision(*PENTAGON.T[[0, 2, 1]]), [GOLDEN, GOLDEN])


def test_vectors_must_be_of_length_1() -> None:
    with pytest.raises(ValueError, match=r"u, v, w of greedy_border must be unit vectors. Got one of length 2"):
        dictionaries.greedy_border(*np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match=r"of collision must be unit vectors. Got one of length 0.5"):
        dictionaries.collision(
            *np.array([[[1.0, 0.0], [0.5, 0.0]], [[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]])
        )
    u, w, v = PENTAGON.T[:3].astype(np.float32)  # rounding changes neither lengths nor the plane
    assert dictionaries.collision(u, v, w) == pytest.approx([GOLDEN, GOLDEN], rel=1e-5)


# --- Chance ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("m", "k"), [(2, 2), (2, 5), (3, 12), (5, 10), (10, 40), (50, 50)])
def test_chance_of_random_directions_is_that_of_samples(m: int, k: int) -> None:
    repeats = 1_000_000 // (m * k)
    rng = np.random.default_rng(m * k)
    cosines = units(rng, repeats, k, m)[..., 0]  # with a true direction, of which all are alike
    for exact, found in (
        (dictionaries.chance_mmcs(m, k), cosines.max(1)),
        (dictionaries.chance_mmcs_absolute(m, k), abs(cosines).max(1)),
    ):
        assert exact == pytest.approx(found.mean(), abs=4 * found.std() / repeats**0.5)
    one = mmcs(units(rng, k, m).T, units(rng, 7, m).T)
    assert one == pytest.approx(dictionaries.chance_mmcs(m, k), abs=4 * cosines.max(1).std())


def test_chance_in_two_and_three_dimensions_has_closed_forms() -> None:
    """In three dimensions cosines are uniform, (k - 1)/(k + 1) and k/(k + 1). In the plane, two directions."""
    for k in (1, 3, 6, 1000):
        assert dictionaries.chance_mmcs(3, k) == pytest.approx((k - 1) / (k + 1), abs=1e-6)
        assert dictionaries.chance_mmcs_absolute(3, k) == pytest.approx(k / (k + 1), abs=1e-6)
    assert dictionaries.chance_mmcs(2, 2) == pytest.approx(4 / np.pi**2, abs=1e-6)
    # E max |cos| of two: 2 ∫∫ over φ < ψ in [0, π/2] of cos φ (2/π)².
    assert dictionaries.chance_mmcs_absolute(2, 2) == pytest.approx(8 / np.pi**2, abs=1e-6)


def test_chance_in_many_dimensions_is_that_of_normal_numbers() -> None:
    """√m cos is nearly normal for m = 10,000; E max of 100 normal numbers is 2.50759 (order statistics)."""
    assert 100 * dictionaries.chance_mmcs(10_000, 100) == pytest.approx(2.50759, rel=1e-3)


@pytest.mark.parametrize("m", [1, 2, 3, 8])
def test_chance_of_orthogonal_axes(m: int) -> None:
    coordinates = abs(units(np.random.default_rng(m), 50_000, m))  # of a fixed direction in a random rotation
    assert dictionaries.chance_of_axes(m) == pytest.approx(coordinates.max(1).mean(), abs=3e-3)
    assert dictionaries.chance_of_axes(2) == pytest.approx(4 / np.pi * np.sin(np.pi / 4), abs=1e-7)


@pytest.mark.parametrize(("n", "k"), [(5, 4), (7, 4), (9, 3)])
def test_chance_in_a_polygon(n: int, k: int) -> None:
    """Directions that are spread evenly, in rotations that are."""
    rotations = 2 * np.pi * (np.arange(200) + 0.5) / 200
    angles = 2 * np.pi * np.arange(k) / k + rotations[:, None]
    learned = np.stack([np.cos(angles), np.sin(angles)], 1)
    polygon = np.stack([np.cos(2 * np.pi * np.arange(n) / n), np.sin(2 * np.pi * np.arange(n) / n)])
    sampled = np.mean([matched_cosines(one, polygon).mean() for one in learned])
    assert dictionaries.chance_in_polygon(n, k) == pytest.approx(sampled, abs=1e-4)


def test_sizes_must_be_counts() -> None:
    with pytest.raises(ValueError, match=r"n_hidden of chance_mmcs must be an integer of at least 2. Got 1."):
        dictionaries.chance_mmcs(1, 3)
    with pytest.raises(ValueError, match=r"n_directions of chance_mmcs_absolute must be an integer of at least 1."):
        dictionaries.chance_mmcs_absolute(2, 0)
    with pytest.raises(ValueError, match=r"values of l1_shrinkage must not be negative. Got -1"):
        dictionaries.l1_shrinkage(1.0, 0.1, SIGNED_UNIFORM)
    with pytest.raises(ValueError, match=r"penalty of l1_shrinkage"):
        dictionaries.l1_shrinkage(1.0, -0.1)


def test_participation_of_dimensions() -> None:
    V = probing.covariance_of(tm.Independent(5, 0.05))
    assert dictionaries.participation_ratio(PENTAGON @ V @ PENTAGON.T) == pytest.approx(2)
    W = np.random.default_rng(0).normal(size=(2, 3, 4))
    eigenvalues = np.linalg.eigvalsh(W @ W.swapaxes(1, 2))
    expected = eigenvalues.sum(-1) ** 2 / (eigenvalues**2).sum(-1)
    np.testing.assert_allclose(dictionaries.participation_ratio(W @ W.swapaxes(1, 2)), expected)
    np.testing.assert_allclose(dictionaries.participation_ratio(jnp.array(W @ W.swapaxes(1, 2))), expected, rtol=1e-5)
    assert np.isnan(dictionaries.participation_ratio(np.zeros((2, 2))))
