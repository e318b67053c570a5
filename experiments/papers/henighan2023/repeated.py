"""Some samples stand in the data set several times."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.henighan2023.model import SIZES, model, recipe, size, task
from toymodels.analysis import geometry
from toymodels.arrays import first_fall, unit_columns

FIRST = 8  # the most samples that are repeated
LONG = 0.85  # direction of a feature that is not only part of a sample's
STORED = 0.5  # loss of a sample below which it counts as stored
SETS = 2
TIMES = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # repetitions of a single sample, in units of T / n
SEVERAL = (1, 2, 3, 4, 5, 6, 7, 8)
OFTEN = 4.0  # repetitions of each of several, in units of T / n


@tm.specification
class Repeated:
    """T samples of length 1, of which the first few are repeated and replace others.

    Attributes:
        features: what samples are drawn from.
        n_samples: T, with repetitions.
        different: number of samples that are repeated.
        times: how often each of them is there.
    """

    features: Any
    n_samples: int = tm.static()
    different: Any = 1
    times: Any = 1

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return self.features.n_features

    def prepare(self, key: PRNGKeyArray) -> tm.Dataset:
        """The data set of one seed."""
        place = jnp.arange(self.n_samples)
        source = jnp.where(place < self.different * self.times, place % self.different, place)
        x = unit_columns(self.features.sample(key, self.n_samples))
        return tm.Dataset(x[:, source], tm.features.full_batch)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n T"]:
        """Samples of a new data set."""
        return self.prepare(key).sample(key, batch_size)


def first_losses(module: nnx.Module, task: tm.Task) -> Float[Array, " sample"]:
    """‖x - x'‖² of each of the first samples of the data set: a metric."""
    x = task.features.everything()[:, :FIRST]
    return ((x - module(x)) ** 2).sum(0)


def totals(full: bool) -> tuple[int, int]:
    """T, with repetitions."""
    return (40_000, 80_000) if full else (800, 1_600)


def sweep_repeated(full: bool, seed: int) -> Mapping[str, Sweep]:
    """A single sample more and more often, in data sets of two sizes; and more and more samples, each often."""
    seeds = {"seed": range(SETS * seed, SETS * (seed + 1))}
    sweeps = {}
    for T in totals(full):
        n, _ = size(full)
        sweeps[f"one of {T}"] = _sweep(full, T, {"times": [round(ratio * T / n) for ratio in TIMES]} | seeds)
    T = totals(full)[0]
    often = {"different": {"different": list(SEVERAL), "times": [round(OFTEN * T / n)] * len(SEVERAL)}}
    sweeps["several"] = _sweep(full, T, often | seeds)
    return sweeps


def _sweep(full: bool, T: int, over: Any) -> Sweep:
    n, density = size(full)
    whole = task(n, density)
    repeated = tm.Task(Repeated(tm.Independent(n, density), T), whole.importance, evaluation=whole.evaluation)
    return partial(tm.sweep, model(n), repeated, recipe(full, 2_000), over=over, metrics={"losses": first_losses})


def losses(results: Results, T: int) -> Float[np.ndarray, "times set"]:
    """Of the single sample that is repeated."""
    return results[f"one of {T}"].losses.values[..., 0]


def threshold(results: Results, T: int) -> float:
    """How often a sample must be there to be stored, in units of T / n; NaN where it never is."""
    one = results[f"one of {T}"]
    return float(first_fall(one.times.values * one.sizes["feature"] / T, losses(results, T).mean(-1), STORED))


def stored(results: Results) -> Float[np.ndarray, "different set"]:
    """The number of samples that are stored, of several that are repeated."""
    several = results["several"]
    repeated = np.arange(FIRST) < np.array(SEVERAL)[:, None, None]
    return ((several.losses.values < STORED) & repeated).sum(-1)


def draw_repeated(results: Results) -> Figure:
    """The loss of a single sample, and how many of several are stored."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained")
    singles = [name for name in results if name != "several"]
    for name, color in zip(singles, tm.plots.shades(len(singles)), strict=True):
        one, T = results[name], int(name.split()[-1])
        ratios = one.times.values * one.sizes["feature"] / T
        left.plot(ratios, losses(results, T).mean(-1), color=color, label=f"T = {T:,}")
        left.plot(ratios, losses(results, T), ".", color=color, markersize=4)
    left.axvline(0.4, color=tm.plots.INK, linewidth=1, linestyle=":", label="the paper's 0.4")
    left.set(xlabel="repetitions of the sample / (T/n)", ylabel="its loss", ylim=(0, 1.1))
    left.legend()
    right.plot(SEVERAL, np.minimum(SEVERAL, 5), color=tm.plots.ORANGE, label="all, up to five")
    rng = np.random.default_rng(0)
    found = stored(results)
    right.plot(SEVERAL + rng.uniform(-0.1, 0.1, found.T.shape), found.T, "o", color=tm.plots.BLUE, markersize=4)
    right.set(xlabel="samples that are repeated", ylabel="samples that are stored", ylim=(0, 8.5))
    right.legend()
    return figure


def claims_repeated(results: Results, full: bool) -> list[Claim]:
    """A sample is stored instead of a feature where it is there about as often as a feature counts."""
    singles = [losses(results, T) for T in totals(full)]
    thresholds = [threshold(results, T) for T in totals(full)]
    found, several = stored(results), np.array(SEVERAL)
    long = geometry.n_represented(results["several"].W.values, min_norm=LONG)
    return [
        at_least(f"one sample, {TIMES[0]:g} T/n times: its loss", min(one[0].mean() for one in singles), 0.7),
        at_most(f"one sample, {TIMES[-1]:g} T/n times: its loss", max(one[-1].mean() for one in singles), 0.4),
        at_least("least number of repetitions at which it is stored, over T/n", min(thresholds), 0.5, source="ours"),
        at_most("largest number of repetitions at which it is stored, over T/n", max(thresholds), 1.5, source="ours"),
        at_least(
            "up to four samples are repeated: the share of them that are stored",
            (found.mean(-1) / several)[several <= 4].min(),
            0.8,
        ),
        at_least("six to eight: the number that are stored, on average", found[several >= 6].mean(), 4),
        at_most("six to eight: the number that are stored, on average, at most", found[several >= 6].mean(), 6),
        at_least(f"one is repeated: features with directions longer than {LONG:g}", long[0].min(), 3),
        at_most("six to eight are repeated: the number of such features, on average", long[several >= 6].mean(), 0.5),
    ]


def never_stored(results: Results) -> Results:
    """Samples that are missed however often they are there."""
    return _with_losses(results, lambda losses: np.full_like(losses, 0.95))


def always_stored(results: Results) -> Results:
    """Samples that are stored however rarely they are there, and however many they are."""
    return _with_losses(results, lambda losses: np.full_like(losses, 0.05))


def _with_losses(results: Results, change: Any) -> Results:
    return results.map(lambda one: one.assign(losses=(one.losses.dims, change(one.losses.values))))


REPEATED = Experiment(
    name="henighan2023/repeated",
    question="How often must a sample be there to be stored in a model that stores features?",
    source="the section on repeated data",
    sweeps=sweep_repeated,
    draw=draw_repeated,
    claims=claims_repeated,
    shows="In a data set that is large enough for features, some samples stand several times. Left, one does: its "
    "loss, a dot per model, and lines through the means of two data sets. The squares of a feature sum to about "
    "T/n over the data set, and those of a sample that is there R times to R: where R is about T/n, the sample "
    "becomes worth a direction. Right, more and more samples are repeated, each 4 T/n times. They take the "
    "directions of features, up to five as features do, and more than five are not stored: five in a plane can "
    "be told apart well.",
    differences=(
        SIZES,
        "paper: 50,000 steps of AdamW at a peak rate of 1e-3, 2,500 of them to warm up; ours: 2,000 at 5e-3, a "
        "twentieth of them to warm up (--full: the paper's)",
        "paper: a sample is stored from about .4 T/n repetitions on; ours: from .7 to 1.2 T/n on, less where T/n is "
        "larger. Bounds are ours, by the argument above",
        "ours: T = 800 and 1,600, which is 4 n and 8 n (--full: 4 n and 8 n); paper: other sizes as well",
        f"ours: a sample counts as stored where its loss is below {STORED:g}",
        f"paper: all features are suppressed where more than five samples are repeated; ours: hardly any has a "
        f"direction longer than {LONG:g}, but features of the repeated samples have part of the directions of these",
    ),
    controls=(never_stored, always_stored),
)
