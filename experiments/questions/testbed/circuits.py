"""Ablations, patches, searches for circuits and scrubbing, each on a circuit on which it is known what they find."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Experiment, Results, Sweep
from experiments.questions.testbed.curves import Curve, Panel, a_twentieth_more, claims_of, draw_panel, mean, pentagon
from toymodels import cases
from toymodels.techniques import ablations, circuits, edges, patching, scrubbing, subspaces
from toymodels.techniques.scored import NUMBERS, Scored

DENSITIES = (0.1, 0.2, 0.4, 0.6, 0.8)
BETAS = (0.0, 0.4, 0.8)
ANGLES = (5.0, 25.0, 45.0, 65.0, 85.0)
STEPS = (1, 2, 3, 4, 6, 8)
HIDDEN = (6, 4, 2)
VALUE = 0.6  # of a feature of a pentagon: so little that its neighbours stay off
THRESHOLD = 1e-3
FOUND: Mapping[str, tm.techniques.Technique] = {
    "zero ablation": edges.zero_ablation,
    "EAP-IG": edges.IntegratedAttribution(4),
    "ACDC": circuits.ACDC(THRESHOLD),
    "edge mask": circuits.EdgeMask(THRESHOLD, 200),
}
SCORED = {name: Scored(technique) for name, technique in FOUND.items()}
ON_HEAD = {"zero ablation": Scored(edges.zero_ablation), "mean ablation": Scored(edges.mean_ablation)}
HEAD_HIDDEN = (13, 10)  # of an induction head for 4 tokens and 5 positions, with 13 named dimensions


def sweep_circuits(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Circuits whose every edge is known, with several densities, strengths of backup, and dimensions."""
    seeds = range(4 * seed, 4 * seed + 4)

    def measured(case: cases.Case, metrics: Mapping[str, Any], samples: int, **over: Any) -> Sweep:
        recipe = tm.Recipe(steps=0, batch_size=samples, evaluation_samples=samples)
        options: dict[str, Any] = {"over": {**over, "seed": seeds}, "metrics": metrics, "params": False}
        return partial(tm.sweep, case.model, case.task, recipe, start=case.start, progress=False, **options)

    five = cases.polygon(5)
    samples = 2**18 if full else 2**16
    return {
        "ablations": measured(cases.dedicated(2), {"squares": squares}, 4 * samples, density=DENSITIES),
        "and": measured(cases.gate("and"), {"directions": directions}, 4 * samples, density=DENSITIES),
        "or": measured(cases.gate("or"), {"directions": directions}, 4 * samples, density=DENSITIES),
        "backup": measured(cases.backup(), {"effects": hidden_by_backup}, 1_024),
        "paths": measured(cases.two_paths(), {"alone": alone, "kept": kept}, 1_024),
        "dormant": measured(cases.dormant(), {"illusion": illusion, "found": found}, 1_024),
        "integrated": measured(five, {"steps": integrated}, 2),
        "scrubbing": measured(five, {"recovered": recovered}, 4 * samples, density=DENSITIES),
        "levels": measured(cases.compress(cases.absolute_value(2, 0.5), HIDDEN[0]), SCORED, 256, n_hidden=HIDDEN),
        "head": measured(cases.induction(4, 5), ON_HEAD, 256, n_hidden=HEAD_HIDDEN),
    }


def scored(levels: xr.Dataset, technique: str, name: str) -> xr.DataArray:
    """A number of a technique (n_hidden, seed)."""
    numbers = levels[technique]
    return numbers.isel({numbers.dims[-1]: NUMBERS.index(name)})


def squares(module: Any, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, "3"]:
    """Mean squared effects of the edge to an output, by zero, mean and resample ablation."""
    graph = cases.switches(module)
    claims = edges.zero_ablation(graph, x), edges.mean_ablation(graph, x), edges.resample_ablation(graph, x, key)
    return jnp.stack([claim.sizes[-1] ** 2 for claim in claims])


def directions(module: Any, x: Float[Array, "n samples"]) -> Float[Array, "2"]:
    """Effects of the first input of a gate, by noising and by denoising."""
    graph = cases.switches(module)
    return jnp.stack([patching.noising(graph, x).sizes[0], patching.denoising(graph, x).sizes[0]])


def hidden_by_backup(x: Float[Array, "n samples"]) -> Float[Array, "strengths 3"]:
    """Effects of the main neuron, in parts of what it does, at all strengths of the backup: by noising, by path
    patching, and together with its backup."""

    def effects(beta: float) -> Array:
        graph = cases.switches(cases.backup(beta).model(rngs=nnx.Rngs(0)))
        joint = cases.effects_of_patches(graph, x, [[1, 2]])[0]
        return jnp.stack([patching.noising(graph, x).sizes[1], patching.path_patching(graph, x).sizes[1], joint])

    return jnp.stack([effects(beta) for beta in BETAS]) / jnp.sqrt(jnp.square(x).mean())


def alone(module: Any, x: Float[Array, "n samples"]) -> Float[Array, "2"]:
    """Of two paths that do the same: the effect of one, and its Shapley value, in parts of the effect of both."""
    graph = cases.switches(module)
    joint = cases.effects_of_patches(graph, x, [[1, 2]])[0]
    return jnp.stack([patching.noising(graph, x).sizes[1], patching.shapley(graph, x, [1, 2])[0]]) / joint


def kept(module: Any, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, "3"]:
    """The share of the two paths that are kept: by ACDC, with zero and with resample ablation, and by an edge mask."""
    graph = cases.switches(module)
    paths = np.isin(graph.sources, (1, 2)) & (graph.targets == 3)
    searches = circuits.ACDC(0.05), circuits.ACDC(0.05, ablations.resample), circuits.EdgeMask(0.01, 200)
    return jnp.stack([(search(graph, x, key).sizes > 0)[paths].mean() for search in searches])


def illusion(module: Any, x: Float[Array, "n samples"]) -> Float[Array, " angles"]:
    """The effect of a patch along (cos θ, sin θ) of the neuron that nobody reads and the one that is never on."""
    turned = jnp.radians(jnp.array(ANGLES))
    along = jnp.stack([0 * turned, jnp.cos(turned), jnp.sin(turned), 0 * turned], axis=-1)
    return jax.lax.map(lambda direction: _patched(module, x, direction), along)


def found(module: Any, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, ""]:
    """The effect of a patch along the direction that an alignment search finds."""
    h = module.activations(x)["hidden"]
    direction = subspaces.AlignmentSearch()(cases.switches(module), h, x, module.decode, key).columns[:, 0]
    return _patched(module, x, direction)


def _patched(module: Any, x: Float[Array, "n samples"], direction: Float[Array, " m"]) -> Float[Array, ""]:
    """The change of the output by a patch, in parts of the true one."""
    h, other = (module.activations(one)["hidden"] for one in (x, x[:, ::-1]))
    change, whole = (module.decode(one) - module.decode(h) for one in (subspaces.patched(h, other, direction), other))
    return (change * whole).sum() / (whole * whole).sum()


def integrated(module: Any) -> Float[Array, " steps"]:
    """Attribution of one feature of a pentagon, integrated in more and more steps, in parts of its effect; first that
    from the sample itself, and from where the feature is off."""
    graph, x = cases.switches(module), jnp.zeros((5, 1)).at[0].set(VALUE)
    there = ablations.Replaced(0 * x, graph.values(0 * x))
    points = [np.ones(1), np.zeros(1), *((np.arange(steps) + 0.5) / steps for steps in STEPS)]
    claimed = [edges.attributed(graph, x, there, one, graph.leaving(0)[None])[0] for one in points]
    return jnp.stack(claimed) / patching.noising(graph, x).sizes[0]


def recovered(module: Any, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, "2"]:
    """What "output i depends on feature i" recovers of the loss, and of the outputs."""
    return jnp.stack(scrubbing.causal_scrubbing(module, x, x, np.eye(len(x), dtype=bool), key))


def explained(density: np.ndarray) -> np.ndarray:
    """Var E(y_i | x_i) / Var y_i of an output y_i = ReLU(l² (x_i + Σ_j cos_j x_j) + b) of the pentagon, by sums over a
    grid."""
    square, bias = pentagon()
    return np.array([_explained(square, bias, float(one)) for one in np.ravel(density)])


def _explained(square: float, bias: float, density: float, points: int = 801) -> float:
    grid = np.linspace(-2, 2, points)
    step = grid[1] - grid[0]
    chances = (np.arange(points) == points // 2).astype(float)
    for cosine in np.cos(2 * np.pi * np.arange(1, 5) / 5):
        places = cosine * (np.arange(256) + 0.5) / 256 / step  # of the feature's values, uniform
        low = np.floor(places).astype(int)
        kernel = np.zeros(points)
        np.add.at(kernel, points // 2 + low, (low + 1 - places) / 256)
        np.add.at(kernel, points // 2 + low + 1, (places - low) / 256)
        chances = (1 - density) * chances + density * np.convolve(chances, kernel, mode="same")
    own = np.concatenate([[0.0], (np.arange(256) + 0.5) / 256])
    weights = np.concatenate([[1 - density], np.full(256, density / 256)])
    y = np.maximum(square * (own[:, None] + grid) + bias, 0)
    average, second = y @ chances, y**2 @ chances
    between = weights @ average**2 - (weights @ average) ** 2
    return between / (weights @ second - (weights @ average) ** 2)


def _attributed(steps: np.ndarray) -> np.ndarray:
    """Of K middles of equal steps, those at which the feature is above the kink count."""
    square, bias = pentagon()
    effect = square * VALUE + bias
    shares = [
        np.mean(square * VALUE * (np.arange(k) + 0.5) / k + bias > 0) for k in np.maximum(1, np.rint(steps)).astype(int)
    ]
    return square * VALUE * np.array(shares) / effect


def _number(name: str, place: int) -> Any:
    return lambda one: mean(name)(one)[..., place]


P = np.array(DENSITIES)
PANELS = (
    Panel(
        "Ablating an edge that carries x",
        "density p of the feature",
        "mean squared change",
        (0.0, 0.85),
        (
            Curve("zero ablation: mean squared change", "ablations", _number("squares", 0), P, lambda p: p / 3, "zero"),
            Curve("mean ablation: mean squared change", "ablations", _number("squares", 1), P,
                  lambda p: p / 3 - p**2 / 4, "mean"),
            Curve("resample ablation: mean squared change", "ablations", _number("squares", 2), P,
                  lambda p: 2 * (p / 3 - p**2 / 4), "resample"),
        ),
    ),
    Panel(
        "Patching an input of a gate",
        "density p of the inputs",
        "change of the output",
        (0.0, 0.85),
        (
            Curve("noising an input of AND: change", "and", _number("directions", 0), P, lambda p: p, "noising AND"),
            Curve("denoising an input of AND: change", "and", _number("directions", 1), P, lambda p: 0 * p,
                  "denoising AND"),
            Curve("noising an input of OR: change", "or", _number("directions", 0), P, lambda p: np.sqrt(p * (1 - p)),
                  "noising OR"),
            Curve("denoising an input of OR: change", "or", _number("directions", 1), P, np.sqrt, "denoising OR"),
        ),
    ),
    Panel(
        "A neuron and its backup",
        "strength β of the backup",
        "measured / direct effect",
        (-0.05, 0.85),
        (
            Curve("backup: effect of the main neuron by noising", "backup", _number("effects", 0), np.array(BETAS),
                  lambda beta: 1 - beta, "noising"),
            Curve("backup: effect of the main neuron by path patching", "backup", _number("effects", 1),
                  np.array(BETAS), np.ones_like, "path patching"),
            Curve("backup: effect of the main neuron and its backup", "backup", _number("effects", 2),
                  np.array(BETAS), np.ones_like, "both together"),
        ),
    ),
    Panel(
        "The illusion of a subspace",
        "angle θ, degrees",
        "effect / true effect",
        (0.0, 90.0),
        (Curve("patch along an unread and a silent neuron: effect", "dormant", mean("illusion"), np.array(ANGLES),
               lambda x: np.sin(2 * np.radians(x))),),
    ),
    Panel(
        "Attribution in a pentagon",
        "steps K of the integral",
        "claimed / true effect",
        (0.5, 8.5),
        (Curve("integrated attribution in a pentagon: claimed effect", "integrated",
               lambda one: mean("steps")(one)[2:], np.array(STEPS), _attributed),),
    ),
    Panel(
        "Scrubbing a pentagon",
        "density of the features",
        "recovered",
        (0.02, 0.85),
        (
            Curve("scrubbing a pentagon: loss recovered", "scrubbing", _number("recovered", 0), P, np.ones_like,
                  "loss"),
            Curve("scrubbing a pentagon: outputs recovered", "scrubbing", _number("recovered", 1), P, explained,
                  "outputs"),
        ),
    ),
)  # fmt: skip


def _overstated(steps: np.ndarray) -> np.ndarray:
    """Attribution from the sample itself: l² u of l² u - |b|."""
    return _attributed(np.ones_like(steps))


def _recall(technique: str) -> Callable[[xr.Dataset], np.ndarray]:
    return lambda levels: scored(levels, technique, "recall").isel(n_hidden=0).values


ONE = np.ones(1)
OTHERS = Panel(
    "",
    "",
    "",
    (0.0, 1.0),
    (
        Curve("two equal paths: effect of one", "paths", _number("alone", 0), ONE, np.zeros_like),
        Curve("two equal paths: Shapley value of one", "paths", _number("alone", 1), ONE, lambda x: x / 2),
        Curve("two equal paths: share that ACDC keeps", "paths", _number("kept", 0), ONE, lambda x: x / 2),
        Curve("two equal paths: share that ACDC keeps by resampling", "paths", _number("kept", 1), ONE, np.ones_like),
        Curve("two equal paths: share that an edge mask keeps", "paths", _number("kept", 2), ONE, lambda x: x / 2),
        Curve("alignment search, half silent: effect", "dormant", lambda one: one.found.values, ONE, np.ones_like),
        Curve("attribution from on in a pentagon: claimed effect", "integrated", _number("steps", 0), ONE, _overstated),
        Curve("attribution from off in a pentagon: claimed effect", "integrated", _number("steps", 1), ONE,
              np.zeros_like),
        *(
            Curve(f"{name}, a dimension for each value: recall of edges", "levels",
                  _recall(name), ONE, np.ones_like)
            for name in FOUND
        ),
        Curve("induction head in 13 and 10 dimensions, zero ablation: recall of edges", "head",
              lambda one: scored(one, "zero ablation", "recall").values, ONE, np.ones_like),
        Curve("induction head in 13 and 10 dimensions, mean ablation, which misses positions: recall of edges", "head",
              lambda one: scored(one, "mean ablation", "recall").values, ONE, lambda x: 5 * x / 6),
    ),
)  # fmt: skip


def draw_circuits(results: Results) -> Figure:
    """Measured numbers as points, exact ones as lines; of searches over levels of superposition, points."""
    figure, axes = plt.subplots(3, 3, figsize=(8.4, 7.2), layout="constrained")
    for ax, panel in zip(axes.flat, PANELS, strict=False):
        draw_panel(ax, panel, results)
        ax.title.set_fontsize(8.5)
    axes.flat[0].set_ylim(top=0.42)  # room for what curves are called
    axes.flat[1].set_ylim(top=1.65)
    _draw_found(axes.flat[6], results["levels"], "auroc", FOUND, "Edges of |x|: AUROC")
    _draw_found(axes.flat[7], results["levels"], "recall", FOUND, "Edges of |x|: recall")
    _draw_found(axes.flat[8], results["head"], "score", ON_HEAD, "Edges of an induction head: score")
    return figure


def _draw_found(ax: Axes, levels: xr.Dataset, number: str, techniques: Iterable[str], title: str) -> None:
    """A number of techniques over levels of superposition."""
    per_dimension = levels.n_hidden.max() / levels.n_hidden
    for color, width, technique in zip(tm.plots.SET_COLORS, (4.0, 3.0, 2.0, 1.0), techniques, strict=False):
        drawn = scored(levels, technique, number).mean("seed")
        ax.plot(per_dimension, drawn, "o-", color=color, markersize=2 + width, linewidth=width, label=technique)
    ax.set(xlabel="values per dimension", ylabel=title.split(": ")[1], ylim=(-0.05, 1.05))
    ax.set_title(title, fontsize=8.5)
    ax.legend(fontsize=7, loc="lower left")


def everything_counts(results: Results) -> Results:
    """Every number is .5, also those that are 0 or 1 exactly, and each search finds half of the edges."""
    return results.map(lambda one: one.map(lambda numbers: 0 * numbers + 0.5 if numbers.dtype.kind == "f" else numbers))


def no_superposition(results: Results) -> Results:
    """Every search finds the circuit through any number of dimensions, and both of two paths; the search for a subspace
    finds nothing."""

    def right(one: xr.Dataset) -> xr.Dataset:
        if "ACDC" in one:
            return one.assign({name: 0 * one[name] + 1 for name in FOUND})
        if "found" in one:
            return one.assign(found=0 * one.found)
        return one.assign(kept=0 * one.kept + 1) if "kept" in one else one

    return results.map(right)


CIRCUITS = Experiment(
    name="testbed/circuits",
    question="What do ablations, patches and searches find of circuits that are known?",
    source="ours",
    sweeps=sweep_circuits,
    draw=draw_circuits,
    claims=partial(claims_of, (*PANELS, OTHERS)),
    shows=(
        "Measured numbers as points, exact ones as lines. An edge that carries a feature: cut to zero it changes the "
        "output by E x² = p/3 in the mean square, to its mean by v = p/3 - p²/4, to that of another sample by 2 v. The "
        "first input of a gate, in samples whose features are corrupted to 0: denoising finds nothing of AND, and "
        "noising finds less of OR. A neuron whose work is done by a backup to the share β where it fails: noising sees "
        "1 - β of it, path patching all, as does patching both. A patch along the direction of a neuron that nobody "
        "reads and one that is never on, at the angle θ between them, has sin 2θ of the true effect: all of it at 45°, "
        "nothing from either neuron alone. One feature of a pentagon, of value .6: attribution integrated over K "
        "middles of equal steps is quantised at the kink; from the sample itself it says too much, and from where the "
        "feature is off nothing. Causal scrubbing of \"each output depends on its feature\" in a pentagon: judged by "
        "loss it is all that there is, judged by outputs it explains the share of their variance that is computed by "
        "sums over a grid. The absolute values of two features, six values in six to two dimensions: AUROC of edges "
        "that do something, and recall at their true number. Last, an induction head of 13 named dimensions, held in "
        "13 and in ten: the score of the sizes that are claimed for its edges. By these zero ablation finds all six, "
        "in superposition too, and mean ablation five, since positions are the same in all samples. Not drawn: two "
        "paths that do the same, where a single patch finds nothing, Shapley values are a half, and searches keep one "
        "of the two; by resampling both, for another sample's 1 is seen where the feature is 0. An alignment search "
        "finds directions with all of the effect, whatever part of it is silent."
    ),
    controls=(everything_counts, no_superposition, a_twentieth_more),
)  # fmt: skip
