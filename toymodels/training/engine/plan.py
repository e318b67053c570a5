"""Plans: which models are to be trained, as arrays, and how they are cut into chunks.

A *cell* is one configuration. Cells that differ only in numbers are compiled alike: a *program*. A *model* is a cell
with a seed and a restart; the models of one seed see the same draws: a *stream*. So the models of a program are a box
of streams x cells x restarts, and a *chunk*, what is trained in one call, is a smaller box of it.
"""

import functools
import itertools
import math
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Int, UInt32

from toymodels.features.uniform import batch_of
from toymodels.models import activations
from toymodels.training.engine import step
from toymodels.training.engine.ask import Metrics
from toymodels.training.engine.cells import Cell, Code
from toymodels.training.engine.code import Alike
from toymodels.training.engine.drawn import draw, with_drawn
from toymodels.training.engine.keys import key_data_of, stream_keys
from toymodels.training.engine.levels import AtOnce
from toymodels.training.engine.machine import device_bytes, workers
from toymodels.training.engine.samples import is_mean_over_samples
from toymodels.training.engine.step import Inputs

GROUP_BYTES = 2**18  # one array of activations of the models that a core works on at once
SMALL_CACHE = 2**19  # bytes of a core's second-level cache, up to which a batch is cut into parts, and of which
PART_SHARE = 4  # one array of activations of a part is at most such a part. With 1 MiB, parts cost 5 % and gain nothing
SMALLEST_PART = 64  # samples
CHUNK_BYTES = 2**22  # the states of a chunk on a CPU
CHUNK_SECONDS = 1.0  # of work are worth a chunk of its own,
MODELS_PER_CHUNK = 8  # with so many models or more, which share the cost of the random draws,
CHUNKS = 256  # up to so many chunks, unless memory needs more
FLOPS = 5e10  # of one core, about


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
    return -(-program.example.recipe.steps // keep.history)


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


# --- Cutting -----------------------------------------------------------------------------------------------------


def cut(program: Program, shape: tuple[int, ...], keep: Keep, *, memory_bytes: int, threads: int | None = None) -> Cut:
    """Cut a program for `threads` threads, by default those of this machine, that together use about `memory_bytes` of
    the host's memory; of a GPU's own, half is used."""
    threads, cpu = threads or len(workers()), jax.local_devices()[0].platform == "cpu"
    one = inputs_of(program, shape, (0, 0, 0), (1, 1, 1))
    drawn, state = jax.eval_shape(lambda inputs: step.start(program.code, 1, inputs), one)
    recipe, (_, _, restarts) = program.example.recipe, program.box
    batch_size, array = _largest_array(Alike(program.example))
    count, per_cell = math.prod(program.box), _bytes(drawn) + sum(number.nbytes for number in one.own)
    per_model = _bytes(state) + (len(keep.snapshots) + 1) * _bytes(state.params)
    parts = 1
    if cpu:
        cache = cache_bytes()
        if cache <= SMALL_CACHE and array > cache and is_mean_over_samples(program.example):
            parts = _parts(batch_size, array, cache // PART_SHARE)
        largest_group = max(1, GROUP_BYTES // array)
        most = min(_within(memory_bytes // threads, restarts, per_model, per_cell), max(1, CHUNK_BYTES // per_model))
        work = 10 * batch_size * _bytes(state.params) / 4 + 30 * array / 4
        wanted = int(min(count * recipe.steps * work / FLOPS / CHUNK_SECONDS, CHUNKS, count / MODELS_PER_CHUNK))
    else:
        largest_group, wanted = count, 1
        most = _within(device_bytes(memory_bytes), restarts, per_model + 8 * array, per_cell)
    chunks = max(threads, wanted // threads * threads, -(-count // most))
    return _cut(program.box, -(-count // chunks), most, largest_group, parts, looped=cpu)


def _cut(box: tuple[int, int, int], target: int, most: int, largest_group: int, parts: int, *, looped: bool) -> Cut:
    """A chunk of about `target` models, and at most `most`, of which a core works on `largest_group` at once.

    Along an axis that is looped over, a chunk is filled up to a multiple of what is worked on at once. On a CPU there
    is always a loop: XLA computes what all models share before it, but within it once for each model.
    """
    streams, cells, restarts = box
    restarts = _even(restarts, target)
    cells = _even(cells, _about(target, most, restarts)) if restarts == box[2] else 1
    whole = cells == box[1] and restarts == box[2]
    streams = _even(streams, _about(target, most, restarts * cells)) if whole else 1
    restarts, each_restart = _loop(restarts, largest_group, at_least=2 if looped and cells == 1 else 1)
    whole = each_restart == restarts
    cells, each_cell = _loop(cells, largest_group // restarts if whole else 1, at_least=2 if looped else 1)
    whole = whole and each_cell == cells
    streams, each_stream = _loop(streams, largest_group // (restarts * cells) if whole else 1, at_least=1)
    return Cut(streams, cells, restarts, AtOnce(each_stream, each_cell, each_restart, parts))


def _about(target: int, most: int, size: int) -> int:
    """How many things of a size make about `target`: rounded up, so that there are no more chunks than wanted, where
    that is not more than `most`."""
    up = -(-target // size)
    return up if up * size <= most else target // size


def _loop(count: int, most: int, at_least: int) -> tuple[int, int]:
    """A count filled up to a multiple of how many are worked on at once, and that number."""
    passes = min(count, max(-(-count // max(1, most)), at_least))
    each = -(-count // passes)
    return each * -(-count // each), each


def _even(count: int, most: int) -> int:
    """The size of the largest of as few parts as `count` things need, with no part larger than `most`."""
    parts = -(-count // max(1, most))
    return -(-count // parts)


def _within(memory_bytes: int, restarts: int, per_model: int, per_cell: int) -> int:
    """How many models fit into memory, where the restarts of a cell share what is stored once per cell."""
    cells = memory_bytes // (restarts * per_model + per_cell)
    return cells * restarts if cells else max(1, (memory_bytes - per_cell) // per_model)


def _parts(batch_size: int, array: int, part_bytes: int) -> int:
    """Into how many equal parts to cut a batch, so that an array of one has `part_bytes` or nearly so."""
    parts = 1
    while array // parts > part_bytes and batch_size % (2 * parts) == 0 and batch_size // (2 * parts) >= SMALLEST_PART:
        parts *= 2
    return parts


@functools.lru_cache(maxsize=256)
def _largest_array(alike: Alike) -> tuple[int, int]:
    """The number of samples of a batch, and the bytes of the largest array of samples or activations of one model."""

    def arrays() -> Any:
        model, task, recipe = alike.value
        keys = stream_keys(*jnp.zeros((2, 2), jnp.uint32))
        task = with_drawn(task, keys, draw(task, keys))
        x = batch_of(task.features, keys.data, 0, recipe.batch_size)
        return x, task.wanted(x), activations(model(rngs=nnx.Rngs(0)), task.inputs(x))

    samples, wanted, named = jax.eval_shape(arrays)
    return jax.tree.leaves(samples)[0].shape[-1], max(map(_bytes, jax.tree.leaves((samples, wanted, named))))


@functools.cache
def cache_bytes() -> int:
    """Size of a core's second-level cache, 1 MiB where the machine does not tell."""
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cache/index2/size").read_text().strip()
        return int(text.removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 2**20


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
