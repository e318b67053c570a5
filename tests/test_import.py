"""`import toymodels` leaves the machine as it was. Each test looks at a fresh interpreter."""

import subprocess
import sys

import pytest


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_importing_starts_no_backend():
    code = """
import jax, toymodels
jax.config.update("jax_num_cpu_devices", 3)  # JAX refuses this once a backend is there
print(len(jax.local_devices(backend="cpu")))
"""
    assert python(code).split() == ["3"]


def test_importing_leaves_the_configuration_and_the_environment_alone():
    code = """
import os, jax, flax, optax
before = dict(jax.config.values), dict(os.environ)
import toymodels
print((dict(jax.config.values), dict(os.environ)) == before)
"""
    assert python(code).split() == ["True"]


@pytest.mark.parametrize("module", ["matplotlib", "xarray", "zarr", "dask", "torch", "anywidget", "experiments"])
def test_importing_does_not_bring(module: str):
    assert python(f"import sys, toymodels; print({module!r} in sys.modules)").split() == ["False"]


def test_unknown_names_raise_and_public_names_exist():
    code = """
import toymodels
for name in set(toymodels.__all__) - {"plots"}:
    getattr(toymodels, name)
try:
    toymodels.tarin
except AttributeError as error:
    print(error)
"""
    assert python(code).strip() == "module 'toymodels' has no attribute 'tarin'"
