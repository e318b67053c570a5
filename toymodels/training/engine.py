"""The compiled programs: start, advance and evaluate a chunk of models.

The speed of the project is made here, in `schedule.py` and in `threefry.py`, by what was measured on CPUs:

- one program for many models and many steps, with sampling inside, so that nothing returns to Python between steps;
- `vmap` over groups of models small enough for a core's cache, and `lax.map` over groups. XLA lifts the random draws
  that the models of a stream share out of that inner loop;
- samples in columns, so that every product is a small matrix times a long one.

Models that see the same random draws are a *stream*. A chunk has s streams of equally many models, k models in all, and
its models are in the order of their streams. Carried from step to step is a `State`; its arrays have a leading model
axis k.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int

from toymodels.models import flatten_names
from toymodels.training.ensemble import Arrays, Chunk, KeyData, Structure, assemble
from toymodels.training.metrics import Metrics, compute_metrics
from toymodels.training.threefry import unrolled_key


class Groups(NamedTuple):
    """How many models a program works on at once.

    Attributes:
        models: of the models of a stream; divides their number.
        streams: of the streams of a chunk.
    """

    models: int
    streams: int


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


@partial(jax.jit, static_argnames=("structure", "groups", "stretch"), donate_argnames=("state",))
def advance(
    structure: Structure, groups: Groups, stretch: int, chunk: Chunk, state: State, first: Array, last: Array
) -> State:
    """Train from step `first` up to, not including, step `last`. `stretch` is the number of steps per history row."""

    def step_one(
        own: Arrays, data_key: KeyData, step: Array, params: Any, fixed: Any, optimizer: Any
    ) -> tuple[Any, Any, Array]:
        cell = assemble(structure, chunk.shared, own)
        graph = _graph(cell.model)
        key = jax.random.fold_in(unrolled_key(data_key), step)
        x = cell.task.features.sample(key, cell.recipe.batch_size)
        seen = cell.task.seen(key, nnx.merge(graph, params, fixed), x)

        def objective(params: Any) -> tuple[Array, Array]:
            prediction, hidden_l1 = _apply(nnx.merge(graph, params, fixed), seen)
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
            groups,
        )
        diverged = jnp.where((state.diverged < 0) & ~jnp.isfinite(loss), step, state.diverged)
        return State(params, state.fixed, optimizer, state.history.at[step // stretch].add(loss), diverged)

    return jax.lax.fori_loop(first, last, step_all, state)


@partial(jax.jit, static_argnames=("structure", "groups", "metrics"))
def evaluate(
    structure: Structure, groups: Groups, metrics: Metrics, chunk: Chunk, state: State
) -> tuple[Float[Array, " k"], dict[str, Array]]:
    """Task loss of every model on `evaluation_samples` samples that are common to all of a stream, and the metrics,
    name -> (k, ...)."""

    def evaluate_one(own: Arrays, key: KeyData, params: Any, fixed: Any) -> tuple[Float[Array, ""], dict[str, Array]]:
        cell = assemble(structure, chunk.shared, own)
        module = nnx.merge(_graph(cell.model), params, fixed)
        batch_size = min(cell.recipe.batch_size, cell.recipe.evaluation_samples)
        batches = -(-cell.recipe.evaluation_samples // batch_size)

        def add_batch(batch: Array, total: Array) -> Array:
            batch_key = jax.random.fold_in(unrolled_key(key), batch)
            x = cell.task.features.sample(batch_key, batch_size)
            return total + cell.task.loss(x, module(cell.task.seen(batch_key, module, x)))

        loss = jax.lax.fori_loop(0, batches, add_batch, jnp.zeros(())) / batches
        metric_key = jax.random.fold_in(unrolled_key(key), batches)  # a number that no batch has
        return loss, compute_metrics(metrics, flatten_names(params), module, cell.task, metric_key)

    return _map_models(evaluate_one, chunk.own, chunk.keys.evaluation, (state.params, state.fixed), groups)


def _map_models(
    function: Callable[..., Any], own: Arrays, keys: KeyData, trained: tuple[Any, ...], groups: Groups
) -> Any:
    """`function(own, key, *trained)` of every model, stream by stream and in groups of models."""
    streams = keys.shape[0]

    def map_stream(key: KeyData, own: Arrays, trained: tuple[Any, ...]) -> Any:
        # The key is not mapped, so that what depends on it alone is computed once a stream.
        return _map_in_groups(lambda own, trained: function(own, key, *trained), (own, trained), groups.models)

    if streams == 1:
        return map_stream(keys[0], own, trained)
    folded = jax.tree.map(lambda array: array.reshape(streams, -1, *array.shape[1:]), (own, trained))
    results = _map_in_groups(map_stream, (keys, *folded), groups.streams)
    return jax.tree.map(lambda array: array.reshape(-1, *array.shape[2:]), results)


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
