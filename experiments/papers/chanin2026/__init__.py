"""Chanin & Garriga-Alonso 2026, SynthSAEBench: kinds of dictionaries compared on features that depend on each other."""

import numpy as np
import xarray as xr

from experiments.harness.controls import changed
from experiments.harness.experiment import Paper, Results


def opposite(results: Results) -> Results:
    """Directions of latents point the other way, in encoder and decoder."""
    return changed(results, lambda one: -one.values if one.name in ("W_enc", "W_dec") else one.values)


def all_latents_alike(results: Results) -> Results:
    """Each parameter of a latent is that of the first."""

    def repeated(one: xr.DataArray) -> np.ndarray:
        return one.values if "unit" not in one.dims else one.isel(unit=[0] * one.sizes["unit"]).values

    return changed(results, repeated)


PAPER = Paper(
    title="SynthSAEBench: Evaluating Sparse Autoencoders on Scalable Realistic Synthetic Data",
    authors="Chanin & Garriga-Alonso",
    year=2026,
    address="https://arxiv.org/abs/2602.14687",
    order=("table", "superposition"),
    controls=(opposite, all_latents_alike),
)
