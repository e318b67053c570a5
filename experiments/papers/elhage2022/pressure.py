"""Pressure: more features for a dimension, and more training, make the geometry crisp."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least
from toymodels.analysis import geometry

RATIOS = (2, 3, 5, 10, 20)
LENGTHS = (500, 4_000)
INVERSE_DENSITIES = (3.0, 3.5, 4.0, 4.5, 5.0)
FRACTIONS = np.array([1, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8])
NEAR = 0.02


def sweep_pressure(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Models with n / m = 2 ... 20, at the densities of digons and pentagons, trained shortly and long."""
    m, batch_size = (30, 1_024) if full else (10, 256)
    sizes = [m * ratio for ratio in RATIOS]
    over = {
        "size": {"model.n_features": sizes, "task.features.n_features": sizes},
        "density": [1 / inverse for inverse in INVERSE_DENSITIES],
        "steps": LENGTHS,
    }
    model, task, recipe = tm.Autoencoder(m, m), tm.Task(tm.Independent(m)), tm.Recipe(batch_size=batch_size)
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=4, history=1)}


def _represented_dimensionalities(results: Results) -> list[list[Float[np.ndarray, " k"]]]:
    """D_i of the represented features of all models: for each n / m, for each length of training."""
    weights = results["models"].W.transpose("size", "steps", "density", "restart", "hidden", "feature").values
    values = []
    for ratio, alike in zip(RATIOS, weights, strict=True):
        W = alike[..., : ratio * alike.shape[-2]]  # the rest is padding
        values.append([geometry.dimensionality(one)[geometry.represented(one)] for one in W])
    return values


def _share_near(values: Float[np.ndarray, " k"]) -> float:
    """The share of D_i within .02 of a fraction of a regular arrangement."""
    return float((abs(values[:, None] - FRACTIONS).min(-1) < NEAR).mean()) if len(values) else np.nan


def draw_pressure(results: Results) -> Figure:
    """D_i of all models for each n / m, short and long training side by side, and the share near the fractions."""
    values = _represented_dimensionalities(results)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.3, 4.4), layout="constrained", width_ratios=[1.8, 1])
    for place, lengths in enumerate(values):
        for side, color, one in zip((-0.2, 0.2), _LENGTH_COLORS, lengths, strict=True):
            spread = np.linspace(-0.17, 0.17, len(one)) if len(one) > 1 else np.zeros(len(one))
            left.plot(place + side + spread, np.sort(one), ".", color=color, markersize=3, alpha=0.7, mew=0)
    for fraction, name in zip(FRACTIONS, ("1", "3/4", "2/3", "1/2", "2/5", "3/8"), strict=True):
        left.axhline(fraction, color=tm.plots.FAINT, linewidth=0.8, zorder=0)
        anchor = {"2/5": "bottom", "3/8": "top"}.get(name, "center")  # too close for one line each
        left.text(1.005, fraction, name, transform=left.get_yaxis_transform(), va=anchor, fontsize=8)
    left.set_xticks(range(len(RATIOS)), labels=[str(ratio) for ratio in RATIOS])
    left.set(xlabel="features per hidden dimension n / m", ylabel="feature dimensionality $D_i$", ylim=(0, 1.05))
    for number, (steps, color) in enumerate(zip(LENGTHS, _LENGTH_COLORS, strict=True)):
        shares = [_share_near(lengths[number]) for lengths in values]
        right.plot(RATIOS, shares, "o-", color=color, markersize=4, label=f"{steps:,} steps")
    right.set(xscale="log", xlabel="n / m", ylabel=f"share of $D_i$ within {NEAR} of a fraction", ylim=(0, 1.05))
    right.set_xticks(RATIOS, labels=[str(ratio) for ratio in RATIOS])
    right.minorticks_off()
    left.set_title("every represented feature")
    right.set_title("share at the fractions")
    right.legend()
    return figure


_LENGTH_COLORS = (tm.plots.SET_COLORS[4], tm.plots.BLUE)


def claims_pressure(results: Results, full: bool) -> list[Claim]:
    """More training makes the geometry crisper, and, where training is long, so do more features per dimension.

    With n / m = 2 the share is 1 whatever the length: all features fit into digons. The claims begin at 3, where a
    model chooses which features to leave out. After short training the share is about 1/2 for all n / m.
    """
    values = _represented_dimensionalities(results)
    short, long = np.array([[_share_near(one) for one in lengths] for lengths in values]).T
    gain = (long - short)[1:]
    return [
        at_least("least gain in the share by longer training, n / m from 3 to 20", gain.min(), 0.0),
        at_least("mean gain in the share by longer training, n / m from 3 to 20", gain.mean(), 0.1),
        at_least("long training: share at n / m = 20 minus that at n / m = 3", long[-1] - long[1], 0.1),
    ]


def lengths_exchanged(results: Results) -> Results:
    """The models of short training are taken for those of long training, and the other way round."""
    models = results["models"]
    return Results({"models": models.assign(W=models.W.variable[{"steps": slice(None, None, -1)}])})


PRESSURE = Experiment(
    name="elhage2022/pressure",
    question="What makes dimensionalities cluster at the fractions of regular arrangements?",
    source="Henighan and Olah's comment on the paper",
    section="Henighan and Olah's comment",
    sweeps=sweep_pressure,
    draw=draw_pressure,
    claims=claims_pressure,
    shows="Left, D_i of the represented features of models at five densities from 1/3 to 1/5, for each number of "
    "features per dimension, after short (left) and long training (right); grey lines are the fractions 1, 3/4, 2/3, "
    "1/2, 2/5 and 3/8. Right, the share of D_i within .02 of one of them. With n / m = 2 all features fit into digons.",
    differences=("quick: m = 10, batches of 256; --full: m = 30, batches of 1,024",),
    controls=(lengths_exchanged,),
)
