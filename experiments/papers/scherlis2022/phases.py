"""Two features in one dimension: which of them has it, and when they share it."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.harness.statistics import rank_correlation
from experiments.papers.scherlis2022.known import ALLOCATION, NOT_AT_HAND
from experiments.papers.scherlis2022.model import Quadratic, sampled
from toymodels.analysis import geometry
from toymodels.theory import capacity

PART = 0.02  # a capacity between this and 1 less this is a part of a dimension
SLICES = (2.4, 4.0, 6.0, 36.0)  # kurtoses of the lines


def sweep_phases(full: bool, seed: int) -> Mapping[str, Sweep]:
    """A grid of kurtoses and ratios v_2 / v_1, on samples.

    Below a kurtosis of 3 the less important feature can have the dimension in a local minimum: hence the restarts.
    """
    side = 48 if full else 16
    over = {"kurtosis": np.geomspace(1.8, 36, side), "decay": np.geomspace(0.1, 10, side)}
    recipe = tm.Recipe(4_000 if full else 1_000, 4_096 if full else 1_024)
    return {"models": partial(tm.sweep, Quadratic(2, 1), sampled(2), recipe, over=over, seed=seed, restarts=6)}


def shares(results: Results) -> tuple[Float[np.ndarray, "kurtosis ratio"], Float[np.ndarray, "kurtosis ratio"]]:
    """The capacity of feature 2 in trained models and in theory."""
    best = results.best()
    return geometry.dimensionality(best.W.values)[..., 1], capacity.pair_share(
        best.decay.values[None], best.kurtosis.values[:, None]
    )


def draw_phases(results: Results) -> Figure:
    """Theory, trained models, and slices of both."""
    best, (trained, _) = results.best(), shares(results)
    fine = np.geomspace(1.8, 36, 160), np.geomspace(0.1, 10, 160)
    figure, axes = plt.subplots(1, 3, figsize=(9.3, 3.2), layout="constrained", width_ratios=(1, 1.25, 1.2))
    left, middle, right = axes
    exact = capacity.pair_share(fine[1][None], fine[0][:, None])
    for ax, values, (kurtosis, ratio), title in (
        (left, exact, fine, "theory"),
        (middle, trained, (best.kurtosis.values, best.decay.values), "trained"),
    ):
        cells = xr.DataArray(values, {"kurtosis": kurtosis, "ratio": ratio})
        tm.plots.heat_map(cells, label="capacity of feature 2", vmin=0, vmax=1, colorbar=ax is middle, ax=ax)
        for border in capacity.pair_borders(fine[0]):
            ax.plot(border, fine[0], color="white", linewidth=1.2)
        ax.set(title=title, xlabel="$v_2 / v_1$", xlim=(0.1, 10), ylim=(1.8, 36))
        ax.set_ylabel(r"kurtosis $\kappa$" if ax is left else "")
    for near, color in zip(SLICES, tm.plots.shades(len(SLICES)), strict=True):
        at = int(abs(np.log(best.kurtosis.values / near)).argmin())
        kurtosis = float(best.kurtosis.values[at])
        right.plot(fine[1], capacity.pair_share(fine[1], kurtosis), color=color, label=rf"$\kappa$ = {kurtosis:.3g}")
        right.plot(best.decay.values, trained[at], "o", color=color, markersize=3)
    right.set(xscale="log", title="slices", xlabel="$v_2 / v_1$", ylabel="capacity of feature 2")
    right.legend()
    return figure


def claims_phases(results: Results, full: bool) -> list[Claim]:
    """The exact diagram, cell by cell."""
    kurtosis = results["models"].kurtosis.values
    trained, theory = shares(results)
    shared = ((trained > PART) & (trained < 1 - PART)).mean(-1)
    in_theory = ((theory > PART) & (theory < 1 - PART)).mean(-1)
    return [
        at_most("mean |C_2 - formula|", abs(trained - theory).mean(), 0.01),
        at_most("largest |C_2 - formula|", abs(trained - theory).max(), 0.05),
        equal("kurtosis below 3: share of models in which the dimension is shared", shared[kurtosis < 3].max(), 0),
        at_least(
            "kurtosis above 3: rank correlation of kurtosis and the share of ratios at which it is shared",
            rank_correlation(kurtosis[kurtosis > 3], shared[kurtosis > 3]),
            0.95,
        ),
        at_most(
            "mean difference of this share from that between the borders 2/(κ-1) and (κ-1)/2",
            abs(shared - in_theory).mean(),
            0.05,
        ),
    ]


def always_shared(results: Results) -> Results:
    """Both features have half of the dimension, whatever the kurtosis."""
    return changed(results, lambda one: np.ones(one.shape) if one.name == "W" else one.values)


PHASES = Experiment(
    name="scherlis2022/phases",
    question="When do two features share a dimension?",
    source=f"{ALLOCATION}, and the phase diagram",
    section=ALLOCATION,
    sweeps=sweep_phases,
    draw=draw_phases,
    claims=claims_phases,
    shows="The model (W x)² + b with one hidden dimension is to compute v₁x₁² + v₂x₂². A cell is a ratio v₂/v₁ and a "
    "kurtosis of the features, which rises with sparsity, and its colour the capacity of feature 2; that of feature 1 "
    "is the rest. White lines: the exact borders v₂/v₁ = 2/(κ - 1) and (κ - 1)/2. Left of both, feature 2 is ignored; "
    "right of both, it has the dimension to itself; between them they share it. Below a kurtosis of 3 they never do. "
    "Left, theory; middle, the best of six models trained on samples; right, slices of both, dots: trained.",
    differences=(
        NOT_AT_HAND,
        "ours: features that are 0 or uniform on an interval around 0, of variance 1, and on with the probability "
        "9/(5κ), from 1 to .05; paper: its features are not known to us",
        "ours: the constant b is trained; paper: not known to us",
    ),
    controls=(always_shared,),
)
