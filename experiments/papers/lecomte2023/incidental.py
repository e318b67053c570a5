"""Neurons that are shared by chance, and by need, whatever the start and the penalty."""

from collections.abc import Mapping
from functools import partial
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.lecomte2023.collisions import a_neuron_each, always_pairs
from experiments.papers.lecomte2023.model import NOT_AT_HAND, on, recipe, start, task

RATIOS = (0.5, 1, 2)  # m / n
SCALES = (0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
STRENGTHS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64)
SMALL = 0.12  # the largest scale at which weights grow long before directions reach their length


@tm.specification
class Scaled:
    """A start of directions of about this length.

    Attributes:
        scale: the length.
    """

    scale: Any = 1.0

    def __call__(self, key: Array, shape: tuple[int, ...], dtype: Any = float) -> Float[Array, "m n"]:
        """Normal with variance scale²/m."""
        return self.scale * start(key, shape, dtype)


def sweep_incidental(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Starts and penalties, with half as many neurons as features, as many and twice as many."""
    n, steps, restarts = (64, 6_000, 16) if full else (32, 1_500, 8)
    over = {"scale": SCALES, "strength": STRENGTHS}
    return {
        f"m/n = {ratio:g}": partial(
            tm.sweep,
            tm.Autoencoder(n, int(ratio * n), output_bias=False, initializer=Scaled()),
            task(n, STRENGTHS[0]),
            recipe(n, steps, 0.02),
            over=over,
            seed=seed,
            restarts=restarts,
        )
        for ratio in RATIOS
    }


class Shares(NamedTuple):
    """Of models with as many neurons and features, by scale and strength.

    Attributes:
        m, n: how many.
        represented: the share of features that have a neuron.
        sharing: the share, of these, whose neuron has another one as well; NaN where there are none.
    """

    m: int
    n: int
    represented: Float[np.ndarray, "scale strength"]
    sharing: Float[np.ndarray, "scale strength"]

    @property
    def settled(self) -> np.ndarray:
        """Where nearly all features have a neuron."""
        return self.represented > 0.95

    @property
    def by_chance(self) -> float:
        """The share of features that share a neuron if they settle on random pairs of neuron and sign, each on one of
        its own: all where there are just as many pairs."""
        return (self.n - 1) / (2 * self.m - 1)


def shares(results: Results) -> list[Shares]:
    """By number of neurons."""
    found = []
    for one in results.values():
        there = on(np.nan_to_num(one.W.values))
        m, n = there.shape[-2:]
        represented = there.any(-2)
        sharing = (there & (there.sum(-1) >= 2)[..., None]).any(-2)
        with np.errstate(invalid="ignore"):
            share = sharing.sum((-2, -1)) / represented.sum((-2, -1))
        found.append(Shares(m, n, represented.mean((-2, -1)), share))
    return found


def surviving(m: int, threshold: Float[np.ndarray, "*cells"]) -> Float[np.ndarray, "*cells"]:
    """The share of features that have a weight above a threshold, in units of the standard deviation at the start.
    While a direction is short, dw/dt = w - (λ/4) sign(w): weights above λ/4 grow, the others go out."""
    from scipy.special import erf  # not above: it takes a tenth of a second to import

    return 1 - erf(np.asarray(threshold) / 2**0.5) ** m


def thresholds(m: int) -> Float[np.ndarray, "scale strength"]:
    """λ/4 in units of the standard deviation of weights at the start, scale/√m."""
    return np.array(STRENGTHS) / 4 * m**0.5 / np.array(SCALES)[:, None]


def draw_incidental(results: Results) -> Figure:
    """Above, who shares, over scale and strength; below, who is represented, and who shares, over their ratio."""
    found = shares(results)
    figure, axes = plt.subplot_mosaic("aabbcc;dddeee", figsize=(9.3, 6), layout="constrained")
    for ax, one in zip((axes[name] for name in "abc"), found, strict=True):
        values = np.where(one.represented > 0.5, one.sharing, np.nan)
        cells = xr.DataArray(values, {"scale": list(SCALES), "strength": list(STRENGTHS)})
        tm.plots.heat_map(cells, label="share of features that share", vmin=0, vmax=1, colorbar=one is found[-1], ax=ax)
        ax.set(title=f"m = {one.m}, n = {one.n}", xlabel=r"penalty $\lambda$")
        ax.set_ylabel("length at the start" if one is found[0] else "")
        if (legend := ax.get_legend()) is not None:
            legend.get_texts()[0].set_text("under half are represented")
    left, right = axes["d"], axes["e"]
    fine = np.geomspace(0.01, 30, 300)
    for one, color in zip(found, tm.plots.shades(len(found)), strict=True):
        at = thresholds(one.m)
        left.plot(fine, surviving(one.m, fine), color=color, linewidth=1)
        left.plot(at.ravel(), one.represented.ravel(), "o", color=color, markersize=3, label=f"m = {one.m}")
        right.axhline(one.by_chance, color=color, linewidth=1)
        there = one.settled
        right.plot(at[there], one.sharing[there], "o", color=color, markersize=3)
    left.set(ylabel="share of features represented", xlim=(0.01, 30))
    left.legend()
    right.set(ylabel="share of these that share", xlim=(0.01, 30), ylim=(0, 1.05))
    for ax in (left, right):
        ax.set(xscale="log", xlabel=r"$\lambda/4$ relative to the weights' deviation at the start")
    return figure


def claims_incidental(results: Results, full: bool) -> list[Claim]:
    """Who shares is set by m/n; scale and strength set who is there."""
    half, same, twice = found = shares(results)
    short = np.array(SCALES) <= SMALL
    apart = [abs(one.represented - surviving(one.m, thresholds(one.m)))[short].max() for one in found]
    weak = [one.represented[thresholds(one.m) < 0.5].min() for one in found]
    return [
        at_least("m = n/2: least share of represented features that share a neuron", _least(half), 0.9),
        *(
            at_most(
                f"{name}: mean of this share, relative to (n-1)/(2m-1), difference from 1", _from_chance(one), 1 / 3
            )
            for name, one in (("m = n", same), ("m = 2n", twice))
        ),
        at_most(
            "m = n and 2n: largest difference of this share between scales",
            max(_range(one, axis=1) for one in (same, twice)),
            0.2,
        ),
        at_most(
            "m = n and 2n: largest difference of this share between strengths",
            max(_range(one, axis=0) for one in (same, twice)),
            0.2,
        ),
        at_least("fall of its mean from m = n/2 to m = 2n", _mean(half) - _mean(twice), 0.6),
        at_most("short starts: largest difference of the share represented from theory", max(apart), 0.2),
        at_least("λ/4 less than half the weights' deviation at the start: least share represented", min(weak), 0.8),
    ]


def _settled(one: Shares) -> np.ndarray:
    return np.where(one.settled, one.sharing, np.nan)


def _least(one: Shares) -> float:
    return float(one.sharing[one.settled].min()) if one.settled.any() else np.nan


def _mean(one: Shares) -> float:
    return float(one.sharing[one.settled].mean()) if one.settled.any() else np.nan


def _from_chance(one: Shares) -> float:
    return abs(_mean(one) / one.by_chance - 1)


def _range(one: Shares, axis: int) -> float:
    """Of means along an axis, where at least two cells are settled."""
    enough = one.settled.sum(axis) >= 2
    sums = np.nansum(_settled(one), axis)
    means = sums[enough] / one.settled.sum(axis)[enough]
    return float(np.ptp(means)) if enough.any() else np.nan


def apart_after_short_starts(results: Results) -> Results:
    """Features have neurons of their own where the start is short."""
    return _apart(results, "scale", SMALL)


def apart_under_weak_penalties(results: Results) -> Results:
    """Features have neurons of their own where the penalty is weak."""
    return _apart(results, "strength", STRENGTHS[2])


def _apart(results: Results, axis: str, limit: float) -> Results:
    """Neurons of their own up to a value on an axis."""
    alone = a_neuron_each(results)
    return Results({name: one.where(one[axis] > limit, alone[name]) for name, one in results.items()})


INCIDENTAL = Experiment(
    name="lecomte2023/incidental",
    question="Do the start and the penalty decide how many features share a neuron, by chance or by need?",
    source="ours",
    sweeps=sweep_incidental,
    draw=draw_incidental,
    claims=claims_incidental,
    shows="Models ReLU(WᵀWx) of n features, of which exactly one is on in each sample, for several lengths of "
    "directions at the start and strengths λ of the L1 penalty; with half as many neurons, as many, and twice as "
    "many. Above, of the features that have a neuron (a weight between .8 and 1.2 in size), the share whose "
    "neuron has another one as well. Below, left: how many features have one, against λ/4 in units of the "
    "weights' standard deviation at the start; lines: the share of features whose largest weight is above that at "
    "the start, which is exact for short starts, as each weight then moves by itself (the points far below them "
    "are of starts of .5 and 1). Right: who shares, where more than 95 % are represented; lines: (n-1)/(2m-1), if "
    "features settle on random pairs of a neuron and a sign. With half as many neurons as features all must "
    "share, and do. With more, they share by chance. Start and penalty decide who is represented at all. They "
    "change who shares as well, but by much less than m/n does.",
    differences=(
        NOT_AT_HAND,
        "paper: m ≥ n, and starts of length 1, as far as known to us; ours: other starts, and m < n; n = 32 (--full: "
        "64)",
        "paper: AdamW; ours: gradient descent with momentum, 1,500 steps (--full: 6,000)",
        "measured: in most cells fewer features share than by chance. With 32 models per cell, 3,000 steps and another "
        "seed: .38 to .51 for m = n (.49 by chance), .12 to .22 for m = 2n (.24); fewer where the penalty is weak, so "
        "that directions push each other apart for longer before each has chosen a neuron, and for m = 2n where the "
        "start is short",
    ),
    controls=(a_neuron_each, always_pairs, apart_after_short_starts, apart_under_weak_penalties),
)
