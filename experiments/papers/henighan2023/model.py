"""The paper's model and task: T samples of length 1, all of them at every step, and a test set of fresh ones."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from jaxtyping import Array, Float

import toymodels as tm
from toymodels.analysis import geometry
from toymodels.arrays import norms

TEST_SAMPLES = 2_048
LEAST_BATCH = 512  # samples that are evaluated at once, where there are fewer to train on


class Size(NamedTuple):
    """Number of features, and how likely each of them is on."""

    n: int
    density: float


QUICK, PAPERS = Size(200, 0.05), Size(10_000, 0.001)
SIZES = (
    "paper: n = 10,000 features, S = .999; ours: n = 200, S = .95 (--full: the paper's). In both, 10 features are on "
    "in a sample, on average; T(1 - S) sets the scale of T. --full takes hours of a GPU and was not run"
)
TRAINING = (
    "paper: 50,000 steps of AdamW at a peak rate of 1e-3, 2,500 of them to warm up; ours: 3,000 steps at 5e-3, a "
    "twentieth of them to warm up (--full: the paper's)"
)


def size(full: bool) -> Size:
    """The paper's, or ours."""
    return PAPERS if full else QUICK


def model(n: int, m: int = 2) -> tm.Autoencoder:
    """ReLU(WᵀWx + b), from Xavier's start."""
    return tm.Autoencoder(n, m, initializer=tm.models.glorot_normal)


def task(n: int, density: Any) -> tm.Task:
    """T samples; the loss is the sum over outputs, which is 1 for a model that always answers 0."""
    features = tm.Independent(n, density)
    return tm.Task(
        tm.DrawnDataset(features, 1, unit_norm=True),
        importance=float(n),
        evaluation=tm.DrawnDataset(features, TEST_SAMPLES, unit_norm=True),
    )


def recipe(full: bool, steps: int = 3_000, decay: Any = 1e-2) -> tm.Recipe:
    """The paper's, or fewer steps at a higher rate."""
    steps, rate = (50_000, 1e-3) if full else (steps, 5e-3)
    return tm.Recipe(
        steps,
        learning_rate=rate,
        weight_decay=decay,
        optimizer=tm.training.Adam(),
        schedule=tm.training.WarmupCosine(0.05),
    )


def samples(numbers: Sequence[int]) -> dict[str, Any]:
    """An axis of a sweep: T."""
    batches = [max(number, LEAST_BATCH) for number in numbers]
    return {"samples": {"task.features.n_samples": list(numbers), "batch_size": batches}}


def hidden_points(W: Float[Array, "m n"], task: tm.Task) -> Float[Array, "m T"]:
    """h = W x of all samples that are trained on: a metric."""
    return W @ task.features.everything()


def counts(one: xr.Dataset) -> np.ndarray:
    """T along the axis of `samples`."""
    return one["task.features.n_samples"].values


def of_points(one: xr.Dataset, measure: Any) -> np.ndarray:
    """`measure(h)` for each model, where h (m, T) are its hidden points."""
    h = one.h.transpose("samples", ...).values
    return np.stack(
        [measure(values[..., :number]) for values, number in zip(h, counts(one), strict=True)],
    )


def sample_dimensionality(h: Float[np.ndarray, "*batch m T"]) -> Float[np.ndarray, "*batch"]:
    """The median over samples of ‖h_i‖⁴ / Σ_j (h_i·h_j)²: the fraction of a dimension that sample i has."""
    return np.median(geometry.dimensionality(h), axis=-1)


def strongest(W: Float[np.ndarray, "*batch m n"], count: int) -> Float[np.ndarray, "*batch count"]:
    """The dimensionality of so many features with the longest directions, the longest first."""
    order = np.argsort(-norms(W), axis=-1)[..., :count]
    return np.take_along_axis(geometry.dimensionality(W), order, axis=-1)
