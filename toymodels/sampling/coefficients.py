"""Local learning coefficients of trained models, from the course of chains."""

from itertools import product
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from toymodels.identities import from_description
from toymodels.sampling.chains import Chains
from toymodels.sweeps.runs import as_run
from toymodels.tasks import Task
from toymodels.training import Recipe, Run, evaluate

COURSE = ("chain", "entry")


class Summary(NamedTuple):
    """What chains tell of each model.

    Attributes:
        coefficient: the estimate of λ, n β (mean L - L(w*)), over the second halves of all chains; NaN if one diverged.
        error: its standard error by the spread between chains; NaN for one chain.
        below: the share of stretches with a lower mean loss than the model's. Many mean that it is not at a minimum:
            it was not trained to the end, or the loss is lower nearby.
        drift: how much the last quarter's mean is above the quarter's before. More than a few errors mean that the
            chains have not settled, or are leaving.
    """

    coefficient: Float[np.ndarray, "*batch"]
    error: Float[np.ndarray, "*batch"]
    below: Float[np.ndarray, "*batch"]
    drift: Float[np.ndarray, "*batch"]


def summary(trace: Any) -> Summary:
    """The learning coefficient by the course of chains, and what to doubt it for. The first half is the way there.

    >>> {name: float(one) for name, one in summary([[0, 2, 3, 3], [0, 4, 5, 5]])._asdict().items()}
    {'coefficient': 4.0, 'error': 1.0, 'below': 0.0, 'drift': 0.0}

    Args:
        trace: n β (L(w) - L(w*)) as `Chains` gives it, (..., chains, entries), at least 4 entries.

    Raises:
        ValueError: for fewer entries.
    """
    values = np.asarray(trace, dtype=float)
    chains, entries = values.shape[-2:]
    if entries < 4:
        raise ValueError(f"trace of summary must have at least 4 entries. Got {entries}.")
    second, last = values[..., entries // 2 :], entries - entries // 4
    ends = second.mean(-1)
    spread = ends.std(-1, ddof=1) / chains**0.5 if chains > 1 else np.full(ends.shape[:-1], np.nan)
    drift = values[..., last:].mean((-2, -1)) - values[..., entries // 2 : last].mean((-2, -1))
    return Summary(ends.mean(-1), spread, (second < 0).mean((-2, -1)), drift)


def expected_coefficient(curvatures: Any, chains: Chains) -> Float[np.ndarray, "*batch"]:
    """What `summary` finds on average at a minimum whose loss is quadratic, without the noise of batches: what the
    choice of n β, ε, γ and the number of steps makes of half the number of curved directions.

    A direction of curvature h relaxes at the rate a = n β h + γ, in steps of ε/2; it ends with the variance
    1 / (a (1 - ε a / 4)) instead of 1 / (n β h). Without an end (infinite) where ε a >= 4.

    >>> too_short, enough = Chains(1e3, 1e-6), Chains(1e3, 1e-6, steps=100_000)
    >>> [round(float(expected_coefficient([1.0, 10.0, 0.0], one)), 2) for one in (too_short, enough)]
    [0.97, 1.0]

    Args:
        curvatures: eigenvalues of the Hessian of the objective, at least 0.
        chains: how they move.

    Raises:
        ValueError: for curvatures below 0, which a minimum does not have.
    """
    h = np.asarray(curvatures, dtype=float)
    if not (h >= 0).all():
        raise ValueError(f"curvatures of expected_coefficient must not be negative. Got {h.min():g}.")
    rate = chains.n_beta * h + chains.localization
    kept, half = (1 - chains.step_size * rate / 2) ** 2, chains.steps / 2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        late = np.where(kept < 1, 1 - (kept**half - kept**chains.steps) / ((1 - kept) * half), np.inf)
        each = chains.n_beta * h / 2 * late / (rate * (1 - chains.step_size * rate / 4))
    return np.asarray(np.where(h > 0, np.where(kept < 1, each, np.inf), 0.0).sum(-1))


def learning_coefficients(
    models: Run | xr.Dataset, chains: Chains, *, model: Any = None, task: Task | None = None
) -> xr.Dataset:
    """The local learning coefficients λ of all models of a run or of a sweep's results (Lau et al. 2023).

    For a model that was trained on a data set, λ is that of its loss on this data set.

    >>> import toymodels as tm
    >>> run = tm.train(tm.Autoencoder(2, 1), tm.Task(tm.Independent(2)), tm.Recipe(steps=200), restarts=3)
    >>> chains = Chains(n_beta=1e3, step_size=1e-4, steps=200, chains=2)
    >>> sorted(learning_coefficients(run, chains).data_vars)
    ['below', 'coefficient', 'drift', 'error', 'trace']

    Args:
        models: trained models, with their parameters. Of a run, restarts keep their order.
        chains: how many, how long, how they move.
        model, task: what was trained, where the description cannot say it, such as a function without a name.

    Returns:
        The fields of `Summary` along the axes of the models, and `trace` (..., chain, entry), the course of the chains.

    Raises:
        TypeError: for models that are neither a Run nor a sweep's results.
        ValueError: for results without parameters, and descriptions that cannot be read back.
    """
    if not isinstance(models, Run | xr.Dataset):
        raise TypeError(f"models of learning_coefficients must be a Run or a sweep's results. Got {models!r}.")
    if isinstance(models, Run):
        return _labelled(xr.DataArray(_trace(models, chains, model, task), dims=("restart", *COURSE)))
    grid = [dim for dim in models.loss.dims if dim != "restart"]
    cells = product(*(models[dim].values for dim in grid))
    traces = []
    for labels in cells:
        run = as_run(models, model=model, **dict(zip(map(str, grid), labels, strict=True)))
        traces.append(_trace(run, chains, model, task)[np.argsort(run.restart)])
    shape = (*(models.sizes[dim] for dim in grid), *traces[0].shape)
    trace = xr.DataArray(np.reshape(traces, shape), dims=(*grid, "restart", *COURSE))
    trace = trace if "restart" in models.loss.dims else trace.isel(restart=0)
    return _labelled(trace.assign_coords(models.loss.coords))


def _trace(run: Run, chains: Chains, model: Any, task: Task | None) -> Float[np.ndarray, "restarts chains entries"]:
    """The chains around each model, in the order of the run."""
    model = (run.model or from_description(run.config["model"])) if model is None else model
    task = from_description(run.config["task"]) if task is None else task
    seed = run.config["seed"]
    key = seed if isinstance(seed, int) else jnp.asarray(seed, jnp.uint32)
    recipe = Recipe(1, chains.batch_size, evaluation_samples=1)
    found = evaluate(model, task, run, recipe, seed=key, metrics={"trace": chains})
    return found.metrics["trace"][np.argsort(found.restart)]


def _labelled(trace: xr.DataArray) -> xr.Dataset:
    fields = {name: (trace.dims[:-2], values) for name, values in summary(trace.values)._asdict().items()}
    return xr.Dataset({**fields, "trace": trace})
