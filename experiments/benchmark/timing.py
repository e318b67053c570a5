"""Timing on a machine that does other things as well: interleaved rounds, medians, ratios within a round."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from toymodels import files

Spread = dict[str, float]


def interleave(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, Float[np.ndarray, " rounds"]]:
    """What each side, already warm, measured in each round; a round asks every side once, in turn."""
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            measured[name].append(side())
    return {name: np.array(values) for name, values in measured.items()}


def spread(values: Float[np.ndarray, " rounds"], digits: int = 4) -> Spread:
    """Median, minimum and maximum over the rounds, to some significant digits.

    >>> spread(np.array([1.0, 2.0, 6.0]))
    {'median': 2.0, 'min': 1.0, 'max': 6.0}
    """
    return {
        name: rounded(function(values), digits)
        for name, function in (("median", np.median), ("min", np.min), ("max", np.max))
    }


def rounded(value: float, digits: int = 4) -> float:
    """The value to some significant digits.

    >>> rounded(1234.567, 3)
    1230.0
    """
    return float(f"{value:.{digits}g}")


def seconds_of(function: Callable[[], object]) -> float:
    """Wall time of one call, in seconds. The call must block until its result is there."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def matrix_rate(side: int = 2048, calls: int = 6) -> Callable[[], float]:
    """A function that measures the machine's large-matrix rate: the best of some calls of a compiled float32 product of
    two square matrices, in floating point operations per second."""
    matrix = jax.random.normal(jax.random.key(0), (side, side))
    product = jax.jit(jnp.matmul)

    def best_rate() -> float:
        return 2 * side**3 / min(seconds_of(lambda: product(matrix, matrix).block_until_ready()) for _ in range(calls))

    best_rate()  # compiles
    return best_rate


def watch_others() -> Callable[[], float | None]:
    """A function that tells which share of all cores other programs, and other machines on the same hardware, have used
    since now; None where the system does not tell."""
    began, busy, own = time.perf_counter(), _busy_seconds(), _own_seconds()

    def share() -> float | None:
        now = _busy_seconds()
        if busy is None or now is None:
            return None
        others = (now - busy) - (_own_seconds() - own)
        return round(max(0.0, others) / (time.perf_counter() - began) / (os.cpu_count() or 1), 3)

    return share


def _own_seconds() -> float:
    """Processor time of this process and of those that it has waited for."""
    return sum(os.times()[:4])


def _busy_seconds() -> float | None:
    """Processor time that all cores together have not been idle since the system started."""
    counters = Path("/proc/stat")
    if not counters.exists():
        return None
    user, nice, system, _idle, _wait, interrupts, soft_interrupts, stolen = map(
        int, files.read_text(counters).split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + interrupts + soft_interrupts + stolen) / os.sysconf("SC_CLK_TCK")
