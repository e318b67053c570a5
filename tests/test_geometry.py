"""Measures of geometry on exact arrangements, and what holds for any weights."""

from collections.abc import Callable
from itertools import combinations, product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.csgraph import connected_components as scipy_components

import toymodels as tm
from toymodels.analysis import geometry

SAME = {"rtol": 1e-9, "atol": 1e-12}
MEASURES: dict[str, Callable] = {
    "gram": geometry.gram,
    "norms": geometry.norms,
    "interference": geometry.interference,
    "dimensionality": geometry.dimensionality,
    "dimensions_per_feature": geometry.dimensions_per_feature,
    "leverage": geometry.leverage,
    "represented": geometry.represented,
    "n_represented": geometry.n_represented,
    "in_superposition": geometry.in_superposition,
    "feature_graph": geometry.feature_graph,
}


def unit(vectors: np.ndarray) -> np.ndarray:
    """Columns scaled to length 1."""
    return vectors / np.linalg.norm(vectors, axis=0)


def polygon(k: int) -> np.ndarray:
    angles = 2 * np.pi * np.arange(k) / k
    return np.stack([np.cos(angles), np.sin(angles)])


def simplex(d: int) -> np.ndarray:
    """d + 1 unit vectors in d dimensions: the standard basis of d + 1 dimensions seen along (1, ..., 1)."""
    centred = np.eye(d + 1) - 1 / (d + 1)
    directions, lengths, _ = np.linalg.svd(centred)
    return unit(directions[:, lengths > 0.5].T @ centred)


def harmonic_frame(n: int, d: int) -> np.ndarray:
    """A unit tight frame: d / 2 frequencies of the discrete Fourier transform of n points."""
    angles = 2 * np.pi * np.outer(np.arange(1, d // 2 + 1), np.arange(n)) / n
    return np.concatenate([np.cos(angles), np.sin(angles)]) * (2 / d) ** 0.5


CROSS = np.eye(3)
CUBE = unit(np.array(list(product([1, -1], repeat=3)), dtype=float).T)
GOLDEN = (1 + 5**0.5) / 2
ICOSAHEDRON = unit(
    np.array(
        [np.roll([0, first, second * GOLDEN], turn) for turn in range(3) for first in (1, -1) for second in (1, -1)]
    ).T
)
# Two squares turned by 45°, at the height ±1/√3 at which the arrangement is tight.
ANTIPRISM = np.concatenate([(2 / 3) ** 0.5 * polygon(8), (-1.0) ** np.arange(8)[None] / 3**0.5])
BIPYRAMID = np.concatenate([np.concatenate([polygon(3), np.zeros((2, 2))], 1), [[0, 0, 0, 1, -1]]])

ARRANGEMENTS = {
    "dedicated": (np.eye(1), 1),
    "dedicated, three": (np.eye(3), 1),
    "digon": (np.array([[1.0, -1.0]]), 1 / 2),
    "triangle": (polygon(3), 2 / 3),
    "tetrahedron": (simplex(3), 3 / 4),
    "simplex in 6 dimensions": (simplex(6), 6 / 7),
    "square": (polygon(4), 1 / 2),
    "pentagon": (polygon(5), 2 / 5),
    "heptagon": (polygon(7), 2 / 7),
    "square antiprism": (ANTIPRISM, 3 / 8),
    "octahedron": (np.concatenate([CROSS, -CROSS], 1), 1 / 2),
    "cube": (CUBE, 3 / 8),
    "icosahedron": (ICOSAHEDRON, 1 / 4),
    "tight frame of 7 in 4": (harmonic_frame(7, 4), 4 / 7),
    "tight frame of 11 in 6": (harmonic_frame(11, 6), 6 / 11),
    "triangular bipyramid": (BIPYRAMID, [2 / 3, 2 / 3, 2 / 3, 1 / 2, 1 / 2]),
}


def rotated(vectors: np.ndarray, dimensions: int, seed: int) -> np.ndarray:
    """The vectors in a random subspace of a larger space."""
    random = np.random.default_rng(seed)
    return np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0][:, : len(vectors)] @ vectors


@pytest.mark.parametrize("name", ARRANGEMENTS)
def test_dimensionality_of_exact_arrangements(name: str):
    vectors, wanted = ARRANGEMENTS[name]
    for dimensions, seed in [(len(vectors), 0), (9, 1)]:
        W = rotated(vectors, dimensions, seed)
        np.testing.assert_allclose(geometry.norms(W), 1, **SAME)
        np.testing.assert_allclose(geometry.dimensionality(W), np.broadcast_to(wanted, W.shape[1]), **SAME)
        # For unit vectors D = 1 / (1 + interference).
        np.testing.assert_allclose(
            geometry.interference(W), np.broadcast_to(1 / np.asarray(wanted) - 1, W.shape[1]), **SAME
        )
        assert geometry.leverage(W).sum() == pytest.approx(len(vectors))


@pytest.mark.parametrize("name", [name for name in ARRANGEMENTS if name != "triangular bipyramid"])
def test_tight_arrangements_have_the_leverage_of_their_dimensionality(name: str):
    vectors, wanted = ARRANGEMENTS[name]
    np.testing.assert_allclose(geometry.leverage(3 * rotated(vectors, 9, 2)), wanted, **SAME)


def test_leverage_of_the_triangular_bipyramid_is_that_of_its_two_parts():
    np.testing.assert_allclose(geometry.leverage(BIPYRAMID), [2 / 3, 2 / 3, 2 / 3, 1 / 2, 1 / 2], **SAME)


def test_values_by_hand():
    W = np.array([[3.0, 0.0, 1.0, 0.0], [4.0, 0.0, 0.0, -2.0]])
    np.testing.assert_allclose(geometry.gram(W), [[25, 0, 3, -8], [0, 0, 0, 0], [3, 0, 1, 0], [-8, 0, 0, 4]])
    np.testing.assert_allclose(geometry.norms(W), [5, 0, 1, 2])
    # Row i of WᵀW off the diagonal, squared and summed, over ‖W_i‖².
    np.testing.assert_allclose(geometry.interference(W), [(9 + 64) / 25, 0, 9, 64 / 4])
    np.testing.assert_allclose(geometry.dimensionality(W), [625 / 698, 0, 1 / 10, 16 / 80])
    assert float(geometry.dimensions_per_feature(W)) == pytest.approx(2 / 30)
    # W Wᵀ = [[10, 12], [12, 20]] has the inverse [[20, -12], [-12, 10]] / 56.
    np.testing.assert_allclose(geometry.leverage(W), [52 / 56, 0, 20 / 56, 40 / 56])


def test_capacity_is_another_name_of_dimensionality():
    assert geometry.capacity is geometry.dimensionality


def test_no_features_at_all():
    W = np.zeros((2, 3))
    for measure in (geometry.norms, geometry.interference, geometry.dimensionality, geometry.leverage):
        np.testing.assert_array_equal(measure(W), 0)
    assert geometry.dimensions_per_feature(W) == np.inf
    assert not geometry.feature_graph(W).any()


def test_a_model_that_diverged_has_no_leverage_and_its_neighbours_have_theirs():
    W = np.stack([polygon(5), polygon(5), polygon(5)])
    W[1, 0, 2] = np.nan
    leverage = geometry.leverage(W)
    assert np.isnan(leverage[1]).all()
    np.testing.assert_allclose(leverage[[0, 2]], 2 / 5, **SAME)


# --- Thresholds --------------------------------------------------------------------------------------------------


def test_thresholds_of_norm():
    W = np.array([[0.3, 0.5, 0.9, -1.4]])
    assert geometry.represented(W).tolist() == [False, False, True, True]
    assert geometry.represented(W, min_norm=0.2).tolist() == [True] * 4
    assert geometry.represented(W, min_norm=1.0).tolist() == [False, False, False, True]
    assert geometry.n_represented(W) == 2
    assert geometry.n_represented(W, min_norm=0.4) == 3


def test_thresholds_of_superposition():
    W = np.array([[1.0, 0.2, 0.0], [0.0, 0.0, 0.9]])  # interferences 0.04, 1 and 0
    assert geometry.in_superposition(W).tolist() == [False, False, False]
    assert geometry.in_superposition(W, min_interference=0.03).tolist() == [True, False, False]
    assert geometry.in_superposition(W, min_norm=0.1).tolist() == [False, True, False]


def test_thresholds_of_the_feature_graph():
    """Directions at 0°, 60°, 90° and 180° of lengths 2, 1, 0.6 and 0.4."""
    angles = np.radians([0, 60, 90, 180])
    W = np.stack([np.cos(angles), np.sin(angles)]) * [2, 1, 0.6, 0.4]

    def edges(**options: float) -> list[tuple[int, int]]:
        joined = geometry.feature_graph(W, **options)
        assert (joined == joined.T).all()
        return [pair for pair in combinations(range(4), 2) if joined[pair]]

    assert edges() == [(0, 1), (1, 2)]
    assert edges(min_norm=0.3) == [(0, 1), (0, 3), (1, 2), (1, 3)]
    assert edges(min_norm=0.3, min_cosine=0.6) == [(0, 3), (1, 2)]
    assert edges(min_norm=0.7) == [(0, 1)]
    assert not geometry.feature_graph(W, min_norm=0.3).diagonal().any()


# --- Any weights -------------------------------------------------------------------------------------------------


def random_weights(m: int, n: int, rank: int, zeros: int, seed: int) -> np.ndarray:
    """Weights (m, n) of at most the given rank, some columns zero, the others of unequal lengths."""
    random = np.random.default_rng(seed)
    W = random.normal(size=(m, rank)) @ random.normal(size=(rank, n)) * random.uniform(0.2, 2, size=n)
    W[:, random.permutation(n)[:zeros]] = 0
    return W


any_weights = st.builds(
    random_weights,
    m=st.integers(1, 5),
    n=st.integers(1, 9),
    rank=st.integers(1, 5),
    zeros=st.integers(0, 3),
    seed=st.integers(0, 10**6),
)


@given(any_weights)
def test_dimensionalities_and_leverages_are_bounded_by_the_rank(W: np.ndarray):
    rank = np.linalg.matrix_rank(W)
    D, leverage = geometry.dimensionality(W), geometry.leverage(W)
    assert leverage.sum() == pytest.approx(rank, abs=1e-8)
    assert D.sum() <= rank + 1e-9
    assert (leverage + 1e-9 >= D).all()
    assert (D >= 0).all()


@given(any_weights, st.integers(0, 10**6))
def test_rotating_the_hidden_space_changes_nothing(W: np.ndarray, seed: int):
    turned = rotated(W, len(W), seed)
    for name in ("gram", "norms", "interference", "dimensionality", "dimensions_per_feature", "leverage"):
        np.testing.assert_allclose(MEASURES[name](turned), MEASURES[name](W), rtol=1e-6, atol=1e-9)


@given(any_weights, st.randoms(use_true_random=False))
def test_permuting_the_features_permutes_the_measures(W: np.ndarray, random):
    order = list(range(W.shape[1]))
    random.shuffle(order)
    for name in ("norms", "interference", "dimensionality", "leverage", "represented", "in_superposition"):
        np.testing.assert_allclose(MEASURES[name](W[:, order]), MEASURES[name](W)[order], rtol=1e-6, atol=1e-9)
    for name in ("gram", "feature_graph"):
        np.testing.assert_allclose(MEASURES[name](W[:, order]), MEASURES[name](W)[np.ix_(order, order)], **SAME)


@given(any_weights, st.floats(0.1, 10))
def test_scaling(W: np.ndarray, scale: float):
    for name, power in [
        ("gram", 2),
        ("norms", 1),
        ("interference", 2),
        ("dimensionality", 0),
        ("dimensions_per_feature", -2),
        ("leverage", 0),
    ]:
        np.testing.assert_allclose(MEASURES[name](scale * W), scale**power * MEASURES[name](W), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", MEASURES)
def test_leading_axes_are_loops_and_libraries_agree(name: str):
    W = np.random.default_rng(0).normal(size=(2, 3, 4, 6))
    W[0, 1, :, 2] = 0
    got = MEASURES[name](W)
    looped = np.array([[MEASURES[name](W[i, j]) for j in range(3)] for i in range(2)])
    np.testing.assert_allclose(got, looped, **SAME)
    assert isinstance(got, np.ndarray)
    in_jax = jax.jit(MEASURES[name])(jnp.asarray(W))
    assert isinstance(in_jax, jax.Array)
    np.testing.assert_allclose(in_jax, got, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("density", [0.0, 0.05, 0.15, 0.5])
def test_connected_components_are_those_of_scipy(density: float):
    random = np.random.default_rng(0)
    adjacency = random.uniform(size=(5, 17, 17)) < density
    adjacency |= adjacency.swapaxes(-1, -2)
    got = geometry.connected_components(adjacency)
    np.testing.assert_array_equal(geometry.connected_components(jnp.asarray(adjacency)), got)
    for graph, components in zip(adjacency, got, strict=True):
        _, labels = scipy_components(graph, directed=False)
        np.testing.assert_array_equal(components, [np.flatnonzero(labels == label)[0] for label in labels])


@pytest.mark.parametrize("n", [1, 2, 3, 9, 18, 34])  # 17 and 33 edges: one more than a power of two
def test_a_path_is_one_component(n: int):
    order = np.append(0, 1 + np.random.default_rng(n).permutation(n - 1))
    path = np.zeros((n, n), dtype=bool)
    path[order[:-1], order[1:]] = path[order[1:], order[:-1]] = True
    assert (geometry.connected_components(path) == 0).all()


def test_components_of_arrangements_side_by_side():
    W = np.zeros((5, 8))
    W[:2, [0, 3, 4, 5, 7]] = polygon(5)
    W[2:4, [1, 2, 6]] = polygon(3)
    graph = geometry.feature_graph(W)
    assert geometry.connected_components(graph).tolist() == [0, 1, 1, 0, 0, 0, 1, 0]


def test_geometry_is_reached_from_the_package():
    assert tm.analysis.geometry is geometry
