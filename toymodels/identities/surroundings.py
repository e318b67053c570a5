"""What numbers depend on beside specifications and the user's own code: libraries, and settings of JAX."""

import enum
import functools
import importlib.metadata
import sys
from typing import Any

import jax

from toymodels.identities.description import modules
from toymodels.version import VERSION

ALWAYS = ("toymodels", "jax", "jaxlib", "flax", "optax")
"""The libraries that all numbers depend on."""

FLAGS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_default_prng_impl",
    "jax_numpy_dtype_promotion",
    "jax_random_seed_offset",
    "jax_softmax_custom_jvp",
    "jax_threefry_partitionable",
)
"""The settings of JAX that numbers depend on."""


def versions(value: Any = None) -> dict[str, str]:
    """The versions of the libraries that all numbers depend on, and of those that the user's own code in a value refers
    to."""
    named = {name.partition(".")[0] for name in modules(value)} - sys.stdlib_module_names
    return {name: one for name in (*ALWAYS, *sorted(named.difference(ALWAYS))) if (one := _version(name))}


def flags() -> dict[str, Any]:
    """The settings of JAX that numbers depend on, as they are here and now."""
    values = {name: getattr(jax.config, name) for name in FLAGS if hasattr(jax.config, name)}
    return {name: value.value if isinstance(value, enum.Enum) else value for name, value in values.items()}


@functools.cache
def _version(name: str) -> str | None:
    if name == "toymodels":
        return VERSION
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # the distribution has another name, or was never installed
        found = getattr(sys.modules.get(name), "__version__", None)
        return found if isinstance(found, str) else None
