"""What the figures of correlated features measure, on arrangements whose angles are known."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from experiments.papers.elhage2022.collapse import n_collapsed, principal_directions
from experiments.papers.elhage2022.planar import degrees_from_even, oriented, partner_angles, side_by_side
from toymodels import plots


def at_angles(*degrees: float) -> np.ndarray:
    """Directions of unequal lengths at these angles."""
    radians, lengths = np.radians(degrees), np.linspace(0.8, 1.3, len(degrees))
    return lengths * np.array([np.cos(radians), np.sin(radians)])


def test_partner_angles_are_those_between_neighbouring_columns() -> None:
    W = np.stack([at_angles(10, 75, 200, 350), at_angles(0, 180, 40, 40)])
    np.testing.assert_allclose(partner_angles(W), [[65, 150], [180, 0]], atol=1e-5)


def test_oriented_models_differ_by_a_rotation_or_reflection() -> None:
    W = at_angles(10, 190, 110, 250)
    turned = oriented(W)
    np.testing.assert_allclose(turned.T @ turned, W.T @ W, atol=1e-12)
    np.testing.assert_allclose(turned[:, 0], [0, 0.8], atol=1e-12)
    assert turned[0, 2] > 0  # the first one that is not in line with feature 0
    np.testing.assert_allclose(oriented(np.array([[-1.0], [1.0]]) * W), turned, atol=1e-12)


@pytest.mark.parametrize(
    ("degrees", "pairs"),
    [((0, 60, 120, 180, 240, 300), 3), ((0, 180, 60, 240, 120, 300), 0), ((350, 10, 60, 200, 100, 300), 1)],
)
def test_side_by_side_counts_partners_with_nothing_between(degrees: tuple[float, ...], pairs: int) -> None:
    assert side_by_side(at_angles(*degrees)) == pairs


def test_degrees_from_even_is_the_worst_gap_of_the_worst_model() -> None:
    hexagon = at_angles(7, 187, 67, 127, 247, 307)
    bent = at_angles(0, 60, 120, 180, 240, 307)  # gaps 67 and 53 around the last one
    assert degrees_from_even(hexagon[None]) == pytest.approx(0, abs=1e-9)
    assert degrees_from_even(np.stack([hexagon, bent])) == pytest.approx(7)
    assert np.isnan(degrees_from_even(0.1 * hexagon[None]))


def test_n_collapsed_counts_pairs_less_than_30_degrees_apart() -> None:
    W = np.stack([at_angles(0, 60, 120, 180, 240, 300), at_angles(0, 29, 90, 121, 355, 4)])
    assert n_collapsed(W).tolist() == [0, 2]


def test_principal_directions_are_the_sums_of_partners() -> None:
    span = principal_directions(0.6, 3)
    sums = np.kron(np.eye(3), [1, 1]).T / 2**0.5
    np.testing.assert_allclose(span @ span.T, sums @ sums.T, atol=1e-12)


def test_directions_are_coloured_by_set_and_partners_are_ringed() -> None:
    ax = plots.directions(at_angles(0, 60, 120, 180), sets=((0, 2), (3,)))
    stems = [line.get_color() for line in ax.lines if len(line.get_xydata()) == 2]
    assert stems[0] == stems[2] == plots.SET_COLORS[0]
    assert stems[3] == plots.SET_COLORS[1]
    assert stems[1] not in plots.SET_COLORS
    ends = [line for line in ax.lines if len(line.get_xydata()) == 1]
    assert [end.get_markerfacecolor() == "none" for end in ends] == [False, False, True, False]
    plt.close("all")


def test_directions_take_importance_or_sets() -> None:
    with pytest.raises(ValueError, match="Got both"):
        plots.directions(at_angles(0, 90), importance=np.ones(2), sets=((0, 1),))
