"""What the other techniques miss, each measured against the number that theory gives."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Experiment, Results, Sweep
from experiments.questions.testbed.curves import (
    Curve,
    Panel,
    a_twentieth_more,
    claims_of,
    draw_panel,
    each,
    mean,
    raw_of,
)
from experiments.questions.testbed.failures import N, without_decoder_bias
from toymodels import cases
from toymodels.features import BINARY, full_batch
from toymodels.techniques import baselines, host, probes
from toymodels.theory import dictionaries as theory
from toymodels.theory import probing

DENSITIES = (0.1, 0.25, 0.5, 0.75, 1.0)
IN_PENTAGONS = (0.05, 0.2, 0.6)
BALANCES = (0.25, 0.5, 1.0, 2.0, 4.0)
INDEPENDENT, CHILD = (0.5, 0.3), (0.5, 0.25)  # P(on) of each; P(parent on), P(child on | parent on)
ALPHAS = (0.1, 0.25, 0.4, 0.55)
JUMPS = (0.02, 0.08, 0.2, 0.35, 0.5)
GATES = (0.2, 0.4, 0.7, 1.0, 1.4)
SHARES = (0.3, 0.4, 0.55, 0.7, 0.8)
BANDWIDTH = 0.1
SPARSE = 0.1
ALONE = np.kron(np.eye(N), (np.arange(4096) + 0.5) / 4096)  # each feature alone, at values from 0 to 1
TRUTH, PAIR = ({"W_dec": np.eye(n), "W_enc": np.eye(n)} for n in (N, 2))


def sweep_limits(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Dictionaries that start from the truth and are trained away from it; techniques on models that are exact."""
    recipe = tm.Recipe(
        steps=10_000 if full else 3_000, batch_size=1_024, learning_rate=1e-2, optimizer=without_decoder_bias
    )
    many = dataclasses.replace(recipe, steps=10_000 if full else 2_000, batch_size=4_096)
    seeds = range(4 * seed, 4 * seed + 4)

    def trained(model: Any, task: tm.Task, recipe: tm.Recipe, start: Any, metrics: Any, **over: Any) -> Sweep:
        options: dict[str, Any] = {"over": over, "seed": seed, "start": start, "metrics": metrics}
        return partial(tm.sweep, model, task, recipe, **options, params=False, progress=False)

    def missed(activation: Any, penalties: tuple[Any, ...], recipe: tm.Recipe, **over: Any) -> Sweep:
        task = tm.Task(tm.Independent(N, SPARSE), penalties=penalties)
        metrics = {"recall": recall, "bias": bias}
        return trained(tm.SparseAutoencoder(N, N, activation), task, recipe, TRUTH, metrics, **over)

    def nested(features: Any) -> Sweep:
        task = tm.Task(features, penalties=(tm.NestedReconstruction((1,)),))
        return trained(tm.SparseAutoencoder(2, 2), task, recipe, PAIR, {"tilt": tilt}, balance=BALANCES)

    def scored(techniques: Mapping[str, Any], case: cases.Case, samples: int, count: int = 4) -> Sweep:
        options: dict[str, Any] = {"seed": seeds[:count], "samples": samples, "progress": False}
        return partial(tm.techniques.score, techniques, {"here": case}, **options)

    spread = _spread(8_192 if full else 2_048, seed)
    learned = cases.Case(tm.Autoencoder(N, N, initializer=cases.frames.axes), tm.Task(spread))
    learners = {f"alpha {alpha}": host(baselines.DictionaryLearning(N, alpha), "sklearn") for alpha in ALPHAS}
    pentagon = cases.tight_frame(5, 2).over(density=IN_PENTAGONS)
    jump, price = tm.JumpReLU(threshold=0.3, bandwidth=BANDWIDTH), tm.HiddenL0(1.0, BANDWIDTH)
    return {
        "outputs": scored(
            {"outputs": probes.read_out, "probe": probes.linear_probe}, cases.digons(8).over(density=DENSITIES), 65_536
        ),
        "ica": scored({"ICA": baselines.CLASSICAL["ICA"]}, pentagon, 8_192),
        "independent": nested(tm.Independent(2, INDEPENDENT, BINARY)),
        "child": nested(tm.Hierarchical((-1, 0), CHILD, values=BINARY)),
        "learning": scored(learners, learned, spread.n_samples, 3),
        "jump": missed(jump, (price,), many, strength=np.array(JUMPS) / N),
        "gated": missed(tm.Gated(), (tm.GatedAuxiliary(1.0),), recipe, strength=np.array(GATES) / N),
        "batch": missed(tm.BatchTopK(1.0, decay=0.998), (), many, k=N * SPARSE * np.array(SHARES)),
    }


def _spread(samples: int, seed: int) -> tm.Dataset:
    """As many samples, of which each feature is on in a tenth, drawn at random, with values spread evenly."""
    on = int(SPARSE * samples)
    x, rng = np.zeros((N, samples)), np.random.default_rng(seed)
    for row in x:
        row[rng.permutation(samples)[:on]] = (np.arange(on) + 0.5) / on
    return tm.Dataset(x, full_batch)


def recall(module: Any) -> Float[Array, ""]:
    """How often any unit is on while one feature is, alone."""
    return (module.encode(jnp.asarray(ALONE, float)).sum(0) > 0).mean()


def bias(module: nnx.Module) -> Float[Array, ""]:
    """By how much what is read of a feature that is on alone exceeds its value, in the mean."""
    return ((module(jnp.asarray(ALONE, float)) - ALONE) * (ALONE > 0)).sum(0).mean()


def tilt(W_dec: Float[Array, "2 2"]) -> Float[Array, ""]:
    """The angle between the inner unit and the first feature, in degrees."""
    return jnp.degrees(jnp.arctan2(W_dec[1, 0], W_dec[0, 0]))


def seen(card: xr.Dataset) -> np.ndarray:
    """How many units are on, by how many features are: in the model of the seed with the best score."""
    best = card.raw.argmax("seed")
    return card.l0.isel(seed=best).squeeze(("case", "level")).values / (N * SPARSE)


def _outputs(density: np.ndarray) -> np.ndarray:
    """NaN beyond density 1, where the axis goes on."""
    return np.where(density > 1, np.nan, probing.digon_output_r2(np.clip(density, 1e-6, 1)))


def _nested(both: float, only: float, other: float) -> Callable[[np.ndarray], np.ndarray]:
    one, two, three = (np.array(chance) for chance in (both, only, other))
    return lambda balance: np.degrees(theory.nested_tilt(one, two, three, balance).angle)


def _missed(name: str, threshold: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Recall or bias of dictionaries that are silent below a threshold, which depends on the horizontal axis."""
    return lambda x: np.array([getattr(theory.threshold_shrinkage(1.0, float(one)), name) for one in threshold(x)])


def _learned(alpha: np.ndarray) -> np.ndarray:
    """The recall of a lasso, whose penalty is for half of the error."""
    return np.array([theory.l1_shrinkage(1.0, 2 * float(one)).recall for one in alpha])


def _silent(
    title: str,
    technique: str,
    sweep: str,
    xlabel: str,
    limits: tuple[float, float],
    x: tuple[float, ...],
    threshold: Callable[[np.ndarray], np.ndarray],
) -> Panel:
    """The panel of a technique that does not see values below a threshold."""
    return Panel(title, xlabel, "", limits, (
        Curve(f"{technique}: share of a feature's values that are seen", sweep, mean("recall"), np.array(x),
              _missed("recall", threshold), "recall"),
        Curve(f"{technique}: bias of a feature's value", sweep, mean("bias"), np.array(x), _missed("bias", threshold),
              "bias"),
    ))  # fmt: skip


P, Q = INDEPENDENT
PARENT, SHARE = CHILD
ABOVE = (
    Panel(
        "What antipodal pairs put out",
        "density",
        "$R^2$",
        (0.0, 1.05),
        (
            Curve("model's outputs of antipodal pairs: $R^2$", "outputs", raw_of("outputs"), np.array(DENSITIES),
                  _outputs, "outputs"),
            Curve("linear probe in antipodal pairs: $R^2$", "outputs", raw_of("probe"), np.array(DENSITIES),
                  lambda x: 1 / 2 + 0 * x, "linear probe"),
        ),
    ),
    Panel(
        "ICA of a pentagon: chance",
        "density",
        "mean |cos|",
        (0.0, 0.7),
        (
            Curve("ICA of a pentagon, any one model: mean of the largest cosines", "ica", each("mmcs"),
                  np.array(IN_PENTAGONS), lambda x: theory.chance_of_axes(2) + 0 * x, "largest"),
            Curve("ICA of a pentagon, any one model: mean cosine, matched one to one", "ica", each("raw"),
                  np.array(IN_PENTAGONS), lambda x: theory.chance_in_polygon(5, 4) + 0 * x, "one to one"),
        ),
    ),
    Panel(
        "Matryoshka's inner unit hedges",
        "balance β of the inner loss",
        "tilt, degrees",
        (0.0, 4.3),
        (
            Curve("Matryoshka: tilt of the inner unit, independent features", "independent", mean("tilt"),
                  np.array(BALANCES), _nested(P * Q, P * (1 - Q), (1 - P) * Q), "independent"),
            Curve("Matryoshka: tilt of the inner unit towards a child", "child", mean("tilt"),
                  np.array(BALANCES), _nested(PARENT * SHARE, PARENT * (1 - SHARE), 0.0), "child"),
        ),
    ),
)  # fmt: skip
BELOW = (
    Panel(
        "Dictionary learning misses",
        "penalty α",
        "recall, bias",
        (0.0, 0.65),
        (
            Curve("dictionary learning, the best of three runs: share of features' values that are seen", "learning",
                  seen, np.array(ALPHAS), _learned),
        ),
    ),
    _silent("JumpReLU misses", "JumpReLU", "jump", "penalty λ", (0.0, 0.55), JUMPS,
            lambda x: theory.jump_threshold(x, np.float64(BANDWIDTH))),
    _silent("Gated misses", "Gated", "gated", "penalty λ", (0.0, 1.5), GATES, lambda x: x / 2),
    _silent("BatchTopK misses", "BatchTopK", "batch", "k / mean number on", (0.2, 1.0), SHARES, lambda x: 1 - x),
)  # fmt: skip


def draw_limits(results: Results) -> Figure:
    """Exact models and a nested dictionary above, dictionaries that miss small values below."""
    figure = plt.figure(figsize=(9.3, 5.2), layout="constrained")
    above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
    for ax, panel in zip(above.subplots(1, 3), ABOVE, strict=True):
        draw_panel(ax, panel, results)
        ax.set_ylim(0, None if "degrees" in panel.ylabel else 1.05)
    for ax, panel in zip(below.subplots(1, 4, sharey=True), BELOW, strict=True):
        draw_panel(ax, panel, results)
        ax.set_ylim(-0.5, 1.05)
    return figure


def no_failure(results: Results) -> Results:
    """Techniques that go wrong nowhere."""
    right = {"recall": 1, "bias": 0, "tilt": 0, "mmcs": 1, "raw": 1, "l0": N * SPARSE}
    return _assigned(results, lambda one: {name: 0 * one[name] + value for name, value in right.items() if name in one})


def as_l1(results: Results) -> Results:
    """What is seen is shrunk, as much as by an L1 penalty that misses as much."""

    def shrunk(one: xr.Dataset) -> dict[str, xr.DataArray]:
        if "recall" not in one:
            return {}
        threshold = 1 - one.recall
        return {"bias": -threshold * (1 - threshold / 2)}

    return _assigned(results, shrunk)


def _assigned(results: Results, change: Callable[[xr.Dataset], Mapping[Any, xr.DataArray]]) -> Results:
    return results.map(lambda one: one.assign(change(one)))


LIMITS = Experiment(
    name="testbed/limits",
    question="What do the other techniques miss, and how much exactly?",
    source="ours",
    sweeps=sweep_limits,
    draw=draw_limits,
    claims=partial(claims_of, (*ABOVE, *BELOW)),
    shows=(
        "Measured numbers as points, exact ones as lines. First row. Two features share an axis, with opposite signs: "
        "the model's own outputs tell them apart while one is on at a time, and have 3/8 of the variance where both "
        "always are; a linear probe has 1/2 at every density. ICA of a pentagon finds two orthogonal axes, as PCA "
        "does; their largest |cos| with features is .900 in the mean, as for any two, and matched one to one their "
        "four directions have .748 of five features. Matryoshka, of two units for two features that are 0 or 1, of "
        "which the inner one has to reconstruct by itself as well: it tilts towards the second feature, a child of the "
        "first or independent of it, with tan 2θ = 2β P(both) / ((1 + β) P(only first) - β P(only second)). Second "
        "row: values from 0 to 1, of features that have a dimension each. Dictionary learning takes its penalty α off "
        "each activation, as L1 does with λ/2, and misses what is below; of three runs, the one that found the most is "
        "shown. JumpReLU, Gated and BatchTopK do not shrink what they see, and miss values below √λ, below λ/2, and "
        "all but the k largest per sample of a batch: the mean bias comes from those. JumpReLU's threshold is higher "
        "by about 1/8 of its bandwidth, which the line has. All but scikit-learn's dictionaries start at the truth and "
        "are trained away from it, without a decoder bias."
    ),
    controls=(no_failure, a_twentieth_more, as_l1),
)
