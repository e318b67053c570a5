"""`train`: from a specification and a seed to trained models."""

import threading
import time
import warnings
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Array, Int, PRNGKeyArray, UInt32

from toymodels.checks import check_integer, check_seed
from toymodels.models import Model
from toymodels.specification import describe
from toymodels.tasks import Task
from toymodels.training.engine import has_hidden
from toymodels.training.ensemble import Cell, Ensemble, Models, separate
from toymodels.training.progress import progress_bar
from toymodels.training.recipe import Recipe
from toymodels.training.run import Run
from toymodels.training.schedule import Program, Trained, cut, pieces, spread, train_chunk, workers

NAMED = 5  # models in a warning


class DivergenceWarning(RuntimeWarning):
    """Some models' losses stopped being finite."""


def train(
    model: Model,
    task: Task,
    recipe: Recipe = Recipe(),
    *,
    seed: int | PRNGKeyArray = 0,
    restarts: int = 1,
    snapshots: Sequence[int] | Int[np.ndarray, " snapshots"] = (),
    history: int = 200,
    memory_bytes: int = 2**30,
    progress: bool = True,
) -> Run:
    """Train `restarts` models on a task in one compiled program. For several tasks, sizes or seeds: `sweep`.

    All CPU cores, or all GPUs, are used. A model's numbers depend on its specification, the seed and its number among
    the restarts, and on nothing that is trained beside it.

    Args:
        model: what to train, e.g. `Autoencoder(n_features=5, n_hidden=2)`; see `toymodels.models`.
        task: what is to be learnt.
        recipe: how to train.
        seed: an integer or a JAX key. The same seed gives the same numbers on the same machine.
        restarts: number of different initialisations.
        snapshots: numbers of steps, 0 ... recipe.steps, after which to keep the parameters; see `log_spaced`.
        history: number of entries of the loss history, at most; each is a mean over a stretch of training.
        memory_bytes: about how much memory to use at once; the models are trained in chunks that fit.
        progress: show a progress bar (on a terminal, when training takes longer than a second).

    Returns:
        A `Run`, its arrays with axes (restarts, ...).

    Raises:
        ValueError, TypeError: for bad arguments, before anything is compiled.

    Warns:
        DivergenceWarning: names the models whose loss became NaN or infinite, and at which step; their `loss` is NaN.
    """
    validate(model, task, recipe)
    steps = checked_snapshots("train", snapshots, recipe.steps)
    check_integer("train", "restarts", restarts, minimum=1)
    check_integer("train", "history", history, minimum=1)
    check_integer("train", "memory_bytes", memory_bytes, minimum=1)
    key_data = _key_data(seed)

    began = time.perf_counter()
    program, ensemble = _one_cell(Cell(model, task, recipe), key_data, restarts, history, steps)
    division = cut(program, ensemble, threads=len(workers()), memory_bytes=memory_bytes)
    with progress_bar(f"{restarts} models", restarts * recipe.steps, progress) as bar:

        def work(piece: tuple[int, int], device: jax.Device, cancelled: threading.Event) -> tuple[np.ndarray, Trained]:
            chunk, rows, numbers = ensemble.chunk(*piece, division.streams, division.models)

            def report(steps: int, loss: float) -> None:
                bar.add(int(numbers[0]), len(numbers) * steps, loss)

            return numbers, train_chunk(
                program, division.groups, chunk, rows, device=device, cancelled=cancelled, progress=report
            )

        parts = sorted(spread(work, pieces(ensemble, division)), key=lambda part: part[0][0])
    trained = jax.tree.map(lambda *arrays: np.concatenate(arrays), *(results for _, results in parts))
    run = _sorted_run(
        trained,
        history_steps=program.history_steps(),
        snapshot_steps=np.array(steps, dtype=int),
        config=_describe_run(model, task, recipe, key_data, restarts),
        seconds=time.perf_counter() - began,
    )
    bad = np.flatnonzero(run.diverged >= 0)
    named = [f"restart {run.restart[place]} at step {run.diverged[place]}" for place in bad[:NAMED]]
    warn_of_divergence(len(bad), restarts, named)
    return run


def warn_of_divergence(count: int, total: int, first: Sequence[str]) -> None:
    """Warn, on behalf of a function that a user called, that `count` of `total` models diverged, the first of which are
    named; do nothing if none did."""
    if not count:
        return
    more = f" and {count - len(first)} more" if count > len(first) else ""
    warnings.warn(
        f"{count} of {total} models diverged: {'; '.join(first)}{more}. Their loss is NaN. "
        "A lower learning_rate helps.",
        DivergenceWarning,
        stacklevel=3,
    )


def log_spaced(steps: int, count: int) -> Int[np.ndarray, " snapshots"]:
    """At most `count` numbers of steps from 0 to `steps`, evenly spaced on a logarithmic axis, for `snapshots`.

    >>> log_spaced(1000, 5).tolist()
    [0, 1, 10, 100, 1000]
    """
    return np.unique(np.append(0, np.round(np.geomspace(1, steps, count - 1)).astype(int)))


def validate(model: Any, task: Any, recipe: Any) -> None:
    """Raise ValueError or TypeError for what cannot be trained, before anything is compiled."""
    validate_recipe(recipe)
    validate_task(task)
    validate_model(model)
    _validate_fit(model, task, recipe)


def validate_recipe(recipe: Any) -> None:
    """Raise ValueError or TypeError unless it is a valid Recipe."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe. Got {recipe!r}.")
    recipe.validate()


def validate_task(task: Any) -> None:
    """Raise ValueError or TypeError unless it is a valid Task."""
    if not isinstance(task, Task):
        raise TypeError(f"task must be a Task. Got {task!r}.")
    task.validate()


def validate_model(model: Any) -> None:
    """Raise ValueError or TypeError unless it is a function that may make modules."""
    if not callable(model):
        raise TypeError(f"model must be an Autoencoder or a function `model(rngs=...)` to a module. Got {model!r}.")
    if hasattr(model, "validate"):
        model.validate()


def validate_hidden_l1(model: Model, recipe: Recipe) -> None:
    """Raise ValueError if hidden activations are to be penalised and the model does not show them."""
    if np.any(np.asarray(recipe.hidden_l1) != 0) and not has_hidden(nnx.eval_shape(lambda: model(rngs=nnx.Rngs(0)))):
        raise ValueError("hidden_l1 of Recipe needs a module with `encode` and `decode`; this model has none.")


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
    validate_hidden_l1(model, recipe)
    wanted = jax.eval_shape(task.target, x)
    try:
        got = jax.eval_shape(lambda x: module_output(model, x), x)
    except TypeError as error:
        raise ValueError(
            f"model does not take features of shape {x.shape}; do n_features of model and features agree? {error}"
        ) from error
    if got.shape != wanted.shape:
        raise ValueError(f"model predicts shape {got.shape} but the task's target has shape {wanted.shape}.")
    if task.attack is not None:
        _validate_attack_fit(model, task, x)


def _validate_attack_fit(model: Model, task: Task, x: jax.ShapeDtypeStruct) -> None:
    """Raise unless the task's attack on the model gives samples of the shape of x."""
    try:
        seen = jax.eval_shape(lambda x: task.seen(jax.random.key(0), model(rngs=nnx.Rngs(0)), x), x)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"attack of Task does not fit the model or the features: {error}") from error
    if seen.shape != x.shape:
        raise ValueError(f"attack of Task must return samples of shape {x.shape}. It returned {seen.shape}.")


def module_output(model: Model, x: Array) -> Array:
    """The prediction of a fresh module."""
    return model(rngs=nnx.Rngs(0))(x)


def checked_snapshots(owner: str, snapshots: Any, steps: int | None = None) -> tuple[int, ...]:
    """The numbers of steps in ascending order.

    Raises:
        ValueError: if one is no integer from 0 to `steps`, if these are given; `owner` is the function to name.
        TypeError: if it is no sequence.
    """
    if not isinstance(snapshots, Iterable):
        raise TypeError(f"snapshots of {owner} must be a sequence of steps. Got {snapshots!r}.")
    for step in snapshots:
        check_integer(owner, "each of snapshots", step, minimum=0)
        if steps is not None and step > steps:
            raise ValueError(f"snapshots of {owner} must be steps from 0 to {steps}. Got {step}.")
    return tuple(sorted({int(step) for step in snapshots}))


def _one_cell(
    cell: Cell, key_data: UInt32[np.ndarray, "2"], restarts: int, history: int, snapshot_steps: tuple[int, ...]
) -> tuple[Program, Ensemble]:
    """The program and the models of `restarts` initialisations of a cell."""
    structure, shared = separate(cell)
    independent_data = cell.recipe.independent_data
    ensemble = Ensemble(
        structure,
        shared,
        own=lambda cells: (),
        streams=restarts if independent_data else 1,
        models=1 if independent_data else restarts,
        locate=lambda numbers: Models(np.zeros_like(numbers), np.tile(key_data, (len(numbers), 1)), numbers),
        independent_data=independent_data,
    )
    return Program(structure, cell, -(-cell.recipe.steps // history), snapshot_steps), ensemble


def _key_data(seed: Any) -> UInt32[np.ndarray, "2"]:
    """The raw threefry key of a seed, a key, or a raw key."""
    if not isinstance(seed, jax.Array | np.ndarray):
        check_seed("train", "seed", seed)
        return np.asarray(jax.random.key_data(jax.random.key(seed, impl="threefry2x32")))
    typed = jax.dtypes.issubdtype(seed.dtype, jax.dtypes.prng_key)
    data = np.asarray(jax.random.key_data(seed) if typed else seed)
    if data.shape != (2,) or data.dtype != np.uint32:
        raise ValueError(f"seed of train must be an integer or one threefry key. Got {seed!r}.")
    return data


def _sorted_run(trained: Trained, **rest: Any) -> Run:
    """The run with its restarts in order of loss, diverged ones last."""
    order = np.argsort(trained.loss, kind="stable")
    ordered = jax.tree.map(lambda array: array[order], trained)._asdict()
    del ordered["metrics"], ordered["final_loss"]
    return Run(**ordered, restart=order, **rest)


def _describe_run(model: Model, task: Task, recipe: Recipe, key_data: np.ndarray, restarts: int) -> dict[str, Any]:
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
