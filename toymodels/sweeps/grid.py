"""Grids: what a sweep trains, laid out as programs and units of work.

Cells are numbered in the order of the axes, the last axis fastest, and models cell by cell, restart by restart. Static
values make *programs*: one compiled program for each combination of them. A *unit* is a chunk of a program's models: it
is trained at once, on one device, and stored in one file.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int

from toymodels.sweeps.axes import SEED, Axis, Varied
from toymodels.sweeps.fields import Path, leaf_numbers, path_name, replaced, value_at
from toymodels.training.ensemble import Cell, Ensemble, Models, is_numeric, separate, to_array
from toymodels.training.metrics import Metrics
from toymodels.training.schedule import Cut, Program, cut, pieces
from toymodels.training.train import validate, validate_hidden_l1, validate_model, validate_recipe, validate_task


class Keep(NamedTuple):
    """What is computed and kept of every model.

    Attributes:
        metrics: names and functions.
        params: whether to keep the parameters.
        history: number of entries of the loss history, at most.
        snapshots: ascending numbers of steps after which parameters are kept.
    """

    metrics: Metrics
    params: bool
    history: int
    snapshots: tuple[int, ...]


class Part(NamedTuple):
    """The cells that one program serves.

    Attributes:
        cell: the first of them.
        positions: along each axis, the positions that it has; all their combinations are its cells.
    """

    cell: Cell
    positions: tuple[Int[np.ndarray, " positions"], ...]


class Unit(NamedTuple):
    """A chunk of a part's models: number of the part, first stream, first model of each stream."""

    part: int
    stream: int
    model: int


@dataclass(frozen=True)
class Grid:
    """All models of a sweep.

    Attributes:
        base: the configuration of which the axes vary fields.
        axes: what varies.
        seed: of all cells, if no axis varies it.
        restarts: initialisations of each cell.
        keep: what is kept of each model.
    """

    base: Cell
    axes: tuple[Axis, ...]
    seed: int
    restarts: int
    keep: Keep

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of positions along each axis."""
        return tuple(axis.length for axis in self.axes)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return math.prod(self.shape)

    @property
    def n_models(self) -> int:
        """Number of models."""
        return self.n_cells * self.restarts

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The cells of each program."""
        base = _with_arrays(self.base, self.axes)
        choices = [_static_choices(axis) for axis in self.axes]
        return tuple(_part(base, self.axes, chosen) for chosen in itertools.product(*choices))

    @cached_property
    def programs(self) -> tuple[tuple[Program, Ensemble], ...]:
        """The program and the models of each part."""
        return tuple(map(self._program, self.parts))

    def validate(self) -> None:
        """Raise ValueError or TypeError, naming the place in the grid, for a configuration that cannot be trained."""
        for part in self.parts:
            self._explained(part.cell, _first_positions(part), lambda cell: validate(*cell))
            for number, axis in enumerate(self.axes):
                for one in axis.varied:
                    if one.numeric:
                        self._validate_values(part, number, one)

    def cuts(self, threads: int, memory_bytes: int) -> tuple[Cut, ...]:
        """How each program's models are cut into units, for so many threads and so much memory."""
        return tuple(
            cut(program, ensemble, threads=threads, memory_bytes=memory_bytes) for program, ensemble in self.programs
        )

    def units(self, cuts: Sequence[Cut]) -> list[Unit]:
        """All units; the programs take turns, so that several can be compiled at once."""
        of_parts = [
            [Unit(number, *piece) for piece in pieces(ensemble, cut)]
            for number, ((_, ensemble), cut) in enumerate(zip(self.programs, cuts, strict=True))
        ]
        turns = itertools.zip_longest(*of_parts)
        return [unit for turn in turns for unit in turn if unit is not None]

    def place(self, cell: int) -> dict[str, Any]:
        """The coordinates of a cell."""
        positions = np.unravel_index(cell, self.shape) if self.axes else ()
        return {
            label: values[position]
            for axis, position in zip(self.axes, positions, strict=True)
            for label, values in axis.coordinates().items()
        }

    def _program(self, part: Part) -> tuple[Program, Ensemble]:
        tables = _tables(part, self.axes)
        leaves = leaf_numbers(part.cell)
        structure, shared = separate(part.cell, [leaves[path] for path in tables])

        def own(cells: Int[np.ndarray, " k"]) -> tuple[np.ndarray, ...]:
            positions = np.unravel_index(cells, self.shape) if self.axes else ()
            return tuple(table(positions) for table in tables.values())

        recipe = part.cell.recipe
        program = Program(
            structure, part.cell, -(-recipe.steps // self.keep.history), self.keep.snapshots, self.keep.metrics
        )
        streams, models, locate = self._numbering(part, recipe.independent_data)
        return program, Ensemble(structure, shared, own, streams, models, locate, recipe.independent_data)

    def _numbering(
        self, part: Part, independent_data: bool
    ) -> tuple[int, int, Callable[[Int[np.ndarray, " k"]], Models]]:
        """Number of streams, of models of each, and what each model is.

        Cells of one seed are a stream; where a seed stands at several positions of an axis, those of one position.
        """
        lengths = [len(positions) for positions in part.positions]
        with_seed = [number for number, axis in enumerate(self.axes) if any(one.path == SEED for one in axis.varied)]
        outer, inner = with_seed, [number for number in range(len(self.axes)) if number not in with_seed]
        n_outer, n_inner = (math.prod(lengths[number] for number in some) for some in (outer, inner))
        if with_seed:
            (values,) = (one.values for one in self.axes[with_seed[0]].varied if one.path == SEED)
            seeds = np.asarray(values, dtype=np.uint32)

        def locate(numbers: Int[np.ndarray, " k"]) -> Models:
            if independent_data:
                first, restart, second = np.unravel_index(numbers, (n_outer, self.restarts, n_inner))
            else:
                first, second, restart = np.unravel_index(numbers, (n_outer, n_inner, self.restarts))
            positions: list[Any] = [0] * len(self.axes)
            for some, flat in ((outer, first), (inner, second)):
                if some:
                    for number, index in zip(some, np.unravel_index(flat, [lengths[i] for i in some]), strict=True):
                        positions[number] = part.positions[number][index]
            cell = np.ravel_multi_index(positions, self.shape) if self.axes else np.zeros_like(numbers)
            low = seeds[positions[with_seed[0]]] if with_seed else np.full(len(numbers), self.seed, np.uint32)
            return Models(cell, np.stack([np.zeros_like(low), low], axis=-1), restart)

        if independent_data:
            return n_outer * self.restarts, n_inner, locate
        return n_outer, n_inner * self.restarts, locate

    def _validate_values(self, part: Part, number: int, one: Varied) -> None:
        """Put each of a numeric field's values alone into the part's first cell."""
        whole = list(_first_positions(part))
        for position in part.positions[number]:
            whole[number] = int(position)
            cell = replaced(part.cell, one.path, one.values[position])
            self._explained(cell, whole, lambda cell: _validate_numbers(cell, one.path))

    def _explained(self, cell: Cell, positions: Sequence[int], check: Callable[[Cell], None]) -> None:
        """Run a check, and tell where in the grid it failed."""
        try:
            check(cell)
        except (TypeError, ValueError) as error:
            number = int(np.ravel_multi_index(positions, self.shape)) if self.axes else 0
            place = ", ".join(f"{label} = {value}" for label, value in self.place(number).items())
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(f"{error} (in the cell with {place})" if place else str(error)) from error


def _validate_numbers(cell: Cell, path: Path) -> None:
    """Raise ValueError or TypeError for a bad number at `path` in a cell that was valid before."""
    if path[0] == "model":
        validate_model(cell.model)
    elif path[0] == "task":
        validate_task(cell.task)
    else:
        validate_recipe(cell.recipe)
        validate_hidden_l1(cell.model, cell.recipe)


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


Table = Callable[[Sequence[Int[np.ndarray, " k"]]], np.ndarray]


def _tables(part: Part, axes: Sequence[Axis]) -> dict[Path, Table]:
    """For each leaf that varies, the function from positions along the axes (k,) to its values (k, ...)."""
    leaves = leaf_numbers(part.cell)
    varied = [(number, one) for number, axis in enumerate(axes) for one in axis.varied if one.numeric]
    by_leaf: dict[Path, list[tuple[int, Varied]]] = {}
    for number, one in varied:
        path = one.path if one.path in leaves else one.path[:-1]
        if path not in leaves:
            raise ValueError(f"over varies {path_name(one.path)}, which is no number in all cells.")
        by_leaf.setdefault(path, []).append((number, one))
    return {path: _table(part, path, fields) for path, fields in by_leaf.items()}


def _table(part: Part, path: Path, fields: Sequence[tuple[int, Varied]]) -> Table:
    """The values of one leaf, whole or element by element."""
    default = np.asarray(value_at(part.cell, path))
    columns = []
    for number, one in fields:
        given = np.stack([np.asarray(one.values[position]) for position in part.positions[number]])
        column = np.zeros((int(part.positions[number].max()) + 1, *given.shape[1:]), given.dtype)
        column[part.positions[number]] = given
        element: tuple[Any, ...] = one.path[len(path) :]
        columns.append((number, element, column))
    dtype = to_array(np.zeros((), np.result_type(default.dtype, *(column.dtype for *_, column in columns)))).dtype

    def table(positions: Sequence[Int[np.ndarray, " k"]]) -> np.ndarray:
        values = np.broadcast_to(default, (len(positions[0]), *default.shape)).astype(dtype)
        for number, element, column in sorted(columns, key=lambda one: len(one[1])):
            values[(slice(None), *element)] = column[positions[number]]
        return values

    return table
