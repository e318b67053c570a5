"""Solutions of many restarts, brought together and compared.

The loss of a model does not change when the hidden space is rotated or reflected, nor when features of the same density
and importance change places. Restarts that found the same solution look alike only after alignment.
"""

from collections.abc import Iterator, Sequence
from itertools import permutations, product
from math import factorial, prod

import numpy as np
from jaxtyping import Float, Int

from toymodels.arrays import AnyArray, first_fall

MOST_ORDERS = 50_000


def rotation_onto(W: Float[AnyArray, "*batch m n"], target: Float[AnyArray, "*#batch m n"]) -> Float[AnyArray, "..."]:
    """The orthogonal matrix Q (..., m, m), a rotation or a reflection, with the least ‖Q W - target‖_F (Schönemann
    1966, "A generalized solution of the orthogonal Procrustes problem"): U Vᵀ, where target Wᵀ = U S Vᵀ.

    >>> rotation_onto(np.array([[0.0, 2.0], [1.0, 0.0]]), np.eye(2)).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    left, _, right = np.linalg.svd(np.asarray(target) @ np.asarray(W).swapaxes(-1, -2))
    return left @ right + 0.0  # no -0


def aligned(
    W: Float[AnyArray, "*batch m n"], target: Float[AnyArray, "*#batch m n"], *, alike: Sequence[Sequence[int]] = ()
) -> Float[np.ndarray, "*batch m n"]:
    """Each W rotated or reflected, and its like features reordered, so that ‖W - target‖_F is least.

    Args:
        W: (..., m, n).
        target: (..., m, n), with the leading axes of W or with none.
        alike: groups of features that may change places; features in no group stay. All orders are tried, k! for a
            group of k features.

    Raises:
        ValueError: if a feature does not exist or is named twice, and if there are more than 50,000 orders.

    >>> aligned(np.array([[3.0, 0.0], [0.0, 1.0]]), np.eye(2)[::-1], alike=[[0, 1]]).tolist()
    [[0.0, 1.0], [3.0, 0.0]]
    """
    W, target = np.asarray(W), np.asarray(target)
    _check_groups(alike, W.shape[-1])
    orders = np.array(list(_orders(alike, W.shape[-1])))
    agreements = [np.linalg.svd(target @ W[..., order].swapaxes(-1, -2), compute_uv=False).sum(-1) for order in orders]
    # max over Q of <Q W, target> is the sum of the singular values of target Wᵀ, and the norms do not change.
    chosen = orders[np.argmax(agreements, axis=0)]
    reordered = np.take_along_axis(W, np.broadcast_to(chosen[..., None, :], W.shape), axis=-1)
    return rotation_onto(reordered, target) @ reordered


def neighbour_angles(W: Float[AnyArray, "*batch 2 n"], *, start: int = 0) -> Float[np.ndarray, "*batch n"]:
    """The angles in degrees between neighbouring directions in the plane, counterclockwise from feature `start`. They
    sum up to 360, and do not change when W is rotated; a reflection reverses them.

    >>> neighbour_angles(np.array([[1.0, 0.0, -2.0], [0.0, 3.0, 0.0]])).round(6).tolist()
    [90.0, 90.0, 180.0]
    """
    W = np.asarray(W, dtype=float)
    angles = np.degrees(np.arctan2(W[..., 1, :], W[..., 0, :]))
    turned = np.sort((angles - angles[..., start, None]) % 360, axis=-1)
    return np.diff(turned, axis=-1, append=360)


def lowest_losses(losses: Float[AnyArray, "*batch r"], member: AnyArray) -> Float[np.ndarray, "*batch"]:
    """The lowest loss of the restarts that are members of a class; NaN where there are none, or none that is finite.

    Args:
        losses: (..., r).
        member: (..., r) truth values.

    >>> lowest_losses(np.array([[3.0, 1.0], [2.0, 5.0]]), np.array([[True, False], [True, True]])).tolist()
    [3.0, 2.0]
    """
    kept = np.where(np.asarray(member) & np.isfinite(losses), losses, np.inf).min(-1)
    return np.where(np.isfinite(kept), kept, np.nan)


def crossing(x: Float[AnyArray, " k"], first: Float[AnyArray, " k"], second: Float[AnyArray, " k"]) -> float:
    """The place at which two curves cross, by linear interpolation between the values where both are finite; NaN unless
    they cross exactly once.

    >>> crossing(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 4.0]), np.array([2.0, 2.0, 2.0])).__round__(6)
    1.333333
    """
    lead = np.asarray(first) - np.asarray(second)
    there = np.isfinite(lead)
    lead, place = lead[there], np.asarray(x)[there]
    if np.diff(lead > 0).sum() != 1:
        return float("nan")
    return float(first_fall(place, lead if lead[0] > 0 else -lead))


def _orders(alike: Sequence[Sequence[int]], n: int) -> Iterator[Int[np.ndarray, " n"]]:
    """All orders of n features in which only those of the same group change places."""
    for moved in product(*(permutations(group) for group in alike)):
        order = np.arange(n)
        for group, places in zip(alike, moved, strict=True):
            order[list(group)] = places
        yield order


def _check_groups(alike: Sequence[Sequence[int]], n: int) -> None:
    named = [feature for group in alike for feature in group]
    if len(set(named)) < len(named) or any(not 0 <= feature < n for feature in named):
        raise ValueError(f"alike of aligned must name features 0 to {n - 1}, each once. Got {alike!r}.")
    count = prod(factorial(len(group)) for group in alike)
    if count > MOST_ORDERS:
        raise ValueError(f"alike of aligned must allow at most {MOST_ORDERS:,} orders. Got groups with {count:,}.")
