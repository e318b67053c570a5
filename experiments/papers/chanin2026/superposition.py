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
from experiments.papers.chanin2026.table import L0, SHARED_DIFFERENCES, M, batch_topk, sweep_batch_topk

DIMENSIONS = (2 * M, M, M // 2)
KINDS = {"BatchTopK": tm.plots.BLUE, "Matryoshka": tm.plots.ORANGE}


def sweep_superposition(full: bool, seed: int) -> Mapping[str, Sweep]:
    """BatchTopK and Matryoshka in each number of dimensions; in that of the table, the table's own."""
    return {str(m): sweep_batch_topk(m, L0 if m == M else L0[:1], full, seed) for m in DIMENSIONS}


def _scores(results: Results) -> Float[np.ndarray, "dimensions kinds 5"]:
    """At the L0 of the data."""
    right = {"model.activation.k": [0]}
    return np.array([all_scores(batch_topk(m), results[str(m)].isel(right))[:, 0] for m in DIMENSIONS])


def draw_superposition(results: Results) -> Figure:
    """A panel per score, against the number of features per dimension."""
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.5), layout="constrained", sharex=True, sharey=True)
    per_dimension, measured = N / np.array(DIMENSIONS), _scores(results)
    for ax, (score, title) in zip(axes, NAMES.items(), strict=True):
        of_kinds = measured[..., Scores._fields.index(score)].T
        for (kind, color), values in zip(KINDS.items(), of_kinds, strict=True):
            ax.plot(per_dimension, values, "o-", color=color, markersize=4, label=kind)
        ax.set(title=title, xscale="log", xlabel="features per dimension")
        ax.set_xticks(per_dimension, [f"{one:g}" for one in per_dimension])
        ax.minorticks_off()
    axes[0].legend(fontsize=8)
    return figure


def claims_superposition(results: Results, full: bool) -> list[Claim]:
    """F1, MCC and explained variance fall with each step, of both kinds."""
    falls = -np.diff(_scores(results), axis=0).max(0)
    return [
        at_least(
            f"{kind}: least fall of {NAMES[score]} from some features per dimension to twice as many",
            of_kind[Scores._fields.index(score)],
            bound,
        )
        for kind, of_kind in zip(KINDS, falls, strict=True)
        for score, bound in (("f1", 0.05), ("mcc", 0.02), ("explained", 0.002))
    ]


SUPERPOSITION = Experiment(
    name="chanin2026/superposition",
    question="How well are features found the more of them there are per dimension?",
    source="sweep over D from 256 to 1,536 at k = 25",
    sweeps=sweep_superposition,
    draw=draw_superposition,
    claims=claims_superposition,
    shows="The features and the scores of `table` in 128, 64 and 32 dimensions, BatchTopK and Matryoshka at L0 = 5, "
    "128 latents. With more features per dimension, scores are lower: all four of Matryoshka, and all but uniqueness "
    "of BatchTopK, which does not fall on the whole. Explained variance falls least. With four features per dimension "
    "Matryoshka is far ahead in F1; with sixteen, where neither tells well when a feature is on, it is not.",
    differences=(
        "ours: 4, 8 and 16 features per dimension; paper: 10.7 to 64",
        "ours: Matryoshka as well; paper: which kinds, and their scores, are not known to us",
        *SHARED_DIFFERENCES,
    ),
)
