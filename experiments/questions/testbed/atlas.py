"""Samples in hidden space by the feature that dominates: in two and three dimensions, and along two axes of more."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels import cases
from toymodels.linear_algebra import eigh
from toymodels.techniques.atlas import atlas, trustworthiness

N = 20
HIDDEN = (20, 10, 6, 2)
DRAWN = 10  # dimensions of the frame of which two axes are drawn
DENSITY = 0.1
SAMPLES = 1_000
SEEN = ("all dimensions", "two principal axes", "samples in no order", "chance")
FEATURES = {"pentagon": 5, "octahedron": 6, "frames": N}


def sweep_atlas(full: bool, seed: int) -> Mapping[str, Sweep]:
    """A trained model of two dimensions, one of three, and tight frames of 20 features in fewer and fewer."""
    seeds = range(4 * seed, 4 * seed + 4)

    def models(case: cases.Case, steps: int, restarts: int | None = None, **over: Any) -> Sweep:
        recipe = tm.Recipe(steps, evaluation_samples=SAMPLES)
        options: dict[str, Any] = {"over": {**over, "seed": seeds}, "restarts": restarts, "params": False}
        metrics = {"share": share, "seen": seen}
        return partial(tm.sweep, case.model, case.task, recipe, metrics=metrics, progress=False, **options)

    return {
        "pentagon": models(cases.trained(5, 2, DENSITY), steps=4_000, restarts=4),
        "octahedron": models(cases.octahedron(DENSITY), steps=0),
        "frames": models(cases.tight_frame(N, DRAWN, DENSITY), steps=0, n_hidden=HIDDEN),
    }


def share(hidden: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, " seen"]:
    """How often near neighbours have the same dominating feature: `SEEN`."""
    whole, chance = trustworthiness(hidden, x)
    drawn, _ = trustworthiness(principal(hidden), x)
    shuffled, _ = trustworthiness(jnp.roll(hidden, 1, axis=1), x)
    return jnp.stack([whole, drawn, shuffled, chance])


def seen(hidden: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, "rows samples"]:
    """What is drawn: three coordinates or fewer of each sample, and its features."""
    return jnp.concatenate([hidden if len(hidden) <= 3 else principal(hidden), x])


def principal(hidden: Float[Array, "m samples"]) -> Float[Array, "2 samples"]:
    """The coordinates along two principal axes."""
    return eigh(jnp.cov(hidden))[1][:, -2:].T @ hidden


def shares(one: xr.Dataset, name: str) -> np.ndarray:
    """One of `SEEN`, by seed."""
    return one.share[..., SEEN.index(name)].transpose(..., "seed").values


def draw_atlas(results: Results) -> Figure:
    """Three atlases, and what neighbours tell over dimensions."""
    figure = plt.figure(figsize=(9.3, 2.9), layout="constrained")
    drawn = {
        "a trained pentagon": (2, results.best("pentagon")),
        "an octahedron": (3, results["octahedron"]),
        f"{N} features in {DRAWN}, two axes": (2, results["frames"].sel(n_hidden=DRAWN)),
    }
    for place, (name, (rows, one)) in enumerate(drawn.items(), start=1):
        picture = jnp.asarray(one.seen.isel(seed=0).values)
        ax: Any = figure.add_subplot(1, 4, place, projection="3d" if rows == 3 else None)
        atlas(picture[:rows], picture[rows:], ax=ax)
        ax.set_title(f"{name}\n{ax.get_title().removeprefix('neighbours ')}")
        for axis in (ax.xaxis, ax.yaxis, *([ax.zaxis] if rows == 3 else [])):
            axis.set_ticks([])
    ax = figure.add_subplot(1, 4, 4)
    colors = (tm.plots.BLUE, tm.plots.ORANGE, tm.plots.INK, tm.plots.INK)
    for name, style, color in zip(SEEN, ("o-", "o-", "x", "--"), colors, strict=True):
        ax.plot(HIDDEN, shares(results["frames"], name).mean(1), style, color=color, markersize=4, label=name)
    ax.set(title=f"{N} features", xlabel="hidden dimensions", ylabel="neighbours agree", ylim=(0, 1))
    ax.legend(fontsize=7.5)
    return figure


def claims_atlas(results: Results, full: bool) -> list[Claim]:
    """Neighbours agree where all dimensions are seen, and much less along two axes of more."""
    frames = results["frames"]
    whole, drawn, shuffled, chance = (shares(frames, name).mean(1) for name in SEEN)
    kept = ((drawn - chance) / (whole - chance))[np.array(HIDDEN) >= 6]
    few = {"pentagon": results.best("pentagon"), "octahedron": results["octahedron"]}
    pairs = {name: shares(results[name], "chance").mean() for name in FEATURES}
    return [
        *(
            at_least(f"{name}: share of near neighbours that agree, the least of four models",
                     shares(one, "all dimensions").min(), 0.85)
            for name, one in few.items()
        ),
        *(
            at_most(f"{name}: share that agrees of samples in no order", shares(one, SEEN[2]).mean(), 0.25)
            for name, one in few.items()
        ),
        at_least(f"{N} features in {DRAWN} dimensions: share that agrees, in all", whole[HIDDEN.index(DRAWN)], 0.75),
        at_most("what two principal axes keep of the share above chance, most, of six dimensions or more",
                kept.max(), 0.5),
        at_most("by how much the two axes of two dimensions differ from these", abs(whole - drawn)[-1], 0.01),
        at_most(f"share that agrees of {N} features in two dimensions", whole[-1], 0.4),
        at_most("by how much samples in no order are above or below chance", abs(shuffled - chance).max(), 0.02),
        at_most("chance, in parts of 1/n: largest relative error",
                max(abs(float(one) * FEATURES[name] - 1) for name, one in pairs.items()), 0.02),
    ]  # fmt: skip


def as_drawn(results: Results) -> Results:
    """All dimensions tell what two principal axes tell, and these what all do."""
    return _exchanged(results, [1, 0, 2, 3])


def in_no_order(results: Results) -> Results:
    """Samples and their features are exchanged: the others are in no order."""
    return _exchanged(results, [2, 2, 0, 3])


def no_chance(results: Results) -> Results:
    """Chance is that of one in ten."""
    return results.map(lambda one: one.assign(share=xr.where(np.arange(4) == 3, 0.1, one.share)))


def dimensions_reversed(results: Results) -> Results:
    """The frames of most dimensions have the numbers of those of fewest, and the other way round."""
    share = results["frames"].share
    backwards = share.copy(data=share.isel(n_hidden=slice(None, None, -1)).values)
    return Results({**results, "frames": results["frames"].assign(share=backwards)})


def _exchanged(results: Results, order: list[int]) -> Results:
    """Numbers stand where others belong."""
    return results.map(lambda one: one.assign(share=one.share.copy(data=one.share.values[..., order])))


ATLAS = Experiment(
    name="testbed/atlas",
    question="What does an atlas of hidden space show, and when does it show nothing?",
    source="ours",
    sweeps=sweep_atlas,
    draw=draw_atlas,
    claims=claims_atlas,
    shows=(
        "A thousand samples each, at a density of .1, coloured by the feature of the largest value; grey where none is "
        "on. The titles say how often the ten nearest of a sample have the same feature, beside chance. First, hidden "
        "spaces of two and three dimensions: along their own axes features lie apart. Third, two principal axes of 20 "
        "features in ten dimensions: every direction of a tight frame has the same variance, so that these two are as "
        "good as any, and the cloud has no arms. Right: as many features in fewer and fewer dimensions. "
        "In all dimensions most neighbours agree, along two axes few; what the picture does not show is still there. "
        "Samples whose features are those of others are at chance."
    ),
    controls=(as_drawn, in_no_order, no_chance, dimensions_reversed),
)
