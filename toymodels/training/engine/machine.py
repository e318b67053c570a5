"""The machine that trains: its devices and cores, and the settings of JAX that its threads are to have."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax

SETTINGS: dict[str, Callable[[Any], contextlib.AbstractContextManager[Any]]] = {
    "jax_enable_x64": jax.enable_x64,
    "jax_default_matmul_precision": jax.default_matmul_precision,
    "jax_numpy_dtype_promotion": jax.numpy_dtype_promotion,
    "jax_numpy_rank_promotion": jax.numpy_rank_promotion,
    "jax_debug_nans": jax.debug_nans,
    "jax_debug_infs": jax.debug_infs,
    "jax_threefry_partitionable": jax.threefry_partitionable,
    "jax_default_prng_impl": jax.default_prng_impl,
    "jax_transfer_guard_host_to_device": jax.transfer_guard_host_to_device,
    "jax_transfer_guard_device_to_device": jax.transfer_guard_device_to_device,
    "jax_transfer_guard_device_to_host": jax.transfer_guard_device_to_host,
    "jax_check_tracer_leaks": jax.checking_leaks,
    "jax_log_compiles": jax.log_compiles,
    "jax_disable_jit": jax.disable_jit,
}
"""Settings that a `with` statement gives to a thread alone: of each, its name and what sets it."""


PRECISION = "jax_default_matmul_precision"


class Settings(NamedTuple):
    """The settings of a thread, by name."""

    values: dict[str, Any]

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """In another thread, as long as the context lasts. Matrix products have full precision, unless the caller
        chose another: JAX leaves it to the device, and GPUs round what they multiply to ten bits."""
        chosen = dict(self.values)
        if chosen[PRECISION] is None and jax.local_devices()[0].platform != "cpu":
            chosen[PRECISION] = "highest"
        with contextlib.ExitStack() as stack:
            for name, value in chosen.items():
                if getattr(jax.config, name) != value:
                    stack.enter_context(SETTINGS[name](value))
            yield


def callers_settings() -> Settings:
    """The settings of the calling thread, to be applied in those that work for it."""
    return Settings({name: getattr(jax.config, name) for name in SETTINGS})


def workers() -> list[jax.Device]:
    """The device of each thread: every accelerator once, or the CPU devices once for every core."""
    devices = jax.local_devices()
    if devices[0].platform != "cpu":
        return devices
    each = max(1, cores() // len(devices))
    return [device for device in devices for _ in range(each)]


def cores() -> int:
    """How many cores this process may use: all of them where the system does not say, as macOS and Windows."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def device_bytes(otherwise: int) -> int:
    """Half of the memory of the first device, or as much as is said where it does not tell."""
    statistics = jax.local_devices()[0].memory_stats() or {}
    return statistics.get("bytes_limit", 2 * otherwise) // 2
