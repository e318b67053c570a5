"""Cells, taken apart into code and numbers, and put together again inside a program."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array

from toymodels.training.engine.code import content_without_numbers, is_numeric

Arrays = tuple[Array | np.ndarray, ...]


class Cell(NamedTuple):
    """One configuration: what to train, on what, and how."""

    model: Any
    task: Any
    recipe: Any


class Place(NamedTuple):
    """Where a leaf of a cell is: `of` is "shared" or "own", with its index there, or "code" with the leaf itself."""

    of: str
    value: Any


@dataclass(frozen=True, eq=False)
class Code:
    """What is the same for all cells of a program, and is compiled. Two are equal if they would compile to the same.

    Attributes:
        treedef: of a cell.
        leaves: where each of its leaves is.
        content: what equality goes by.
    """

    treedef: Any
    leaves: tuple[Place, ...]
    content: Hashable

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Code) and other.content == self.content

    def __hash__(self) -> int:
        return hash(self.content)


def separate(cell: Any, own: Sequence[int] = ()) -> tuple[Code, tuple[np.ndarray, ...]]:
    """The code of a cell, and the numbers that all cells share.

    Args:
        cell: any pytree.
        own: the leaves that every cell has for itself, by their numbers in `jax.tree.leaves(cell)`.
    """
    values, treedef = jax.tree.flatten(cell)
    leaves: list[Place] = []
    shared: list[np.ndarray] = []
    for number, value in enumerate(values):
        if number in own:
            leaves.append(Place("own", list(own).index(number)))
        elif is_numeric(value):
            leaves.append(Place("shared", len(shared)))
            shared.append(to_array(value))
        else:
            leaves.append(Place("code", value))
    places = tuple((leaf.of, leaf.value) for leaf in leaves if leaf.of != "code")
    return Code(treedef, tuple(leaves), (content_without_numbers(cell), places)), tuple(shared)


def assemble(code: Code, shared: Sequence[Any], own: Sequence[Any]) -> Any:
    """One cell, from the numbers that all share and its own."""
    numbers = {"shared": shared, "own": own}
    leaves = [leaf.value if leaf.of == "code" else numbers[leaf.of][leaf.value] for leaf in code.leaves]
    return jax.tree.unflatten(code.treedef, leaves)


def to_array(value: Any) -> np.ndarray:
    """The array that stands for a number in a program: in JAX's default precision."""
    array = np.asarray(value)
    return array.astype(float_type()) if array.dtype.kind == "f" else array


def float_type() -> np.dtype:
    """The type of floating point numbers: float32, or float64 where `jax_enable_x64` is set."""
    return jax.dtypes.canonicalize_dtype(float)
