"""The numbers do not depend on how many devices share the work."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import toymodels as tm

TRAIN = """
import sys
import jax
import numpy as np
import toymodels as tm
from toymodels.training.engine.machine import workers

jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
model, task = tm.Autoencoder(5, 2), tm.Task(tm.Independent(5, 0.4), tm.GeometricImportance(0.9))
recipe = tm.Recipe(steps=50, batch_size=64, evaluation_samples=256)
tm.train(model, task, recipe, seed=3, restarts=3, snapshots=[0, 20]).save(sys.argv[2] + ".safetensors")
grid = tm.sweep(model, task, recipe, over={"density": [0.1, 0.4, 0.9], "seed": [3, 8]}, restarts=2)
np.savez(sys.argv[2] + ".npz", **{name: grid[name].values for name in grid})
print(len({device.id for device in workers()}))
"""


def train_on(devices: int, path: Path) -> tuple[tm.Run, dict[str, np.ndarray]]:
    """A run and the arrays of a sweep, from a process that has so many devices."""
    command = [sys.executable, "-c", TRAIN, str(devices), str(path)]
    used = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert used.split() == [str(devices)]
    return tm.Run.load(path.with_suffix(".safetensors")), dict(np.load(path.with_suffix(".npz")))


@pytest.mark.slow
def test_two_devices_give_the_numbers_of_one(tmp_path: Path):
    (one, one_grid), (two, two_grid) = (train_on(devices, tmp_path / str(devices)) for devices in (1, 2))
    np.testing.assert_array_equal(two.restart, one.restart)
    for name in ("W", "b", "loss", "history"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), atol=1e-6)
    np.testing.assert_allclose(two.snapshots["W"], one.snapshots["W"], atol=1e-6)
    assert one_grid["W"].shape == (3, 2, 2, 2, 5)
    assert two_grid.keys() == one_grid.keys()
    for name, wanted in one_grid.items():
        np.testing.assert_allclose(two_grid[name], wanted, atol=1e-6)
