"""Superposition in a privileged basis: features and the neurons of a ReLU hidden layer."""

from collections.abc import Mapping
from functools import partial

import jax
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.controls import changed
from experiments.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from toymodels.analysis import neurons
from toymodels.sweeps import best

N, M = 10, 5
IMPORTANCE = tm.Geometric(0.75)
SOURCE = "Superposition in a Privileged Basis"
SHOWN = (
    "Above, W with a column a neuron and a row a feature, the most important feature on top: blue −1, white 0, red +1. "
    "Below, the same weights as a stacked bar a neuron, negative ones downwards; a segment has the colour of its "
    "feature's interference: dark 0, not in superposition; bright 1 or more. Squares mark monosemantic neurons, "
    "diamonds polysemantic ones."
)


def ordered(W: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch m n"]:
    """The weights with their neurons in the order in which they are shown."""
    return np.take_along_axis(W, neurons.neuron_order(W)[..., None], axis=-2)


def rotated(results: Results) -> Results:
    """The hidden space is turned by a random rotation. All scalar products of features stay what they are."""
    return changed(results, lambda name, value: random_rotations(1, seed=0)[0] @ value if name == "W" else value)


def random_rotations(count: int, seed: int) -> Float[np.ndarray, "count m m"]:
    """Orthogonal matrices, uniformly distributed."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(count, M, M)))
    return q * np.sign(np.diagonal(r, axis1=-2, axis2=-1))[:, None, :]


# --- privileged-basis: a ReLU on the hidden layer aligns features with neurons -----------------------------------


def sweep_privileged_basis(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=10 m=5 I=0.75^i at density 0.3, once without and once with a ReLU on the hidden layer."""
    task = tm.Task(tm.Independent(N, 0.3), importance=IMPORTANCE)
    recipe = tm.Recipe(steps=10_000 if full else 2_000, batch_size=512, learning_rate=2e-2)
    over = {"hidden_activation": [tm.identity, jax.nn.relu]}
    return {
        "models": partial(
            tm.sweep, tm.Autoencoder(N, M), task, recipe, over=over, seed=seed, restarts=256 if full else 32
        )
    }


def draw_privileged_basis(results: Results) -> Figure:
    """W of both models, as a heat map and as stacked bars."""
    figure = plt.figure(figsize=(6.4, 4.8), layout="constrained")
    *columns, keys = figure.subfigures(1, 3, width_ratios=[1, 1, 0.6], squeeze=False)[0]
    tm.plots.neuron_keys(keys)
    titles = ["linear hidden layer\n$h = Wx$", "ReLU hidden layer\n$h = \\mathrm{ReLU}(Wx)$"]
    for column, W, title in zip(columns, ordered(best(results["models"]).W.values), titles, strict=True):
        tm.plots.neurons(W, title=title, bar_limit=3.2, figure=column)
    return figure


def claims_privileged_basis(results: Results, full: bool) -> list[Claim]:
    """The strongest feature of a neuron has much of its squared weight where there is a ReLU, and little where there is
    none.

    The bounds lie between what an exactly aligned model has and what rotations of it have: of three neurons with one
    feature and two with three equal ones, as they come out, the mean share is .73; a random rotation of it leaves about
    .4. The rank among rotations needs no such bound.
    """
    linear, relu = results["models"].W.values
    W = best(results["models"]).W.values[1]
    return [
        at_least("ReLU: mean largest share of a neuron", SOURCE, _mean_share(W), 0.65),
        at_most("linear: mean largest share, mean over restarts", SOURCE, _mean_share(linear), 0.5),
        at_least(
            "mean largest share, mean over restarts: ReLU minus linear",
            SOURCE,
            _mean_share(relu) - _mean_share(linear),
            0.2,
        ),
        at_most(
            "share of 1,000 random rotations of the ReLU model's hidden space that are as aligned with neurons",
            SOURCE,
            share_as_aligned(W),
            0.01,
        ),
    ]


def _mean_share(W: Float[np.ndarray, "*batch m n"]) -> float:
    """The mean largest share over all neurons that are alive."""
    return float(neurons.largest_share(W)[neurons.alive(W)].mean())


def share_as_aligned(W: Float[np.ndarray, "m n"], count: int = 1_000) -> float:
    """The share of random rotations of the hidden space whose mean largest share is that of W or more."""
    turned = neurons.largest_share(random_rotations(count, seed=1) @ W).mean(-1)
    return float((turned >= neurons.largest_share(W).mean(-1)).mean())


PRIVILEGED_BASIS = Experiment(
    name="elhage2022/privileged-basis",
    question="Do features align with neurons?",
    source=f"{SOURCE}, the first figure",
    sweeps=sweep_privileged_basis,
    draw=draw_privileged_basis,
    claims=claims_privileged_basis,
    shows=f"W of the model with a linear and of that with a ReLU hidden layer, at density 0.3. {SHOWN}",
    differences=(
        "ours: n = 10, m = 5, importance $0.75^i$ as in the section's next figure, density 0.3, paper: not said",
        "ours: best of 32 restarts (256 with --full), paper: not said for this figure",
        "ours: stacked bars of the same weights below, paper: W alone",
    ),
    controls=(rotated,),
)

# --- neurons: from monosemantic to polysemantic neurons as density falls -----------------------------------------

DENSITIES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)


def sweep_neurons(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=10 m=5 I=0.75^i at seven densities, the best of many restarts: most end in local minima."""
    task = tm.Task(tm.Independent(N), importance=IMPORTANCE)
    steps, batch_size = (10_000, 1_024) if full else (2_000, 512)
    recipe = tm.Recipe(steps, batch_size, 2e-2, evaluation_samples=2**18 if full else 2**17)
    model, over = tm.Autoencoder(N, M, hidden_activation=jax.nn.relu), {"density": DENSITIES}
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=1_000 if full else 64)}


def draw_neurons(results: Results) -> Figure:
    """A column a density: W above, stacked bars below."""
    W = ordered(best(results["models"]).W.values)
    figure = plt.figure(figsize=(13.5, 4.8), layout="constrained")
    *columns, keys = figure.subfigures(1, 1 + len(W), width_ratios=[1] * len(W) + [0.75], squeeze=False)[0]
    tm.plots.neuron_keys(keys)
    longest = np.maximum(np.maximum(W, 0).sum(-1), np.maximum(-W, 0).sum(-1)).max()
    for column, weights, density in zip(columns, W, DENSITIES, strict=True):
        tm.plots.neurons(weights, title=f"density {density:g}", bar_limit=1.05 * longest, figure=column)
    return figure


def claims_neurons(results: Results, full: bool) -> list[Claim]:
    """Neurons turn from monosemantic to polysemantic, and both kinds can be in one model."""
    W = best(results["models"]).W.values
    one, several = (kind(W).sum(-1) for kind in (neurons.monosemantic, neurons.polysemantic))
    return [
        equal("dense: polysemantic neurons", SOURCE, several[0], 0),
        equal("dense: monosemantic neurons", SOURCE, one[0], M),
        at_least(
            "least change in the number of polysemantic neurons as density falls", SOURCE, np.diff(several).min(), 0
        ),
        equal("sparsest: polysemantic neurons", SOURCE, several[-1], M),
        at_least("densities at which a model has neurons of both kinds", SOURCE, ((one > 0) & (several > 0)).sum(), 1),
    ]


NEURONS = Experiment(
    name="elhage2022/neurons",
    question="How many features does a neuron stand for as density falls?",
    source=f"{SOURCE}, Visualizing Superposition in Terms of Neurons",
    sweeps=sweep_neurons,
    draw=draw_neurons,
    claims=claims_neurons,
    shows=f"Models with a ReLU hidden layer. {SHOWN}",
    differences=(
        "ours: best of 64 restarts (1,000 with --full), paper: best of 1,000",
        "ours: Adam 2e-2 with cosine decay, 2,000 steps of 512 (--full: 10,000 of 1,024), paper: not said",
        "ours: seven densities from 1 to .001, paper: other ones",
        "ours: monosemantic where one feature has 0.9 of a neuron's squared weight, paper: not said",
        "ours: features coloured by their interference, paper: by whether they are in superposition",
    ),
    controls=(rotated,),
)

EXPERIMENTS = (PRIVILEGED_BASIS, NEURONS)
