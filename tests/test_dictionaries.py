"""What a dictionary recovers of the truth: by hand, against scipy and brute force, and what must not matter."""

from itertools import permutations

import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.analysis import dictionaries
from toymodels.analysis.dictionaries import (
    cosines,
    dead,
    l0,
    matched_cosines,
    max_cosines,
    mmcs,
    unexplained,
)
from toymodels.arrays import unit_columns

SAME = {"rtol": 1e-6, "atol": 1e-9}


def gaussian(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape)


def test_values_by_hand():
    # Truth at 0°, 90° and 180°; learned at atan(4/3), cosine .6 and sine .8, and at -90°.
    truth, learned = np.array([[2.0, 0.0, -5.0], [0.0, 3.0, 0.0]]), np.array([[3.0, 0.0], [4.0, -7.0]])
    np.testing.assert_allclose(cosines(learned, truth), [[0.6, 0], [0.8, -1], [-0.6, 0]], **SAME)
    np.testing.assert_allclose(max_cosines(learned, truth), [0.6, 0.8, 0], **SAME)
    assert float(mmcs(learned, truth)) == pytest.approx(1.4 / 3)
    assert float(mmcs(truth, learned)) == pytest.approx(0.8 / 2)
    # One to one: .8 for the second and 0 for the third is as much as can be had with -90° in use.
    assert matched_cosines(learned, truth).sum() == pytest.approx(0.8)


def test_the_truth_itself_in_any_order_and_length_with_others_is_recovered():
    truth = gaussian(4, 7)
    learned = np.concatenate([gaussian(4, 3, seed=1), truth[:, ::-1] * np.linspace(0.1, 9, 7)], 1)
    assert float(mmcs(learned, truth)) == pytest.approx(1)
    np.testing.assert_allclose(matched_cosines(learned, truth), 1, **SAME)
    assert float(mmcs(truth, learned)) < 0.99


def test_an_opposite_direction_is_another_one():
    assert float(mmcs(-np.eye(3), np.eye(3))) == 0
    assert float(mmcs(np.array([[-1.0]]), np.array([[2.0]]))) == -1


def test_a_rotation_of_both_changes_nothing_and_of_one_does():
    learned, truth = gaussian(5, 9), gaussian(5, 6, seed=1)
    turn = np.linalg.qr(gaussian(5, 5, seed=2))[0]
    assert float(mmcs(turn @ learned, turn @ truth)) == pytest.approx(float(mmcs(learned, truth)))
    assert float(mmcs(turn @ learned, truth)) != pytest.approx(float(mmcs(learned, truth)))


def test_mmcs_of_random_directions_in_the_plane():
    """The largest of k cosines of even angles: with u the smallest of k distances, even on [0, π], E cos u =
    k ∫_0^π (1 - u/π)^(k-1) cos(u) du / π."""
    u = (np.arange(20_000) + 0.5) * np.pi / 20_000
    wanted = 10 * np.mean((1 - u / np.pi) ** 9 * np.cos(u))
    # Each mmcs has a deviation below .2: .2 / sqrt(2000) = .0045.
    assert mmcs(gaussian(2000, 2, 10), np.eye(2)).mean() == pytest.approx(wanted, abs=0.0135)


def test_matched_pairs_are_the_best_of_all():
    for seed, (n, k) in enumerate([(4, 4), (3, 5), (5, 3)]):
        learned, truth = gaussian(3, k, seed=seed), gaussian(3, n, seed=seed + 10)
        similar = cosines(learned, truth)
        if n > k:
            best = max(sum(similar[i, j] for j, i in enumerate(order)) for order in permutations(range(n), k))
        else:
            best = max(sum(similar[i, j] for i, j in enumerate(order)) for order in permutations(range(k), n))
        found = matched_cosines(learned, truth)
        assert found.shape == (n,)
        assert found.sum() == pytest.approx(best)
        assert (found == 0).sum() == max(0, n - k)


def test_one_learned_direction_between_two_true_ones_is_matched_once():
    truth = np.array([[1.0, 0.8], [0.0, 0.6]])
    learned = np.array([[0.9, -1.0], [0.3, 0.0]])
    assert (max_cosines(learned, truth) > 0.9).all()
    assert (matched_cosines(learned, truth) > 0.9).sum() == 1


def test_matching_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="invalid"):
        matched_cosines(np.full((2, 3), np.nan), np.eye(2))


def test_columns_without_a_direction():
    learned = np.array([[0.0, 0.0], [0.0, -1.0]])
    np.testing.assert_array_equal(unit_columns(learned), learned)
    np.testing.assert_allclose(cosines(learned, np.eye(2)), [[0, 0], [0, -1]], **SAME)


def test_sparsity_by_hand():
    z = np.array([[0.5, 0.0, 0.2, 0.0], [0.1, 2.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 3.0]])
    assert float(l0(z)) == pytest.approx((2 + 1 + 1 + 1) / 4)
    assert dead(z).tolist() == [False, False, True, False]
    assert float(l0(10 * z)) == float(l0(z))


def test_unexplained_variance():
    h = gaussian(3, 500) + np.array([[5.0], [0.0], [-2.0]])
    mean = h.mean(1, keepdims=True)
    assert float(unexplained(h, h)) == 0
    assert float(unexplained(h, np.broadcast_to(mean, h.shape))) == pytest.approx(1)
    assert float(unexplained(h, mean + 0.9 * (h - mean))) == pytest.approx(0.01)
    assert float(unexplained(h, 0 * h)) > 2  # the mean is not a variance


FUNCTIONS = {"cosines": cosines, "max_cosines": max_cosines, "mmcs": mmcs, "matched_cosines": matched_cosines}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_leading_axes_and_libraries(name: str):
    learned, truth = gaussian(2, 3, 4, 6), gaussian(4, 5, seed=1)
    together = FUNCTIONS[name](learned, truth)
    one_by_one = np.array([[FUNCTIONS[name](learned[i, j], truth) for j in range(3)] for i in range(2)])
    np.testing.assert_allclose(together, one_by_one, **SAME)
    in_jax = FUNCTIONS[name](jnp.asarray(learned), jnp.asarray(truth)[None, None])
    np.testing.assert_allclose(in_jax, together, rtol=1e-4, atol=1e-5)
    assert isinstance(in_jax, np.ndarray if name == "matched_cosines" else jnp.ndarray)


@pytest.mark.parametrize("name", ["l0", "dead"])
def test_leading_axes_of_activations(name: str):
    function, z = getattr(dictionaries, name), np.maximum(gaussian(2, 3, 6, 5) - 1, 0)
    one_by_one = np.array([[function(z[i, j]) for j in range(3)] for i in range(2)])
    np.testing.assert_array_equal(function(z), one_by_one)
    np.testing.assert_allclose(function(jnp.asarray(z)), one_by_one, rtol=1e-6)
