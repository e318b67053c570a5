"""Ways in which techniques go wrong, each measured against the number that theory gives."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import optax
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Experiment, Results, Sweep
from experiments.questions.testbed.curves import Curve, Panel, a_twentieth_more, claims_of, draw_panel, each, mean
from toymodels import cases
from toymodels.arrays import unit_columns
from toymodels.features import BINARY
from toymodels.models import MatchingPursuit, TopK
from toymodels.techniques import baselines
from toymodels.theory import dictionaries as theory
from toymodels.theory import probing

N = 4
STRENGTHS = (0.025, 0.075, 0.15, 0.25, 0.35)
ON = (0.2, 0.3, 0.45, 0.6, 0.75)
CHILD = (0.5, 0.4)  # P(parent on), P(child on | parent on)
ANGLES = (100.0, 120.0, 144.0, 160.0, 170.0)
DENSITIES = (0.03, 0.1, 0.25, 0.5, 0.75)
PAIRS = 2**16
ALONE = np.kron(np.eye(N), (np.arange(512) + 0.5) / 512)  # each feature alone, at values from 0 to 1
TRUTH = {"W_dec": np.eye(N), "W_enc": np.eye(N)}
TILTED = np.array([[1, np.sin(0.1)], [0, np.cos(0.1)]])
NEARLY = {"W_dec": TILTED, "W_enc": TILTED.T}  # at the truth, units would tie, and TopK takes both of them


@tm.specification
class Fan:
    """An initializer of three directions in a plane, the third halfway between the first two.

    Attributes:
        angle: between the first two, in degrees.
    """

    angle: Any = 144.0

    def __call__(self, key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "2 3"]:
        """The directions."""
        turned = jnp.radians(self.angle) * jnp.array([0, 1, 0.5])
        return jnp.stack([jnp.cos(turned), jnp.sin(turned)]).astype(dtype)


def sweep_failures(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Dictionaries that start from the truth and are trained away from it; techniques on models that are exact."""
    trained = tm.Recipe(
        steps=10_000 if full else 3_000, batch_size=1_024, learning_rate=1e-2, optimizer=without_decoder_bias
    )
    samples = 2**20 if full else 2**18
    exact = tm.Recipe(steps=0, batch_size=samples, evaluation_samples=samples)
    sparse = tm.Task(tm.Independent(N, 0.05), penalties=(tm.HiddenL1(0.1),))
    independent = tm.Task(tm.Independent(2, values=BINARY))
    child = tm.Task(tm.Hierarchical((-1, 0), CHILD, values=BINARY))
    fan = cases.Case(tm.Autoencoder(3, 2, initializer=Fan()), tm.Task(tm.Independent(3)))
    pentagon = cases.tight_frame(5, 2)
    seeds = range(4 * seed, 4 * seed + 4)

    def dictionary(model: Any, task: tm.Task, start: Any, **over: Any) -> Sweep:
        options = {"over": over, "seed": seed, "start": start, "progress": False}
        return partial(tm.sweep, model, task, trained, **options)

    def models(case: cases.Case, metrics: Any, **over: Any) -> Sweep:
        options = {"over": {**over, "seed": seeds}, "metrics": metrics, "params": False, "progress": False}
        return partial(tm.sweep, case.model, case.task, exact, **options)

    pair = tm.SparseAutoencoder(2, 2, TopK(1))
    last: Mapping[str, Callable[..., Any]] = {"value_r2": value_r2, "effect": effect}
    partner = {f"partner_{name}": partial(metric, feature=-2) for name, metric in last.items()}
    return {
        "l1": dictionary(tm.SparseAutoencoder(N, N), sparse, TRUTH, strength=STRENGTHS),
        "topk": dictionary(pair, independent, NEARLY, density=ON),
        "child": dictionary(pair, child, NEARLY),
        "pursuit": models(fan, {"wrong": wrong, "border": border}, angle=ANGLES),
        "pca": partial(
            tm.techniques.score,
            {"PCA": baselines.CLASSICAL["PCA"]},
            {"pentagon": pentagon.over(density=DENSITIES)},
            seed=seeds,
            progress=False,
        ),
        "label": models(pentagon, {"label_r2": label_r2}, density=DENSITIES),
        "unrepresented": models(cases.unrepresented(N), {**last, **partner}, density=DENSITIES),
    }


def wrong(W: Float[Array, "2 3"], key: PRNGKeyArray) -> Float[Array, ""]:
    """How often matching pursuit picks the third direction first, while the first two features are on."""
    return _picks_third(W, jax.random.uniform(key, (2, PAIRS))).mean()


def border(W: Float[Array, "2 3"]) -> Float[Array, ""]:
    """The least ratio of the second feature's value to the first one's at which it does."""
    ratio = (jnp.arange(PAIRS) + 0.5) / PAIRS
    return jnp.where(_picks_third(W, jnp.stack([jnp.ones(PAIRS), ratio])), ratio, 1).min()


def _picks_third(W: Float[Array, "2 3"], x: Float[Array, "2 samples"]) -> Array:
    pursuit = tm.SparseAutoencoder(2, 3, MatchingPursuit(1), tied=True, bias=False)(rngs=nnx.Rngs(0))
    pursuit.W_dec[...] = W
    return pursuit.encode(W[:, :2] @ x)[2] > 0


def label_r2(hidden: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Float[Array, ""]:
    """R² of linear probes for whether a feature is on, the mean over features."""
    return _probe_r2(hidden, (x != 0).astype(x.dtype)).mean()


def value_r2(hidden: Float[Array, "m samples"], x: Float[Array, "n samples"], feature: int = -1) -> Float[Array, ""]:
    """R² of a linear probe for the value of a feature."""
    return _probe_r2(hidden, x)[feature]


def effect(module: nnx.Module, x: Float[Array, "n samples"], feature: int = -1) -> Float[Array, ""]:
    """The largest change of any output where a feature is set to 0."""
    return abs(module(x) - module(x.at[feature].set(0))).max()


def _probe_r2(h: Float[Array, "m samples"], y: Float[Array, "t samples"]) -> Float[Array, " t"]:
    h, y = h - h.mean(-1, keepdims=True), y - y.mean(-1, keepdims=True)
    missed = y - (y @ h.T) @ jnp.linalg.inv(h @ h.T) @ h
    return 1 - jnp.square(missed).sum(-1) / jnp.square(y).sum(-1)


def without_decoder_bias(rate: Any) -> optax.GradientTransformation:
    """Adam, but b_dec stays 0, as it is in theory."""
    fixed = optax.masked(optax.set_to_zero(), lambda params: {name: name == "b_dec" for name in params})
    return optax.chain(optax.adam(rate, b2=0.99), fixed)


def recall(one: xr.Dataset) -> np.ndarray:
    """How often any unit is on while one feature is, alone."""
    return (_relu_units(one).sum(-2) > 0).mean(-1)


def bias(one: xr.Dataset) -> np.ndarray:
    """By how much what is read of a feature that is on alone exceeds its value, in the mean."""
    read = unit_columns(one.W_dec.values) @ _relu_units(one) + one.b_dec.values[..., None]
    return ((read - ALONE) * (ALONE > 0)).sum(-2).mean(-1)


def _relu_units(one: xr.Dataset) -> np.ndarray:
    h = ALONE - one.b_dec.values[..., None]
    return np.maximum(0, one.W_enc.values @ h + one.b_enc.values[..., None])


def tilt(one: xr.Dataset) -> np.ndarray:
    """The largest angle between a unit and the feature that is nearest to it, in degrees."""
    nearest = unit_columns(one.W_dec.values).max(-2)
    return np.atleast_1d(np.degrees(np.arccos(np.minimum(nearest, 1))).max(-1))


def _shrinkage(name: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda penalty: np.array([getattr(theory.l1_shrinkage(1.0, float(one)), name) for one in penalty])


def _tilt(ratio: np.ndarray) -> np.ndarray:
    return np.degrees(theory.topk_tilt(np.ones_like(ratio), ratio).angle)


def _fan(angle: np.ndarray) -> list[np.ndarray]:
    """The directions (angle, 2) of two features, and of the one halfway between them."""
    turned = [share * np.radians(angle) for share in (0, 1, 0.5)]
    return [np.stack([np.cos(one), np.sin(one)], -1) for one in turned]


PENALTY, RATIO = N * np.array(STRENGTHS), 1 / np.array(ON) - 1
TRAINED = ("l1", "topk", "child")
ANGLE, DENSITY = np.array(ANGLES), np.array(DENSITIES)
PANELS = (
    Panel(
        "L1 shrinks, and misses",
        "penalty λ",
        "recall, bias",
        (0.0, 1.6),
        (
            Curve("L1: share of a feature's values that are seen", "l1", recall, PENALTY, _shrinkage("recall"),
                  "recall"),
            Curve("L1: bias of a feature's value", "l1", bias, PENALTY, _shrinkage("bias"), "bias"),
        ),
    ),
    Panel(
        "TopK with k = 1 mixes",
        "P(only one on) / P(both on)",
        "tilt of a unit, degrees",
        (-0.1, 4.2),
        (
            Curve("TopK: tilt of a unit, independent features", "topk", tilt, RATIO, _tilt, "independent"),
            Curve("TopK: tilt of a child's unit, which absorbs its parent", "child", tilt, np.zeros(1), _tilt,
                  "child, parent"),
        ),
    ),
    Panel(
        "Matching pursuit picks what is off",
        "angle between two features, degrees",
        "share, ratio",
        (91.0, 179.0),
        (
            Curve("matching pursuit: share of wrong first picks", "pursuit", mean("wrong"), ANGLE,
                  lambda x: theory.wrong_first_pick(*_fan(x)), "wrong picks"),
            Curve("matching pursuit: ratio of values from which the pick is wrong", "pursuit", mean("border"), ANGLE,
                  lambda x: theory.greedy_border(*_fan(x)), "wrong from this ratio"),
        ),
    ),
    Panel(
        "PCA of a pentagon: chance",
        "density",
        "mean of the largest |cos|",
        (0.0, 0.8),
        (Curve("PCA of a pentagon, any one model: mean of the largest cosines", "pca", each("mmcs"), DENSITY,
               lambda x: theory.chance_of_axes(2) + 0 * x),),
    ),
    Panel(
        "A probe for labels in a pentagon",
        "density",
        "$R^2$",
        (0.0, 0.8),
        (Curve("probe in a pentagon: $R^2$ of labels", "label", mean("label_r2"), DENSITY,
               lambda x: 2 / 5 * probing.label_share(x)),),
    ),
    Panel(
        "A probe for what the model ignores",
        "density",
        "$R^2$, largest effect",
        (0.0, 0.8),
        (
            Curve("feature without a direction: $R^2$ of a probe", "unrepresented", mean("value_r2"), DENSITY,
                  lambda x: probing.label_share(x) ** 2, "$R^2$ of a probe"),
            Curve("feature without a direction: effect on outputs", "unrepresented", mean("effect"), DENSITY,
                  lambda x: 0 * x, "effect on outputs"),
        ),
    ),
)  # fmt: skip


def draw_failures(results: Results) -> Figure:
    """Dictionaries in the first row, PCA and probes in the second."""
    figure, axes = plt.subplots(2, 3, figsize=(9.3, 5.0), layout="constrained")
    for ax, panel in zip(axes.flat, PANELS, strict=True):
        draw_panel(ax, panel, results)
    for ax in axes[1]:
        ax.set_ylim(-0.05, 1.05)
    return figure


def the_truth(results: Results) -> Results:
    """Dictionaries stay at the true directions, without a bias."""

    def true(one: xr.DataArray) -> np.ndarray:
        return np.broadcast_to(np.eye(one.shape[-1]) if one.name in TRUTH else 0.0, one.shape)

    return Results({**results, **changed(Results({name: results[name] for name in TRAINED}), true)})


def no_failure(results: Results) -> Results:
    """Techniques that go wrong nowhere; a label is told as well as a value."""
    right = {"wrong": 0, "border": 1, "mmcs": 1, "label_r2": 2 / 5, "value_r2": 0}
    return results.map(
        lambda one: one.assign({name: 0 * one[name] + value for name, value in right.items() if name in one})
    )


def the_partner(results: Results) -> Results:
    """The feature that has a direction stands for the one that has none."""
    names = {"value_r2": "partner_value_r2", "effect": "partner_effect"}
    return results.map(lambda one: one.assign({own: one[other] for own, other in names.items() if other in one}))


FAILURES = Experiment(
    name="testbed/failures",
    question="Where do techniques go wrong, and by how much exactly?",
    source="ours",
    sweeps=sweep_failures,
    draw=draw_failures,
    claims=partial(claims_of, PANELS),
    shows=(
        "Measured numbers as points, exact ones as lines. First row, dictionaries. An L1 penalty λ takes λ/2 off each "
        "activation, and values below λ/2 are not seen: recall and mean bias over values from 0 to 1, of features that "
        "have a dimension each. A TopK dictionary with k = 1 turns a unit towards the other feature, by half of arctan "
        "2 P(both) / P(only); a child that is on only with its parent has a unit at 45° for both, and the parent's is "
        "silent then: absorption. Both start at the truth, or next to it, and are trained away from it, without a "
        "decoder bias. Matching pursuit is given the true directions of two features and of a third one halfway "
        "between them, which is off: how often it picks that first, for values uniform on [0, 1], and the ratio of the "
        "two values from which it does. At 144°, as in a pentagon, they are .382 and 1/φ = .618. Second row. PCA finds "
        "axes of a pentagon that have a |cos| of .900 with features in the mean, as any two orthogonal axes do. A "
        "probe for whether a feature is on has at most 3/4 of the $R^2$ of one for its value, which is 2/5 in a "
        "pentagon. A feature without direction, always on together with one that has one, can be told by a probe, "
        "though it does nothing to any output."
    ),
    controls=(the_truth, no_failure, a_twentieth_more, the_partner),
)
