"""How far the strength of a correlation moves the borders between phases."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from toymodels.arrays import first_fall
from toymodels.theory import correlated_pair

CORRELATIONS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.65, 0.8)
DENSITIES = (0.01, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.55, 0.6, 0.65, 0.7)
MAPS = (0.0, 0.3, 0.65)
TRIALS = 4
ANTIPODAL = -0.25  # W_0·W_1 below it
PAIR = ((0, 1),)
THEORY_DENSITIES = np.geomspace(0.001, 0.99, 100)


def sweep_strength(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=2 m=1: the border at equal importance, several trials of it, and phase diagrams at three correlations."""
    model, task = tm.Autoencoder(2, 1), tm.Task(tm.CorrelatedSets(PAIR), importance=np.ones(2))
    recipe = tm.Recipe(3_000 if full else 800, 1_024 if full else 256, 3e-2, evaluation_samples=2**17)
    trials = range(TRIALS * seed, TRIALS * (seed + 1))
    size = 24 if full else 12
    maps = {
        "correlation": MAPS,
        "importance[1]": np.geomspace(0.1, 10, size + 1),
        "density": np.geomspace(0.01, 0.9, size),
    }
    borders = {"correlation": CORRELATIONS, "density": DENSITIES, "seed": trials}
    return {
        "borders": partial(tm.sweep, model, task, recipe, over=borders, restarts=32 if full else 12),
        "maps": partial(tm.sweep, model, task, recipe, over=maps, seed=seed, restarts=8),
    }


def overlap(models: xr.Dataset) -> xr.DataArray:
    """W_0·W_1 of each model: about -1 for an antipodal pair, 1/2 for a merged one, and 0 where one is dropped."""
    return models.W.prod("feature").sum("hidden").rename("W_0 · W_1")


def advantages(models: xr.Dataset) -> Float[np.ndarray, "correlation density seed"]:
    """By how much the best antipodal restart's loss, over the density, is below that of the best other one. NaN where
    restarts found but one of the two."""
    antipodal = overlap(models) < ANTIPODAL
    losses = [models.loss.where(chosen).min("restart") for chosen in (antipodal, ~antipodal)]
    advantage = (losses[1] - losses[0]) / models.density
    return advantage.transpose("correlation", "density", "seed").values


def borders(models: xr.Dataset) -> Float[np.ndarray, "correlation seed"]:
    """The density at which the advantage of antipodal pairs first falls to 0, between cells by a straight line; 0 where
    they never have one."""
    advantage = np.moveaxis(advantages(models), 1, -1)
    return np.apply_along_axis(_first_fall, -1, advantage)


def _first_fall(advantage: Float[np.ndarray, " density"]) -> float:
    known = np.isfinite(advantage)
    gap = advantage[known]
    if not len(gap):
        return float("nan")
    return float(first_fall(np.array(DENSITIES)[known], gap)) if gap[0] > 0 else 0.0


def draw_strength(results: Results) -> Figure:
    """The border against the correlation, and three phase diagrams."""
    figure = plt.figure(figsize=(8.2, 6.4), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.25, 1], squeeze=False)[:, 0]
    density, conditional = above.subplots(1, 2)
    _draw_border(borders(results["borders"]), density, conditional)
    maps = overlap(results.best("maps"))
    axes = below.subplots(1, len(MAPS), sharey=True)
    limit = float(abs(maps).max())
    for number, (correlation, ax) in enumerate(zip(MAPS, axes, strict=True)):
        _draw_map(maps.sel(correlation=correlation), limit, ax, number == 0)
    bar = below.colorbar(axes[0].collections[0], ax=axes, label="$W_0 \\cdot W_1$")
    bar.set_ticks([-1, 0, 0.5], labels=["$-1$  antipodal", "0  one dropped", "1/2  merged"])
    return figure


def _draw_border(found: Float[np.ndarray, "correlation seed"], density: Axes, conditional: Axes) -> None:
    strength = np.linspace(0, 0.85, 120)
    unit = correlated_pair.unit_border(strength)
    free = correlated_pair.best_border(strength, THEORY_DENSITIES)
    at = np.array(CORRELATIONS)
    for ax, change in ((density, lambda p, c: p), (conditional, _conditional)):
        for values, style, label in (
            (unit, "--", "theory, $W = (1, -1)$"),
            (free, "-", "theory, best length and bias"),
        ):
            ax.plot(strength, change(values, strength), style, color=tm.plots.INK, linewidth=1.2, label=label)
        middle = change(np.median(found, -1), at)
        reach = abs(change(np.array([found.min(-1), found.max(-1)]), at) - middle)
        ax.errorbar(
            at, middle, reach, fmt="o", color=tm.plots.SET_COLORS[1], markersize=4, label=f"trained, {TRIALS} trials"
        )
        ax.set(xlabel="correlation c of being on", xlim=(0, 0.85), ylim=(-0.02, 0.9))
    density.set_ylabel("density p at the border")
    density.text(0.1, 0.2, "antipodal", fontsize=9)
    density.text(0.5, 0.5, "merged", fontsize=9)
    density.legend(loc="upper right")
    conditional.set_ylabel("q = P(on | partner on) at the border")
    conditional.axvspan(strength[free == 0].min(), 0.85, color=tm.plots.FAINT, alpha=0.3, linewidth=0)
    conditional.text(0.715, 0.1, "no antipodal pairs\nat any density", fontsize=8, ha="center")


def _conditional(density: Float[np.ndarray, "*batch"], correlation: Float[np.ndarray, " k"]) -> np.ndarray:
    """q at a border, or at 0 density where there is none: NaN."""
    return np.where(density > 0, correlated_pair.partner_probability(density, correlation), np.nan)


def _draw_map(overlaps: xr.DataArray, limit: float, ax: Axes, first: bool) -> None:
    tm.plots.heat_map(
        overlaps.rename({"importance[1]": "importance"}), x="importance", vmin=-limit, vmax=limit, colorbar=False, ax=ax
    )
    ax.set(title=f"c = {float(overlaps.correlation):g}", xlabel="relative importance")
    ax.set_ylabel("density" if first else "")


def claims_strength(results: Results, full: bool) -> list[Claim]:
    """The border falls with the correlation as theory says, and is gone before the features are always together.

    At unit weights an antipodal pair costs p q / 3 and a merged one p (1/3 - q/4): the border is at q = 4/7, whether it
    is density or correlation that makes the partner likely. Trained antipodal pairs are better than unit ones, above
    all when dense, where they lengthen a little and have biases.
    """
    found = borders(results["borders"])
    middle, strength = np.median(found, -1), np.array(CORRELATIONS)
    weak = strength < correlated_pair.BORDER_PROBABILITY
    q = correlated_pair.partner_probability(middle[weak], strength[weak])
    theory = correlated_pair.best_border(strength, THEORY_DENSITIES)
    weighed = overlap(results.best("borders"))
    antipodal = overlap(results.best("maps")).rename({"importance[1]": "importance"}) < ANTIPODAL
    shares = antipodal.any("density").mean("importance").values
    strongest, weakest = (weighed.isel(correlation=place, density=0).values for place in (-1, 0))
    return [
        at_most("largest distance of the border from theory with the best length and bias", _far(middle, theory), 0.03),
        at_most("largest step of the border to the next stronger correlation", np.diff(middle).max(), 0),
        at_least("c < 4/7: least q = P(on | partner on) at the border", q.min(), 0.56),
        at_most("c < 4/7: largest q at the border", q.max(), 0.68),
        at_most("c = .65 and .8: largest density with an antipodal pair", _last_antipodal(weighed, ~weak), 0),
        at_most("c = .05, density .01: largest W_0 · W_1", weakest.max(), -0.9),
        at_most("c = .8, density .01: W_0 · W_1 differs from 1/2, merged, by", abs(strongest - 0.5).max(), 0.1),
        equal("diagram at c = 0: share of importances with an antipodal pair", shares[0], 1),
        at_least(
            "diagram at c = .3: least importance with an antipodal pair",
            float(antipodal.importance.where(antipodal.sel(correlation=0.3).any("density")).min()),
            0.15,
        ),
        equal("diagram at c = .65: share of importances with an antipodal pair", shares[2], 0),
    ]


def _far(found: Float[np.ndarray, " k"], theory: Float[np.ndarray, " k"]) -> float:
    return float(abs(found - theory).max())


def _last_antipodal(overlaps: xr.DataArray, chosen: np.ndarray) -> float:
    """The largest density at which the best model of any trial is antipodal; 0 if none is."""
    there = (overlaps.isel(correlation=chosen) < ANTIPODAL).any(("correlation", "seed"))
    return float(there.density.where(there, 0).max())


def same_at_every_strength(results: Results) -> Results:
    """The models of the weakest correlation whatever the correlation, with their losses."""
    return _reordered(results, [0] * len(CORRELATIONS))


def reversed_strengths(results: Results) -> Results:
    """The models of the strongest correlation stand where those of the weakest belong, and so on, with their losses."""
    return _reordered(results, list(range(len(CORRELATIONS)))[::-1])


def _reordered(results: Results, places: list[int]) -> Results:
    models = results["borders"]
    moved = models.isel(correlation=places).assign_coords(correlation=models.correlation.values)
    return Results({**results, "borders": moved})


CORRELATION_STRENGTH = Experiment(
    name="beyond/correlation-strength",
    question="How far does the strength of a correlation, between independent and always together, move the border of "
    "antipodal superposition?",
    source="ours; the setting is that of Superposition as a Phase Change in Elhage et al. 2022, n = 2 and m = 1",
    section="ours",
    sweeps=sweep_strength,
    draw=draw_strength,
    claims=claims_strength,
    shows="Two features in one dimension, on with probability p each and with correlation c. Above, equal importance: "
    "the density at which an antipodal pair stops being better than the principal component of the two (merged), "
    "median and range of four trials; right, the same borders as q = c + (1 - c) p, the probability that a feature is "
    "on given that its partner is. Below, phase diagrams at three correlations: blue antipodal, white one feature "
    "dropped, red merged. What decides is q and little else: an antipodal pair costs p q / 3, the merged one "
    "p (1/3 - q/4), and the border of unit weights is at q = 4/7 however q comes about. Trained pairs move it up, by "
    ".01 where features are sparse and by .09 at c = .05, where they are dense and biases help. So a weak correlation "
    "counts like so much more density and no more than that. But q is never below c: above c = .58 sparseness no "
    "longer helps, and the two are merged at every density. Unequal importance narrows the antipodal phase further. "
    "At c = .3 it has an edge in importance that does not move however sparse the features (at unit weights "
    "c / (2 - c) = .18); at c = 0 it has none. All this is for two features in one dimension: with more dimensions, "
    "correlated features can avoid each other instead.",
    differences=(
        "the paper has c = 0 (its phase diagrams) and c = 1 (its correlated sets) only",
        "ours: the best of 12 restarts (32 with --full) per trial and of 8 per cell of the diagrams, 800 steps of Adam "
        "at 3e-2 with warm-up and cosine decay, batches of 256 (--full: 3,000 of 1,024)",
        "at c = 0 the border is not measured: dense antipodal pairs with biases turn into dropping a feature without a "
        "jump",
    ),
    controls=(same_at_every_strength, reversed_strengths),
)
