"""Does the learning coefficient rise with features per dimension, as sparser features are put into superposition?"""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels import sampling
from toymodels.analysis import geometry

N, M = 12, 3
SAMPLES = 2_048
DENSITIES = (1.0, 0.5, 0.25, 0.1, 0.03)
CURVED = (N * M + N - M * (M - 1) / 2) / 2
"""Half the number of parameters, less the rotations of the hidden space."""


def chains(density: float, *, full: bool) -> sampling.Chains:
    """With n β in proportion to 1 / density, so that a feature weighs the same at all densities."""
    scale = 1e4
    return sampling.Chains(
        n_beta=scale * N / density,
        step_size=0.05 / scale,
        chains=16 if full else 4,
        steps=20_000 if full else 4_000,
        batch_size=SAMPLES,
    )


def sweep_staircase(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Full batches of a fixed data set, so that the models are at its minima, and chains have no noise of batches."""
    recipe = tm.Recipe(
        20_000 if full else 6_000, SAMPLES, 3e-3, schedule=tm.training.linear, evaluation_samples=SAMPLES
    )
    return {
        f"{density:g}": partial(
            tm.sweep,
            tm.Autoencoder(N, M),
            tm.Task(tm.DrawnDataset(tm.Independent(N), SAMPLES)),
            recipe,
            over={"density": [density]},
            seed=seed,
            restarts=32 if full else 8,
            metrics={"chains": chains(density, full=full)},
        )
        for density in DENSITIES
    }


def features_per_dimension(results: Results) -> Float[np.ndarray, " density"]:
    """‖W‖² / m of the best models."""
    return np.array([1 / geometry.dimensions_per_feature(results.best(name).W.values[0]) for name in results])


def coefficients(results: Results) -> sampling.Summary:
    """Of the best models, at all densities."""
    return sampling.summary(np.stack([results.best(name).chains.values[0] for name in results]))


def draw_staircase(results: Results) -> Figure:
    """Features per dimension, and the learning coefficient, against 1 / density."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(8.5, 3.3), layout="constrained")
    sparse = 1 / np.array(DENSITIES)
    found = coefficients(results)
    left.plot(sparse, features_per_dimension(results), "o-", color=tm.plots.BLUE)
    left.set(xlabel="1 / density", ylabel=r"features per dimension   $\Vert W \Vert_F^2\,/\,m$", ylim=(0, None))
    right.axhline(CURVED, color=tm.plots.INK, linestyle=":", linewidth=0.9, label="all directions but rotations")
    right.errorbar(sparse, found.coefficient, 2 * found.error, fmt="o-", color=tm.plots.ORANGE, label="chains")
    right.set(xlabel="1 / density", ylabel=r"learning coefficient $\hat\lambda$", ylim=(0, 1.4 * CURVED))
    right.legend(loc="lower right")
    for ax in (left, right):
        ax.set_xscale("log")
        ax.set_xticks(sparse, [f"{one:.3g}" for one in sparse])
        ax.minorticks_off()
    return figure


def claims_staircase(results: Results, full: bool) -> list[Claim]:
    """It does not: a minimum is regular whether features share dimensions or not."""
    found, packed = coefficients(results), features_per_dimension(results)
    return [
        at_least("features per dimension at the sparsest, relative to the densest", packed[-1] / packed[0], 4),
        at_most(
            "densities below 1: largest relative difference of the estimate from half of all directions but rotations",
            abs(found.coefficient[1:] / CURVED - 1).max(),
            0.2,
        ),
        at_most(
            f"estimate at the sparsest, relative to that at density {DENSITIES[1]:g}",
            found.coefficient[-1] / found.coefficient[1],
            1.15,
        ),
        at_most(
            "density 1: estimate, relative to half of all directions but rotations", found.coefficient[0] / CURVED, 0.95
        ),
        at_most("largest share of stretches of chains below the model", found.below.max(), 0.05),
    ]


def in_proportion(results: Results) -> Results:
    """Estimates in proportion to features per dimension."""
    packed = features_per_dimension(results)
    return Results(
        {
            name: one.assign(chains=one.chains / one.chains.mean() * 5 * float(value))
            for (name, one), value in zip(results.items(), packed, strict=True)
        }
    )


def all_directions(results: Results) -> Results:
    """Chains as if all directions but rotations cost something, at all densities."""
    return results.map(lambda one: one.assign(chains=one.chains * 0 + CURVED))


def upside_down(results: Results) -> Results:
    """Chains below the models as far as they are above."""
    return results.map(lambda one: one.assign(chains=-one.chains))


STAIRCASE = Experiment(
    name="beyond/staircase",
    question="Does the learning coefficient rise with features per dimension?",
    source="ours",
    sweeps=sweep_staircase,
    draw=draw_staircase,
    claims=claims_staircase,
    shows=f"Models of {N} features in {M} dimensions, at the minima of fixed data sets of {SAMPLES:,} samples. Left, "
    "the sparser the features, the more of them share each dimension (Elhage et al. 2022). Right, their local learning "
    "coefficients (Lau et al. 2023) by Langevin chains, with two standard errors. Dotted, half the number of "
    "parameters, less the rotations of the hidden space, which cost nothing. It is the same whether two or five "
    "features share a dimension: only among features that are always on, of which most are ignored, do some directions "
    "cost less. So λ does not measure superposition. Where it rises with the number of represented features, as in "
    "Chen et al. 2023, those that are not represented have biases that cost nothing: no two features are on at once.",
    controls=(in_proportion, all_directions, upside_down),
)
