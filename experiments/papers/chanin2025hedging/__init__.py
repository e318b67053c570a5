"""Chanin et al. 2025, "Feature Hedging": a dictionary that is too narrow for correlated features, or has absorbed."""

import numpy as np
import xarray as xr

from experiments.harness.controls import changed
from experiments.harness.experiment import Paper, Results
from experiments.papers.chanin2025hedging.features import DIRECTIONS


def opposite(results: Results) -> Results:
    """Directions of latents point the other way, in encoder and decoder."""
    return changed(results, lambda one: -one.values if one.name in ("W_enc", "W_dec") else one.values)


def the_truth(results: Results) -> Results:
    """Each latent stands for a feature, and for nothing else."""

    def true(parameter: xr.DataArray) -> np.ndarray:
        W = DIRECTIONS[:, : parameter.sizes.get("unit", 0)]
        values = {"W_dec": W, "W_enc": W.T}.get(str(parameter.name), np.zeros(parameter.shape))
        return np.broadcast_to(values, parameter.shape)

    return changed(results, true)


PAPER = Paper(
    title="Feature Hedging: Correlated Features Break Narrow Sparse Autoencoders",
    authors="Chanin et al.",
    year=2025,
    address="https://arxiv.org/abs/2505.11756",
    order=("narrow", "balance"),
    controls=(the_truth, opposite),
)
