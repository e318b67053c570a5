"""Critical points with one feature on at a time: slopes and Hessians against finite differences, and names."""

import jaxtyping
import numpy as np
import pytest

from toymodels.theory.critical import critical_point, polygon_name
from toymodels.theory.polygons import polygon_loss, polygon_weights

FAR = np.random.default_rng(3).normal(0, 0.8, (2, 5))


def quadrature(W: np.ndarray, b: np.ndarray, importance: np.ndarray | float = 1.0) -> float:
    """The loss, by Gauss-Legendre on both sides of each kink: exact for these pieces, which are quadratic."""
    nodes, weights = np.polynomial.legendre.leggauss(3)
    n, a = len(b), W.T @ W  # a[i, j]: what output j gets of feature i
    kink = np.clip(-b / np.where(a == 0, 1, a), 0, 1)
    ends = np.stack([np.zeros((n, n)), kink, np.ones((n, n))])
    middle, half = (ends[1:] + ends[:-1]) / 2, (ends[1:] - ends[:-1]) / 2
    x = middle[..., None] + half[..., None] * nodes  # [side, i, j, node]
    error = (np.maximum(a[..., None] * x + b[:, None], 0) - x * np.eye(n)[..., None]) ** 2
    return float((importance * (half * (error @ weights)).sum((0, 1))).sum() / n)


def by_differences(
    W: np.ndarray, b: np.ndarray, importance: np.ndarray | float = 1.0, step: float = 1e-3
) -> tuple[np.ndarray, np.ndarray]:
    """The slope, and the eigenvalues of the Hessian, in increasing order."""
    n, shifts = len(b), step * np.eye(3 * len(b))
    p = np.concatenate([W.ravel(), b])

    def loss(p: np.ndarray) -> float:
        return quadrature(p[: 2 * n].reshape(2, n), p[2 * n :], importance)

    slope = np.array([(loss(p + one) - loss(p - one)) / (2 * step) for one in shifts])
    hessian = np.array(
        [
            [loss(p + one + two) - loss(p + one - two) - loss(p - one + two) + loss(p - one - two) for two in shifts]
            for one in shifts
        ]
    ) / (4 * step**2)
    return slope, np.linalg.eigvalsh((hessian + hessian.T) / 2)


def rough(k: int, n: int, biased: int = 0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Turned, in another order, and with noise on the corners."""
    rng = np.random.default_rng(seed)
    W, b = polygon_weights(k, n, biased)
    turn, order = rng.uniform(0, 2 * np.pi), rng.permutation(n)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return (rotation @ (W + rng.normal(0, 0.01, W.shape) * (W != 0).any(0)))[:, order], b[order]


@pytest.mark.parametrize(("k", "n", "biased"), [(4, 6, 1), (5, 6, 0), (5, 6, 1), (5, 7, 2)])
def test_rough_polygons_are_polished_to_the_exact_ones(k: int, n: int, biased: int):
    found = critical_point(*rough(k, n, biased))
    assert found.loss == pytest.approx(polygon_loss(k, n, biased), abs=1e-9)
    assert found.loss == pytest.approx(quadrature(found.W, found.b), abs=1e-9)
    assert polygon_name(found.W, found.b) == f"{k}{'+' * biased}"


def test_slope_and_hessian_are_those_of_finite_differences():
    importance = np.array([1, 0.8, 1.1, 0.9, 1, 0.7])
    W, b = polygon_weights(6, 6)
    found = critical_point(W, b, importance)
    slope, eigenvalues = by_differences(found.W, found.b, importance)
    assert abs(slope).max() < 1e-6
    np.testing.assert_allclose(eigenvalues, found.eigenvalues, atol=2e-4)
    assert abs(found.W - W).max() > 0.01  # importances move it


def test_a_silent_feature_beside_a_biased_one_makes_a_saddle():
    """The silent one's column costs nothing, and that of the biased one turns its bias off where they are opposed."""
    found = critical_point(*polygon_weights(5, 7, 1))
    assert (found.negative, found.positive) == (2, 17)
    W = found.W.copy()
    W[1, 5:] = [0.0006, -0.05]
    assert quadrature(W, found.b) < found.loss - 1e-8


@pytest.mark.parametrize(
    ("k", "negative", "positive"),
    [
        (9, 0, 26),
        (10, 2, 27),
        pytest.param(11, 8, 24, marks=pytest.mark.slow),
        pytest.param(12, 1, 34, marks=pytest.mark.slow),
    ],
)
def test_nine_corners_are_a_minimum_and_the_next_saddles(k: int, negative: int, positive: int):
    W, b = polygon_weights(k, k)
    found = critical_point(W, b)
    assert (found.negative, found.positive) == (negative, positive)
    slope, eigenvalues = by_differences(W, b)
    assert abs(slope).max() < 1e-6
    np.testing.assert_allclose(eigenvalues, found.eigenvalues, atol=2e-4)


def test_the_hessian_is_not_given_at_a_kink():
    assert np.isnan(critical_point(*polygon_weights(4, 6)).eigenvalues).all()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (lambda W, b: (W, b), "5+"),
        (lambda W, b: (W, np.where(b > 0, 0.12, b)), ""),
        (lambda W, b: (W, np.where(b == -0.1, 0.075, b)), "5++"),
        (lambda W, b: (W, np.where(b == -0.1, -3.0, b)), "5+"),
        (lambda W, b: (1.1 * W, b), ""),
        (lambda W, b: (W[:, [1, 1, 2, 3, 4, 5, 6]], b), ""),
        (lambda W, b: (W + np.array([[0] * 6 + [0.05]] * 2), b), "5+"),
        (lambda W, b: (W + np.array([[0] * 6 + [0.4]] * 2), b - np.array([0] * 6 + [2])), ""),
    ],
)
def test_names(change, name: str):
    assert polygon_name(*change(*polygon_weights(5, 7, 1))) == name


def test_fewer_than_four_corners_need_not_be_regular():
    W, b = polygon_weights(3, 5)
    W[:, 1] = [-0.1, 0.995]
    assert polygon_name(W, b) == "3"
    W[:, 1] = [0.2, 0.98]
    assert polygon_name(W, b) == ""


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: critical_point(np.ones((2, 3)), np.ones(4)), "b of critical_point must be"),
        (lambda: critical_point(np.full((2, 3), np.nan), np.ones(3)), "W of critical_point must be finite"),
        (lambda: critical_point(np.ones((2, 3)), np.ones(3), -1.0), "importance of critical_point must be"),
        (lambda: critical_point(FAR, FAR[0] - 0.4), "found none"),
        (lambda: polygon_name(np.ones((3, 4)), np.ones(4)), "W of polygon_name must have"),
        (lambda: polygon_weights(5, 6, 2), "biased of polygon_weights"),
    ],
)
def test_what_cannot_be_is_refused(call, message: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as users have it
    with pytest.raises(ValueError, match=message):
        call()
