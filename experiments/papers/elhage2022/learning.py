"""Learning dynamics: jumps of dimensionality, and the stages of geometric learning."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Bool, Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels.analysis import dynamics, geometry
from toymodels.arrays import gram, norms, unit_columns
from toymodels.training import constant

# --- jumps: the dimensionality of each feature jumps to that of a digon, and the loss drops ----------------------

DIGONS = 1 / 3  # density
EVERY = 20  # steps between snapshots
BEGINNING = 200  # steps in which lengths and biases grow, before features meet
WINDOW = 100  # steps over which changes of D_i and of the loss are compared


def sweep_jumps(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Features of equal importance at a density at which all that are represented end in digons. The rate is constant,
    so that nothing but the model itself makes the loss fall faster or slower."""
    n, m, steps = (400, 30, 6_000) if full else (100, 10, 4_000)
    task = tm.Task(tm.Independent(n))
    recipe = tm.Recipe(steps, 1_024, 1e-3, optimizer=optax.adam, schedule=constant)
    kept = partial(tm.sweep, snapshots=list(range(0, steps + 1, EVERY)), restarts=3, seed=seed)
    return {"models": partial(kept, tm.Autoencoder(n, m), task, recipe, over={"density": [DIGONS]})}


def _course(results: Results) -> xr.Dataset:
    """The best model."""
    return results.best().isel(density=0)


def snapshot_losses(course: xr.Dataset, features: tm.features.Features) -> Float[np.ndarray, " t"]:
    """The mean loss of the model at each snapshot, on one sample of 4,096: the losses of batches are too noisy to be
    compared with jumps."""
    x = np.asarray(features.sample(jax.random.key(0), 4_096))
    models = zip(course["snapshots.W"].values, course["snapshots.b"].values, strict=True)
    return np.array([np.mean((x - np.maximum(W.T @ (W @ x) + b[:, None], 0)) ** 2) for W, b in models])


def _jump_losses(course: xr.Dataset) -> Float[np.ndarray, " t"]:
    return snapshot_losses(course, tm.Independent(course.sizes["feature"], DIGONS))


def _dimensionalities(course: xr.Dataset) -> tuple[Float[np.ndarray, "n t"], Bool[np.ndarray, " n"]]:
    """D_i of each feature at each snapshot, and whether the feature is represented in the end."""
    W = course["snapshots.W"].values
    return geometry.dimensionality(W).T, geometry.represented(W[-1])


def _jumps(course: xr.Dataset) -> dynamics.Jumps:
    """The steepest jump of each feature that is represented in the end, after the beginning."""
    values, there = _dimensionalities(course)
    first = BEGINNING // EVERY
    return dynamics.steepest_jumps(dynamics.smooth(values[there][:, first:], 5), course.snapshot.values[first:])


def _changes(course: xr.Dataset) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """In each window of training after the beginning, Σ_i |ΔD_i| of the features that are represented in the end, and
    the fall of the loss."""
    values, there = _dimensionalities(course)
    chosen = slice(BEGINNING // EVERY, None, WINDOW // EVERY)
    return abs(np.diff(values[there][:, chosen])).sum(0), -np.diff(_jump_losses(course)[chosen])


def draw_jumps(results: Results) -> Figure:
    """D_i of every feature above, the loss below, against steps."""
    course = _course(results)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(7.5, 5.6), sharex=True, layout="constrained", height_ratios=[2, 1]
    )
    steps, losses = course.snapshot.values, _jump_losses(course)
    values, there = _dimensionalities(course)
    above.plot(steps, values[~there].T, color=tm.plots.FAINT, linewidth=0.5)
    order = np.argsort(_jumps(course).at)
    colors = tm.plots.shades(len(order))
    for color, curve in zip(colors, values[there][order], strict=True):
        above.plot(steps, curve, color=color, linewidth=1)
    above.text(1.005, 0.5, "1/2  digon", transform=above.get_yaxis_transform(), va="center", fontsize=8)
    above.set(ylim=(0, max(0.55, above.get_ylim()[1])), ylabel="feature dimensionality $D_i$")
    ends = {"first to jump": colors[0], "last to jump": colors[-1]} if colors else {}
    for label, color in (ends | {"not represented in the end": tm.plots.FAINT}).items():
        above.plot([], [], color=color, linewidth=1, label=label)
    above.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3)
    below.plot(steps, losses, color=tm.plots.INK, linewidth=1.2)
    settled = losses[steps > BEGINNING]
    below.set(xlabel="step", ylabel="loss", ylim=(0.998 * settled.min(), 1.01 * settled.max()), xlim=(0, steps[-1]))
    return figure


def claims_jumps(results: Results, full: bool) -> list[Claim]:
    """All end at the level of a digon, by jumps that come when the loss falls. Many features jump in the same stretch
    of training, so that the loss falls without steps of its own: the claim is on windows, not on single jumps."""
    course = _course(results)
    (values, there), (moved, fall) = _dimensionalities(course), _changes(course)
    ends = abs(values[there][:, -1] - 0.5).max() if there.any() else np.nan
    height = np.median(_jumps(course).height) if there.any() else np.nan
    return [
        at_least("features represented in the end", there.sum(), 2),
        at_most("in the end, largest |D_i − 1/2| of them", ends, 0.02),
        at_least("median height of their steepest jumps", height, 0.2),
        at_least(
            f"correlation of Σ|ΔD_i| and the fall of the loss, in windows of {WINDOW} steps",
            np.corrcoef(moved, fall)[0, 1],
            0.5,
        ),
    ]


def reversed_in_time(results: Results) -> Results:
    """What was last came first."""
    return results.map(_reversed_snapshots)


def _reversed_snapshots(one: xr.Dataset) -> xr.Dataset:
    names = [name for name in one.data_vars if "snapshot" in one[name].dims]
    return one.assign({name: one[name].variable[{"snapshot": slice(None, None, -1)}] for name in names})


_LEARNING = "Superposition and Learning Dynamics"

JUMPS = Experiment(
    name="elhage2022/jumps",
    question="How do features come to their dimensionality in training?",
    source=f'{_LEARNING}, "Discrete Energy Level Jumps"',
    section=_LEARNING,
    sweeps=sweep_jumps,
    draw=draw_jumps,
    claims=claims_jumps,
    shows="Above, the dimensionality D_i of every feature against steps of training. Those that are represented in the "
    "end are coloured, the earliest to jump darkest: each stays low for a while and then jumps to 1/2, the level of a "
    "digon. The others are grey. Below, the loss on one sample, without the beginning: it falls while features jump, "
    "and not otherwise.",
    differences=(
        "quick: n = 100, m = 10, 4,000 steps; --full: n = 400, m = 30, 6,000 steps, paper: n = 400, m = 30",
        "ours: Adam at a constant rate of 1e-3, the best of three restarts; density 1/3",
        "the loss has no visible step for each jump, as it has in the paper: here many features jump at a time",
    ),
    controls=(reversed_in_time,),
)

# --- geometric-learning: from one line to two clusters to an octahedron ------------------------------------------

SETS = ((0, 1, 2), (3, 4, 5))
DENSITY = 0.1
FIRST = 10  # the step with which the curve begins


def small_normal(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Weights so small that the model has everything to learn: standard deviation .03."""
    return 0.03 * jax.random.normal(key, shape, dtype)


def sweep_geometric_learning(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Two sets of three features each in three dimensions, from small weights at a constant rate."""
    steps = 6_000
    snapshots = tm.log_spaced(steps, 160).tolist()
    model = tm.Autoencoder(6, 3, initializer=small_normal)
    task = tm.Task(tm.CorrelatedSets(SETS))
    recipe = tm.Recipe(steps, 4_096 if full else 1_024, 1e-3, optimizer=optax.adam, schedule=constant)
    kept = partial(tm.sweep, snapshots=snapshots, restarts=64 if full else 16, seed=seed)
    return {"models": partial(kept, model, task, recipe, over={"density": [DENSITY]})}


def _geometric_course(results: Results) -> xr.Dataset:
    """The best model; what it ends as is its last snapshot."""
    return results.best().isel(density=0)


def _curve(course: xr.Dataset) -> tuple[Int[np.ndarray, " t"], Float[np.ndarray, " t"]]:
    """Steps from `FIRST` on, and the losses there."""
    shown = course.sel(snapshot=slice(FIRST, None))
    return shown.snapshot.values, snapshot_losses(shown, tm.CorrelatedSets(SETS, DENSITY))


def stages(steps: Int[np.ndarray, " t"], losses: Float[np.ndarray, " t"]) -> list[dynamics.Plateau]:
    """Plateaus of a loss curve: positions in log10 steps, levels in log10 loss. A loss that falls more slowly than
    steps^-0.5 counts as flat."""
    return dynamics.plateaus(np.log10(losses), np.log10(steps), max_slope=0.5, min_length=0.1)


def draw_geometric_learning(results: Results) -> Figure:
    """Directions in three dimensions at moments of training, and the loss curve below with these moments."""
    course = _geometric_course(results)
    steps, losses = _curve(course)
    moments = _moments(steps, losses)
    frames = _turned(course["snapshots.W"])
    limit = 0.9 * float(norms(frames.values).max())
    figure = plt.figure(figsize=(9.3, 4.4))
    width = 1 / len(moments)
    for number, moment in enumerate(moments):
        place = (number * width - 0.02, 0.5, width + 0.04, 0.46)
        ax = figure.add_axes(place, projection="3d")
        tm.plots.directions_3d(frames.sel(snapshot=steps[moment]).values, sets=SETS, limit=limit, ax=ax)
        figure.text((number + 0.5) * width, 0.93, f"{'ABCDEFGH'[number]}\nstep {steps[moment]:,}", ha="center")
    ax = figure.add_axes((0.09, 0.13, 0.88, 0.36))
    ax.plot(steps, losses, color=tm.plots.INK, linewidth=1.2)
    ax.set(xscale="log", yscale="log", xlabel="step", ylabel="loss", xlim=(steps[0], steps[-1]))
    for plateau in stages(steps, losses):
        ax.axvspan(10**plateau.start, 10**plateau.stop, color=tm.plots.SHADE, zorder=0)
    for number, moment in enumerate(moments):
        ax.plot(steps[moment], losses[moment], "o", color=tm.plots.SET_COLORS[1], markersize=4)
        ax.annotate("ABCDEFGH"[number], (steps[moment], losses[moment]), (3, 6), textcoords="offset points")
    return figure


def _turned(snapshots: xr.DataArray) -> xr.DataArray:
    """The snapshots turned so that the first set ends along the axes, or is mirrored there: the octahedron that they
    may end as is then seen as one."""
    left, _, right = np.linalg.svd(snapshots.values[-1][:, list(SETS[0])])
    return snapshots.copy(data=(left @ right).T @ snapshots.values)


def _moments(steps: Int[np.ndarray, " t"], losses: Float[np.ndarray, " t"]) -> list[int]:
    """Numbers of the steps in the middle of each plateau and of each drop between two; the first and the last if there
    is no plateau."""
    levels = stages(steps, losses)
    if not levels:
        return [0, len(steps) - 1]
    stretches = [(one.start, one.stop) for one in levels] + [(one.start, one.stop) for one in _large_drops(levels)]
    return sorted({int(abs(np.log10(steps) - (start + stop) / 2).argmin()) for start, stop in stretches})[-8:]


def _large_drops(levels: list[dynamics.Plateau]) -> list[dynamics.Drop]:
    """Drops by more than noise: by a fourth of the loss, or more."""
    return [drop for drop in dynamics.drops(levels) if drop.height > np.log10(4 / 3)]


def animate_geometric_learning(results: Results, path: Path) -> None:
    """Write the directions moving through training as a GIF."""
    course = _geometric_course(results)
    steps, losses = _curve(course)
    frames = steps[::2]
    figure = plt.figure(figsize=(6.4, 3.2), dpi=80)
    animation = tm.plots.training_animation(
        _turned(course["snapshots.W"]).sel(snapshot=frames).values,
        frames,
        losses,
        steps,
        sets=SETS,
        figure=figure,
    )
    animation.save(path, writer="pillow")
    plt.close(figure)


def claims_geometric_learning(results: Results, full: bool) -> list[Claim]:
    """The stages of the loss curve, one line at first, and an octahedron in the end."""
    course = _geometric_course(results)
    W = course["snapshots.W"].values
    last = _cosines(W[-1])
    within = np.array([last[i, j] for members in SETS for i in members for j in members if i < j])
    across = last[np.ix_(*SETS)]
    steps, losses = _curve(course)
    drops = _large_drops(stages(steps, losses))
    early = _cosines(course["snapshots.W"].sel(snapshot=_stop_of_first(drops), method="nearest").values)
    return [
        at_least("plateaus of the loss between which it falls by a fourth or more", 1 + len(drops), 3),
        at_least(
            "on the plateau after the first drop: least cosine of two features of a set",
            min(early[i, j] for members in SETS for i in members for j in members),
            0.9,
        ),
        at_most("in the end: largest |cos| of two features of a set", abs(within).max(), 0.1),
        at_most(
            "in the end: cosine of a feature and the most opposite one of the other set, the largest of six",
            np.maximum(across.min(0), across.min(1)).max(),
            -0.95,
        ),
        at_most("in the end: largest |D_i − 1/2|", abs(geometry.dimensionality(W[-1]) - 0.5).max(), 0.02),
    ]


def _stop_of_first(drops: list[dynamics.Drop]) -> float:
    """The step at which the plateau after the first drop begins; 0 without a drop."""
    return 10 ** drops[0].stop if drops else 0.0


def _cosines(W: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "n n"]:
    return gram(unit_columns(W))


def sets_interleaved(results: Results) -> Results:
    """Features 0, 2, 4 are taken for one set and 1, 3, 5 for the other."""
    return changed(results, lambda one: one.values[..., [0, 3, 1, 4, 2, 5]] if one.name == "W" else one.values)


GEOMETRIC_LEARNING = Experiment(
    name="elhage2022/geometric-learning",
    question="Through which shapes do six features in two correlated sets come to an octahedron?",
    source=f'{_LEARNING}, "Learning as Geometric Transformations"',
    section=_LEARNING,
    sweeps=sweep_geometric_learning,
    draw=draw_geometric_learning,
    claims=claims_geometric_learning,
    shows="Above, the directions of six features in three dimensions at moments of training, coloured by correlated "
    "set, turned so that the first set ends along the axes; grey edges join ends that are neither parallel nor "
    "antipodal. Below, the loss on one sample on logarithmic "
    "axes, with these moments; plateaus, found by program, are shaded. The features of a set move as one at first, "
    "then part, and end as an octahedron whose antipodal pairs join the two sets.",
    differences=(
        "ours: density 0.1, Adam at a constant rate of 1e-3, 6,000 steps, the best of 16 restarts (64 with --full), "
        "paper: not said",
        "ours: initial weights of standard deviation 0.03, from which all stages can be seen",
    ),
    controls=(reversed_in_time, sets_interleaved),
    animate=animate_geometric_learning,
)
