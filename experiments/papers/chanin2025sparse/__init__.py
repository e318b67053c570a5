"""Chanin & Garriga-Alonso 2025, "Sparse but Wrong": a dictionary whose L0 is not that of the data."""

import numpy as np
import xarray as xr

from experiments.harness.controls import changed
from experiments.harness.experiment import Paper, Results


def the_same_latent(results: Results) -> Results:
    """All latents are alike: each parameter of a latent is that of the first."""

    def repeated(one: xr.DataArray) -> np.ndarray:
        return one.values if "unit" not in one.dims else one.isel(unit=[0] * one.sizes["unit"]).values

    return changed(results, repeated)


PAPER = Paper(
    title="Sparse but Wrong: Incorrect L0 Leads to Incorrect Features in Sparse Autoencoders",
    authors="Chanin & Garriga-Alonso",
    year=2025,
    address="https://arxiv.org/abs/2508.16560",
    order=("small", "strength", "large", "tilt"),
    controls=(the_same_latent,),
)
