"""How the models of a program are cut into chunks, and how much of a chunk a core works on at once.

1. How many models *may* a chunk have? On a CPU each thread has a chunk, and together their states must fit into memory;
   a chunk's own should stay near the core, too. A GPU has one chunk, which must fit into its memory.
2. How many *should* it have? Every thread needs a chunk, of equal size. More and smaller chunks are better than that
   (they are stored one by one, and threads end together) while each is worth a second of work.
3. Which models? A chunk is a box of streams x cells x restarts. Restarts come together first, since they share batches
   and targets; then cells, which share uniform draws; then streams, which share nothing.
4. How much of the box is worked on at once? As many models as have one array of activations in the core's cache. Over
   the rest the program loops.

None of this changes a number: only how long it takes.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import nnx

from toymodels import files
from toymodels.features.uniform import batch_of
from toymodels.models import activations
from toymodels.training.engine import step
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.code import Alike
from toymodels.training.engine.drawn import draw, with_drawn
from toymodels.training.engine.keys import stream_keys
from toymodels.training.engine.levels import AtOnce
from toymodels.training.engine.machine import device_bytes, workers
from toymodels.training.engine.plan import Cut, Keep, Program, inputs_of
from toymodels.training.engine.samples import is_mean_over_samples

GROUP_BYTES = 2**18  # one array of activations of the models that a core works on at once
SMALL_CACHE = 2**19  # bytes of a core's second-level cache, up to which a batch is cut into parts, and of which
PART_SHARE = 4  # one array of activations of a part is at most such a part. With 1 MiB, parts cost 5 % and gain nothing
SMALLEST_PART = 64  # samples
CHUNK_BYTES = 2**22  # the states of a chunk on a CPU
CHUNK_SECONDS = 1.0  # of work are worth a chunk of its own,
MODELS_PER_CHUNK = 8  # with so many models or more, which share the cost of the random draws,
CHUNKS = 256  # up to so many chunks, unless memory needs more
FLOPS = 5e10  # of one core, about

Box = tuple[int, int, int]
"""Numbers of streams, cells and restarts."""


class Sizes(NamedTuple):
    """Bytes of one model.

    Attributes:
        params: its parameters.
        model: everything that is kept of it: parameters, optimiser, loss history, snapshots.
        cell: what all restarts of its cell share: numbers, and data sets that are drawn.
        activations: the largest array of samples or activations.
    """

    params: int
    model: int
    cell: int
    activations: int


def cut(program: Program, shape: tuple[int, ...], keep: Keep, *, memory_bytes: int, threads: int | None = None) -> Cut:
    """Cut a program for `threads` threads, by default those of this machine, that together use about `memory_bytes` of
    the host's memory; of a GPU's own, half is used."""
    threads, count, sizes = threads or len(workers()), math.prod(program.box), _sizes(program, shape, keep)
    if jax.local_devices()[0].platform == "cpu":
        most = _within(memory_bytes // threads, program.box[2], sizes.model, sizes.cell)
        most = min(most, max(1, CHUNK_BYTES // sizes.model))
        worthwhile = _worthwhile_chunks(program, sizes) // threads * threads
        group, parts, looped = max(1, GROUP_BYTES // sizes.activations), _parts_of_a_batch(program, sizes), True
    else:
        most = _within(device_bytes(memory_bytes), program.box[2], sizes.model + 8 * sizes.activations, sizes.cell)
        worthwhile, group, parts, looped = 1, count, 1, False
    chunks = max(threads, worthwhile, -(-count // most))
    chunk, at_once = _boxes(program.box, -(-count // chunks), most, group, looped=looped)
    return Cut(*chunk, AtOnce(*at_once, parts))


def _worthwhile_chunks(program: Program, sizes: Sizes) -> int:
    """Into how many chunks to cut so that each is about `CHUNK_SECONDS` of work, within reason."""
    recipe, count = program.example.recipe, math.prod(program.box)
    flops_per_step = 10 * recipe.batch_size * sizes.params / 4 + 30 * sizes.activations / 4
    seconds = count * recipe.steps * flops_per_step / FLOPS
    return int(min(seconds / CHUNK_SECONDS, CHUNKS, count / MODELS_PER_CHUNK))


def _within(memory_bytes: int, restarts: int, per_model: int, per_cell: int) -> int:
    """How many models fit into memory, where the restarts of a cell share what is stored once per cell."""
    cells = memory_bytes // (restarts * per_model + per_cell)
    return cells * restarts if cells else max(1, (memory_bytes - per_cell) // per_model)


# --- Which models ------------------------------------------------------------------------------------------------


def _boxes(box: Box, target: int, most: int, group: int, *, looped: bool) -> tuple[Box, Box]:
    """The box of a chunk of about `target` models, at most `most`, and of those that a core works on at once: `group`
    of them or fewer.

    The larger is a multiple of the smaller along each axis: what is missing is filled up. With `looped` there are two
    passes or more over cells, or over the restarts of a single cell: XLA computes what all models share once, before a
    loop, but within it, or without it, once for each model.
    """
    streams, cells, restarts = _chunk_box(box, target, most)
    restarts, restarts_at_once = _passes(restarts, group, at_least=2 if looped and cells == 1 else 1)
    whole = restarts_at_once == restarts
    cells, cells_at_once = _passes(cells, group // restarts if whole else 1, at_least=2 if looped else 1)
    whole = whole and cells_at_once == cells
    streams, streams_at_once = _passes(streams, group // (restarts * cells) if whole else 1, at_least=1)
    return (streams, cells, restarts), (streams_at_once, cells_at_once, restarts_at_once)


def _chunk_box(box: Box, target: int, most: int) -> Box:
    """Of about `target` models, at most `most`: some restarts of a cell, or some cells with all their restarts, or some
    streams with all their cells."""
    all_streams, all_cells, all_restarts = box
    restarts = _even(all_restarts, target)
    if restarts < all_restarts:
        return 1, 1, restarts
    cells = _even(all_cells, _about(target, most, restarts))
    if cells < all_cells:
        return 1, cells, restarts
    return _even(all_streams, _about(target, most, restarts * cells)), cells, restarts


def _about(target: int, most: int, size: int) -> int:
    """How many things of a size make about `target`: rounded up, so that there are no more chunks than wanted, where
    that is not more than `most`."""
    up = -(-target // size)
    return up if up * size <= most else target // size


def _passes(count: int, most: int, at_least: int) -> tuple[int, int]:
    """`count` things in equal passes, at least so many, of at most `most` things each: the count, filled up to a
    multiple of what a pass has, and that number."""
    passes = min(count, max(-(-count // max(1, most)), at_least))
    each = -(-count // passes)
    return each * -(-count // each), each


def _even(count: int, most: int) -> int:
    """The size of the largest of as few parts as `count` things need, with no part larger than `most`."""
    parts = -(-count // max(1, most))
    return -(-count // parts)


# --- Sizes -------------------------------------------------------------------------------------------------------


def _sizes(program: Program, shape: tuple[int, ...], keep: Keep) -> Sizes:
    one = inputs_of(program, shape, (0, 0, 0), (1, 1, 1))
    drawn, state = jax.eval_shape(lambda inputs: step.start(program.code, 1, inputs), one)
    params = _bytes(state.params)
    return Sizes(
        params=params,
        model=_bytes(state) + (len(keep.snapshots) + 1) * params,
        cell=_bytes(drawn) + sum(number.nbytes for number in one.own),
        activations=_largest_array(Alike(program.example)),
    )


def _parts_of_a_batch(program: Program, sizes: Sizes) -> int:
    """Into how many equal parts to cut a batch, so that an array of activations of a part stays in a small cache."""
    cache = cache_bytes()
    if cache > SMALL_CACHE or sizes.activations <= cache or not is_mean_over_samples(program.example):
        return 1
    parts, batch_size = 1, _samples_of_a_batch(Alike(program.example))
    while (
        sizes.activations // parts > cache // PART_SHARE
        and batch_size % (2 * parts) == 0
        and batch_size // (2 * parts) >= SMALLEST_PART
    ):
        parts *= 2
    return parts


@functools.lru_cache(maxsize=256)
def _largest_array(alike: Alike) -> int:
    """The bytes of the largest array of samples, of what is wanted for them, or of activations of one model."""

    def arrays() -> Any:
        model, task, _ = alike.value
        x = _batch(alike.value)
        return x, task.wanted(x), activations(model(rngs=nnx.Rngs(0)), task.inputs(x))

    return max(map(_bytes, jax.tree.leaves(jax.eval_shape(arrays))))


def _samples_of_a_batch(alike: Alike) -> int:
    """Not always the recipe's batch size: a full batch has as many as there are."""
    return int(jax.tree.leaves(jax.eval_shape(lambda: _batch(alike.value)))[0].shape[-1])


def _batch(cell: Cell) -> Any:
    keys = stream_keys(*jnp.zeros((2, 2), jnp.uint32))
    task = with_drawn(cell.task, keys, draw(cell.task, keys))
    return batch_of(task.features, keys.data, 0, cell.recipe.batch_size)


@functools.cache
def cache_bytes() -> int:
    """Size of a core's second-level cache, 1 MiB where the machine does not tell."""
    try:
        text = files.read_text("/sys/devices/system/cpu/cpu0/cache/index2/size").strip()
        return int(text.removesuffix("K")) * 1024
    except (OSError, ValueError):
        return 2**20


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))
