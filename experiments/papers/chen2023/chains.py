"""What the figures on learning coefficients have in common: samples without noise, and wrong chains."""

from collections.abc import Callable
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

import toymodels as tm
from experiments.harness.experiment import Results
from toymodels.theory.expansion import one_hot_loss
from toymodels.theory.polygons import polygon_weights

BY_OUTPUTS = "paper: losses are sums over outputs; ours: means, so that n β is larger by the number of outputs"


def one_at_a_time(n: int, points: int = 32) -> tm.Dataset:
    """Each of n features alone, at the midpoints of equal parts of [0, 1]: a mean over them is an integral but for
    1 / points²."""
    middles = (np.arange(points) + 0.5) / points
    return tm.Dataset(np.concatenate([u * np.eye(n) for u in middles], axis=1), tm.features.full_batch)


def untrained_recipe() -> tm.Recipe:
    """No step: what is given is measured."""
    return tm.Recipe(0, 1, evaluation_samples=1)


@cache
def curvatures(k: int, n: int) -> Float[np.ndarray, " parameters"]:
    """Of the exact loss at a k-gon among n features, a mean over outputs: eigenvalues of its Hessian."""
    W, b = polygon_weights(k, n)

    def loss(p: jax.Array) -> jax.Array:
        return one_hot_loss(p[: 2 * n].reshape(2, n), p[2 * n :], jnp.full(n, 1 / n)) / n

    with jax.enable_x64(True):
        found = np.linalg.eigvalsh(jax.hessian(loss)(jnp.concatenate([W.ravel(), b])))
    return np.maximum(found, 0.0)


def traces(one: xr.Dataset) -> list[str]:
    """The variables that hold the course of chains."""
    return [str(name) for name in one.data_vars if str(name).startswith("chains")]


def with_traces(results: Results, change: Callable[[xr.DataArray], xr.DataArray]) -> Results:
    """Other courses of the chains."""
    return results.map(lambda one: one.assign({name: change(one[name]) for name in traces(one)}))


def half_as_high(results: Results) -> Results:
    """All chains at half the height: half as many directions."""
    return with_traces(results, lambda trace: trace / 2)


def twice_as_high(results: Results) -> Results:
    """All chains at twice the height."""
    return with_traces(results, lambda trace: trace * 2)


def falling(results: Results) -> Results:
    """Chains that find less loss than they start from."""
    return with_traces(results, lambda trace: -abs(trace))


def all_alike(results: Results) -> Results:
    """All chains at 7, whatever the model and the choices."""
    return with_traces(results, lambda trace: xr.full_like(trace, 7.0))
