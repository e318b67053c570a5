"""Computation in superposition: absolute values."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.harness.statistics import rank_correlation
from toymodels.analysis import neurons

SECTION = "Computation in Superposition"


def absolute_values(n: int, m: int, decay: float = 1.0) -> tuple[tm.Autoencoder, tm.Task]:
    """y = ReLU(W_out ReLU(W x) + b), to be |x|, for features that are uniform on [-1, 1] when on; I_i = decay^i."""
    features = tm.Independent(n, density=1.0, values=tm.SIGNED_UNIFORM)
    task = tm.Task(features, importance=tm.GeometricImportance(decay), target=jnp.abs)
    return tm.Autoencoder(n, m, hidden_activation=jax.nn.relu, tied=False), task


# --- abs-exact: two neurons a feature compute |x| ----------------------------------------------------------------

EXACT_N = 3


def sweep_abs_exact(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=3 m=6, dense, the best of several restarts: about one in six ends above a loss of 1e-4."""
    model, task = absolute_values(EXACT_N, 2 * EXACT_N)
    recipe = tm.Recipe(4_000, 256, 2e-2)
    return {"models": partial(tm.sweep, model, task, recipe, over={"density": [1.0]}, seed=seed, restarts=16)}


def draw_abs_exact(results: Results) -> Figure:
    """The network as a graph, and its two matrices."""
    W, W_out, _ = rescaled(results)
    figure, (graph, left, right) = plt.subplots(
        1, 3, figsize=(8.6, 3.6), layout="constrained", width_ratios=[1.7, 0.8, 0.8]
    )
    features = range(1, EXACT_N + 1)
    tm.plots.neuron_graph(
        W,
        W_out,
        inputs=[f"$x_{i}$" for i in features],
        neurons=["ReLU"] * len(W),
        outputs=[f"$|x_{i}|$" for i in features],
        ax=graph,
    )
    limit = max(1.0, float(abs(W).max()), float(abs(W_out).max()))
    for ax, weights, title in ((left, W, "$W_1$"), (right, W_out.T, "$W_2^T$")):
        image = ax.imshow(weights, cmap=tm.plots.WEIGHT_COLORS, vmin=-limit, vmax=limit)
        ax.set(title=title, xlabel="feature", ylabel="neuron", xticks=range(EXACT_N), yticks=range(len(W)))
        ax.set_xticklabels([*features])
        ax.set_yticklabels([*range(1, len(W) + 1)])
        for (row, column), value in np.ndenumerate(weights):
            ink = "white" if abs(value) > 0.5 else "black"
            ax.text(column, row, f"{round(float(value), 2) + 0.0:.2f}", ha="center", va="center", fontsize=7, color=ink)
    figure.colorbar(image, ax=[left, right], shrink=0.6)
    return figure


def claims_abs_exact(results: Results, full: bool) -> list[Claim]:
    """ReLU(x) + ReLU(-x) = |x|, and nothing else."""
    W, W_out, b = rescaled(results)
    own = np.arange(EXACT_N) == abs(W).argmax(-1)[:, None]
    halves = {(int(weights.argmax()), bool(sign > 0)) for weights, sign in zip(abs(W), W.sum(-1), strict=True)}
    return [
        equal("halves, x_i > 0 or x_i < 0 of a feature, that have a neuron", len(halves), 2 * EXACT_N),
        at_most("W1 differs from one weight of 1 or -1 per neuron by", abs(W - np.sign(W) * own).max(), 0.05),
        at_most("W2 differs from a weight of 1 on the neuron's feature by", abs(W_out - own.T).max(), 0.05),
        at_most("loss", _exact_loss(W, W_out, b), 1e-4),
    ]


def rescaled(results: Results) -> tuple[Float[np.ndarray, "m n"], Float[np.ndarray, "n m"], Float[np.ndarray, " n"]]:
    """W1 and W2 of the best model, rescaled, feature by feature with the neuron of x_i > 0 first, and b."""
    model = results.best().isel(density=0)
    W, W_out, _ = neurons.rescale(model.W.values, model.W_out.values)
    order = neurons.neuron_order(W)
    return W[order], W_out[:, order], model.b.values


def _exact_loss(W: Float[np.ndarray, "m n"], W_out: Float[np.ndarray, "n m"], b: Float[np.ndarray, " n"]) -> float:
    """The loss of these weights, not that which training noted."""
    model, task = absolute_values(*reversed(W.shape))
    x = task.features.sample(jax.random.key(0), 65_536)
    return float(task.loss_on(x, tm.module_with(model, {"W": W, "W_out": W_out, "b": b})(x)))


def one_neuron_a_feature(results: Results) -> Results:
    """The neurons of x_i < 0 fire with x_i > 0 as well."""
    return changed(results, lambda one: abs(one.values) if one.name == "W" else one.values)


ABS_EXACT = Experiment(
    name="elhage2022/abs-exact",
    question="How does a network with a ReLU hidden layer compute absolute values when it has neurons enough?",
    source=f"{SECTION}, the figure of the network with n = 3, m = 6",
    section=SECTION,
    sweeps=sweep_abs_exact,
    draw=draw_abs_exact,
    claims=claims_abs_exact,
    shows="Left, the trained network: red weights are positive, blue ones negative, weights below 0.1 are left out. "
    "Each feature has two neurons, ReLU(x_i) and ReLU(-x_i), whose sum is |x_i|. Right, all of its weights. What a "
    "ReLU neuron's input weights are multiplied with, its output weights can be divided by: here each neuron's largest "
    "input weight is 1 or -1.",
    differences=(
        "ours: best of 16 restarts; Adam 2e-2 with warm-up and cosine decay, 4,000 steps of batch 256, paper: not said",
    ),
    controls=(one_neuron_a_feature,),
    vector=True,
)

# --- abs-sweep: neurons turn polysemantic as features become sparser ---------------------------------------------

N, M = 100, 40
DECAY = 0.8
DENSITIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)
RATES = (5e-2, 5e-2, 5e-2, 5e-2, 2e-2, 2e-2, 2e-2)  # sparse models end at higher losses with higher ones
COLORS = Normalize(0, N - 1)
STACKED = 25  # features of a neuron that are drawn one by one


def sweep_abs_sweep(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=100 m=40 I=.8^i at seven densities; each with the learning rate that it bears."""
    model, task = absolute_values(N, M, DECAY)
    steps, batch_size, restarts = (10_000, 2_048, 8) if full else (4_000, 512, 2)
    recipe = tm.Recipe(steps, batch_size)
    over = {"density": {"density": DENSITIES, "learning_rate": RATES}}
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=restarts)}


def draw_abs_sweep(results: Results) -> Figure:
    """Stacked bars of the input weights of every neuron, a panel per density, and the share of monosemantic neurons."""
    W = _input_weights(results)
    figure = plt.figure(figsize=(9.3, 8), layout="constrained")
    axes = figure.subplots(4, 2)
    for ax, weights, density in zip(axes.flat, W, DENSITIES, strict=False):
        _stacks(weights, ax)
        ax.set_title(f"density {density:g}   (S = {1 - density:g})")
    for ax in axes[:, 0]:
        ax.set_ylabel("$|W_1|$, stacked")
    last = axes[-1, -1]
    x = tm.plots.against_density(last, np.array(DENSITIES))
    last.plot(x, _monosemantic_share(W), "o-", color=tm.plots.SET_COLORS[0], markersize=3.5)
    last.set(ylim=(-0.03, 1.05))
    last.set_title("share of monosemantic neurons")
    label = f"feature $i$, of importance ${DECAY:g}^i$"
    figure.colorbar(ScalarMappable(COLORS, tm.plots.FEATURE_COLORS), ax=axes, label=label, aspect=50)
    mark = Line2D([], [], linestyle="", marker="s", color=tm.plots.SET_COLORS[0], markersize=4)
    marks = {"monosemantic neuron": mark, f"weights beyond the {STACKED} largest": Patch(color=tm.plots.PALE)}
    figure.legend([*marks.values()], [*marks], loc="outside lower center", ncols=2)
    return figure


def _stacks(W: Float[np.ndarray, "m n"], ax: Axes) -> None:
    """A bar per neuron, neurons in the order of their strongest features; segments are features, the largest lowest."""
    W = W[np.lexsort((-neurons.largest_fraction(W), abs(W).argmax(-1)))]
    features = np.argsort(-abs(W), axis=-1)
    sizes = np.take_along_axis(abs(W), features, axis=-1)
    places = np.arange(len(W))
    colors = mpl.colormaps[tm.plots.FEATURE_COLORS](COLORS(features))
    bottom = np.zeros(len(W))
    for size, color in zip(sizes.T[:STACKED], colors.swapaxes(0, 1), strict=False):
        ax.bar(places, size, 0.9, bottom, color=color, linewidth=0.1, edgecolor="white")
        bottom += size
    ax.bar(places, sizes[:, STACKED:].sum(-1), 0.9, bottom, color=tm.plots.PALE)
    for place in np.flatnonzero(neurons.monosemantic(W)):
        ax.plot(
            place, -0.06, "s", color=tm.plots.SET_COLORS[0], ms=3, transform=ax.get_xaxis_transform(), clip_on=False
        )
    ax.set(xlim=(-0.7, len(W) - 0.3), ylim=(0, max(4.0, ax.get_ylim()[1])), xticks=[])
    ax.set_xlabel("neurons", labelpad=8)


def claims_abs_sweep(results: Results, full: bool) -> list[Claim]:
    """A neuron is monosemantic if 9/10 of its squared input weight are on one feature. Of five seeds, one leaves one
    neuron of the dense model with two features, and one has a rise of three neurons in forty from one density to the
    next."""
    W = _input_weights(results)
    shares = _monosemantic_share(W)
    middle = DENSITIES.index(0.1)
    return [
        equal("dense: neurons with one feature", M * shares[0], M),
        at_most("largest rise of the share of monosemantic neurons to the next sparser", np.diff(shares).max(), 0.05),
        at_most("sparsest: share of monosemantic neurons", shares[-1], 0.05),
        at_least(
            "density .1: rank correlation of the importance of a neuron's strongest feature with that feature's share",
            rank_correlation(-abs(W[middle]).argmax(-1), neurons.largest_fraction(W[middle])),
            0.2,
        ),
    ]


def _input_weights(results: Results) -> Float[np.ndarray, "densities m n"]:
    models = results.best()
    return neurons.rescale(models.W.values, models.W_out.values).W_in


def _monosemantic_share(W: Float[np.ndarray, "densities m n"]) -> Float[np.ndarray, " densities"]:
    return neurons.monosemantic(W).mean(-1)


ABS_SWEEP = Experiment(
    name="elhage2022/abs-sweep",
    question="Which neurons stand for one feature, and which for several, as features become sparser?",
    source=f"{SECTION}, the figure with n = {N}, m = {M}",
    section=SECTION,
    sweeps=sweep_abs_sweep,
    draw=draw_abs_sweep,
    claims=claims_abs_sweep,
    shows="A bar a neuron: its input weights |W_1|, scaled so that the largest is 1, stacked, largest lowest, and "
    "coloured by feature, the most important darkest. Neurons stand in the order of their strongest features; blue "
    "squares mark monosemantic ones, with 9/10 of their squared weight on one feature. "
    f"Weights beyond a neuron's {STACKED} largest are in grey, together. Panels of sparse models have longer scales.",
    differences=(
        "ours: better of 2 restarts (--full: best of 8), paper: not said",
        "ours: Adam with warm-up and cosine decay, 4,000 steps of batch 512 (--full: 10,000 of 2,048), rate 5e-2 (2e-2 "
        "from density .01 on), paper: not said",
        "ours: segments are coloured by the number of the feature, and a neuron is called monosemantic if 9/10 of its "
        "squared input weight are on one feature",
    ),
)
