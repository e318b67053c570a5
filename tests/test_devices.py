"""The numbers do not depend on how many devices share the work."""

import subprocess
import sys
from pathlib import Path

import numpy as np

import toymodels as tm

TRAIN = """
import sys
import jax
import toymodels as tm
from toymodels.training import schedule

jax.config.update("jax_num_cpu_devices", int(sys.argv[1]))
tasks = [tm.Task(tm.Independent(5, density), tm.Geometric(0.9)) for density in (0.1, 0.4, 0.9)]
recipe = tm.Recipe(steps=50, batch_size=64, evaluation_samples=256)
run = tm.train(tm.Autoencoder(5, 2), tasks, recipe, seed=3, restarts=3, snapshots=[0, 20])
run.save(sys.argv[2])
print(len({device.id for device in schedule.workers()}))
"""


def train_on(devices: int, path: Path) -> tm.Run:
    command = [sys.executable, "-c", TRAIN, str(devices), str(path)]
    used = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert used.split() == [str(devices)]
    return tm.Run.load(path)


def test_two_devices_give_the_numbers_of_one(tmp_path: Path):
    one, two = (train_on(devices, tmp_path / f"{devices}.safetensors") for devices in (1, 2))
    np.testing.assert_array_equal(two.restart, one.restart)
    for name in ("W", "b", "loss", "history"):
        np.testing.assert_allclose(getattr(two, name), getattr(one, name), atol=1e-6)
    np.testing.assert_allclose(two.snapshots["W"], one.snapshots["W"], atol=1e-6)
