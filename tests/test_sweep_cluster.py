"""Sweeps on the workers of a Dask cluster."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.sweeps import store

distributed = pytest.importorskip("distributed")

MODEL = tm.Autoencoder(5, 2)
TASK = tm.Task(tm.Independent(5), tm.Geometric(0.9))
RECIPE = tm.Recipe(steps=20, batch_size=32, evaluation_samples=64)
OVER = {"density": [0.1, 0.6, 0.9], "seed": range(4)}


def sweep(task: tm.Task = TASK, recipe: tm.Recipe = RECIPE, **options: Any) -> xr.Dataset:
    return tm.sweep(MODEL, task, recipe, **{"over": OVER, "restarts": 2, **options})


def pids(client: Any) -> set[int]:
    return set(client.run(os.getpid).values())


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_a_cluster_gives_the_numbers_of_this_machine(client: Any):
    options: Any = {"metrics": [geometry.dimensionality], "snapshots": [0, 7]}
    here = sweep(**options)
    there = sweep(**options, client=client)
    xr.testing.assert_allclose(there, here, atol=1e-6, rtol=0)
    assert there.attrs["config"] == here.attrs["config"]


def test_functions_and_classes_that_the_workers_cannot_import(client: Any, tmp_path: Path):
    """As in a notebook: own features, a target and metrics that exist in this process alone."""

    @tm.specification
    class Heights:
        n_features: int = tm.static()
        density: Any = 0.3
        height: Any = 1.0

        def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
            on = jax.random.bernoulli(key, self.density, (self.n_features, batch_size))
            return jnp.where(on, self.height * jnp.linspace(0.5, 1, self.n_features)[:, None], 0.0)

    offset = 0.25
    task = tm.Task(Heights(5), tm.Geometric(0.9), target=lambda x: x + offset)
    options: Any = {
        "over": {"height": [0.5, 1.0], "density": [0.1, 0.6], "seed": [0, 3]},
        "metrics": {"shifted": lambda W: W.sum() + offset, "own": lambda task: task.features.height},
    }
    here = sweep(task, **options)
    there = sweep(task, **options, client=client, folder=tmp_path)
    xr.testing.assert_allclose(there, here, atol=1e-6, rtol=0)
    np.testing.assert_allclose(there.own.sel(height=0.5), 0.5)
    assert np.ptp(there.loss.values) > 1e-3


def test_a_sweep_begun_here_goes_on_on_a_cluster(client: Any, tmp_path: Path):
    whole = sweep(folder=tmp_path, memory_bytes=10_000)
    n_units = store.describe(tmp_path).n_units
    assert n_units > 3
    for number in range(0, n_units, 2):
        store.remove_unit(tmp_path, number)
    log = tmp_path / "log"
    xr.testing.assert_allclose(
        sweep(folder=tmp_path, memory_bytes=10_000, client=client, log=log), whole, atol=1e-6, rtol=0
    )
    assert len(log.read_text().splitlines()) == len(range(0, n_units, 2))


@pytest.mark.parametrize("with_folder", [False, True])
def test_a_lost_worker_does_no_harm(
    with_folder: bool, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    recipe = tm.Recipe(steps=500, batch_size=32, evaluation_samples=64)
    options: Any = {"recipe": recipe, "over": {**OVER, "seed": range(40)}, "memory_bytes": 100_000}
    here = sweep(**options)
    before = pids(client)
    assert len(before) == 2
    finished = 0
    progress = tm.sweeps.sweep.__globals__["sweep_progress"]
    ...
