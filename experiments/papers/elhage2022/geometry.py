"""The geometry of uniform superposition: n=400 features of equal importance in m=30 dimensions."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import toymodels as tm
from experiments.harness.controls import diverged
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels.analysis import geometry

N, M = 400, 30
SOURCE = "The Geometry of Superposition, Uniform Superposition"
DIFFERENCES = (
    "ours: two models per density, D* of the better one, paper: one",
    "quick: 50 densities, 4,000 steps of batch 256; --full: 100 densities, 20,000 steps of batch 1,024",
)
MIN_NORM = 0.1  # below it a feature is not represented, and its dimensionality is noise


def densities(full: bool) -> Float[np.ndarray, " k"]:
    """From 1 down to 1/100, close together where arrangements come and go."""
    dense, middle, sparse = (24, 56, 20) if full else (12, 28, 10)
    return np.concatenate(
        [np.geomspace(1, 0.3, dense), np.geomspace(0.29, 0.15, middle), np.geomspace(0.14, 0.01, sparse)]
    )


def sweep_geometry(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Two models per density. All three figures of this module use these models."""
    over = {"density": densities(full)}
    recipe = tm.Recipe(steps=20_000, batch_size=1_024) if full else tm.Recipe(steps=4_000, batch_size=256)
    model, task = tm.Autoencoder(N, M), tm.Task(tm.Independent(N))
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=2)}


def _weights(
    results: Results,
) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k m n"], Float[np.ndarray, "k 2 m n"]]:
    """Densities, the weights of the better model of each, and those of both."""
    models = results["models"]
    return models.density.values, results.best().W.values, models.W.values


# --- dimensions-per-feature: D* falls from 1, with a plateau at 1/2 ----------------------------------------------


def draw_dimensions_per_feature(results: Results) -> Figure:
    """D* against 1 / density."""
    density, better, _ = _weights(results)
    figure, ax = plt.subplots(figsize=(6, 3), layout="constrained")
    tm.plots.dimensions_per_feature(density, geometry.dimensions_per_feature(better), ax=ax)
    ax.axhline(0.5, color=tm.plots.FAINT, linewidth=0.8, zorder=0)
    ax.text(1.005, 0.5, "1/2", transform=ax.get_yaxis_transform(), va="center", fontsize=8)
    return figure


def claims_dimensions_per_feature(results: Results, full: bool) -> list[Claim]:
    """The dense end, the plateau, and the fall.

    Near 1 / density = 4.3, where pairs give way to pentagons, models whose losses differ by 0.1 % differ in D* by up to
    .04. Neighbouring densities scatter by as much, and the fall is that of the mean over three of them.
    """
    _, better, _ = _weights(results)
    values = geometry.dimensions_per_feature(better)
    return [
        at_most("dense: D* differs from 1 by", abs(values[0] - 1), 0.03),
        at_least("neighbouring densities with D* within .03 of 1/2", _longest(abs(values - 0.5) < 0.03), 3),
        at_most(
            "largest rise of D*, a mean over three neighbouring densities, to the next sparser",
            np.diff(np.convolve(values, np.ones(3) / 3, "valid")).max(),
            0.02,
        ),
        at_most("sparsest: D*", values[-1], 0.35),
    ]


def _longest(flags: Bool[np.ndarray, " k"]) -> int:
    """The length of the longest stretch of true values."""
    edges = np.flatnonzero(~np.concatenate([[False], flags, [False]]))
    return int(np.diff(edges).max() - 1)


DIMENSIONS_PER_FEATURE = Experiment(
    name="elhage2022/dimensions-per-feature",
    question="How many hidden dimensions does a feature get as features become sparser?",
    source=f"{SOURCE}, the first figure",
    section=SOURCE,
    sweeps=sweep_geometry,
    draw=draw_dimensions_per_feature,
    claims=claims_dimensions_per_feature,
    shows="D* = m / ‖W‖_F² at each density. It is about 1 while features have dimensions of their own, stays at "
    "1/2 while they come in antipodal pairs, and falls on as they crowd.",
    differences=DIFFERENCES,
    vector=True,
)

# --- dimensionality: the features lie at the fractions of regular arrangements -----------------------------------


def draw_dimensionality(results: Results) -> Figure:
    """D_i of all features over D*, and the feature graphs of six models."""
    density, better, W = _weights(results)
    figure = plt.figure(figsize=(9.3, 9.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.1], squeeze=False)[:, 0]
    ax = above.subplots()
    values, shown = geometry.dimensionality(W), geometry.norms(W) > MIN_NORM
    tm.plots.dimensionality(density, values.reshape(len(W), -1), shown=shown.reshape(len(W), -1), ax=ax)
    x = tm.plots.against_density(ax, density)
    ax.plot(x, geometry.dimensions_per_feature(better), color=tm.plots.INK, linewidth=1, label="$D^*$")
    ax.legend(loc="upper right")
    chosen = [int(abs(1 / density - at).argmin()) for at in (2.1, 2.8, 4.3, 4.8, 5.5, 9.0)]
    for number, graph_ax in zip(chosen, below.subplots(2, len(chosen) // 2).flat, strict=True):
        tm.plots.feature_graph(better[number], ax=graph_ax)
        graph_ax.set_title(
            f"1 / density = {1 / density[number]:.1f}, {geometry.n_represented(better[number])} features"
        )
    keys = {"at an obtuse angle": tm.plots.NEGATIVE, "at an acute angle": tm.plots.POSITIVE}
    below.legend(
        handles=[Line2D([], [], color=color, label=label) for label, color in keys.items()],
        title="feature graphs: a node for each feature represented, an edge where two are not orthogonal",
        loc="outside lower center",
        ncols=2,
    )
    return figure


def claims_dimensionality(results: Results, full: bool) -> list[Claim]:
    """Clusters at the fractions, none where no arrangement is, and dimensions neither lost nor won.

    Pentagons come with 1 / density between 4 and 5, where they take the place of pairs. In sparser models larger
    arrangements of many shapes spread D_i over everything below, 2/5 included: over all densities, the cluster at 2/5
    stands out by 2.0, 1.4, 1.5, 1.4 and 2.2 at seeds 0 to 4, between 4 and 5 by 5.6, 5.8, 12, 25 and 11.
    """
    density, _, W = _weights(results)
    values = geometry.dimensionality(W)
    there = geometry.norms(W) > MIN_NORM
    shown = values[there]
    pentagons = (density <= 1 / 4) & (density >= 1 / 5)
    total = values.sum(-1)
    superposed = geometry.in_superposition(W).sum(-1) >= geometry.n_represented(W) / 2
    fractions = {"1/2": 1 / 2} | ({"3/4": 3 / 4, "2/3": 2 / 3, "3/8": 3 / 8} if full else {})
    return [
        at_least(
            "D_i near 2/5, relative to the background, with 1 / density between 4 and 5",
            peak_height(values[pentagons][there[pentagons]], 2 / 5),
            1.5,
        ),
        *(
            at_least(f"D_i near {name}, relative to the background", peak_height(shown, fraction), 1.5)
            for name, fraction in fractions.items()
        ),
        at_most(
            "features that cluster at 3/5, where no arrangement is, relative to those at 1/2",
            cluster_size(shown, 3 / 5) / cluster_size(shown, 1 / 2),
            0.1,
        ),
        at_most(
            "largest |Σ D_i / m − 1| of models with at least half of their features in superposition",
            abs(total[superposed] / M - 1).max() if superposed.any() else np.nan,
            0.02,
        ),
    ]


def peak_height(values: Float[np.ndarray, " k"], fraction: float) -> float:
    """How much denser values lie within .005 of `fraction` than between .005 and .025 from it, where at least one is
    counted; NaN if there are none near."""
    near, around = _near_and_around(values, fraction)
    return 4 * near / max(around, 1) if near + around else np.nan


def cluster_size(values: Float[np.ndarray, " k"], fraction: float) -> float:
    """How many more values lie within .005 of `fraction` than its surroundings make expect; NaN if none are near."""
    near, around = _near_and_around(values, fraction)
    return np.float64(near - around / 4) if near + around else np.nan


def _near_and_around(values: Float[np.ndarray, " k"], fraction: float) -> tuple[int, int]:
    """The number of values within .005 of `fraction`, and of those between .005 and .025 from it."""
    distance = abs(values - fraction)
    return int((distance < 0.005).sum()), int(((distance >= 0.005) & (distance < 0.025)).sum())


DIMENSIONALITY = Experiment(
    name="elhage2022/dimensionality",
    question="Which fractions of a dimension do features get?",
    source=f"{SOURCE}, the figure of feature dimensionalities",
    section=SOURCE,
    sweeps=sweep_geometry,
    draw=draw_dimensionality,
    claims=claims_dimensionality,
    shows="A dot per feature of two models per density, at its dimensionality D_i = ‖W_i‖² / Σ_j (Ŵ_i·W_j)²; features "
    "with ‖W_i‖ < 0.1 are left out. Grey lines: the fractions of regular arrangements. Black: D* of the better model. "
    "Below, the feature graphs of six of the models: pairs, then pentagons, then ever larger arrangements, and at last "
    "one component of all features, drawn as a ring; edges are wider and darker the larger |cos| is. At the "
    "dense end all subspaces of m dimensions are equally good, and the features share one evenly, with D_i about m/n.",
    differences=DIFFERENCES,
)

# --- leverage: dimensionality is at most the leverage score ------------------------------------------------------


def draw_leverage(results: Results) -> Figure:
    """D_i against τ_i, coloured by density."""
    density, _, W = _weights(results)
    figure, ax = plt.subplots(figsize=(4.8, 4.2), layout="constrained")
    shown = geometry.norms(W) > MIN_NORM
    densities = np.broadcast_to(density[:, None, None], shown.shape)[shown]
    tm.plots.scatter_by_density(
        ax, geometry.leverage(W)[shown], geometry.dimensionality(W)[shown], densities, s=3, lw=0
    )
    ax.plot([0, 1], [0, 1], color=tm.plots.FAINT, linewidth=0.8, zorder=0)
    ax.set(xlabel="leverage score $\\tau_i$", ylabel="dimensionality $D_i$", xlim=(0, 1.03), ylim=(0, 1.03))
    return figure


def claims_leverage(results: Results, full: bool) -> list[Claim]:
    """Leverage scores sum up to the rank, bound the dimensionality, and equal it where packing is efficient. The first
    two hold for every matrix; they fail only where numbers are not finite."""
    _, _, W = _weights(results)
    values, scores = geometry.dimensionality(W), geometry.leverage(W)
    ranks = np.linalg.matrix_rank(np.where(np.isfinite(W), W, 0))
    packed = (values.sum(-1) > 0.99 * M)[..., None] & (geometry.norms(W) > MIN_NORM)
    return [
        at_most("largest |Σ τ_i − rank W|", abs(scores.sum(-1) - ranks).max(), 1e-3),
        at_most("largest D_i − τ_i", (values - scores).max(), 1e-4),
        at_most(
            "mean relative difference of D_i and τ_i where Σ D_i > .99 m",
            (abs(scores - values)[packed] / scores[packed]).mean() if packed.any() else np.nan,
            0.02,
        ),
        at_least("models with Σ D_i > .99 m", packed.any(-1).sum(), 5),
    ]


LEVERAGE = Experiment(
    name="elhage2022/leverage",
    question="How does a feature's dimensionality relate to its leverage score?",
    source="Zhang's comment on the paper",
    section="Zhang's comment",
    sweeps=sweep_geometry,
    draw=draw_leverage,
    claims=claims_leverage,
    shows="A dot a feature of the models of `dimensionality`: its leverage score τ_i = W_iᵀ (W Wᵀ)⁺ W_i and its "
    "dimensionality D_i ≤ τ_i. On the diagonal packing is efficient.",
    differences=("the comment has the bound, this figure is ours",),
    controls=(diverged,),  # for two of the claims, which hold for every matrix of finite numbers
)
