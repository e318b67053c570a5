"""Ensembles: many configurations of one structure in one compiled program.

A *cell* is one configuration (model, task, recipe). What all cells share is given to the program once, what differs is
given as arrays with a leading axis, and `assemble` puts one cell together again inside the program.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Int, UInt32

Arrays = tuple[Array | np.ndarray, ...]
KeyData = UInt32[Array | np.ndarray, "*k 2"]


class Cell(NamedTuple):
    """One configuration: what to train, on what, and how."""

    model: Any
    task: Any
    recipe: Any


class Leaf(NamedTuple):
    """Where a leaf of the pytree is found: `place` is "shared" or "own" with an index, or "static" with its value."""

    place: str
    value: Any


class Structure(NamedTuple):
    """What is the same for every cell and is part of the compiled program. Hashable."""

    treedef: Any
    leaves: tuple[Leaf, ...]


class Keys(NamedTuple):
    """Raw threefry keys: of the initial weights, one a model (k, 2), and of the samples, one a stream (s, 2)."""

    init: KeyData
    data: KeyData
    evaluation: KeyData


class Chunk(NamedTuple):
    """Models that are trained together.

    Attributes:
        shared: arrays that all models share.
        own: arrays (k, ...), one row a model.
        keys: where random numbers come from.
    """

    shared: Arrays
    own: Arrays
    keys: Keys


class Models(NamedTuple):
    """Which cell, with which random numbers, each of k models is.

    Attributes:
        cell: number of the cell (k,).
        seed: raw threefry key (k, 2).
        restart: number of the initialisation (k,).
    """

    cell: Int[np.ndarray, " k"]
    seed: UInt32[np.ndarray, "k 2"]
    restart: Int[np.ndarray, " k"]


class Ensemble(NamedTuple):
    """All models of one structure, numbered so that those which see the same random draws, a *stream*, are neighbours.

    Attributes:
        structure: the static part.
        shared: arrays that all cells have in common.
        own: numbers of cells (k,) -> their own arrays, each (k, ...).
        streams: number of streams.
        models: number of models of each stream.
        locate: numbers of models, from 0 to streams * models - 1 -> what they are.
        independent_data: whether each restart has samples of its own, and not only each seed.
    """

    structure: Structure
    shared: tuple[np.ndarray, ...]
    own: Callable[[Int[np.ndarray, " k"]], tuple[np.ndarray, ...]]
    streams: int
    models: int
    locate: Callable[[Int[np.ndarray, " k"]], Models]
    independent_data: bool

    def chunk(self, stream: int, model: int, streams: int, models: int) -> tuple[Chunk, np.ndarray, np.ndarray]:
        """The input of the compiled programs for some neighbouring streams, and neighbouring models of each.

        Where there are fewer, the last one fills the chunk. Returned with it are the rows of the chunk that are no
        filling, and the numbers of the models in these rows.
        """
        of_streams, of_models = stream + np.arange(streams), model + np.arange(models)
        real = ((of_streams < self.streams)[:, None] & (of_models < self.models)).ravel()
        first = np.minimum(of_streams, self.streams - 1) * self.models
        numbers = (first[:, None] + np.minimum(of_models, self.models - 1)).ravel()
        which, samples = self.locate(numbers), self.locate(first)
        restart = samples.restart if self.independent_data else None
        keys = Keys(*map(np.asarray, _derive_keys(which.seed, which.restart, samples.seed, restart)))
        return Chunk(self.shared, self.own(which.cell), keys), np.flatnonzero(real), numbers[real]


def separate(cell: Any, own: Sequence[int] = ()) -> tuple[Structure, tuple[np.ndarray, ...]]:
    """The structure of a cell, and the arrays that all cells share.

    Args:
        cell: any pytree.
        own: numbers, in the order of `jax.tree.leaves(cell)`, of the leaves that every cell has for itself.
    """
    values, treedef = jax.tree.flatten(cell)
    leaves: list[Leaf] = []
    shared: list[np.ndarray] = []
    for number, value in enumerate(values):
        if number in own:
            leaves.append(Leaf("own", list(own).index(number)))
        elif is_numeric(value):
            leaves.append(Leaf("shared", len(shared)))
            shared.append(to_array(value))
        else:
            leaves.append(Leaf("static", value))
    return Structure(treedef, tuple(leaves)), tuple(shared)


def assemble(structure: Structure, shared: Sequence[Any], own: Sequence[Any]) -> Any:
    """One cell, from the shared arrays and its own."""
    places = {"shared": shared, "own": own}
    leaves = [leaf.value if leaf.place == "static" else places[leaf.place][leaf.value] for leaf in structure.leaves]
    return jax.tree.unflatten(structure.treedef, leaves)


@jax.jit
def _derive_keys(
    seed: UInt32[Array, "k 2"], restart: Int[Array, " k"], of_streams: UInt32[Array, "s 2"], samples: Any
) -> tuple[Array, Array, Array]:
    """Raw keys of the initial weights of each model, and of the samples and the evaluation of each stream.

    Args:
        seed: of each model.
        restart: of each model.
        of_streams: the seed of each stream.
        samples: the restart (s,) whose samples a stream has, or None where all restarts have the same.
    """

    def split(seed: Array) -> Array:
        return jax.random.split(jax.random.wrap_key_data(seed, impl="threefry2x32"), 3)

    init = jax.vmap(lambda seed, restart: jax.random.fold_in(split(seed)[0], restart))(seed, restart)
    _, data, evaluation = jax.vmap(split, out_axes=1)(of_streams)
    if samples is not None:
        data = jax.vmap(jax.random.fold_in)(data, samples)
    return jax.random.key_data(init), jax.random.key_data(data), jax.random.key_data(evaluation)


def is_numeric(value: Any) -> bool:
    """Whether a leaf is a number or an array."""
    return isinstance(value, bool | int | float | np.ndarray | np.generic | jax.Array)


def to_array(value: Any) -> np.ndarray:
    """The array that stands for a number in a compiled program: single precision."""
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array
