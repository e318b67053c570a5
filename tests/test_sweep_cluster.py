"""Sweeps on the workers of a Dask cluster."""

import os
import signal
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
from toymodels.sweeps.progress import Progress

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]  # one cluster for all

MODEL = tm.Autoencoder(5, 2)
TASK = tm.Task(tm.Independent(5), tm.GeometricImportance(0.9))
RECIPE = tm.Recipe(steps=20, batch_size=32, evaluation_samples=64)
LONGER = tm.Recipe(steps=300, batch_size=32, evaluation_samples=64)
OVER = {"density": [0.1, 0.6, 0.9], "seed": range(4)}


def sweep(task: tm.Task = TASK, recipe: tm.Recipe = RECIPE, **options: Any) -> xr.Dataset:
    return tm.sweep(MODEL, task, recipe, **{"over": OVER, "restarts": 2, **options})


def pids(client: Any) -> set[int]:
    return set(client.run(os.getpid).values())


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
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
    task = tm.Task(Heights(5), tm.GeometricImportance(0.9), target=lambda x: x + offset)
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
    over = {**OVER, "seed": range(20)}
    whole = sweep(over=over, folder=tmp_path, memory_bytes=20_000)
    n_units = store.describe(tmp_path).n_units
    assert n_units > 3
    whole.load()
    for number in range(0, n_units, 2):
        store.remove_unit(tmp_path, number)
    log = tmp_path / "log"
    again = sweep(over=over, folder=tmp_path, memory_bytes=2**30, client=client, log=log)
    xr.testing.assert_allclose(again, whole, atol=1e-6, rtol=0)
    assert len(log.read_text().splitlines()) == len(range(0, n_units, 2))


@pytest.mark.parametrize("with_folder", [False, True])
def test_a_lost_worker_does_no_harm(with_folder: bool, client: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    client.wait_for_workers(2)
    before = pids(client)
    finished = []

    def finish_and_kill(progress: Progress, models: int, diverged: int) -> None:
        """Kill one of the workers when the first units have been finished."""
        finish(progress, models, diverged)
        finished.append(models)
        if len(finished) == 3:
            os.kill(min(before), signal.SIGKILL)

    finish = Progress.finish
    monkeypatch.setattr(Progress, "finish", finish_and_kill)
    options: Any = {
        "recipe": LONGER,
        "over": {**OVER, "seed": range(40)},
        "metrics": [geometry.dimensionality],
        "params": False,
        "history": 1,
        "memory_bytes": 10_000,
    }
    folder = {"folder": tmp_path} if with_folder else {}
    results = sweep(**options, **folder, client=client)
    assert len(finished) > 12
    client.wait_for_workers(2)
    assert len(pids(client) - before) == 1  # Dask has started another one in its place
    monkeypatch.undo()
    xr.testing.assert_allclose(results, sweep(**options), atol=1e-6, rtol=0)


def test_an_error_on_a_worker_is_raised_here(client: Any, tmp_path: Path):
    def fails(W: jax.Array) -> jax.Array:
        return jax.pure_callback(fail, jax.ShapeDtypeStruct((), W.dtype), W, vmap_method="sequential")

    def fail(W: np.ndarray) -> np.ndarray:
        raise RuntimeError("the disk of the worker is on fire")

    with pytest.raises(Exception, match="the disk of the worker is on fire"):
        sweep(metrics=[fails], client=client, folder=tmp_path)
    assert list(tmp_path.rglob("*.npz")) == []
    xr.testing.assert_allclose(sweep(client=client), sweep(), atol=1e-6, rtol=0)
