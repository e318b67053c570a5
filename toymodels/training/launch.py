"""`train`: from a specification and a seed to trained models."""

import time
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import nnx
from jaxtyping import Int, PRNGKeyArray, UInt32

from toymodels.analysis.metrics import METRICS
from toymodels.arguments import told_apart
from toymodels.checks import check_function, check_integer, check_seed
from toymodels.identities import describe, versions
from toymodels.models import Model, module_with
from toymodels.models.modules import extra_state, param_state
from toymodels.tasks import Task
from toymodels.training.engine.ask import Metric, Metrics
from toymodels.training.engine.cells import Cell, separate
from toymodels.training.engine.cutting import cut
from toymodels.training.engine.execution import Trained, execute
from toymodels.training.engine.keys import key_data_of
from toymodels.training.engine.plan import Keep, Plan, Program, history_steps, streams
from toymodels.training.fit import check_fit, check_model
from toymodels.training.progress import progress_bar
from toymodels.training.recipe import Recipe
from toymodels.training.run import Run
from toymodels.training.start import start_arrays

NAMED = 5  # models in a warning


class DivergenceWarning(RuntimeWarning):
    """Some models' losses stopped being finite."""


_SWEEP = 'Several tasks, sizes or seeds, stored as they are finished, are for tm.sweep(..., over={"seed": range(10)}).'


@told_apart(dict.fromkeys(("over", "folder", "shard", "client", "log"), _SWEEP) | {"seeds": f"It has seed. {_SWEEP}"})
def train(
    model: Model,
    task: Task,
    recipe: Recipe = Recipe(),
    *,
    seed: int | PRNGKeyArray = 0,
    restarts: int = 1,
    metrics: str | Sequence[Metric | str] | Mapping[str, Metric | str] = (),
    start: Run | Mapping[str, Any] | None = None,
    snapshots: Sequence[int] | Int[np.ndarray, " snapshots"] = (),
    history: int = 200,
    memory_bytes: int = 2**30,
    progress: bool = True,
) -> Run:
    """Train `restarts` models on a task in one compiled program. For several tasks, sizes or seeds: `sweep`.

    All CPU cores, or all GPUs, are used. A model's numbers depend on its specification, the seed and its number among
    the restarts, and on nothing that is trained beside it. `toymodels.training.engine` explains how it is done.

    Args:
        model: what to train, e.g. `Autoencoder(n_features=5, n_hidden=2)`; see `toymodels.models`.
        task: what is to be learnt.
        recipe: how to train.
        seed: an integer or a JAX key. The same seed gives the same numbers on the same machine.
        restarts: number of different initialisations. They see the same samples at every step, unless
            `recipe.independent_data`: a feature that the samples of the first steps do not show is lost to all of them,
            and another seed may find it.
        metrics: functions that are computed from each trained model in the program that trains it, such as
            `analysis.geometry.dimensionality` or its name, "dimensionality"; by themselves, or under names of your own.
            See `toymodels.training.engine.ask` for what their arguments may be.
        start: parameters to start from, instead of fresh ones: a `Run`, whose best model all restarts start from
            or, if it has as many, each from its own; or arrays by name, for one model, or with an axis of restarts.
            What is not named is fresh, and so is the optimiser.
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
    cell = Cell(model, task, recipe)
    named = named_metrics("train", metrics)
    check_fit(cell, named)
    check_integer("train", "restarts", restarts, minimum=1)
    check_integer("train", "history", history, minimum=1)
    check_integer("train", "memory_bytes", memory_bytes, minimum=1)
    keep = Keep(named, history, checked_snapshots("train", snapshots, recipe.steps))
    key = key_data("train", seed)
    given = start_arrays("train", start, model, restarts)

    began = time.perf_counter()
    plan = one_cell_plan(cell, key, restarts, given, keep, memory_bytes)
    with progress_bar(restarts, recipe.steps, progress) as bar:
        parts = [trained for _, trained in execute(plan, plan.chunks(), report=bar.add)]
    run = run_of(
        parts,
        history_steps=history_steps(plan.programs[0], keep),
        snapshot_steps=np.array(keep.snapshots, dtype=int),
        model=model,
        config=describe_run(cell, key, restarts),
        seconds=time.perf_counter() - began,
    )
    bad = np.flatnonzero(run.diverged >= 0)[:NAMED]
    warn_of_divergence(run.diverged, [f"restart {run.restart[place]} at step {run.diverged[place]}" for place in bad])
    return run


def initial_module(
    model: Model, *, seed: int | PRNGKeyArray = 0, start: Run | Mapping[str, Any] | None = None
) -> nnx.Module:
    """The module that `train` starts from, of its first restart, in evaluation mode. Its numbers are the same to
    rounding, since they are made here without a compiled program.

    Args:
        model: as in `train`, and so are `seed` and `start`.

    Raises:
        ValueError, TypeError: for bad arguments.

    >>> from toymodels.models import Autoencoder
    >>> initial_module(Autoencoder(3, 2), seed=1).W.shape
    (2, 3)
    """
    check_model(model)
    given = start_arrays("initial_module", start, model, 1)
    init = key_data_of(key_data("initial_module", seed)[None], np.zeros((1, 1), int), independent=False).init[0, 0]
    module = model(rngs=nnx.Rngs(jax.random.wrap_key_data(init)))
    params, extra = (
        one | {name: value[0, 0] for name, value in given.items() if name in one}
        for one in (param_state(module), extra_state(module))
    )
    return module_with(model, params, extra)


def warn_of_divergence(diverged: np.ndarray, first: Sequence[str]) -> None:
    """Warn, on behalf of a function that a user called, of the models that diverged.

    Args:
        diverged: step of each model's first loss that was not finite, or -1.
        first: the names of the first of them.
    """
    count, total = int((diverged >= 0).sum()), diverged.size
    if not count:
        return
    more = f" and {count - len(first)} more" if count > len(first) else ""
    advice = "A lower learning_rate helps."
    if not diverged[diverged >= 0].any():
        advice = "It was so from the start: look for NaN in start, samples and labels, and for labels out of range."
    warnings.warn(
        f"{count} of {total} models diverged: {'; '.join(first)}{more}. Their loss is NaN. {advice}",
        DivergenceWarning,
        stacklevel=4,
    )


def log_spaced(steps: int, count: int) -> Int[np.ndarray, " snapshots"]:
    """At most `count` numbers of steps from 0 to `steps`, evenly spaced on a logarithmic axis, for `snapshots`.

    >>> log_spaced(1000, 5).tolist()
    [0, 1, 10, 100, 1000]
    """
    return np.unique(np.append(0, np.round(np.geomspace(1, steps, count - 1)).astype(int)))


def checked_snapshots(owner: str, snapshots: Any, steps: int | None = None) -> tuple[int, ...]:
    """The numbers of steps in ascending order.

    Raises:
        ValueError: if one is not an integer from 0 to `steps`, if these are given; `owner` is the function to name.
        TypeError: if it is not a sequence.
    """
    if not isinstance(snapshots, Iterable):
        raise TypeError(f"snapshots of {owner} must be a sequence of steps. Got {snapshots!r}.")
    for step in snapshots:
        check_integer(owner, "each of snapshots", step, minimum=0)
        if steps is not None and step > steps:
            raise ValueError(f"snapshots of {owner} must be steps from 0 to {steps}. Got {step}.")
    return tuple(sorted({int(step) for step in snapshots}))


def named_metrics(owner: str, metrics: Any) -> Metrics:
    """Names and functions of metrics, each of which may be given by its name, one alone as well.

    Raises:
        ValueError, TypeError: for what is not a function, and for names that stand for nothing or occur twice.

    >>> [name for name, _ in named_metrics("train", "n_represented")]
    ['n_represented']
    """
    metrics = [metrics] if isinstance(metrics, str) else metrics
    if not isinstance(metrics, Iterable):
        raise TypeError(f"metrics of {owner} must be a sequence of functions, or map names to them. Got {metrics!r}.")
    given = metrics.items() if isinstance(metrics, Mapping) else ((_metric_name(metric), metric) for metric in metrics)
    named = tuple((name, METRICS.resolved(f"metric {name!r} of {owner}", metric)) for name, metric in given)
    for name, metric in named:
        check_function(owner, f"metric {name!r}", metric)
        if [other for other, _ in named].count(name) > 1:
            raise ValueError(f"metrics of {owner} must have names of their own. Got {name!r} twice.")
    return named


def _metric_name(metric: Any) -> str:
    """What the values of a metric are called: as the function, also where it is given as "module:function"."""
    return metric.rpartition(":")[2] if isinstance(metric, str) else getattr(metric, "__name__", repr(metric))


def key_data(owner: str, seed: Any) -> UInt32[np.ndarray, "2"]:
    """The raw threefry key of a seed, a key, or a raw key."""
    if not isinstance(seed, jax.Array | np.ndarray):
        check_seed(owner, "seed", seed)
        return np.array([0, seed], dtype=np.uint32)
    typed = jax.dtypes.issubdtype(seed.dtype, jax.dtypes.prng_key)
    data = np.asarray(jax.device_get(jax.random.key_data(seed)) if typed else seed)
    if data.shape != (2,) or data.dtype != np.uint32:
        raise ValueError(f"seed of {owner} must be an integer or one threefry key. Got {seed!r}.")
    return data


def readable_seed(key: UInt32[np.ndarray, "2"]) -> int | list[int]:
    """A seed as a description has it: the integer, or both halves of a key that no integer makes."""
    high, low = key.tolist()
    return low if high == 0 else [high, low]


def one_cell_plan(
    cell: Cell,
    key: UInt32[np.ndarray, "2"],
    restarts: int,
    start: dict[str, np.ndarray],
    keep: Keep,
    memory_bytes: int,
) -> Plan:
    """A plan of one cell: some restarts of one configuration."""
    code, shared = separate(cell)
    box = streams(np.zeros((1, 1), int), key[None], restarts, cell.recipe.independent_data)
    program = Program(cell, code, shared, (), (), *box, start)
    return Plan((), restarts, (program,), keep, (cut(program, (), keep, memory_bytes=memory_bytes),))


def run_of(parts: Sequence[Trained], **rest: Any) -> Run:
    """The run with its restarts in order of their objective, diverged ones last."""
    trained = jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)
    trained = jax.tree.map(lambda array: array[np.argsort(trained.number)], trained)
    order = np.argsort(trained.objective, kind="stable")
    ordered = jax.tree.map(lambda array: array[order], trained)._asdict()
    return Run(restart=ordered.pop("number"), **ordered, **rest)


def describe_run(cell: Cell, key: np.ndarray, restarts: int) -> dict[str, Any]:
    """What a run's `config` holds."""
    return {
        "model": describe(cell.model),
        "task": describe(cell.task),
        "recipe": describe(cell.recipe),
        "seed": readable_seed(key),
        "restarts": restarts,
        "versions": versions(cell),
        "device": jax.devices()[0].device_kind,
    }
