"""The loops over the models of a chunk: along each of its axes, a loop and, within it, what is worked on at once.

Arrays are *folded* once, before the steps: an axis of 6 that is worked on in pairs becomes two, of 3 and of 2, and axes
of length 1 are dropped. Folding in every step would copy all parameters each time.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp


class AtOnce(NamedTuple):
    """How much a core works on at once.

    Attributes:
        streams: of the streams of a chunk; divides their number, as do the others.
        cells: of the cells of a stream.
        restarts: of the restarts of a cell.
        parts: into how many parts a batch is cut.
    """

    streams: int
    cells: int
    restarts: int
    parts: int


class Level(NamedTuple):
    """One axis of folded arrays: its length, and whether it is looped over or worked on at once."""

    length: int
    looped: bool


class Levels(NamedTuple):
    """The folded axes of streams, cells and restarts."""

    streams: tuple[Level, ...]
    cells: tuple[Level, ...]
    restarts: tuple[Level, ...]


def levels_of(box: tuple[int, int, int], at_once: AtOnce | None = None) -> Levels:
    """The levels of a chunk of so many streams, cells and restarts. Without `at_once`, all are worked on at once."""
    return Levels(*(_axis(length, at_once[axis] if at_once else length) for axis, length in enumerate(box)))


def _axis(length: int, group: int) -> tuple[Level, ...]:
    levels = (Level(length // group, looped=True), Level(group, looped=False))
    return tuple(level for level in levels if level.length > 1)


def fold(tree: Any, *axes: tuple[Level, ...]) -> Any:
    """Arrays whose leading axes are one for each of `axes`, with these folded."""
    shape = [level.length for axis in axes for level in axis]
    return jax.tree.map(lambda array: jnp.reshape(array, (*shape, *jnp.shape(array)[len(axes) :])), tree)


def unfold(tree: Any, *axes: tuple[Level, ...]) -> Any:
    """The reverse of `fold`."""
    shape = [math.prod(level.length for level in axis) for axis in axes]
    folded = sum(map(len, axes))
    return jax.tree.map(lambda array: array.reshape(*shape, *array.shape[folded:]), tree)


def each(function: Callable[..., Any], levels: tuple[Level, ...], *arguments: Any) -> Any:
    """`function` of each row of folded arguments, whose leading axes are `levels`."""
    if not levels:
        return function(*arguments)
    level, *rest = levels
    rows = (jnp.arange(level.length), arguments)  # counted, for there may be no other array

    def of_row(row: tuple[Any, tuple[Any, ...]]) -> Any:
        return each(function, tuple(rest), *row[1])

    return jax.lax.map(of_row, rows) if level.looped else jax.vmap(of_row)(rows)
