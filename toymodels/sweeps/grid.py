"""Grids: what a sweep trains, as the programs of a plan.

Cells are numbered in the order of the axes, the last axis fastest. Values that are not numbers make *programs*: one for
each combination of them.
"""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt32

from toymodels.models import Model
from toymodels.sweeps.axes import SEED, Axis, Varied
from toymodels.sweeps.fields import Path, leaf_numbers, path_name, replaced, value_at
from toymodels.training.engine.cells import Cell, separate, to_array
from toymodels.training.engine.code import is_numeric
from toymodels.training.engine.cutting import cut
from toymodels.training.engine.plan import Column, Keep, Plan, Program, streams
from toymodels.training.fit import check_fit, check_model, check_recipe, check_task

Start = Callable[[Model], dict[str, np.ndarray]]
"""The given parameters of a model, as a plan has them."""


class Part(NamedTuple):
    """The cells that one program serves.

    Attributes:
        cell: the first of them.
        positions: along each axis, the positions that it has; all their combinations are its cells.
    """

    cell: Cell
    positions: tuple[Int[np.ndarray, " positions"], ...]


@dataclass(frozen=True)
class Grid:
    """All models of a sweep.

    Attributes:
        base: the configuration of which the axes vary fields.
        axes: what varies.
        key: threefry key data of the seed of all cells, if no axis varies it (2,).
        restarts: initialisations of each cell.
        keep: what is kept of each model.
    """

    base: Cell
    axes: tuple[Axis, ...]
    key: UInt32[np.ndarray, "2"]
    restarts: int
    keep: Keep

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of positions along each axis."""
        return tuple(axis.length for axis in self.axes)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The cells of each program."""
        base = _with_arrays(self.base, self.axes)
        choices = [_static_choices(axis) for axis in self.axes]
        return tuple(_part(base, self.axes, chosen) for chosen in itertools.product(*choices))

    def validate(self) -> None:
        """Raise ValueError or TypeError, naming the place in the grid, for a configuration that cannot be trained."""
        for part in self.parts:
            self._explained(part.cell, _first_positions(part), lambda cell: check_fit(cell, self.keep.metrics))
            for number, axis in enumerate(self.axes):
                for one in axis.varied:
                    if one.numeric:
                        self._validate_values(part, number, one)

    def plan(self, memory_bytes: int, threads: int | None, start: Start) -> Plan:
        """All models, cut for so many threads, by default those of this machine, and so much memory."""
        programs = tuple(self._program(part, start(part.cell.model)) for part in self.parts)
        cuts = tuple(
            cut(program, self.shape, self.keep, memory_bytes=memory_bytes, threads=threads) for program in programs
        )
        return Plan(self.shape, self.restarts, programs, self.keep, cuts)

    def place(self, cell: int) -> dict[str, Any]:
        """The coordinates of a cell."""
        positions = np.unravel_index(cell, self.shape) if self.axes else ()
        return {
            label: values[position]
            for axis, position in zip(self.axes, positions, strict=True)
            for label, values in axis.coordinates().items()
        }

    def _program(self, part: Part, start: dict[str, np.ndarray]) -> Program:
        """The models of a part, and what their cells differ in."""
        leaves = leaf_numbers(part.cell)
        varied = [(number, one) for number, axis in enumerate(self.axes) for one in axis.varied if one.numeric]
        own: dict[Path, np.dtype] = {}
        columns = []
        for number, one in varied:
            path = one.path if one.path in leaves else one.path[:-1]
            if path not in leaves:
                raise ValueError(f"over varies {path_name(one.path)}, which is not a number in all cells.")
            values = _along_axis(self.axes[number], part.positions[number], one)
            before = own.get(path, np.asarray(value_at(part.cell, path)).dtype)
            own[path] = np.result_type(before, values.dtype)
            columns.append(Column(list(own).index(path), one.path[len(path) :], number, values))
        code, shared = separate(part.cell, [leaves[path] for path in own])
        defaults = tuple(to_array(np.asarray(value_at(part.cell, path)).astype(dtype)) for path, dtype in own.items())
        box = streams(*self._seeds(part), self.restarts, part.cell.recipe.independent_data)
        return Program(part.cell, code, shared, defaults, tuple(columns), *box, start)

    def _seeds(self, part: Part) -> tuple[np.ndarray, np.ndarray]:
        """The numbers of the cells that are trained with each seed (seeds, cells), and the seeds' keys (seeds, 2)."""
        cells = np.ravel_multi_index(np.ix_(*part.positions), self.shape) if self.axes else np.zeros((), int)
        for number, axis in enumerate(self.axes):
            for one in axis.varied:
                if one.path == SEED:
                    low = np.asarray(one.values, dtype=np.uint32)[part.positions[number]]
                    first = np.moveaxis(cells, number, 0)
                    return first.reshape(len(first), -1), np.stack([np.zeros_like(low), low], axis=-1)
        return cells.reshape(1, -1), self.key[None]

    def _validate_values(self, part: Part, number: int, one: Varied) -> None:
        """Put each of a numeric field's values alone into the part's first cell."""
        name = str(one.path[0])
        check = {"model": check_model, "task": check_task, "recipe": check_recipe}[name]
        whole = list(_first_positions(part))
        for position in part.positions[number]:
            whole[number] = int(position)
            cell = replaced(part.cell, one.path, one.values[position])
            self._explained(cell, whole, lambda cell: check(getattr(cell, name)))

    def _explained(self, cell: Cell, positions: Sequence[int], check: Callable[[Cell], None]) -> None:
        """Run a check, and tell where in the grid it failed."""
        try:
            check(cell)
        except (TypeError, ValueError) as error:
            number = int(np.ravel_multi_index(positions, self.shape)) if self.axes else 0
            place = ", ".join(f"{label} = {value}" for label, value in self.place(number).items())
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{error} (in the cell with {place})" if place else str(error)) from error


def _first_positions(part: Part) -> list[int]:
    return [int(positions[0]) for positions in part.positions]


def _static_choices(axis: Axis) -> list[tuple[dict[Path, Any], Int[np.ndarray, " _"]]]:
    """The different combinations of static values along an axis, and the positions at which each stands."""
    static = [one for one in axis.varied if not one.numeric and one.path != SEED]
    if not static:
        return [({}, np.arange(axis.length))]
    chosen: list[tuple[list[Any], list[int]]] = []
    by_hash: dict[Any, int] = {}
    for position in range(axis.length):
        values = [one.values[position] for one in static]
        key = tuple(map(_identity, values))
        if key not in by_hash:
            by_hash[key] = len(chosen)
            chosen.append((values, []))
        chosen[by_hash[key]][1].append(position)
    return [
        ({one.path: value for one, value in zip(static, values, strict=True)}, np.array(positions))
        for values, positions in chosen
    ]


def _identity(value: Any) -> Any:
    """Equal for values that make the same program: numbers and strings by value, all else only if it is the same."""
    return (type(value), value) if isinstance(value, bool | int | float | str) else id(value)


def _part(base: Cell, axes: Sequence[Axis], chosen: Sequence[tuple[dict[Path, Any], Int[np.ndarray, " _"]]]) -> Part:
    """The cells with the chosen static values."""
    positions = tuple(positions for _, positions in chosen)
    values = {path: value for assignment, _ in chosen for path, value in assignment.items()}
    for axis, at in zip(axes, positions, strict=True):
        values |= {one.path: one.values[at[0]] for one in axis.varied if one.numeric}
    cell = base
    for path in sorted(values, key=len):  # a whole before what is in it
        cell = replaced(cell, path, values[path])
    return Part(cell, positions)


def _with_arrays(base: Cell, axes: Sequence[Axis]) -> Cell:
    """`base` with arrays where single elements are varied and lists of numbers stand."""
    for axis in axes:
        for one in axis.varied:
            if one.path != SEED and isinstance(one.path[-1], int):
                whole = value_at(base, one.path[:-1])
                if isinstance(whole, tuple | list) and is_numeric(whole[one.path[-1]]):
                    base = replaced(base, one.path[:-1], np.asarray(whole, dtype=float))
    return base


def _along_axis(axis: Axis, positions: Int[np.ndarray, " positions"], one: Varied) -> np.ndarray:
    """The values of a field at each position of an axis; 0 at those that are another program's."""
    given = np.stack([np.asarray(one.values[position]) for position in positions])
    values = np.zeros((axis.length, *given.shape[1:]), given.dtype)
    values[positions] = given
    return values
