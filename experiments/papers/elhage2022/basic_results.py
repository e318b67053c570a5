"""Basic results: which features are represented, and which superposed, as density falls."""

import dataclasses
from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.harness.statistics import mean_interference, rank_correlation
from toymodels.analysis import geometry
from toymodels.arrays import gram, ratio, unit_columns

# --- basic-small and basic-large: a linear model and seven ReLU models -------------------------------------------

DENSITIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
SOURCE = "Demonstrating Superposition, Basic Results"


def sweep_basic(n: int, m: int, decay: float, steps: int, full: bool, seed: int) -> Mapping[str, Sweep]:
    """Linear and ReLU output models at every density. Sparse models end in many different minima, of which the best is
    found by its loss on a sample that is large enough to have every feature in it often."""
    task = tm.Task(tm.Independent(n), importance=tm.GeometricImportance(decay))
    recipe = tm.Recipe(20_000, 1_024, 3e-3) if full else tm.Recipe(steps, 512, 5e-3)
    recipe = dataclasses.replace(recipe, evaluation_samples=2**18)
    over = {"density": DENSITIES}
    linear, relu = tm.Autoencoder(n, m, output_activation=tm.identity), tm.Autoencoder(n, m)
    return {
        "linear": partial(tm.sweep, linear, task, recipe, over=over, seed=seed, restarts=4),
        "relu": partial(tm.sweep, relu, task, recipe, over=over, seed=seed, restarts=16 if full else 12),
    }


def draw_basic(results: Results) -> Figure:
    """A column a model: WᵀW and b above, norms coloured by interference below."""
    linear, relu = results.best("linear"), results.best("relu")
    W = np.concatenate([linear.W.values[:1], relu.W.values])
    b = np.concatenate([linear.b.values[:1], relu.b.values])
    scales = tm.plots.common_scales(W, b)
    titles = ["linear\ndensity 1", *(f"ReLU\ndensity {density:g}" for density in DENSITIES)]
    figure = plt.figure(figsize=(9.3, 4.2), layout="constrained")
    *columns, keys = figure.subfigures(1, len(W) + 1, width_ratios=[1] * len(W) + [1.35], squeeze=False)[0]
    for column, *model, title in zip(columns, W, b, titles, strict=True):
        tm.plots.superposition(*model, title=title, scales=scales, figure=column)
    tm.plots.superposition_keys(scales, figure=keys)
    return figure


def claims_basic(results: Results, full: bool) -> list[Claim]:
    """Dense models represent the top m and nothing else; sparse ones ever more, in superposition."""
    linear, relu = results.best("linear").W.values, results.best("relu").W.values
    m = relu.shape[-2]
    top = np.arange(relu.shape[-1]) < m
    counts = geometry.n_represented(relu)
    first = _first_superposed(relu)
    superposed, own = _superposed_and_own(first)
    return [
        equal("linear: densities at which exactly the top m are represented", _equals(linear, top), len(linear)),
        equal("linear: features in superposition, at any density", geometry.in_superposition(linear).sum(), 0),
        equal("ReLU, dense: exactly the top m are represented", _equals(relu[:1], top), 1),
        equal("ReLU, dense: features in superposition", geometry.in_superposition(relu[0]).sum(), 0),
        at_least("ReLU: least change in number represented as density falls", np.diff(counts).min(), 0),
        at_least("ReLU, sparsest: features represented per dimension", counts[-1] / m, 2),
        at_most(
            "ReLU: largest share left out of the features down to the least important one represented",
            left_out(relu).max(),
            0.1,
        ),
        at_least(
            "where superposition starts: number of the first superposed minus last unsuperposed feature",
            _start(superposed) - _end(own),
            1,
        ),
        at_least("where superposition starts: share in antipodal pairs", _paired(first, superposed), 1),
    ]


def _equals(W: Float[np.ndarray, "k m n"], wanted: Bool[np.ndarray, " n"]) -> int:
    """The number of models that represent exactly the wanted features."""
    return int((geometry.represented(W) == wanted).all(-1).sum())


def left_out(W: Float[np.ndarray, "k m n"]) -> Float[np.ndarray, " k"]:
    """Of the features from the most important one down to the last one represented, the share not represented; NaN for
    a model that represents none."""
    there = geometry.represented(W)
    last = np.where(there, 1 + np.arange(W.shape[-1]), 0).max(-1)
    return 1 - ratio(there.sum(-1), last, np.nan)


def _first_superposed(W: Float[np.ndarray, "k m n"]) -> Float[np.ndarray, "m n"]:
    """The first model, from the dense side, that has features in superposition."""
    return W[int(geometry.in_superposition(W).any(-1).argmax())]


def _superposed_and_own(W: Float[np.ndarray, "m n"]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the features in superposition, and of those with a dimension of their own."""
    shared = geometry.in_superposition(W)
    return np.flatnonzero(shared), np.flatnonzero(geometry.represented(W) & ~shared)


def _start(features: np.ndarray) -> float:
    return float(features.min()) if len(features) else float("nan")


def _end(features: np.ndarray) -> float:
    return float(features.max()) if len(features) else float("nan")


def _paired(W: Float[np.ndarray, "m n"], features: np.ndarray) -> float:
    """The share of the features that have exactly one other at cos < -0.9."""
    if not len(features):
        return float("nan")
    return float(((gram(unit_columns(W[:, features])) < -0.9).sum(-1) == 1).mean())


def _basic(name: str, n: int, m: int, decay: float, steps: int) -> Experiment:
    return Experiment(
        name=f"elhage2022/{name}",
        question=f"Which of {n} features does a model with {m} hidden dimensions represent as density falls?",
        source=f"{SOURCE}, the figure with n = {n}, m = {m}",
        section=SOURCE,
        sweeps=partial(sweep_basic, n, m, decay, steps),
        draw=draw_basic,
        claims=claims_basic,
        shows=f"A linear model at density 1, then ReLU output models; importance ${decay}^i$. Above, WᵀW and b: blue "
        "negative, white 0, red positive. Below, ‖W_i‖ of each feature, most important on top, coloured by its "
        "interference Σ_{j≠i} (Ŵ_i·W_j)²: 0 is a dimension of its own, 1 that of an antipodal pair; beyond 1 the scale "
        "is logarithmic. All models have the same scales, which hold all values. Features without a bar, or with a "
        "grey one (‖W_i‖ < 0.1), are not represented.",
        differences=(
            "ours: best of 12 restarts (16 with --full; linear: 4) by loss on 262,144 common samples, paper: not said",
            f"ours: Adam 5e-3 with warm-up and cosine decay, {steps:,} steps of 512 (--full: 3e-3, 20,000 of "
            "1,024), notebook: AdamW 1e-3, 10,000 steps of 1,024",
        ),
    )


BASIC_SMALL = _basic("basic-small", n=20, m=5, decay=0.7, steps=10_000)
BASIC_LARGE = _basic("basic-large", n=80, m=20, decay=0.9, steps=5_000)

# --- features-vs-density: the notebook's second figure -----------------------------------------------------------

NOTEBOOK_DENSITIES = 20.0 ** -np.linspace(0, 1, 20)
N, M = 100, 20
IMPORTANCE = 100.0 ** -np.linspace(0, 1, N)


def sweep_features_vs_density(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=100 m=20, I from 1 down to 1/100, twenty densities from 1 down to 1/20. Dense models need many steps: after
    2,000 of 1,024 samples the least important of the represented features still share dimensions with the next."""
    task = tm.Task(tm.Independent(N), importance=IMPORTANCE)
    recipe = tm.Recipe(10_000, 1_024) if full else tm.Recipe(8_000, 256)
    over = {"density": NOTEBOOK_DENSITIES}
    return {"models": partial(tm.sweep, tm.Autoencoder(N, M), task, recipe, over=over, seed=seed, restarts=2)}


def draw_features_vs_density(results: Results) -> Figure:
    """Bars for each density, and below, the number represented and the mean interference."""
    W = results.best().W.values
    figure = plt.figure(figsize=(9.3, 8), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[2.4, 1], squeeze=False)[:, 0]
    limit = tm.plots.interference_limit(W)
    for ax, weights, density in zip(above.subplots(2, 10).flat, W, NOTEBOOK_DENSITIES, strict=True):
        tm.plots.norm_bars(weights, color_limit=limit, ax=ax)
        ax.set_title(f"density\n{density:.2f}")
    tm.plots.interference_bar(above, limit, ax=above.axes, shrink=0.6, aspect=30, pad=0.01)
    above.suptitle(f"{N} features by importance, the most important on top; no bar: not represented", fontsize=9)
    series = {
        "features represented": geometry.n_represented(W),
        "their mean interference": mean_interference(W),
    }
    for ax, (label, values) in zip(below.subplots(1, 2), series.items(), strict=True):
        x = tm.plots.against_density(ax, NOTEBOOK_DENSITIES)
        ax.plot(x, values, "o-", color=tm.plots.BLUE, markersize=3.5)
        ax.set(ylabel=label, ylim=(0, None))
    return figure


def claims_features_vs_density(results: Results, full: bool) -> list[Claim]:
    """More features, and more interference, the sparser they are."""
    W = results.best().W.values
    counts, shared = geometry.n_represented(W), mean_interference(W)
    return [
        equal("dense: number represented is m", counts[0], M),
        at_most("dense: mean interference", shared[0], 0.02),
        at_least("least change in number represented as density falls", np.diff(counts).min(), 0),
        at_least("sparsest: features represented per dimension", counts[-1] / M, 2),
        at_least(
            "rank correlation of 1 / density and mean interference",
            rank_correlation(1 / NOTEBOOK_DENSITIES, shared),
            0.9,
        ),
        at_least("sparsest: mean interference", shared[-1], 0.3),
    ]


FEATURES_VS_DENSITY = Experiment(
    name="elhage2022/features-vs-density",
    question="How do the number of features represented and their interference grow as density falls?",
    source="The notebook released with the paper, second figure",
    section="released notebook, second figure",
    sweeps=sweep_features_vs_density,
    draw=draw_features_vs_density,
    claims=claims_features_vs_density,
    shows="Above, ‖W_i‖ of all 100 features at each density, coloured by interference: 0 is a dimension of its own, 1 "
    "that of an antipodal pair; beyond 1 the scale is logarithmic. Where there is no bar, or a grey one (‖W_i‖ < 0.1), "
    "the feature is not represented. Below, the number of features represented and their mean interference.",
    differences=(
        "ours: the better of two restarts, notebook: one",
        "ours: Adam 1e-2 with warm-up and cosine decay, 8,000 steps of 256 (--full: 10,000 of 1,024), notebook: "
        "AdamW 1e-3, 10,000 steps of 1,024",
    ),
)
