"""Which neuron a feature ends on."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.lecomte2023.collisions import STRENGTH
from experiments.papers.lecomte2023.model import NOT_AT_HAND, model, recipe, task

SHOWN = 8  # the number of features on the diagonal picture


def sizes(full: bool) -> tuple[int, tuple[int, ...]]:
    """m, and the numbers of features."""
    return (4_096, (1, 2, 8, 32, 256)) if full else (256, (1, 2, 8, 32, 128))


def sweep_winners(full: bool, seed: int) -> Mapping[str, Sweep]:
    """More and more features among the same number of neurons; about as many features in all at each number."""
    m, numbers = sizes(full)
    steps, rate, strength = (4_000, 0.01, STRENGTH / 4) if full else (1_000, 0.01, STRENGTH)
    return {
        f"n={n}": partial(
            tm.sweep,
            model(n, m),
            task(n, strength),
            recipe(n, steps, rate),
            over={"strength": [strength]},
            seed=seed,
            restarts=max(4, 128 // n),
            snapshots=(0, steps),
        )
        for n in numbers
    }


class Winners(NamedTuple):
    """All features of all models with as many features, (features,).

    Attributes:
        n: the number of features per model.
        m: the number of neurons.
        first: the neuron of the largest weight at the start.
        last: that of the largest weight at the end.
        rank: of that neuron at the start, 0 for the largest weight.
    """

    n: int
    m: int
    first: Int[np.ndarray, " k"]
    last: Int[np.ndarray, " k"]
    rank: Int[np.ndarray, " k"]


def winners(results: Results) -> list[Winners]:
    """By number of features."""
    return [_winners(one["snapshots.W"].isel(snapshot=0), one.W) for one in results.values()]


def _winners(start: xr.DataArray, end: xr.DataArray) -> Winners:
    before, after = (np.moveaxis(abs(one.values), -2, -1).reshape(-1, one.shape[-2]) for one in (start, end))
    last = after.argmax(-1)
    rank = (before > np.take_along_axis(before, last[:, None], axis=-1)).sum(-1)
    return Winners(start.shape[-1], start.shape[-2], before.argmax(-1), last, rank)


def agree(one: Winners) -> float:
    """The share of features that end where their largest weight was at the start."""
    return float((one.first == one.last).mean())


def draw_winners(results: Results) -> Figure:
    """The neuron at the end against that at the start; agreement; ranks."""
    found = winners(results)
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.3, 3.3), layout="constrained")
    shown = next(one for one in found if one.n == SHOWN)
    same = shown.first == shown.last
    for chosen, color, label in ((same, tm.plots.BLUE, "the same"), (~same, tm.plots.ORANGE, "another")):
        left.plot(shown.first[chosen], shown.last[chosen], ".", color=color, label=label)
    left.set(xlabel="neuron of the largest weight, start", ylabel="at the end", title=f"n = {SHOWN}, m = {shown.m}")
    left.set_ylim(-0.03 * shown.m, 1.2 * shown.m)
    left.legend(loc="upper left", ncols=2)
    load = [one.n / one.m for one in found]
    middle.plot(load, [agree(one) for one in found], "o-", color=tm.plots.BLUE)
    middle.set(xscale="log", xlabel="n / m", ylabel="share of features that agree", ylim=(0, 1.05))
    ranks = np.arange(1, 21)
    for one, color in zip(found, tm.plots.shades(len(found)), strict=True):
        right.plot(ranks, [(one.rank < rank).mean() for rank in ranks], color=color, label=f"n = {one.n}")
    right.set(xlabel="initial rank of the winner, at most", ylabel="share of features", xticks=(1, 5, 10, 15, 20))
    right.set_ylim(0, 1.05)
    right.legend()
    return figure


def claims_winners(results: Results, full: bool) -> list[Claim]:
    """The largest weight wins, and the more surely the fewer features there are per neuron."""
    found = winners(results)
    shares = np.array([agree(one) for one in found])
    return [
        equal("one feature: share that ends where its largest weight was", shares[0], 1),
        at_least(f"{found[2].n} features: share that ends where its largest weight was", shares[2], 0.6),
        at_least(f"{found[-1].n} features: this share, in units of chance", shares[-1] * found[-1].m, 40),
        at_most(
            f"{found[-1].n} features: mean rank of the winner at the start, relative to m",
            found[-1].rank.mean() / found[-1].m,
            0.1,
        ),
        at_least(
            "fall of the share that agrees, from one feature to the most", shares[0] - shares[-1], 0.3, source="ours"
        ),
        at_most("largest rise of it with the number of features", np.diff(shares).max(), 0.02, source="ours"),
    ]


def elsewhere(results: Results) -> Results:
    """Each feature on the neuron beside its own."""
    return changed(results, lambda one: np.roll(one.values, 1, -2) if _is_last(one) else one.values)


def as_at_the_start(results: Results) -> Results:
    """Weights that have not moved: the largest is the largest."""
    return results.map(_not_moved)


def settled_when_crowded(results: Results) -> Results:
    """Weights that have not moved where there are many features."""
    return results.map(lambda one: _not_moved(one) if one.sizes["feature"] > SHOWN else one)


def _not_moved(one: xr.Dataset) -> xr.Dataset:
    return one.assign(W=(one.W.dims, one["snapshots.W"].isel(snapshot=0).values))


def _is_last(one: xr.DataArray) -> bool:
    return "snapshot" not in one.dims


WINNERS = Experiment(
    name="lecomte2023/winners",
    question="Can it be told from the start which neuron a feature ends on?",
    source="the experiment on winners",
    sweeps=sweep_winners,
    draw=draw_winners,
    claims=claims_winners,
    shows="Models ReLU(WᵀWx) with the same number of neurons and more and more features. A feature ends on one neuron. "
    "Left, each dot a feature: the neuron of its largest weight at the start and at the end; on the diagonal they are "
    "the same. Middle, how many are, against the number of features per neuron. Right, the rank that the winner had at "
    "the start. A feature by itself always ends where its largest weight was. Among others, which push its direction "
    "away from theirs before the penalty has chosen, one of its largest weights wins.",
    differences=(
        NOT_AT_HAND,
        "paper: m = 4096 and one number of features, as far as known to us; ours: m = 256 (--full: 4096), from one "
        "feature to m/2 (--full: m/16)",
        "paper: AdamW; ours: gradient descent with momentum, 1,000 steps, λ = .05 (--full: 4,000 steps, .0125)",
        "the paper's share of features on the diagonal is not known to us; bounds are ours",
    ),
    controls=(elsewhere, as_at_the_start, settled_when_crowded),
)
