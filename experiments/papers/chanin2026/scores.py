"""How good a dictionary is, as the paper counts."""

from functools import cache
from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

import toymodels as tm
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


def scores(module: Any, seed: int) -> Scores:
    """Of a trained dictionary's module, on fresh samples of the features of its seed."""
    learned = np.asarray(module.W_dec[...])
    x, W = _samples(seed), directions(len(learned), seed)
    h = W @ x
    z = module.encode(jax.numpy.asarray(h))
    h_hat, z = np.asarray(module.decode(z)), np.asarray(z)
    return Scores(
        f1=float(dictionaries.f1(x, z, dictionaries.cosines(learned, W).argmax(-2)).mean()),
        mcc=float(dictionaries.matched_cosines(W, learned).mean()),
        uniqueness=float(dictionaries.uniqueness(learned, W)),
        explained=float(1 - dictionaries.unexplained(h, h_hat)),
        l0=float(dictionaries.l0(z)),
    )


def all_scores(models: xr.Dataset) -> Float[np.ndarray, "*grid 5"]:
    """Of each model of a sweep, its axes in their order."""
    names = [str(dim) for dim in models.loss.dims]
    cells = product(*(models[name].values.tolist() for name in names))
    runs = [tm.sweeps.as_run(models, **dict(zip(names, cell, strict=True))) for cell in cells]
    found = [scores(run.module(), models.attrs["seed"]) for run in runs]
    return np.array(found).reshape(*models.loss.shape, len(Scores._fields))


@cache
def _samples(seed: int) -> Float[np.ndarray, "n samples"]:
    drawn = jax.jit(features(seed).sample, static_argnums=1)(jax.random.key(seed + 1_000), SAMPLES)
    return np.asarray(drawn)
