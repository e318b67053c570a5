"""The compiled programs: start, advance and evaluate a chunk of models.

The speed of the project is made here, in `plan.py` and in `threefry.py`, by what was measured on CPUs:

- one program for many models and many steps, with sampling inside, so that nothing returns to Python between steps;
- what models have in common is computed once: random draws once per stream, samples and targets once per cell;
- `vmap` over as many models as fit a core's cache, and `lax.map` over the rest. XLA lifts the draws of a stream out of
  the loop over its cells;
- samples in columns, so that every product is a small matrix times a long one;
- a batch that does not fit the cache is trained on in parts, whose gradients are added up.

A chunk has s streams (of equal draws), c cells in each and r restarts of each cell: arrays of models begin (s, c, r).
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from flax import nnx
from jaxtyping import Array, Float, Int

from toymodels.features.uniform import batch_of, everything
from toymodels.models.modules import activations, extra_state, param_state, rebuilt
from toymodels.training.engine.ask import Metrics, asked, compute_metrics, offer
from toymodels.training.engine.cells import Arrays, Cell, Code, assemble
from toymodels.training.engine.drawn import Drawn, draw, with_drawn
from toymodels.training.engine.keys import (
    LAST,
    KeyData,
    ModelKeys,
    StreamKeys,
    evaluation_keys,
    initial_key,
    step_keys,
    stream_keys,
)
from toymodels.training.engine.levels import AtOnce, Levels, each, fold, levels_of, unfold

Params = dict[str, Array]


class Inputs(NamedTuple):
    """A chunk, as the programs take it.

    Attributes:
        cell: number of each cell in the grid (s, c).
        shared: the numbers that all cells share.
        own: the numbers of each cell, each (s, c, ...).
        keys: where random numbers come from.
        start: given parameters and other state by name, (s, c, r, ...); those that are not there are initialised.
    """

    cell: Int[Any, "s c"]
    shared: Arrays
    own: Arrays
    keys: KeyData
    start: dict[str, Any]

    @property
    def box(self) -> tuple[int, int, int]:
        """Numbers of streams, cells and restarts."""
        return (*self.cell.shape, self.keys.init.shape[1])

    def folded(self, levels: Levels) -> "Inputs":
        """With folded numbers and keys."""
        init = fold(self.keys.init, levels.streams, levels.restarts)
        data, evaluation = (fold(one, levels.streams) for one in (self.keys.data, self.keys.evaluation))
        own = fold(self.own, levels.streams, levels.cells)
        return self._replace(own=own, keys=KeyData(init, data, evaluation))

    def first_cell(self, code: Code) -> Cell:
        """The first cell: for shapes, and for what all cells have in common."""
        return assemble(code, self.shared, [one[0, 0] for one in self.own])


class State(NamedTuple):
    """The models in training.

    Attributes:
        params: what the optimiser changes, by name (s, c, r, ...).
        extra: other state of the modules, such as running averages, by name (s, c, r, ...).
        optimizer: the optimiser's state, leaves (s, c, r, ...).
        history: sums of the task's loss over stretches of training (stretches, s, c, r).
        diverged: step of the first loss that was not finite, -1 while there is none (s, c, r).
    """

    params: Params
    extra: Params
    optimizer: Any
    history: Float[Array, "stretches s c r"]
    diverged: Int[Array, "s c r"]


@partial(jax.jit, static_argnames=("code", "stretches"))
def start(code: Code, stretches: int, inputs: Inputs) -> tuple[Drawn, State]:
    """Finite data sets, and fresh parameters and optimiser state for every model."""
    levels = levels_of(inputs.box)

    def start_cell(cell: Cell, keys: StreamKeys, inits: Array, given: Params) -> tuple[Drawn, Any]:
        def start_one(init: Array, given: Params) -> tuple[Params, Params, Any]:
            module = cell.model(rngs=nnx.Rngs(initial_key(init)))
            params, extra = param_state(module), extra_state(module)
            params, extra = ({name: given.get(name, one[name]) for name in one} for one in (params, extra))
            return params, extra, cell.recipe.transformation().init(params)

        return draw(cell.task, keys), each(start_one, levels.restarts, inits, given)

    drawn, trained = _each_cell(code, levels, inputs.folded(levels), start_cell, fold(inputs.start, *levels))
    params, extra, optimizer = unfold(trained, *levels)
    state = State(params, extra, optimizer, jnp.zeros((stretches, *inputs.box)), jnp.full(inputs.box, -1))
    # With types as weak as Python's numbers have, `advance` would be compiled for the first block of steps alone.
    state = jax.tree.map(lambda array: jnp.asarray(array, array.dtype), state)
    return unfold(drawn, levels.streams, levels.cells), state


@partial(jax.jit, static_argnames=("code", "at_once", "stretch"), donate_argnames=("state",))
def advance(
    code: Code, at_once: AtOnce, stretch: int, inputs: Inputs, drawn: Drawn, state: State, first: Array, last: Array
) -> State:
    """Train from step `first` up to, not including, step `last`. `stretch` is the number of steps per history row."""
    levels = levels_of(inputs.box, at_once)
    folded, drawn = inputs.folded(levels), fold(drawn, levels.streams, levels.cells)

    def train_cell(
        step: Array, cell: Cell, keys: StreamKeys, inits: Array, drawn: Drawn, *trained: Any
    ) -> tuple[Params, Params, Any, Array]:
        task = with_drawn(cell.task, keys, drawn)
        x = batch_of(task.features, keys.data, step, cell.recipe.batch_size)
        cell, wanted = cell._replace(task=task), task.wanted(x)
        attack_key = jax.random.fold_in(jax.random.fold_in(keys.data, step), LAST)

        def train_one(init: Array, params: Params, extra: Params, optimizer: Any) -> Any:
            own = step_keys(init, step)
            seen = task.seen(attack_key, rebuilt(cell.model, params | extra, own.noise), x)
            return update(cell, at_once.parts, own, seen, wanted, params, extra, optimizer)

        return each(train_one, levels.restarts, inits, *trained)

    def step_all(step: Array, carried: tuple[Any, Array, Array]) -> tuple[Any, Array, Array]:
        trained, history, diverged = carried
        *trained, loss = _each_cell(code, levels, folded, partial(train_cell, step), drawn, *trained)
        loss = unfold(loss, *levels)
        diverged = jnp.where((diverged < 0) & ~jnp.isfinite(loss), step, diverged)
        return tuple(trained), history.at[step // stretch].add(loss), diverged

    trained = fold((state.params, state.extra, state.optimizer), *levels)
    trained, *rest = jax.lax.fori_loop(first, last, step_all, (trained, state.history, state.diverged))
    return State(*unfold(trained, *levels), *rest)


def update(
    cell: Cell, parts: int, keys: ModelKeys, seen: Any, wanted: Any, params: Params, extra: Params, optimizer: Any
) -> tuple[Params, Params, Any, Float[Array, ""]]:
    """One step of one model on one batch: its new parameters and states, and the task's loss before the step."""

    def minimised(params: Params, seen: Any, wanted: Any) -> tuple[Array, tuple[Array, Params]]:
        module = rebuilt(cell.model, params | extra, keys.noise)
        loss, objective, state = loss_and_objective(cell.task, module, params, seen, wanted, keys.penalty)
        return objective, (loss, state)

    (objective, (loss, extra)), gradient = _in_parts(
        jax.value_and_grad(minimised, has_aux=True), parts, params, seen, wanted
    )
    updates, optimizer = cell.recipe.update(
        gradient,
        optimizer,
        params,
        value=objective,
        grad=gradient,
        value_fn=lambda params, **_: minimised(params, seen, wanted)[0],
        key=keys.optimizer,
    )
    return optax.apply_updates(params, updates), extra, optimizer, loss


def _in_parts(function: Callable[..., Any], parts: int, params: Params, *samples: Any) -> Any:
    """The mean of `function(params, *part)` over equal parts of the samples: what it gives for all of them at once,
    where it is a mean over samples."""
    if parts == 1:
        return function(params, *samples)
    size = jax.tree.leaves(samples)[0].shape[-1] // parts

    def result(part: Array) -> Any:
        cut = partial(jax.lax.dynamic_slice_in_dim, start_index=part * size, slice_size=size, axis=-1)
        return function(params, *jax.tree.map(cut, samples))

    return _mean(result, parts)


def loss_and_objective(
    task: Any, module: nnx.Module, params: Params, seen: Any, wanted: Any, key: Array
) -> tuple[Float[Array, ""], Float[Array, ""], Params]:
    """The task's loss, the loss with penalties, and the module's other state after it has seen the samples."""
    named = activations(module, task.inputs(seen))
    state = extra_state(module)
    loss = objective = task.mean_loss(named["prediction"], wanted)
    for number, penalty in enumerate(task.penalties):
        offered = offer(params, named, module, task, seen, jax.random.fold_in(key, number))
        objective = objective + asked(penalty, offered)
    return loss, objective, state


@partial(jax.jit, static_argnames=("code",))
def iterate(code: Code, inputs: Inputs, state: State) -> Params:
    """The parameters that stand for a training so far: those of the last step, or the optimiser's average of them."""
    levels = levels_of(inputs.box)

    def of_cell(cell: Cell, keys: StreamKeys, inits: Array, params: Params, optimizer: Any) -> Params:
        return each(cell.recipe.iterate, levels.restarts, params, optimizer)

    trained = fold((state.params, state.optimizer), *levels)
    return unfold(_each_cell(code, levels, inputs.folded(levels), of_cell, *trained), *levels)


@partial(jax.jit, static_argnames=("code", "at_once", "metrics"))
def evaluate(
    code: Code, at_once: AtOnce, metrics: Metrics, inputs: Inputs, drawn: Drawn, params: Params, extra: Params
) -> tuple[Float[Array, "s c r"], Float[Array, "s c r"], dict[str, Array]]:
    """The task's loss and the objective of every model on evaluation samples that are common to all of a stream, and
    the metrics, name -> (s, c, r, ...). Of a finite data set every sample is seen once."""
    first = inputs.first_cell(code)
    first_keys = stream_keys(inputs.keys.data[0], inputs.keys.evaluation[0])
    samples = everything(with_drawn(first.task, first_keys, [one[0, 0] for one in drawn]).evaluation_features)
    size = min(first.recipe.batch_size, first.recipe.evaluation_samples)
    levels = levels_of(inputs.box, at_once)
    folded, drawn = inputs.folded(levels), fold(drawn, levels.streams, levels.cells)
    trained = fold((params, extra), *levels)

    def of_models(function: Callable[[Cell, StreamKeys], Callable[..., Any]]) -> Any:
        """Of every model, what the function gives that `function(cell, keys)` returns."""

        def of_cell(cell: Cell, keys: StreamKeys, inits: Array, drawn: Drawn, *trained: Params) -> Any:
            cell = cell._replace(task=with_drawn(cell.task, keys, drawn))
            return each(function(cell, keys), levels.restarts, inits, *trained)

        return unfold(_each_cell(code, levels, folded, of_cell, drawn, *trained), *levels)

    def losses(number: Array | int, size: int) -> tuple[Array, Array]:
        """On one batch, or on the samples of a finite set from that number on."""
        return of_models(lambda cell, keys: _losses_on(cell, keys, number, size))

    if samples is None:
        batches = -(-first.recipe.evaluation_samples // size)
        loss, objective = _mean(lambda batch: losses(batch, size), batches)
    else:
        batches, count = 0, jax.tree.leaves(samples)[0].shape[-1]
        size = min(size, count)
        loss, objective = _mean(lambda piece: losses(piece * size, size), count // size)
        if rest := count % size:
            share = rest / count
            last = losses(count - rest, rest)
            loss, objective = (
                (1 - share) * one + share * more for one, more in zip((loss, objective), last, strict=True)
            )
    if not metrics:
        return loss, objective, {}
    return loss, objective, of_models(lambda cell, keys: _metrics_of(cell, keys, metrics, batches, size))


def _losses_on(cell: Cell, keys: StreamKeys, number: Array | int, size: int) -> Callable[..., tuple[Array, Array]]:
    """The function from a model to its loss and objective on some evaluation samples."""
    samples = everything(cell.task.evaluation_features)
    if samples is None:
        x = batch_of(cell.task.evaluation_features, keys.evaluation, number, size)
    else:
        cut = partial(jax.lax.dynamic_slice_in_dim, start_index=number, slice_size=size, axis=-1)
        x = jax.tree.map(cut, samples)
    wanted = cell.task.wanted(x)
    attack_key = jax.random.fold_in(jax.random.fold_in(keys.evaluation, number), LAST)

    def of_one(init: Array, params: Params, extra: Params) -> tuple[Array, Array]:
        own = evaluation_keys(init, number)
        module = rebuilt(cell.model, params | extra, own.noise, evaluation=True)
        seen = cell.task.seen(attack_key, module, x)
        loss, objective, _ = loss_and_objective(cell.task, module, params, seen, wanted, own.penalty)
        return loss, objective

    return of_one


def _metrics_of(
    cell: Cell, keys: StreamKeys, metrics: Metrics, batches: int, size: int
) -> Callable[..., dict[str, Array]]:
    """The function from a model to its metrics. Neither their key nor their samples are those of an evaluation."""
    key = jax.random.fold_in(keys.evaluation, batches)  # a number that no batch has
    x = batch_of(cell.task.evaluation_features, keys.evaluation, jnp.asarray(LAST - 1, jnp.uint32), size)

    def of_one(init: Array, params: Params, extra: Params) -> dict[str, Array]:
        module = rebuilt(cell.model, params | extra, evaluation_keys(init, LAST - 1).noise, evaluation=True)
        return compute_metrics(metrics, params, module, cell.task, x, key)

    return of_one


def _mean(function: Callable[[Array], Any], count: int) -> Any:
    """The mean of `function(0)`, ..., `function(count - 1)`."""
    nothing = jax.tree.map(lambda one: jnp.zeros(one.shape, one.dtype), jax.eval_shape(function, jnp.zeros((), int)))
    total = jax.lax.fori_loop(0, count, lambda number, total: jax.tree.map(jnp.add, total, function(number)), nothing)
    return jax.tree.map(lambda one: one / count, total)


def _each_cell(code: Code, levels: Levels, inputs: Inputs, function: Callable[..., Any], *arguments: Any) -> Any:
    """`function(cell, keys, inits, *arguments)` of every cell, with the arguments' parts for it: all of them folded, as
    are the results."""

    def of_stream(keys: KeyData, own: Arrays, arguments: tuple[Any, ...]) -> Any:
        common = stream_keys(keys.data, keys.evaluation)

        def of_cell(own: Arrays, arguments: tuple[Any, ...]) -> Any:
            return function(assemble(code, inputs.shared, own), common, keys.init, *arguments)

        return each(of_cell, levels.cells, own, arguments)

    return each(of_stream, levels.streams, inputs.keys, inputs.own, arguments)
