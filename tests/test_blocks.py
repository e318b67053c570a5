"""Eigenspaces of the frame operator, on models whose blocks are known."""

import numpy as np
import pytest
import scipy.linalg

from toymodels.analysis import geometry
from toymodels.analysis.blocks import eigenblocks
from toymodels.analysis.polytopes import polygon, simplex

LENGTHS = (1.3, 0.8, 1.1)


def known() -> np.ndarray:
    """(7, 11) of rank 6, turned at random: a pentagon, a tetrahedron, a dedicated feature, one without a direction."""
    parts = [length * part for length, part in zip(LENGTHS, (polygon(5), simplex(3), np.ones((1, 1))), strict=True)]
    W = np.zeros((7, 11))
    W[:6, :10] = scipy.linalg.block_diag(*parts)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(7, 7)))
    return turn @ W


def test_known_blocks_are_found() -> None:
    W = known()
    found = eigenblocks(W)
    wanted = 5 / 2 * LENGTHS[0] ** 2, LENGTHS[2] ** 2, 4 / 3 * LENGTHS[1] ** 2
    np.testing.assert_allclose(found.eigenvalue, wanted)
    assert found.dimensions.tolist() == [2, 1, 3]
    assert found.block.tolist() == [0] * 5 + [2] * 4 + [1, -1]
    np.testing.assert_allclose(found.share, [1] * 10 + [0])
    np.testing.assert_allclose(found.capacity, [2 / 5] * 5 + [3 / 4] * 4 + [1, 0])
    np.testing.assert_allclose(found.capacity, geometry.dimensionality(W), atol=1e-12)


def test_capacities_sum_to_the_rank_only_in_blocks() -> None:
    W = known()
    assert eigenblocks(W).capacity.sum() == pytest.approx(6)
    bent = W + 0.4 * np.random.default_rng(1).normal(size=W.shape)
    found = eigenblocks(bent, tolerance=1e-6)
    assert found.dimensions.sum() == np.linalg.matrix_rank(bent) == 7
    assert found.share.min() < 0.7
    assert geometry.dimensionality(bent).sum() < 6.5
    np.testing.assert_allclose(geometry.leverage(bent).sum(), 7)


def test_eigenvalues_within_the_tolerance_are_one_block() -> None:
    W = np.diag([1.0, 0.99, 0.8])  # squares: 1, .98 and .64
    assert eigenblocks(W).dimensions.tolist() == [2, 1]
    assert eigenblocks(W).eigenvalue == pytest.approx([0.99005, 0.64])
    assert eigenblocks(W, tolerance=0.01).dimensions.tolist() == [1, 1, 1]
    assert eigenblocks(W, tolerance=0.5).dimensions.tolist() == [3]


def test_a_model_without_directions_has_no_blocks() -> None:
    found = eigenblocks(np.zeros((2, 3)))
    assert found.eigenvalue.shape == found.dimensions.shape == (0,)
    assert found.block.tolist() == [-1, -1, -1]
    assert found.share.tolist() == found.capacity.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("W", "message"), [(np.ones((4, 2, 3)), "one model"), (np.full((2, 3), np.nan), "finite"), (np.ones(3), "shape")]
)
def test_what_is_no_model(W: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        eigenblocks(W)
