"""Theory of phases against quadrature, Monte Carlo and general-purpose minimisers."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.optimize import brentq, minimize

from toymodels.analysis.phases import DEDICATED, IGNORED, SUPERPOSED
from toymodels.theory import phases as theory

NODES, WEIGHTS = np.polynomial.legendre.leggauss(300)
NODES, WEIGHTS = (NODES + 1) / 2, WEIGHTS / 2
UNIT = np.array([[1.0, -1.0]])


def quadrature(errors: Callable[[np.ndarray, np.ndarray], np.ndarray], density: float) -> float:
    """E errors(x, y) over two features. The kinks of a ReLU leave an error of about 1e-6 with 300 x 300 nodes."""
    zero = np.zeros(1)
    none = errors(zero, zero)[0]
    one = (errors(NODES, 0 * NODES) * WEIGHTS).sum() + (errors(0 * NODES, NODES) * WEIGHTS).sum()
    both = WEIGHTS @ errors(NODES[:, None], NODES) @ WEIGHTS
    return (1 - density) ** 2 * none + density * (1 - density) * one + density**2 * both


def model_loss(W: np.ndarray, b: np.ndarray, importance: float, density: float) -> float:
    """The expected loss of ReLU(Wᵀ W x + b) for W of shape (1, 2)."""
    a, c = W[0]

    def errors(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        h = a * x + c * y
        return (x - np.maximum(a * h + b[0], 0)) ** 2 + importance * (y - np.maximum(c * h + b[1], 0)) ** 2

    return quadrature(errors, density)


def test_variance_is_that_of_a_sparse_feature() -> None:
    rng = np.random.default_rng(0)
    x = rng.random(1_000_000) * (rng.random(1_000_000) < 0.3)
    assert theory.variance(0.3) == pytest.approx(x.var(), rel=5e-3)


@pytest.mark.parametrize(("importance", "density"), [(0.4, 0.3), (3.0, 0.7)])
def test_losses_of_weights_of_length_1(importance: float, density: float) -> None:
    mean = density / 2
    ignored = model_loss(np.array([[1.0, 0.0]]), np.array([0.0, mean]), importance, density)
    pair = model_loss(UNIT, np.zeros(2), importance, density)
    dedicated = model_loss(np.array([[0.0, 1.0]]), np.array([mean, 0.0]), importance, density)
    two = theory.losses_two_in_one(importance, density)
    np.testing.assert_allclose(two, [ignored, pair, dedicated], atol=1e-5)
    ordinary = model_loss(UNIT, np.zeros(2), 1.0, density)
    np.testing.assert_allclose(theory.losses_three_in_two(importance, density), [*two, ordinary], atol=1e-5)


def test_phases_are_those_of_lowest_loss() -> None:
    importance, density = np.geomspace(0.11, 9.7, 37), np.geomspace(0.97, 0.011, 41)[:, None]
    two = theory.losses_two_in_one(importance, density).argmin(-1)
    three = np.minimum(theory.losses_three_in_two(importance, density).argmin(-1), DEDICATED)
    np.testing.assert_array_equal(theory.phases_two_in_one(importance, density), two)
    np.testing.assert_array_equal(theory.phases_three_in_two(importance, density), three)
    assert set(np.unique(two)) == set(np.unique(three)) == {IGNORED, SUPERPOSED, DEDICATED}


@pytest.mark.parametrize("importance", [0.1, 0.35, 0.8])
def test_unit_border_in_both_directions(importance: float) -> None:
    density = 4 * importance / (2 + 5 * importance)
    assert float(theory.unit_border(density)) == pytest.approx(importance)
    assert float(theory.unit_border(theory.TRIPLE_DENSITY)) == pytest.approx(1)
    assert theory.unit_border(np.array([0.8, 1.0])).tolist() == [np.inf, np.inf]


@pytest.mark.parametrize("bias", [-0.07, 0.0, 0.2])
@pytest.mark.parametrize(("own", "other"), [(0.8, 0.9), (1.1, 0.6)])
def test_error_of_one_of_a_pair(own: float, other: float, bias: float) -> None:
    expected = quadrature(lambda x, y: (x - np.maximum(own * x - other * y + bias, 0)) ** 2, 0.3)
    assert theory._pair_error(own, other, bias, 0.3) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("density", [0.08, 0.3, 0.6, 0.9])
def test_free_border_is_where_the_best_pair_is_as_good_as_none(density: float) -> None:
    """Just below the border no pair is, and just above it one is: by a general-purpose minimiser."""

    def excess(importance: float) -> float:
        def loss(p: np.ndarray) -> float:
            a, c, first, second = p.tolist()
            errors = (theory._pair_error(own**2, a * c, b, density) for own, b in ((a, first), (c, second)))
            return float(next(errors) + importance * next(errors)) / density**2

        bounds = [(0.5, 1.5), (0.5, 1.5), (-0.5, 1), (-0.5, 1)]
        best = minimize(loss, [0.9, 0.8, 0.05, 0.1], method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-14})
        return best.fun * density**2 - importance * theory.variance(density)

    border = float(theory.free_border(density))
    assert excess(0.998 * border) > 0 > excess(1.002 * border)
    assert border < theory.unit_border(density)


def test_free_border_keeps_the_shape_and_stays_below_1() -> None:
    borders = theory.free_border(np.array([[0.2, 0.4], [0.7, 0.95]]))
    assert borders.shape == (2, 2)
    assert (np.diff(borders.ravel()) > 0).all()
    assert borders.max() < 1


def test_free_border_widens_superposition() -> None:
    """Between 4/7 and 1 there is superposition at importance 1 with free lengths, and none with lengths of 1."""
    near = np.array([0.95, 1.05])
    assert theory.phases_two_in_one(near, 0.7).tolist() == [IGNORED, DEDICATED]
    assert theory.phases_two_in_one(near, 0.7, theory.free_border).tolist() == [SUPERPOSED, SUPERPOSED]
    assert theory.phases_three_in_two(near, 0.7, theory.free_border).tolist() == [SUPERPOSED, DEDICATED]


def test_expected_loss_of_two_features() -> None:
    W, b = np.array([[1.1, -0.7]]), np.array([-0.05, 0.1])
    found = theory.expected_loss(W, b, np.array([1.0, 0.3]), 0.4, nodes=100)
    assert float(found) == pytest.approx(model_loss(W, b, 0.3, 0.4), rel=1e-4)


def test_expected_loss_of_three_features_and_many_models() -> None:
    """Against a sample of 400,000, whose mean has a relative standard error of about 0.2 %."""
    rng = np.random.default_rng(1)
    W, b = rng.normal(0, 0.7, (2, 2, 3)), rng.normal(0, 0.1, (2, 3))
    importance, density = np.array([1.0, 0.5, 2.0]), np.array([0.3, 0.8])
    found = theory.expected_loss(W, b, importance, density, nodes=12)
    for one, bias, p, loss in zip(W, b, density, found, strict=True):
        x = rng.random((3, 400_000)) * (rng.random((3, 400_000)) < p)
        errors = (x - np.maximum(one.T @ one @ x + bias[:, None], 0)) ** 2
        assert loss == pytest.approx(importance @ errors.mean(-1), rel=0.01)


@pytest.mark.parametrize("importance", [0.3, 2.0])
@pytest.mark.parametrize(("a", "c"), [(0.7, 0.6), (-0.7, 0.6), (0.3, -1.2), (1.2, -0.3), (0.0, 0.8), (0.9, 0.0)])
def test_loss_without_biases(a: float, c: float, importance: float) -> None:
    expected = model_loss(np.array([[a, c]]), np.zeros(2), importance, 0.4)
    assert float(theory.unbiased_loss(a, c, importance, 0.4)) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("density", [0.1, 0.45, 0.9])
def test_minima_without_biases_at_equal_importance(density: float) -> None:
    minima = theory.unbiased_minima(1.0, density)
    length = theory.antipodal_length(density)
    expected = np.array([[0.5**0.5, 0.5**0.5], [length, -length]])
    ordered = expected[np.argsort(theory.unbiased_loss(expected[:, 0], expected[:, 1], 1.0, density))]
    np.testing.assert_allclose(minima, ordered, atol=1e-5)


@pytest.mark.parametrize(("importance", "density"), [(0.5, 0.5), (3.0, 0.4)])
def test_minima_without_biases_at_other_importances(importance: float, density: float) -> None:
    """All that a general-purpose minimiser finds from random starts, and nothing else."""

    def loss(p: np.ndarray) -> float:
        return float(theory.unbiased_loss(p[0], p[1], importance, density))

    starts = np.random.default_rng(2).normal(0, 1, (20, 2))
    options = {"xatol": 1e-6, "fatol": 1e-12}
    ends = np.array([minimize(loss, start, method="Nelder-Mead", options=options).x for start in starts])
    ends *= np.sign(ends[:, :1])
    minima = theory.unbiased_minima(importance, density)
    distances = np.linalg.norm(ends[:, None] - minima, axis=-1)
    assert distances.min(1).max() < 1e-4
    assert distances.min(0).max() < 1e-4
    assert (np.diff(theory.unbiased_loss(minima[:, 0], minima[:, 1], importance, density)) > 0).all()


def test_minima_cross_where_their_losses_are_equal() -> None:
    def difference(p: float) -> float:
        length = theory.antipodal_length(p)
        # The linear model keeps (x + y) / 2 and errs by (x - y) / 2 in both: E (x - y)² / 2.
        return float(theory.unbiased_loss(length, -length, 1.0, p)) - (p / 3 - p**2 / 4)

    assert theory.crossing_density() == pytest.approx(brentq(difference, 0.3, 0.9), abs=1e-4)
