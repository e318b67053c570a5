"""Recognition of arrangements: exact ones, turned, scaled, shuffled and shaken, and what is none."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toymodels.analysis import geometry, polytopes
from toymodels.analysis.polytopes import arrangement, describe, match, product_name, recognise, tegum

# Simplices of 5 or more dimensions have cosines of at most 1/5, at which the feature graph does not join features.
JOINED = [name for name in polytopes.ARRANGEMENTS if name not in ("5-simplex", "6-simplex")]
SAME_SIZE = [
    pair for pair in combinations(polytopes.ARRANGEMENTS, 2) if len({arrangement(one).shape[1] for one in pair}) == 1
]


def turned(W: np.ndarray, dimensions: int, seed: int, noise: float = 0.0, scale: float = 1.0) -> np.ndarray:
    """W in a random subspace, its features in a random order, each displaced by a share of its length."""
    random = np.random.default_rng(seed)
    moved = np.concatenate([W, np.zeros((dimensions - len(W), W.shape[1]))])[:, random.permutation(W.shape[1])]
    steps = random.normal(size=moved.shape)
    moved = moved + noise * steps / np.linalg.norm(steps, axis=0)
    return scale * np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0] @ moved


@pytest.mark.parametrize("name", JOINED)
@pytest.mark.parametrize("seed", range(5))
def test_arrangements_are_recognised_after_rotation_scaling_shuffling_and_noise(name: str, seed: int) -> None:
    exact = arrangement(name)
    W = turned(exact, len(exact) + seed, seed, noise=0.05, scale=[0.8, 1.0, 1.3, 1.7, 5.0][seed])
    (component,) = recognise(W)
    assert component.name == name
    assert component.features.tolist() == list(range(exact.shape[1]))
    assert component.overlap == 0


@pytest.mark.parametrize("name", polytopes.ARRANGEMENTS)
def test_exact_arrangements_are_unit_vectors_with_the_dimensionality_of_tight_frames(name: str) -> None:
    exact = arrangement(name)
    d, k = exact.shape
    np.testing.assert_allclose(geometry.norms(exact), 1)
    np.testing.assert_allclose(exact @ exact.T, k / d * np.eye(d), atol=1e-12)
    np.testing.assert_allclose(geometry.dimensionality(exact), d / k)
    assert match(exact, exact).residual == pytest.approx(0, abs=1e-7)


@pytest.mark.parametrize(("first", "second"), SAME_SIZE)
def test_arrangements_are_not_taken_for_each_other(first: str, second: str) -> None:
    assert match(arrangement(first), arrangement(second), at_most=0.3) is None


def test_table_of_dimensionalities_of_the_paper() -> None:
    expected = {
        "digon": {1 / 2},
        "triangle": {2 / 3},
        "tetrahedron": {3 / 4},
        "pentagon": {2 / 5},
        "square antiprism": {3 / 8},
        "octahedron": {1 / 2},
        "triangular bipyramid": {1 / 2, 2 / 3},
        "pentagonal bipyramid": {1 / 2, 2 / 5},
    }
    for name, values in expected.items():
        assert set(geometry.dimensionality(arrangement(name)).round(9)) == {round(value, 9) for value in values}


@pytest.mark.parametrize("name", polytopes.PRODUCTS)
def test_products_are_recognised_by_their_parts(name: str) -> None:
    W = turned(arrangement(name), 6, seed=3, noise=0.04, scale=1.2)
    components = recognise(W)
    assert sorted(one.name for one in components) == sorted(polytopes.PRODUCTS[name])
    assert product_name(components) == name


def test_a_product_is_the_multiset_of_its_parts() -> None:
    parts = ["digon"] * 3 + ["pentagon"] * 2 + ["tetrahedron", "dedicated"]
    W = turned(tegum(*map(arrangement, parts)), 14, seed=1, noise=0.02)
    components = recognise(W)
    assert describe(components) in (
        "3 digons + 2 pentagons + 1 tetrahedron + 1 dedicated",
        "3 digons + 2 pentagons + 1 dedicated + 1 tetrahedron",
    )
    assert product_name(components) == describe(components)
    assert sorted(np.concatenate([one.features for one in components])) == list(range(W.shape[1]))
    assert describe(recognise(turned(tegum(*[arrangement("tetrahedron")] * 2), 6, 0))) == "2 tetrahedra"


def test_tegum_keeps_products_within_parts_and_makes_parts_orthogonal() -> None:
    triangle, digon = 2 * arrangement("triangle"), 3 * arrangement("digon")
    wanted = np.zeros((5, 5))
    wanted[:3, :3], wanted[3:, 3:] = triangle.T @ triangle, digon.T @ digon
    np.testing.assert_allclose(geometry.gram(tegum(triangle, digon)), wanted)
    assert tegum().shape == (0, 0)


def test_unequal_lengths_bent_pairs_and_stray_directions_are_unknown() -> None:
    unequal = np.array([[1.0, -((2 / 3) ** 0.5)]])  # dimensionalities 3/5 and 2/5
    assert [one.name for one in recognise(unequal)] == ["unknown"]
    right_angled = np.array([[1.0, -0.6, -0.6], [0.0, 0.8, -0.8]])  # an isosceles triangle
    assert describe(recognise(right_angled)) == "1 unknown of 3"
    random = np.random.default_rng(0).normal(size=(3, 7))
    assert [one.name for one in recognise(random)] == ["unknown"]
    assert recognise(random)[0].residual == np.inf
    assert describe(recognise(np.zeros((2, 4)))) == "nothing"


def test_features_that_are_not_represented_are_left_out() -> None:
    W = np.array([[0.4, 1.0, 0.0, -1.0]])
    (component,) = recognise(W)
    assert (component.name, component.features.tolist(), component.overlap) == ("digon", [1, 3], 0)
    assert recognise(W, min_norm=0.3)[0].name == "unknown"


def test_overlap_is_the_interference_from_other_components() -> None:
    cosine = 0.15  # below that at which the graph joins
    W = np.array([[1.0, -1.0, cosine, -cosine], [0.0, 0.0, (1 - cosine**2) ** 0.5, -((1 - cosine**2) ** 0.5)]])
    components = recognise(1.7 * W)
    assert describe(components) == "2 digons"
    np.testing.assert_allclose([one.overlap for one in components], 2 * cosine**2)
    np.testing.assert_allclose(geometry.dimensionality(W), 1 / (2 + 2 * cosine**2))
    assert product_name(components) == "square"  # .045 is less than .05
    close = W.copy()
    close[:, 2:] = [[0.19, -0.19], [(1 - 0.19**2) ** 0.5, -((1 - 0.19**2) ** 0.5)]]
    assert product_name(recognise(close)) == "2 digons"
    assert [polytopes.is_part(one) for one in (*components, *recognise(close))] == [True, True, False, False]
    assert len(recognise(W, min_cosine=0.1)) == 1


@given(st.integers(0, 2**32 - 1), st.sampled_from(["triangle", "tetrahedron", "pentagon"]))
def test_match_finds_the_best_of_all_orders(seed: int, name: str) -> None:
    exact = arrangement(name)
    W = np.random.default_rng(seed).normal(size=exact.shape)
    found, wanted = W.T @ W / (W**2).sum(0).mean(), exact.T @ exact
    distances = [np.linalg.norm(found - wanted[np.ix_(order, order)]) for order in permutations(range(exact.shape[1]))]
    best = match(W, exact)
    assert best.residual == pytest.approx(min(distances) / np.linalg.norm(wanted))
    order = best.order
    assert np.linalg.norm(found - wanted[np.ix_(order, order)]) == pytest.approx(min(distances))
    assert match(W, exact, at_most=0.99 * best.residual) is None
    assert match(W, exact, at_most=1.01 * best.residual).residual == best.residual


def test_match_says_which_feature_is_where() -> None:
    exact = arrangement("pentagonal bipyramid")
    order = [3, 6, 0, 5, 2, 1, 4]
    found = match(exact[:, order], exact)
    np.testing.assert_allclose(geometry.gram(exact[:, found.order]), geometry.gram(exact[:, order]), atol=1e-12)


@pytest.mark.parametrize("d", [1, 2, 3, 6])
def test_directions_orthogonal_to_ones_are_a_simplex(d: int) -> None:
    exact = polytopes.simplex(d)
    np.testing.assert_allclose(exact.sum(1), 0, atol=1e-12)  # W ⟂ (1, ..., 1)
    np.testing.assert_allclose(geometry.gram(exact), (1 + 1 / d) * np.eye(d + 1) - 1 / d, atol=1e-12)
    # An orthonormal basis, however it is found, of what is orthogonal to (1, ..., 1).
    rows = np.linalg.svd(np.ones((1, d + 1)))[2][1:]
    assert match(rows, exact).residual == pytest.approx(0, abs=1e-7)
    assert recognise(3 * rows, min_cosine=0.1)[0].name == ["digon", "triangle", "tetrahedron", 0, 0, "6-simplex"][d - 1]


def test_thomson_energies_of_the_least_arrangements_on_the_sphere() -> None:
    known = {"digon": 0.5, "triangle": 1.732050808, "tetrahedron": 3.674234614}
    known |= {"triangular bipyramid": 6.474691495, "octahedron": 9.985281374, "icosahedron": 49.165253058}
    for name, energy in known.items():
        assert polytopes.thomson_energy(3 * turned(arrangement(name), 4, 0)) == pytest.approx(energy, abs=1e-8)
    heights = np.linspace(0.5, 0.65, 301)
    angles = np.pi / 4 * np.arange(8)
    lifted = (-1.0) ** np.arange(8) * heights[:, None]
    flat = (1 - heights[:, None] ** 2) ** 0.5
    antiprisms = np.stack([flat * np.cos(angles), flat * np.sin(angles), lifted], axis=1)
    energies = polytopes.thomson_energy(antiprisms)
    assert energies.min() == pytest.approx(19.675287861, abs=1e-4)
    # The arrangement with D = 3/8 is the antiprism of another height, and of a little more energy.
    assert 19.6754 < polytopes.thomson_energy(arrangement("square antiprism")) < 19.72
    assert polytopes.thomson_energy(arrangement("cube")) > energies.min()


def test_thomson_energy_does_not_mix_a_batch() -> None:
    W = np.random.default_rng(0).normal(size=(4, 3, 6))
    one_by_one = [sum(1 / np.linalg.norm(a - b) for a, b in combinations((w / geometry.norms(w)).T, 2)) for w in W]
    np.testing.assert_allclose(polytopes.thomson_energy(W), one_by_one)
    assert polytopes.thomson_energy(np.array([[1.0, 2.0]])) == np.inf


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"name of arrangement .* Did you mean pentagon"):
        arrangement("pentagram")
    with pytest.raises(ValueError, match=r"W of match must have as many features as the arrangement, 3\. Got 2"):
        match(np.eye(2), arrangement("triangle"))
    with pytest.raises(ValueError, match="k of polygon"):
        polytopes.polygon(2)
    with pytest.raises(ValueError, match="d of simplex"):
        polytopes.simplex(0)


def test_arrangements_that_are_handed_out_can_be_changed() -> None:
    arrangement("digon")[:] = 0
    assert arrangement("digon").tolist() == [[1.0, -1.0]]
