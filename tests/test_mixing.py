"""What is computed for a sample must not depend on the others."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import pytest
from flax import nnx

import toymodels as tm
from toymodels.training.engine.cells import Cell
from toymodels.training.fit import check_fit
from toymodels.training.mixing import mixes

MODEL, TASK, RECIPE = tm.Autoencoder(5, 2), tm.Task(tm.Independent(5)), tm.Recipe(steps=10, batch_size=64)


def top(axis: int, x: jax.Array) -> jax.Array:
    """The largest two along an axis, the others 0."""
    return jnp.where(x >= jnp.sort(x, axis).take(-2, axis)[None if axis == 0 else (slice(None), None)], x, 0.0)


ALONG: dict[str, Callable[[int, jax.Array], jax.Array]] = {
    "softmax": lambda axis, x: jax.nn.softmax(x, axis),
    "largest": top,
    "centred": lambda axis, x: x - 0.01 * x.mean(axis, keepdims=True),
    "cumulative": lambda axis, x: jnp.cumsum(x, axis),
    "rolled": lambda axis, x: jnp.roll(x, 1, axis),
}


class Layer(nnx.Module):
    """A module of one's own with something along an axis, or noise and running averages."""

    def __init__(self, function: Callable[[jax.Array], jax.Array], *, rngs: nnx.Rngs):
        self.W = nnx.Param(jax.random.normal(rngs.params(), (5, 5)))
        self.function, self.norm, self.dropout = function, nnx.BatchNorm(5, rngs=rngs), nnx.Dropout(0.5, rngs=rngs)

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.function(self.dropout(self.norm((self.W[...] @ x).T)).T)


def made(place: str, function: Any) -> Cell:
    if place == "module":
        return Cell(partial(Layer, function), TASK, RECIPE)
    if place == "target":
        return Cell(MODEL, tm.Task(tm.Independent(5), target=function), RECIPE)
    return Cell(tm.Autoencoder(5, 2, **{place: function}), TASK, RECIPE)


@pytest.mark.parametrize("place", ["hidden_activation", "output_activation", "target", "module"])
@pytest.mark.parametrize("kind", ALONG)
def test_what_mixes_samples_is_refused_and_what_mixes_features_is_not(place: str, kind: str, nothing_compiled: None):
    check_fit(made(place, partial(ALONG[kind], 0)))
    with pytest.raises(ValueError, match=r"mixes samples.*last axis is the batch and axis=0") as caught:
        check_fit(made(place, partial(ALONG[kind], -1)))
    assert place.split("_")[0] in str(caught.value) or place == "module"


@pytest.mark.parametrize("function", [jnp.exp, jnp.log, lambda x: x * 1e30, lambda x: x * jnp.nan])
def test_functions_of_each_number_do_not_mix(function: Any):
    for dtype in (float, int):
        assert not mixes(function, jax.eval_shape(lambda dtype=dtype: jnp.zeros((5, 100), dtype)))


def test_what_is_tried_leaves_a_transfer_guard_alone():
    with jax.transfer_guard("disallow"):
        check_fit(made("module", lambda x: x + 1))
