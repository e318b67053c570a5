"""A network that nobody built by hand: which hidden neurons matter for which digit, as eight techniques have it."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.questions.testbed.curves import write_cells
from toymodels import cases
from toymodels.models.autoencoder import AutoencoderModule
from toymodels.models.modules import module_with
from toymodels.techniques import attribution, edges, probes

NAMES = (
    "carried",
    "zero ablation",
    "gradient × activation",
    "integrated gradients",
    "LIME",
    "neuron means",
    "probe",
    "mean ablation",
)
CARRIED, ZERO, GRADIENT, INTEGRATED, LIME, MEANS, PROBE, MEAN = range(len(NAMES))
REMOVED = 12
ORDERS = 8
SHOWN = 3
EDGE_IMAGES = 60
Importances = Float[Array, "10 neurons"]


def sweep_digits(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Trained networks, and the same before training."""
    count = 16 if full else 4
    metrics: Mapping[str, Callable[..., Array]] = {
        "importances": importances,
        "zeroed": zeroed,
        "averaged": averaged,
        "accuracy": accuracy,
        "edges": edge_effects,
    }

    def swept(recipe: tm.Recipe | None) -> Sweep:
        case = cases.handwritten_digits(recipe=recipe)
        seeds = range(count * seed, count * seed + count)
        return partial(
            tm.sweep, case.model, case.task, case.recipe, over={"seed": seeds}, metrics=metrics, progress=False
        )

    return {"trained": swept(None), "untrained": swept(cases.EXACT)}


# --- What techniques say of one network --------------------------------------------------------------------------


def importances(module: AutoencoderModule, task: tm.Task, key: PRNGKeyArray) -> Float[Array, "technique 10 neurons"]:
    """How much each neuron speaks for each digit, on held-out images of that digit: parts of its logit or of the
    logarithm of its probability, and two that know the images' labels."""
    x, digits = _held_out(task)
    h = module.encode(x)

    def log_probabilities(z: Array) -> Array:
        return jax.nn.log_softmax(module.decode(z), axis=0)

    def own(claim: tm.techniques.Attributions) -> Importances:
        """The mean over the images of a digit of what neurons contribute to it."""
        return jnp.einsum("dks,ds->dk", claim.values, digits) / digits.sum(1, keepdims=True)

    mean, spread = h.mean(-1, keepdims=True), jnp.maximum(h.std(-1), 1e-6)[None, :]
    told = {
        CARRIED: own(attribution.gradient_times_input(module.decode, h)),
        ZERO: own(attribution.occlusion(log_probabilities, h)),
        GRADIENT: own(attribution.gradient_times_input(log_probabilities, h)),
        INTEGRATED: own(attribution.IntegratedGradients(16)(log_probabilities, h)),
        LIME: own(attribution.Lime(300)(log_probabilities, h, key)),
        MEANS: probes.mean_difference(h, digits).columns.T / spread,
        PROBE: probes.probe_direction(h, digits).columns.T * spread,
        MEAN: own(attribution.occlusion(lambda z: log_probabilities(z + mean), h - mean)),
    }
    return jnp.stack([told[number] for number in range(len(NAMES))])


def zeroed(module: AutoencoderModule, task: tm.Task, key: PRNGKeyArray) -> Float[Array, "order removed"]:
    """The share of held-out images that are still read right when the neurons that matter most for their digit are 0,
    after each technique's order, and at random in the last row."""
    return _without(module, task, key, lambda h: 0 * h)


def averaged(module: AutoencoderModule, task: tm.Task, key: PRNGKeyArray) -> Float[Array, "order removed"]:
    """The same with their mean over all images instead of 0."""
    return _without(module, task, key, lambda h: 0 * h + h.mean(-1, keepdims=True))


def _without(
    module: AutoencoderModule, task: tm.Task, key: PRNGKeyArray, instead: Callable[[Array], Array]
) -> Float[Array, "order removed"]:
    x, digits = _held_out(task)
    h = module.encode(x)
    told = importances(module, task, key)
    random = jax.random.uniform(key, (ORDERS, *told.shape[1:]))
    ranks = (-jnp.concatenate([told, random])).argsort(-1).argsort(-1)

    def right(rank: Array, count: Array) -> Array:
        gone = (rank < count).astype(float).T @ digits  # (neurons, samples)
        read = module.decode(gone * instead(h) + (1 - gone) * h).argmax(0)
        return (read == digits.argmax(0)).mean()

    counts = jnp.arange(REMOVED + 1)
    shares = jax.lax.map(lambda rank: jax.vmap(partial(right, rank))(counts), ranks)
    return jnp.concatenate([shares[: len(told)], shares[len(told) :].mean(0, keepdims=True)])


def accuracy(module: AutoencoderModule, task: tm.Task) -> Float[Array, ""]:
    """The share of held-out images that are read right."""
    x, digits = _held_out(task)
    return (module(x).argmax(0) == digits.argmax(0)).mean()


def edge_effects(module: AutoencoderModule, task: tm.Task) -> Float[Array, "2 edges"]:
    """What zero ablation and attribution say of each of 1,776 edges, on the first 60 held-out images."""
    x, graph = _held_out(task)[0][:, :EDGE_IMAGES], cases.switches(module)
    return jnp.stack([edges.zero_ablation(graph, x).sizes, edges.attribution(graph, x).sizes])


def _held_out(task: tm.Task) -> tuple[Float[Array, "64 samples"], Float[Array, "10 samples"]]:
    images = task.evaluation_features.everything()
    return images.input, jax.nn.one_hot(images.label, 10).T


# --- How far they agree ------------------------------------------------------------------------------------------


def agreement(one: xr.Dataset) -> np.ndarray:
    """The rank correlation of two techniques' neurons, the mean over digits and networks (technique, technique)."""
    return _rank_correlations(one.importances.values).mean((0, 1))


def edge_agreement(one: xr.Dataset) -> float:
    """The rank correlation of edges by zero ablation and by attribution, the mean over networks."""
    return float(_rank_correlations(one.edges.values[..., None, :])[..., 0, 1].mean())


def _rank_correlations(values: np.ndarray) -> np.ndarray:
    """(..., technique, digit, unit) -> (..., digit, technique, technique)."""
    ranks = values.argsort(-1).argsort(-1).swapaxes(-2, -3).astype(float)
    ranks -= ranks.mean(-1, keepdims=True)
    ranks /= np.linalg.norm(ranks, axis=-1, keepdims=True)
    return ranks @ ranks.swapaxes(-1, -2)


def draw_digits(results: Results) -> Figure:
    """What edges carry for threes; agreement in trained and untrained networks; what is left without neurons."""
    figure = plt.figure(figsize=(9.3, 6.0), layout="constrained")
    axes = figure.subplot_mosaic([["graph", "trained", "untrained"], ["graph", "zeroed", "averaged"]],
                                 width_ratios=(1.5, 1, 1))  # fmt: skip
    _draw_threes(axes["graph"], results["trained"])
    for name in ("trained", "untrained"):
        _draw_agreement(axes[name], results[name], name)
    _draw_left(axes["zeroed"], results["trained"].zeroed, "neurons set to 0")
    _draw_left(axes["averaged"], results["trained"].averaged, "neurons set to their mean")
    axes["zeroed"].set_ylabel("share of images read right")
    axes["averaged"].legend(fontsize=7)
    return figure


def _draw_threes(ax: Axes, one: xr.Dataset) -> None:
    params = {name: one[name].values[0] for name in ("W", "W_out", "b_hidden", "b")}
    images = cases.digit_images().test
    graph = cases.digit_graph(
        module_with(cases.handwritten_digits().model, params), images.input[:, images.label == SHOWN]
    )
    cases.draw_graph(cases.strongest(graph, 12), labels=False, ax=ax)
    ax.set_title(f"what edges carry for images of {SHOWN}")


def _draw_agreement(ax: Axes, one: xr.Dataset, title: str) -> None:
    values = agreement(one)
    ax.imshow(values, cmap="RdBu_r", vmin=-1, vmax=1)
    write_cells(ax, values, digits=1)
    numbers = [str(number + 1) for number in range(len(NAMES))]
    labels = (
        [f"{name}  {number}" for name, number in zip(NAMES, numbers, strict=True)] if title == "trained" else numbers
    )
    ax.set_xticks(range(len(NAMES)), numbers)
    ax.set_yticks(range(len(NAMES)), labels)
    ax.tick_params(length=0)
    ax.set_title(f"rank correlation, {title}")


def _draw_left(ax: Axes, left: xr.DataArray, title: str) -> None:
    drawn = {"random order": -1, "zero ablation": ZERO, "neuron means": MEANS, "probe": PROBE, "mean ablation": MEAN}
    shares = left.values.mean(0)
    for color, (name, row) in zip((tm.plots.INK, *tm.plots.SET_COLORS), drawn.items(), strict=False):
        ax.plot(range(REMOVED + 1), shares[row], "o-", color=color, markersize=3, linewidth=1, label=name)
    ax.set(title=title, xlabel="neurons removed", xticks=range(0, REMOVED + 1, 2), ylim=(-0.03, 1.03))


def last_edges(one: xr.Dataset) -> np.ndarray:
    """What zero ablation says of the edges into the logits, by what it must say, as they are linear in the neurons: the
    weight's size times the root mean square of the neuron, or 1 where both are 0."""
    x = cases.digit_images().test.input[:, :EDGE_IMAGES]
    hidden = np.maximum(one.W.values @ x + one.b_hidden.values[..., None], 0)
    exact = abs(one.W_out.values) * np.sqrt(np.square(hidden).mean(-1))[:, None]
    said = one.edges.values[:, 0, -exact[0].size :].reshape(exact.shape)
    return np.divide(said, exact, out=np.ones_like(exact), where=exact + said > 1e-4)


def claims_digits(results: Results, full: bool) -> Sequence[Claim]:
    """What techniques agree on, in networks that have learnt something and in those that have not."""
    trained, untrained = results["trained"], results["untrained"]
    learnt, before = agreement(trained), agreement(untrained)
    zero, mean = (trained[name].values.mean(0) for name in ("zeroed", "averaged"))
    return [
        at_least("share of held-out images that are read right, least of all networks", trained.accuracy.min(), 0.94),
        at_most("edges into logits, zero ablation: largest relative error", abs(last_edges(trained) - 1).max(), 0.02),
        at_least(
            "rank correlation of neurons, trained: zero ablation and gradient × activation", learnt[ZERO, GRADIENT], 0.8
        ),
        at_least(
            "rank correlation of neurons, untrained: zero ablation and gradient × activation",
            before[ZERO, GRADIENT],
            0.8,
        ),
        at_least("rank correlation of edges, trained: zero ablation and attribution", edge_agreement(trained), 0.8),
        at_least("rank correlation of neurons, trained: zero ablation and neuron means", learnt[ZERO, MEANS], 0.6),
        at_most(
            "rank correlation of neurons, untrained: zero ablation and neuron means", abs(before[ZERO, MEANS]), 0.3
        ),
        at_most("rank correlation of neurons, trained: zero ablation and a probe", learnt[ZERO, PROBE], 0.6),
        at_most("rank correlation of neurons, trained: zero ablation and mean ablation", learnt[ZERO, MEAN], 0.3),
        at_most("read right without four neurons, set to 0 in zero ablation's order", zero[ZERO, 4], 0.3),
        at_least("read right without four neurons, set to 0 in mean ablation's order", zero[MEAN, 4], 0.5),
        at_most("read right without twelve neurons, set to their mean in mean ablation's order", mean[MEAN, 12], 0.5),
        at_least("read right without twelve neurons, set to their mean in zero ablation's order", mean[ZERO, 12], 0.7),
    ]


def the_other_networks(results: Results) -> Results:
    """Untrained networks for trained ones, and the other way round."""
    return Results({"trained": results["untrained"], "untrained": results["trained"]})


def another_order(results: Results) -> Results:
    """Each technique has what the next one says, and what is left after it."""
    first = {"importances": 1, "zeroed": 1, "averaged": 1, "edges": 1}
    return results.map(lambda one: one.assign({name: _rolled(one[name], axis) for name, axis in first.items()}))


def nothing_known(results: Results) -> Results:
    """The neurons of each technique in an order of its own; what is left is that of a random order."""
    random = np.random.default_rng(0)

    def lost(one: xr.Dataset) -> xr.Dataset:
        shuffled = {
            name: (one[name].dims, random.permuted(one[name].values, axis=-1)) for name in ("importances", "edges")
        }
        left = {
            name: (one[name].dims, 0 * one[name].values + one[name].values[:, -1:]) for name in ("zeroed", "averaged")
        }
        return one.assign({**shuffled, **left})

    return results.map(lost)


def all_the_same(results: Results) -> Results:
    """All techniques say what the first one says."""

    def first(one: xr.Dataset) -> xr.Dataset:
        named = ("importances", "zeroed", "averaged")
        return one.assign({name: (one[name].dims, 0 * one[name].values + one[name].values[:, :1]) for name in named})

    return results.map(first)


def _rolled(one: xr.DataArray, axis: int) -> tuple[tuple[object, ...], np.ndarray]:
    return one.dims, np.roll(one.values, 1, axis=axis)


DIGITS = Experiment(
    name="testbed/digits",
    question="How far do techniques agree about a network that nobody built by hand?",
    source="ours",
    sweeps=sweep_digits,
    draw=draw_digits,
    claims=claims_digits,
    shows=(
        "A network of 64 pixels, 24 ReLU neurons and ten logits, trained on the digits of scikit-learn: four seeds, "
        "300 images held out. Left: what edges carry for images of 3 in the mean, weight times source, the twelve "
        "strongest into each layer; pixels by row and column, red for positive. First row: which neurons speak for a "
        "digit, by eight techniques; their rank correlations, the mean over digits and networks. Techniques that ask "
        "what outputs lose when a neuron is 0 (1-5) agree with each other, and as well before training as after: that "
        "they agree says nothing of what was learnt. That they agree with the means of neurons over the images of a "
        "digit (6) is learnt. A probe's weights (7) say little of what the network uses. Mean ablation (8) says "
        "something else: there, a neuron that holds a digit back speaks for it by being quieter than usual. Second "
        "row: the share of images that are still read right when the neurons that matter most for their digit are "
        "taken out, in the order of a technique. Each ablation is right about itself, and only about itself: neurons "
        "that zero ablation puts first can be set to their mean, twelve of them, at less cost than in a random order."
    ),
    controls=(the_other_networks, another_order, nothing_known, all_the_same),
)
