"""What techniques that are given the features' values find with few neurons, erase, and steer, beside exact numbers."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_most
from experiments.questions.testbed.curves import (
    Curve,
    Panel,
    a_twentieth_more,
    claims_of,
    draw_panel,
    mean,
    pentagon,
)
from toymodels import cases
from toymodels.features import BINARY, SIGNED_UNIFORM
from toymodels.techniques import edits, probes, steering
from toymodels.theory import erasure, probing

N, M = 12, 6
NEURONS = (1, 2, 3, 4, 5, 6)
SAMPLES = (64, 128, 256, 512)
HIDDEN = (10, 8, 6, 4, 3)
DENSITIES = (0.05, 0.1, 0.2, 0.4, 0.6)
DOSES = (0.3, 0.45, 0.6, 0.75, 1.0, 1.5, 2.0)
IGNORED = (0.05, 0.1, 0.2)


@tm.specification
class Permuted:
    """The mean R² of linear probes for permuted values.

    Attributes:
        samples: on how many they are fitted, and read.
    """

    samples: int = tm.static(default=64)

    def __call__(self, module: Any, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, ""]:
        """The number."""
        x = x[:, : self.samples]
        labels = jax.random.permutation(key, x, axis=-1)
        rows = probes.linear_probe(module.encode(x), labels).rows
        return (rows**2).sum() / ((labels - labels.mean(-1, keepdims=True)) ** 2).sum(-1).mean() / len(x)


def sweep_labels(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Random frames, features of both signs, a pentagon whose features are rare, and a feature that no output reads."""
    seeds = range(4 * seed, 4 * seed + 4)
    many = 2**17 if full else 2**15
    frame = cases.random_frame(N, M)
    unsigned = cases.dedicated(4)
    signed = cases.Case(unsigned.model, tm.Task(tm.Independent(4, 0.1, SIGNED_UNIFORM)))
    rare = cases.Case(cases.polygon(5).model, tm.Task(tm.Independent(5, 5e-4, BINARY)))
    ignored = cases.ignored(4)

    def scored(techniques: Mapping[str, tm.techniques.Technique], case: cases.Case, samples: int) -> Sweep:
        return partial(tm.techniques.score, techniques, {"it": case}, seed=seeds, samples=samples, progress=False)

    def swept(case: cases.Case, samples: int, metrics: Any, **over: Any) -> Sweep:
        recipe = tm.Recipe(steps=0, batch_size=samples, evaluation_samples=samples)
        options = {"over": over, "metrics": metrics, "params": False, "progress": False}
        return partial(tm.sweep, case.model, case.task, recipe, **options)

    return {
        "sparse": scored({f"{k}": probes.SparseProbe(k) for k in NEURONS}, frame, many),
        "permuted": swept(
            frame, max(SAMPLES), {f"of {one}": Permuted(one) for one in SAMPLES},
            seed=range(2_048 * seed, 2_048 * seed + 2_048),
        ),
        "erased": scored(
            {"LEACE": edits.erasure, **{f"{steps}": edits.NullspaceProjection(steps, above=0.0) for steps in (1, 2)}},
            frame.over(n_hidden=HIDDEN), many,
        ),
        "signed": scored({"LEACE of labels": edits.label_erasure}, signed.over(density=DENSITIES), 2**17),
        "unsigned": scored({"LEACE of labels": edits.label_erasure}, unsigned.over(density=DENSITIES), 2**17),
        "steered": scored({f"{dose}": steering.ActivationAddition(dose=dose) for dose in DOSES}, rare, 2**17),
        "ignored": swept(ignored, 2**14, [found, used], density=np.array(IGNORED), seed=seeds),
    }  # fmt: skip


def found(module: Any, x: Float[Array, "n samples"]) -> Float[Array, ""]:
    """R² of the linear probe for the last feature."""
    said = probes.linear_probe(module.activations(x)["hidden"], x).rows[-1]
    return jnp.corrcoef(said, x[-1])[0, 1] ** 2


def used(module: Any, x: Float[Array, "n samples"]) -> Float[Array, ""]:
    """The root mean square change of the outputs when the last feature's direction is added to h."""
    h = module.activations(x)["hidden"]
    moved = h + module.directions[:, -1:]
    return jnp.sqrt(jnp.square(module.decode(moved) - module.decode(h)).sum(0).mean())


def panels(results: Results) -> tuple[Panel, ...]:
    """What is measured, and what theory says of the same frames."""
    frames = {m: _frames(m, results["erased"].seed.values) for m in {*HIDDEN, M}}
    sparse = [np.mean([probing.sparse_probe_r2(W, np.eye(N), k) for W in frames[M]]) for k in NEURONS]
    per_dimension = N / np.array(HIDDEN)

    def lost(after: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
        exact = [np.mean([_lost(W, after(W)) for W in frames[m]]) for m in HIDDEN]
        return lambda x: np.interp(x, per_dimension, exact)

    def projected(steps: int) -> Callable[[np.ndarray], np.ndarray]:
        return lost(lambda W: erasure.projected_r2(W, np.eye(N), steps))

    return (
        Panel("A probe of few neurons", "neurons", "$R^2$", (0.8, 6.2), (
            Curve("sparse probe in random frames: $R^2$", "sparse", _by_technique("raw"), np.array(NEURONS),
                  lambda k: np.interp(k, NEURONS, sparse)),
        )),
        Panel("A probe for permuted labels", "samples", "$R^2$", (40, 540), (
            Curve("probe for permuted labels: $R^2$", "permuted", _permuted, np.array(SAMPLES),
                  lambda x: M / (x - 1)),
        )),
        Panel("What the others lose", "features per dimension", "share of $R^2$ lost", (1.1, 4.1), (
            Curve("LEACE in random frames: lost by others", "erased", _of("lost", "LEACE"), per_dimension,
                  lost(lambda W: erasure.erased_r2(W, np.eye(N))), "LEACE"),
            Curve("one null-space projection: lost by others", "erased", _of("lost", "1"), per_dimension, projected(1),
                  "one projection"),
            Curve("two null-space projections: lost by others", "erased", _of("lost", "2"), per_dimension,
                  projected(2), "two projections"),
        )),
        Panel("What LEACE of labels leaves", "density", "$R^2$ of the label", (0.0, 0.65), (
            Curve("LEACE of labels, values of both signs: $R^2$ of the label that is left", "signed", mean("left"),
                  np.array(DENSITIES), probing.label_share, "values of both signs"),
        )),
        Panel("Steering a pentagon", "dose", "cosine, share of the dose", (0.25, 2.05), (
            Curve("steering a pentagon: cosine of the change with the right one", "steered", _by_technique("raw"),
                  np.array(DOSES), _cosine, "cosine"),
            Curve("steering a pentagon: share of the dose that the output gains", "steered", _gain,
                  np.array(DOSES), lambda u: _risen(u) / u, "gain / dose"),
        )),
        Panel("Found and not used", "density", "$R^2$, change of outputs", (0.0, 0.25), (
            Curve("a feature that no output reads: $R^2$ of the probe", "ignored", mean("found"), np.array(IGNORED),
                  lambda x: 1 + 0 * x, "probe"),
            Curve("a feature that no output reads: change of the outputs when it is steered", "ignored", mean("used"),
                  np.array(IGNORED), lambda x: 0 * x, "steering"),
        )),
    )  # fmt: skip


def draw_labels(results: Results) -> Figure:
    """Measured numbers as points, exact ones as lines."""
    figure, axes = plt.subplots(2, 3, figsize=(9.3, 5.4), layout="constrained")
    for ax, panel in zip(axes.flat, panels(results), strict=True):
        draw_panel(ax, panel, results)
        ax.set_ylim(min(0, ax.get_ylim()[0]), None)
    left = results["unsigned"].left.mean(("technique", "case", "seed"))
    axes[1, 0].plot(DENSITIES, left, "s", color=tm.plots.SET_COLORS[1], markersize=4, label="values above 0")
    axes[1, 0].legend(fontsize=7.5)
    return figure


def claims_labels(results: Results, full: bool) -> list[Claim]:
    """Every exact number is met within 2 %, and of values above 0 nothing is left."""
    left = results["unsigned"].left.mean("seed").max()
    return [
        *claims_of(panels(results), results, full),
        at_most("LEACE of labels, values above 0: largest $R^2$ of the label that is left", left, 0.01),
    ]


def nothing_erased(results: Results) -> Results:
    """LEACE leaves the label, and what no output reads has an effect."""

    def worse(one: Any) -> Any:
        more = {"left": lambda one: 0 * one.left + 1} if "left" in one else {}
        return one.assign(more | ({"used": one.found} if "used" in one else {}))

    return results.map(worse)


def _by_technique(name: str) -> Callable[[Any], np.ndarray]:
    """A number of a card of one case without levels, by technique."""
    return lambda card: card[name].squeeze(("case", "level")).mean("seed").values


def _of(name: str, technique: str) -> Callable[[Any], np.ndarray]:
    """A number of one technique, by level."""
    return lambda card: card[name].sel(technique=technique).squeeze("case").mean("seed").values


def _permuted(swept: Any) -> np.ndarray:
    return np.array([float(swept[f"of {samples}"].mean()) for samples in SAMPLES])


def _gain(card: Any) -> np.ndarray:
    return _by_technique("gain")(card) / np.array(DOSES)


def _frames(m: int, seeds: np.ndarray) -> list[np.ndarray]:
    """The random frames that the seeds have."""
    modules = [cases.random_frame(N, m).module(int(seed)) for seed in seeds]
    return [np.asarray(cases.truth(module).directions, dtype=float) for module in modules]


def _lost(W: np.ndarray, after: np.ndarray) -> float:
    """The share of R² that others lose, the mean over all pairs of features."""
    share = 1 - after / probing.probe_r2(W, np.eye(N))[None]
    return float(share[~np.eye(N, dtype=bool)].mean())


def _risen(dose: np.ndarray, angle: float = 0.0) -> np.ndarray:
    """By how much the output of the feature at this angle from the steered one rises, where all features are off."""
    square, bias = pentagon()
    return np.maximum(square * np.cos(angle) * dose + bias, 0)


def _cosine(dose: np.ndarray) -> np.ndarray:
    """Of the change of the outputs with one of the right output alone: two neighbours rise as well."""
    own, neighbour = _risen(dose), _risen(dose, 2 * np.pi / 5)
    return own / np.hypot(own, np.sqrt(2) * neighbour)


LABELS = Experiment(
    name="testbed/labels",
    question="What do techniques with labels find with few neurons, erase, and steer?",
    source="ours",
    sweeps=sweep_labels,
    draw=draw_labels,
    claims=claims_labels,
    shows=(
        "Measured numbers as points, exact ones as lines. First row, 12 features in random frames. A probe that reads "
        "the best k of 6 neurons, of all sets of k: what it finds depends on how the hidden space is turned. A probe "
        "of 6 neurons for permuted labels has an $R^2$ of 6 / (samples - 1) by chance, on the samples that it was "
        "fitted to; what is above is its selectivity. LEACE takes one direction, at the least cost for the others; a "
        "null-space projection takes the direction of the probe, which is another one, and leaves some of the feature, "
        "so that a second one is needed, at the cost of another dimension. Second row. LEACE of the label, whether a "
        "feature is on, of features that have a dimension each: if values have both signs, label and h do not covary, "
        "nothing is erased, and a reader of |h| has 3(1 - p) / (4 - 3p) of the label's variance; of values above 0 "
        "nothing is left. Steering by adding the mean difference to h in a pentagon, where all features are off, times "
        "a dose: outputs of both neighbours rise as well from a dose of |b| / (‖W‖² cos 72°) = .62 on. A feature that "
        "no output reads: a probe finds all of it, and steering does exactly nothing."
    ),
    controls=(a_twentieth_more, nothing_erased),
)
