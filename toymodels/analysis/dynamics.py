"""Dynamics: jumps, plateaus and drops in the course of training, found by program and not by eye.

Curves are arrays (..., t) of values at t positions, which increase. A position may be a number of steps or its
logarithm, and a value a loss or its logarithm: slopes are differences of values over differences of positions, whatever
these are.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from toymodels.arrays import AnyArray
from toymodels.checks import check_integer, check_numbers

Positions = Float[AnyArray, " t"] | Int[AnyArray, " t"]


class Jumps(NamedTuple):
    """The steepest jump of each curve.

    Attributes:
        at: the position in the middle of the steepest interval.
        slope: the slope there, positive where the curve rises.
        height: how much the curve changes from the beginning to the end of the jump, which reaches on both sides as far
            as the slope has the same sign and is at least a tenth as steep.
    """

    at: Float[np.ndarray, "*curves"]
    slope: Float[np.ndarray, "*curves"]
    height: Float[np.ndarray, "*curves"]


class Plateau(NamedTuple):
    """A stretch where a curve hardly changes.

    Attributes:
        start, stop: positions.
        level: the mean value.
    """

    start: float
    stop: float
    level: float


class Drop(NamedTuple):
    """What lies between two neighbouring plateaus.

    Attributes:
        start, stop: positions, where one plateau ends and the next one begins.
        height: by how much the curve falls, from level to level; negative where it rises.
    """

    start: float
    stop: float
    height: float


def steepest_jumps(values: Float[AnyArray, "*curves t"], positions: Positions) -> Jumps:
    """Where each curve changes fastest, and by how much, such as the dimensionality of each feature in training (Elhage
    et al. 2022, "Superposition and Learning Dynamics").

    Of a curve without any change, or with values that are not finite, all is NaN.

    Raises:
        ValueError: unless there are at least two positions, which increase.

    >>> jumps = steepest_jumps(np.array([1.0, 1.0, 3.0, 4.0, 4.0]), np.array([0.0, 1.0, 2.0, 3.0, 4.0]))
    >>> float(jumps.at), float(jumps.slope), float(jumps.height)
    (1.5, 2.0, 3.0)
    """
    values, positions = np.asarray(values), _checked_positions("steepest_jumps", positions)
    slopes = slope(values, positions)
    moving = np.isfinite(slopes).all(-1) & (abs(slopes) > 0).any(-1)
    slopes = np.where(moving[..., None], slopes, 0)
    peak = abs(slopes).argmax(-1)[..., None]
    steepest = np.take_along_axis(slopes, peak, -1)
    part = slopes * np.sign(steepest) >= 0.1 * abs(steepest)
    height = np.where(_run_around(part, peak), slopes * np.diff(positions), 0).sum(-1)
    middles = (positions[1:] + positions[:-1]) / 2
    found = (middles[peak[..., 0]], steepest[..., 0], height)
    return Jumps(*(np.where(moving, one, np.nan) for one in found))


def slope(values: Float[AnyArray, "*curves t"], positions: Positions) -> AnyArray:
    """The slope of each interval between neighbouring positions, (..., t-1).

    >>> slope(np.array([1.0, 3.0, 2.0]), np.array([0.0, 1.0, 3.0])).tolist()
    [2.0, -0.5]
    """
    return np.diff(values) / np.diff(positions)


def smooth(values: Float[AnyArray, "*curves t"], width: int) -> Float[np.ndarray, "*curves t"]:
    """The mean over `width` neighbouring values, fewer at the ends, against the noise of batches.

    Args:
        values: (..., t).
        width: an odd number.

    Raises:
        ValueError: for a width that is not odd.

    >>> smooth(np.array([0.0, 3.0, 0.0, 0.0]), 3).tolist()
    [1.5, 1.0, 1.0, 0.0]
    """
    check_integer("smooth", "width", width, minimum=1)
    if width % 2 == 0:
        raise ValueError(f"width of smooth must be odd. Got {width}.")
    half = width // 2
    values = np.asarray(values)
    sums = np.cumsum(np.concatenate([np.zeros((*values.shape[:-1], 1)), values], -1), -1)
    at = np.arange(values.shape[-1])
    first, last = np.maximum(at - half, 0), np.minimum(at + half + 1, values.shape[-1])
    return (sums[..., last] - sums[..., first]) / (last - first)


def plateaus(
    values: Float[AnyArray, " t"],
    positions: Positions,
    *,
    max_slope: float,
    min_length: float,
) -> list[Plateau]:
    """The stretches of one curve in which every slope is at most `max_slope`, up or down, in order.

    For a loss curve take logarithms of both, for instance: then 0.1 is a fall by 2 % where the steps grow by a fifth.
    Batches are noisy: `smooth` first.

    Args:
        values: (t,).
        positions: (t,), increasing.
        max_slope: at least 0, in units of values over positions.
        min_length: of a stretch, in units of positions.

    Raises:
        ValueError: unless there are at least two positions, which increase; for a negative slope or length.

    >>> plateaus(np.array([5.0, 5.0, 5.0, 1.0, 1.0]), np.arange(5), max_slope=0.1, min_length=1.0)
    [Plateau(start=0.0, stop=2.0, level=5.0), Plateau(start=3.0, stop=4.0, level=1.0)]
    """
    values, positions = np.asarray(values), _checked_positions("plateaus", positions)
    check_numbers("plateaus", "max_slope", max_slope, minimum=0)
    check_numbers("plateaus", "min_length", min_length, minimum=0)
    flat = abs(slope(values, positions)) <= max_slope
    found = []
    for first, last in _runs(flat):
        start, stop = float(positions[first]), float(positions[last])
        if stop - start >= min_length:
            found.append(Plateau(start, stop, float(values[first : last + 1].mean())))
    return found


def drops(levels: list[Plateau]) -> list[Drop]:
    """What lies between neighbouring plateaus.

    >>> drops([Plateau(0.0, 2.0, 5.0), Plateau(3.0, 4.0, 1.0)])
    [Drop(start=2.0, stop=3.0, height=4.0)]
    """
    return [Drop(one.stop, other.start, one.level - other.level) for one, other in itertools.pairwise(levels)]


def _checked_positions(owner: str, positions: AnyArray) -> Float[np.ndarray, " t"]:
    positions = np.asarray(positions, dtype=float)
    if positions.ndim != 1 or len(positions) < 2 or not (np.diff(positions) > 0).all():
        raise ValueError(f"positions of {owner} must be at least two numbers that increase. Got {positions}.")
    return positions


def _runs(flags: Bool[np.ndarray, " k"]) -> list[tuple[int, int]]:
    """Where each stretch of true values begins, and where it has ended."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(int)))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _run_around(
    flags: Bool[np.ndarray, "*curves k"], place: Int[np.ndarray, "*curves 1"]
) -> Bool[np.ndarray, "*curves k"]:
    """Of the true values, those in one stretch with that at `place`."""
    stretch = np.cumsum(~flags, -1)
    return flags & (stretch == np.take_along_axis(stretch, place, -1))
