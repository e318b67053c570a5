"""Computation in superposition: absolute values."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.controls import changed
from experiments.experiment import Claim, Experiment, Results, Sweep, at_most, equal
from toymodels.analysis import neurons
from toymodels.sweeps import best

SECTION = "Computation in Superposition"


def absolute_values(n: int, m: int, decay: float = 1.0) -> tuple[tm.Autoencoder, tm.Task]:
    """y = ReLU(W_out ReLU(W x) + b), to be |x|, for features that are uniform on [-1, 1] when on; I_i = decay^i."""
    features = tm.Independent(n, density=1.0, values=tm.SIGNED_UNIFORM)
    task = tm.Task(features, importance=tm.Geometric(decay), target=jnp.abs)
    return tm.Autoencoder(n, m, hidden_activation=jax.nn.relu, tied=False), task


# --- abs-exact: two neurons a feature compute |x| ----------------------------------------------------------------

EXACT_N = 3


def sweep_abs_exact(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=3 m=6, dense, best of many restarts: some leave a feature with one neuron."""
    model, task = absolute_values(EXACT_N, 2 * EXACT_N)
    recipe = tm.Recipe(4_000, 256, 2e-2)
    return {"models": partial(tm.sweep, model, task, recipe, over={"density": [1.0]}, seed=seed, restarts=16)}


def draw_abs_exact(results: Results) -> Figure:
    """The network as a graph, and its two matrices."""
    W, W_out, _ = _exact(results)
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
    for ax, weights, title in ((left, W, "$W_1$"), (right, W_out.T, "$W_2^T$")):
        image = ax.imshow(weights, cmap=tm.plots.WEIGHT_COLORS, vmin=-1, vmax=1)
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
    W, W_out, b = _exact(results)
    own = np.arange(EXACT_N) == abs(W).argmax(-1)[:, None]
    halves = {(int(weights.argmax()), bool(sign > 0)) for weights, sign in zip(abs(W), W.sum(-1), strict=True)}
    return [
        equal("halves, x_i > 0 or x_i < 0 of a feature, that have a neuron", SECTION, len(halves), 2 * EXACT_N),
        at_most("W1 differs from one weight of 1 or -1 a neuron by", SECTION, abs(W - np.sign(W) * own).max(), 0.05),
        at_most("W2 differs from a weight of 1 on the neuron's feature by", SECTION, abs(W_out - own.T).max(), 0.05),
        at_most("loss", SECTION, _exact_loss(W, W_out, b), 1e-4),
    ]


def _exact(results: Results) -> tuple[Float[np.ndarray, "m n"], Float[np.ndarray, "n m"], Float[np.ndarray, " n"]]:
    """W1 and W2 of the best model, rescaled, feature by feature with the neuron of x_i > 0 first, and b."""
    model = best(results["models"]).isel(density=0)
    W, W_out, _ = neurons.rescale(model.W.values, model.W_out.values)
    order = neurons.neuron_order(W)
    return W[order], W_out[:, order], model.b.values


def _exact_loss(W: Float[np.ndarray, "m n"], W_out: Float[np.ndarray, "n m"], b: Float[np.ndarray, " n"]) -> float:
    """The loss of these weights, not that which training noted."""
    model, task = absolute_values(*reversed(W.shape))
    x = task.features.sample(jax.random.key(0), 65_536)
    return float(task.loss(x, tm.module_with(model, {"W": W, "W_out": W_out, "b": b})(x)))


def one_neuron_a_feature(results: Results) -> Results:
    """The neurons of x_i < 0 fire with x_i > 0 as well."""
    return changed(results, lambda name, value: abs(value) if name == "W" else value)


ABS_EXACT = Experiment(
    name="elhage2022/abs-exact",
    question="How does a network with a ReLU hidden layer compute absolute values when it has neurons enough?",
    source=f"{SECTION}, the figure of the network with n = 3, m = 6",
    sweeps=sweep_abs_exact,
    draw=draw_abs_exact,
    claims=claims_abs_exact,
    shows="Left, the trained network: red weights are positive, blue ones negative, weights below 0.1 are left out. "
    "Each feature has two neurons, ReLU(x_i) and ReLU(-x_i), whose sum is |x_i|. Right, all of its weights. What a "
    "ReLU neuron's input weights are multiplied with, its output weights can be divided by: here each neuron's largest "
    "input weight is 1 or -1.",
    differences=("ours: best of 16 restarts; Adam 2e-2 with cosine decay, 4,000 steps of batch 256, paper: not said",),
    controls=(one_neuron_a_feature,),
    vector=True,
)

EXPERIMENTS = (ABS_EXACT,)
