"""Superposition as a phase change: two features in one dimension, three in two, and other activations."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from toymodels.analysis import geometry
from toymodels.analysis.phases import DEDICATED, IGNORED, SUPERPOSED, near_border, phases, triple_points
from toymodels.sweeps import best
from toymodels.theory import phases as theory

SOURCE = "Superposition as a Phase Change"
RESTARTS = 10

# --- phase-2in1 and phase-3in2: what happens to an extra feature -------------------------------------------------


def grid(side: int) -> tuple[Float[np.ndarray, " side"], Float[np.ndarray, " side"]]:
    """Densities from 1 down to 1/100, and importances of the extra feature from 1/10 to 10, beside the others' 1."""
    return np.geomspace(1, 0.01, side), np.geomspace(0.1, 10, side)


def sweep_phases(n: int, m: int, recipe: tm.Recipe, quick: int, full: bool, seed: int) -> Mapping[str, Sweep]:
    """Ten restarts a cell. A row a density, and a column an importance of the last feature, the extra one."""
    density, importance = grid(100 if full else quick)
    task = tm.Task(tm.Independent(n), importance=np.ones(n))
    over = {"density": density, f"importance[{n - 1}]": importance}
    return {
        "models": partial(tm.sweep, tm.Autoencoder(n, m), task, recipe, over=over, seed=seed, restarts=RESTARTS)
    }


def diagram_colors(models: xr.Dataset) -> Float[np.ndarray, "rows columns rgb"]:
    """The mean colour of the extra feature in all restarts but the one with the highest loss."""
    W, loss = models.W.values, models.loss.values
    colors = tm.plots.phase_colors(geometry.norms(W)[..., -1], geometry.interference(W)[..., -1])
    worst = np.nan_to_num(loss, nan=np.inf).argmax(-1)
    kept = np.arange(loss.shape[-1]) != worst[..., None]
    return (colors * kept[..., None]).sum(-2) / kept.sum(-1, keepdims=True)


def coordinates(models: xr.Dataset) -> tuple[Float[np.ndarray, " rows"], Float[np.ndarray, " columns"]]:
    """Densities and importances of a phase diagram."""
    density, importance = (models[dim].values for dim in models.loss.dims[:2])
    return density, importance
EXPERIMENTS: tuple[Experiment, ...] = ()
