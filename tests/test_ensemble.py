"""Cells taken apart and put together again, and the chunks of an ensemble."""

from functools import partial
from typing import Any

import jax
import numpy as np
import pytest

import toymodels as tm
from toymodels.training.ensemble import Cell, Chunk, Ensemble, Models, assemble, is_numeric, separate, to_array

CELL = Cell(tm.Autoencoder(3, 2), tm.Task(tm.Independent(3, 0.1), (1, 2, 3)), 0.5)
DENSITY, RATE = 0, 4  # numbers of leaves; between them are the importances


def test_a_cell_alone_shares_everything():
    structure, shared = separate(CELL)
    assert [array.tolist() for array in shared] == [np.float32(0.1), 1, 2, 3, 0.5]
    assert assemble(structure, shared, ()) == CELL._replace(task=tm.Task(tm.Independent(3, shared[0]), (1, 2, 3)))


def test_leaves_of_their_own_are_put_in_their_places():
    structure, shared = separate(CELL, [RATE, DENSITY])
    assert [array.tolist() for array in shared] == [1, 2, 3]
    model, task, rate = assemble(structure, shared, ["the rate", "the density"])
    assert model == CELL.model
    assert rate == "the rate"
    assert task.features == tm.Independent(3, "the density")
    assert task.importance == (1, 2, 3)


def test_functions_are_part_of_the_structure():
    model = partial(max, 3)
    structure, shared = separate((model, 0.5))
    assert assemble(structure, shared, ()) == (model, 0.5)
    assert structure != separate((min, 0.5))[0]


def test_the_structure_does_not_depend_on_numbers():
    other = Cell(CELL.model, tm.Task(tm.Independent(3, np.array([0.1, 0.2, 0.3])), (4, 5, 6)), 0.25)
    for own in [(), (DENSITY,), (RATE, DENSITY)]:
        one, two = separate(CELL, own)[0], separate(other, own)[0]
        assert one == two
        assert hash(one) == hash(two)


@pytest.mark.parametrize(
    "other", [CELL._replace(model=tm.Autoencoder(3, 1)), CELL._replace(model=tm.Autoencoder(3, 2, tied=False))]
)
def test_the_structure_depends_on_static_fields(other: Cell):
    assert separate(CELL)[0] != separate(other)[0]


def test_the_structure_depends_on_what_cells_have_for_themselves():
    structures = [separate(CELL, own)[0] for own in ((), (DENSITY,), (RATE,), (RATE, DENSITY), (DENSITY, RATE))]
    assert len(set(structures)) == 5


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (True, "bool"),
        (3, "int64"),
        (np.int8(3), "int8"),
        (0.5, "float32"),
        (np.ones(2), "float32"),
        (np.nan, "float32"),
    ],
)
def test_numbers_become_arrays_and_whole_numbers_keep_their_type(value: Any, dtype: str):
    assert is_numeric(value)
    assert to_array(value).dtype == dtype
    np.testing.assert_array_equal(to_array(value), value)


@pytest.mark.parametrize("value", ["0.5", None, max, (1, 2), tm.Geometric(0.5)])
def test_what_is_no_number(value: Any):
    assert not is_numeric(value)


# --- Chunks ------------------------------------------------------------------------------------------------------

SEEDS = np.array([7, 11, 13])
RATES = np.array([0.5, 0.25], np.float32)


def locate(numbers: np.ndarray) -> Models:
    """Three seeds, which are the streams, with two cells of two restarts each."""
    seed, cell, restart = np.unravel_index(numbers, (3, 2, 2))
    return Models(cell, np.stack([0 * seed, SEEDS[seed]], axis=-1).astype(np.uint32), restart)


def ensemble(independent_data: bool = False) -> Ensemble:
    structure, shared = separate(CELL, [RATE])
    return Ensemble(structure, shared, lambda cells: (RATES[cells],), 3, 4, locate, independent_data)


def keys(seed: int) -> list[jax.Array]:
    """Of initial weights, data and evaluation."""
    return list(jax.random.split(jax.random.key(seed), 3))


def assert_keys(chunk: Chunk, models: list[tuple[int, int]], streams: list[int]) -> None:
    """The chunk's models have these (seed, restart), and its streams these seeds."""
    init = [jax.random.fold_in(keys(seed)[0], restart) for seed, restart in models]
    for got, wanted in [
        (chunk.keys.init, init),
        (chunk.keys.data, [keys(seed)[1] for seed in streams]),
        (chunk.keys.evaluation, [keys(seed)[2] for seed in streams]),
    ]:
        np.testing.assert_array_equal(got, [jax.random.key_data(key) for key in wanted])


def test_a_chunk_has_neighbouring_models_of_neighbouring_streams():
    chunk, rows, numbers = ensemble().chunk(1, 1, 2, 2)
    assert rows.tolist() == [0, 1, 2, 3]
    assert numbers.tolist() == [5, 6, 9, 10]
    assert chunk.own[0].tolist() == [0.5, 0.25, 0.5, 0.25]
    assert_keys(chunk, [(11, 1), (11, 0), (13, 1), (13, 0)], [11, 13])
    assert len(chunk.shared) == 4


def test_the_last_models_and_streams_fill_a_chunk():
    chunk, rows, numbers = ensemble().chunk(2, 3, 2, 3)
    assert rows.tolist() == [0]
    assert numbers.tolist() == [11]
    assert chunk.own[0].tolist() == [0.25] * 6
    assert_keys(chunk, [(13, 1)] * 6, [13, 13])


def test_filling_stands_after_the_models_of_each_stream():
    _, rows, numbers = ensemble().chunk(0, 2, 2, 3)
    assert rows.tolist() == [0, 1, 3, 4]
    assert numbers.tolist() == [2, 3, 6, 7]


def test_with_independent_data_the_samples_depend_on_the_restart():
    common, _, _ = ensemble().chunk(0, 0, 3, 1)
    apart, _, _ = ensemble(independent_data=True).chunk(0, 0, 3, 1)
    data = [jax.random.key_data(jax.random.fold_in(keys(seed)[1], 0)) for seed in SEEDS]
    np.testing.assert_array_equal(apart.keys.data, data)
    assert (apart.keys.data != common.keys.data).any(axis=1).all()
    np.testing.assert_array_equal(apart.keys.init, common.keys.init)
    np.testing.assert_array_equal(apart.keys.evaluation, common.keys.evaluation)
