"""A million models: the phase diagram of two features in one dimension (Elhage et al. 2022, "Superposition as a Phase
Change") on a grid of 256 x 256 cells with 16 restarts: `python -m experiments.benchmark.phase_diagram [--side 256]`.

Across the grid fall the density (1 to 0.01) and, from 10 to 0.1, the importance of the extra feature beside the
ordinary one's 1. Each model ends in one of three phases, as the weights tell: the extra feature is not represented, it
has the dimension to itself, or both share it as an antipodal pair.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

import toymodels as tm
from experiments.benchmark.resident import resident_peak
from toymodels.analysis import geometry
from toymodels.sweeps import best

RESTARTS = 16
RECIPE = tm.Recipe(steps=500, batch_size=128, learning_rate=5e-2, evaluation_samples=16_384)
NOT_REPRESENTED, DEDICATED, SHARED = range(3)


def measure(side: int) -> dict[str, Any]:
    """Time, peak memory and agreement with theory of the sweep, in a process of its own."""
    command = [sys.executable, "-m", "experiments.benchmark.phase_diagram", "--side", str(side)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2])
    return json.loads(done.stdout.splitlines()[-1])


def measure_here(side: int) -> dict[str, Any]:
    """The same in this process, which must not have trained anything yet."""
    importance, density = np.geomspace(0.1, 10, side), np.geomspace(1, 0.01, side)
    began = time.perf_counter()
    results = tm.sweep(
        tm.Autoencoder(n_features=2, n_hidden=1),
        tm.Task(tm.Independent(2), importance=np.ones(2)),
        RECIPE,
        over={"importance[1]": importance, "density": density},
        restarts=RESTARTS,
        metrics=[phase],
        params=False,
        history=1,
    )
    seconds = time.perf_counter() - began
    models = side**2 * RESTARTS
    theory = phases_in_theory(importance[:, None], density)
    agree = best(results).phase.values == theory
    return {
        "side": side,
        "models": models,
        "steps": RECIPE.steps,
        "seconds": round(seconds, 1),
        "model_steps_per_second": round(models * RECIPE.steps / seconds),
        "peak_mib": round(resident_peak() / 2**20),
        "diverged": int((results.diverged >= 0).sum()),
        "agreement": {
            "all cells": round(float(agree.mean()), 4),
            "further than a cell from a border": round(float(agree[~near_border(theory, 1)].mean()), 4),
            "further than 1/48 of an axis from a border": round(
                float(agree[~near_border(theory, max(1, round(side / 48)))].mean()), 4
            ),
        },
    }


def phase(W: Float[Array, "1 2"]) -> Int[Array, ""]:
    """What the weights do with the extra feature, the second one."""
    ordinary, extra = geometry.represented(W)
    return jnp.where(extra, jnp.where(ordinary, SHARED, DEDICATED), NOT_REPRESENTED)


def phases_in_theory(
    importance: Float[np.ndarray, "#*grid"], density: Float[np.ndarray, "#*grid"]
) -> Int[np.ndarray, "*grid"]:
    """The phase with the lowest loss among weights of length 1 (the paper's own sketch of theory).

    A feature that is dropped, with its mean for a bias, costs its importance times its variance p/3 - p²/4. In an
    antipodal pair each of the two, when both are on, is disturbed by the other: (1 + importance) p²/6 together. The
    pairs that training finds are a little longer and lose a little less, so that a strip along the border is theirs;
    its width does not depend on that of the cells.
    """
    variance = density / 3 - density**2 / 4
    losses = np.broadcast_arrays(importance * variance, variance, (1 + importance) * density**2 / 6)
    return np.argmin(np.stack(losses), axis=0)


def near_border(phases: Int[np.ndarray, "rows columns"], cells: int) -> Bool[np.ndarray, "rows columns"]:
    """Whether another phase is at most so many cells away, along both axes and diagonally."""
    padded = np.pad(phases, cells, mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * cells + 1, 2 * cells + 1))
    return windows.min((-1, -2)) != windows.max((-1, -2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmark.phase_diagram", description=__doc__)
    parser.add_argument("--side", type=int, default=256, help="cells along each axis (default 256: a million models)")
    print(json.dumps(measure_here(parser.parse_args().side) | {"device": jax.devices()[0].device_kind}))
