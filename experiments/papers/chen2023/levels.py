"""The losses of the critical points, over the number of features, and where training ends."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.chen2023.exact import CRITICAL_POINTS, LOSSES, NOT_AT_HAND, Form, losses, sampled_recipe
from toymodels.theory.critical import polygon_name

SIZES = (4, 5, 6, 7, 8)
ENDS = "the experiment on training by SGD"
PAPER = {  # losses of a k-gon among n features, the others with or without the best bias
    5: {"4": 0.06667, "4+": 0.05667, "5": 0.01583},
    6: LOSSES,
}
ON = 1e-4  # how far a loss may be from a level
LEAST = 2  # the least number of corners


def sweep_levels(full: bool, seed: int) -> Mapping[str, Sweep]:
    """SGD on samples, from small random weights."""
    steps, restarts = (40_000, 256) if full else (4_000, 64)
    recipe = sampled_recipe(steps, 64, 0.05)
    task = tm.Task(tm.ExactlyK(SIZES[0], 1), importance=1.0)
    over = {
        "n": {
            "model.n_features": SIZES,
            "task.features.n_features": SIZES,
            "task.importance": [float(n) for n in SIZES],  # the loss is a sum over outputs
        }
    }
    model = tm.Autoencoder(SIZES[0], 2)
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=restarts)}


def forms(n: int) -> list[Form]:
    """All polygons among n features."""
    return [Form(k, n, biased) for k in range(LEAST, n + 1) for biased in range(n - k + 1)]


class Ends(NamedTuple):
    """Where training ended among n features.

    Attributes:
        n: the number of features.
        loss: the exact loss of each model.
        names: what each model is; "" for none of the polygons.
        nearest: the polygon with the nearest loss.
    """

    n: int
    loss: np.ndarray
    names: list[str]
    nearest: list[Form]

    @property
    def off(self) -> np.ndarray:
        """How far the loss is from that level."""
        return np.array([abs(loss - form.loss) for loss, form in zip(self.loss, self.nearest, strict=True)])


def ends(results: Results) -> list[Ends]:
    """By number of features."""
    models, made = results["models"], []
    for at, n in enumerate(SIZES):
        W, b = (np.nan_to_num(models[name].values[at, ..., :n]).astype(float) for name in ("W", "b"))
        levels, loss = forms(n), losses(W, b)
        nearest = [levels[k] for k in abs(loss[:, None] - [form.loss for form in levels]).argmin(-1)]
        made.append(Ends(n, loss, [polygon_name(*one) for one in zip(W, b, strict=True)], nearest))
    return made


def draw_levels(results: Results) -> Figure:
    """Levels as dashes, models as dots; from left to right for each n, more features with a bias."""
    figure, ax = plt.subplots(figsize=(9.3, 4.6), layout="constrained")
    colors = dict(zip(range(LEAST, SIZES[-1] + 1), tm.plots.shades(SIZES[-1] + 1 - LEAST), strict=True))
    rng = np.random.default_rng(0)
    left = 0.0
    for one in ends(results):
        _levels(ax, left, one, colors, rng)
        left += one.n - LEAST + 2.5
    ax.set(xticks=[], ylabel="loss", ylim=(-0.012, None))
    handles = [Line2D([], [], color=color, linewidth=2.5, label=f"{k} corners") for k, color in colors.items()]
    handles.append(Line2D([], [], color=tm.plots.ORANGE, marker="o", linestyle="", markersize=4, label="trained model"))
    handles.append(Line2D([], [], color=tm.plots.INK, marker="x", linestyle="", markersize=5, label="no polygon"))
    figure.legend(handles=handles, loc="outside right upper")
    return figure


def _levels(ax: Axes, left: float, one: Ends, colors: Mapping[int, str], rng: np.random.Generator) -> None:
    """The levels and models of one n, from `left` on."""
    for form in forms(one.n):
        x = left + form.biased
        ax.plot([x - 0.45, x + 0.45], [form.loss] * 2, color=colors[form.k], linewidth=2.5, solid_capstyle="butt")
    for loss, name in zip(one.loss, one.names, strict=True):
        x = left + (name.count("+") if name else -0.85) + rng.uniform(-0.35, 0.35) * bool(name)
        if name:
            ax.plot(x, loss, "o", color=tm.plots.ORANGE, markersize=2.5, zorder=3)
        else:
            ax.plot(x, loss, "x", color=tm.plots.INK, markersize=5, zorder=3)
    middle = left + (one.n - LEAST) / 2
    ax.text(middle, -0.02, f"n = {one.n}", ha="center", va="top", transform=ax.get_xaxis_transform())


def claims_levels(results: Results, full: bool) -> list[Claim]:
    """Models end at the levels, which are the paper's."""
    made = ends(results)
    by_size = {one.n: one for one in made}
    few = np.concatenate([by_size[n].off for n in (4, 5, 6)])
    many = np.concatenate([by_size[n].off for n in (7, 8)])
    named = [(name, form.name) for one in made for name, form in zip(one.names, one.nearest, strict=True) if name]
    apart = [abs(_at(by_size[n], name) - loss) for n, known in PAPER.items() for name, loss in known.items()]
    pentagons = [float(np.mean([name == f"5{'+' * (n - 5)}" for name in by_size[n].names])) for n in (6, 7, 8)]
    return [
        at_least("n = 4, 5, 6: share of models whose loss is within 1e-4 of a level", (few < ON).mean(), 0.95),
        at_least(
            "n = 7, 8: share of models whose loss is within 1e-4 of a level", (many < ON).mean(), 0.75, source="ours"
        ),
        at_least("n = 5, 6: forms of the paper's table that models end at", sum(np.isfinite(apart)), 6),
        at_most(
            "n = 5, 6: largest difference of their losses from the paper's",
            np.nanmax(apart) if np.isfinite(apart).any() else np.nan,
            5e-5,
            source=CRITICAL_POINTS,
        ),
        at_least(
            "share of named models whose nearest level is that of the name",
            float(np.mean([a == b for a, b in named])) if named else np.nan,
            0.9,
            source="ours",
        ),
        at_least(
            "n = 6, 7, 8: least share of models at a 5-gon whose other features all have the best bias",
            min(pentagons),
            0.2,
            source="ours",
        ),
    ]


def _at(one: Ends, name: str) -> float:
    """The mean loss of the models of a name, NaN if there are none."""
    found = [loss for loss, each in zip(one.loss, one.names, strict=True) if each == name]
    return float(np.mean(found)) if found else np.nan


def a_tenth_shorter(results: Results) -> Results:
    """Columns of .9 of their length."""
    return changed(results, lambda one: one.values * (0.9 if one.name == "W" else 1))


def silent(results: Results) -> Results:
    """Positive biases, which lower the loss a little, are 0."""
    return changed(results, lambda one: np.minimum(one.values, 0) if one.name == "b" else one.values)


def one_level(results: Results) -> Results:
    """The first model of each size, always."""
    return changed(results, lambda one: np.broadcast_to(one.values[:, :1], one.shape))


LEVELS = Experiment(
    name="chen2023/levels",
    question="Which losses do models that are trained by SGD end at?",
    source=ENDS,
    sweeps=sweep_levels,
    draw=draw_levels,
    claims=claims_levels,
    shows="Dashes: the exact losses of the polygons among n features, of which exactly one is on in each sample, in "
    "two dimensions. From left to right for each n, none, one, two, ... of the features that are not corners have the "
    "bias 1/(2n); the others are silent. Dots: the exact losses of models trained by SGD from small random "
    "weights, each drawn on the dash of the polygon that it has become. Crosses: models that are not polygons. "
    "Nearly all models end at a level, but most of them not at the lowest one: from n = 6 on, the most frequent "
    "end is a pentagon whose other features all have a bias. By theory, the n-gon is the lowest polygon up to n = "
    "7; for n = 8 it is 7+, at .11062, below the 8-gon's .11555.",
    differences=(
        NOT_AT_HAND,
        "paper: 1,000 samples, batches of 20, rate .005, 4,500 epochs, starts at a 4-gon with noise of .01; ours: new "
        "samples at every step, batches of 64, momentum .9, rate .05 that falls to 0 over 4,000 steps (--full: "
        "40,000), starts from small random weights",
        "paper: the levels are of checkpoints during training, 95 % of which are near one; ours: of 64 models at the "
        "end (--full: 256)",
        "measured: of the models that are no polygon, some are at minima that have less symmetry",
    ),
    controls=(a_tenth_shorter, silent, one_level),
)
