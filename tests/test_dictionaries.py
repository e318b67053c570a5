"""What a dictionary recovers of the truth: by hand, against scipy and brute force, and what must not matter."""

from itertools import permutations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.analysis import dictionaries
from toymodels.analysis.dictionaries import (
    absorption_gap,
    cosines,
    dead,
    extra,
    f1,
    found,
    hedging,
    l0,
    matched_cosines,
    matches,
    max_cosines,
    mmcs,
    own,
    r_squared,
    random_score,
    shrinkage,
    splitting,
    unexplained,
    uniqueness,
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
    learned = jnp.stack([jnp.full((2, 3), jnp.nan), jnp.eye(2, 3)])  # a model that diverged, beside one that did not
    np.testing.assert_array_equal(matches(learned, jnp.eye(2)[None]), [[-1, -1], [0, 1]])


def test_matching_works_inside_a_compiled_program():
    learned, truth = gaussian(3, 5, 9, seed=8), gaussian(5, 6, seed=9)
    compiled = jax.jit(jax.vmap(lambda learned: matched_cosines(learned, jnp.asarray(truth))))
    np.testing.assert_allclose(compiled(learned), matched_cosines(learned, truth), rtol=1e-4, atol=1e-5)


# --- Scores are 1 and faults 0 for the truth, and controls fall short of it ------------------------------------------

TRUTH = unit_columns(gaussian(8, 12, seed=4))
SCORES = {
    "mmcs": mmcs,
    "found": found,
    "uniqueness": uniqueness,
    "matched": lambda learned, truth: matched_cosines(learned, truth).mean(-1),
}
FAULTS = {"extra": extra, "splitting": splitting, "hedging": lambda learned, truth: hedging(learned, truth).mean(-1)}
CONTROLS = {
    "random": gaussian(8, 12, seed=5),
    "duplicated": TRUTH[:, np.repeat(np.arange(12), 2)],
    "flipped": -TRUTH,
    "dead": TRUTH * (np.arange(12) < 7),
    "too narrow": TRUTH[:, 2:9],
    "mixed": TRUTH + 0.7 * np.roll(TRUTH, 1, axis=1),
}
# What each control must not be seen as the truth by; what is not listed cannot tell it from the truth, by definition.
SEEN_BY = {
    "random": {"mmcs", "found", "uniqueness", "matched", "extra", "hedging"},
    "duplicated": {"uniqueness", "splitting"},
    "flipped": {"mmcs", "found", "uniqueness", "matched", "extra", "hedging"},
    "dead": {"mmcs", "found", "matched", "hedging"},
    "too narrow": {"mmcs", "found", "matched", "hedging"},
    "mixed": {"mmcs", "found", "matched", "extra", "hedging"},
}


def test_the_truth_scores_one_in_any_order_and_length():
    learned = TRUTH[:, ::-1] * np.linspace(0.2, 5, 12)
    for score in SCORES.values():
        assert float(score(learned, TRUTH)) == pytest.approx(1)
    for fault in FAULTS.values():
        assert float(fault(learned, TRUTH)) == pytest.approx(0, abs=1e-12)
    np.testing.assert_array_equal(matches(learned, TRUTH), np.arange(12)[::-1])


@pytest.mark.parametrize("control", CONTROLS)
def test_controls_fall_short_of_the_truth(control: str):
    learned = CONTROLS[control]
    caught = {name for name, score in SCORES.items() if score(learned, TRUTH) < 0.98}
    caught |= {name for name, fault in FAULTS.items() if fault(learned, TRUTH) > 0.02}
    assert caught == SEEN_BY[control]


def test_random_directions_score_what_chance_does():
    chance = float(random_score(mmcs, TRUTH, TRUTH, draws=400))
    random = [float(mmcs(gaussian(8, 12, seed=seed), TRUTH)) for seed in range(100, 200)]
    # One random dictionary has a deviation of .03: .003 of a hundred.
    assert np.mean(random) == pytest.approx(chance, abs=0.012)
    assert 0.4 < chance < 0.7
    assert float(random_score(found, TRUTH, TRUTH)) < 0.02


def test_faults_by_hand():
    live = np.array([True, True, False])
    learned = np.array([[1.0, 2.0, 0.3], [0.0, 0.1, -1.0]])
    assert float(splitting(learned, np.eye(2), live)) == 1  # of the one that was found
    assert float(uniqueness(learned, np.eye(2), live)) == 0.5
    assert float(extra(learned, np.eye(2))) == pytest.approx(1 / 3)
    assert float(extra(learned, np.eye(2), live)) == 0
    assert float(extra(learned, np.eye(2), near=0.9999)) == pytest.approx(2 / 3)
    angle = 0.3
    tilted = np.array([[np.cos(angle), 0.0], [-np.sin(angle), 1.0]])
    np.testing.assert_allclose(hedging(tilted, np.eye(2)), [np.sin(angle), 0], atol=1e-12)


# --- Activations -----------------------------------------------------------------------------------------------------


def test_scores_of_activations_against_counting():
    random = np.random.default_rng(2)
    x = random.uniform(size=(3, 4000)) * (random.uniform(size=(3, 4000)) < np.array([[0.3], [0.2], [0.1]]))
    lengths, matched = np.array([1.5, 0.7, 1.0]), np.array([1, 0, -1])
    bias = 0.2
    z = np.stack([np.maximum(0.7 * x[1] - bias, 0), 1.5 * x[0], random.uniform(size=4000)])
    recall = np.mean(z[0][x[1] > 0] > 0)
    np.testing.assert_allclose(f1(z, x, matched), [1, 2 * recall / (1 + recall), 0])
    np.testing.assert_allclose(r_squared(z, x, matched), [1, np.corrcoef(z[0], x[1])[0, 1] ** 2, 0])
    ratios = shrinkage(z, x, matched, lengths)
    on = z[0] > 0
    np.testing.assert_allclose(ratios[:2], [1, z[0][on].mean() / (z[0][on].mean() + bias)])
    assert np.isnan(ratios[2])
    # Controls: the wrong units, and a unit that is always on.
    assert f1(z, x, np.array([0, 1, 2])).max() < 0.5
    assert r_squared(z, x, np.array([0, 1, 2])).max() < 0.05
    assert r_squared(-z, x, matched).max() == 0


def test_absorption_is_seen_by_its_gap():
    random = np.random.default_rng(3)
    parent = (random.uniform(size=9000) < 0.5) * 1.0
    child = parent * (random.uniform(size=9000) < 0.4)
    absorbed = child * (random.uniform(size=9000) < 0.6)  # of its samples with the child the parent's unit misses 60 %
    assert float(absorption_gap(parent, parent, child)) == 0
    assert float(absorption_gap(parent * (1 - child), parent, child)) == 1
    gap = float(absorption_gap(parent - absorbed, parent, child))
    assert gap == pytest.approx(absorbed.sum() / child.sum())
    assert float(absorption_gap(parent * 0, parent, child)) == 0  # a unit that is dead has absorbed nothing


def test_scores_of_activations_in_jax_and_with_leading_axes():
    z, x = np.maximum(gaussian(2, 5, 40, seed=6), 0), np.maximum(gaussian(2, 3, 40, seed=7), 0)
    matched, lengths = np.array([[4, -1, 0], [2, 1, 3]]), np.array([1.0, 2.0, 0.5])
    functions = [
        lambda z, x, i, of: own(z, i),
        lambda z, x, i, of: f1(z, x, i),
        lambda z, x, i, of: r_squared(z, x, i),
        lambda z, x, i, of: shrinkage(z, x, i, of),
        lambda z, x, i, of: absorption_gap(z[..., 0, :], x[..., 0, :], x[..., 1, :]),
    ]
    for function in functions:
        together = function(z, x, matched, lengths[None])
        one_by_one = [function(z[place], x[place], matched[place], lengths) for place in range(2)]
        np.testing.assert_allclose(together, one_by_one)
        in_jax = function(*map(jnp.asarray, (z, x, matched, lengths[None])))
        assert isinstance(in_jax, jnp.ndarray)
        np.testing.assert_allclose(in_jax, together, rtol=1e-4, atol=1e-5)


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


FUNCTIONS = {
    "cosines": cosines,
    "max_cosines": max_cosines,
    "mmcs": mmcs,
    "found": lambda learned, truth: found(learned, truth, 0.6),
    "extra": lambda learned, truth: extra(learned, truth, near=0.6),
    "splitting": lambda learned, truth: splitting(learned, truth, near=0.3),
    "uniqueness": uniqueness,
    "matches": matches,
    "matched_cosines": matched_cosines,
    "hedging": hedging,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_leading_axes_and_libraries(name: str):
    learned, truth = gaussian(2, 3, 4, 6), gaussian(4, 5, seed=1)
    together = FUNCTIONS[name](learned, truth)
    one_by_one = np.array([[FUNCTIONS[name](learned[i, j], truth) for j in range(3)] for i in range(2)])
    np.testing.assert_allclose(together, one_by_one, **SAME)
    in_jax = FUNCTIONS[name](jnp.asarray(learned), jnp.asarray(truth)[None, None])
    np.testing.assert_allclose(in_jax, together, rtol=1e-4, atol=1e-5)
    assert isinstance(in_jax, jnp.ndarray)


@pytest.mark.parametrize("name", ["l0", "dead"])
def test_leading_axes_of_activations(name: str):
    function, z = getattr(dictionaries, name), np.maximum(gaussian(2, 3, 6, 5) - 1, 0)
    one_by_one = np.array([[function(z[i, j]) for j in range(3)] for i in range(2)])
    np.testing.assert_array_equal(function(z), one_by_one)
    np.testing.assert_allclose(function(jnp.asarray(z)), one_by_one, rtol=1e-6)
