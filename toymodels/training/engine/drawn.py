"""Finite data sets that are drawn from the seed before training: drawn once, kept, and put back into the task.

Features that have a method `prepare(key)` are what it returns, all through the training. Only its arrays are kept; the
rest is made again inside each program, where the draws, which nobody uses, are dropped by the compiler.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
from jaxtyping import Array

from toymodels.features.uniform import prepared
from toymodels.training.engine.code import is_numeric
from toymodels.training.engine.keys import LAST, StreamKeys

Drawn = tuple[Array, ...]
"""The arrays of a cell's finite data sets: the same for all of its restarts."""


def draw(task: Any, keys: StreamKeys) -> Drawn:
    """The data sets of a task. Those of the evaluation have a key of their own."""
    leaves, _ = jax.tree.flatten(_sources(task, keys))
    return tuple(leaf for leaf in leaves if is_numeric(leaf))


def with_drawn(task: Any, keys: StreamKeys, drawn: Sequence[Array]) -> Any:
    """The task with its data sets, whose arrays were drawn before."""
    leaves, treedef = jax.tree.flatten(_sources(task, keys))
    arrays = iter(drawn)
    given = [next(arrays) if is_numeric(one) else one for one in leaves]
    return dataclasses.replace(task, **jax.tree.unflatten(treedef, given))


def _sources(task: Any, keys: StreamKeys) -> dict[str, Any]:
    """The fields of the task that draw a data set, as what they draw."""
    given = {"features": (task.features, keys.data), "evaluation": (task.evaluation, keys.evaluation)}
    after = {name: prepared(features, jax.random.fold_in(key, LAST)) for name, (features, key) in given.items()}
    return {name: one for name, one in after.items() if one is not given[name][0]}
