"""Dimensions of samples and of features, losses and norms against the number of samples."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.henighan2023.model import (
    SIZES,
    TRAINING,
    counts,
    hidden_points,
    model,
    of_points,
    recipe,
    sample_dimensionality,
    samples,
    size,
    strongest,
    task,
)
from experiments.papers.henighan2023.polygons import a_square_of_features, scattered_points
from toymodels.arrays import norms

SETS = 3  # data sets of each number of samples


def numbers(full: bool) -> tuple[int, ...]:
    """T."""
    few = (3, 4, 6, 10, 20, 40)
    return (*few, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000) if full else (*few, 80, 160, 320, 800, 1_600)


def sweep_dimensionality(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Several data sets of each size."""
    n, density = size(full)
    over = samples(numbers(full)) | {"seed": range(SETS * seed, SETS * (seed + 1))}
    metrics = {"h": hidden_points}
    return {"models": partial(tm.sweep, model(n), task(n, density), recipe(full), over=over, metrics=metrics)}


class Curves(NamedTuple):
    """What is measured of each model, (T, data set).

    Attributes:
        T: numbers of samples (T,).
        of_samples, of_features: median dimensionality of a sample, and that of the five features with the longest
            directions.
        length: median length of a hidden point.
        train, test: losses.
        W, b: norms of the parameters.
    """

    T: Float[np.ndarray, " T"]
    of_samples: Float[np.ndarray, "T set"]
    of_features: Float[np.ndarray, "T set"]
    length: Float[np.ndarray, "T set"]
    train: Float[np.ndarray, "T set"]
    test: Float[np.ndarray, "T set"]
    W: Float[np.ndarray, "T set"]
    b: Float[np.ndarray, "T set"]


def curves(results: Results) -> Curves:
    """Against T."""
    one = results["models"]
    W = one.W.values
    return Curves(
        counts(one).astype(float),
        of_points(one, sample_dimensionality),
        np.median(strongest(W, 5), axis=-1),
        of_points(one, lambda h: np.median(norms(h), axis=-1)),
        one.final_loss.values,
        one.loss.values,
        np.linalg.norm(W, axis=(-2, -1)),
        np.linalg.norm(one.b.values, axis=-1),
    )


def draw_dimensionality(results: Results) -> Figure:
    """Losses, dimensions, and lengths."""
    found = curves(results)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.3, 3.2), layout="constrained")
    _line(left, found.T, found.test, tm.plots.ORANGE, "fresh samples")
    _line(left, found.T, found.train, tm.plots.BLUE, "its own samples")
    left.axhline(1, color=tm.plots.FAINT, linewidth=1, zorder=0)
    left.set(ylabel="loss", ylim=(-0.05, 1.3 * found.test.max()))
    _line(middle, found.T, found.of_samples, tm.plots.BLUE, "samples, median")
    _line(middle, found.T, found.of_features, tm.plots.ORANGE, "five strongest features")
    middle.plot(found.T, 2 / found.T, "--", color=tm.plots.INK, linewidth=1, label="2 / T")
    middle.axhline(0.4, color=tm.plots.INK, linewidth=1, linestyle=":", label="2 / 5")
    middle.set(ylabel="dimensionality", yscale="log", ylim=(1e-4, 5))
    _line(right, found.T, found.W, tm.plots.ORANGE, r"$\|W\|_F$")
    _line(right, found.T, found.b, tm.plots.RED, r"$\|b\|$")
    _line(right, found.T, found.length, tm.plots.BLUE, r"$\|h_i\|$, median")
    right.axhline(5**0.5, color=tm.plots.INK, linewidth=1, linestyle=":", label=r"$\sqrt{5}$")
    right.set(ylabel="length", yscale="log", ylim=(0.02, 400))
    for ax in (left, middle, right):
        ax.set(xscale="log", xlabel="samples T")
        ax.legend(fontsize=7, loc="upper right")
    return figure


def _line(ax: Axes, x: Float[np.ndarray, " T"], y: Float[np.ndarray, "T set"], color: str, label: str) -> None:
    """The median over data sets, and each of them."""
    ax.plot(x, np.median(y, axis=-1), color=color, label=label)
    ax.plot(x, y, ".", color=color, markersize=3, alpha=0.6)


def claims_dimensionality(results: Results, full: bool) -> list[Claim]:
    """First samples have their dimensions, then features, and between both the test loss is worst."""
    found = curves(results)
    few, last = found.T <= 40, slice(-1, None)
    test = np.median(found.test, axis=-1)
    peak = int(test.argmax())
    return [
        at_most(
            "T = 4 to 40: largest difference of the dimensionality of samples from 2/T, as a share of it",
            abs(np.median(found.of_samples, axis=-1) * found.T / 2 - 1)[few & (found.T > 3)].max(),
            0.2,
        ),
        at_most(
            "most samples: their median dimensionality times T/2", (found.of_samples[last] * found.T[-1] / 2).max(), 0.3
        ),
        at_least("most samples: dimensionality of the five strongest features", found.of_features[last].min(), 0.25),
        at_most("most samples: this number, below that of a pentagon", found.of_features[last].max(), 0.4),
        at_most(
            "T = 3 to 20: largest dimensionality of the strongest features",
            found.of_features[found.T <= 20].max(),
            0.25,
        ),
        at_least("test loss at its peak, relative to that of the fewest samples", test[peak] / test[0], 1.3),
        at_least("test loss at its peak, relative to that of the most samples", test[peak] / test[-1], 1.3),
        at_most("most samples: largest test loss, where 1 is that of answering 0", found.test[last].max(), 0.99),
        at_least("most samples: training loss relative to test loss", (found.train / found.test)[last].min(), 0.98),
        at_most("T = 3 and 4: largest training loss", np.median(found.train, axis=-1)[found.T <= 4].max(), 0.02),
        at_most(
            "most samples: largest difference of ‖W‖_F from √5, as a share of it",
            abs(found.W / 5**0.5 - 1)[last].max(),
            0.2,
        ),
        at_least("largest ‖W‖_F relative to that of the most samples", (found.W.max(0) / found.W[-1]).min(), 4),
        at_least("largest ‖b‖ relative to that of the most samples", (found.b.max(0) / found.b[-1]).min(), 20),
        at_least("T with the longest hidden points", float(found.T[np.median(found.length, -1).argmax()]), 8),
        at_most("the same", float(found.T[np.median(found.length, -1).argmax()]), 80),
    ]


def always_tested_well(results: Results) -> Results:
    """No peak: the same test loss whatever the number of samples."""
    return results.map(lambda one: one.assign(loss=one.loss * 0 + 1))


def nothing_learnt(results: Results) -> Results:
    """A model that answers nothing right, at all T."""
    return results.map(lambda one: one.assign(final_loss=one.final_loss * 0 + 0.9, loss=one.loss * 0 + 1))


def longer_and_longer(results: Results) -> Results:
    """Hidden points along one line, the longer the more samples there are."""

    def aligned(h: np.ndarray) -> np.ndarray:
        points = np.zeros_like(h)
        points[..., 0, :] = (1.0 + np.arange(len(h))).reshape(-1, *(1,) * (h.ndim - 2))
        return points

    return results.map(lambda one: one.assign(h=(one.h.dims, aligned(one.h.values))))


DIMENSIONALITY = Experiment(
    name="henighan2023/dimensionality",
    question="Do dimensions go to samples, or to features, and what has the test loss to do with it?",
    source="the figures of dimensionality, losses and norms against the size of the data set",
    sweeps=sweep_dimensionality,
    draw=draw_dimensionality,
    claims=claims_dimensionality,
    shows="Each dot is a model, trained on a data set of T samples; lines go through the medians of three data sets. "
    "Left, the loss on its own samples and on fresh ones, where 1 (grey) is that of a model that always answers "
    "0. The test loss has a peak between two regimes. Middle: with few samples each sample has 2/T of a "
    "dimension, an equal share of the two there are; with many, five features have nearly 2/5 each, and samples "
    "hardly any. Right, lengths: weights, biases and hidden points are longest where samples just cannot be told "
    "apart any more.",
    differences=(
        SIZES,
        TRAINING,
        "paper: features have their dimensions from T of about 5,000 to 20,000 on, the test loss is worse than 1 from "
        "about 100 to 700 on (the authors' runs and a replication), and hidden points are longest at about 30; ours: "
        "see the figure. By T(1 - S), the paper's 5,000 to 20,000 are 5 to 20, and 100 to 400 in ours",
        "paper: the test loss at its peak is about 1.01 (the authors) and up to 5,000 (a replication); ours: between "
        "these. The height depends on the optimiser, and only regimes are compared",
        "paper: ‖W‖_F of about √5 where there are most samples; ours: a tenth more, of directions that are not among "
        "the five and are still becoming shorter",
    ),
    controls=(scattered_points, a_square_of_features, always_tested_well, nothing_learnt, longer_and_longer),
)
