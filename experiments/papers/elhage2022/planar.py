"""Measures of arrangements of features in two dimensions. Angles are in degrees."""

import numpy as np
from jaxtyping import Float

from toymodels.analysis import geometry
from toymodels.analysis.alignment import neighbour_angles


def partner_angles(W: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch pairs"]:
    """The angle in degrees, 0 to 180, between features 0 and 1, 2 and 3, and so on."""
    first, second = W[..., 0::2], W[..., 1::2]
    cosines = (first * second).sum(-2) / (geometry.norms(first) * geometry.norms(second))
    return np.degrees(np.arccos(np.clip(cosines, -1, 1)))


def oriented(W: Float[np.ndarray, "2 n"]) -> Float[np.ndarray, "2 n"]:
    """W turned so that feature 0 points up, and flipped so that the next one that is not in line with it is to its
    right."""
    up = W[:, 0] / np.linalg.norm(W[:, 0])
    x, y = np.array([[up[1], -up[0]], up]) @ W
    aside = x[abs(x) > 0.2]
    return np.array([-x if len(aside) and aside[0] < 0 else x, y])


def side_by_side(W: Float[np.ndarray, "2 n"]) -> int:
    """The number of partners, 0 and 1, 2 and 3, ..., that are neighbours when features are ordered by direction."""
    n = W.shape[-1]
    place = np.empty(n, dtype=int)
    place[np.argsort(np.arctan2(W[1], W[0]))] = np.arange(n)
    apart = abs(place[0::2] - place[1::2])
    return int(((apart == 1) | (apart == n - 1)).sum())


def degrees_from_even(W: Float[np.ndarray, "k 2 n"]) -> float:
    """The largest difference in degrees to directions spread evenly; NaN where a feature is not represented."""
    if not geometry.represented(W).all():
        return float("nan")
    return float(abs(neighbour_angles(W) - 360 / W.shape[-1]).max())
