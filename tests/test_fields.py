"""Fields by name: what a name means, and cells with something else in a field's place."""

import collections
import dataclasses
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels.specifications import with_fields
from toymodels.sweeps.fields import Field, find, leaf_numbers, path_name, replaced, value_at
from toymodels.training.engine.cells import Cell

MODEL = tm.Autoencoder(n_features=5, n_hidden=2)
INDEPENDENT = tm.Independent(5, np.array([0.1, 0.2, 0.3, 0.4, 0.5]))
CELL = Cell(MODEL, tm.Task(INDEPENDENT, importance=(1.0, 0.9, 0.8, 0.7, 0.6)), tm.Recipe(learning_rate=0.03))
PARTS = CELL._replace(
    task=tm.Task(tm.Concatenated((tm.Independent(2, 0.1), tm.CorrelatedSets(((0, 1), (2,)), np.array([0.3, 0.4])))))
)


def cell(features: Any = INDEPENDENT, importance: Any = 1.0, model: Any = MODEL) -> Cell:
    return Cell(model, tm.Task(features, importance), CELL.recipe)


class OwnModel(nnx.Module):
    """Only for its name: `partial(OwnModel, 5, width=3)` is a model."""


@tm.specification
class Pair:
    """A user's own distribution that holds another one, numbers by name, and a static field."""

    inner: Any
    scales: Any
    turns: int = tm.static(default=1)

    def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
        return self.inner.sample(key, batch_size)


# --- What a name means -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "full", "static", "value"),
    [
        ("density", "task.features.density", False, INDEPENDENT.density),
        ("features.density", "task.features.density", False, INDEPENDENT.density),
        ("task.features.density", "task.features.density", False, INDEPENDENT.density),
        ("values", "task.features.values", True, tm.UNIFORM),
        ("features", "task.features", False, INDEPENDENT),
        ("importance", "task.importance", False, CELL.task.importance),
        ("target", "task.target", False, tm.identity),
        ("learning_rate", "recipe.learning_rate", False, 0.03),
        ("recipe.steps", "recipe.steps", True, CELL.recipe.steps),
        ("optimizer", "recipe.optimizer", False, CELL.recipe.optimizer),
        ("n_hidden", "model.n_hidden", True, 2),
        ("model", "model", False, MODEL),
        ("recipe", "recipe", False, CELL.recipe),
    ],
)
def test_the_end_of_a_path_will_do(name: str, full: str, static: bool, value: Any):
    field = find(CELL, name)
    assert path_name(field.path) == full
    assert field.static is static
    assert field.value is value


@pytest.mark.parametrize("name", ["nsity", "eatures.density", "task.density", "features.density.", ".density", "cell"])
def test_other_ends_and_gaps_will_not_do(name: str):
    with pytest.raises(ValueError, match=f"over names {name!r}, which is not a field"):
        find(CELL, name)


def test_an_ambiguous_name_is_refused_with_the_full_names_and_a_way_to_move_them_together():
    with pytest.raises(ValueError, match="over names 'n_features', which could be") as caught:
        find(CELL, "n_features")
    message = str(caught.value)
    assert "could be model.n_features or task.features.n_features. " in message
    assert "over={'n_features': {'model.n_features': [...], 'task.features.n_features': [...]}}" in message
    assert find(CELL, "model.n_features").path == ("model", "n_features")
    assert find(CELL, "features.n_features").path == ("task", "features", "n_features")


def test_a_full_name_wins_over_an_end_that_is_the_same():
    """`model` is the whole model, though a field of the features is called so too."""

    @tm.specification
    class Named:
        n_features: int = tm.static()
        model: float = 0.5

    both = CELL._replace(task=with_fields(CELL.task, features=Named(5)))
    assert find(both, "model").value is MODEL
    assert find(both, "features.model").value == 0.5


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("densty", "Did you mean density"),
        ("lerning_rate", "Did you mean learning_rate"),
        ("features.desnity", "features.density"),
        ("nhidden", "n_hidden"),
        ("xyzzy", "There are: "),
    ],
)
def test_an_unknown_name_is_answered_with_near_matches(name: str, wanted: str):
    with pytest.raises(ValueError, match=f"over names {name!r}, which is not a field") as caught:
        find(CELL, name)
    assert wanted in str(caught.value)


@pytest.mark.parametrize("name", ["", " density", "density ", "density[", "density[-1]", "density[1.0]", "a b", "[0]"])
def test_what_is_no_name(name: str):
    with pytest.raises(ValueError, match="which is not a field"):
        find(CELL, name)


# --- Elements and parts ------------------------------------------------------------------------------------------


def test_elements_of_arrays_and_of_lists_of_numbers():
    assert find(CELL, "density[4]") == Field(("task", "features", "density", 4), False, 0.5)
    assert find(CELL, "task.features.density[0]").value == 0.1
    assert find(CELL, "importance[1]") == Field(("task", "importance", 1), False, 0.9)
    assert find(cell(importance=[3, 4, 5, 6, 7]), "importance[2]").value == 5
    assert find(cell(importance=jnp.arange(5.0)), "importance[3]").value == 3


def test_an_element_of_an_array_of_two_axes_is_a_row():
    samples = np.arange(10.0).reshape(5, 2)
    assert find(cell(tm.Dataset(samples)), "samples[3]").value.tolist() == [6, 7]


@pytest.mark.parametrize("name", ["density[5]", "importance[99]"])
def test_an_element_beyond_the_end(name: str):
    with pytest.raises(ValueError, match="has only 5 elements"):
        find(CELL, name)


@pytest.mark.parametrize("name", ["learning_rate[0]", "n_hidden[0]", "target[1]", "features[0]"])
def test_an_element_of_what_is_no_array(name: str):
    with pytest.raises(ValueError, match=r"is not an array\. Got "):
        find(CELL, name)


def test_parts_are_numbered():
    assert path_name(find(PARTS, "parts[0].density").path) == "task.features.parts[0].density"
    assert find(PARTS, "parts[0].density").value == 0.1
    assert find(PARTS, "parts[1].density[1]").value == 0.4
    assert find(PARTS, "parts[1].sets").static
    assert find(PARTS, "parts[1]").value is PARTS.task.features.parts[1]
    with pytest.raises(ValueError, match=r"parts\[0\]\.density or task\.features\.parts\[1\]\.density"):
        find(PARTS, "density")
    with pytest.raises(ValueError, match=r"'parts\[2\].density', which is not a field. Did you mean parts\["):
        find(PARTS, "parts[2].density")


# --- Users' own --------------------------------------------------------------------------------------------------


def test_keywords_of_a_partial_are_static_fields():
    model = partial(OwnModel, 5, width=3, activation=jax.nn.relu)
    assert find(cell(model=model), "width") == Field(("model", "width"), True, 3)
    assert find(cell(model=model), "model.activation").value is jax.nn.relu
    with pytest.raises(ValueError, match="which is not a field"):
        find(cell(model=model), "n_hidden")


def test_fields_of_own_specifications():
    own = cell(Pair(tm.Independent(5, 0.25), {"first": 2.0, "second": np.array([3.0, 4.0])}))
    assert find(own, "inner.density").value == 0.25
    assert find(own, "first") == Field(("task", "features", "scales", "first"), False, 2.0)
    assert find(own, "second[1]").value == 4
    assert find(own, "turns").static
    assert find(cell(Pair(tm.Independent(5, 0.25), 2.0)), "scales").value == 2.0


def test_fields_of_plain_dataclasses_and_named_tuples():
    @dataclasses.dataclass(frozen=True)
    class Plain:
        strength: float = 0.5

    two = collections.namedtuple("two", ("left", "right"))
    own = cell(Pair(Plain(), two(1.0, Plain(2.0))))
    assert find(own, "inner.strength").value == 0.5
    assert find(own, "right.strength").value == 2
    assert find(own, "left").value == 1


def test_the_decay_of_geometric_importance():
    geometric = cell(importance=tm.GeometricImportance(0.7))
    assert path_name(find(geometric, "decay").path) == "task.importance.decay"
    assert find(geometric, "importance.decay").value == 0.7
    assert not find(geometric, "decay").static
    with pytest.raises(ValueError, match="'decay', which is not a field"):
        find(CELL, "decay")


# --- Something else in a field's place ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "name", "value"),
    [
        (CELL, "density", 0.75),
        (CELL, "n_hidden", 4),
        (CELL, "learning_rate", 0.5),
        (CELL, "target", jnp.abs),
        (CELL, "features", tm.Independent(5, 0.5)),
        (CELL, "recipe", tm.Recipe.elhage2022()),
        (PARTS, "parts[0].density", 0.75),
        (PARTS, "parts[1]", tm.Independent(3, 0.5)),
        (PARTS, "parts[1].sets", ((0, 2), (1,))),
        (PARTS, "parts[1].density[0]", 0.75),
        (cell(importance=np.array([1.0, 0.9, 0.8, 0.7, 0.6])), "importance[2]", 0.75),
        (cell(importance=tm.GeometricImportance(0.7)), "decay", 0.75),
        (cell(Pair(INDEPENDENT, {"first": 2.0})), "first", 0.75),
    ],
)
def test_replacing_changes_this_field_alone(base: Cell, name: str, value: Any):
    path = find(base, name).path
    before = tm.describe(base._asdict())
    changed = replaced(base, path, value)
    assert value_at(changed, path[:-1] if isinstance(path[-1], int) else path) is not value_at(base, path[:-1])
    described = tm.describe(changed._asdict())
    assert tm.describe(base._asdict()) == before
    assert described != before
    for part in path[:-1]:
        described, before = described[part], before[part]
    if isinstance(path[-1], int) and isinstance(described, dict):  # an array, with its type
        described, before = described["values"], before["values"]
    assert described[path[-1]] == tm.describe(value)
    others = described.keys() if isinstance(described, dict) else range(len(described))
    assert len(others) == len(before)
    for other in others:
        assert (described[other] == before[other]) == (other != path[-1])


def test_replacing_an_element_of_an_array_copies_the_array():
    changed = replaced(CELL, find(CELL, "density[4]").path, 0.75)
    assert changed.task.features.density.tolist() == [0.1, 0.2, 0.3, 0.4, 0.75]
    assert INDEPENDENT.density.tolist() == [0.1, 0.2, 0.3, 0.4, 0.5]


def test_replacing_a_keyword_keeps_the_function_and_the_other_arguments():
    model = partial(OwnModel, 5, width=3, depth=2)
    changed = replaced(cell(model=model), ("model", "width"), 7).model
    assert (changed.func, changed.args, changed.keywords) == (OwnModel, (5,), {"width": 7, "depth": 2})
    assert model.keywords == {"width": 3, "depth": 2}


def test_replacing_what_another_value_took_away():
    geometric = cell(importance=tm.GeometricImportance(0.7))
    path = find(geometric, "decay").path
    flat = replaced(geometric, path[:-1], 1.0)
    with pytest.raises(ValueError, match=r"There is no 'decay' in 1\.0, which a sweep puts in its place"):
        replaced(flat, path, 0.5)


# --- Leaves ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base", [CELL, PARTS, cell(importance=tm.GeometricImportance(0.7)), cell(Pair(INDEPENDENT, {"b": 2.0, "a": 3.0}))]
)
def test_leaf_numbers_point_to_the_leaves(base: Cell):
    leaves = jax.tree.leaves(base)
    numbers = leaf_numbers(base)
    assert sorted(numbers.values()) == list(range(len(leaves)))
    assert find(base, "learning_rate").path in numbers
    assert find(base, "n_hidden").path not in numbers
    for path, number in numbers.items():
        assert find(base, path_name(path)).path == path
        np.testing.assert_array_equal(leaves[number], find(base, path_name(path)).value)
