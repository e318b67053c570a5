"""The terms of the loss, and the penalty that removes superposition."""

from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.harness.statistics import mean_interference
from toymodels.analysis import geometry
from toymodels.arrays import first_fall
from toymodels.theory import expansion, linear

# --- loss-terms: what the loss is made of, with and without a ReLU -----------------------------------------------

N, M = 20, 5
DENSITIES = np.geomspace(1, 1e-3, 10)
MATHEMATICS = "Demonstrating Superposition, Mathematical Understanding"


def sweep_loss_terms(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=20 m=5 I=1: ReLU models over density, and linear ones; and very sparse ReLU models without biases, of as many
    features as fit in antipodal pairs. What has a closed form is sampled as well."""
    task = tm.Task(tm.Independent(N))
    steps = 10_000 if full else 2_000
    recipe = tm.Recipe(steps, batch_size=512, evaluation_samples=2**18)
    relu, identity = tm.Autoencoder(N, M), tm.Autoencoder(N, M, output_activation=tm.identity)
    over, dense, sparse = {"density": DENSITIES}, {"density": [1.0, 0.3, 0.1]}, {"density": [1e-3]}
    metrics = (sampled_one_on, several_on)
    pairs, twice_m = tm.Autoencoder(2 * M, M, output_bias=False), tm.Task(tm.Independent(2 * M))
    return {
        "relu": partial(tm.sweep, relu, task, recipe, over=over, seed=seed, restarts=4, metrics=metrics),
        "linear": partial(tm.sweep, identity, task, recipe, over=dense, seed=seed, restarts=4),
        "without bias": partial(tm.sweep, pairs, twice_m, recipe, over=sparse, seed=seed, restarts=4),
    }


def sampled_one_on(module: nnx.Module, key: PRNGKeyArray) -> Float[Array, ""]:
    """L_1 by Monte Carlo: the model itself on samples with one feature on, one sample in each of 4,096 strata."""
    count = 4_096
    values = (jnp.arange(count) + jax.random.uniform(key, (count,))) / count

    def loss(feature: Array) -> Array:
        x = jnp.zeros((N, count)).at[feature].set(values)
        return jnp.square(x - module(x)).sum(0).mean()

    return jax.lax.map(loss, jnp.arange(N)).sum()


def several_on(W: Array, b: Array, task: tm.Task, key: PRNGKeyArray) -> Float[Array, ""]:
    """The contribution to the loss of samples with several features on, by Monte Carlo."""
    return expansion.several_on(key, W, b, task.features.density, samples=2**14)


def contributions(models: xr.Dataset) -> dict[str, Float[np.ndarray, " k"]]:
    """What each term adds to the expected loss of a ReLU model at its density."""
    W, b, density = models.W.values, models.b.values, models.density.values
    terms = expansion.one_on(W, b)
    share = np.asarray(expansion.probability_of_set(N, density, 1))
    return {
        "several features on": models.several_on.values,
        "one on: feature benefit": share * np.asarray(terms.benefit.sum(-1)),
        "one on: positive interference": share * np.asarray(terms.positive.sum(-1)),
        "one on: negative interference": share * np.asarray(terms.negative.sum(-1)),
        "none on": np.asarray(expansion.probability_of_set(N, density, 0) * expansion.none_on(b)),
    }


def draw_loss_terms(results: Results) -> Figure:
    """The linear model's two terms; what interference costs; the terms of trained ReLU models over density."""
    figure, axes = plt.subplot_mosaic(
        [["linear", "cost"], ["shares", "shares"]], figsize=(9.3, 7.4), layout="constrained"
    )
    _draw_linear(results["linear"], axes["linear"])
    _draw_cost_of_interference(axes["cost"])
    _draw_shares(results.best("relu"), axes["shares"])
    return figure


BENEFIT, POSITIVE, NEGATIVE, REST, NONE = tm.plots.BLUE, tm.plots.RED, "#f0a58f", tm.plots.PALE, "#7a6ca8"


def _draw_linear(models: xr.Dataset, ax: Axes) -> None:
    """The least loss of k unit vectors in m dimensions, whose interference is that of a tight frame."""
    k = np.arange(2 * M + 1)
    benefit, interference = N - k, np.maximum(k**2 / M - k, 0)
    ax.plot(k, benefit, color=BENEFIT, label="feature benefit $\\Sigma (1 - \\Vert W_i \\Vert^2)^2$")
    ax.plot(k, interference, color=POSITIVE, label="interference $\\Sigma (W_i \\cdot W_j)^2$")
    ax.plot(k, benefit + interference, color=tm.plots.INK, label="linear: sum of both")
    ax.plot(k, benefit, "--", color="#f0a58f", label="ReLU, one on, b = 0: sum of both")
    W = models.W.values.reshape(-1, M, N)
    ax.plot((W**2).sum((-1, -2)), linear.terms(W).loss, "o", color=tm.plots.INK, markersize=5, label="trained, linear")
    ax.axvline(M, color=tm.plots.FAINT, linewidth=0.8, zorder=0)
    ax.set(xlabel=f"features represented in m = {M} dimensions", ylabel="loss / $E[x^2]$", ylim=(0, 1.75 * N))
    ax.set_title("a linear model gains nothing beyond m")
    ax.legend(loc="upper right")


def _draw_cost_of_interference(ax: Axes) -> None:
    products = np.linspace(-1, 1, 201)
    ax.plot(products, products**2 / 3, "--", color=tm.plots.INK, label="linear")
    for bias, color in zip((0.0, -0.2, -0.4), ("#7a1f1a", POSITIVE, NEGATIVE), strict=True):
        ax.plot(products, cost_of_interference(products, bias), color=color, label=f"ReLU, b = {bias:g}")
    ax.set(
        xlabel="$W_i \\cdot W_j$",
        ylabel="$\\int \\mathrm{ReLU}(W_i \\cdot W_j\\, x + b_j)^2\\, dx$",
        ylim=(-0.01, None),
    )
    ax.set_title("with a ReLU, negative interference is free")
    ax.legend()


def cost_of_interference(products: Float[np.ndarray, " k"], bias: float) -> Float[np.ndarray, " k"]:
    """What an output with this bias costs while a feature is on whose direction has these products with its own."""
    W = np.stack([np.stack([np.ones_like(products), products], -1), np.tile([0.0, 1.0], (len(products), 1))], -2)
    first_on = expansion.one_on(W, np.full((len(products), 2), bias))
    return np.asarray(first_on.interference[:, 0])


def _draw_shares(models: xr.Dataset, ax: Axes) -> None:
    parts = contributions(models)
    shares = np.stack(list(parts.values())) / sum(parts.values())
    colors = (REST, BENEFIT, POSITIVE, NEGATIVE, NONE)
    x = tm.plots.against_density(ax, DENSITIES)
    areas = ax.stackplot(x, shares, colors=colors, labels=list(parts))
    ax.plot(x, shares[0], color=tm.plots.INK, linewidth=0.8)
    ax.axvline(1 / one_on_dominates_from(models), color=tm.plots.INK, linewidth=0.8, linestyle=":")
    ax.set(ylabel="share of the loss", xlim=(1, x[-1]), ylim=(0, 1))
    ax.set_title(f"trained ReLU models, n = {N}, m = {M}; dotted: one feature on is half")
    largest = [f"{name}, {_percent(share.max())}" for name, share in zip(parts, shares, strict=True)]
    ax.legend(areas[::-1], largest[::-1], loc="lower left", frameon=True)


def _percent(share: float) -> str:
    return "nowhere more than 1 %" if share < 0.01 else f"up to {100 * share:.0f} %"


def one_on_dominates_from(models: xr.Dataset) -> float:
    """The density below which samples with one feature on make more than half of the loss; interpolated."""
    share = _share_of_one_on(models)
    density = first_fall(np.log(models.density.values), -share, -0.5)
    return float(np.exp(density)) if share[0] < 0.5 else float("nan")


def _share_of_one_on(models: xr.Dataset) -> Float[np.ndarray, " k"]:
    parts = contributions(models)
    one_on = np.stack([values for name, values in parts.items() if name.startswith("one on")])
    return one_on.sum(0) / np.stack(list(parts.values())).sum(0)


def claims_loss_terms(results: Results, full: bool) -> list[Claim]:
    """The closed form is right, and the two forces are as the paper says."""
    relu = results.best("relu")
    closed = np.asarray(expansion.one_on(relu.W.values, relu.b.values).loss.sum(-1))
    total = sum(contributions(relu).values())
    share = _share_of_one_on(relu)
    linear_W = results["linear"].W.values
    sparse = results.best("without bias").isel(density=0)
    W = sparse.W.values
    terms = expansion.one_on(W, sparse.b.values if "b" in sparse else np.zeros(W.shape[-1], W.dtype))
    return [
        at_most(
            "L_1 in closed form: largest relative difference from Monte Carlo",
            abs(closed / relu.sampled_one_on.values - 1).max(),
            1e-3,
        ),
        at_most(
            "all terms together, density above .01: largest relative difference from the loss on the evaluation sample",
            abs(total / (N * relu.loss.values) - 1)[DENSITIES > 0.01].max(),
            0.05,
        ),
        at_most("b = 0, one feature on: what negative interference costs", float(terms.negative.sum()), 0),
        at_most(
            "trained without biases, sparse, n = 2m: share of squared interference that is positive",
            positive_share(W),
            0.05,
        ),
        at_most(
            "linear: features represented, counted as ‖W‖_F², differ from m by at most",
            abs((linear_W**2).sum((-1, -2)) - M).max(),
            0.05,
        ),
        at_least(
            "linear: least rise of the loss by one more feature, over 1,000 directions",
            rise_by_one_more(linear_W).min(),
            0.9,
        ),
        at_most(
            "density below which most of the loss is with just one feature on, times n",
            N * one_on_dominates_from(relu),
            0.3,
        ),
        at_least("sparsest: share of the loss with just one feature on", share[-1], 0.75),
    ]


def positive_share(W: Float[np.ndarray, "m n"]) -> float:
    """The share of Σ_{i≠j} (W_i·W_j)² that is of pairs with W_i·W_j > 0."""
    products = geometry.gram(W)[~np.eye(W.shape[-1], dtype=bool)]
    return float((np.maximum(products, 0) ** 2).sum() / (products**2).sum())


def rise_by_one_more(W: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch 1000"]:
    """What a further feature of unit length adds to the linear model's loss, over random directions: the interference
    minus the benefit of 1 that it brings."""
    directions = np.random.default_rng(0).normal(size=(W.shape[-2], 1_000))
    directions /= np.linalg.norm(directions, axis=0)
    return 2 * ((directions.T @ W) ** 2).sum(-1) - 1


def with_positive_biases(results: Results) -> Results:
    """All biases are 0.2."""
    return results.map(lambda one: one.assign(b=xr.full_like(one.W.isel(hidden=0, drop=True), 0.2)))


def a_dimension_left_empty(results: Results) -> Results:
    """Models that do not use their last hidden dimension."""
    return results.map(lambda one: one.assign(W=one.W.where(one.W.hidden < one.sizes["hidden"] - 1, 0)))


LOSS_TERMS = Experiment(
    name="elhage2022/loss-terms",
    question="Which terms of the loss make superposition pay with a ReLU, and never without?",
    source=f"{MATHEMATICS}: the annotated formulas of the linear model's loss and of L_1",
    section=MATHEMATICS,
    sweeps=sweep_loss_terms,
    draw=draw_loss_terms,
    claims=claims_loss_terms,
    shows="Left, the linear model's feature benefit and interference for the best arrangement of k unit vectors in m "
    "dimensions (a tight frame: interference k²/m − k). The sum is least at k = m, where the trained models "
    "lie, counted as ‖W‖_F². With a ReLU, one feature on and no biases, it falls on until 2m: the vectors come "
    "in antipodal pairs. Right, what feature i alone costs at output j. Below, the terms of L = (1−p)^n L_0 + "
    "p(1−p)^(n−1) L_1 + ... of trained ReLU models: L_0 and L_1 in closed form, the others by Monte Carlo.",
    differences=(
        "the paper has the formulas, the figure is ours",
        "ours: L_1 split into positive and negative interference by the sign of W_i·W_j",
        "ours: best of 4 restarts, Adam 1e-2 with warm-up and cosine decay, 2,000 steps of 512 (--full: 10,000)",
    ),
    controls=(with_positive_biases, a_dimension_left_empty),
)

# --- l1: a penalty on hidden activations removes superposition ---------------------------------------------------

PENALTIES = np.concatenate([[0], np.geomspace(0.002, 0.16, 20)])
SHOWN = (0, 8, 11, 13, 15, 16, 18, 20)
L1_DECAY = 0.6
L1_FEATURES = tm.Independent(5, 0.05)
L1_IMPORTANCE = L1_DECAY ** np.arange(5)
STRATEGIC = "The Strategic Picture of Superposition, Approach 1: Creating Models Without Superposition"


def sweep_l1(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=5 m=2 I=0.6^i at density 0.05, with a penalty λ‖h‖₁."""
    task = tm.Task(L1_FEATURES, importance=tm.GeometricImportance(L1_DECAY), penalties=(tm.HiddenL1(0.0),))
    recipe = tm.Recipe(steps=10_000, batch_size=1_024) if full else tm.Recipe(batch_size=256)
    over = {"strength": PENALTIES}
    return {"models": partial(tm.sweep, tm.Autoencoder(5, 2), task, recipe, over=over, seed=seed, restarts=16)}


def draw_l1(results: Results) -> Figure:
    """Directions and WᵀW along λ above; number represented, interference and loss against λ below."""
    models = results.best()
    W, b = models.W.values, models.b.values
    figure = plt.figure(figsize=(9.3, 5.2), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=[1.3, 1], squeeze=False)[:, 0]
    axes = above.subplots(2, len(SHOWN))
    limit = tm.plots.common_scales(W[[*SHOWN]], b[[*SHOWN]]).weight
    for number, (arrows, matrix) in zip(SHOWN, axes.T, strict=True):
        tm.plots.directions(W[number], importance=L1_IMPORTANCE, limit=1.25, ax=arrows)
        tm.plots.weight_matrix(W[number], b[number], limit=limit, ax=matrix)
        arrows.set_title(f"$\\lambda = {PENALTIES[number]:.2g}$\n{geometry.n_represented(W[number])} features")
    above.colorbar(tm.plots.weight_key(limit), ax=axes[1], label=tm.plots.WEIGHTS, aspect=8)
    series = {
        "features represented": geometry.n_represented(W),
        "their mean interference": mean_interference(W, none=0.0),
        "task loss / that of no model": relative_loss(W, b),
    }
    for ax, (label, values) in zip(below.subplots(1, 3), series.items(), strict=True):
        ax.plot(PENALTIES[1:], values[1:], "o-", color=tm.plots.BLUE, markersize=3.5)
        ax.axhline(values[0], color=tm.plots.FAINT, linewidth=0.8, zorder=0)
        ax.text(PENALTIES[-1], values[0], "$\\lambda = 0$", fontsize=8, ha="right", va="bottom")
        ax.set(
            xscale="log",
            xlabel="$\\lambda$, penalty on $\\Vert h \\Vert_1$",
            ylabel=label,
            ylim=(0, 1.12 * max(values)),
        )
    return figure


def claims_l1(results: Results, full: bool) -> list[Claim]:
    """Superposition goes, at a price.

    This needs importances that differ enough. With I = 0.9^i at density 0.1, two of three seeds had no λ at which
    exactly two features are represented on axes of their own. The activation of an antipodal pair, |x_i - x_j|, is less
    than |x_i| + |x_j|, so that near the threshold the penalty itself is in favour of pairs.
    """
    models = results.best()
    W, b = models.W.values, models.b.values
    counts, shared, loss = geometry.n_represented(W), mean_interference(W, none=0.0), relative_loss(W, b)
    clean = (counts == W.shape[-2]) & (shared < 0.02)
    return [
        at_least("without penalty: features represented", counts[0], W.shape[-2] + 1),
        at_most("largest rise of the number represented to the next larger λ", np.diff(counts).max(), 0),
        at_most("largest rise of mean interference to the next larger λ", np.diff(shared).max(), 0.02),
        at_least("least relative rise of the task loss to the next larger λ", least_rise(loss), -0.01),
        at_least("penalties at which exactly m features are represented, with interference below .02", clean.sum(), 1),
        at_most("largest λ: features represented", counts[-1], W.shape[-2]),
        at_most("largest λ: mean interference of what is represented", shared[-1], 0.02),
    ]


def relative_loss(W: Float[np.ndarray, "k m n"], b: Float[np.ndarray, "k n"]) -> Float[np.ndarray, " k"]:
    """The expected task loss without the penalty, relative to that of predicting 0.

    From the terms of the expansion: in plain samples few features are on together, and which of them are favours one
    arrangement over an equally good one by several percent.
    """
    n, density, key = L1_FEATURES.n_features, L1_FEATURES.density, jax.random.key(0)
    none, one = (np.asarray(expansion.probability_of_set(n, density, k)) for k in (0, 1))
    several = jax.vmap(lambda W, b: expansion.several_on(key, W, b, density, L1_IMPORTANCE, samples=2**15))(W, b)
    alone = expansion.one_on(W, b, L1_IMPORTANCE).loss.sum(-1)
    loss = none * expansion.none_on(b, L1_IMPORTANCE) + one * alone + several
    return np.asarray(loss) / (L1_IMPORTANCE.sum() * density / 3)


def least_rise(values: Float[np.ndarray, " k"]) -> float:
    """The least relative change from a value to the next."""
    return float((np.diff(values) / values[:-1]).min())


L1 = Experiment(
    name="elhage2022/l1",
    question="Does an L1 penalty on hidden activations remove superposition, and what does that cost?",
    source=f"{STRATEGIC} (text only)",
    section=STRATEGIC,
    sweeps=sweep_l1,
    draw=draw_l1,
    claims=claims_l1,
    shows="Five features in two dimensions, trained with λ · mean ‖h‖₁ added to the objective. Above, the directions "
    "(dark: most important; circle: radius 1; at the origin: not represented), and WᵀW and b. Below, what is "
    "represented, and the task loss without the penalty; grey: λ = 0. The penalty kills features below a "
    "threshold of importance, until those left have a dimension each. The loss is then several times as large. "
    "It does not stop there: larger penalties take what is left.",
    differences=(
        "the paper has the statement, figure and sizes are ours: n = 5, m = 2, density 0.05, importance $0.6^i$",
        "ours: best of 16 restarts by the objective, Adam 1e-2 with warm-up and cosine decay, 2,000 steps of "
        "256 (--full: 10,000 of 1,024)",
    ),
)
