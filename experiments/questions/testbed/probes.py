"""Techniques that are given the features' values, against features per dimension, with what theory says exactly."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels import cases
from toymodels.analysis import geometry
from toymodels.features import CorrelatedSets
from toymodels.techniques import probes
from toymodels.theory import probing

N = 24
HIDDEN = (24, 16, 12, 8, 6, 4)
CORRELATIONS = (0.0, 0.25, 0.5, 0.75, 1.0)
DENSITY = 0.1
TECHNIQUES: Mapping[str, tm.techniques.Technique] = {
    "linear probe": probes.linear_probe,
    "own direction": probes.own_direction,
    "model's outputs": probes.read_out,
    "probe's direction": probes.probe_direction,
    "mean difference": probes.mean_difference,
    "participation ratio": probes.participation,
    "shuffled labels": probes.shuffled_probe,
}
NAMES = list(TECHNIQUES)


def sweep_probes(full: bool, seed: int) -> Mapping[str, Sweep]:
    """24 features in 24 to 4 dimensions, and 8 of a dimension each, on in pairs more and more often."""
    pairs = tuple((2 * pair, 2 * pair + 1) for pair in range(4))
    correlated = cases.Case(
        tm.Autoencoder(8, 8, initializer=cases.frames.axes), tm.Task(CorrelatedSets(pairs, DENSITY))
    )
    frames = {
        "tight frame": cases.tight_frame(N, N, DENSITY).over(n_hidden=HIDDEN),
        "random frame": cases.random_frame(N, N, DENSITY).over(n_hidden=HIDDEN),
        "correlated pairs": correlated.over(correlation=CORRELATIONS),
    }
    seeds = range(4 * seed, 4 * seed + 4)
    samples = 65_536 if full else 16_384
    return {"card": partial(tm.techniques.score, TECHNIQUES, frames, seed=seeds, samples=samples, progress=False)}


def exact(results: Results) -> Mapping[tuple[str, str], np.ndarray]:
    """What theory says of the mean raw score, by technique and case, at each level."""
    share = np.array(HIDDEN) / N
    random = [_random_frames(m, results["card"].seed.values) for m in HIDDEN]
    cosine = [np.mean([_cosine(W) for W in frames]) for frames in random]
    angle = [_pair_cosine(one) for one in CORRELATIONS]
    return {
        ("linear probe", "tight frame"): share,
        ("linear probe", "random frame"): share,
        ("own direction", "tight frame"): share,
        ("own direction", "random frame"): np.array([geometry.dimensionality(np.array(W)).mean() for W in random]),
        ("probe's direction", "tight frame"): np.ones(len(HIDDEN)),
        ("probe's direction", "random frame"): np.array(cosine),
        ("mean difference", "tight frame"): np.ones(len(HIDDEN)),
        ("mean difference", "random frame"): np.ones(len(HIDDEN)),
        ("mean difference", "correlated pairs"): np.array(angle),
        ("participation ratio", "tight frame"): np.log(HIDDEN) / np.log(N),
    }


def draw_probes(results: Results) -> Figure:
    """Raw scores against features per dimension, and against correlation; exact values as black lines."""
    card, theory = results["card"], exact(results)
    figure, axes = plt.subplots(1, 3, figsize=(9.3, 3.2), layout="constrained", sharey=True)
    colors = dict(zip(NAMES, (*tm.plots.SET_COLORS, tm.plots.FAINT), strict=False))
    for ax, case in zip(axes, card.case.values, strict=True):
        here = card.sel(case=case)
        x = here.level_value if case == "correlated pairs" else here.features_per_dimension
        x = x.values[np.isfinite(x)]
        for name in NAMES:
            raw = here.raw.sel(technique=name)[: len(x)]
            ax.plot(x, raw.mean("seed"), "o", color=colors[name], markersize=4, label=name)
            if (name, case) in theory:
                ax.plot(x, theory[name, case], "-", color=tm.plots.INK, linewidth=0.9, zorder=0)
        ax.set(title=case, ylim=(-0.05, 1.05))
        ax.set_xlabel("correlation" if case == "correlated pairs" else "features per dimension")
    axes[0].set_ylabel("$R^2$, cosine or number")
    axes[2].plot([], [], color=tm.plots.INK, linewidth=0.9, label="exact")
    axes[2].legend(fontsize=7.5, loc="center left", bbox_to_anchor=(0, 0.4))
    return figure


def claims_probes(results: Results, full: bool) -> list[Claim]:
    """Every exact value is met within 2 %."""
    card = results["card"]
    measured = card.raw.mean("seed")
    claims = []
    for (technique, case), values in exact(results).items():
        found = measured.sel(technique=technique, case=case).values[: len(values)]
        worst = np.abs(found / values - 1).max()
        claims.append(at_most(f"{technique}, {case}: largest relative error of the exact score", worst, 0.02))
    deepest = card.isel(level=len(HIDDEN) - 1).sel(case="tight frame").raw.mean("seed")
    gap = deepest.sel(technique="model's outputs") - deepest.sel(technique="linear probe")
    none = card.score.isel(level=0).sel(case="tight frame").mean("seed")
    labelled = [name for name in NAMES if name != "shuffled labels"]
    shuffled = card.score.sel(technique="shuffled labels", case="tight frame").mean("seed")
    return [
        *claims,
        at_least("least score where each feature has a dimension", none.sel(technique=labelled).min(), 0.95),
        at_least("the model uses what a probe misses: difference in R² at six features per dimension", gap, 0.01),
        at_most("largest score of a probe for shuffled labels in tight frames", shuffled.max(), 0.1),
    ]


def _random_frames(m: int, seeds: np.ndarray) -> list[np.ndarray]:
    """The frames that the seeds have."""
    return [np.asarray(cases.truth(cases.random_frame(N, m).module(int(seed))).directions) for seed in seeds]


def _cosine(W: np.ndarray) -> float:
    """The mean cosine between a probe's direction and the feature's."""
    return float(probing.column_cosines(probing.probe(W, np.eye(len(W.T))), W).mean())


def _pair_cosine(correlation: float) -> float:
    """Of E[h | on] - E[h | off] with the feature's direction: e_i + correlation e_j, as the values' means are equal."""
    return 1 / np.sqrt(1 + correlation**2)


PROBES = Experiment(
    name="testbed/probes",
    question="What do techniques with labels find, as features come to share dimensions?",
    source="ours",
    sweeps=sweep_probes,
    draw=draw_probes,
    claims=claims_probes,
    shows=(
        "The raw score of each technique, the mean over features and four seeds, against features per dimension in "
        "tight and in random frames, and against the correlation of pairs that have a dimension each. Lines are exact: "
        "a probe's R² is the leverage, m/n in the mean of any frame; reading along a feature's own direction has the "
        "dimensionality; the mean difference points along the feature whatever the interference, but leans towards "
        "features that are on together with it. The cosine of a probe's direction, and of mean differences; log m / "
        "log n for the participation ratio, which takes m dimensions for m features."
    ),
)
