"""A million models: the phase diagram of two features in one dimension (Elhage et al. 2022, "Superposition as a Phase
Change") on a grid of 256 x 256 cells with 16 restarts: `python -m experiments.benchmark.phase_diagram [--side 256]`.

Across the grid fall the density (1 to 0.01) and, from 10 to 0.1, the importance of the extra feature beside the
ordinary one's 1. Each model ends in one of three phases, as the weights tell: the extra feature is not represented, it
has the dimension to itself, or both share it as an antipodal pair. They are compared with the phases in theory with
weights of length 1; the best pairs are of other lengths and lose a little less, so that a strip along the border is
theirs, whose width does not depend on that of the cells.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float, Int

import toymodels as tm
from experiments.benchmark.resident import resident_peak
from toymodels.analysis.phases import classify, near_border
from toymodels.sweeps import best
from toymodels.theory.phases import phases_two_in_one

RESTARTS = 16
RECIPE = tm.Recipe(steps=500, batch_size=128, learning_rate=5e-2, evaluation_samples=16_384)


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
        metrics=[extra_phase],
        params=False,
        history=1,
    )
    seconds = time.perf_counter() - began
    models = side**2 * RESTARTS
    theory = phases_two_in_one(importance[:, None], density)
    agree = best(results).extra_phase.values == theory
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


def extra_phase(W: Float[Array, "1 2"]) -> Int[Array, ""]:
    """The extra feature's class, the second one's: superposed if both norms are above 1/2."""
    return classify(W, min_norm=0.5, min_interference=0.25)[1]  # in one dimension it is the other's norm squared


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m experiments.benchmark.phase_diagram", description=__doc__)
    parser.add_argument("--side", type=int, default=256, help="cells along each axis (default 256: a million models)")
    print(json.dumps(measure_here(parser.parse_args().side) | {"device": jax.devices()[0].device_kind}))
