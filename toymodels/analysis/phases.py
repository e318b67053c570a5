"""Phases: whether a feature is ignored, in superposition, or has a dimension of its own, and where phases meet.

Maps of phases, of shape (rows, columns), hold one class per cell.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from toymodels.analysis import geometry
from toymodels.arrays import AnyArray

IGNORED, SUPERPOSED, DEDICATED = range(3)
"""The classes: not represented, represented along with others, represented alone."""


def classify(
    W: Float[AnyArray, "*batch m n"], *, min_norm: float = 0.5, min_interference: float = 0.1
) -> Int[AnyArray, "*batch n"]:
    """The class of each feature (the three outcomes of Elhage et al. 2022, "Superposition as a Phase Change"): IGNORED
    if ‖W_i‖ <= min_norm, else SUPERPOSED if its interference Σ_{j≠i} (Ŵ_i·W_j)² is above min_interference, else
    DEDICATED.

    >>> classify(np.array([[1.0, -1.0, 0.0, 0.2], [0.0, 0.0, 0.9, 0.2]])).tolist() == [
    ...     SUPERPOSED, SUPERPOSED, DEDICATED, IGNORED]
    True
    """
    shared = geometry.in_superposition(W, min_norm=min_norm, min_interference=min_interference)
    return geometry.represented(W, min_norm=min_norm) * (DEDICATED - shared)


def near_border(classes: Int[np.ndarray, "rows columns"], cells: int = 1) -> Bool[np.ndarray, "rows columns"]:
    """Whether another class is at most so many cells away, along both axes and diagonally.

    >>> near_border(np.array([[0, 0, 0, 1, 1]])).astype(int).tolist()
    [[0, 0, 1, 1, 0]]
    """
    padded = np.pad(classes, cells, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * cells + 1, 2 * cells + 1))
    return windows.min((-1, -2)) != windows.max((-1, -2))


def triple_points(classes: Int[np.ndarray, "rows columns"]) -> Float[np.ndarray, "k 2"]:
    """The corners of cells around which there are three classes or more: row and column, halfway between those of the
    four cells.

    >>> triple_points(np.array([[0, 0, 2], [0, 1, 1]])).tolist()
    [[0.5, 1.5]]
    """
    around = np.lib.stride_tricks.sliding_window_view(classes, (2, 2)).reshape(*np.subtract(classes.shape, 1), 4)
    ordered = np.sort(around, axis=-1)
    return np.argwhere((np.diff(ordered) > 0).sum(-1) >= 2) + 0.5
