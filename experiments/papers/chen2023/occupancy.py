"""Which phase the posterior is in, over the number of samples: by chains, and by free energies."""

import math
from collections.abc import Mapping
from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.chen2023.exact import NOT_AT_HAND, nothing
from toymodels.theory.critical import critical_point
from toymodels.theory.expansion import one_hot_loss
from toymodels.theory.polygons import crossing, polygon, polygon_loss, polygon_weights

N = 6
SAMPLES = (50, 80, 120, 160, 200, 240, 280, 320)
STIFFEST = 1.3
"""About the largest curvature of the loss, at the 6-gon."""
STARTS = {"5+": (5, N, 1), "6": (6, N, 0)}


@tm.specification
class NegativeLogPosterior:
    """L + ‖w‖² / (2 n): by n, minus the log of the posterior under a standard normal prior.

    Attributes:
        samples: n.
    """

    samples: Any = 100.0

    def __call__(self, W: Float[Array, "m n"], b: Float[Array, " n"]) -> Float[Array, ""]:
        """Of the expected loss, a sum over outputs."""
        prior = (jnp.square(W).sum() + jnp.square(b).sum()) / 2
        return one_hot_loss(W, b, jnp.full(N, 1 / N)) + prior / self.samples


def sweep_occupancy(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Chains at several n, from two phases."""
    n = np.array(SAMPLES, dtype=float)
    steps, restarts = (160_000, 128) if full else (30_000, 32)
    together = {"n_beta": n, "samples": n, "learning_rate": 0.1 / (STIFFEST * n + 1)}
    return {
        name: partial(
            tm.sweep,
            tm.Autoencoder(N, 2),
            tm.Task(tm.Independent(N), loss=nothing, penalties=(NegativeLogPosterior(),)),
            tm.Recipe(steps, 1, optimizer=tm.SGLD(), schedule=tm.training.constant, evaluation_samples=1),
            over={"n": together},
            seed=seed,
            restarts=restarts,
            start=dict(zip(("W", "b"), polygon_weights(*form), strict=True)),
            snapshots=range(steps // 3, steps + 1, steps // 60),
            progress=False,
        )
        for name, form in STARTS.items()
    }


def represented(one: xr.Dataset) -> Int[np.ndarray, "n sample"]:
    """The number of features that turn on their own output by more than 1/2, in each sample of the chains."""
    W, b = one["snapshots.W"].values, one["snapshots.b"].values
    own = np.square(W).sum(-2) + b
    return (own > 0.5).sum(-1).reshape(len(W), -1)


def share_of_six(k: Int[np.ndarray, "n sample"]) -> Float[np.ndarray, " n"]:
    """Of the samples with 5 or 6 features, those with 6; NaN where there are none."""
    six, five = (k == 6).sum(-1), (k == 5).sum(-1)
    return six / np.maximum(six + five, 1) + np.where(six + five, 0, np.nan)


class Energies(NamedTuple):
    """Minus the log of how much of the posterior a phase has, but for what all have in common.

    Attributes:
        five: a pentagon, and a sixth feature anywhere that is not represented.
        six: a hexagon.
    """

    five: float
    six: float


@cache
def free_energies(n: float) -> Energies:
    """By the number of such arrangements, the circle along which each is turned, a Gaussian across it, and, for the
    pentagon, the integral over all that the sixth feature may do."""
    five, six = polygon(5), polygon(6)
    return Energies(
        _of_corners(5, n, N * math.factorial(4)) - math.log(_sixth(n)) + (five.length**2 + five.bias**2) * 2.5,
        _of_corners(6, n, math.factorial(5)) + (six.length**2 + six.bias**2) * 3,
    )


@cache
def _of_corners(k: int, n: float, arrangements: int) -> float:
    """n L less the logs of the number of arrangements, of the circle's length, and of the Gaussian's volume, in the
    weights of the corners."""
    curved = critical_point(*polygon_weights(k, k)).eigenvalues[1:] * k / N  # without the turn
    circle = 2 * np.pi * polygon(k).length * k**0.5
    volume = (len(curved) * math.log(2 * np.pi) - np.log(n * curved + 1).sum()) / 2
    return n * polygon_loss(k, N) - math.log(arrangements * circle) - volume


def _sixth(n: float) -> float:
    """∫ exp(-n (L - L_5) - ‖w‖²/2) over weights and bias of the sixth feature, beside a pentagon, while it is not
    represented."""
    axis, biases, excess = _beside_a_pentagon()
    first, second, bias = np.meshgrid(axis, axis, biases, indexing="ij")
    weight = np.exp(-n * excess - (first**2 + second**2 + bias**2) / 2)
    weight = np.where(first**2 + second**2 + bias > 0.5, 0, weight)
    return float(np.trapezoid(np.trapezoid(np.trapezoid(weight, biases), axis), axis))


@cache
def _beside_a_pentagon() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights and biases of a sixth feature, and L - L_5 on the grid of them."""
    axis, biases = np.linspace(-1.5, 1.5, 51), np.concatenate([np.linspace(-4, -0.6, 40), np.linspace(-0.55, 0.55, 67)])
    places = np.stack(np.meshgrid(axis, axis, biases, indexing="ij"), axis=-1)
    W, b = polygon_weights(5, N)

    def loss(place: Array) -> Array:
        with_sixth = jnp.asarray(W).at[:, 5].set(place[:2]), jnp.asarray(b).at[5].set(place[2])
        return one_hot_loss(*with_sixth, jnp.full(N, 1 / N))

    losses = jax.jit(jax.vmap(loss))(places.reshape(-1, 3))
    return axis, biases, np.asarray(losses).reshape(places.shape[:3]) - polygon_loss(5, N)


def predicted(n: float) -> float:
    """The share of the hexagon by the free energies."""
    energies = free_energies(n)
    return 1 / (1 + math.exp(energies.six - energies.five))


def half(n: Float[np.ndarray, " n"], share: Float[np.ndarray, " n"]) -> float:
    """Where a share first comes to one half, on a line between two points; NaN where it does not."""
    above = np.flatnonzero((share[:-1] < 0.5) & (share[1:] >= 0.5))
    if not len(above):
        return np.nan
    i = above[0]
    return float(n[i] + (0.5 - share[i]) / (share[i + 1] - share[i]) * (n[i + 1] - n[i]))


def of_the_table() -> Mapping[str, float]:
    """Where the three terms that the paper keeps of a free energy are equal, for a hexagon and a pentagon whose sixth
    feature is silent, or has its best bias."""
    prior = {"5": 3.62417, "5+": 3.62764}  # the paper's table: ‖w‖²/2; 6.37767 for the hexagon
    coefficient = {"5": 7.0, "5+": 8.5}
    return {
        name: float(
            crossing(
                polygon_loss(6, 6) - polygon_loss(5, 6, name.count("+")), 8.5 - coefficient[name], 6.37767 - prior[name]
            )[-1]
        )
        for name in prior
    }


def draw_occupancy(results: Results) -> Figure:
    """Shares over n of all numbers of represented features, and of the hexagon beside the prediction."""
    n = np.array(SAMPLES, dtype=float)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    k = np.concatenate([represented(one) for one in results.values()], axis=1)
    counts = (2, 3, 4, 5, 6)
    for count, color in zip(counts, tm.plots.shades(len(counts)), strict=True):
        left.plot(n, (k == count).mean(-1), "o-", markersize=4, color=color, label=f"{count} features")
    left.set(xlabel="samples n", ylabel="share of the posterior", ylim=(0, 1))
    left.legend()
    fine = np.linspace(n[0], n[-1], 36)
    right.plot(fine, [predicted(float(one)) for one in fine], color=tm.plots.ORANGE, label="free energies")
    for (name, one), marker, color in zip(results.items(), "os", (tm.plots.BLUE, tm.plots.INK), strict=True):
        right.plot(n, share_of_six(represented(one)), marker, markersize=4, color=color, label=f"chains from {name}")
    right.axhline(0.5, color=tm.plots.INK, linestyle=":", linewidth=0.7)
    right.set(xlabel="samples n", ylabel="6-gons, of 5- and 6-gons", ylim=(0, 1))
    right.legend()
    return figure


def claims_occupancy(results: Results, full: bool) -> list[Claim]:
    """More samples, more features; and the free energies say where."""
    n = np.array(SAMPLES, dtype=float)
    each = {name: represented(one) for name, one in results.items()}
    k = np.concatenate(list(each.values()), axis=1)
    share, theory = share_of_six(k), np.array([predicted(float(one)) for one in n])
    theirs = half(n, theory)
    return [
        at_most(
            f"n at which half of 5- and 6-gons are 6-gons: relative difference from {theirs:.0f}, by free energies",
            abs(half(n, share) / theirs - 1),
            0.15,
        ),
        at_most("largest difference of the share of 6-gons from the prediction", abs(share - theory).max(), 0.15),
        at_most(
            "largest difference of shares of 6 features between chains from 5+ and from 6",
            abs((each["5+"] == 6).mean(-1) - (each["6"] == 6).mean(-1)).max(),
            0.2,
            source="ours",
        ),
        at_least("smallest rise from n to the next of the mean number of features", np.diff(k.mean(-1)).min(), 0),
        at_least("share of 6 features at the largest n", (k == 6).mean(-1)[-1], 0.5, source="ours"),
        at_most("share of 6 features at the smallest n", (k == 6).mean(-1)[0], 0.1, source="ours"),
    ]


def turned_round(results: Results) -> Results:
    """The chains of the largest n at the smallest, and so on."""
    return changed(results, lambda one: one.values[::-1])


def always_five(results: Results) -> Results:
    """All at the pentagon."""
    W, b = polygon_weights(5, N)
    return changed(results, lambda one: np.broadcast_to(W if one.name == "W" else b, one.shape))


def where_they_started(results: Results) -> Results:
    """Chains that never left."""
    stayed: dict[str, xr.Dataset] = {}
    for name, one in results.items():
        start = dict(zip(("W", "b"), polygon_weights(*STARTS[name]), strict=True))
        stayed |= changed(Results({name: one}), partial(_broadcast, start))
    return Results(stayed)


def _broadcast(start: Mapping[str, np.ndarray], one: xr.DataArray) -> np.ndarray:
    return np.broadcast_to(start[str(one.name)], one.shape)


OCCUPANCY = Experiment(
    name="chen2023/occupancy",
    question="At how many samples does the posterior go from pentagons to hexagons?",
    source="the experiment on Bayesian transitions",
    sweeps=sweep_occupancy,
    draw=draw_occupancy,
    claims=claims_occupancy,
    shows="Langevin chains in the posterior exp(-n L(w)) under a standard normal prior, of six features in two "
    "dimensions. Left, how many features turn on their own output by more than 1/2: with more samples, more. Right, of "
    "the samples with five or six, the share with six, of chains that start in either phase. Orange: by free energies "
    "with all of their terms: the loss, the prior, the curvatures, the number of such polygons (144 pentagons, 120 "
    "hexagons), and an integral over what the sixth feature may do beside a pentagon. Much beyond n = 320 chains do "
    "not come from one phase to the other in the time that they have.",
    differences=(
        NOT_AT_HAND,
        "paper: posteriors given data sets of n samples; ours: n times the expected loss",
        "paper: free energies of three terms, the loss, λ log n and the prior, which are equal for the hexagon and the "
        "pentagon at n = 601 (5) or 202 (5+); ours: with all others, "
        "which meet in between, and so do the chains",
    ),
    controls=(turned_round, always_five, where_they_started),
)
