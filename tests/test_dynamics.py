"""Jumps, plateaus and drops of curves made by hand."""

import numpy as np
import pytest

from toymodels.analysis.dynamics import Drop, Plateau, drops, plateaus, slope, smooth, steepest_jumps

RNG = np.random.default_rng(0)


def logistic(at: float, width: float, positions: np.ndarray, low: float, high: float) -> np.ndarray:
    return low + (high - low) / (1 + np.exp(-(positions - at) / width))


def test_jumps_of_logistic_curves_are_where_and_as_high_as_they_were_made():
    positions = np.unique(np.concatenate([np.linspace(0, 100, 400), RNG.uniform(0, 100, 300)]))  # unevenly spaced
    made = [(20.0, 0.1, 0.5), (47.0, 0.9, 0.2), (80.0, -1.0, 2.0)]
    curves = np.stack([logistic(at, 1.5, positions, low, high) for at, low, high in made])
    jumps = steepest_jumps(curves, positions)
    np.testing.assert_allclose(jumps.at, [at for at, _, _ in made], atol=0.5)
    heights = np.array([high - low for _, low, high in made])
    # The slope is a tenth of the steepest where s (1 - s) = 1/40, s = .0257: the jump holds 1 - 2 s of the height.
    np.testing.assert_allclose(jumps.height, 0.9487 * heights, rtol=0.02)
    np.testing.assert_allclose(jumps.slope, heights / (4 * 1.5), rtol=0.02)


def test_the_steepest_of_two_jumps_is_found_and_does_not_reach_into_the_other():
    positions = np.linspace(0, 100, 1001)
    curve = logistic(20, 1, positions, 0, 1) + logistic(70, 4, positions, 0, 2)  # slopes of 1/4 and 2/16
    jump = steepest_jumps(curve, positions)
    assert jump.at == pytest.approx(20, abs=0.2)
    assert jump.height == pytest.approx(0.9487, rel=0.02)
    reversed_jump = steepest_jumps(-curve[::-1], positions)
    assert (reversed_jump.at, reversed_jump.height) == pytest.approx((80, 0.9487), rel=0.02)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_jump_ends_where_the_curve_turns_round(sign: int):
    positions = np.array([0.0, 1.0, 2.0, 4.0, 5.0])
    jump = steepest_jumps(sign * np.array([0.5, 0.5, 3.5, 1.5, 1.25]), positions)  # the slopes 0, 3, -1, -0.25
    assert (jump.at, jump.slope, jump.height) == pytest.approx((1.5, 3 * sign, 3 * sign))


def test_curves_without_change_or_not_finite_have_no_jump():
    jumps = steepest_jumps(np.array([[1.0, 1.0, 1.0], [1.0, np.nan, 2.0], [0.0, 0.0, 1.0]]), np.arange(3))
    for values in jumps:
        np.testing.assert_array_equal(np.isnan(values), [True, True, False])


def test_slopes_are_those_of_a_straight_line_on_any_positions():
    positions = np.sort(RNG.uniform(0, 10, 20))
    np.testing.assert_allclose(slope(np.stack([3 * positions, -positions]), positions), [[3.0] * 19, [-1.0] * 19])


def test_smooth_keeps_straight_lines_inside_and_averages_noise():
    line = 2.0 * np.arange(50)
    np.testing.assert_allclose(smooth(line, 7)[3:-3], line[3:-3])
    noise = RNG.normal(size=(4, 2001))
    # The mean of nine independent numbers has a third of their spread; 2,000 of them tell it within about 5 %.
    np.testing.assert_allclose(smooth(noise, 9).std(-1), noise.std(-1) / 3, rtol=0.15)


def test_plateaus_and_drops_of_a_staircase():
    positions = np.linspace(0, 30, 301)
    curve = logistic(10, 0.3, positions, 5, 3) + logistic(20, 0.3, positions, 0, -2)
    found = plateaus(curve, positions, max_slope=0.02, min_length=3.0)
    np.testing.assert_allclose([one.level for one in found], [5, 3, 1], atol=0.01)
    np.testing.assert_allclose([(one.start, one.stop) for one in found], [(0, 8.7), (11.3, 18.7), (21.3, 30)], atol=0.6)
    np.testing.assert_allclose([drop.height for drop in drops(found)], [2, 2], atol=0.02)
    assert [(drop.start, drop.stop) for drop in drops(found)] == [
        (found[0].stop, found[1].start),
        (found[1].stop, found[2].start),
    ]


def test_short_plateaus_are_left_out_and_a_curve_without_any_has_none():
    positions = np.arange(10.0)
    curve = np.array([9, 8, 8, 6, 5, 5, 5, 3, 2, 1.0])
    assert plateaus(curve, positions, max_slope=0.5, min_length=2.0) == [Plateau(4.0, 6.0, 5.0)]
    assert plateaus(-positions, positions, max_slope=0.5, min_length=0.0) == []


def test_a_rise_between_plateaus_has_a_negative_height():
    assert drops([Plateau(0.0, 1.0, 2.0), Plateau(4.0, 5.0, 3.5)]) == [Drop(1.0, 4.0, -1.5)]
    assert drops([]) == []


@pytest.mark.parametrize("positions", [[0.0], [0.0, 0.0, 1.0], [1.0, 0.0]])
def test_positions_must_increase(positions):
    values = np.zeros(len(positions))
    with pytest.raises(ValueError, match="positions of steepest_jumps must be at least two numbers that increase"):
        steepest_jumps(values, np.array(positions))
    with pytest.raises(ValueError, match="positions of plateaus must"):
        plateaus(values, np.array(positions), max_slope=1.0, min_length=1.0)


def test_bad_options_are_refused():
    with pytest.raises(ValueError, match=r"width of smooth must be odd. Got 4"):
        smooth(np.zeros(9), 4)
    with pytest.raises(ValueError, match=r"max_slope of plateaus must .* Got -1"):
        plateaus(np.zeros(3), np.arange(3), max_slope=-1.0, min_length=1.0)
    with pytest.raises(ValueError, match=r"min_length of plateaus must .* Got -2"):
        plateaus(np.zeros(3), np.arange(3), max_slope=1.0, min_length=-2.0)
