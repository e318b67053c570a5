"""Tied against untied weights: the same polygons with the same losses, and other directions that cost something."""

import math
from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.chen2023.chains import BY_OUTPUTS, POINTS, all_alike, falling, half_as_high
from experiments.papers.chen2023.exact import NOT_AT_HAND
from toymodels import sampling
from toymodels.cases import samples_one_at_a_time
from toymodels.theory.expansion import one_hot_loss
from toymodels.theory.polygons import polygon_loss, polygon_weights

CORNERS = (5, 6, 7)
KINDS = ("tied", "untied")
CHAINS = sampling.Chains(n_beta=5e5, step_size=1e-6, localization=100.0, chains=16, steps=16_000)
NAMES = ("W", "b", "W_out")
NOISE = 1e-4
FLAT = 1e-3
"""Of an eigenvalue that counts as 0; the others are above .004 in size."""


def sweep_untied(full: bool, seed: int) -> Mapping[str, Sweep]:
    """From polygons of all features, with one matrix and with two that start alike: chains, and descent."""
    return {
        f"{what} {kind} {k}": partial(
            tm.sweep,
            tm.Autoencoder(k, 2, tied=kind == "tied"),
            tm.Task(samples_one_at_a_time(k, POINTS)),
            tm.Recipe(steps, 1, 3e-3, evaluation_samples=1),
            over={"seed": [seed]},
            start=_start(k, seed, tied=kind == "tied"),
            metrics={"chains": CHAINS} if what == "at" else (),
            snapshots=tm.log_spaced(steps, 40).tolist() if steps else (),
            progress=False,
        )
        for k in CORNERS
        for kind in KINDS
        for what, steps in (("at", 0), ("from", 20_000))
    }


def _start(k: int, seed: int, *, tied: bool) -> Mapping[str, np.ndarray]:
    """The polygon, but for a little noise."""
    rng = np.random.default_rng(seed)
    W, b = polygon_weights(k, k)
    noisy = {"W": W, "b": b} | ({} if tied else {"W_out": W.T})
    return {name: value + NOISE * rng.normal(size=value.shape) for name, value in noisy.items()}


def curvatures(model: xr.Dataset) -> Float[np.ndarray, " parameters"]:
    """Of the exact loss, a sum over outputs, at the only model of a sweep: eigenvalues of its Hessian."""
    params = [model[name].values[0].astype(np.float64) for name in NAMES if name in model]
    with jax.enable_x64(True):
        hessian = _hessian(np.concatenate([value.ravel() for value in params]), tuple(value.shape for value in params))
    return np.linalg.eigvalsh(hessian)


def _loss(flat: Float[Array, " parameters"], shapes: tuple[tuple[int, ...], ...]) -> Float[Array, ""]:
    parts = jnp.split(flat, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
    W, b, *rest = (part.reshape(shape) for part, shape in zip(parts, shapes, strict=True))
    return one_hot_loss(W, b, jnp.full(b.shape, 1 / b.size), W_out=rest[0] if rest else None)


_hessian = jax.jit(jax.hessian(_loss), static_argnums=1)


def descent(results: Results, kind: str, k: int) -> Float[np.ndarray, " snapshot"]:
    """The exact loss along training from the k-gon, relative to that of the k-gon."""
    one = results[f"from {kind} {k}"]
    W, b, W_out = (one[f"snapshots.{name}"].values[0] if f"snapshots.{name}" in one else None for name in NAMES)
    return np.asarray(one_hot_loss(W, b, jnp.full(k, 1 / k), W_out=W_out)) / polygon_loss(k, k)


def draw_untied(results: Results) -> Figure:
    """The curvatures of the pentagon, chains around it, and descent from it."""
    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(9.3, 3.2), layout="constrained")
    k = CORNERS[0]
    for kind, color in zip(KINDS, (tm.plots.BLUE, tm.plots.ORANGE), strict=True):
        found = curvatures(results[f"at {kind} {k}"])
        left.plot(np.arange(1, len(found) + 1), found, "o", markersize=4, color=color, label=kind)
        trace = results[f"at {kind} {k}"].chains.values[0]
        steps = (np.arange(trace.shape[-1]) + 0.5) * CHAINS.steps / trace.shape[-1] / 1_000
        middle.plot(steps, trace.T, color=color, alpha=0.2, linewidth=0.7)
        middle.plot(steps, trace.mean(0), color=color)
        one = results[f"from {kind} {k}"]
        right.plot(one.snapshot + 1, descent(results, kind, k), color=color)
    left.axhline(0, color=tm.plots.INK, linewidth=0.7)
    left.set_yscale("symlog", linthresh=0.01)
    left.set(xlabel="direction", ylabel="eigenvalue of the Hessian", title="pentagon")
    left.legend()
    middle.set_ylim(-60, 20)
    middle.axhline(7, color=tm.plots.BLUE, linestyle=":")
    middle.set(xlabel="steps / 1,000", ylabel=r"$n\beta\,(L(w) - L(w^*))$", title="chains around it")
    right.set(
        xscale="log", yscale="log", xlabel="step + 1", ylabel="loss, relative to the pentagon", title="training from it"
    )
    return figure


def claims_untied(results: Results, full: bool) -> list[Claim]:
    """More directions cost something without ties, and two of the others lead down."""
    found = {(kind, k): curvatures(results[f"at {kind} {k}"]) for kind in KINDS for k in CORNERS}
    chains = {kind: sampling.summary(results[f"at {kind} 5"].chains.values[0]) for kind in KINDS}
    return [
        equal("tied pentagon: half the number of directions with a curvature", _curved(found["tied", 5]) / 2, 7),
        equal("untied pentagon: half the number of directions with a curvature", _curved(found["untied", 5]) / 2, 10.5),
        *(
            equal(
                f"{k}-gon, untied: directions that curve downwards",
                (found["untied", k] < -FLAT).sum(),
                2,
                source="ours",
            )
            for k in CORNERS
        ),
        at_most("tied pentagon: |estimate by chains - 7|", abs(float(chains["tied"].coefficient) - 7), 0.8),
        at_least(
            "untied pentagon: share of stretches of chains below the start",
            float(chains["untied"].below),
            0.5,
            source="ours",
        ),
        at_most(
            "training from tied polygons: largest relative change of the loss",
            max(abs(descent(results, "tied", k)[-1] - 1) for k in CORNERS),
            0.02,
            source="ours",
        ),
        at_most(
            "training from untied polygons: largest loss at the end, relative to that at the start",
            max(descent(results, "untied", k)[-1] for k in CORNERS),
            0.2,
            source="ours",
        ),
    ]


def _curved(eigenvalues: Float[np.ndarray, " parameters"]) -> int:
    return int((abs(eigenvalues) > FLAT).sum())


UNTIED = Experiment(
    name="chen2023/untied",
    question="Is a polygon as singular with two matrices as with one?",
    source="the learning coefficients of tied and untied weights",
    sweeps=sweep_untied,
    draw=draw_untied,
    claims=claims_untied,
    shows="The pentagon of five features, of models ReLU(WᵀWx + b) and ReLU(VWx + b) with V = Wᵀ, whose loss is the "
    "same. Left, eigenvalues of the exact Hessian: one matrix has 15 parameters, of which a rotation costs nothing; "
    "two have 25, and any invertible 2 x 2 matrix between them costs nothing: 14/2 = 7 and 21/2 = 10.5. But two of "
    "the 21 are negative: with two matrices the pentagon is a saddle. Middle, Langevin chains: with one matrix they "
    "stay above the pentagon, and settle at 7 (dotted); with two they fall below. Right, training from there: with two "
    "matrices the loss goes down for as long as we trained.",
    differences=(
        NOT_AT_HAND,
        "paper, as far as known to us: learning coefficients of 7 and 10.5; ours: 7, and 10.5 is half the number of "
        "directions with a curvature, but two are negative, so that the untied pentagon is a saddle",
        BY_OUTPUTS,
    ),
    controls=(half_as_high, all_alike, falling),
)
