"""The collapse of correlated features: three correlated pairs, from a hexagon to their principal components."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.elhage2022.planar import degrees_from_even, oriented, partner_angles, side_by_side
from toymodels.analysis import geometry

SECTION = "The Geometry of Superposition, Correlated and Anticorrelated Features"
THREE_PAIRS = ((0, 1), (2, 3), (4, 5))
DENSITIES = (0.01, 0.02, 0.03, 0.045, 0.08, 0.1, 0.12, 0.165, 0.18, 0.2, 0.25, 0.3, 0.45, 0.55, 0.65, 0.75)
SHOWN = (0.75, 0.45, 0.18, 0.1, 0.03)  # one from each of the paper's ranges
PAPER_RANGES = {  # of the density 1 - S
    "most\nPCA-like": (0.5, 0.8),
    "all sets\ncollapsed": (0.25, 0.5),
    "two": (0.15, 0.2),
    "one set\ncollapsed": (0.05, 0.15),
    "no set\ncollapsed": (0.008, 0.05),
}


def sweep_collapse(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=6 m=2, three correlated pairs, the best of many restarts at each density."""
    task = tm.Task(tm.CorrelatedSets(THREE_PAIRS))
    recipe = tm.Recipe(4_000 if full else 1_000, 1_024 if full else 256, 2e-2, evaluation_samples=2**18)
    over = {"density": DENSITIES}
    restarts = 128 if full else 48
    return {"models": partial(tm.sweep, tm.Autoencoder(6, 2), task, recipe, over=over, seed=seed, restarts=restarts)}


def draw_collapse(results: Results) -> Figure:
    """Arrows at five densities, the densest first, and below the angles within pairs at all of them."""
    models = results.best()
    figure = plt.figure(figsize=(8.2, 5.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.35], squeeze=False)[:, 0]
    for density, ax in zip(SHOWN, above.subplots(1, len(SHOWN)), strict=True):
        W = models.W.sel(density=density).values
        tm.plots.directions(oriented(W), sets=THREE_PAIRS, limit=1.25, ax=ax)
        ax.set_title(f"density {density:g}\n{n_collapsed(W)} of 3 collapsed")
    _draw_angles(partner_angles(models.W.values), below.subplots())
    return figure


def _draw_angles(angles: Float[np.ndarray, "k 3"], ax: Axes) -> None:
    for number, values in enumerate(angles.T):
        ax.plot(DENSITIES, values, "o", color=tm.plots.SET_COLORS[number], markersize=4, label=f"pair {number + 1}")
    ax.plot(DENSITIES, angles.mean(-1), color=tm.plots.INK, linewidth=1.3, label="mean of the pairs")
    ax.axhline(60, color=tm.plots.FAINT, linewidth=0.8, linestyle="--", zorder=0, label="hexagon")
    for number, (name, (low, high)) in enumerate(PAPER_RANGES.items()):
        ax.axvspan(low, high, color=tm.plots.FAINT, alpha=0.35 if number % 2 else 0.15, linewidth=0, zorder=0)
        ax.text((low * high) ** 0.5, 117, name, ha="center", va="top", fontsize=8)
    ax.set(xscale="log", xlim=(0.8, 0.008), ylim=(-4, 119), yticks=[0, 30, 60, 90])
    ax.set_xticks([0.5, 0.2, 0.1, 0.05, 0.02, 0.01], labels=["0.5", "0.2", "0.1", "0.05", "0.02", "0.01"])
    ax.minorticks_off()
    ax.set(xlabel="density $1 - S$   (bands: the paper's ranges, which leave a gap)", ylabel="degrees within a pair")
    ax.legend(loc="center right", bbox_to_anchor=(1, 0.25), ncols=2)


def claims_collapse(results: Results, full: bool) -> list[Claim]:
    """From a hexagon, one pair after the other falls together, until the model is PCA's.

    The three pairs are alike, so the covariance has the three leading eigenvectors (a + b) / √2 with one eigenvalue:
    every plane in their span is PCA's. A model is PCA when its weights lie in that span and W Wᵀ is the identity. The
    model has biases, so it is the covariance that counts. The densest cell is .75: the values of two features that are
    on are independent, their correlation is 3 (1 - p) / (4 - 3 p), and at p = 1 there is none left to collapse to.

    The density from which on a set is collapsed agrees with the paper for the first (ours .065, paper .05) and the
    second (ours .14, paper .15). The third collapses at .4 in ours, below .25 in the paper: between these, all sets
    collapsed is a minimum as well, but its loss is higher than that of two, by 7 % at .25 and by 1 % at .37.
    """
    models = results.best()
    density, W = models.density.values, models.W.values
    angles, collapsed = partner_angles(W), n_collapsed(W)
    densest = W[-1]
    inside = ((densest @ principal_directions(density[-1], 3)) ** 2).sum() / (densest**2).sum()

    def alike(low: float, high: float, count: int) -> float:
        chosen = (density > low) & (density < high)
        return float((collapsed[chosen] == count).mean())

    return [
        equal("sparsest: partners side by side", side_by_side(W[0]), 3),
        at_most("sparsest: degrees from a regular hexagon", degrees_from_even(W[:1]), 10),
        equal("share of densities below .05 with no set collapsed", alike(0, 0.05, 0), 1),
        equal("share of densities from .05 to .15 with one set collapsed", alike(0.05, 0.15, 1), 1),
        equal("share of densities from .15 to .2 with two sets collapsed", alike(0.15, 0.21, 2), 1),
        equal("share of densities from .45 on with all sets collapsed", alike(0.4, 1, 3), 1),
        at_most(
            "largest rise in degrees of the mean angle within pairs to the next denser",
            np.diff(angles.mean(-1)).max(),
            2,
        ),
        at_most(
            "density .45: lengths of (W_a + W_b) / √2, the merged features, differ from 1 by",
            abs(_merged_lengths(models.W.sel(density=0.45).values) - 1).max(),
            0.1,
        ),
        at_least("densest: share of ‖W‖² in the span of the three leading principal components", inside, 0.99),
        at_most("densest: W Wᵀ differs from the identity by", abs(densest @ densest.T - np.eye(2)).max(), 0.1),
    ]


def n_collapsed(W: Float[np.ndarray, "*batch 2 6"]) -> Int[np.ndarray, "*batch"]:
    """The number of pairs whose partners are less than 30 degrees apart, half of what they are in a hexagon."""
    return (partner_angles(W) < 30).sum(-1)


def principal_directions(density: float, count: int) -> Float[np.ndarray, "6 count"]:
    """Leading eigenvectors of the covariance of three correlated pairs."""
    features = tm.CorrelatedSets(THREE_PAIRS, float(density))
    mean = features.mean()
    _, vectors = np.linalg.eigh(features.second_moment() - np.outer(mean, mean))
    return vectors[:, -count:]


def _merged_lengths(W: Float[np.ndarray, "2 6"]) -> Float[np.ndarray, " 3"]:
    return geometry.norms(W[:, 0::2] + W[:, 1::2]) / 2**0.5


COLLAPSE = Experiment(
    name="elhage2022/collapse",
    question="When does a model merge features that are always on together?",
    source=f'{SECTION}, figure of "Collapsing of Correlated Features"',
    section=f"{SECTION}, Collapsing of Correlated Features",
    sweeps=sweep_collapse,
    draw=draw_collapse,
    claims=claims_collapse,
    shows="Above, columns of W as arrows, dense features left and sparse ones right: each pair has a colour, one "
    "partner ends in a dot and the other in a ring. Partners that have collapsed are one arrow of length "
    "$1/\\sqrt{2}$. Below, the angle within each pair in the colour of the pair, and their mean. The bands are the "
    "paper's ranges, which it calls approximate.",
    differences=(
        "the third set collapses at density .4 in ours, between .2 and .25 in the paper: between these, two sets "
        "collapsed have the lower loss, by 7 % at .25",
        "the angles below are ours; the paper has the arrows and the ranges only",
        "ours: best of 48 restarts (128 with --full) by loss on 262,144 common samples, paper: not said",
        "ours: Adam 2e-2 with warm-up and cosine decay, 1,000 steps of 256 (--full: 4,000 of 1,024), paper: not said",
    ),
    vector=True,
)
