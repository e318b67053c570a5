"""Which critical point is the lowest while the importance of one feature changes."""

import functools
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.chen2023.exact import NOT_AT_HAND, sampled_recipe
from toymodels.theory.critical import Critical, critical_point
from toymodels.theory.expansion import one_hot_loss
from toymodels.theory.polygons import polygon_weights

DEFORMATION = "the deformation of the loss by an importance"
N = 6
IMPORTANCES = (0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.9, 1.0)  # of the last feature
STEP, END = 0.01, 1.1  # of the importances at which they are followed
SHOWN = 0.075  # the highest loss that is drawn
NEARBY = 0.2  # how far a weight may move in one step of a branch
LONG = 0.5  # ‖W_i‖ of a feature that is represented


def sweep_importance(full: bool, seed: int) -> Mapping[str, Sweep]:
    """SGD on samples, from small random weights, at importances of the last feature."""
    steps, restarts = (30_000, 256) if full else (3_000, 96)
    recipe = sampled_recipe(steps, 32, 0.3)
    task = tm.Task(tm.ExactlyK(N, 1), importance=np.ones(N))
    over = {f"importance[{N - 1}]": IMPORTANCES}
    return {"models": partial(tm.sweep, tm.Autoencoder(N, 2), task, recipe, over=over, seed=seed, restarts=restarts)}


def weighted(u: float) -> np.ndarray:
    """Importances, of which the last is u."""
    return np.append(np.ones(N - 1), u)


class Branch(NamedTuple):
    """A critical point that is followed over importances.

    Attributes:
        u: importances of the last feature, in increasing order.
        points: there.
    """

    u: np.ndarray
    points: list[Critical]

    @property
    def loss(self) -> np.ndarray:
        """There."""
        return np.array([point.loss for point in self.points])


@functools.cache
def branch(k: int) -> Branch:
    """The k-gon at u = 1, followed to both sides for as long as it is a minimum; k is 5, with the bias 1/(2n), or 6."""
    start = critical_point(*polygon_weights(k, N, N - k), weighted(1))
    return _both_ways(start, 1, 0)


@functools.cache
def saddle() -> Branch:
    """The saddle that the branch of the 6-gon ends in: from its mirror image in the last point of that branch on."""
    six, away = branch(6), int((branch(6).u < branch(6).u[0] + 3 * STEP).sum())
    end, near, u = six.points[0], six.points[away], float(six.u[away])
    start = critical_point(2 * end.W - near.W, 2 * end.b - near.b, weighted(u))
    return _both_ways(start, u, 1)


def _both_ways(start: Critical, u: float, negative: int) -> Branch:
    """From a critical point at u, down to 0 and up to `END`."""
    found = _followed(start, u, -STEP, negative) | _followed(start, u, STEP, negative) | {u: start}
    return Branch(np.array(sorted(found)), [found[u] for u in sorted(found)])


def _followed(point: Critical, u: float, step: float, negative: int) -> dict[float, Critical]:
    """From point to point, while there is one nearby at which the loss falls in as many directions; by shorter and
    shorter steps to where that ends."""
    found: dict[float, Critical] = {}
    while abs(step) > STEP / 20 and 0 < u + step < END:
        try:
            near = critical_point(point.W, point.b, weighted(u + step))
        except ValueError:
            near = None
        if near is None or near.negative != negative or abs(near.W - point.W).max() > NEARBY:
            step /= 2
        else:
            u, point = u + step, near
            found[u] = point
    return found


@functools.cache
def switch() -> float:
    """The importance from which on the 6-gon is lower than the 5-gon."""
    from scipy.optimize import brentq

    five, six = branch(5), branch(6)

    def lower(u: float) -> float:
        near = [one.points[int(abs(one.u - u).argmin())] for one in (five, six)]
        a, b = (critical_point(one.W, one.b, weighted(u)).loss for one in near)
        return a - b

    return float(brentq(lower, six.u[0], 1, xtol=1e-9))


def lowest(u: np.ndarray) -> np.ndarray:
    """The lower of both, by theory."""
    five, six = (np.interp(u, one.u, one.loss, left=np.inf) for one in (branch(5), branch(6)))
    return np.minimum(five, six)


class Trained(NamedTuple):
    """Models by importance.

    Attributes:
        u: the last feature's.
        loss: exact.
        last: the length of the last feature.
        represented: how many features are.
    """

    u: np.ndarray
    loss: np.ndarray
    last: np.ndarray
    represented: np.ndarray

    @property
    def best(self) -> np.ndarray:
        """The model with the lowest loss at each importance."""
        return self.loss.argmin(-1)


def trained(results: Results) -> Trained:
    """Of all models."""
    W, b = (np.nan_to_num(results["models"][name].values) for name in ("W", "b"))
    weights = np.stack([weighted(u) for u in IMPORTANCES])[:, None]
    loss = np.asarray(one_hot_loss(W, b, jnp.full(N, 1 / N), np.broadcast_to(weights, b.shape)))
    lengths = np.linalg.norm(W, axis=-2)
    return Trained(np.array(IMPORTANCES), loss, lengths[..., -1], (lengths > LONG).sum(-1))


def found_switch(found: Trained) -> float:
    """Where the best model begins to represent all features: the middle between importances; NaN if that is nowhere or
    more than once."""
    all_of_them = np.take_along_axis(found.represented, found.best[:, None], axis=-1)[:, 0] == N
    changes = np.flatnonzero(np.diff(all_of_them.astype(int)))
    return float(found.u[changes[0] : changes[0] + 2].mean()) if len(changes) == 1 and all_of_them[-1] else np.nan


def at_best(found: Trained, values: np.ndarray) -> np.ndarray:
    """One of their numbers, of the best model at each importance."""
    return np.take_along_axis(values, found.best[:, None], axis=-1)[:, 0]


def draw_importance(results: Results) -> Figure:
    """Losses of both branches and of models; the last feature's length; how many models find each."""
    found = trained(results)
    figure, (left, middle, right) = plt.subplots(
        1, 3, figsize=(9.3, 3.5), layout="constrained", width_ratios=(1.6, 1, 1)
    )
    rng = np.random.default_rng(0)
    spread = found.u[:, None] + rng.uniform(-0.009, 0.009, found.loss.shape)
    left.plot(spread, np.where(found.loss < SHOWN, found.loss, np.nan), ".", color=tm.plots.FAINT, markersize=2.5)
    lines = ((branch(5), tm.plots.ORANGE, "-", "5+"), (branch(6), tm.plots.BLUE, "-", "6"))
    for one, color, style, label in (*lines, (saddle(), tm.plots.BLUE, "--", "saddle")):
        left.plot(one.u, one.loss, style, color=color, label=label)
        middle.plot(one.u, [np.linalg.norm(point.W[:, -1]) for point in one.points], style, color=color)
    left.plot(found.u, at_best(found, found.loss), "o", color=tm.plots.INK, markersize=4, label="best model")
    middle.plot(found.u, at_best(found, found.last), "o", color=tm.plots.INK, markersize=4)
    left.set(ylim=(0.015, 0.09), ylabel="loss")
    middle.set_ylabel(r"$\Vert W_6\Vert$")
    left.legend(loc="upper left", ncols=2)
    for ax in (left, middle):
        ax.axvline(switch(), ymax=0.82, color=tm.plots.INK, linewidth=0.8, linestyle=":")
    for count, color in ((N - 1, tm.plots.ORANGE), (N, tm.plots.BLUE)):
        share = (found.represented == count).mean(-1)
        right.plot(found.u, share, "o-", color=color, markersize=3, label=f"{count} features")
    right.set(ylim=(0, 1), ylabel="share of models")
    right.legend(loc="center left")
    for ax in (left, middle, right):
        ax.set(xlim=(0.15, 1.05), xlabel="importance u")
    return figure


def claims_importance(results: Results, full: bool) -> list[Claim]:
    """One switch, where theory has it."""
    found = trained(results)
    six = branch(6)
    beyond = found.u > switch()
    length = np.interp(found.u, six.u, [np.linalg.norm(one.W[:, -1]) for one in six.points])
    five_less_six = (found.represented == N - 1).mean(-1) - (found.represented == N).mean(-1)
    return [
        at_most(
            "importance at which the best model goes from five features to six: difference from that of equal losses",
            abs(found_switch(found) - switch()),
            0.03,
        ),
        at_most(
            "largest difference of the lowest loss from that of the lower branch",
            abs(at_best(found, found.loss) - lowest(found.u)).max(),
            1e-4,
            source="ours",
        ),
        at_most(
            "u above the switch: largest difference of the sixth feature's length in the best model from the branch",
            abs(at_best(found, found.last) - length)[beyond].max(),
            0.02,
            source="ours",
        ),
        equal(
            "models that represent all features at importances at which the 6-gon has ended",
            (found.represented == N)[found.u < six.u[0] - STEP].sum(),
            0,
            source="ours",
        ),
        at_least(
            "u above the switch: least share of models with five features, less that with six",
            five_less_six[beyond].min(),
            0.3,
            source="ours",
        ),
    ]


def without_the_last(results: Results) -> Results:
    """The last feature is never represented."""

    def dropped(one: xr.DataArray) -> np.ndarray:
        last = np.arange(one.sizes["feature"]) == N - 1
        return np.where(last, 0 if one.name == "W" else 1 / (2 * N), one.values)

    return changed(results, dropped)


def always_six(results: Results) -> Results:
    """A regular 6-gon, whatever the importance."""
    W, b = polygon_weights(N, N)
    return changed(results, lambda one: np.broadcast_to(W if one.name == "W" else b, one.shape))


IMPORTANCE = Experiment(
    name="chen2023/importance",
    question="How important must a sixth feature be before six corners have a lower loss than five?",
    source=DEFORMATION,
    sweeps=sweep_importance,
    draw=draw_importance,
    claims=claims_importance,
    shows="Six features, one on at a time, in two dimensions; the error of the sixth counts u times. Left, lines: the "
    "exact losses of two minima, the 5-gon without it (its bias is 1/(2n)) and the 6-gon, which is followed from u = 1 "
    "and becomes irregular; dashed: the saddle that it meets and ends in. Grey: models trained by SGD, but for those "
    f"of a loss above {SHOWN:g}; black: the best at each u. Dotted: the importance at which both losses are equal. "
    "Middle, how long the sixth feature is. The best model jumps from one branch to the other there. Right, how many "
    "models represent five and six features: far more find five, on either side of the switch.",
    differences=(
        NOT_AT_HAND,
        "that the paper changes the importance of one feature is known to us, its values and numbers are not",
        "ours: the switch is the root of the difference of both exact losses, each followed by a solver for the zero "
        "of its slope",
        "ours: SGD on new samples at every step, batches of 32, 3,000 steps (--full: 30,000), 96 models at each of 12 "
        "importances (--full: 256)",
    ),
    controls=(without_the_last, always_six),
)
