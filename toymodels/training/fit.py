"""Do model, task and recipe fit together? Everything is tried on shapes, before anything is compiled."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

from toymodels.checks import check_instance, check_numbers
from toymodels.features.distributions import Labelled, inputs_of
from toymodels.features.uniform import batch_of, can, prepared
from toymodels.models.modules import abstract, activations, axes, param_shapes, param_state
from toymodels.tasks import GeometricImportance, Task
from toymodels.training.engine.ask import Metrics, arguments_of, asked, check_arguments, offer
from toymodels.training.engine.cells import Cell, assemble, separate
from toymodels.training.engine.code import Alike
from toymodels.training.mixing import check_apart
from toymodels.training.recipe import Recipe


def check_recipe(recipe: Any) -> None:
    """Raise ValueError or TypeError unless it is a valid Recipe."""
    if not isinstance(recipe, Recipe):
        raise TypeError(f"recipe must be a Recipe. Got {recipe!r}.")
    recipe.validate()


def check_task(task: Any) -> None:
    """Raise ValueError or TypeError unless it is a valid Task."""
    if not isinstance(task, Task):
        raise TypeError(f"task must be a Task. Got {task!r}.")
    task.validate()


def check_model(model: Any) -> None:
    """Raise ValueError or TypeError unless it is a function that may make modules."""
    if not callable(model):
        raise TypeError(f"model must be an Autoencoder or a function `model(rngs=...)` to a module. Got {model!r}.")
    check_instance("train", "model", model)
    if hasattr(model, "validate"):
        model.validate()


def check_parts(cell: Cell) -> None:
    """Raise ValueError or TypeError for what is wrong in itself."""
    check_recipe(cell.recipe)
    check_task(cell.task)
    check_model(cell.model)


def check_fit(cell: Cell, metrics: Metrics = ()) -> None:
    """Raise ValueError or TypeError for what is wrong in a cell, or does not fit together."""
    check_parts(cell)
    _check_together(Alike((cell, metrics)))


@lru_cache(maxsize=256)
def _check_together(alike: Alike) -> None:
    """What depends on code and shapes alone, and so is not tried again for other numbers."""
    whole, metrics = alike.value
    code, numbers = separate(whole)

    def check(numbers: Any) -> None:
        model, task, recipe = assemble(code, numbers, ())  # its numbers have no values, as when it is trained
        shapes = _module_shapes(model)
        recipe.check_params(shapes)
        for features in (task.features, task.evaluation):
            if features is not None:
                _check_pass(model, task, _samples(features, recipe.batch_size), metrics)
        _check_optimizer(recipe, shapes)

    jax.eval_shape(check, numbers)
    _check_axes(whole.model)
    check_apart(whole.model, whole.task, _samples(whole.task.features, whole.recipe.batch_size))
    for features in (whole.task.features, whole.task.evaluation):
        if features is not None:
            _check_importance(whole, _samples(features, whole.recipe.batch_size))


KEY, STEP = jax.eval_shape(lambda: (jax.random.key(0), jnp.zeros((), int)))
"""The shapes of a key and of a step: with ones that have numbers, a transfer guard would be set off."""


def tried(what: str, called: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """The shapes of what a function of the user's returns.

    Raises:
        ValueError: one line, for whatever it raises: what it is, how it is called, and what it said.
    """
    with explained(what, called):
        return jax.eval_shape(function, *arguments)


@contextlib.contextmanager
def explained(what: str, called: str) -> Iterator[None]:
    """Raise ValueError, with one line, for whatever is raised inside."""
    try:
        yield
    except jax.errors.ConcretizationTypeError as error:
        raise ValueError(
            f"{what}, called as {called}, asks for the value of a number, which differs from model to model and is not "
            "known when the program is compiled. Use jnp.where, or make the field static()."
        ) from error
    except Exception as error:
        said = next(iter(str(error).strip().splitlines()), "")
        raise ValueError(f"{what}, called as {called}, failed: {type(error).__name__}: {said}") from error


def _module_shapes(model: Any) -> dict[str, Any]:
    """The shapes of the parameters that a model makes, if what it makes is a module that can be trained."""

    def made() -> dict[str, Any]:
        module = model(rngs=nnx.Rngs(0))
        if not isinstance(module, nnx.Module):
            raise TypeError(f"it must return an nnx.Module. It returned {module!r}")
        return param_state(module)

    shapes = tried("model", "model(rngs=...)", made)
    for name, param in shapes.items():
        if not jnp.issubdtype(param.dtype, jnp.floating):
            raise ValueError(f"model has a parameter {name!r} of type {param.dtype}. What is trained must be floats.")
    return shapes


def _check_axes(model: Any) -> None:
    """Raise unless the axes that the module names are those of its parameters."""
    shapes = param_shapes(model)
    for name, names in axes(abstract(model)).items():
        if name in shapes and (len(names) != len(shapes[name].shape) or len(set(names)) < len(names)):
            raise ValueError(
                f"axes of the model must name each of the {len(shapes[name].shape)} axes of {name} once. Got {names!r}."
            )


def _samples(features: Any, batch_size: int) -> Any:
    """The shapes of a batch."""
    size = batch_size
    if can(features, "prepare") or can(features, "batch"):
        called = f"features.batch(key, step, {size})"
        x = tried("features", called, lambda key: batch_of(prepared(features, key), key, jnp.zeros((), int), size), KEY)
        size = jax.tree.leaves(x)[0].shape[-1]  # a full batch is as large as the data set
    else:
        x = tried("features", f"features.sample(key, {size})", lambda key: features.sample(key, size), KEY)
    alone = inputs_of(x)
    n = getattr(features, "n_features", None)
    if n is not None and getattr(alone, "ndim", 0) == 2 and alone.shape != (n, size):
        raise ValueError(
            f"features.sample must return shape (n_features, batch) = ({n}, {size}), samples in columns. It returned "
            f"{alone.shape}."
        )
    shapes = [array.shape for array in jax.tree.leaves(x)]
    if not shapes or any(shape[-1:] != (size,) for shape in shapes):
        raise ValueError(
            f"features.sample must return samples along the last axis: shape (..., {size}). It returned {_shape(x)}."
        )
    return x


def _check_pass(model: Any, task: Task, x: Any, metrics: Metrics) -> None:
    """Try one pass through model, target, loss, attack, penalties and metrics."""
    wanted = tried("target of Task", f"target({_shape(_label(x))})", task.wanted, x)
    batch = jax.tree.leaves(x)[0].shape[-1]
    if not hasattr(wanted, "shape"):
        raise ValueError(f"target of Task must return one array. It returned {_shape(wanted)}.")
    if wanted.ndim == 0 or wanted.shape[-1] != batch:
        raise ValueError(
            "target of Task must map samples (..., batch) to what is wanted (..., batch), samples in columns. It maps "
            f"{_shape(_label(x))} to {_shape(wanted)}."
        )

    def passed(x: Any) -> dict[str, Any]:
        return activations(model(rngs=nnx.Rngs(0)), task.inputs(x))

    agree = "; do n_features of model and features agree?" if hasattr(task.features, "n_features") else ""
    named = tried(f"model does not take features of shape {_shape(task.inputs(x))}{agree} It", "module(x)", passed, x)
    if "prediction" not in named:
        raise ValueError(f"activations of the model must have 'prediction' among them. Got {', '.join(named)}.")
    losses = tried(
        "loss of Task", f"loss({_shape(named['prediction'])}, {_shape(wanted)})", task.loss, named["prediction"], wanted
    )
    if not hasattr(losses, "shape"):
        raise ValueError(f"loss of Task must return an array. It returned {losses!r}.")
    if task.attack is not None:
        _check_attack(model, task, x)

    def offered(x: Any) -> dict[str, Any]:
        module = model(rngs=nnx.Rngs(0))
        named, key = activations(module, task.inputs(x)), jax.random.key(0)
        sets = {name: prepared(getattr(task, name), key) for name in ("features", "evaluation")}
        return offer(param_state(module), named, module, dataclasses.replace(task, **sets), x, key)

    names = dict.fromkeys(jax.eval_shape(lambda x: {k: v for k, v in offered(x).items() if k not in _OBJECTS}, x))
    names |= dict.fromkeys(_OBJECTS)
    for number, penalty in enumerate(task.penalties):
        what = f"penalties[{number}] of Task"
        check_arguments(what, penalty, names)
        value = tried(what, _call(penalty, names), lambda x, penalty=penalty: asked(penalty, offered(x)), x)
        if getattr(value, "shape", None) != ():
            raise ValueError(f"{what} must return one number. It returned shape {_shape(value)}.")
    for name, metric in metrics:
        check_arguments(f"metric {name!r}", metric, names)
        tried(f"metric {name!r}", _call(metric, names), lambda x, metric=metric: asked(metric, offered(x)), x)


_OBJECTS = ("module", "task")  # what is offered and is not an array


def _check_importance(cell: Cell, x: Any) -> None:
    """Raise unless there are as many importances as the loss has outputs."""
    model, task, _ = cell

    def losses(x: Any) -> Any:
        return task.loss(activations(model(rngs=nnx.Rngs(0)), task.inputs(x))["prediction"], task.wanted(x))

    shape = jax.eval_shape(losses, x).shape
    if len(shape) >= 2 and not isinstance(task.importance, GeometricImportance):
        check_numbers("Task", "importance", task.importance, length=shape[0], minimum=0, per="output")
    elif len(shape) < 2 and (isinstance(task.importance, GeometricImportance) or np.ndim(task.importance)):
        raise ValueError(
            f"importance of Task must be one number, since its loss has no axis of outputs. Got {task.importance!r}."
        )


def _check_attack(model: Any, task: Task, x: Any) -> None:
    """Raise unless the task's attack on the model gives samples of the shape of x."""

    def seen(x: Any) -> Any:
        return task.seen(jax.random.key(0), model(rngs=nnx.Rngs(0)), x)

    got = tried("attack of Task does not fit the model or the features: it", "perturb(key, module, x, loss)", seen, x)
    if jax.tree.map(jnp.shape, got) != jax.tree.map(jnp.shape, x):
        raise ValueError(f"attack of Task must return samples of the shape of x, {_shape(x)}. Got {_shape(got)}.")


def _check_optimizer(recipe: Recipe, params: Any) -> None:
    with explained("schedule of Recipe", "schedule(learning_rate, steps)"):
        schedule = recipe.scheduled()
    if not callable(schedule):
        raise ValueError(f"schedule of Recipe must return a function of the step. It returned {schedule!r}.")
    tried("schedule of Recipe", "schedule(learning_rate, steps)(step)", recipe.rate, STEP)
    with explained("optimizer of Recipe", "optimizer(rate)"):
        made = recipe.optimizer(schedule)
    if not isinstance(made, optax.GradientTransformation):
        raise ValueError(f"optimizer of Recipe must return an optax.GradientTransformation. It returned {made!r}.")

    def update(params: Any) -> Any:
        extra = {"value": jnp.zeros(()), "grad": params, "value_fn": lambda params: jnp.zeros(())}
        state = recipe.transformation().init(params)
        updates, state = recipe.update(params, state, params, key=jax.random.key(0), **extra)
        return recipe.iterate(updates, state)

    called = "optimizer(rate).update(gradient, state, params, value=..., grad=..., value_fn=..., key=...)"
    tried("optimizer of Recipe", called, update, params)


def _call(function: Any, names: Mapping[str, Any]) -> str:
    name = getattr(function, "__name__", type(function).__name__)
    return f"{name}({', '.join(argument for argument in arguments_of(function) if argument in names)})"


def _label(x: Any) -> Any:
    return x.label if isinstance(x, Labelled) else x


def _shape(value: Any) -> str:
    shapes = [str(tuple(one.shape)) for one in jax.tree.leaves(value) if hasattr(one, "shape")]
    return " and ".join(shapes) or repr(value)
