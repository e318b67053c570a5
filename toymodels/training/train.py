"""`train`: from a specification and a seed to trained models."""

import time
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Int, Key, PRNGKeyArray, UInt32

from toymodels.checks import check_integer
from toymodels.models import Model
from toymodels.specification import describe
from toymodels.tasks import Task
from toymodels.training.engine import Cell, Keys, has_hidden
from toymodels.training.ensemble import stack
from toymodels.training.progress import progress_bar
from toymodels.training.recipe import Recipe
from toymodels.training.run import Run
from toymodels.training.schedule import Order, Trained, train_in_chunks


class DivergenceWarning(RuntimeWarning):
    """Some models' losses stopped being finite."""


def train(
    model: Model,
    task: Task | Sequence[Task],
    recipe: Recipe = Recipe(),
    *,
    seed: int | PRNGKeyArray = 0,
    restarts: int = 1,
    snapshots: Sequence[int] | Int[np.ndarray, " snapshots"] = (),
    history: int = 200,
    memory_bytes: int = 2**30,
    progress: bool = True,
) -> Run:
    """Train `restarts` models on a task, or on each of several tasks, in one compiled program.

    All CPU cores, or all GPUs, are used. A model's numbers depend on its specification, the seed and its number among
    the restarts, and on nothing that is trained beside it.

    Args:
        model: what to train, e.g. `Autoencoder(n_features=5, n_hidden=2)`; see `toymodels.models`.
        task: what is to be learnt, or a sequence of tasks that differ in numbers only (density, importance).
        recipe: how to train.
        seed: an integer or a JAX key. The same seed gives the same numbers on the same machine.
        restarts: number of different initialisations for each task.
        snapshots: numbers of steps, 0 ... recipe.steps, after which to keep the parameters; see `log_spaced`.
        history: number of entries of the loss history, at most; each is a mean over a stretch of training.
        memory_bytes: about how much memory to use at once; the models are trained in chunks that fit.
        progress: show a progress bar (on a terminal, when training takes longer than a second).

    Returns:
        A `Run`, its arrays with axes (restarts, ...), or (tasks, restarts, ...) if several tasks were given.

    Raises:
        ValueError, TypeError: for bad arguments, before anything is compiled.

    Warns:
        DivergenceWarning: names the models whose loss became NaN or infinite, and at which step; their `loss` is NaN.
    """
    tasks = list(task) if isinstance(task, Sequence) else [task]
    validate(model, tasks, recipe)
    steps = _checked_snapshots(snapshots, recipe)
    check_integer("train", "restarts", restarts, minimum=1)
    check_integer("train", "history", history, minimum=1)
    check_integer("train", "memory_bytes", memory_bytes, minimum=1)
    key_data = _key_data(seed)

    began = time.perf_counter()
    ensemble = stack([Cell(model, one, recipe) for one in tasks])
    keys = _streams(key_data, restarts, recipe.independent_data)
    order = Order(
        ensemble=ensemble,
        cells=np.repeat(np.arange(len(tasks)), restarts),
        keys=Keys(*(_tile(stream, len(tasks)) for stream in keys)),
        stretch=-(-recipe.steps // history),
        snapshot_steps=steps,
    )
    count = len(order.cells)
    with progress_bar(f"{count} models", count * recipe.steps, progress) as bar:
        chunks = sorted(train_in_chunks(order, memory_bytes, bar), key=lambda chunk: chunk[0][0])
    trained = jax.tree.map(lambda *parts: np.concatenate(parts), *(results for _, results in chunks))

    shape = (restarts,) if isinstance(task, Task) else (len(tasks), restarts)
    run = _sorted_run(
        jax.tree.map(lambda array: array.reshape(*shape, *array.shape[1:]), trained),
        history_steps=np.minimum(order.stretch * (1 + np.arange(trained.history.shape[1])), recipe.steps),
        snapshot_steps=np.array(steps, dtype=int),
        config=_describe_run(model, task, recipe, key_data, restarts),
        seconds=time.perf_counter() - began,
    )
    _warn_of_divergence(run, recipe.steps)
    return run


def log_spaced(steps: int, count: int) -> Int[np.ndarray, " snapshots"]:
    """At most `count` numbers of steps from 0 to `steps`, evenly spaced on a logarithmic axis, for `snapshots`.

    >>> log_spaced(1000, 5).tolist()
    [0, 1, 10, 100, 1000]
    """
    return np.unique(np.append(0, np.round(np.geomspace(1, steps, count - 1)).astype(int)))


def validate(model: Any, tasks: Sequence[Any], recipe: Any) -> None:
    """Raise ValueError or TypeError for what cannot be trained, before anything is compiled."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe. Got {recipe!r}.")
    recipe.validate()
    if not tasks:
        raise ValueError("task must be a Task or at least one of them. Got an empty sequence.")
    for task in tasks:
        if not isinstance(task, Task):
            raise TypeError(f"task must be a Task or a sequence of them. Got {task!r}.")
        task.validate()
    if not callable(model):
        raise TypeError(f"model must be an Autoencoder or a function `model(rngs=...)` to a module. Got {model!r}.")
    if hasattr(model, "validate"):
        model.validate()
    _validate_fit(model, tasks[0], recipe)


def _validate_fit(model: Model, task: Task, recipe: Recipe) -> None:
    """Raise unless features, model and target have matching shapes."""
    try:
        x = jax.eval_shape(lambda: task.features.sample(jax.random.key(0), recipe.batch_size))
    except (TypeError, ValueError) as error:
        raise ValueError(f"features cannot draw a batch of {recipe.batch_size} samples: {error}") from error
    if x.ndim != 2 or x.shape[0] != task.features.n_features:
        raise ValueError(
            f"features.sample must return shape (n_features, batch) = ({task.features.n_features}, "
            f"{recipe.batch_size}), samples in columns. It returned {x.shape}."
        )
    module = nnx.eval_shape(lambda: model(rngs=nnx.Rngs(0)))
    if recipe.hidden_l1 is not None and np.any(np.asarray(recipe.hidden_l1) != 0) and not has_hidden(module):
        raise ValueError("hidden_l1 of Recipe needs a module with `encode` and `decode`; this model has none.")
    wanted = jax.eval_shape(task.target, x)
    try:
        got = jax.eval_shape(lambda x: module_output(model, x), x)
    except TypeError as error:
        raise ValueError(
            f"model does not take features of shape {x.shape}; do n_features of model and features agree? {error}"
        ) from error
    if got.shape != wanted.shape:
        raise ValueError(f"model predicts shape {got.shape} but the task's target has shape {wanted.shape}.")


def module_output(model: Model, x: Array) -> Array:
    """The prediction of a fresh module."""
    return model(rngs=nnx.Rngs(0))(x)


def _checked_snapshots(snapshots: Any, recipe: Recipe) -> tuple[int, ...]:
    for step in snapshots:
        check_integer("train", "each of snapshots", step, minimum=0)
        if step > recipe.steps:
            raise ValueError(f"snapshots of train must be steps from 0 to {recipe.steps}. Got {step}.")
    return tuple(sorted({int(step) for step in snapshots}))


def _key_data(seed: Any) -> UInt32[np.ndarray, "2"]:
    """The raw threefry key of a seed, a key, or a raw key."""
    if not isinstance(seed, jax.Array | np.ndarray):
        check_integer("train", "seed", seed, minimum=0)
        return np.asarray(jax.random.key_data(jax.random.key(seed, impl="threefry2x32")))
    typed = jax.dtypes.issubdtype(seed.dtype, jax.dtypes.prng_key)
    data = np.asarray(jax.random.key_data(seed) if typed else seed)
    if data.shape != (2,) or data.dtype != np.uint32:
        raise ValueError(f"seed of train must be an integer or one threefry key. Got {seed!r}.")
    return data


@partial(jax.jit, static_argnames=("restarts", "independent_data"))
def _streams(key_data: UInt32[Array, "2"], restarts: int, independent_data: bool) -> Keys:
    """The streams of each restart: own initial weights, and common samples unless they are to be independent."""
    init, data, evaluation = jax.random.split(jax.random.wrap_key_data(key_data, impl="threefry2x32"), 3)

    def one_each(key: PRNGKeyArray) -> Key[Array, " restarts"]:
        return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, jax.numpy.arange(restarts))

    return Keys(*map(jax.random.key_data, (one_each(init), one_each(data) if independent_data else data, evaluation)))


def _tile(stream: UInt32[Array, "*restarts 2"], tasks: int) -> UInt32[np.ndarray, "*models 2"]:
    """The keys of all tasks' restarts, which are the same for every task."""
    return np.asarray(stream) if stream.ndim == 1 else np.tile(np.asarray(stream), (tasks, 1))


def _sorted_run(trained: Trained, **rest: Any) -> Run:
    """The run with its restarts in order of loss, diverged ones last."""
    axis = trained.loss.ndim - 1
    order = np.argsort(trained.loss, axis=axis, kind="stable")

    def sort(array: np.ndarray) -> np.ndarray:
        return np.take_along_axis(array, order.reshape(order.shape + (1,) * (array.ndim - order.ndim)), axis=axis)

    ordered = jax.tree.map(sort, trained)
    return Run(**ordered._asdict(), restart=order, **rest)


def _warn_of_divergence(run: Run, steps: int) -> None:
    where = np.argwhere(run.diverged >= 0)
    if not len(where):
        return
    named = []
    for index in map(tuple, where[:5]):
        task = f"task {index[0]}, " if len(index) == 2 else ""
        named.append(f"{task}restart {run.restart[index]} at step {run.diverged[index]}")
    more = f" and {len(where) - 5} more" if len(where) > 5 else ""
    warnings.warn(
        f"{len(where)} of {run.loss.size} models diverged: {'; '.join(named)}{more}. Their loss is NaN. "
        "A lower learning_rate helps.",
        DivergenceWarning,
        stacklevel=3,
    )


def _describe_run(
    model: Model, task: Task | Sequence[Task], recipe: Recipe, key_data: np.ndarray, restarts: int
) -> dict[str, Any]:
    return {
        "model": describe(model),
        "task": describe(task),
        "recipe": describe(recipe),
        "seed": key_data.tolist(),
        "restarts": restarts,
        "toymodels": version("toymodels"),
        "jax": jax.__version__,
        "device": jax.devices()[0].device_kind,
    }
