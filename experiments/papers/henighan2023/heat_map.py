"""The test loss over the number of samples and the number of hidden dimensions."""

from collections.abc import Hashable, Mapping
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.harness.statistics import rank_correlation
from experiments.papers.henighan2023.model import SIZES, counts, model, recipe, samples, size, task


def grid(full: bool) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """T, m, and the number of data sets of each size."""
    if full:
        return (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000), (2, 3, 6, 12, 25, 50), 4
    return (10, 20, 40, 80, 160, 320, 640), (2, 3, 6, 12), 2


def sweep_heat_map(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Several data sets in each cell."""
    (numbers, hidden, sets), (n, density) = grid(full), size(full)
    over = samples(numbers) | {"n_hidden": list(hidden), "seed": range(sets * seed, sets * (seed + 1))}
    return {"models": partial(tm.sweep, model(n), task(n, density), recipe(full, 2_000), over=over)}


class Losses(NamedTuple):
    """Means over data sets, (T, m).

    Attributes:
        T, m: of the cells.
        test, train: on fresh samples, and on its own.
    """

    T: Float[np.ndarray, " T"]
    m: Float[np.ndarray, " m"]
    test: Float[np.ndarray, "T m"]
    train: Float[np.ndarray, "T m"]


def losses(results: Results) -> Losses:
    """Of all cells."""
    one = results["models"]
    test, train = (values.mean("seed").values for values in (one.loss, one.final_loss))
    return Losses(counts(one).astype(float), one.n_hidden.values.astype(float), test, train)


def peaks(found: Losses) -> Float[np.ndarray, " m"]:
    """T of the highest test loss, for each m."""
    return found.T[found.test.argmax(0)]


def ridge(found: Losses) -> float:
    """By how much the test loss rises from the fewest hidden dimensions, and falls again to the most, where T is such
    that the lesser of both is largest."""
    highest = found.test.max(1)
    return float(np.minimum(highest - found.test[:, 0], highest - found.test[:, -1]).max())


def draw_heat_map(results: Results) -> Figure:
    """Both losses in all cells."""
    found = losses(results)
    figure, axes = plt.subplots(1, 3, figsize=(9.3, 3.1), layout="constrained", width_ratios=(1.25, 1.25, 1.2))
    for ax, values, title, limits in (
        (axes[0], found.test, "fresh samples", (0.85, 1.15)),
        (axes[1], found.train, "its own samples", (0, 1)),
    ):
        cells = xr.DataArray(values.T, {"m": found.m, "T": found.T})
        tm.plots.heat_map(cells, label="loss", vmin=limits[0], vmax=limits[1], ax=ax)
        ax.set(title=title, xlabel="samples T", ylabel="hidden dimensions m")
    for m, test, color in zip(found.m, found.test.T, tm.plots.shades(len(found.m)), strict=True):
        axes[2].plot(found.T, test, color=color, label=f"m = {m:g}")
    axes[2].axhline(1, color=tm.plots.FAINT, linewidth=1, zorder=0)
    axes[2].set(xscale="log", xlabel="samples T", ylabel="loss on fresh samples")
    axes[2].legend(fontsize=7)
    return figure


def claims_heat_map(results: Results, full: bool) -> list[Claim]:
    """A ridge of high test loss that runs across the map."""
    found = losses(results)
    top = peaks(found)
    return [
        at_least("rank correlation of m and the T of the highest test loss", rank_correlation(found.m, top), 0.8),
        at_least("this T for the most hidden dimensions, relative to that for two", top[-1] / top[0], 3),
        at_least("two dimensions: highest test loss", found.test[:, 0].max(), 1.02),
        at_least(
            "two dimensions: highest test loss less that of the most samples",
            found.test[:, 0].max() - found.test[-1, 0],
            0.05,
        ),
        at_least("at some T the test loss rises and falls again with m: by at least", ridge(found), 0.03),
        at_most("largest rise of the training loss with m", np.diff(found.train, axis=1).max(), 0.02),
        at_least(
            "most samples: least fall of the test loss from two dimensions to the most",
            found.test[-1, 0] - found.test[-1, -1],
            0.01,
        ),
    ]


def at_the_same_T(results: Results) -> Results:
    """As with two dimensions, whatever m."""

    def alike(values: xr.DataArray) -> tuple[tuple[Hashable, ...], np.ndarray]:
        return values.dims, values.isel(n_hidden=[0] * values.sizes["n_hidden"]).values

    return results.map(lambda one: one.assign(loss=alike(one.loss), final_loss=alike(one.final_loss)))


def only_falling(results: Results) -> Results:
    """Test losses in falling order of T."""
    return results.map(lambda one: one.assign(loss=(one.loss.dims, -np.sort(-one.loss.values, axis=0))))


def exchanged_losses(results: Results) -> Results:
    """The training loss for the test loss, and the reverse."""
    return results.map(lambda one: one.assign(loss=one.final_loss, final_loss=one.loss))


HEAT_MAP = Experiment(
    name="henighan2023/heat_map",
    question="Does the peak of the test loss depend on the size of the model?",
    source="the figure of the test loss over the size of the data set and the number of hidden dimensions",
    sweeps=sweep_heat_map,
    draw=draw_heat_map,
    claims=claims_heat_map,
    shows="Each cell is a number of samples T and of hidden dimensions m; its colour is the loss on fresh samples "
    "(left) and on the model's own samples (middle), the mean over data sets; 1 is that of answering 0. Right, "
    "the left map as lines. A ridge runs across the map: the more hidden dimensions a model has, the more "
    "samples it can store, and the later its test loss is highest. Along a column of the ridge, the test loss "
    "first rises and then falls with the size of the model.",
    differences=(
        SIZES,
        "paper: 50,000 steps of AdamW at a peak rate of 1e-3; ours: 2,000 at 5e-3 (--full: the paper's)",
        "paper: four models in each cell; ours: two (--full: four). Its values of T and m are not all known to us",
    ),
    controls=(at_the_same_T, only_falling, exchanged_losses),
)
