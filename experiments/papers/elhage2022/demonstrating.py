"""The introduction, and the first look at a linear and a ReLU model."""

from collections.abc import Mapping
from functools import partial

import jax
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from toymodels.analysis import geometry
from toymodels.analysis.alignment import neighbour_angles

# --- intro: as sparsity increases, five features fill two dimensions ---------------------------------------------

INTRO_DENSITIES = (1.0, 0.2, 0.1)  # S = 0, 0.8, 0.9


def sweep_intro(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=5 m=2 I=0.9^i, the best of many restarts: models with m=2 are often stuck in local minima."""
    task = tm.Task(tm.Independent(5), importance=tm.GeometricImportance(0.9))
    over = {"density": INTRO_DENSITIES}
    return {"models": partial(tm.sweep, tm.Autoencoder(5, 2), task, over=over, seed=seed, restarts=64 if full else 16)}


def draw_intro(results: Results) -> Figure:
    """One panel per density; arrows are features by number, dark ones the most important."""
    titles = [f"density {density:g}\nS = {1 - density:g}" for density in INTRO_DENSITIES]
    importance = 0.9 ** np.arange(5)
    W = results.best().W.values
    axes = tm.plots.panels(tm.plots.directions, W, titles, panel_inches=2.4, importance=importance, numbers=True)
    return axes[0].figure


def claims_intro(results: Results, full: bool) -> list[Claim]:
    """What the paper's text says of each panel."""
    dense, sparse, sparser = results.best().W.values
    return [
        equal("dense: two features are represented", geometry.n_represented(dense), 2),
        equal("dense: they are the two most important", geometry.represented(dense)[:2].sum(), 2),
        at_most("dense: degrees from orthogonal", np.ptp([90, *_gaps(dense)[:1]]), 5),
        equal("S = 0.8: four features are represented", geometry.n_represented(sparse), 4),
        at_most("S = 0.8: degrees from two orthogonal antipodal pairs", _from_even(sparse), 8),
        equal("S = 0.9: five features are represented", geometry.n_represented(sparser), 5),
        at_most("S = 0.9: degrees from a regular pentagon", _from_even(sparser), 8),
    ]


def _gaps(W: Float[np.ndarray, "2 n"]) -> Float[np.ndarray, " k"]:
    """Angles in degrees between neighbouring represented directions, in ascending order."""
    there = W[:, geometry.represented(W)]
    return np.sort(neighbour_angles(there)) if there.size else np.array([np.nan])


def _from_even(W: Float[np.ndarray, "2 n"]) -> float:
    """The largest difference in degrees between a gap and that of directions spread evenly."""
    gaps = _gaps(W)
    return float(abs(gaps - 360 / len(gaps)).max())


INTRO = Experiment(
    name="elhage2022/intro",
    question="How does sparsity change which of five features two dimensions represent?",
    source='Introduction, figure "As Sparsity Increases, Models Use Superposition To Represent More Features Than '
    'Dimensions"',
    section="introductory figure",
    sweeps=sweep_intro,
    draw=draw_intro,
    claims=claims_intro,
    shows="Columns of W as arrows from the origin, the circle has radius 1. Features are numbered, and coloured by "
    "importance $0.9^i$, the most important one darkest; those that are not represented lie at the origin.",
    differences=(
        "ours: best of 16 restarts (64 with --full) by loss on 65,536 common samples, paper: not said",
        "ours: Adam 1e-2 with warm-up and cosine decay, 2,000 steps, notebook: AdamW 1e-3, 10,000 steps",
    ),
    vector=True,
)

# --- linear-vs-relu: the same task for a linear and a ReLU output model ------------------------------------------

DENSITY = 0.1
N, M = 20, 5


def sweep_linear_vs_relu(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=20 m=5 I=0.7^i, once without and once with a ReLU on the output."""
    task = tm.Task(tm.Independent(N, DENSITY), importance=tm.GeometricImportance(0.7))
    over = {"output_activation": [tm.identity, jax.nn.relu]}
    return {"models": partial(tm.sweep, tm.Autoencoder(N, M), task, over=over, seed=seed, restarts=4)}


def draw_linear_vs_relu(results: Results) -> Figure:
    """WᵀW and b, and the norms coloured by interference, of both models."""
    figure = plt.figure(figsize=(5.5, 4.6), layout="constrained")
    *parts, keys = figure.subfigures(1, 3, width_ratios=[1, 1, 0.5], squeeze=False)[0]
    models = results.best()
    scales = tm.plots.common_scales(models.W.values, models.b.values)
    for part, W, b, title in zip(parts, models.W.values, models.b.values, ["linear", "ReLU output"], strict=True):
        tm.plots.superposition(W, b, title=title, scales=scales, figure=part)
    tm.plots.superposition_keys(scales, figure=keys)
    return figure


def claims_linear_vs_relu(results: Results, full: bool) -> list[Claim]:
    """The linear model is PCA: the first m features exactly, the mean for the rest. The ReLU model is not."""
    models = results.best()
    W, relu = models.W.values
    b = models.b.values[0]
    there = geometry.represented(W)
    mean = tm.Independent(N, DENSITY).mean()
    return [
        at_most("linear: first 5 diagonal entries of WᵀW differ from 1 by", _worst(_diagonal(W)[:M] - 1), 0.05),
        at_most("linear: other diagonal entries of WᵀW differ from 0 by", _worst(_diagonal(W)[M:]), 0.05),
        at_most("linear: b of dropped features differs from the mean by", _worst(b[M:] - mean[M:]), 0.02),
        at_most("linear: interference of represented features", _worst(geometry.interference(W)[there]), 0.02),
        at_least("ReLU: more features represented than dimensions", geometry.n_represented(relu), M + 1),
        at_least("ReLU: features in superposition", geometry.in_superposition(relu).sum(), 2),
    ]


def _diagonal(W: Float[np.ndarray, "m n"]) -> Float[np.ndarray, " n"]:
    return np.diag(geometry.gram(W))


def _worst(differences: Float[np.ndarray, " k"]) -> float:
    """The largest absolute difference; NaN if there is none to look at."""
    return float(abs(differences).max()) if len(differences) else float("nan")


LINEAR_VS_RELU = Experiment(
    name="elhage2022/linear-vs-relu",
    question="What does a ReLU on the output change?",
    source="Demonstrating Superposition, Basic Results, the figures that introduce WᵀW and the bars of norms",
    section="Demonstrating Superposition, Basic Results",
    sweeps=sweep_linear_vs_relu,
    draw=draw_linear_vs_relu,
    claims=claims_linear_vs_relu,
    shows="Above, WᵀW with the bias b beside it: blue negative, white 0, red positive. Below, ‖W_i‖ of each feature, "
    "the most important on top, coloured by its interference Σ_{j≠i} (Ŵ_i·W_j)²: 0 is a dimension of its own, 1 that "
    "of an antipodal pair. Features without a bar are not represented.",
    differences=("ours: density 0.1 and importance $0.7^i$, paper: not said for this figure", "best of 4 restarts"),
)
