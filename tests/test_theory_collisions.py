"""Chance collisions against draws and enumeration, and the flow under an L1 penalty against its integration."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special

from toymodels.theory import collisions


def shared(places: np.ndarray, m: int) -> np.ndarray:
    """The number of neurons with both signs, a draw per row; place k is neuron k % m, with a sign."""
    there = np.zeros((len(places), 2 * m), bool)
    np.put_along_axis(there, places, True, axis=1)
    return (there[:, :m] & there[:, m:]).sum(-1)


def test_settled_is_the_mean_of_all_ways() -> None:
    m, n = 4, 5
    counts = shared(np.array(list(itertools.combinations(range(2 * m), n))), m)
    found = collisions.settled(n, m)
    assert found.mean == pytest.approx(counts.mean(), rel=1e-12)
    assert found.deviation == pytest.approx(counts.std(), rel=1e-12)


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 1), (1, 3), (2, 2), (3, 2), (6, 3)])
def test_small_sizes_are_the_mean_of_all_ways(n: int, m: int) -> None:
    first = shared(np.array(list(itertools.product(range(2 * m), repeat=n))), m)
    np.testing.assert_allclose(collisions.first_choices(n, m), (first.mean(), first.std()), atol=1e-9)
    last = shared(np.array(list(itertools.combinations(range(2 * m), n))), m)
    np.testing.assert_allclose(collisions.settled(n, m), (last.mean(), last.std()), atol=1e-9)


def test_counts_of_the_paper_and_their_spread() -> None:
    n, m, draws = 64, 96, 4_000
    rng = np.random.default_rng(0)
    first = shared(rng.integers(0, 2 * m, (draws, n)), m)
    last = shared(np.argsort(rng.random((draws, 2 * m)), axis=1)[:, :n], m)
    for counts, wanted in ((first, collisions.first_choices(n, m)), (last, collisions.settled(n, m))):
        assert counts.mean() == pytest.approx(wanted.mean, abs=0.15)  # standard error about .04
        assert counts.std() == pytest.approx(wanted.deviation, rel=0.05)  # relative standard error .011
    assert collisions.settled(n, m).mean == pytest.approx(collisions.expected_pairs(n, m), rel=0.01)
    paper = {256: 64, 1024: 16, 4096: 4}  # n = 256
    assert [round(collisions.expected_pairs(256, m)) for m in paper] == list(paper.values())


def integrated(w: np.ndarray, strength: float, step: float, steps: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """By Euler's method, after each step: w, which stops where it crosses zero, ‖w‖_1 and the threshold."""
    growth, threshold, columns, thresholds = 1.0, 0.0, [], []
    for _ in range(steps):
        rate = 1 - (w**2).sum()
        threshold += strength * step / growth
        growth *= 1 + rate * step
        moved = w + step * (rate * w - strength * np.sign(w))
        w = np.where(moved * w > 0, moved, 0)
        columns.append(w)
        thresholds.append(threshold)
    return np.array(columns), abs(np.array(columns)).sum(-1), np.array(thresholds)


def test_flow_is_a_soft_threshold() -> None:
    w = np.array([0.31, -0.5, 0.22, 0.48, -0.05, 0.4])
    columns, _, thresholds = integrated(w, 0.03, 0.002, 60_000)
    lengths = (columns**2).sum(-1, keepdims=True) ** 0.5
    np.testing.assert_allclose(
        (columns / lengths)[::500], collisions.shrunk(np.tile(w, (120, 1)), thresholds[::500]), atol=5e-3
    )
    assert (columns[-1] != 0).tolist() == [False, True, False, False, False, False]


def test_shrunk_in_jax_in_batches_and_beyond_the_largest() -> None:
    w = np.array([[0.3, -0.9, 0.6], [1.2, 0.4, 0.5]])
    threshold = np.array([0.2, 2.0])
    found = collisions.shrunk(w, threshold)
    np.testing.assert_allclose(found[0], np.array([0.1, -0.7, 0.4]) / 0.66**0.5)
    assert not found[1].any()
    np.testing.assert_allclose(collisions.shrunk(jnp.array(w), jnp.array(threshold)), found, rtol=1e-5)


def test_gaussian_path_is_that_of_a_long_column() -> None:
    m, strength, step = 4_000, 3e-4, 0.5
    w = scipy.special.ndtri((np.arange(m) + 0.5) / m) / m**0.5
    path = collisions.gaussian_path(m, strength, np.linspace(0, 3, 31))
    columns, l1, _ = integrated(w, strength, step, int(path.time[-1] / step) + 2)
    for at in (5, 10, 20, 25):  # with 2,500 to 50 weights left
        row = round(path.time[at] / step)
        assert l1[row] == pytest.approx(path.l1[at], rel=0.04)
        assert (columns[row] != 0).sum() == pytest.approx(path.remaining[at], rel=0.1)


def test_gaussian_path_starts_and_falls_as_it_says() -> None:
    m, strength = 50_000, 2e-5
    tau = np.concatenate([np.linspace(0, 0.02, 2), np.linspace(1, 30, 30)])
    path = collisions.gaussian_path(m, strength, tau)
    assert path.l1[0] == pytest.approx((2 * m / np.pi) ** 0.5)
    assert path.remaining[0] == pytest.approx(m)
    slope = np.diff(1 / path.l1) / np.diff(path.time) / strength
    assert slope[0] == pytest.approx(np.pi / 2 - 1, rel=0.01)
    assert slope[-1] == pytest.approx(1, rel=0.01)
    assert (np.diff(slope) > 0).all()
    share = path.remaining / path.l1**2
    assert share[0] == pytest.approx(np.pi / 2)
    assert share[-1] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("call", [collisions.expected_pairs, collisions.first_choices, collisions.settled])
def test_sizes_are_checked(call) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=r"m of .* 0"):
        call(3, 0)


def test_other_bad_input_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="n <= 2m"):
        collisions.settled(9, 4)
    with pytest.raises(ValueError, match="strength"):
        collisions.gaussian_path(10, 0.0, np.array([0.0]))
    with pytest.raises(ValueError, match="ascend"):
        collisions.gaussian_path(10, 0.1, np.array([1.0, 0.5]))
