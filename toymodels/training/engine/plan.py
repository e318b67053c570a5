"""Plans: which models are to be trained, as arrays.

A *cell* is one configuration. Cells that differ only in numbers are compiled alike: a *program*. A *model* is a cell
with a seed and a restart; the models of one seed see the same draws: a *stream*. So the models of a program are a box
of streams x cells x restarts, and a *chunk*, what is trained in one call, is a smaller box of it (see `cutting`).

How models are numbered. The cells of a whole grid have numbers 0, 1, 2, ... in the order of its axes, the last one
fastest, whatever program they belong to; a model's number is cell * restarts + restart. By this number results find
their place. Within a program, `Program.cell` says which cell of the grid stands at (stream, cell) of its box: a program
has some positions of each axis, and where "seed" is an axis, its positions are the streams.

>>> grid = np.arange(6).reshape(2, 3)  # two densities by three seeds: the density is the slow axis
>>> grid.T.tolist()  # `Program.cell`: a row per stream, which is a seed
[[0, 3], [1, 4], [2, 5]]
"""

import itertools
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Int, UInt32

from toymodels.training.engine.ask import Metrics
from toymodels.training.engine.cells import Cell, Code
from toymodels.training.engine.keys import key_data_of
from toymodels.training.engine.levels import AtOnce
from toymodels.training.engine.step import Inputs


class Keep(NamedTuple):
    """What is computed and kept of every model.

    Attributes:
        metrics: names and functions.
        history: number of entries of the loss history, at most.
        snapshots: ascending numbers of steps after which parameters are kept.
    """

    metrics: Metrics = ()
    history: int = 1
    snapshots: tuple[int, ...] = ()


class Column(NamedTuple):
    """What one axis of a grid says of one number of a cell.

    Attributes:
        leaf: which of the program's own numbers.
        element: the index of an element of it, () for the whole.
        axis: number of the axis.
        values: the value at each position of the axis (positions, ...).
    """

    leaf: int
    element: tuple[Any, ...]
    axis: int
    values: np.ndarray


class Program(NamedTuple):
    """Models that are compiled alike: a box of streams x cells x restarts.

    Attributes:
        example: the first cell, for what all have in common.
        code: of all cells.
        shared: numbers that all cells share.
        own: for each number that differs from cell to cell, what it is in the first one.
        columns: what it is in the others.
        cell: number of each cell in the grid (streams, cells).
        seed: threefry key data of each stream (streams, 2).
        restart: number of each initialisation (streams, restarts).
        start: given parameters and other state by name, (cells of the grid or 1, restarts or 1, ...).
    """

    example: Cell
    code: Code
    shared: tuple[np.ndarray, ...]
    own: tuple[np.ndarray, ...]
    columns: tuple[Column, ...]
    cell: Int[np.ndarray, "streams cells"]
    seed: UInt32[np.ndarray, "streams 2"]
    restart: Int[np.ndarray, "streams restarts"]
    start: dict[str, np.ndarray]

    @property
    def box(self) -> tuple[int, int, int]:
        """Numbers of streams, cells and restarts."""
        return (*self.cell.shape, self.restart.shape[1])


class Cut(NamedTuple):
    """How a program's models are cut: the box of a chunk, and how much of it a core works on at once."""

    streams: int
    cells: int
    restarts: int
    at_once: AtOnce

    @property
    def box(self) -> tuple[int, int, int]:
        """Numbers of streams, cells and restarts of a chunk."""
        return self.streams, self.cells, self.restarts


class Chunk(NamedTuple):
    """Models that are trained in one call: the number of their program, and where their box begins in its own."""

    program: int
    first: tuple[int, int, int]


class Plan(NamedTuple):
    """Everything that is to be trained.

    Attributes:
        shape: of the grid of cells.
        restarts: initialisations of each cell.
        programs: all models.
        keep: what is kept of them.
        cuts: how each program is cut.
    """

    shape: tuple[int, ...]
    restarts: int
    programs: tuple[Program, ...]
    keep: Keep
    cuts: tuple[Cut, ...]

    def chunks(self) -> list[Chunk]:
        """All chunks; the programs take turns, so that several can be compiled at once."""
        of_programs = [
            [
                Chunk(number, (stream, cell, restart))
                for stream, cell, restart in itertools.product(
                    *(range(0, end, size) for end, size in zip(program.box, cut.box, strict=True))
                )
            ]
            for number, (program, cut) in enumerate(zip(self.programs, self.cuts, strict=True))
        ]
        turns = itertools.zip_longest(*of_programs)
        return [chunk for turn in turns for chunk in turn if chunk is not None]

    def models(self, chunk: Chunk) -> tuple[Int[np.ndarray, " k"], Int[np.ndarray, " k"]]:
        """The rows of a chunk's results that are models, and the number of each: cell * restarts + restart.

        A chunk at the edge of its program's box is filled up with repetitions.
        """
        program, cut = self.programs[chunk.program], self.cuts[chunk.program]
        streams, cells, restarts = _places(program.box, cut.box, chunk.first)
        real = np.ones((1, 1, 1), dtype=bool)
        for axis, (first, size, end) in enumerate(zip(chunk.first, cut.box, program.box, strict=True)):
            real = real & np.expand_dims(first + np.arange(size) < end, tuple({0, 1, 2} - {axis}))
        cell, restart = program.cell[np.ix_(streams, cells)], program.restart[np.ix_(streams, restarts)]
        number = cell[:, :, None] * self.restarts + restart[:, None, :]
        rows = np.flatnonzero(real)
        return rows, number.ravel()[rows]

    def inputs(self, chunk: Chunk) -> Inputs:
        """A chunk as the compiled programs take it."""
        return inputs_of(self.programs[chunk.program], self.shape, chunk.first, self.cuts[chunk.program].box)


def inputs_of(
    program: Program, shape: tuple[int, ...], first: tuple[int, int, int], box: tuple[int, int, int]
) -> Inputs:
    """The arrays of some neighbouring models of a program. Where there are fewer, the last ones are repeated."""
    streams, cells, restarts = _places(program.box, box, first)
    cell = program.cell[np.ix_(streams, cells)]
    restart = program.restart[np.ix_(streams, restarts)]
    start = {
        name: value[
            cell[:, :, None] if len(value) > 1 else np.zeros_like(cell)[:, :, None],
            restart[:, None, :] if value.shape[1] > 1 else np.zeros_like(restart)[:, None, :],
        ]
        for name, value in program.start.items()
    }
    keys = key_data_of(program.seed[streams], restart, program.example.recipe.independent_data)
    return Inputs(cell, program.shared, _own_numbers(program, shape, cell), keys, start)


def _own_numbers(program: Program, shape: tuple[int, ...], cell: Int[np.ndarray, "s c"]) -> tuple[np.ndarray, ...]:
    """The numbers in which cells differ, each (s, c, ...): of whole arrays first, then of elements."""
    positions = np.unravel_index(cell, shape) if shape else ()
    own = [np.broadcast_to(one, (*cell.shape, *one.shape)).copy() for one in program.own]
    for column in sorted(program.columns, key=lambda column: len(column.element)):
        element: tuple[Any, ...] = (slice(None), slice(None), *column.element)
        own[column.leaf][element] = column.values[positions[column.axis]]
    return tuple(own)


def _places(box: tuple[int, ...], size: tuple[int, ...], first: tuple[int, ...]) -> list[Int[np.ndarray, " places"]]:
    """Along each axis of a box, the places of a smaller one, the last of which are repeated at the edge."""
    return [np.minimum(start + np.arange(many), end - 1) for start, many, end in zip(first, size, box, strict=True)]


def steps_per_entry(program: Program, keep: Keep) -> int:
    """How many steps an entry of the loss history is the mean of."""
    return max(1, -(-program.example.recipe.steps // keep.history))


def history_steps(program: Program, keep: Keep) -> Int[np.ndarray, " entries"]:
    """The number of steps taken at the end of each entry of the loss history."""
    stretch, steps = steps_per_entry(program, keep), program.example.recipe.steps
    return np.minimum(np.arange(stretch, steps + stretch, stretch), steps)


def streams(
    cell: Int[np.ndarray, "seeds cells"], seed: UInt32[np.ndarray, "seeds 2"], restarts: int, independent_data: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`cell`, `seed` and `restart` of a program whose cells are trained with several seeds. The restarts of a seed see
    the same draws, unless the data are independent: then each is a stream of its own."""
    number = np.arange(restarts)
    if independent_data:
        each = np.tile(number, len(seed))[:, None]
        return np.repeat(cell, restarts, axis=0), np.repeat(seed, restarts, axis=0), each
    return cell, seed, np.broadcast_to(number, (len(seed), restarts))
