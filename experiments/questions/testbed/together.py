"""Which techniques fail on the same models: correlations of their errors over ten thousand models."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.questions.testbed.curves import write_cells
from toymodels import cases
from toymodels.analysis import geometry
from toymodels.arrays import unit_columns
from toymodels.specifications import specification, static
from toymodels.techniques import Directions, attribution, edges, edits, probes, steering, units
from toymodels.techniques.scored import Scored

N, M = 8, 6
DENSITIES = (0.1, 0.2, 0.3, 0.4, 0.5)
SAMPLES, FEW = 256, 32  # of each of the two sets; few for what costs many runs of the model
CONTROL = "random directions"


def random_directions(h: Float[Array, "m samples"], x: Float[Array, "n samples"], key: PRNGKeyArray) -> Directions:
    """A direction at random for each feature: the control."""
    return Directions(jax.random.normal(key, (len(h), len(x))), labelled=True)


TECHNIQUES: Mapping[str, tm.techniques.Technique] = {
    "linear probe": probes.linear_probe,
    "probe of 1 neuron": probes.SparseProbe(1),
    "probe's direction": probes.probe_direction,
    "mean difference": probes.mean_difference,
    "own direction": probes.own_direction,
    "model's outputs": probes.read_out,
    "LEACE": edits.erasure,
    "directional ablation": edits.directional_ablation,
    "steering by means": steering.ActivationAddition(),
    "steering by probes": steering.ActivationAddition(probes.probe_direction),
    "best examples": units.MaxActivating(),
    "neuron model, one word": units.NeuronModel(1),
    CONTROL: random_directions,
}
COSTLY: Mapping[str, tm.techniques.Technique] = {
    "edge attribution": edges.attribution,
    "gradient x input": attribution.gradient_times_input,
}
NAMES = (*TECHNIQUES, *COSTLY)


def varied(key: Array, shape: tuple[int, int], dtype: Any = float) -> Float[Array, "m n"]:
    """Random directions with lengths from .5 to 1.5, in the first 2 to m of the dimensions."""
    directions, lengths, count = jax.random.split(key, 3)
    used = jnp.arange(shape[0]) < jax.random.randint(count, (), 2, shape[0] + 1)
    W = cases.frames.random(directions, shape, dtype) * used[:, None]
    return unit_columns(W) * jax.random.uniform(lengths, (1, shape[1]), dtype, 0.5, 1.5)


@specification
class Twice:
    """The metric that a technique's score is on two sets of samples of one model.

    Attributes:
        technique: what is tried.
        samples: in each set.
    """

    technique: Any = static()
    samples: int = static(default=SAMPLES)

    def __call__(self, module: nnx.Module, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, "2"]:
        """The score on each set of samples."""
        halves = jnp.stack([x[:, : self.samples], x[:, -self.samples :]])
        return jax.vmap(lambda x, key: Scored(self.technique)(module, x, key)[0])(halves, jax.random.split(key))


def dimensions(module: Any) -> Float[Array, ""]:
    """How many hidden dimensions are in use."""
    return 1.0 * (jnp.abs(module.W[...]).max(1) > 0).sum()


def dimensionality(module: Any) -> Float[Array, ""]:
    """The mean D_i over features."""
    return geometry.dimensionality(module.W[...]).mean()


def noisy(true: Float[Array, "*shape"], level: Array, key: PRNGKeyArray) -> Float[Array, "*shape"]:
    """The truth and noise, `level` times as large."""
    return true + level * jnp.sqrt(jnp.square(true).mean()) * jax.random.normal(key, true.shape)


def spoilt(level: Array) -> Mapping[str, tm.techniques.Technique]:
    """A technique for each kind of claim that knows the truth, and adds noise to it. Features are taken out and added
    along noisy directions."""

    def directions(params: Any, key: PRNGKeyArray) -> Directions:
        return Directions(noisy(params["W"], level, key), labelled=True)

    def values(x: Array, key: PRNGKeyArray) -> tm.techniques.Activations:
        return tm.techniques.Activations(noisy(x, level, key), labelled=True)

    def effects(graph: cases.Switches, x: Array, key: PRNGKeyArray) -> tm.techniques.Effects:
        return tm.techniques.Effects(abs(noisy(edges.zero_ablation(graph, x).sizes, level, key)))

    def edit(h: Array, params: Any, key: PRNGKeyArray) -> tm.techniques.Edit:
        d = unit_columns(noisy(params["W"], level, key))
        return tm.techniques.Edit(h[None] - d.T[:, :, None] * (d.T @ (h - h.mean(1, keepdims=True)))[:, None])

    def steered(h: Array, params: Any, key: PRNGKeyArray) -> tm.techniques.Steered:
        return tm.techniques.Steered(h[None] + unit_columns(noisy(params["W"], level, key)).T[:, :, None])

    def attributions(model: Any, x: Array, key: PRNGKeyArray) -> tm.techniques.Attributions:
        return tm.techniques.Attributions(noisy(attribution.shapley_values(model, x).values, level, key))

    def profiles(params: Any, key: PRNGKeyArray) -> tm.techniques.Profiles:
        return tm.techniques.Profiles(noisy(params["W"], level, key))

    return {one.__name__: one for one in (directions, values, effects, edit, steered, attributions, profiles)}


KINDS = ("directions", "values", "effects", "edit", "steered", "attributions", "profiles")
LEVELS = np.array([0, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.5])


def audit(module: nnx.Module, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Float[Array, "kind level"]:
    """The scores of the truth with more and more noise, another one at each level."""

    def scores(level: Array, key: PRNGKeyArray) -> Float[Array, " kind"]:
        return jnp.stack([Scored(one)(module, x, key)[0] for one in spoilt(level).values()])

    return jax.vmap(scores, out_axes=1)(jnp.asarray(LEVELS, float), jax.random.split(key, len(LEVELS)))


def sweep_together(full: bool, seed: int, each: int = 2_000) -> Mapping[str, Sweep]:
    """Ten thousand models at five densities, and a hundred of them for the audit of scores."""
    model, task = tm.Autoencoder(N, M, initializer=varied), tm.Task(tm.Independent(N, 0.3))
    metrics = {name: Twice(technique) for name, technique in TECHNIQUES.items()}
    metrics |= {name: Twice(technique, FEW) for name, technique in COSTLY.items()}
    exact = {"dimensions": dimensions, "dimensionality": dimensionality}

    def swept(samples: int, over: Mapping[str, Any], metrics: Mapping[str, Any]) -> Sweep:
        recipe = tm.Recipe(steps=0, batch_size=samples, evaluation_samples=samples)
        return partial(tm.sweep, model, task, recipe, over=over, metrics=metrics, params=False, progress=False)

    seeds = range(each * seed, each * seed + each)
    return {
        "models": swept(2 * SAMPLES, {"density": DENSITIES, "seed": seeds}, {**metrics, **exact}),
        "audit": swept(FEW, {"seed": seeds[:100]}, {"spoilt": audit}),
    }


def errors(models: xr.Dataset) -> Float[np.ndarray, "technique model 2"]:
    """1 - score of each technique on both sets of samples."""
    return np.stack([1 - models[name].values.reshape(-1, 2) for name in NAMES])


def at_equal(models: xr.Dataset) -> Float[np.ndarray, "technique model 2"]:
    """Errors less their means over all models of as many dimensions and the same density."""
    found, used = errors(models), models.dimensions.values
    group = (used + M * np.arange(1, len(used) + 1)[:, None]).ravel()
    for one in np.unique(group):
        found[:, group == one] -= found[:, group == one].mean(1, keepdims=True)
    return found


def correlations(errors: Float[np.ndarray, "technique model 2"]) -> Float[np.ndarray, "technique technique"]:
    """Of one technique on one set of samples with another on the other set, so that what is due to samples is not
    shared; on the diagonal, of a technique with itself."""
    rows = errors - errors.mean(1, keepdims=True)
    rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    across = rows[..., 0] @ rows[..., 1].T
    return (across + across.T) / 2


def draw_together(results: Results) -> Figure:
    """The matrix, the mean errors, and the audit."""
    from scipy.cluster.hierarchy import leaves_list, linkage  # not above: scipy takes its time
    from scipy.spatial.distance import squareform

    models = results["models"]
    overall, equal, mean = correlations(errors(models)), correlations(at_equal(models)), errors(models).mean((1, 2))
    distance = np.clip(1 - overall, 0, 2)
    order = leaves_list(linkage(squareform(distance * (1 - np.eye(len(NAMES))), checks=False), "average"))
    table = np.where(np.tri(len(NAMES), dtype=bool), overall[np.ix_(order, order)], equal[np.ix_(order, order)])
    names, places = [NAMES[one] for one in order], range(len(NAMES))
    figure, (ax, bars, lines) = plt.subplots(1, 3, figsize=(9.3, 5.0), layout="constrained", width_ratios=[6.4, 1, 1.9])
    ax.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    write_cells(ax, table)
    ax.set_title("Correlation of errors; above the diagonal, at equal superposition", fontsize=9)
    ax.set_xticks(places, names, rotation=90, fontsize=7.5)
    ax.set_yticks(places, names, fontsize=7.5)
    ax.tick_params(length=0)
    bars.barh(places, mean[order], color=tm.plots.SET_COLORS[0])
    bars.set(title="Mean error", ylim=(len(NAMES) - 0.5, -0.5), yticks=[], xlim=(0, 1.05))
    for color, kind, scores in zip(
        tm.plots.shades(len(KINDS)), KINDS, results["audit"]["spoilt"].mean("seed").values, strict=True
    ):
        lines.plot(LEVELS, scores, "o-", markersize=3, linewidth=0.9, color=color, label=kind)
    lines.set(title="Truth and noise", xlabel="noise / truth", ylabel="score", ylim=(-0.6, 1.05), yticks=[0, 0.5, 1])
    lines.legend(fontsize=7, loc="lower center")
    return figure


def claims_together(results: Results, full: bool) -> list[Claim]:
    """What fails together, what does not, and what scores are worth."""
    from scipy.stats import spearmanr  # not above: scipy takes its time

    models, spoilt = results["models"], results["audit"]["spoilt"].mean("seed").values
    found = errors(models)
    overall, equal = (_named(correlations(one)) for one in (found, at_equal(models)))
    probe, used = models["linear probe"].values.mean(-1), models.dimensions.values
    leverage = max(abs(probe[used == m].mean() - m / N) for m in range(2, M + 1))
    dims = models.dimensionality.values.ravel()
    own = 1 - found[NAMES.index("own direction")].mean(-1)
    chance = overall.loc[CONTROL].drop_sel(to=CONTROL)
    leace = 1 - models["LEACE"].values.mean((1, 2))
    noise = np.sqrt(1 / np.maximum(np.diagonal(overall.values), 1e-9) - 1)
    together = ("model's outputs", "steering by means")
    falls = [spearmanr(LEVELS, one).statistic for one in spoilt]
    return [
        at_least("own direction: correlation of its score with the mean dimensionality", corr(own, dims), 0.99),
        at_most("linear probe: largest distance of its mean score in m dimensions from m/8", leverage, 0.01),
        at_most(
            "linear probe at equal superposition: |correlation| with itself on other samples",
            abs(equal.loc["linear probe", "linear probe"]), 0.1,
        ),
        at_least("LEACE of 256 samples: mean error at density .1, less that at .5", leace[0] - leace[-1], 0.5),
        at_least("techniques whose noise is below a fifth of the spread between models", (noise < 0.2).sum(), 7),
        at_least("model's outputs and steering by means: correlation", overall.loc[together], 0.9),
        at_least("model's outputs and steering by means at equal superposition: correlation", equal.loc[together], 0.7),
        at_most(
            "linear probe and its direction: correlation", overall.loc["linear probe", "probe's direction"], -0.6
        ),
        at_most("linear probe and best examples: |correlation|",
                abs(overall.loc["linear probe", "best examples"]), 0.1),
        at_most("random directions: largest |correlation| with a technique, 4 standard errors", abs(chance).max(),
                4 / found.shape[1] ** 0.5),
        at_least("truth and noise: least of -(Spearman correlation) of score and noise", min(-one for one in falls), 1),
        at_least("scores of the truth of five kinds of claims: least",
                 min(spoilt[KINDS.index(kind), 0] for kind in KINDS if kind not in ("edit", "steered")), 0.999),
    ]  # fmt: skip


def _named(table: Float[np.ndarray, "technique technique"]) -> xr.DataArray:
    return xr.DataArray(table, {"of": list(NAMES), "to": list(NAMES)})


def corr(one: np.ndarray, other: np.ndarray) -> float:
    """Their correlation."""
    return float(np.corrcoef(one, other)[0, 1])


def other_models(results: Results) -> Results:
    """Each technique has its errors on other models, others for each set of samples, and noise on other levels."""
    rng = np.random.default_rng(0)

    def shuffled(one: xr.DataArray) -> xr.DataArray:
        axis = one.dims.index("seed") if one.name != "spoilt" else one.ndim - 1
        return one.copy(data=rng.permuted(one.values, axis=axis))

    return results.map(lambda one: one.map(lambda array: shuffled(array) if "seed" in array.dims else array))


def next_technique(results: Results) -> Results:
    """Each technique has the errors of the next one."""
    return results.map(
        lambda one: one.assign({a: one[b].rename(dict(zip(one[b].dims, one[a].dims, strict=True)))
                                for a, b in zip(NAMES, (*NAMES[1:], NAMES[0]), strict=True)})
        if CONTROL in one else one
    )  # fmt: skip


def same_samples(results: Results) -> Results:
    """The second set of samples is the first one again."""
    return results.map(
        lambda one: one.assign({name: one[name].copy(data=one[name].values[..., [0, 0]]) for name in NAMES})
        if CONTROL in one else one
    )  # fmt: skip


TOGETHER = Experiment(
    name="testbed/together",
    question="Which techniques fail on the same models?",
    source="ours",
    sweeps=sweep_together,
    draw=draw_together,
    claims=claims_together,
    shows=(
        "Ten thousand models of 8 features in 2 to 6 dimensions, with random directions, lengths from .5 to 1.5 and "
        "densities from .1 to .5. Left: correlations over models of errors, 1 less the score, of two techniques on "
        "different samples; on the diagonal, of a technique with itself. Below the diagonal over all models; above it "
        "within models of the same number of dimensions and density. What reads, erases or steers along directions "
        "fails together, as superposition grows; at equal superposition less of it does. The score of a linear probe "
        "is m/8 in m dimensions, whatever the directions are, so that nothing of its error is left there. The score "
        "of a feature's own direction is its dimensionality. A probe's direction is wrong where the probe is right. "
        "LEACE leaves a feature that it cannot tell from chance in 256 samples, and so fails where features are rare. "
        "A score's noise, from sample to sample, is $\\sqrt{1/r - 1}$ of its spread between models, with r on the "
        "diagonal. Middle: mean errors. Right: what scores make of the truth and noise, the mean over 100 models; "
        "features are taken out and added along noisy directions. Where there are dimensions that h does not use, an "
        "edit along a noisy direction takes nothing out, hence the fall. Random directions are the control."
    ),
    controls=(other_models, next_technique, same_samples),
)
