"""The asymmetric motif is found where it was built in, and hardly anywhere else."""

import numpy as np
import pytest

from toymodels.analysis.motifs import asymmetric_motifs

# Neuron 2 computes features 3 (strong) and 1 (weak), both for negative x; neuron 0 fires with -x_3 and inhibits y_1.
W = np.array([[0.0, 0.0, 0.0, -0.5], [1.0, 0.0, 0.0, 0.0], [0.0, -0.25, 0.0, -2.0]])
W_OUT = np.array([[0.0, 1.0, 0.0], [-14.0, 0.0, 4.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.55]])


def test_a_built_in_motif_is_found_with_its_numbers() -> None:
    (motif,) = asymmetric_motifs(W, W_OUT)
    assert (motif.strong, motif.weak, motif.neuron, motif.partner) == (3, 1, 2, 0)
    # products 2 * .55 and .25 * 4; interference 2 * 4; inhibition .5 * 14 of these 8
    assert motif[4:] == pytest.approx((8.0, 1 / 1.1, 8.0, 7 / 8))


def test_scaling_neurons_changes_nothing() -> None:
    scale = np.array([3.0, 0.2, 0.7])
    (motif,) = asymmetric_motifs(W * scale[:, None], W_OUT / scale)
    np.testing.assert_allclose(motif, asymmetric_motifs(W, W_OUT)[0])


def _without(place: tuple[int, int], value: float, *, output: bool) -> int:
    changed_in, changed_out = W.copy(), W_OUT.copy()
    (changed_out if output else changed_in)[place] = value
    return len(asymmetric_motifs(changed_in, changed_out))


def test_each_part_is_needed() -> None:
    assert _without((0, 3), 0.5, output=False) == 0  # the partner fires with +x_3, when neuron 2 does not
    assert _without((1, 0), 14.0, output=True) == 0  # it excites
    assert _without((1, 0), -7.0, output=True) == 0  # it takes 3.5 of 8 away
    assert _without((1, 2), 6.0, output=True) == 0  # products 1.1 and 1.5
    assert _without((1, 2), -4.0, output=True) == 0  # the weak feature is not computed
    assert _without((2, 3), -0.4, output=False) == 0  # input weights .4 and .25


def test_bounds_are_options() -> None:
    assert asymmetric_motifs(W, W_OUT, min_asymmetry=8.1) == []
    assert asymmetric_motifs(W, W_OUT, min_agreement=0.92) == []
    assert asymmetric_motifs(W, W_OUT, min_product=1.05) == []
    assert asymmetric_motifs(W, W_OUT, min_inhibition=0.9) == []


def test_none_in_a_monosemantic_network_nor_in_a_symmetric_one() -> None:
    halves = np.concatenate([np.eye(3), -np.eye(3)])
    assert asymmetric_motifs(halves, abs(halves).T) == []
    both = np.array([[1.0, 1.0], [1.0, -1.0]])  # equal input weights, each neuron for two features, with inhibition
    assert asymmetric_motifs(both, np.array([[1.0, 1.0], [1.0, -1.0]])) == []


def test_none_without_weights() -> None:
    assert asymmetric_motifs(0 * W, 0 * W_OUT) == []


def test_clearest_first() -> None:
    double_in = np.zeros((6, 8))
    double_out = np.zeros((8, 6))
    double_in[:3, :4], double_out[:4, :3] = W, 0.8 * W_OUT
    double_in[3:, 4:], double_out[4:, 3:] = W, W_OUT
    assert [motif.strong for motif in asymmetric_motifs(double_in, double_out)] == [7, 3]


def test_rare_in_random_networks() -> None:
    rng = np.random.default_rng(0)
    found = sum(len(asymmetric_motifs(rng.normal(size=(4, 3)), rng.normal(size=(3, 4)))) > 0 for _ in range(500))
    assert found <= 25  # 5 %


def test_bad_shapes_are_named() -> None:
    with pytest.raises(ValueError, match=r"W_out of asymmetric_motifs must have the shape \(4, 3\)"):
        asymmetric_motifs(W, W_OUT.T)
