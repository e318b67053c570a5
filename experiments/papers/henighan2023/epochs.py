"""Double descent over training time, and under weight decay."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.harness.statistics import rank_correlation
from experiments.papers.henighan2023.model import SIZES, counts, model, recipe, samples, size, task

M = 4
DECAYS = (0.01, 0.1, 1.0)
SETS = 2


def numbers(full: bool) -> tuple[int, ...]:
    """T."""
    return (100, 300, 1_000, 3_000, 10_000) if full else (40, 80, 160, 320, 640)


def steps(full: bool) -> tuple[int, ...]:
    """Of training; each sees all samples once."""
    return (2_500, 10_000, 50_000) if full else (500, 2_000, 8_000)


def sweep_epochs(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Training times at one weight decay, and weight decays at one time."""
    n, density = size(full)
    seeds = {"seed": range(SETS * seed, SETS * (seed + 1))}

    def sweep(varied: dict[str, Any]) -> Sweep:
        over = samples(numbers(full)) | varied | seeds
        return partial(tm.sweep, model(n, M), task(n, density), recipe(full, steps(full)[1]), over=over)

    return {"steps": sweep({"steps": list(steps(full))}), "decay": sweep({"weight_decay": list(DECAYS)})}


def tested(one: xr.Dataset) -> Float[np.ndarray, "T varied"]:
    """Means over data sets."""
    return one.loss.mean("seed").values


def draw_epochs(results: Results) -> Figure:
    """The test loss against T."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.5, 3.2), layout="constrained", sharey=True)
    by_steps, by_decay = results["steps"], results["decay"]
    _lines(left, by_steps, [f"{count:,} steps" for count in by_steps.steps.values])
    _lines(right, by_decay, [f"weight decay {decay:g}" for decay in by_decay.weight_decay.values])
    left.set_ylabel("loss on fresh samples")
    return figure


def _lines(ax: Axes, one: xr.Dataset, labels: list[str]) -> None:
    test = tested(one)
    for values, label, color in zip(test.T, labels, tm.plots.shades(len(labels)), strict=True):
        ax.plot(counts(one), values, "o-", color=color, markersize=3, label=label)
    ax.axhline(1, color=tm.plots.FAINT, linewidth=1, zorder=0)
    ax.set(xscale="log", yscale="log", xlabel="samples T")
    ax.set_yticks([1, 1.5, 2, 3, 4], ["1", "1.5", "2", "3", "4"])
    ax.set_xticks(counts(one), [f"{count:,}" for count in counts(one)])
    ax.minorticks_off()
    ax.legend(fontsize=7)


def claims_epochs(results: Results, full: bool) -> list[Claim]:
    """The peak grows with training time and is gone with strong decay."""
    by_steps, by_decay = (tested(results[name]) for name in ("steps", "decay"))
    time, decay = by_steps.max(0), by_decay.max(0)
    return [
        at_least(
            "rank correlation of training time and the highest test loss", rank_correlation(np.arange(3), time), 1
        ),
        at_least("longest training: highest test loss", time[-1], 1.5),
        at_most("shortest training: highest test loss", time[0], 1.02),
        at_most(
            "rank correlation of weight decay and the highest test loss", rank_correlation(np.arange(3), decay), -1
        ),
        at_most("strongest decay: highest test loss", decay[-1], 1.01),
        at_least("weakest decay: highest test loss", decay[0], 1.05),
        at_most(
            "most samples: largest difference between test losses, of all times and decays",
            np.ptp(np.concatenate([by_steps[-1], by_decay[-1]])),
            0.03,
        ),
    ]


def all_alike(results: Results) -> Results:
    """As after the middle time, and with the middle decay, everywhere."""
    return _every(results, lambda one, dim: one.loss.isel({dim: [1, 1, 1]}))


def the_other_way(results: Results) -> Results:
    """Times and decays in the opposite order."""
    return _every(results, lambda one, dim: one.loss.isel({dim: slice(None, None, -1)}))


def no_peak(results: Results) -> Results:
    """Losses of 1 at all T but the most."""
    return _every(results, lambda one, dim: one.loss.clip(max=1.0))


def worse_without_end(results: Results) -> Results:
    """Long training and weak decay cost the more, the more samples there are."""
    return _every(
        results,
        lambda one, dim: (
            one.loss + 0.1 * xr.zeros_like(one[dim]).copy(data=np.arange(3)) * (one.samples == one.samples[-1])
        ),
    )


def _every(results: Results, change: Any) -> Results:
    dims = {"steps": "steps", "decay": "weight_decay"}
    return Results(
        {
            name: one.assign(loss=(one.loss.dims, change(one, dims[name]).transpose(*one.loss.dims).values))
            for name, one in results.items()
        }
    )


EPOCHS = Experiment(
    name="henighan2023/epochs",
    question="What do training time and weight decay do to the peak of the test loss?",
    source="the figures of training time and of weight decay, with four hidden dimensions",
    sweeps=sweep_epochs,
    draw=draw_epochs,
    claims=claims_epochs,
    shows="Models with four hidden dimensions; the loss on fresh samples, the mean over data sets; grey, 1, that of a "
    "model that always answers 0. Left, the longer models are trained, the higher the peak: storing samples "
    "takes long weights, and the time to grow them. Right, weight decay does not let them grow: where it is "
    "strong the peak disappears. With the most samples, neither matters.",
    differences=(
        SIZES,
        "paper: up to 50,000 steps of AdamW at a peak rate of 1e-3; ours: 500, 2,000 and 8,000 steps at 5e-3; decays "
        "at 2,000 steps (--full: 2,500, 10,000 and 50,000 steps at 1e-3; decays at the paper's 50,000)",
        "paper: the peak is gone where decay is raised from .01 to 1; ours: the same, and .1 between both",
    ),
    controls=(all_alike, the_other_way, no_peak, worse_without_end),
)
