"""`import toymodels` leaves the machine as it was, in a fresh interpreter."""

import json
import subprocess
import sys
from typing import Any

import pytest

import toymodels

CODE = """
import json, os, sys
import jax, flax, optax
before = dict(jax.config.values), dict(os.environ)
import toymodels
found = {"unchanged": (dict(jax.config.values), dict(os.environ)) == before, "modules": sorted(sys.modules)}
jax.config.update("jax_num_cpu_devices", 3)  # JAX refuses this once a backend is there
found["devices"] = len(jax.local_devices(backend="cpu"))
for name in set(toymodels.__all__) - {"plots"}:
    getattr(toymodels, name)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    done = subprocess.run([sys.executable, "-c", CODE], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def test_importing_starts_no_backend(found: dict[str, Any]):
    assert found["devices"] == 3


def test_importing_leaves_the_configuration_and_the_environment_alone(found: dict[str, Any]):
    assert found["unchanged"]


def test_importing_does_not_bring_what_only_some_need(found: dict[str, Any]):
    heavy = {"matplotlib", "xarray", "zarr", "dask", "torch", "anywidget", "experiments"}
    assert heavy & set(found["modules"]) == set()


def test_unknown_names_raise():
    with pytest.raises(AttributeError, match="module 'toymodels' has no attribute 'tarin'"):
        toymodels.tarin  # noqa: B018
