"""Is this unit a detector of that feature? Seven kinds of evidence, on a neuron for two features and on many units."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.questions.testbed.curves import Curve, a_twentieth_more, near
from toymodels import cases
from toymodels.arrays import unit_columns
from toymodels.techniques.unit_report import EVIDENCE, unit_reports

DENSITY = 0.1
WEIGHTS = np.array([0.2, 0.4, 0.6, 0.8, 0.9])
N = 12
HIDDEN = (12, 8, 6, 4, 3)
SEEDS = 32
BEHAVIOUR = ["examples", "synthetic", "tuning"]


@tm.specification
class Weights:
    """An initializer of the weights (1, r, r, ...) of a neuron.

    Attributes:
        r: all but the first.
    """

    r: Any = 0.5

    def __call__(self, key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "1 n"]:
        """The weights."""
        return jnp.where(jnp.arange(shape[1]) == 0, 1.0, self.r)[None].astype(dtype)


def pair(r: Any = 0.5, density: float = DENSITY) -> cases.Case:
    """The neuron ReLU(x₁ + r x₂), which is read back by the same weights."""
    model = tm.Autoencoder(2, 1, hidden_activation=jax.nn.relu, initializer=Weights(r))
    return cases.Case(model, tm.Task(tm.Independent(2, density)))


def mostly_one(key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "m n"]:
    """Features that lie mostly along one unit each, at random: cubes of normal numbers, of unit length."""
    return unit_columns(jax.random.normal(key, shape, dtype) ** 3)


def sweep_units(full: bool, seed: int) -> Mapping[str, Sweep]:
    """One neuron with more and more weight for the second feature, and layers of units with more and more features."""
    many = tm.Autoencoder(N, N, hidden_activation=jax.nn.relu, initializer=mostly_one)
    seeds = (4 if full else 1) * SEEDS

    def models(model: Any, samples: int, metric: Any, **over: Any) -> Sweep:
        recipe = tm.Recipe(steps=0, batch_size=samples, evaluation_samples=samples)
        task = tm.Task(tm.Independent(model.n_features, DENSITY))
        metrics = {"told": metric}
        return partial(tm.sweep, model, task, recipe, over=over, metrics=metrics, params=False, progress=False)

    return {
        "pair": models(pair().model, 2**17, numbers, r=WEIGHTS, seed=range(4 * seed, 4 * seed + 4)),
        "many": models(many, 2**10, errors, n_hidden=HIDDEN, seed=range(seeds * seed, seeds * (seed + 1))),
    }


def numbers(module: nnx.Module, x: Float[Array, "2 samples"]) -> Float[Array, " evidence"]:
    """The evidence that the neuron is a detector of the first feature."""
    return unit_reports(module, x).numbers[:, 0, 0]


def errors(module: nnx.Module, x: Float[Array, "n samples"]) -> Float[Array, "kinds evidence"]:
    """How many units are falsely called detectors, of the feature that has the largest weight into each, and how many
    falsely not, by each kind of evidence; and how many are."""
    reports = unit_reports(module, x)
    units = jnp.arange(reports.truth.shape[0])
    largest = cases.profiles(module).argmax(1)
    says, true = reports.says[:, units, largest], (reports.truth[units, largest] > 0.5)[None]
    return jnp.stack([(says & ~true).sum(1), (~says & true).sum(1), jnp.broadcast_to(true.sum(), len(EVIDENCE))])


def exact(name: str, r: np.ndarray, density: float = DENSITY) -> np.ndarray:
    """The evidence on ReLU(x₁ + r x₂) as a detector of x₁, with values from 0 to 1 and r below 1."""
    square, variance = density / 3, density / 3 - density**2 / 4
    share = 1 / (1 + r**2)
    return {
        "visualisation": 0.5 + 0 * r,
        "examples": 1 + 0 * r,
        "synthetic": 1 - r / 2,
        "tuning": (1 - r) * (1 - density) / (1 + r * density),
        "weights": share,
        "use": share,
        "replacement": 1 - r**2 * share * square / variance,
    }[name]


def _curve(name: str) -> Curve:
    def measured(one: xr.Dataset) -> np.ndarray:
        return one.told.transpose("r", "seed", ...).values.mean(1)[:, EVIDENCE.index(name)]

    return Curve(f"{name} of a neuron for two features", "pair", measured, WEIGHTS, partial(exact, name), name)


CURVES = tuple(_curve(name) for name in EVIDENCE)


def rates(results: Results) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The shares of units that are falsely called detectors and falsely not (level, evidence), and that are (level)."""
    counts = results["many"].told.transpose("n_hidden", "seed", ...).values.mean(1) / np.array(HIDDEN)[:, None, None]
    return counts[:, 0], counts[:, 1], counts[:, 2, 0]


def draw_units(results: Results) -> Figure:
    """Exact lines and points for one neuron; both kinds of errors over features per dimension."""
    figure, axes = plt.subplots(1, 3, figsize=(9.3, 3.7), layout="constrained")
    colors = dict(zip(EVIDENCE, tm.plots.shades(len(EVIDENCE)), strict=True))
    r = np.linspace(0, 1, 201)
    for curve, size in zip(CURVES, np.linspace(8, 3.5, len(CURVES)), strict=True):  # so that all are seen in one place
        axes[0].plot(r, curve.exact(r), color=tm.plots.INK, linewidth=0.9, zorder=0)
        measured = curve.measured(results[curve.sweep])
        axes[0].plot(curve.x, measured, "o", color=colors[curve.label], markersize=size)
    axes[0].set(title="A neuron for two features", xlabel="weight of the second feature", xlim=(0, 1))
    axes[0].set_ylabel("evidence for the first one")
    alarms, misses, detectors = rates(results)
    ratio = N / np.array(HIDDEN)
    for ax, shares, title in ((axes[1], alarms, "Falsely called a detector"), (axes[2], misses, "Falsely not")):
        for number, name in enumerate(EVIDENCE):
            ax.plot(ratio, shares[:, number], "o-", color=colors[name], markersize=4, label=name)
        ax.set(title=title, xlabel="features per unit", ylabel="share of units", ylim=(-0.03, 1.0))
    axes[1].plot(ratio, 1 - detectors, "--", color=tm.plots.INK, linewidth=0.9, label="all that could be")
    axes[2].plot(ratio, detectors, "--", color=tm.plots.INK, linewidth=0.9)
    figure.legend(*axes[1].get_legend_handles_labels(), loc="outside lower center", ncols=8, fontsize=7.5)
    return figure


def claims_units(results: Results, full: bool) -> list[Claim]:
    """Exact numbers of one neuron, and who errs which way."""
    alarms, misses, detectors = rates(results)
    behaviour = [EVIDENCE.index(name) for name in BEHAVIOUR]
    sight, weights, replacement = (EVIDENCE.index(name) for name in ("visualisation", "weights", "replacement"))
    both = alarms + misses
    judged = results["many"].sizes["seed"] * sum(HIDDEN)
    return [
        *(near(curve, results) for curve in CURVES),
        at_least("units that are judged", judged if np.isfinite(both).all() else 0, 1_000),
        at_least("share falsely called detectors by each kind of behaviour at four features per unit",
                 alarms[-1, behaviour].min(), 0.3),
        at_most("share of these that behaviour falsely does not call so, any level", misses[:, behaviour].max(), 0.05),
        at_least("share of detectors that a visualisation in a box misses, any level",
                 (misses[:, sight] / detectors).min(), 0.9),
        at_most("share falsely called detectors by visualisation, any level", alarms[:, sight].max(), 0.05),
        at_most("largest share of errors of weights", both[:, weights].max(), 0.2),
        at_least("by how much behaviour errs more often than a replacement at four features per unit",
                 both[-1, behaviour].min() - both[-1, replacement], 0.1),
    ]  # fmt: skip


def another_evidence(results: Results) -> Results:
    """Each kind of evidence has the numbers of the next one."""
    return results.map(lambda one: one.assign(told=one.told.roll({one.told.dims[-1]: 1})))


def the_other_error(results: Results) -> Results:
    """Units that are falsely called detectors are counted as falsely not, and the other way round."""
    told = results["many"].told
    kinds = told.dims[-2]
    swapped = told.isel({kinds: [1, 0, 2]})
    return Results({**results, "many": results["many"].assign(told=(told.dims, swapped.values))})


def no_error(results: Results) -> Results:
    """No evidence is ever wrong."""
    told = results["many"].told
    right = np.where(np.arange(3)[:, None] < 2, 0, told.transpose("n_hidden", "seed", ...).values)
    return Results({**results, "many": results["many"].assign(told=(("n_hidden", "seed", *told.dims[-2:]), right))})


def one_seed(results: Results) -> Results:
    """Units of one seed alone."""
    return Results({**results, "many": results["many"].isel(seed=[0])})


UNITS = Experiment(
    name="testbed/units",
    question="Is this unit a detector of that feature, and which evidence says so wrongly?",
    source="ours",
    sweeps=sweep_units,
    draw=draw_units,
    claims=claims_units,
    shows=(
        "The seven kinds of evidence of Olah et al. 2020, each as a number. Left: the neuron ReLU($x_1 + r x_2$) as a "
        "detector of $x_1$, at a density of .1, measured as points and exact as lines. A visualisation in a box gives "
        "half to each feature, whatever r is; in the best examples the first is always on. Middle and right: units of "
        "12 to 3, for 12 features that lie mostly along one unit each. Each unit is asked of the feature that has the "
        "largest weight into it. It is a detector of it if more than half of its variance is explained by it, and "
        "evidence says so if it is more than halfway from chance to certainty. The share of units of which it is "
        "wrong; dashed, of which it could be. Examples, synthetic examples and tuning call nearly every unit a "
        "detector, a visualisation hardly any. Weights, use and a replacement by hand rarely call one a detector "
        "falsely."
    ),
    controls=(a_twentieth_more, another_evidence, the_other_error, no_error, one_seed),
)
