"""Two independent features and one active latent: the mixture that can be computed."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.chanin2025sparse.features import off_diagonal, orthonormal, own_cosines
from toymodels.theory.dictionaries import topk_tilt

M = 10
W = orthonormal(M, 2)
DENSITY = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5)


def sweep_tilt(full: bool, seed: int) -> Mapping[str, Sweep]:
    """TopK with k = 1 on two binary features, from the truth.

    The bias is held near 0, where the formula has it: a decay of 300 takes 9/10 of it off in each step. Left alone, it
    goes to -3 along one feature. That feature's latent is then always on, as a bias of the other sign, and the loss
    falls to a thirtieth.
    """
    model = tm.SparseAutoencoder(M, 2, activation=tm.models.TopK(1), tied=True, bias=False)
    task = tm.Task(tm.HiddenActivations(W, tm.Independent(2, values=tm.features.BINARY)))
    recipe = tm.Recipe(2_000, 2_048 if full else 512, 3e-3, weight_decay={"b_dec": 300.0}, schedule=tm.Trapezoid())
    return {"models": partial(tm.sweep, model, task, recipe, over={"density": DENSITY}, seed=seed, start={"W_dec": W})}


def _angles(results: Results) -> Float[np.ndarray, "densities 2"]:
    """How far each latent tilts towards the other's feature, in degrees; the one that tilts more comes first."""
    cosines = own_cosines(results["models"].W_dec.values, W)
    return -np.sort(-np.degrees(np.arcsin(np.clip(off_diagonal(cosines).sum(-2), -1, 1))))


def _formula(density: Float[np.ndarray, " k"]) -> Float[np.ndarray, " k"]:
    return np.degrees(topk_tilt(density**2, density * (1 - density)).angle)


def draw_tilt(results: Results) -> Figure:
    """The two angles against density, and the formula."""
    figure, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
    line = np.linspace(0.01, 0.55, 100)
    ax.plot(line, _formula(line), color=tm.plots.FAINT, label=r"$\tan 2\theta = 2 P_{11} / P_{01}$")
    tilted, straight = _angles(results).T
    ax.plot(DENSITY, tilted, "o", color=tm.plots.BLUE, label="one latent")
    ax.plot(DENSITY, straight, "o", color=tm.plots.ORANGE, label="the other")
    ax.set(xlabel="density of both features", ylabel="tilt towards the other feature, in degrees")
    ax.legend()
    return figure


def claims_tilt(results: Results, full: bool) -> list[Claim]:
    """Independent features mix too, by the angle that theory gives."""
    tilted, straight = _angles(results).T
    return [
        at_most(
            "largest difference of the tilt and the formula, in degrees",
            abs(tilted - _formula(np.array(DENSITY))).max(),
            3,
        ),
        at_least("least tilt at densities of .1 and above, in degrees", tilted[1:].min(), 3),
        at_most("largest tilt of the other latent, in degrees", abs(straight).max(), 3),
    ]


TILT = Experiment(
    name="chanin2025sparse/tilt",
    question="How far does a latent tilt if it has to stand for two independent features?",
    source="ours",
    sweeps=sweep_tilt,
    draw=draw_tilt,
    claims=claims_tilt,
    shows="Two independent features that are 0 or 1, in orthogonal directions, and two latents of which one may be on "
    "(TopK, k = 1). One latent stays on its feature; the other also serves both features at once, and tilts towards "
    "the first by an angle that can be computed (grey): from the probability that both are on, P₁₁, and that the "
    "second is on alone, P₀₁. No correlation is needed for that.",
    differences=("ours, not in the paper: the least case of an L0 that is too small, with an exact solution",),
)
