"""Ensembles: many configurations of one structure as one pytree.

A *cell* is one configuration (model, task, recipe). What all cells share is stored once, what differs is stacked, and
`assemble` puts one cell together again, outside or inside a compiled program.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np


class Leaf(NamedTuple):
    """Where a leaf of the pytree is found: `place` is "shared" or "own" with an index, or "static" with its value."""

    place: str
    value: Any


class Structure(NamedTuple):
    """What is the same for every cell and is part of the compiled program. Hashable."""

    treedef: Any
    leaves: tuple[Leaf, ...]


class Ensemble(NamedTuple):
    """Cells of one structure.

    Attributes:
        structure: the static part.
        shared: arrays that all cells have in common.
        own: arrays with a leading cell axis.
    """

    structure: Structure
    shared: tuple[np.ndarray, ...]
    own: tuple[np.ndarray, ...]


def stack(cells: Sequence[Any]) -> Ensemble:
    """Collect cells, which must have equal structure and leaves of equal shape.

    Raises:
        ValueError: if the cells do not fit into one program.
    """
    treedef: Any = jax.tree.structure(cells[0])
    for number, cell in enumerate(cells):
        if treedef != jax.tree.structure(cell):
            raise ValueError(f"All tasks of a run must have the same sizes and functions. Number {number} differs.")
    leaves: list[Leaf] = []
    shared: list[np.ndarray] = []
    own: list[np.ndarray] = []
    for values in zip(*map(jax.tree.leaves, cells), strict=True):
        if not all(map(_is_numeric, values)):
            if any(value is not values[0] for value in values):
                raise ValueError(f"All tasks of a run must have the same functions. Got {values[0]!r} and others.")
            leaves.append(Leaf("static", values[0]))
            continue
        arrays = [_to_array(value) for value in values]
        if len({array.shape for array in arrays}) > 1:
            arrays = _equal_shapes(arrays)
        if all(np.array_equal(arrays[0], array, equal_nan=True) for array in arrays):
            leaves.append(Leaf("shared", len(shared)))
            shared.append(arrays[0])
        else:
            leaves.append(Leaf("own", len(own)))
            own.append(np.stack(arrays))
    return Ensemble(Structure(treedef, tuple(leaves)), tuple(shared), tuple(own))


def assemble(structure: Structure, shared: Sequence[Any], own: Sequence[Any]) -> Any:
    """One cell, from the shared arrays and its own."""
    places = {"shared": shared, "own": own}
    leaves = [leaf.value if leaf.place == "static" else places[leaf.place][leaf.value] for leaf in structure.leaves]
    return jax.tree.unflatten(structure.treedef, leaves)


def _equal_shapes(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    try:
        return list(np.broadcast_arrays(*arrays))
    except ValueError:
        shapes = " and ".join(map(str, sorted({array.shape for array in arrays})))
        raise ValueError(f"All tasks of a run must have arrays of equal shape. Got {shapes}.") from None


def _is_numeric(value: Any) -> bool:
    return isinstance(value, bool | int | float | list | np.ndarray | np.generic | jax.Array)


def _to_array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array
