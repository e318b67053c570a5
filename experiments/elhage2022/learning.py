"""Learning dynamics: jumps of dimensionality, and the stages of geometric learning."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.controls import changed
from experiments.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels.analysis import dynamics, geometry
from toymodels.sweeps import best
from toymodels.training import constant

# --- jumps: the dimensionality of each feature jumps to that of a digon, and the loss drops ----------------------

EVERY = 20  # steps between snapshots, and between entries of the loss history
BEGINNING = 200  # steps in which lengths and biases grow, before features meet
WINDOW = 100  # steps over which changes of D_i and of the loss are compared


def sweep_jumps(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Features of equal importance at a density at which all that are represented end in digons. The rate is constant,
    so that nothing but the model itself makes the loss fall faster or slower."""
    n, m, steps = (400, 30, 6_000) if full else (100, 10, 4_000)
    task = tm.Task(tm.Independent(n, density=1 / 3))
    recipe = tm.Recipe(steps, 1_024, 1e-3, schedule=constant)
    snapshots = list(range(0, steps + 1, EVERY))
    kept = partial(tm.sweep, history=steps // EVERY, snapshots=snapshots, restarts=3, seed=seed)
    return {"models": partial(kept, tm.Autoencoder(n, m), task, recipe, over={"density": [1 / 3]})}


def _course(results: Results) -> xr.Dataset:
    """The best model."""
    return best(results["models"]).isel(density=0)


def _dimensionalities(course: xr.Dataset) -> Float[np.ndarray, "n t"]:
    """D_i at each snapshot, of the features that are represented in the end."""
    W = course["snapshots.W"].values
    return geometry.dimensionality(W)[:, geometry.represented(W[-1])].T


def _changes(course: xr.Dataset) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]:
    """In each window of training after the beginning, Σ_i |ΔD_i| and the fall of the loss."""
    steps, window = course.snapshot.values, WINDOW // EVERY
    first = int(np.searchsorted(steps, BEGINNING))
    values = _dimensionalities(course)[:, first::window]
    loss = dynamics.smooth(np.interp(steps, course.step.values, course.history.values), 5)[first::window]
    return abs(np.diff(values)).sum(0), -np.diff(loss)


def draw_jumps(results: Results) -> Figure:
    """D_i of every represented feature above, the loss below, against steps."""
    course = _course(results)
    figure, (above, below) = plt.subplots(
        2, 1, figsize=(7.5, 5.6), sharex=True, layout="constrained", height_ratios=[2, 1]
    )
    steps = course.snapshot.values
    values = _dimensionalities(course)
    order = np.argsort(dynamics.steepest_jumps(dynamics.smooth(values, 5), steps).at)
    colors = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(order)))
    for color, curve in zip(colors, values[order], strict=True):
        above.plot(steps, curve, color=color, linewidth=0.9)
    above.axhline(0.5, color="#b8b8b8", linewidth=0.8, zorder=0)
    above.text(1.005, 0.5, "1/2  digon", transform=above.get_yaxis_transform(), va="center", fontsize=8)
    above.set(ylim=(0, None), ylabel="feature dimensionality $D_i$")
    below.plot(course.step, course.history, color="#303030", linewidth=1)
    settled = course.history.values[course.step.values > BEGINNING]
    below.set(xlabel="step", ylabel="loss", ylim=(0.995 * settled.min(), 1.01 * settled.max()), xlim=(0, steps[-1]))
    return figure


def claims_jumps(results: Results, full: bool) -> list[Claim]:
    """All end at the level of a digon, by jumps that come when the loss falls."""
    course = _course(results)
    values, (moved, fall) = _dimensionalities(course), _changes(course)
    jumps = dynamics.steepest_jumps(dynamics.smooth(values, 5), course.snapshot.values)
    return [
        at_least("features represented in the end", _LEARNING, len(values), 2),
        at_most(
            "in the end, largest |D_i − 1/2| of represented features",
            _LEARNING,
            abs(values[:, -1] - 0.5).max() if len(values) else np.nan,
            0.02,
        ),
        at_least("median height of the features' steepest jumps", _LEARNING, np.median(jumps.height), 0.2),
        at_least(
            f"correlation of Σ|ΔD_i| and the fall of the loss, in windows of {WINDOW} steps",
            _LEARNING,
            np.corrcoef(moved, fall)[0, 1],
            0.5,
        ),
    ]


def reversed_in_time(results: Results) -> Results:
    """What was last came first, but for the loss curve."""
    return changed(results, lambda name, value: value[..., ::-1, :, :] if name == "W" and value.ndim == 5 else value)


_LEARNING = "Superposition and Learning Dynamics"

JUMPS = Experiment(
    name="elhage2022/jumps",
    question="How do features come to their dimensionality in training?",
    source=f'{_LEARNING}, "Discrete Energy Level Jumps"',
    sweeps=sweep_jumps,
    draw=draw_jumps,
    claims=claims_jumps,
    shows="Above, the dimensionality D_i of every feature that is represented in the end, against steps of training; "
    "the earliest to jump are darkest. Each stays low for a while and then jumps to 1/2, the level of a digon. Below, "
    "the loss of the batches, without the beginning: it falls while features jump, and not otherwise.",
    differences=(
        "quick: n = 100, m = 10, 4,000 steps; --full: n = 400, m = 30, 6,000 steps, paper: n = 400, m = 30",
        "ours: Adam at a constant rate of 1e-3, the best of three restarts; density 1/3",
        "features that are not represented in the end are left out",
    ),
    controls=(reversed_in_time,),
)

# --- geometric-learning: from one line to two clusters to an octahedron ------------------------------------------

SETS = ((0, 1, 2), (3, 4, 5))


def small_normal(key: Array, shape: tuple[int, ...], dtype: Any = float) -> Array:
    """Weights so small that the model has everything to learn: standard deviation .03."""
    return 0.03 * jax.random.normal(key, shape, dtype)


def sweep_geometric_learning(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Two sets of three features each in three dimensions, from small weights at a constant rate."""
    steps = 6_000
    model = tm.Autoencoder(6, 3, initializer=small_normal)
    task = tm.Task(tm.CorrelatedSets(SETS))
    recipe = tm.Recipe(steps, 4_096 if full else 1_024, 1e-3, schedule=constant)
    kept = partial(tm.sweep, history=300, snapshots=list(range(0, steps + 1, 40)), seed=seed)
    return {"models": partial(kept, model, task, recipe, over={"density": [0.1]}, restarts=64 if full else 16)}


def _geometric_course(results: Results) -> xr.Dataset:
    """The best model; what it ends as is its last snapshot."""
    return best(results["models"]).isel(density=0)


def stages(course: xr.Dataset) -> list[dynamics.Plateau]:
    """Plateaus of the loss curve: positions in log10 steps, levels in log10 loss. A loss that falls more slowly than
    steps^-0.7 counts as flat."""
    positions = np.log10(course.step.values)
    even = np.linspace(positions[0], positions[-1], 200)
    curve = np.interp(even, positions, np.log10(course.history.values))
    return dynamics.plateaus(dynamics.smooth(curve, 11), even, max_slope=0.7, min_length=0.05)


def draw_geometric_learning(results: Results) -> Figure:
    """Directions in three dimensions at moments of training, and the loss curve below with these moments."""
    course = _geometric_course(results)
    W, steps = course["snapshots.W"].values, course.snapshot.values
    moments = _moments(course)
    figure = plt.figure(figsize=(12, 4.6))
    width = 1 / len(moments)
    for number, moment in enumerate(moments):
        place = (number * width - 0.02, 0.5, width + 0.04, 0.46)
        ax = figure.add_axes(place, projection="3d")
        tm.plots.directions_3d(W[moment], sets=SETS, limit=1.0, ax=ax)
        figure.text((number + 0.5) * width, 0.94, f"{'ABCDEFGH'[number]}: step {steps[moment]:,}", ha="center")
    ax = figure.add_axes((0.07, 0.12, 0.9, 0.36))
    ax.plot(course.step, course.history, color="#303030", linewidth=1)
    ax.set(xscale="log", yscale="log", xlabel="step", ylabel="loss", xlim=(course.step.values[0], steps[-1]))
    for plateau in stages(course):
        ax.axvspan(10**plateau.start, 10**plateau.stop, color="#ececec", zorder=0)
    for number, moment in enumerate(moments):
        at = max(steps[moment], course.step.values[0])
        loss = np.interp(at, course.step.values, course.history.values)
        ax.plot([at], [loss], "o", color="#d55e00", markersize=4)
        ax.annotate("ABCDEFGH"[number], (at, loss), (3, 6), textcoords="offset points")
    return figure


def _moments(course: xr.Dataset) -> list[int]:
    """Numbers of snapshots: the middle of each plateau and of each drop between two, and the end."""
    levels = stages(course)
    stretches = [(one.start, one.stop) for one in levels] + [(one.start, one.stop) for one in _large_drops(levels)]
    places = [(start + stop) / 2 for start, stop in stretches]
    nearest = {int(abs(course.snapshot.values - 10**place).argmin()) for place in places}
    return sorted({*nearest, len(course.snapshot) - 1})[-8:]


def _large_drops(levels: list[dynamics.Plateau]) -> list[dynamics.Drop]:
    """Drops by more than noise: by a fourth of the loss, or more."""
    return [drop for drop in dynamics.drops(levels) if drop.height > np.log10(4 / 3)]


def animate_geometric_learning(results: Results, path: Path) -> None:
    """Write the directions moving through training as a GIF."""
    course = _geometric_course(results)
    frames = np.unique(np.round(np.geomspace(1, len(course.snapshot), 60)).astype(int) - 1)
    figure = plt.figure(figsize=(6.4, 3.2), dpi=80)
    animation = tm.plots.training_animation(
        course["snapshots.W"].values[frames],
        course.snapshot.values[frames],
        course.history.values,
        course.step.values,
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
    levels = stages(course)
    early = _cosines(W[_after_first_drop(course)])
    return [
        at_least(
            "plateaus of the loss between which it falls by a fourth or more",
            _LEARNING,
            1 + len(_large_drops(levels)),
            3,
        ),
        at_least(
            "on the plateau after the first drop: least cosine of two features of a set",
            _LEARNING,
            min(early[i, j] for members in SETS for i in members for j in members),
            0.9,
        ),
        at_most("in the end: largest |cos| of two features of a set", _LEARNING, abs(within).max(), 0.1),
        at_most(
            "in the end: cosine of a feature and the most opposite one of the other set, the largest of six",
            _LEARNING,
            np.maximum(across.min(0), across.min(1)).max(),
            -0.95,
        ),
        at_most("in the end: largest |D_i − 1/2|", _LEARNING, abs(geometry.dimensionality(W[-1]) - 0.5).max(), 0.02),
    ]


def _after_first_drop(course: xr.Dataset) -> int:
    """The number of the snapshot with which the plateau after the first drop begins; the first without a drop."""
    places = [drop.stop for drop in _large_drops(stages(course))]
    return int(abs(course.snapshot.values - 10 ** places[0]).argmin()) if places else 0


def _cosines(W: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "n n"]:
    return geometry.gram(W / np.maximum(geometry.norms(W), 1e-12))


def sets_interleaved(results: Results) -> Results:
    """Features 0, 2, 4 are taken for one set and 1, 3, 5 for the other."""
    return changed(results, lambda name, value: value[..., [0, 3, 1, 4, 2, 5]] if name == "W" else value)


GEOMETRIC_LEARNING = Experiment(
    name="elhage2022/geometric-learning",
    question="Through which shapes do six features in two correlated sets come to an octahedron?",
    source=f'{_LEARNING}, "Learning as Geometric Transformations"',
    sweeps=sweep_geometric_learning,
    draw=draw_geometric_learning,
    claims=claims_geometric_learning,
    shows="Above, the directions of six features in three dimensions at moments of training, coloured by correlated "
    "set; grey edges join ends that are neither parallel nor antipodal. Below, the loss of the batches on logarithmic "
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

# --- pressure: more features for a dimension, and more training, make the geometry crisp --------------------------

RATIOS = (2, 3, 5, 10, 20)
LENGTHS = (500, 4_000)
INVERSE_DENSITIES = (3.0, 3.5, 4.0, 4.5, 5.0)
FRACTIONS = np.array([1, 3 / 4, 2 / 3, 1 / 2, 2 / 5, 3 / 8])
NEAR = 0.02


def sweep_pressure(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Models with n / m = 2 ... 20, at the densities of digons and pentagons, trained shortly and long."""
    m, restarts, batch_size = (30, 4, 1_024) if full else (10, 2, 256)
    sizes = [m * ratio for ratio in RATIOS]
    over = {
        "size": {"model.n_features": sizes, "task.features.n_features": sizes},
        "density": [1 / inverse for inverse in INVERSE_DENSITIES],
        "steps": LENGTHS,
    }
    model, task, recipe = tm.Autoencoder(m, m), tm.Task(tm.Independent(m)), tm.Recipe(batch_size=batch_size)
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=restarts, history=1)}


def _represented_dimensionalities(results: Results) -> list[list[Float[np.ndarray, " k"]]]:
    """D_i of the represented features of all models: for each n / m, for each length of training."""
    weights = results["models"].W.transpose("size", "steps", "density", "restart", "hidden", "feature").values
    values = []
    for ratio, alike in zip(RATIOS, weights, strict=True):
        W = alike[..., : ratio * alike.shape[-2]]  # the rest is padding
        values.append([geometry.dimensionality(one)[geometry.represented(one)] for one in W])
    return values


def _share_near(values: Float[np.ndarray, " k"]) -> float:
    """The share of D_i within .02 of a fraction of a regular arrangement."""
    return float((abs(values[:, None] - FRACTIONS).min(-1) < NEAR).mean()) if len(values) else np.nan


def draw_pressure(results: Results) -> Figure:
    """D_i of all models for each n / m, short and long training side by side, and the share near the fractions."""
    values = _represented_dimensionalities(results)
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.4), layout="constrained", width_ratios=[1.8, 1])
    for place, lengths in enumerate(values):
        for side, color, one in zip((-0.2, 0.2), _LENGTH_COLORS, lengths, strict=True):
            spread = np.linspace(-0.17, 0.17, len(one)) if len(one) > 1 else np.zeros(len(one))
            left.plot(place + side + spread, np.sort(one), ".", color=color, markersize=2.5, alpha=0.6, mew=0)
    for fraction in FRACTIONS:
        left.axhline(fraction, color="#b8b8b8", linewidth=0.8, zorder=0)
    left.set_xticks(range(len(RATIOS)), labels=[str(ratio) for ratio in RATIOS])
    left.set(xlabel="features per hidden dimension n / m", ylabel="feature dimensionality $D_i$", ylim=(0, 1.05))
    for number, (steps, color) in enumerate(zip(LENGTHS, _LENGTH_COLORS, strict=True)):
        shares = [_share_near(lengths[number]) for lengths in values]
        right.plot(RATIOS, shares, "o-", color=color, markersize=4, label=f"{steps:,} steps")
    right.set(xscale="log", xlabel="n / m", ylabel=f"share of $D_i$ within {NEAR} of a fraction", ylim=(0, 1.05))
    right.set_xticks(RATIOS, labels=[str(ratio) for ratio in RATIOS])
    right.minorticks_off()
    right.legend()
    return figure


_LENGTH_COLORS = ("#e69f00", "#1f5a99")


def claims_pressure(results: Results, full: bool) -> list[Claim]:
    """More training makes the geometry crisper, and, where training is long, so do more features per dimension.

    With n / m = 2 the share is 1 whatever the length: all features fit into digons. The claims begin at 3, where a
    model chooses which features to leave out. After short training the share is about 1/2 for all n / m.
    """
    values = _represented_dimensionalities(results)
    short, long = np.array([[_share_near(one) for one in lengths] for lengths in values]).T
    gain = (long - short)[1:]
    return [
        at_least("least gain in the share by longer training, n / m from 3 to 20", _COMMENT, gain.min(), 0.0),
        at_least("mean gain in the share by longer training, n / m from 3 to 20", _COMMENT, gain.mean(), 0.1),
        at_least("long training: share at n / m = 20 minus that at n / m = 3", _COMMENT, long[-1] - long[1], 0.1),
    ]


_COMMENT = "Henighan and Olah's comment"

PRESSURE = Experiment(
    name="elhage2022/pressure",
    question="What makes dimensionalities cluster at the fractions of regular arrangements?",
    source=f"{_COMMENT} on the paper",
    sweeps=sweep_pressure,
    draw=draw_pressure,
    claims=claims_pressure,
    shows="Left, D_i of the represented features of models at five densities from 1/3 to 1/5, for each number of "
    "features per dimension, after short (left) and long training (right); grey lines are the fractions 1, 3/4, 2/3, "
    "1/2, 2/5 and 3/8. Right, the share of D_i within .02 of one of them. With n / m = 2 all features fit into digons.",
    differences=("quick: m = 10, batches of 256; --full: m = 30, batches of 1,024",),
)

EXPERIMENTS = (JUMPS, GEOMETRIC_LEARNING, PRESSURE)
