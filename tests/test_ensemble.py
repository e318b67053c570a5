"""Cells of one structure, stacked and put together again."""

from functools import partial

import jax
import numpy as np
import pytest

import toymodels as tm
from toymodels.training.ensemble import assemble, stack

CELLS = [
    (tm.Autoencoder(3, 2), tm.Task(tm.Independent(3, density), (1, 2, 3)), rate)
    for density, rate in [(0.1, 0.5), (np.array([0.1, 0.2, 0.3]), 0.25)]
]


def assembled(cells: list, number: int) -> tuple:
    ensemble = stack(cells)
    return assemble(ensemble.structure, ensemble.shared, [array[number] for array in ensemble.own])


def test_what_all_cells_share_is_stored_once_and_what_differs_is_stacked():
    ensemble = stack(CELLS)
    assert [array.tolist() for array in ensemble.shared] == [1, 2, 3]
    density, rate = ensemble.own
    np.testing.assert_allclose(density, [[0.1, 0.1, 0.1], [0.1, 0.2, 0.3]])
    np.testing.assert_allclose(rate, [0.5, 0.25])
    assert density.dtype == np.float32


@pytest.mark.parametrize("number", [0, 1])
def test_assembling_gives_the_cell_back(number: int):
    model, task, rate = assembled(CELLS, number)
    wanted_model, wanted_task, wanted_rate = CELLS[number]
    assert model == wanted_model
    assert rate == wanted_rate
    np.testing.assert_allclose(task.features.density, np.broadcast_to(wanted_task.features.density, 3))
    np.testing.assert_array_equal(task.importance, wanted_task.importance)


def test_a_cell_alone_shares_everything():
    ensemble = stack(CELLS[:1])
    assert ensemble.own == ()
    assert len(ensemble.shared) == 5


def test_functions_are_part_of_the_structure():
    model = partial(max, 3)
    ensemble = stack([(model, 0.5), (model, 0.25)])
    assert assemble(ensemble.structure, ensemble.shared, [array[1] for array in ensemble.own]) == (model, 0.25)
    with pytest.raises(ValueError, match="must have the same functions"):
        stack([(model, 0.5), (min, 0.5)])


def test_the_structure_does_not_depend_on_numbers():
    other = [(model, task, 2 * rate) for model, task, rate in CELLS]
    assert stack(other).structure == stack(CELLS).structure
    assert hash(stack(other).structure) == hash(stack(CELLS).structure)


def test_cells_of_other_structure_are_refused():
    with pytest.raises(ValueError, match="Number 1 differs"):
        stack([CELLS[0], (tm.Autoencoder(3, 1), *CELLS[0][1:])])


def test_nan_equals_nan_and_whole_numbers_keep_their_type():
    ensemble = stack([(np.nan, 3, 2), (np.nan, 3, 1)])
    assert np.isnan(ensemble.shared[0])
    assert [array.dtype.kind for array in (*ensemble.shared, *ensemble.own)] == ["f", "i", "i"]
    assert jax.tree.leaves(assemble(ensemble.structure, ensemble.shared, [5]))[1:] == [3, 5]
