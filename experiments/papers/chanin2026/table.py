"""Five kinds of dictionaries at the L0 of the data and at a fifth less: which finds the features, and which
reconstructs."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import jax
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.chanin2026.features import WIDTH, directions, features
from experiments.papers.chanin2026.scores import NAMES, Scores, all_scores

M = 64
L0 = (5, 4)
PREFIXES = (4, 16, 64)
WIDTH_OF_JUMP = 0.5
L1_STRENGTHS = (0.06, 0.075, 0.085, 0.095, 0.11)
L0_STRENGTHS = (0.035, 0.045, 0.06, 0.09)

PAPER_TABLE: Mapping[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "BatchTopK": ((0.7316, 0.7574, 0.9837, 0.7923), (0.8183, 0.7526, 0.9760, 0.7889)),
    "Matryoshka": ((0.8793, 0.7927, 0.9987, 0.7792), (0.8601, 0.7455, 0.9874, 0.7699)),
    "matching pursuit": ((0.4464, 0.6930, 0.8281, 0.8351), (0.4439, 0.6748, 0.7552, 0.8267)),
    "L1": ((0.5562, 0.6039, 0.8976, 0.7654), (0.5777, 0.5834, 0.8528, 0.7501)),
    "JumpReLU": ((0.7317, 0.7527, 0.9885, 0.7951), (0.8241, 0.7434, 0.9781, 0.7906)),
}
"""F1, MCC, uniqueness and explained variance at each L0."""

PAPER_L0 = (25, 20)

# --- Training ----------------------------------------------------------------------------------------------------


def _dictionary(activation: object, m: int = M, **options: bool) -> tm.SparseAutoencoder:
    return tm.SparseAutoencoder(m, WIDTH, activation, **options)


def batch_topk(m: int) -> tm.SparseAutoencoder:
    """Of BatchTopK and of Matryoshka dictionaries, which differ in the loss."""
    return _dictionary(tm.BatchTopK(float(L0[0])), m, counts_silence=True)


MODELS = {
    "BatchTopK": batch_topk(M),
    **{f"matching pursuit {k}": _dictionary(tm.MatchingPursuit(k), tied=True, bias=False) for k in L0},
    "L1": _dictionary(jax.nn.relu),
    "JumpReLU": _dictionary(tm.JumpReLU(WIDTH_OF_JUMP, WIDTH_OF_JUMP)),
}


def sweep_batch_topk(m: int, l0: tuple[int, ...], full: bool, seed: int) -> Sweep:
    """BatchTopK, and Matryoshka where the balance is 1."""
    task = dataclasses.replace(_task(m, seed), penalties=(tm.NestedReconstruction(PREFIXES, 1.0), tm.AuxK(m // 2)))
    over = {"balance": [0.0, 1.0], "model.activation.k": list(map(float, l0))}
    return partial(tm.sweep, batch_topk(m), task, recipe(full), over=over, seed=seed)


def recipe(full: bool) -> tm.Recipe:
    """Of all figures; `full`: as many samples as there is time for, not as many as in the paper."""
    if full:
        return tm.Recipe(50_000, 1_024, 3e-4, schedule=tm.Trapezoid(fall=1 / 3), evaluation_samples=4_096)
    return dataclasses.replace(tm.Recipe.dictionary(), steps=2_000, batch_size=256, evaluation_samples=4_096)


def sweep_table(full: bool, seed: int) -> Mapping[str, Sweep]:
    """L1 and JumpReLU by the strength of their penalties, the others by k."""
    task = _task(M, seed)
    l1 = dataclasses.replace(task, penalties=(tm.HiddenL1(L1_STRENGTHS[0]),))
    jump = dataclasses.replace(task, penalties=(tm.HiddenL0(L0_STRENGTHS[0], WIDTH_OF_JUMP),))
    shared = partial(partial, tm.sweep, recipe=recipe(full), seed=seed)
    return {
        "BatchTopK": sweep_batch_topk(M, L0, full, seed),
        **{
            f"matching pursuit {k}": shared(MODELS[f"matching pursuit {k}"], task, over={"threshold": [0.0]})
            for k in L0
        },
        "L1": shared(MODELS["L1"], l1, over={"strength": list(L1_STRENGTHS)}),
        "JumpReLU": shared(MODELS["JumpReLU"], jump, over={"strength": list(L0_STRENGTHS)}),
    }


def _task(m: int, seed: int) -> tm.Task:
    return tm.Task(tm.HiddenActivations(directions(m, seed), features(seed)))


# --- What is measured --------------------------------------------------------------------------------------------


def table(results: Results) -> dict[str, Float[np.ndarray, "2 5"]]:
    """The scores of each kind at both L0: of L1 and JumpReLU between those of the two strengths whose L0 are next to
    it."""
    measured = {name: all_scores(MODELS[name], models) for name, models in results.items()}
    plain, nested = measured["BatchTopK"]
    return {
        "BatchTopK": plain,
        "Matryoshka": nested,
        "matching pursuit": np.concatenate([measured[f"matching pursuit {k}"] for k in L0]),
        **{name: _at_l0(measured[name]) for name in ("L1", "JumpReLU")},
    }


def _at_l0(of_strengths: Float[np.ndarray, "strengths 5"]) -> Float[np.ndarray, "2 5"]:
    """By straight lines between strengths; not a number where no L0 is above, or none below."""
    ordered = of_strengths[of_strengths[:, -1].argsort()]
    at = [[np.interp(k, ordered[:, -1], one, left=np.nan, right=np.nan) for one in ordered.T] for k in L0]
    return np.array(at)


# --- The figure --------------------------------------------------------------------------------------------------


def draw_table(results: Results) -> Figure:
    """A panel per score and a row per kind; the paper's in grey."""
    figure, axes = plt.subplots(1, 4, figsize=(9.6, 2.9), layout="constrained", sharey=True)
    ours = table(results)
    for ax, (score, title) in zip(axes, NAMES.items(), strict=True):
        column = Scores._fields.index(score)
        for row, kind in enumerate(PAPER_TABLE):
            _draw_row(ax, row - 0.17, ours[kind][:, column], tm.plots.BLUE, "o", "ours")
            _draw_row(ax, row + 0.17, [of_l0[column] for of_l0 in PAPER_TABLE[kind]], tm.plots.FAINT, "s", "paper")
        ax.set(title=title, xlim=(0.35, 1.02))
        ax.grid(axis="x", color=tm.plots.PALE, linewidth=0.5)
        ax.tick_params(axis="y", length=0)
    axes[0].set_yticks(range(len(PAPER_TABLE)), list(PAPER_TABLE))
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles[:4], labels[:4], ncols=4, loc="outside lower center", fontsize=8)
    return figure


def _draw_row(ax: Axes, height: float, values: Sequence[float], color: str, marker: str, whose: str) -> None:
    """Filled at the L0 of the data, and open at a fifth less."""
    k = L0 if whose == "ours" else PAPER_L0
    ax.plot(values, [height] * 2, "-", color=color, linewidth=1)
    for value, fill, one in zip(values, (color, "white"), k, strict=True):
        ax.plot(value, height, marker, color=color, markerfacecolor=fill, markersize=5, label=f"{whose}, L0 = {one}")


# --- Claims ------------------------------------------------------------------------------------------------------


def claims_table(results: Results, full: bool) -> list[Claim]:
    """The orderings of the paper's table: each is the least over both L0 of how far one kind is ahead."""
    of = {name: {kind: rows[:, place] for kind, rows in table(results).items()} for place, name in enumerate(NAMES)}
    f1, mcc, uniqueness, explained = of.values()
    return [
        at_least("explained variance: matching pursuit, less the highest of the others", _ahead(explained, PURSUIT), 0),
        at_least("explained variance: BatchTopK less Matryoshka", _between(explained, "BatchTopK", "Matryoshka"), 0),
        at_least("explained variance: least of the others, less L1", _behind(explained, "L1"), 0),
        at_least("F1: Matryoshka less the highest of the others", _ahead(f1, "Matryoshka"), 0),
        at_least("F1: least of the others, less matching pursuit", _behind(f1, PURSUIT), 0),
        at_least("MCC: Matryoshka less BatchTopK", _between(mcc, "Matryoshka", "BatchTopK"), 0),
        at_least("MCC: least of the others, less matching pursuit or L1", _behind(mcc, PURSUIT, "L1"), 0),
        at_least("uniqueness: Matryoshka less the highest of the others", _ahead(uniqueness, "Matryoshka"), 0),
        at_least("uniqueness: least of the others, less matching pursuit", _behind(uniqueness, PURSUIT), 0),
    ]


PURSUIT = "matching pursuit"
ByKind = Mapping[str, Float[np.ndarray, "2"]]


def _ahead(score: ByKind, kind: str) -> float:
    return float((score[kind] - np.max([score[one] for one in score if one != kind], axis=0)).min())


def _behind(score: ByKind, *kinds: str) -> float:
    others = np.min([score[one] for one in score if one not in kinds], axis=0)
    return float((others - np.max([score[one] for one in kinds], axis=0)).min())


def _between(score: ByKind, higher: str, lower: str) -> float:
    return float((score[higher] - score[lower]).min())
