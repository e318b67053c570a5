"""The compiled programs: start, advance and evaluate a chunk of models.

The speed of the project is made here, in `schedule.py` and in `threefry.py`, by what was measured on CPUs:

- one program for many models and many steps, with sampling inside, so that nothing returns to Python between steps;
- `vmap` over groups of models small enough for a core's cache, and `lax.map` over groups. XLA lifts the random draws
  that all models share out of that inner loop;
- samples in columns, so that every product is a small matrix times a long one.

Carried from step to step is a `State`; its arrays have a leading model axis k.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from jaxtyping import Array, Float, Int, UInt32

from toymodels.training.ensemble import Structure, assemble
from toymodels.training.threefry import unrolled_key

Arrays = tuple[Array | np.ndarray, ...]
KeyData = UInt32[Array | np.ndarray, "*k 2"]


class Cell(NamedTuple):
    """One configuration: what to train, on what, and how."""

    model: Any
    task: Any
    recipe: Any


class Keys(NamedTuple):
    """The three streams of random numbers of a model: raw threefry keys, (2,) for all models or (k, 2)."""

    init: KeyData
    data: KeyData
    evaluation: KeyData


class Chunk(NamedTuple):
    """Models that are trained together.

    Attributes:
        shared: arrays that all models share.
        own: arrays (k, ...), one row a model.
        keys: the streams of random numbers; `init` has one key a model.
    """

    shared: Arrays
    own: Arrays
    keys: Keys


class State(NamedTuple):
    """The models in training.

    Attributes:
        params: what the optimiser changes, leaves (k, ...).
        fixed: the rest of the modules' state, leaves (k, ...).
        optimizer: the optimiser's state, leaves (k, ...).
        history: sums of the task loss over stretches of training (stretches, k).
        diverged: step of the first loss that was not finite, -1 while there is none (k,).
    """

    params: Any
    fixed: Any
    optimizer: Any
    history: Float[Array, "stretches k"]
    diverged: Int[Array, " k"]


@partial(jax.jit, static_argnames=("structure", "stretches"))
def start(structure: Structure, stretches: int, chunk: Chunk) -> State:
    """Fresh parameters and optimiser state for every model."""

    def start_one(own: Arrays, init_key: KeyData) -> tuple[Any, Any, Any]:
        cell = assemble(structure, chunk.shared, own)
        _, params, fixed = _split(cell.model(rngs=nnx.Rngs(unrolled_key(init_key))))
        return params, fixed, cell.recipe.transformation().init(params)

    count = chunk.keys.init.shape[0]
    params, fixed, optimizer = jax.vmap(start_one)(chunk.own, chunk.keys.init)
    return State(params, fixed, optimizer, jnp.zeros((stretches, count)), jnp.full(count, -1))


@partial(jax.jit, static_argnames=("structure", "group", "stretch"), donate_argnames=("state",))
def advance(
    structure: Structure, group: int, stretch: int, chunk: Chunk, state: State, first: Array, last: Array
) -> State:
    """Train from step `first` up to, not including, step `last`. `stretch` is the number of steps per history row."""

    def step_one(
        own: Arrays, data_key: KeyData, step: Array, params: Any, fixed: Any, optimizer: Any
    ) -> tuple[Any, Any, Array]:
        cell = assemble(structure, chunk.shared, own)
        graph = _graph(cell.model)
        x = cell.task.features.sample(jax.random.fold_in(unrolled_key(data_key), step), cell.recipe.batch_size)

        def objective(params: Any) -> tuple[Array, Array]:
            prediction, hidden_l1 = _apply(nnx.merge(graph, params, fixed), x)
            loss = cell.task.loss(x, prediction)
            return loss + cell.recipe.hidden_l1 * hidden_l1, loss

        gradient, loss = jax.grad(objective, has_aux=True)(params)
        updates, optimizer = cell.recipe.transformation().update(gradient, optimizer, params)
        return optax.apply_updates(params, updates), optimizer, loss

    def step_all(step: Array, state: State) -> State:
        params, optimizer, loss = _map_models(
            lambda own, key, *trained: step_one(own, key, step, *trained),
            chunk.own,
            chunk.keys.data,
            (state.params, state.fixed, state.optimizer),
            group,
        )
        diverged = jnp.where((state.diverged < 0) & ~jnp.isfinite(loss), step, state.diverged)
        return State(params, state.fixed, optimizer, state.history.at[step // stretch].add(loss), diverged)

    return jax.lax.fori_loop(first, last, step_all, state)


@partial(jax.jit, static_argnames=("structure", "group"))
def evaluate(structure: Structure, group: int, chunk: Chunk, state: State) -> Float[Array, " k"]:
    """Task loss of every model on `evaluation_samples` samples that are common to all."""

    def evaluate_one(own: Arrays, key: KeyData, params: Any, fixed: Any) -> Float[Array, ""]:
        cell = assemble(structure, chunk.shared, own)
        module = nnx.merge(_graph(cell.model), params, fixed)
        batch_size = min(cell.recipe.batch_size, cell.recipe.evaluation_samples)
        batches = -(-cell.recipe.evaluation_samples // batch_size)

        def add_batch(batch: Array, total: Array) -> Array:
            x = cell.task.features.sample(jax.random.fold_in(unrolled_key(key), batch), batch_size)
            return total + cell.task.loss(x, module(x))

        return jax.lax.fori_loop(0, batches, add_batch, jnp.zeros(())) / batches

    return _map_models(evaluate_one, chunk.own, chunk.keys.evaluation, (state.params, state.fixed), group)


def _map_models(function: Callable[..., Any], own: Arrays, keys: KeyData, trained: tuple[Any, ...], group: int) -> Any:
    """`function(own, key, *trained)` of every model, `group` models at a time."""
    if keys.ndim == 1:  # one key for all: not mapped, so that what depends on it alone is computed once
        return _map_in_groups(lambda own, trained: function(own, keys, *trained), (own, trained), group)
    return _map_in_groups(lambda own, key, trained: function(own, key, *trained), (own, keys, trained), group)


def _map_in_groups(function: Callable[..., Any], arguments: tuple[Any, ...], group: int) -> Any:
    count = jax.tree.leaves(arguments)[0].shape[0]
    if group >= count:
        return jax.vmap(function)(*arguments)
    return jax.lax.map(lambda one: function(*one), arguments, batch_size=None if group == 1 else group)


def _apply(module: nnx.Module, x: Float[Array, "n batch"]) -> tuple[Array, Float[Array, ""]]:
    """The prediction, and the mean over samples of Σ_k |h_k| (0 for a module without hidden activations)."""
    if not has_hidden(module):
        return module(x), jnp.zeros(())
    hidden = module.encode(x)  # type: ignore[attr-defined]
    return module.decode(hidden), jnp.abs(hidden).sum(0).mean()  # type: ignore[attr-defined]


def has_hidden(module: Any) -> bool:
    """Whether a module shows its hidden activations."""
    return hasattr(module, "encode") and hasattr(module, "decode")


def _split(module: nnx.Module) -> tuple[Any, nnx.State, nnx.State]:
    graph, *states = nnx.split(module, nnx.Param, ...)
    params, fixed = states
    return graph, params, fixed


def _graph(model: Any) -> Any:
    """The static part of the module that `model` makes."""
    return _split(nnx.eval_shape(lambda: model(rngs=nnx.Rngs(0))))[0]
