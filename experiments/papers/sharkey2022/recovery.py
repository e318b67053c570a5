"""Sparse autoencoders on sums of known directions: do they find them, and do they tell how many there are?"""

import dataclasses
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels.analysis import dictionaries
from toymodels.arrays import unit_columns
from toymodels.theory.dictionaries import chance_mmcs
from toymodels.training.optimisers import constant

QUARTER, HALF, TRUE, TWICE, FOUR_TIMES = range(5)  # dictionaries by their size, relative to the number of features
RAREST = 0.99**512  # how often the rarest feature is on, relative to the most common one, in the paper


def features(n: int) -> tm.NonEmpty:
    """The paper's 512 features, or fewer that are as unequal: 5 or 3 are on in the mean, before samples without any are
    left out."""
    return tm.NonEmpty(n, tm.geometric(n, RAREST ** (1 / n), mean_on=5 if n == 512 else 3))


def true_directions(task: tm.Task) -> Array:
    """As a metric of a sweep: what the autoencoders should find."""
    return task.features.W


# --- Training ----------------------------------------------------------------------------------------------------


def sweep_recovery(full: bool, seed: int) -> Mapping[str, Sweep]:
    """A sweep over penalties for each size of dictionary.

    The paper's objective has l1 times the mean of |c| over samples *and* the k neurons, `HiddenL1` sums over neurons:
    its strength is l1 / k. (λ of the sum over the m inputs is m times that.)
    """
    n, m = (512, 256) if full else (64, 32)
    ratios = 2.0 ** (np.arange(-2, 6) if full else np.arange(-2, 3))
    l1 = 10 ** (np.arange(-8, 9) / 4) if full else 2.0 ** np.arange(-5, 6)
    paper = tm.Recipe(50_000, 256, 1e-3, optimizer=optax.adam, schedule=constant)
    quick = dataclasses.replace(tm.Recipe.dictionary(), steps=1_500, batch_size=256, learning_rate=1e-2)
    W = unit_columns(np.random.default_rng(seed).normal(size=(m, n))).astype(np.float32)
    task = tm.Task(tm.HiddenActivations(W, features(n)), penalties=(tm.HiddenL1(0.0),))
    return {
        f"{size} neurons": partial(
            tm.sweep,
            tm.SparseAutoencoder(m, size),
            task,
            dataclasses.replace(paper if full else quick, evaluation_samples=4_096),
            over={"strength": l1 / size},
            metrics={"truth": true_directions},
            seed=seed,
        )
        for size in (n * ratios).astype(int).tolist()
    }


# --- What is measured --------------------------------------------------------------------------------------------


class Maps(NamedTuple):
    """A row per size of dictionary, a column per penalty.

    Attributes:
        sizes: numbers of neurons k.
        l1: the paper's.
        mmcs: with the truth.
        alive: share of the neurons that are on in some sample.
        loss: reconstruction error, relative to the mean square of the inputs.
        similar: mean over a dictionary's directions of the largest cosine with one of the next larger dictionary.
    """

    sizes: Float[np.ndarray, " size"]
    l1: Float[np.ndarray, " l1"]
    mmcs: Float[np.ndarray, "size l1"]
    alive: Float[np.ndarray, "size l1"]
    loss: Float[np.ndarray, "size l1"]
    similar: Float[np.ndarray, "size-1 l1"]


def maps(results: Results) -> Maps:
    """All of it from the parameters. Neurons are alive as in ten batches of 256 (the paper's size: 4,096)."""
    sweeps = list(results.values())
    truth = sweeps[0].truth.values[0]
    n = truth.shape[-1]
    h = truth @ np.asarray(features(n).sample(jax.random.key(0), 40_960 if n == 512 else 2_560))
    D = [unit_columns(one.W_dec.values) for one in sweeps]
    sizes = np.array([one.shape[-1] for one in D])
    measured = np.array([[alive_and_loss(one.isel(strength=i), h) for i in range(len(one.strength))] for one in sweeps])
    return Maps(
        sizes=sizes,
        l1=sweeps[0].strength.values * sizes[0],
        mmcs=np.array([dictionaries.mmcs(one, truth[None]) for one in D]),
        alive=measured[..., 0],
        loss=measured[..., 1],
        similar=np.array([dictionaries.mmcs(larger, one) for one, larger in pairwise(D)]),
    )


def alive_and_loss(one: xr.Dataset, h: Float[np.ndarray, "m samples"]) -> tuple[float, float]:
    """Share of neurons alive, and relative error, of one autoencoder."""
    b_dec = one.b_dec.values[:, None]
    z = np.maximum(one.W_enc.values @ (h - b_dec) + one.b_enc.values[:, None], 0)
    h_hat = unit_columns(one.W_dec.values) @ z + b_dec
    return float(1 - dictionaries.dead(z).mean()), float(((h - h_hat) ** 2).mean() / (h**2).mean())


def equal_penalty(found: Maps) -> Float[np.ndarray, " size"]:
    """The l1 of each size at the same strength per neuron, l1 / k: that at which as many neurons as features have their
    best MMCS."""
    return found.l1[found.mmcs[TRUE].argmax()] * found.sizes / found.sizes[TRUE]


def losses_at_equal_penalty(found: Maps) -> Float[np.ndarray, " size"]:
    """The losses there, between penalties of the grid on a straight line in logarithms."""
    rows = zip(equal_penalty(found), found.loss, strict=True)
    return np.exp([np.interp(np.log(l1), np.log(found.l1), np.log(losses)) for l1, losses in rows])


# --- The figure --------------------------------------------------------------------------------------------------


def draw_recovery(results: Results) -> Figure:
    """Four heat maps over the penalty and the size of the dictionary."""
    found = maps(results)
    lowest = float(min(found.mmcs.min(), found.similar.min()))
    panels = {
        "similarity to the truth (MMCS)": (found.mmcs, lowest, 1),
        "share of neurons that are dead": (1 - found.alive, 0, 1),
        "error, relative to the mean square: log$_{10}$": (np.log10(found.loss), None, None),
        "similarity to the next larger dictionary": (found.similar, lowest, 1),
    }
    figure, axes = plt.subplots(2, 2, figsize=(9.3, 6.4), layout="constrained", sharex=True, sharey=True)
    for ax, (title, (values, low, high)) in zip(axes.flat, panels.items(), strict=True):
        at = {"neurons": found.sizes[: len(values)].astype(float), "l1": found.l1}
        tm.plots.heat_map(xr.DataArray(values, at), label="", vmin=low, vmax=high, ax=ax)
        ax.axhspan(found.sizes[TRUE] / 2**0.5, found.sizes[TRUE] * 2**0.5, fill=False, edgecolor="white", linewidth=1.5)
        ax.set_title(title)
        ax.label_outer()
    of_loss, of_similar = axes[1]
    of_loss.plot(equal_penalty(found), found.sizes, "o--", color="white", markersize=3, linewidth=1)
    of_similar.text(0.5, 0.9, "(none is larger)", transform=of_similar.transAxes, ha="center", va="center")
    axes[0, 0].set(ylim=found.sizes[[0, -1]] * np.array([0.5, 2]) ** 0.5)
    axes[0, 0].set_yticks(found.sizes, labels=[str(size) for size in found.sizes])
    axes[0, 0].minorticks_off()
    return figure


# --- Claims ------------------------------------------------------------------------------------------------------


def claims_recovery(results: Results, full: bool) -> list[Claim]:
    """At a middle penalty, dictionaries of the true size or larger are nearly the truth, and what can be seen without
    the truth tells the true size.

    With half as many neurons as features, half of these may be found and the others be met by chance: an MMCS of
    about .7 in 32 dimensions.
    """
    found = maps(results)
    best, at_best = found.mmcs.max(-1), found.mmcs.argmax(-1)[:, None]
    m = next(iter(results.values())).truth.shape[-2]
    chance = np.array([chance_mmcs(m, size) for size in found.sizes.tolist()])
    alive = np.take_along_axis(found.alive, at_best, axis=-1)[:, 0]
    similar = found.similar.max(-1)
    loss = losses_at_equal_penalty(found)
    return [
        at_least("largest MMCS with at least as many neurons as there are features", best[TRUE:].max(), 0.95),
        at_least(
            "fall of the largest MMCS from at least as many neurons as features to half as many",
            best[TRUE:].max() - best[HALF],
            0.2,
        ),
        at_most("largest MMCS at the weakest and the strongest penalty", found.mmcs[:, [0, -1]].max(), 0.9),
        at_least(
            "largest MMCS with at least as many neurons as features, corrected for chance",
            ((best - chance) / (1 - chance))[TRUE:].max(),
            0.9,
            source="ours",
        ),
        at_least(
            "at most as many neurons as features: least share alive where MMCS is largest", alive[: TRUE + 1].min(), 0.8
        ),
        at_most(
            "four times as many neurons as features: number alive where MMCS is largest, per feature",
            alive[FOUR_TIMES] * found.sizes[FOUR_TIMES] / found.sizes[TRUE],
            1.5,
        ),
        at_least(
            "at most as many neurons as features: similarity to the next larger dictionary, at the best penalty, least",
            similar[: TRUE + 1].min(),
            0.9,
        ),
        at_least(
            "similarity to the next larger dictionary, at the best penalty: fall from as many neurons as features to "
            "twice as many",
            similar[TRUE] - similar[TWICE],
            0.05,
        ),
        at_most(
            "error with as many neurons as features, relative to that with half as many, at equal penalty",
            loss[TRUE] / loss[HALF],
            0.8,
            source="ours",
        ),
        at_least(
            "error with four times as many neurons as features, relative to that with as many, at equal penalty",
            loss[FOUR_TIMES] / loss[TRUE],
            0.9,
            source="ours",
        ),
    ]


def opposite(results: Results) -> Results:
    """All directions are turned round: they are on the right axes, and no feature is on one of them."""
    return changed(results, lambda one: -one.values if one.name == "W_dec" else one.values)


def all_of_a_size_alike(results: Results) -> Results:
    """The penalty makes no difference: the middle one's autoencoder at all penalties."""
    return changed(results, lambda one: np.broadcast_to(one.values[len(one) // 2 + 1], one.shape))


def never_on(results: Results) -> Results:
    """Biases keep all neurons off."""
    return changed(results, lambda one: one.values - (100 if one.name == "b_enc" else 0))


def never_off(results: Results) -> Results:
    """Biases keep all neurons on."""
    return changed(results, lambda one: one.values + (100 if one.name == "b_enc" else 0))


RECOVERY = Experiment(
    name="sharkey2022/recovery",
    question="Do sparse autoencoders find the directions of features in superposition, and how many there are?",
    source="Toy data, Figures 3, 4 and 10, and the text on loss stickiness",
    section="Toy data",
    sweeps=sweep_recovery,
    draw=draw_recovery,
    claims=claims_recovery,
    shows="A cell is an autoencoder whose inputs are sums of a few of 64 random directions in 32 dimensions (--full: "
    "512 in 256): the penalty across, the number of neurons up, and framed the row with as many neurons as "
    "features. Above, MMCS, the mean over the true directions of the largest cosine with a learned one, by chance "
    ".44 for 128 neurons; and the share of neurons that are on in none of 2,560 samples. At a middle penalty, "
    "dictionaries larger than the truth contain it. The paper's penalty is per neuron, so this ridge moves to "
    "larger l1 with size. A dictionary of just the true size reaches .9 only: some of its neurons are dead or "
    "double, and features are left over. On the ridge, the number of live neurons stops growing a little above "
    "the number of features. Below, the error of reconstruction: along the line, where the penalty per neuron is "
    "the same, it falls up to the true size and no further; and the mean over a dictionary's directions of the "
    "largest cosine with one of the next larger dictionary, which falls once there are more neurons than "
    "features. So three things that can be seen without the truth tell its size.",
    differences=(
        "ours: 64 features in 32 dimensions, 3 on in the mean (--full: as in the paper); paper: 512 in 256, 5 on",
        "ours: probabilities fall by a factor of .9227 per feature (--full: .99), so that the rarest is on .0058 times "
        "as often as the most common one, as in the paper; paper: .99",
        "ours: features are independent, but for empty samples, which are left out; paper: also correlated, by a "
        "random covariance",
        "ours: 11 l1 from 1/32 to 32, 5 sizes from 16 to 256 neurons (--full: as in the paper); paper: 17 l1 from .01 "
        "to 100, 8 sizes from 128 to 16,384",
        r"ours: $\hat h = D\,\mathrm{ReLU}(W_{enc}(h - b_{dec}) + b_{enc}) + b_{dec}$; paper: no $b_{dec}$",
        "ours: random directions at the start, and the encoder their transpose; paper: an orthogonal decoder",
        "ours: Adam 1e-2, b2 = .99, falling to 0 over the last fifth of 1,500 steps of 256 (--full: constant 1e-3, "
        "b2 = .999, 50,000 steps of 256); paper: Adam 1e-3, batches of 256, the number of steps is not known to us",
        "ours: the share of neurons that are dead; paper: their number, with colours up to 100",
        "ours: stickiness is an error that more neurons do not lower at the same penalty per neuron; paper: its "
        "definition is not known to us, nor are numbers of its figures",
        "the recipe is known to us from a public replication, github.com/HoagyC/sparse_coding; --full is its grid, "
        "for a GPU, and has not been run to the end",
    ),
    controls=(opposite, all_of_a_size_alike, never_on, never_off),
)
