"""How an L1 penalty makes a column sparse."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import optax
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_most, equal
from experiments.papers.lecomte2023.model import NOT_AT_HAND, model, task
from toymodels.arrays import ratio
from toymodels.theory import collisions

STEP = 0.4  # of the flow's time, per step of training; the loss's gradient is four times that of the flow
MANY = 300  # as long as more weights than this are left, sums over them are near their expectation


def size(full: bool) -> tuple[int, float, tuple[int, ...]]:
    """m, λ, and the steps after which weights are kept."""
    m, strength = (100_000, 1e-5) if full else (10_000, 3e-4)
    last = 10 / strength / STEP
    return m, strength, (0, *np.unique(np.geomspace(50, last, 40).round().astype(int)).tolist())


def sweep_sparsity(full: bool, seed: int) -> Mapping[str, Sweep]:
    """One feature, by small steps without momentum."""
    m, strength, steps = size(full)
    recipe = tm.Recipe(steps[-1], 1, STEP / 4, optimizer=optax.sgd, schedule=tm.training.constant, evaluation_samples=1)
    over = {"strength": [4 * strength]}
    return {
        "models": partial(
            tm.sweep, model(1, m), task(1, 4 * strength), recipe, over=over, seed=seed, restarts=1, snapshots=steps
        )
    }


class Measured(NamedTuple):
    """A model's column of weights over time.

    Attributes:
        strength: λ of the flow.
        time: of the snapshots.
        l1: ‖w‖_1.
        remaining: the number of weights that are not zero, up to what a step moves them by.
        bent: largest difference of a weight from what the threshold makes of its start, relative to the largest weight.
        theory: l1 and remaining by theory.
    """

    strength: float
    time: Float[np.ndarray, " snapshot"]
    l1: Float[np.ndarray, " snapshot"]
    remaining: Float[np.ndarray, " snapshot"]
    bent: Float[np.ndarray, " snapshot"]
    theory: collisions.Path


def measured(results: Results) -> Measured:
    """Of the first model."""
    models = results["models"]
    strength = float(models.strength.values[0]) / 4
    w = models["snapshots.W"].values[0, 0, ..., 0].astype(float)
    w = np.where(abs(w) > 2 * STEP * strength, w, 0)  # what is about 0 goes from side to side
    time = STEP * models.snapshot.values
    tau = np.linspace(0, 6, 601)
    path = collisions.gaussian_path(w.shape[-1], strength, tau)
    at = [np.interp(time, path.time, values) for values in path]
    return Measured(
        strength,
        time,
        abs(w).sum(-1),
        (w != 0).sum(-1),
        _bent(w, np.interp(time, path.time, tau)),
        collisions.Path(*at),
    )


def _bent(w: Float[np.ndarray, "snapshot m"], tau: Float[np.ndarray, " snapshot"]) -> Float[np.ndarray, " snapshot"]:
    wanted = collisions.shrunk(np.broadcast_to(w[0], w.shape), tau / w.shape[-1] ** 0.5)
    return ratio(abs(w - wanted).max(-1), abs(wanted).max(-1), np.inf)


def rough(found: Measured, m: int) -> Float[np.ndarray, " snapshot"]:
    """1/(1/√m + λt), the paper's form of ‖w‖_1."""
    return 1 / (m**-0.5 + found.strength * found.time)


def draw_sparsity(results: Results) -> Figure:
    """‖w‖_1, the number of weights left, and how weights fall behind."""
    found, models = measured(results), results["models"]
    m = models.sizes["hidden"]
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.3, 3.2), layout="constrained")
    time, many = found.strength * found.time, found.theory.remaining >= 1
    for ax, values, theory, power in (
        (left, found.l1, found.theory.l1, 1),
        (middle, found.remaining, found.theory.remaining, 2),
    ):
        ax.plot(time[many][1:], theory[many][1:], color=tm.plots.ORANGE, label="exact")
        ax.plot(time[1:], rough(found, m)[1:] ** power, "--", color=tm.plots.INK, linewidth=1, label="the paper's form")
        ax.plot(time[1:], values[1:], ".", color=tm.plots.BLUE, label="trained")
        ax.set(xscale="log", yscale="log", xlabel=r"$\lambda t$")
    left.set_ylabel(r"$\|w\|_1$")
    middle.set(ylabel="weights that are left", ylim=(0.5, 2 * m))
    left.legend()
    w = abs(models["snapshots.W"].values[0, 0, ..., 0])
    order = np.argsort(-w[0])[[0, 1, 2, 5, 20, 100, 1000]]
    for k, color in zip(order, tm.plots.shades(len(order)), strict=True):
        right.plot(time[1:], w[1:, k], color=color)
    right.set(xscale="log", xlabel=r"$\lambda t$", ylabel="size of a weight")
    return figure


def claims_sparsity(results: Results, full: bool) -> list[Claim]:
    """A threshold that rises."""
    found, models = measured(results), results["models"]
    m = models.sizes["hidden"]
    many = found.theory.remaining >= MANY
    w = models["snapshots.W"].values[0, 0, ..., 0]
    return [
        at_most(
            "largest factor between ‖w‖_1 and 1/(1/√m + λt), down to 300 weights",
            _factor(found.l1, rough(found, m))[many].max(),
            1.6,
        ),
        at_most(
            "largest factor between the number of weights left and its square, down to 300 weights",
            _factor(found.remaining, rough(found, m) ** 2)[many].max(),
            4,
        ),
        at_most(
            "largest relative difference of ‖w‖_1 from the exact form, down to 300 weights",
            abs(found.l1 / found.theory.l1 - 1)[many].max(),
            0.1,
            source="ours",
        ),
        at_most(
            "largest relative difference of the number of weights left from the exact form, down to 300 weights",
            abs(found.remaining / found.theory.remaining - 1)[many].max(),
            0.25,
            source="ours",
        ),
        at_most(
            "largest difference of a weight from what a threshold makes of its start, relative to the largest weight",
            found.bent[many].max(),
            0.1,
            source="ours",
        ),
        equal("weights left at the end", found.remaining[-1], 1),
        equal("rank at the start of the one that is left", (abs(w[0]) > abs(w[0][abs(w[-1]).argmax()])).sum() + 1, 1),
    ]


def _factor(a: Float[np.ndarray, " k"], b: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    """By how much the larger of both is larger."""
    return np.exp(abs(np.log(a) - np.log(b)))


def at_once(results: Results) -> Results:
    """Only the largest weight, from the first steps on."""

    def largest(one: xr.DataArray) -> np.ndarray:
        wins = abs(one.values) == abs(one.values).max(-2, keepdims=True)
        W = np.where(wins, np.sign(one.values), 0.0)
        if "snapshot" in one.dims:
            W[:, :, 0] = one.values[:, :, 0]
        return W

    return changed(results, largest)


def the_smallest_wins(results: Results) -> Results:
    """Neurons in the opposite order of their size at the start, from the first steps on."""

    def turned(one: xr.DataArray) -> np.ndarray:
        if "snapshot" not in one.dims:
            return one.values
        W, order = one.values.copy(), np.argsort(abs(one.values[0, 0, 0, :, 0]))
        W[0, 0, 1:, order, 0] = one.values[0, 0, 1:, order[::-1], 0]
        return W

    return changed(results, turned)


SPARSITY = Experiment(
    name="lecomte2023/sparsity",
    question="How fast does an L1 penalty make a column sparse?",
    source="the experiment on the sparsity force",
    sweeps=sweep_sparsity,
    draw=draw_sparsity,
    claims=claims_sparsity,
    shows="One feature among many neurons. Its column of weights moves as dw/dt = (1 - ‖w‖²)w - λ sign(w): all weights "
    "grow at one rate and all that are left lose λ per time, so that those below a rising threshold go out. "
    "Left, the sum of sizes; middle, the number of weights that are left. Blue: trained by small steps; dashed: "
    "the paper's form 1/(1/√m + λt) and its square; orange: the exact form for many normal weights. Right, the weights "
    "of ranks 1, 2, 3, 6, 21, 101 and 1001: their order never changes, and the largest of the start is the last that "
    "is left.",
    differences=(
        NOT_AT_HAND,
        "paper: m = 100,000, λ = 1e-5; ours: m = 10,000, λ = 3e-4 (--full: the paper's)",
        "ours: a model of one feature, trained by gradient descent without momentum in steps of .4 of the flow's time; "
        "its penalty is 4λ, because the gradient of its loss is four times that of the flow",
        "ours: the exact form, of which the paper's has the orders; 1/‖w‖_1 starts from √(π/2m), not 1/√m, and rises "
        "with a slope from .57 λ to λ",
    ),
    controls=(at_once, the_smallest_wins),
)
