"""Many features: how much of the dimensions each has."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.scherlis2022.known import ALLOCATION, NOT_AT_HAND
from experiments.papers.scherlis2022.model import Quadratic, exact, exact_recipe, sampled
from experiments.papers.scherlis2022.phases import PART
from toymodels.analysis import geometry
from toymodels.theory import capacity

N, M = 16, 5
DECAY = 0.85
V = DECAY ** np.arange(N)
KURTOSIS = (2.0, 3.0, 4.0, 9.0, 36.0)
BELOW, AT, *ABOVE = range(len(KURTOSIS))


def sweep_curves(full: bool, seed: int) -> Mapping[str, Sweep]:
    """A cell per kurtosis, by exact gradients and on samples."""
    over, model = {"kurtosis": KURTOSIS}, Quadratic(N, M)
    recipe = tm.Recipe(10_000 if full else 1_500, 4_096 if full else 2_048)
    return {
        "exact": partial(
            tm.sweep, model, exact(N, DECAY), exact_recipe(1_500), over=over, seed=seed, restarts=64 if full else 32
        ),
        "samples": partial(tm.sweep, model, sampled(N, DECAY), recipe, over=over, seed=seed, restarts=8),
    }


class Divided(NamedTuple):
    """What features have, a row per kurtosis.

    Attributes:
        capacity: of each feature.
        gain: the marginal gain at this capacity.
        part: whether it is a part of a dimension.
    """

    capacity: Float[np.ndarray, "kurtosis feature"]
    gain: Float[np.ndarray, "kurtosis feature"]
    part: Bool[np.ndarray, "kurtosis feature"]


def divided(C: Float[np.ndarray, "kurtosis feature"]) -> Divided:
    """From capacities."""
    return Divided(C, capacity.marginal_gain(C, V, np.array(KURTOSIS)[:, None]), (C > PART) & (C < 1 - PART))


def best_of(models: xr.Dataset) -> Float[np.ndarray, "kurtosis feature"]:
    """The capacities in the model of each kurtosis that has the least expected loss."""
    W = models.W.values.astype(float)
    loss = capacity.expected_loss(W, V, np.array(KURTOSIS)[:, None, None])
    return geometry.dimensionality(np.take_along_axis(W, loss.argmin(-1)[:, None, None, None], axis=1)[:, 0])


def theory() -> Float[np.ndarray, "kurtosis feature"]:
    """The capacities that are best."""
    return np.array([capacity.allocation(V, kurtosis, M) for kurtosis in KURTOSIS])


def filled(kurtosis: float) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """The capacity that a feature of any v would have at the level λ of the best division; a step for κ up to 3."""
    C = capacity.allocation(V, kurtosis, M)
    v = np.geomspace(V[-1], V[0], 400)
    if kurtosis <= 3:
        return v, (v > (V[M - 1] * V[M]) ** 0.5) * 1.0
    level = capacity.eigenvalue(C, V, kurtosis)[(C > 0) & (C < 1)].mean()
    return v, np.clip((v * (kurtosis - 1) / level - 2) / (kurtosis - 3), 0, 1)


def draw_curves(results: Results) -> Figure:
    """Capacities and marginal gains against v."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.3, 3.8), layout="constrained")
    trained, samples, best = divided(best_of(results["exact"])), best_of(results["samples"]), divided(theory())
    for row, color in enumerate(tm.plots.shades(len(KURTOSIS))):
        left.plot(*filled(KURTOSIS[row]), color=color, label=rf"$\kappa$ = {KURTOSIS[row]:g}")
        left.plot(V, trained.capacity[row], "o", color=color, markersize=4)
        left.plot(V, samples[row], "x", color=color, markersize=6)
        unit = best.gain[row].max()
        right.plot(V, best.gain[row] / unit, color=color)
        right.plot(V, trained.gain[row] / unit, "o", color=color, markersize=4)
    left.plot([], [], "o", color=tm.plots.INK, markersize=4, label="exact gradients")
    left.plot([], [], "x", color=tm.plots.INK, markersize=6, label="on samples")
    left.set(xscale="log", ylabel="capacity")
    right.set(xscale="log", yscale="log", ylabel="marginal gain, relative to the largest")
    for ax in (left, right):
        ax.set(xlabel="$v_i$", xticks=[0.1, 0.2, 0.5, 1], xticklabels=["0.1", "0.2", "0.5", "1"])
        ax.minorticks_off()
    left.legend()
    return figure


def claims_curves(results: Results, full: bool) -> list[Claim]:
    """Water-filling, by exact gradients and on samples."""
    trained, samples, best = divided(best_of(results["exact"])), best_of(results["samples"]), theory()
    gains = [trained.gain[row, trained.part[row]] for row in ABOVE]
    spread = max(np.ptp(gain) / gain.mean() if gain.size else np.inf for gain in gains)
    count = trained.part.sum(-1)
    return [
        at_most("exact gradients: largest |C - formula|", abs(trained.capacity - best).max(), 0.01),
        at_most("on samples: largest |C - formula|", abs(samples - best).max(), 0.05, source="ours"),
        at_most("exact gradients: largest |ΣC - m|", abs(trained.capacity.sum(-1) - M).max(), 0.01),
        at_most("kurtosis above 3: spread of marginal gains among features that share, relative", spread, 0.02),
        equal("kurtosis 3 and below: features that have a part of a dimension", count[[BELOW, AT]].sum(), 0),
        at_least(
            "least rise of the number of features that share, from each kurtosis from 3 on to the next",
            np.diff(count[AT:]).min(),
            1,
        ),
        at_least("kurtosis 4: features with a dimension of their own", (trained.capacity[2] >= 1 - PART).sum(), 1),
        at_least("kurtosis 4: features that are ignored", (trained.capacity[2] <= PART).sum(), 1),
    ]


def all_alike(results: Results) -> Results:
    """A tight frame: all features have the same capacity."""
    turns = np.arange(1, M // 2 + 1)[:, None] * 2 * np.pi * np.arange(N) / N
    frame = np.concatenate([np.cos(turns), np.sin(turns), np.full((1, N), 0.5**0.5)])
    return changed(results, lambda one: np.broadcast_to(frame, one.shape) if one.name == "W" else one.values)


CURVES = Experiment(
    name="scherlis2022/curves",
    question="How are dimensions divided among many features?",
    source=ALLOCATION,
    sweeps=sweep_curves,
    draw=draw_curves,
    claims=claims_curves,
    shows=f"{N} features whose v falls by a factor of {DECAY} from each to the next, {M} hidden dimensions; a colour "
    "per kurtosis. Lines: the best division, in theory; dots: trained by the gradient of the expected loss, the best "
    "of 32; crosses: trained on samples. Left, capacities: the least important features are ignored, the most "
    "important have a dimension of their own, and those between share, the more of them the higher the kurtosis. "
    "Up to a kurtosis of 3, a feature has all of a dimension or none. Right, why: the loss that a little more capacity "
    "would save is the same for all features that share.",
    differences=(
        NOT_AT_HAND,
        "ours: dots are trained on the expected loss, whose closed form was derived here, the best of 32; crosses on "
        "batches of 2,048 (--full: 4,096) of the features of `phases`, the best of 8",
        "on samples, ours: capacities are off by about .01; no number of the paper is known to us",
    ),
    controls=(all_alike,),
)
