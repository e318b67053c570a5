"""How good a dictionary is, as the paper counts."""

from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

import toymodels as tm
from experiments.harness.controls import parameters
from experiments.papers.chanin2026.features import directions, features
from toymodels.analysis import dictionaries

SAMPLES = 4_096


class Scores(NamedTuple):
    """Of a dictionary; the first three are 1 for the truth, and all of them means over latents, dead ones too.

    Attributes:
        f1: of a latent and the feature whose direction is nearest to its own.
        mcc: of a latent's cosine with the feature that it is matched with, one to one.
        uniqueness: the share of latents whose nearest feature no other latent has.
        explained: the share of the variance that is explained.
        l0: mean number of latents that are on.
    """

    f1: float
    mcc: float
    uniqueness: float
    explained: float
    l0: float


NAMES = {"f1": "F1", "mcc": "MCC", "uniqueness": "uniqueness", "explained": "explained variance"}


def scores(model: tm.SparseAutoencoder, one: xr.Dataset) -> Scores:
    """Of one trained model, on fresh samples of the features of its seed."""
    x, W = _samples(one.attrs["seed"]), directions(model.n_inputs, one.attrs["seed"])
    h = W @ x
    z, h_hat = _encoded(model, one, h)
    learned = one.W_dec.values
    return Scores(
        f1=float(dictionaries.f1(x, z, dictionaries.cosines(learned, W).argmax(-2)).mean()),
        mcc=float(dictionaries.matched_cosines(W, learned).mean()),
        uniqueness=float(dictionaries.uniqueness(learned, W)),
        explained=float(1 - dictionaries.unexplained(h, h_hat)),
        l0=float(dictionaries.l0(z)),
    )


def all_scores(model: tm.SparseAutoencoder, models: xr.Dataset) -> Float[np.ndarray, "*grid 5"]:
    """Of each model of a sweep, its axes in their order."""
    shape = models.loss.shape
    places = [dict(zip(models.loss.dims, place, strict=True)) for place in np.ndindex(shape)]
    return np.array([scores(model, models.isel(place)) for place in places]).reshape(*shape, len(Scores._fields))


@cache
def _samples(seed: int) -> Float[np.ndarray, "n samples"]:
    drawn = jax.jit(features(seed).sample, static_argnums=1)(jax.random.key(seed + 1_000), SAMPLES)
    return np.asarray(drawn)


def _encoded(
    model: tm.SparseAutoencoder, one: xr.Dataset, h: Float[np.ndarray, "m samples"]
) -> tuple[Float[np.ndarray, "k samples"], Float[np.ndarray, "m samples"]]:
    """Activations and reconstruction, in evaluation."""
    values: Mapping[str, np.ndarray] = {name: one[name].values for name in parameters(one)}
    params = {name: value for name, value in values.items() if not name.startswith("state.")}
    state = {str(name)[6:]: one[name].values for name in one.data_vars if str(name).startswith("state.")}
    module: Any = tm.models.module_with(model, params, state)
    z = module.encode(jax.numpy.asarray(h))
    return np.asarray(z), np.asarray(module.decode(z))
