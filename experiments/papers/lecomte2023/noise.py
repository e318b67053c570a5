"""What noise on the hidden layer does instead of a penalty."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import matplotlib.pyplot as plt
import numpy as np
import optax
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.lecomte2023.collisions import a_neuron_each
from experiments.papers.lecomte2023.model import NOT_AT_HAND, start

N, M = 8, 16
SIGMAS = (0.07, 0.1, 0.15)
INSTANCES = 5


def signs(key: Array, shape: tuple[int, ...]) -> Float[Array, "m batch"]:
    """1 or -1 with the same chance."""
    return jax.random.rademacher(key, shape, float)


def gaussian(key: Array, shape: tuple[int, ...]) -> Float[Array, "m batch"]:
    """Normal, of variance 1."""
    return jax.random.normal(key, shape, float)


@tm.specification
class Noisy:
    """ReLU(Wᵀ(Wx + σξ)), with new noise ξ for each sample at every step, and none in evaluation.

    Attributes:
        sigma: σ.
        noise: ξ, a function of (key, shape).
    """

    sigma: Any
    noise: Any = tm.static()

    def __call__(self, *, rngs: nnx.Rngs) -> "NoisyModule":
        """The module with fresh parameters."""
        return NoisyModule(self, rngs=rngs)


class NoisyModule(nnx.Module):
    """The `nnx.Module` that a `Noisy` describes."""

    def __init__(self, spec: Noisy, *, rngs: nnx.Rngs):
        self.W = nnx.Param(start(rngs.params(), (M, N), float))
        self.spec, self.rngs, self.deterministic = spec, rngs, False

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters are called."""
        return {"W": ("hidden", "feature")}

    def __call__(self, x: Float[Array, "n batch"]) -> Float[Array, "n batch"]:
        """The prediction."""
        h = self.W[...] @ x
        if not self.deterministic:
            h = h + self.spec.sigma * self.spec.noise(self.rngs.noise(), h.shape)
        return jax.nn.relu(self.W[...].T @ h)


def sweep_noise(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Three sizes of either noise."""
    steps, rate = (100_000, 0.02) if full else (30_000, 0.03)
    every = tm.Dataset(np.eye(N), tm.features.full_batch)
    recipe = tm.Recipe(steps, N, rate, optimizer=optax.sgd, schedule=tm.training.constant, evaluation_samples=N)
    return {
        name: partial(
            tm.sweep,
            Noisy(SIGMAS[0], noise),
            tm.Task(every, importance=float(N**2)),
            recipe,
            over={"sigma": SIGMAS},
            seed=seed,
            restarts=INSTANCES,
            snapshots=range(0, steps + 1, steps // 30),
        )
        for name, noise in (("signs", signs), ("Gaussian", gaussian))
    }


def fourth(W: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch n"]:
    """Σ_k w_k⁴ of each feature: 1 for one neuron and a length of 1, about 3/m for a normal start."""
    return (W**4).sum(-2)


def draw_noise(results: Results) -> Figure:
    """The mean over features and models over time, and each feature at the end."""
    figure, axes = plt.subplots(1, 3, figsize=(9.3, 3.3), layout="constrained", width_ratios=(1, 1, 0.8))
    colors = tm.plots.shades(len(SIGMAS))
    for ax, (name, one) in zip(axes, results.items(), strict=False):
        for values, sigma, color in zip(fourth(one["snapshots.W"].values), SIGMAS, colors, strict=True):
            ax.plot(one.snapshot / 1_000, values.mean((0, 2)), color=color, label=rf"$\sigma$ = {sigma:g}")
        ax.set(title=f"noise: {name}", xlabel="steps / 1,000", ylim=(0, 1.05))
    axes[0].set_ylabel(r"$\sum_k w_k^4$, mean over features")
    axes[1].legend()
    bins = np.linspace(0, 1.4, 29)
    for (name, one), color in zip(results.items(), (tm.plots.BLUE, tm.plots.ORANGE), strict=True):
        axes[2].hist(fourth(one.W.values[-1]).ravel(), bins=bins, color=color, alpha=0.7, label=name)
    axes[2].set(title=rf"the end, $\sigma$ = {SIGMAS[-1]:g}", xlabel=r"$\sum_k w_k^4$", ylabel="features")
    axes[2].legend()
    return figure


def claims_noise(results: Results, full: bool) -> list[Claim]:
    """Noise of random signs makes features choose neurons, normal noise does not."""
    ends = {name: fourth(one.W.values) for name, one in results.items()}
    largest = ends["signs"][-1]
    return [
        at_least("random signs, largest σ: median over features of Σ w⁴ at the end", np.median(largest), 0.75),
        at_least(
            "random signs, largest σ: rise of its mean over features", largest.mean() - _start(results["signs"]), 0.45
        ),
        at_most("normal noise: largest mean of Σ w⁴ at the end, of any σ", ends["Gaussian"].mean((1, 2)).max(), 0.25),
        at_least(
            "random signs: its mean with the largest σ less that with the smallest",
            largest.mean() - ends["signs"][0].mean(),
            0.3,
            source="ours",
        ),
        equal(
            "random signs, largest σ: median number of features per model with Σ w⁴ below .4",
            np.median((largest < 0.4).sum(-1)),
            1,
            source="ours",
        ),
    ]


def _start(one: xr.Dataset) -> float:
    return float(fourth(one["snapshots.W"].values[-1, :, 0]).mean())


def exchanged(results: Results) -> Results:
    """The other noise."""
    return Results(dict(zip(results, reversed(list(results.values())), strict=True)))


NOISE = Experiment(
    name="lecomte2023/noise",
    question="Does noise on the hidden layer make features choose neurons, without a penalty?",
    source="the experiment on noise",
    sweeps=sweep_noise,
    draw=draw_noise,
    claims=claims_noise,
    shows=f"Models ReLU(Wᵀ(Wx + σξ)) with {N} features and {M} neurons, and no penalty. For each feature, Σ w⁴ over "
    "neurons is 1 if it has a neuron, and about 3/m if it is spread over all. Left, where ξ is 1 or -1 at random, it "
    "rises, the faster the more noise there is. Middle, where ξ is normal, it does not: this noise looks the same "
    "along all directions. Right, all features at the end: with random signs, all have a neuron but one per model, "
    "which stays spread.",
    differences=(
        NOT_AT_HAND,
        "paper: 100,000 steps of gradient descent at a rate of .02; ours: 30,000 at .03 (--full: the paper's)",
        "paper, as far as known to us: Σ w⁴ goes to 1; ours: for all features but one per model",
    ),
    controls=(exchanged, a_neuron_each),
)
