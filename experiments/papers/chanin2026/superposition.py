"""The same features in fewer and in more dimensions."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least
from experiments.papers.chanin2026.features import N
from experiments.papers.chanin2026.scores import NAMES, Scores, all_scores
from experiments.papers.chanin2026.table import L0, M, batch_topk, sweep_batch_topk

DIMENSIONS = (2 * M, M, M // 2)
KINDS = {"BatchTopK": tm.plots.BLUE, "Matryoshka": tm.plots.ORANGE}


def sweep_superposition(full: bool, seed: int) -> Mapping[str, Sweep]:
    """BatchTopK and Matryoshka in each number of dimensions; in that of the table, the table's own."""
    return {str(m): sweep_batch_topk(m, L0 if m == M else L0[:1], full, seed) for m in DIMENSIONS}


def _scores(results: Results) -> Float[np.ndarray, "dimensions kinds 5"]:
    """At the L0 of the data."""
    return np.array([all_scores(batch_topk(m), results[str(m)].isel({L0_AXIS: [0]}))[:, 0] for m in DIMENSIONS])


L0_AXIS = "model.activation.k"


def draw_superposition(results: Results) -> Figure:
    """A panel per score, against the number of features per dimension."""
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.5), layout="constrained", sharex=True)
    density = N / np.array(DIMENSIONS)
    for ax, (score, title) in zip(axes, NAMES.items(), strict=True):
        of_kinds = _scores(results)[..., Scores._fields.index(score)].T
        for (kind, color), values in zip(KINDS.items(), of_kinds, strict=True):
            ax.plot(density, values, "o-", color=color, markersize=4, label=kind)
        ax.set(title=title, xscale="log", xlabel="features per dimension")
        ax.set_xticks(density, [f"{one:g}" for one in density])
        ax.minorticks_off()
    axes[0].legend(fontsize=8)
    return figure


def claims_superposition(results: Results, full: bool) -> list[Claim]:
    """All scores fall with each step, of both kinds."""
    falls = -np.diff(_scores(results), axis=0).min(0)
    return [
        at_least(f"{kind}: least fall of {name} where there are twice as many features per dimension", fall, 0)
        for kind, of_kind in zip(KINDS, falls, strict=True)
        for name, fall in zip(NAMES.values(), of_kind[: len(NAMES)], strict=True)
    ]
