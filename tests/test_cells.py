"""Cells taken apart and put together again, and what is the same code."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels.specifications import with_fields
from toymodels.training.engine import step
from toymodels.training.engine.cells import Cell, assemble, separate, to_array
from toymodels.training.engine.code import content, is_numeric

CELL = Cell(tm.Autoencoder(3, 2), tm.Task(tm.Independent(3, 0.1), (1, 2, 3)), 0.5)
RATE = len(jax.tree.leaves(CELL)) - 1  # numbers of leaves
DENSITY = next(number for number, leaf in enumerate(jax.tree.leaves(CELL)) if leaf == 0.1)


def test_a_cell_alone_shares_everything():
    structure, shared = separate(CELL)
    assert [array.tolist() for array in shared] == [0, 0, np.float32(0.1), 1, 2, 3, 0.5]  # two initial biases first
    assert assemble(structure, shared, ()) == CELL._replace(task=tm.Task(tm.Independent(3, shared[2]), (1, 2, 3)))


def test_leaves_of_their_own_are_put_in_their_places():
    structure, shared = separate(CELL, [RATE, DENSITY])
    assert [array.tolist() for array in shared] == [0, 0, 1, 2, 3]
    model, task, rate = assemble(structure, shared, ["the rate", "the density"])
    assert model == CELL.model
    assert rate == "the rate"
    assert task.features == with_fields(tm.Independent(3), density="the density")
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
        (np.float16(0.5), "float32"),
        (0.5, "float32"),
        (np.ones(2), "float32"),
        (np.nan, "float32"),
    ],
)
def test_numbers_become_arrays_and_whole_numbers_keep_their_type(value: Any, dtype: str):
    assert is_numeric(value)
    assert to_array(value).dtype == dtype
    np.testing.assert_array_equal(to_array(value), value)


@pytest.mark.parametrize("value", ["0.5", None, max, (1, 2), tm.GeometricImportance(0.5)])
def test_what_is_no_number(value: Any):
    assert not is_numeric(value)


# --- What is the same code ---------------------------------------------------------------------------------------

FACTOR = 2.0


def made(text: str, **names: Any) -> Any:
    """A function as a cell of a notebook would define it."""
    space: dict[str, Any] = {"jnp": jnp, "partial": partial, **names}
    exec(text, space)
    return space["f"]


SAME = {
    "a lambda": "f = lambda x: 2 * x",
    "a function with defaults": "def f(x, a=1, *, b=2.5): return a * x + b",
    "a partial": "f = partial(jnp.power, 2.0)",
    "a closure": "f = (lambda k: lambda x: k * x)(3)",
    "a global number": "K = 2\ndef f(x): return K * x",
    "a helper": "def g(x): return 2 * x\ndef f(x): return g(x)",
    "one that calls itself": "def f(x): return x if x.ndim else f(x[None])",
    "an array": "K = jnp.arange(3)\nf = lambda x: K * x",
    "in a loop": "f = lambda x: [lambda y: y + 1 for _ in range(2)][0](x)",
}


@pytest.mark.parametrize("name", SAME)
def test_functions_of_equal_source_are_the_same_code(name: str):
    one, other = made(SAME[name]), made(SAME[name])
    assert content(one) == content(other)
    assert hash(content(one)) == hash(content(other))


CHANGED = [
    ("f = lambda x: 2 * x", "f = lambda x: 3 * x"),
    ("f = lambda x: 2 * x", "f = lambda x: 2.0 * x"),
    ("f = lambda x: True * x", "f = lambda x: 1 * x"),
    ("def f(x, a=1): return a * x", "def f(x, a=2): return a * x"),
    ("def f(x, *, a=1): return a * x", "def f(x, *, a=2): return a * x"),
    ("f = partial(jnp.power, 2.0)", "f = partial(jnp.power, 3.0)"),
    ("f = partial(jnp.power, 2.0)", "f = partial(jnp.add, 2.0)"),
    ("f = (lambda k: lambda x: k * x)(3)", "f = (lambda k: lambda x: k * x)(4)"),
    ("K = 2\ndef f(x): return K * x", "K = 3\ndef f(x): return K * x"),
    ("def g(x): return 2 * x\ndef f(x): return g(x)", "def g(x): return 3 * x\ndef f(x): return g(x)"),
    ("K = jnp.arange(3)\nf = lambda x: K * x", "K = jnp.arange(3) + 1\nf = lambda x: K * x"),
    ("f = lambda x: jnp.sin(x)", "f = lambda x: jnp.cos(x)"),
    ("f = lambda x: (lambda y: y + 1)(x)", "f = lambda x: (lambda y: y + 2)(x)"),
    ("K = [1, 2]\nf = lambda x: K[0] * x", "K = [3, 2]\nf = lambda x: K[0] * x"),
    ("K = {'a': 1}\nf = lambda x: K['a'] * x", "K = {'a': 2}\nf = lambda x: K['a'] * x"),
]


@pytest.mark.parametrize(("before", "after"), CHANGED)
def test_edited_functions_are_other_code(before: str, after: str):
    assert content(made(before)) != content(made(after))


def test_a_function_is_other_code_once_a_global_of_its_has_changed(monkeypatch: pytest.MonkeyPatch):
    def scaled(x: Any) -> Any:
        return FACTOR * x

    before = content(scaled)
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert content(scaled) != before


def test_a_fresh_lambda_compiles_once_and_a_changed_global_compiles_again(monkeypatch: pytest.MonkeyPatch):
    recipe = tm.Recipe(steps=3, batch_size=8, evaluation_samples=8)

    def losses() -> np.ndarray:
        task = tm.Task(tm.Independent(3, 0.7), target=lambda x: FACTOR * x)
        return tm.train(partial(Doubled, 3), task, recipe).loss

    first = losses()
    before = step.advance._cache_size()
    np.testing.assert_array_equal(losses(), first)
    assert step.advance._cache_size() == before
    monkeypatch.setitem(globals(), "FACTOR", 3.0)
    assert (losses() > first).all()
    assert step.advance._cache_size() == before + 1


class Doubled(nnx.Module):
    """A user's own module."""

    def __init__(self, n: int, *, rngs: nnx.Rngs):
        self.W = nnx.Param(0.1 * jax.random.normal(rngs.params(), (n, n)))

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.W[...] @ x
