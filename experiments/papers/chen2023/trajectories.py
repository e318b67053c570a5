"""Gradient descent from the 4-gon: plateaus at the critical points, and the learning coefficient along the way."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import optax
import xarray as xr
from jaxtyping import Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.chen2023.chains import BY_OUTPUTS, POINTS, all_alike, half_as_high, with_traces
from experiments.papers.chen2023.exact import NOT_AT_HAND, losses
from toymodels import sampling
from toymodels.cases import samples_one_at_a_time
from toymodels.theory.polygons import polygon_loss, polygon_weights

N = 6
SAMPLES, BATCH, RATE, EPOCHS = 1_000, 20, 0.005, 4_500
SNAPSHOTS = 60
LEVELS = {"4": (4, 0), "4+": (4, 1), "4++": (4, 2), "5": (5, 0), "5+": (5, 1), "6": (6, 0)}
NEAR = 0.03
"""A level's losses: from 1 % below it to 3 % above, as the noise of batches lifts them."""
CHAINS = sampling.Chains(n_beta=N * SAMPLES / np.log(SAMPLES), step_size=5e-4, chains=4, steps=2_000)


def sweep_trajectories(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Descent from the 4-gon with a little noise, and chains around what it passes."""
    restarts = 64 if full else 16
    W, b = polygon_weights(4, N, silent_bias=0.0)
    rng = np.random.default_rng(seed)
    steps = EPOCHS * SAMPLES // BATCH
    return {
        "models": partial(
            descended,
            tm.Autoencoder(N, 2),
            tm.Task(tm.DrawnDataset(tm.ExactlyK(N, 1), SAMPLES, batches=tm.features.with_replacement)),
            tm.Recipe(
                steps, BATCH, N * RATE, optimizer=optax.sgd, schedule=tm.training.constant, evaluation_samples=SAMPLES
            ),
            over={"seed": [seed]},
            restarts=restarts,
            start={"W": W + 0.01 * rng.normal(size=(restarts, 2, N)), "b": b + 0.01 * rng.normal(size=(restarts, N))},
            snapshots=range(0, steps + 1, steps // SNAPSHOTS),
            progress=False,
        )
    }


def descended(*what: Any, folder: Path | None = None, **how: Any) -> xr.Dataset:
    """The sweep, with the course of chains around each snapshot of each model, on the expected loss."""
    models = tm.sweep(*what, folder=folder, **how)
    axes = models["snapshots.W"].dims[:-2]
    shape = [models.sizes[axis] for axis in axes]
    passed = {name: models[f"snapshots.{name}"].values.reshape(-1, *models[name].shape[2:]) for name in ("W", "b")}
    run = tm.evaluate(what[0], tm.Task(samples_one_at_a_time(N, POINTS)), passed, metrics={"trace": CHAINS})
    trace = run.metrics["trace"][np.argsort(run.restart)]
    return models.assign(chains=((*axes, "chain", "entry"), trace.reshape(*shape, *trace.shape[1:])))


def paths(results: Results) -> tuple[Float[np.ndarray, "restart snapshot"], Float[np.ndarray, "restart snapshot"]]:
    """The expected loss of all models over time, and the estimates of λ."""
    models = results["models"].isel(seed=0)
    loss = losses(models["snapshots.W"].values, models["snapshots.b"].values)
    return loss, sampling.summary(models.chains.transpose("restart", "snapshot", ...).values).coefficient


def levels_of(loss: Float[np.ndarray, "*batch"]) -> Int[np.ndarray, "*batch"]:
    """The number of the level that each loss is at, -1 for none."""
    ratio = loss[..., None] / [polygon_loss(k, N, biased) for k, biased in LEVELS.values()]
    there = (ratio > 1 - 0.01) & (ratio < 1 + NEAR)
    return np.where(there.any(-1), there.argmax(-1), -1)


def draw_trajectories(results: Results) -> Figure:
    """Loss and λ over time, of some models, and of all models one against the other."""
    loss, coefficient = paths(results)
    snapshot = results["models"].snapshot.values / 1_000
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.3, 3.3), layout="constrained")
    deepest = np.argsort(loss[:, -1], kind="stable")
    shown = deepest[np.linspace(0, len(deepest) - 1, 6).round().astype(int)]
    for place, color in zip(shown, tm.plots.shades(len(shown)), strict=True):
        left.plot(snapshot, loss[place], color=color)
        middle.plot(snapshot, coefficient[place], color=color)
    for name, (k, biased) in LEVELS.items():
        level = polygon_loss(k, N, biased)
        left.axhline(level, color=tm.plots.INK, linestyle=":", linewidth=0.7, zorder=0)
        left.annotate(name, (1.01, level), xycoords=("axes fraction", "data"), va="center")
        right.axvline(level, color=tm.plots.INK, linestyle=":", linewidth=0.7, zorder=0)
        if not biased:
            right.annotate(name, (level, 1.01), xycoords=("data", "axes fraction"), ha="center")
    left.set(xlabel="steps / 1,000", ylabel="expected loss", ylim=(0.04, 0.12))
    middle.set(xlabel="steps / 1,000", ylabel=r"$\hat\lambda$")
    right.plot(loss[:, 1:].ravel(), coefficient[:, 1:].ravel(), ".", color=tm.plots.BLUE, alpha=0.3, markersize=4)
    right.set(xlabel="expected loss", ylabel=r"$\hat\lambda$", xlim=(0.12, 0.04))
    return figure


def claims_trajectories(results: Results, full: bool) -> list[Claim]:
    """Most of the time is spent at the levels, and λ rises where the loss falls."""
    loss, coefficient = paths(results)
    loss, coefficient = loss[:, 1:], coefficient[:, 1:]
    level = levels_of(loss)
    means = [coefficient[level == number].mean() for number in np.unique(level[level >= 0])]
    return [
        at_least("share of snapshots, after the first, at the loss of a critical point", (level >= 0).mean(), 0.95),
        at_least("number of different levels that are passed", len(means), 4),
        at_least("smallest rise of the mean estimate from a level to the next lower one", _smallest(means), 0.2),
        at_most("rank correlation of the estimate with the loss", _rank(loss, coefficient), -0.8),
        at_most(
            "share of steps from snapshot to snapshot on which a level is left for a higher one",
            _risen(level),
            0.01,
            source="ours",
        ),
    ]


def _smallest(means: list[np.floating]) -> float:
    return float(np.diff(means).min()) if len(means) > 1 else np.nan


def _rank(loss: Float[np.ndarray, "restart snapshot"], coefficient: Float[np.ndarray, "restart snapshot"]) -> float:
    from scipy.stats import spearmanr  # not above: it takes a while to import

    if np.ptp(loss) == 0 or np.ptp(coefficient) == 0:
        return np.nan
    return float(spearmanr(loss.ravel(), coefficient.ravel()).statistic)


def _risen(level: Int[np.ndarray, "restart snapshot"]) -> float:
    """Levels are numbered from the highest loss on."""
    before, after = level[:, :-1], level[:, 1:]
    both = (before >= 0) & (after >= 0)
    return float((after < before)[both].mean()) if both.any() else np.nan


def backwards(results: Results) -> Results:
    """From the end of training to its start."""

    def turned(one: xr.DataArray) -> np.ndarray:
        return one.sel(snapshot=one.snapshot[::-1]).values if "snapshot" in one.dims else one.values

    return with_traces(changed(results, turned), lambda trace: trace.copy(data=turned(trace)))


def deeper_is_simpler(results: Results) -> Results:
    """Chains at 10 less what they are at."""
    return with_traces(results, lambda trace: 10 - trace)


TRAJECTORIES = Experiment(
    name="chen2023/trajectories",
    question="Does gradient descent go from one critical point to the next, and does λ rise as the loss falls?",
    source="the experiment on dynamical transitions",
    sweeps=sweep_trajectories,
    draw=draw_trajectories,
    claims=claims_trajectories,
    shows="Models of six features in two dimensions, trained by stochastic gradient descent from the 4-gon with a "
    "little noise on 1,000 samples in batches of 20. Left, the expected loss of six of them; dotted, the losses of the "
    "critical points in theory (+: a feature without weights that has a bias). It stays at one, and falls to another. "
    "Middle, their learning coefficients, estimated by chains around each snapshot, with n β = 1,000 / log 1,000 for a "
    "loss that is summed over outputs. Right, all snapshots of all models: the lower the loss, the larger λ.",
    differences=(
        NOT_AT_HAND,
        "paper: goes through the samples epoch by epoch; ours: draws each batch from all of them",
        "paper: estimates on the training set, ε = 1e-3, 500 steps; ours: on the expected loss, ε = 5e-4, 2,000 steps, "
        "four chains; around 4-gons, chains find lower losses, those of 4+, and the estimate is below λ (4 to 5.5 by "
        "direction)",
        BY_OUTPUTS,
    ),
    controls=(half_as_high, all_alike, backwards, deeper_is_simpler),
)
