"""Superposition and adversarial robustness."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.harness.statistics import rank_correlation
from experiments.papers.elhage2022.geometry import DIFFERENCES, N, sweep_geometry
from toymodels.analysis import geometry, robustness

SOURCE = "Relationship to Adversarial Robustness"

# --- adversarial: vulnerability follows the number of features per dimension --------------------------------------

NORM = 0.1  # of an attack, relative to the mean norm of the samples
SAMPLES = 128
KEY = jax.random.key(0)  # of the samples and of the gradient attacks' starts, whatever the seed of the training


class Attacked(NamedTuple):
    """Models under attack, one per density.

    Attributes:
        density: (k,).
        features: features per dimension, ‖W‖_F² / m (k,).
        by_feature: vulnerability to the most harmful feature attack (k,).
        by_gradient: vulnerability to gradient attacks (k,).
        off: share of outputs that are off, where the samples are not attacked (k,).
        escaped: share of samples to which the feature attack does more harm than the gradient attack (k,).
    """

    density: Float[np.ndarray, " k"]
    features: Float[np.ndarray, " k"]
    by_feature: Float[np.ndarray, " k"]
    by_gradient: Float[np.ndarray, " k"]
    off: Float[np.ndarray, " k"]
    escaped: Float[np.ndarray, " k"]


def attacked(results: Results) -> Attacked:
    """Both attacks on the better model of the densest and of every second density."""
    count = results["models"].sizes["density"]
    models = results.best().isel(density=[0, *range(1, count, 2)])
    W, b, density = (models[name].values.astype(np.float32) for name in ("W", "b", "density"))
    sample_key, start_key = jax.random.split(KEY)
    x = np.stack([np.asarray(tm.Independent(N, one).sample(sample_key, SAMPLES)) for one in density])
    length = NORM * np.linalg.norm(x, axis=-2).mean(-1)
    by_feature = robustness.feature_attack(W, b, x, length=length)
    by_gradient = robustness.gradient_attack(W, b, x, start_key, length=length)
    more = robustness.squared_errors(W, b, x, by_feature) > 1.001 * robustness.squared_errors(W, b, x, by_gradient)
    return Attacked(
        density,
        1 / geometry.dimensions_per_feature(W),
        robustness.vulnerability(W, b, x, by_feature, length=length),
        robustness.vulnerability(W, b, x, by_gradient, length=length),
        (W.swapaxes(-1, -2) @ (W @ x) + b[..., None] <= 0).mean((-1, -2)),
        more.mean(-1),
    )


def draw_adversarial(results: Results) -> Figure:
    """Vulnerability over features per dimension, both against 1 / density, and one against the other."""
    found = attacked(results)
    figure, axes = plt.subplot_mosaic(
        [["vulnerability", "scatter"], ["features", "scatter"]], figsize=(9, 4.6), layout="constrained"
    )
    above, below, beside = axes["vulnerability"], axes["features"], axes["scatter"]
    x = tm.plots.against_density(above, found.density)
    above.plot(x, found.by_gradient, "-", color=tm.plots.ORANGE, label="gradient attack")
    above.plot(x, found.by_feature, "o-", color=tm.plots.BLUE, markersize=3.5, label="best feature attack")
    above.legend(loc="upper left")
    above.set(ylabel="adversarial vulnerability\nrelative to no superposition")
    x = tm.plots.against_density(below, found.density)
    below.plot(x, found.features, "o-", color=tm.plots.INK, markersize=3.5)
    above.set_xlabel("")
    below.set(ylabel="features per dimension\n$\\Vert W \\Vert_F^2\\,/\\,m$")
    for ax in (above, below):
        ax.set(yscale="log", xlim=(0.9, 110), ylim=(0.8, 100))
        ax.set_xticks([1, 10, 100], labels=["1", "10", "100"] if ax is below else [])
        ax.set_yticks(
            [1, 3, 10, 30, 100],
            labels=["1x", "3x", "10x", "30x", "100x"] if ax is above else ["1", "3", "10", "30", "100"],
        )
    tm.plots.scatter_by_density(beside, found.features, found.by_feature, found.density, s=18)
    beside.set(xscale="log", yscale="log", xlabel="features per dimension", ylabel="adversarial vulnerability")
    beside.plot([1, 20], [1, 20], color=tm.plots.FAINT, linewidth=0.8, zorder=0)
    beside.set_xticks([1, 3, 10], labels=["1", "3", "10"])
    beside.set_yticks([1, 3, 10, 30], labels=["1x", "3x", "10x", "30x"])
    beside.minorticks_off()
    return figure


def claims_adversarial(results: Results, full: bool) -> list[Claim]:
    """Vulnerability rises with superposition, in step with the number of features per dimension.

    The paper found attacks by gradient descent difficult on very sparse features, where nearly all outputs are off. So
    they are here, and on one sample in six the gradient attack does less harm than the feature attack; but over all
    samples, from several random starts and over all features at once, it does more: 1.0 to 1.6 times as much at any
    density from 1 to 1/100, and 1.04 times as much in models trained at 1/3,000.
    """
    found = attacked(results)
    return [
        at_most("dense: vulnerability differs from that without superposition by", abs(found.by_feature[0] - 1), 0.1),
        at_least("rise of vulnerability from dense to sparsest, factor", found.by_feature[-1] / found.by_feature[0], 3),
        at_least(
            "rank correlation of vulnerability and features per dimension",
            rank_correlation(found.by_feature, found.features),
            0.8,
        ),
        at_least(
            "the same for gradient attacks", rank_correlation(found.by_gradient, found.features), 0.8, source="ours"
        ),
        at_least("sparsest: share of outputs that are off, and have no gradient", found.off[-1], 0.95),
        at_least(
            "sparsest: share of samples to which a gradient attack does less harm than a feature attack",
            found.escaped[-1],
            0.1,
        ),
    ]


ADVERSARIAL = Experiment(
    name="elhage2022/adversarial",
    question="Does superposition make a model vulnerable to adversarial attacks?",
    source=f"{SOURCE}, the figure",
    section=SOURCE,
    sweeps=sweep_geometry,
    draw=draw_adversarial,
    claims=claims_adversarial,
    shows="Above, adversarial vulnerability against 1 / density: by how much attacks of a tenth of the samples' mean "
    "norm raise the squared error, divided by the attack's squared norm. This is 1 for a model that gives each of m "
    "features a dimension of its own. Below, features per dimension; they rise together, stay together while features "
    "come in pairs, and rise again. Right, one against the other; grey, where they are equal. A feature attack is a "
    "step along ±(WᵀW)_i, the best there is against output i; the most harmful of all 800 is taken for each sample. "
    "Gradient attacks: 20 steps of projected gradient ascent from the best of four random starts.",
    differences=(
        *DIFFERENCES,
        f"ours: every second density, {SAMPLES} samples each, always the same draws; paper: not said",
        "ours: the increase of the squared error, relative to that of a model without superposition; the paper plots "
        "vulnerability relative to such a model and does not give the formula",
        "ours: up to 1 / density = 100 on logarithmic axes",
    ),
)

# --- adversarial-training: attacks during training take superposition away ----------------------------------------

NORMS = (0.0, 0.1, 0.3, 0.8)
TRAINED_N, TRAINED_M = 60, 6
DENSITIES = 0.4 * 0.5 ** np.arange(7)
MIDDLE = 3  # the density of 1/20, where three features are on


def sweep_adversarial_training(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Attacks of several norms, at densities from 1/2.5 to 1/160."""
    task = tm.Task(tm.Independent(TRAINED_N), attack=tm.FeatureAttack())
    recipe = tm.Recipe(steps=10_000) if full else tm.Recipe(steps=1_000, batch_size=256)
    over = {"norm": NORMS, "density": DENSITIES}
    return {"models": partial(tm.sweep, tm.Autoencoder(TRAINED_N, TRAINED_M), task, recipe, over=over, seed=seed)}


def draw_adversarial_training(results: Results) -> Figure:
    """Features per dimension, and those in superposition, against 1 / density, a line per norm."""
    W = results["models"].W.values
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
    panels = {
        "features per dimension   $\\Vert W \\Vert_F^2\\,/\\,m$": (left, 1 / geometry.dimensions_per_feature(W)),
        "features in superposition per dimension": (right, geometry.in_superposition(W).sum(-1) / TRAINED_M),
    }
    for label, (ax, values) in panels.items():
        x = tm.plots.against_density(ax, DENSITIES)
        for norm, row, color in zip(NORMS, values, tm.plots.shades(len(NORMS)), strict=True):
            ax.plot(x, row, "o-", color=color, markersize=3.5, label=f"{norm:g}" if norm else "no attack")
        ax.axhline(1, color=tm.plots.FAINT, linewidth=0.8, zorder=0)
        ax.set(ylabel=label, ylim=(-0.3, None))
        ax.set_xticks([3, 10, 30, 100], labels=["3", "10", "30", "100"])
    left.legend(title="norm of attacks in training", loc="upper left", alignment="left")
    return figure


def claims_adversarial_training(results: Results, full: bool) -> list[Claim]:
    """The stronger the attacks, the fewer features a dimension.

    At norm .8 there is about one feature a dimension only where about three of the features are on at a time: at
    density 1/20 here, 1/15 with n=40 m=8, and 1/30 with n=100 m=10. Where more are on, weights shrink to less than
    that; where fewer are, biases hold off the attacks and superposition returns.
    """
    W = results["models"].W.values
    features = 1 / geometry.dimensions_per_feature(W)
    superposed = geometry.in_superposition(W)[:, : MIDDLE + 1].sum((1, 2))
    return [
        at_most(
            "largest factor by which features per dimension, a geometric mean over densities, change from one norm to "
            "the next larger",
            np.exp(np.diff(np.log(features).mean(-1)).max()),
            0.99,
        ),
        at_least("no attack, density 1/20: features per dimension", features[0, MIDDLE], 4),
        at_most("norm .8, density 1/20: features per dimension differ from 1 by", abs(features[-1, MIDDLE] - 1), 0.3),
        at_most(
            "norm .8, densities from 1/2.5 to 1/20: features in superposition, relative to no attack",
            superposed[-1] / superposed[0],
            0.2,
        ),
        at_least("norm .8, sparsest: features per dimension", features[-1, -1], 3, source="ours"),
    ]


ADVERSARIAL_TRAINING = Experiment(
    name="elhage2022/adversarial-training",
    question="Do attacks during training take superposition away?",
    source=f"{SOURCE}, text",
    section=SOURCE,
    sweeps=sweep_adversarial_training,
    draw=draw_adversarial_training,
    claims=claims_adversarial_training,
    shows="Models of n = 60 features in m = 6 dimensions, trained under attack: each sample is moved along ±(WᵀW)_i of "
    "a feature i chosen at random, by a norm relative to that of the mean sample, with the sign that does more harm to "
    "output i. Left, features per dimension against 1 / density: attacks of norm 0.1 hardly change them, those of norm "
    "0.8 leave about one where three features are on at a time, fewer where more are on, and several in the sparsest "
    "models. Right, features in superposition (‖W_i‖ > 1/2 and interference above 0.1) per dimension.",
    differences=(
        "ours: n=60 m=6, seven densities, norms 0, .1, .3 and .8; paper: norms .1 and .8, sizes not said",
        "ours: about one feature a dimension at norm .8 only near density 1/20; paper: does not say at which density",
        "quick: 1,000 steps of batch 256; --full: 10,000 steps of batch 1,024",
    ),
)
