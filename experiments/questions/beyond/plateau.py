"""How the plateau at D* = 1/2 depends on the number of features per dimension."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels.analysis import geometry
from toymodels.arrays import first_fall

M = 10
RATIOS = np.array([1.5, 2, 2.5, 3, 5, 8, 13])  # of n to m
DENSITIES = 1 / np.concatenate([[1], np.geomspace(1.5, 5.5, 14), [10]])
START, END = 0.53, 0.47  # D* between them is on the plateau
MANY = RATIOS >= 3


def sweep_plateau(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n / m from 1.5 to 13, models of equal importance at densities from 1 to 1/10."""
    sizes = (RATIOS * M).astype(int).tolist()
    recipe = tm.Recipe(steps=10_000) if full else tm.Recipe(steps=800, batch_size=256)
    over = {"n": {"model.n_features": sizes, "task.features.n_features": sizes}, "density": DENSITIES}
    model, task = tm.Autoencoder(sizes[0], M), tm.Task(tm.Independent(sizes[0]))
    restarts = 8 if full else 2
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=restarts)}


def curves(results: Results) -> Float[np.ndarray, "ratio density restart"]:
    """D* of every model. Weights of the smaller ones are padded with NaN."""
    return geometry.dimensions_per_feature(np.nan_to_num(results["models"].W.values))


def crossings(values: Float[np.ndarray, "ratio density restart"], level: float) -> Float[np.ndarray, "ratio restart"]:
    """1 / density where D* first falls to `level`, between densities on a straight line over log density; infinite
    if it does not."""
    log_place = first_fall(np.log(1 / DENSITIES), values.swapaxes(1, 2), level)
    return np.where(np.isfinite(log_place), np.exp(log_place), np.inf)


def draw_plateau(results: Results) -> Figure:
    """D* against 1 / density, a line per ratio; and between which densities it is about 1/2, against the ratio."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.3, 3.8), layout="constrained")
    values = curves(results)
    x = tm.plots.against_density(left, DENSITIES)
    for ratio, rows, color in zip(RATIOS, values, tm.plots.shades(len(RATIOS)), strict=True):
        left.plot(x, rows.mean(-1), "-", color=color, linewidth=1.2, label=f"{ratio:g}")
        left.plot(x, rows, ".", color=color, markersize=3)
    left.axhspan(END, START, color=tm.plots.SHADE, zorder=0)
    left.set(ylim=(0, 1.08))
    left.set_ylabel("dimensions per feature   $D^* = m\\,/\\,\\Vert W \\Vert_F^2$")
    left.set_xticks([1, 2, 3, 5, 10], labels=["1", "2", "3", "5", "10"])
    left.minorticks_off()
    left.legend(title="n / m", ncols=2)
    ends = {
        "end": (crossings(values, END), tm.plots.ORANGE, "v"),
        "start": (crossings(values, START), tm.plots.BLUE, "^"),
    }
    for name, (found, color, marker) in ends.items():
        right.plot(np.repeat(RATIOS, found.shape[1]), found.ravel(), marker, color=color, markersize=4)
        right.plot(RATIOS, found.mean(-1), "-", color=color, label=f"{name} of the plateau")
    right.axvline(2, color=tm.plots.FAINT, linewidth=0.8, zorder=0)
    right.text(2.05, 9.5, "at 2: it never ends", va="top", fontsize=8)
    right.text(1.95, 9.5, "below 2: none", va="top", ha="right", fontsize=8)
    right.set(
        xscale="log", yscale="log", xlim=(1.1, 15), ylim=(1, 10), xlabel="features per dimension available   n / m"
    )
    right.set_ylabel(tm.plots.INVERSE_DENSITY)
    right.set_xticks(RATIOS, labels=[f"{ratio:g}" for ratio in RATIOS])
    right.set_yticks([1, 2, 3, 5, 10], labels=["1", "2", "3", "5", "10"])
    right.minorticks_off()
    right.legend(loc="lower right")
    return figure


def claims_plateau(results: Results, full: bool) -> list[Claim]:
    """No plateau below n / m = 2, one without an end at 2, and above one that moves as a whole."""
    values = curves(results)
    start, end = crossings(values, START).mean(-1)[MANY], crossings(values, END).mean(-1)[MANY]
    factor = end / np.where(np.isfinite(start), start, np.nan)
    return [
        at_least("n / m = 1.5: least D*", values[0].min(), 0.6),
        at_most("n / m = 2, density 1/10: D* differs from 1/2 by", abs(values[1, -1] - 0.5).max(), 0.03),
        at_least("n / m = 3 to 13: least factor in density from start to end", factor.min(), 1.2),
        at_most("the same, largest relative to least", factor.max() / factor.min(), 1.25),
        at_least("start at n / m = 13, relative to n / m = 3", start[-1] / start[0], 1.05),
        at_least("end at n / m = 13, relative to n / m = 3", end[-1] / end[0], 1.05),
        at_most("n / m = 3 to 13: latest end, relative to the earliest", end.max() / end.min(), 1.3),
    ]


PLATEAU = Experiment(
    name="beyond/plateau",
    question="How does the plateau at D* = 1/2 depend on the number of features per dimension?",
    source="ours",
    sweeps=sweep_plateau,
    draw=draw_plateau,
    claims=claims_plateau,
    shows="Left, D* = m / ‖W‖_F² against 1 / density, a line for each n / m at m = 10: dots are two models each, the "
    "line their mean. Right, where D* falls below 0.53 and below 0.47 (grey on the left), against n / m. With fewer "
    "than two features a dimension there is no plateau: D* stays at m / n, above 1/2. With exactly two, pairs use up "
    "all features, and the plateau does not end. As soon as there are more (2.5 is enough) it ends near 1 / density = "
    "3.5. From then on the number of features matters little: from n / m = 3 to 13, over five seeds, the start moves "
    "to sparser features by about a fifth and the end by about an eighth, and the factor in density between them stays "
    "near 1.5. So where the plateau ends is set by the density, and hardly by how many features there are to be "
    "packed. What changes most with n / m is the way into it, which is later and steeper with many features. Two "
    "models at one density place an end to within about 5 %.",
    differences=("the paper has n=400 m=30 only",),
)
