"""Peak memory of one side, each in a fresh process: `python -m experiments.benchmark.memory ours|pytorch SIZE`."""

import json
import subprocess
import sys
from pathlib import Path

import jax

from experiments.benchmark import ours
from experiments.benchmark.baseline import Notebook, device_peak_bytes
from experiments.benchmark.resident import resident_peak
from experiments.benchmark.sizes import LARGE, MEDIUM, SMALL

SIZES = {size.name: size for size in (SMALL, MEDIUM, LARGE)}
STEPS = 20


def peak_memory(side: str, size_name: str) -> float:
    """Memory (MiB) that training takes at its peak, compilation included, on top of that of the imported libraries: of
    the process on a CPU, of the device on a GPU."""
    command = [sys.executable, "-m", "experiments.benchmark.memory", side, size_name]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return float(json.loads(done.stdout.splitlines()[-1]))


def measure_here(side: str, size_name: str) -> float:
    """The same in this process, which must not have trained anything yet."""
    size = SIZES[size_name]
    before = resident_peak()
    if side == "ours":
        ours.sweep(size, ours.notebook_steps(STEPS))
    else:
        Notebook(size).seconds_per_step(STEPS)
    return round((_device_peak(side) or resident_peak() - before) / 2**20, 1)


def _device_peak(side: str) -> int:
    """Bytes used at most on the GPU, 0 where there is none."""
    if jax.default_backend() == "cpu":
        return 0
    if side == "ours":
        return int((jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use", 0))
    return device_peak_bytes()


if __name__ == "__main__":
    print(json.dumps(measure_here(*sys.argv[1:])))
