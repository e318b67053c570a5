"""Alignment: known rotations are undone, and the least distance is that of a search."""

from itertools import permutations

import numpy as np
import pytest

from toymodels.analysis import alignment, polytopes


def orthogonal(m: int, seed: int, reflected: bool) -> np.ndarray:
    Q = np.linalg.qr(np.random.default_rng(seed).normal(size=(m, m)))[0]
    Q[:, 0] *= -1 if (np.linalg.det(Q) < 0) != reflected else 1
    return Q


@pytest.mark.parametrize("reflected", [False, True])
@pytest.mark.parametrize("m", [2, 3, 5])
def test_rotations_and_reflections_are_undone(m: int, reflected: bool) -> None:
    target = np.random.default_rng(1).normal(size=(m, 7))
    Q = orthogonal(m, 2, reflected)
    assert np.linalg.det(Q) == pytest.approx(-1 if reflected else 1)
    np.testing.assert_allclose(alignment.rotation_onto(Q @ target, target), Q.T, atol=1e-12)
    np.testing.assert_allclose(alignment.aligned(Q @ target, target), target, atol=1e-12)


def test_no_angle_is_better() -> None:
    random = np.random.default_rng(3)
    W, target = random.normal(size=(2, 2, 6))
    least = np.linalg.norm(alignment.aligned(W, target) - target)
    angles = np.linspace(0, 2 * np.pi, 2000)
    turns = np.stack([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]]).transpose(2, 0, 1)
    both = np.concatenate([turns, turns * [1, -1]])
    searched = np.linalg.norm(both @ W - target, axis=(1, 2)).min()
    assert least <= searched
    assert least == pytest.approx(searched, rel=1e-5)


def test_like_features_change_places_and_others_do_not() -> None:
    target = np.random.default_rng(4).normal(size=(3, 6))
    order = [2, 1, 0, 4, 3, 5]  # within {0, 2} and {3, 4}
    W = orthogonal(3, 5, True) @ target[:, order]
    np.testing.assert_allclose(alignment.aligned(W, target, alike=[[0, 2], [3, 4]]), target, atol=1e-12)
    assert np.linalg.norm(alignment.aligned(W, target, alike=[[0, 2]]) - target) > 0.1
    assert np.linalg.norm(alignment.aligned(W, target, alike=[[0, 1, 2]]) - target) > 0.1


def test_the_best_of_all_orders_is_taken() -> None:
    random = np.random.default_rng(6)
    W, target = random.normal(size=(2, 2, 4))
    found = alignment.aligned(W, target, alike=[range(4)])
    distances = [
        np.linalg.norm(alignment.aligned(W[:, list(order)], target) - target) for order in permutations(range(4))
    ]
    assert np.linalg.norm(found - target) == pytest.approx(min(distances))


def test_members_of_a_batch_do_not_affect_each_other() -> None:
    random = np.random.default_rng(7)
    W, target = random.normal(size=(3, 4, 2, 5)), random.normal(size=(2, 5))
    together = alignment.aligned(W, target, alike=[[0, 1, 2], [3, 4]])
    alone = [[alignment.aligned(one, target, alike=[[0, 1, 2], [3, 4]]) for one in row] for row in W]
    np.testing.assert_allclose(together, alone, atol=1e-12)
    pairwise = [alignment.aligned(one, other) for one, other in zip(W, W[::-1], strict=True)]
    np.testing.assert_allclose(alignment.aligned(W, W[::-1]), pairwise)


def test_restarts_that_found_a_pentagon_lie_over_each_other() -> None:
    random = np.random.default_rng(8)
    pentagon = 1.13 * polytopes.polygon(5)
    found = [orthogonal(2, seed, seed % 2 == 0) @ pentagon[:, random.permutation(5)] for seed in range(6)]
    noise = 0.01 * random.normal(size=(6, 2, 5))
    laid = alignment.aligned(np.array(found) + noise, pentagon, alike=[range(5)])
    assert abs(laid - pentagon).max() < 0.06  # six times the noise


def test_bad_groups_are_refused() -> None:
    for alike in ([[0, 5]], [[0, 1], [1, 2]], [[-1, 0]]):
        with pytest.raises(ValueError, match="alike of aligned must name features 0 to 4, each once"):
            alignment.aligned(np.ones((2, 5)), np.ones((2, 5)), alike=alike)
    with pytest.raises(ValueError, match=r"at most 50,000 orders\. Got groups with 362,880"):
        alignment.aligned(np.ones((2, 9)), np.ones((2, 9)), alike=[range(9)])


@pytest.mark.parametrize("reflected", [False, True])
def test_neighbour_angles_go_round_from_the_first_feature(reflected: bool) -> None:
    angles = np.radians([200.0, 10.0, 90.0, 300.0])
    W = np.array([1.0, 0.3, 2.0, 1.5]) * np.stack([np.cos(angles), np.sin(angles)])
    turned = orthogonal(2, 9, reflected) @ W
    batch = np.stack([turned, 2 * turned])
    from_first = [110, 80, 70, 100] if reflected else [100, 70, 80, 110]
    np.testing.assert_allclose(alignment.neighbour_angles(batch), [from_first] * 2)
    from_third = [80, 70, 100, 110] if reflected else [110, 100, 70, 80]
    np.testing.assert_allclose(alignment.neighbour_angles(turned, start=2), from_third)


def test_lowest_losses_leaves_out_others_and_what_is_not_finite() -> None:
    losses = np.array([[3.0, 1.0, 7.0], [np.nan, np.inf, 4.0], [6.0, 2.5, np.nan]])
    member = np.array([[True, False, True], [True, True, False], [True, True, True]])
    np.testing.assert_array_equal(alignment.lowest_losses(losses, member), [3.0, np.nan, 2.5])


def test_curves_cross_where_their_difference_is_zero() -> None:
    x = np.array([0.1, 0.7, 1.5, 2.0])
    line, other = 3 * x - 2, 1 - x  # cross at 3/4
    assert alignment.crossing(x, line, other) == pytest.approx(0.75)
    assert alignment.crossing(x, other, line) == pytest.approx(0.75)
    assert alignment.crossing(x[::-1], line[::-1], other[::-1]) == pytest.approx(0.75)
    line[0] = np.nan
    assert alignment.crossing(x, line, other) == pytest.approx(0.75)
    assert np.isnan(alignment.crossing(x, other, other + 1))
    assert np.isnan(alignment.crossing(x, np.array([0.0, 1.0, 0.0, 1.0]), np.full(4, 0.5)))
