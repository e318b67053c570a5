"""One neuron that is on or off, and four features of which exactly one is there: which of them should it be on for?"""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from flax import nnx
from jaxtyping import Array, Bool, Float
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from toymodels.features import full_batch

N = 4  # features A, B, C, D
COUNTS = np.array([[15 + 3 * more, 15 - more, 15 - more, 15 - more] for more in range(7)])  # of 60 samples
FREQUENCIES = COUNTS / COUNTS.sum(1, keepdims=True)  # that of A goes from 1/4 to .55
BORDER = 0.4  # of the frequency of A, see `claims_frequent_feature`
LOSSES = {"cross_entropy": "cross-entropy (nats)", "squared_error": "squared error, summed over outputs"}
CLOSE = 0.005


# --- Training ----------------------------------------------------------------------------------------------------


@tm.specification
class BinaryNeuron:
    """A neuron that is on with the probability sigmoid(W x + b), and n outputs W_out h + b_out of its state h, 1 or 0.

    The loss is expected over both states, so that its gradient is exact: a step has none. At its minima the probability
    is 0 or 1.
    """

    def __call__(self, *, rngs: nnx.Rngs) -> "BinaryNeuronModule":
        """The module with fresh parameters."""
        return BinaryNeuronModule(rngs=rngs)


class BinaryNeuronModule(nnx.Module):
    """The `nnx.Module` that a `BinaryNeuron` describes."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.W = nnx.Param(jax.random.normal(rngs.params(), (1, N)))
        self.W_out = nnx.Param(jax.random.normal(rngs.params(), (N, 1)))
        self.b, self.b_out = nnx.Param(jnp.zeros(1)), nnx.Param(jnp.zeros(N))

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters are called."""
        return {"W": ("hidden", "feature"), "W_out": ("feature", "hidden"), "b": ("hidden",), "b_out": ("feature",)}

    def __call__(self, x: Float[Array, "features batch"]) -> Float[Array, "rows states batch"]:
        """The outputs in either state, on and off, and in the last row the probability of the state."""
        on = jax.nn.sigmoid(self.W[...] @ x + self.b[...][:, None])
        outputs = jnp.stack([self.W_out[...][:, 0] + self.b_out[...], self.b_out[...]], axis=1)
        outputs = jnp.broadcast_to(outputs[..., None], (N, 2, x.shape[-1]))
        return jnp.concatenate([outputs, jnp.stack([on, 1 - on], axis=1)])


def cross_entropy(prediction: Float[Array, "rows states batch"], x: Float[Array, "features batch"]) -> Array:
    """-log softmax(outputs) of the feature that is there, expected over the states."""
    outputs, probability = prediction[:-1], prediction[-1]
    return (probability * (jax.nn.logsumexp(outputs, axis=0) - (outputs * x[:, None]).sum(0))).sum(0)


def squared_error(prediction: Float[Array, "rows states batch"], x: Float[Array, "features batch"]) -> Array:
    """|outputs - x|², summed over outputs, expected over the states."""
    outputs, probability = prediction[:-1], prediction[-1]
    return (probability * jnp.square(outputs - x[:, None]).sum(0)).sum(0)


def sweep_one_neuron(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Both losses at several frequencies of A, on all 60 samples at every step: losses are exact."""
    samples = [np.repeat(np.eye(N, dtype=np.float32), counts, axis=1) for counts in COUNTS]
    data = tm.Dataset(samples[0], batches=full_batch)
    recipe = tm.Recipe(steps=4_000 if full else 1_000, learning_rate=0.1)
    over, restarts = {"samples": samples}, 256 if full else 64
    return {
        loss.__name__: partial(
            tm.sweep, BinaryNeuron(), tm.Task(data, loss=loss), recipe, over=over, seed=seed, restarts=restarts
        )
        for loss in (cross_entropy, squared_error)
    }


# --- Exactly -----------------------------------------------------------------------------------------------------


def exact_losses(p: Float[np.ndarray, "*#batch 4"], on: Bool[np.ndarray, "*#batch 4"]) -> dict[str, np.ndarray]:
    """The least loss where the neuron is on for some features: with the outputs that are best for either state. These
    are the shares of the features for which the neuron is in that state, q_i, so that the losses are -Σ p_i ln q_i and
    1 - Σ p_i q_i.

    >>> equal, pair = np.full(4, 1 / 4), np.array([True, True, False, False])
    >>> {name: round(float(loss), 4) for name, loss in exact_losses(equal, pair).items()}  # ln 2
    {'cross_entropy': 0.6931, 'squared_error': 0.5}
    """
    state = np.where(on, (p * on).sum(-1, keepdims=True), (p * ~on).sum(-1, keepdims=True))
    share = p / state
    return {"cross_entropy": -(p * np.log(share)).sum(-1), "squared_error": 1 - (p * share).sum(-1)}


class Trained(NamedTuple):
    """What models do.

    Attributes:
        on: for which features the neuron is on.
        loss: on features of their frequencies.
    """

    on: Bool[np.ndarray, "frequency restart 4"]
    loss: Float[np.ndarray, "frequency restart"]


def trained(results: Results, name: str) -> Trained:
    """From the parameters alone: a model's loss on each of the four features, weighted by frequency."""
    one = results[name]
    on = one.W.values[..., 0, :] + one.b.values > 0
    prediction = one.W_out.values * on[..., None, :] + one.b_out.values[..., None]  # (..., output, feature)
    if name == "cross_entropy":
        chosen = np.diagonal(prediction, axis1=-2, axis2=-1)
        losses = np.logaddexp.reduce(prediction, axis=-2) - chosen
    else:
        losses = ((prediction - np.eye(N)) ** 2).sum(-2)
    return Trained(on, (FREQUENCIES[:, None] * losses).sum(-1))


def best_on(models: Trained) -> Bool[np.ndarray, "frequency 4"]:
    """For which features the best model's neuron is in the state that it has for A."""
    on = np.take_along_axis(models.on, models.loss.argmin(-1)[:, None, None], axis=1)[:, 0]
    return on == on[:, :1]


# --- binary-neuron: two features are better than one ---------------------------------------------------------------


def draw_binary_neuron(results: Results) -> Figure:
    """The loss of each model against the number of features for which its neuron is on, beside the exact ones."""
    figure, axes = plt.subplots(1, 2, figsize=(9.3, 3.6), layout="constrained")
    for ax, (name, label) in zip(axes, LOSSES.items(), strict=True):
        models = trained(results, name)
        count, loss = models.on[0].sum(-1), models.loss[0]
        ax.plot(count, loss, "o", color=tm.plots.ORANGE, markersize=7, mew=0, label="trained")
        for number in range(N + 1):
            exact = exact_losses(FREQUENCIES[0], np.arange(N) < number)[name]
            ends = [number - 0.35, number + 0.35]
            ax.plot(ends, [exact, exact], color=tm.plots.INK, zorder=1, label="" if number else "least possible")
            ax.text(number, 0.02, f"{(count == number).sum()} models", ha="center", transform=ax.get_xaxis_transform())
        ax.set(xlabel="number of features for which the neuron is on", ylabel=label, ylim=(0, None))
        ax.set_xticks(range(N + 1))
    axes[0].legend(loc="upper center")
    return figure


def claims_binary_neuron(results: Results, full: bool) -> list[Claim]:
    """A neuron that is on for A alone costs (3/4) ln 3 = .8240 nats, one for A and B ln 2 = .6931. The squared error is
    1/2 for both: it is 1 less a quarter for each state that the neuron has.

    A neuron that is off for one feature alone tells as much as one that is on for it.
    """
    least = {name: _least_losses(trained(results, name)) for name in LOSSES}
    mono, poly = least["cross_entropy"]
    best = best_on(trained(results, "cross_entropy"))[0].sum()
    polysemantic = {name: (trained(results, name).on[0].sum(-1) == 2).mean() for name in LOSSES}
    return [
        at_most(
            "cross-entropy, one feature told from three: difference from (3/4) ln 3",
            abs(mono - 0.75 * np.log(3)),
            CLOSE,
        ),
        at_most("cross-entropy, two features told from two: difference from ln 2", abs(poly - np.log(2)), CLOSE),
        equal("cross-entropy: number of features that the best model's neuron treats alike, A among them", best, 2),
        at_most(
            "squared error: difference between one feature told from three and two from two",
            abs(np.subtract(*least["squared_error"])),
            CLOSE,
        ),
        at_least(
            "share of models that tell two features from two: with the cross-entropy minus with the squared error",
            polysemantic["cross_entropy"] - polysemantic["squared_error"],
            0.1,
            source="ours",
        ),
        at_most("squared error of the best model: difference from 1/2", abs(min(least["squared_error"]) - 0.5), CLOSE),
    ]


def _least_losses(models: Trained) -> tuple[float, float]:
    """At equal frequencies: of neurons that tell one feature from three, and of those that tell two from two."""
    count, loss = models.on[0].sum(-1), models.loss[0]
    sizes = [count % 2 == 1, count == 2]
    mono, poly = (loss[there].min() if there.any() else np.nan for there in sizes)
    return mono, poly


def monosemantic(results: Results) -> Results:
    """The neuron is on for A alone, with the outputs that are best for the cross-entropy."""
    given = {"W": [[1, 0, 0, 0]], "b": [-0.5], "W_out": [[30], [0], [0], [0]], "b_out": [-15, 0, 0, 0]}
    return changed(results, lambda one: np.broadcast_to(np.array(given[str(one.name)], float), one.shape))


BINARY_NEURON = Experiment(
    name="bricken2023/binary-neuron",
    question="Is a neuron better on for one feature or for two, where nothing is in superposition?",
    source="text, on polysemantic neurons without superposition",
    sweeps=sweep_one_neuron,
    draw=draw_binary_neuron,
    claims=claims_binary_neuron,
    shows="A dot is a trained model: its loss, against the number of features for which its neuron is on; how many "
    "models these are stands below. Lines are the least losses that such neurons can have. Of the four features "
    "one is there at a time, each with probability 1/4, and the outputs have to tell which from the neuron's one "
    "bit. Left, the cross-entropy: on for one feature, the neuron leaves three that cannot be told apart in three "
    "cases of four, (3/4) ln 3 = .824 nats; on for two, it leaves two in every case, ln 2 = .693. So two "
    "features are better than one, and without superposition: no two of them are ever there together. Right, the "
    "squared error is the same for one, two and three.",
    differences=(
        "the paper gives the two cross-entropies, rounded to .8 and .7, and says that the squared error does not share "
        "the preference; whether it trained such a model is not known to us",
        "ours: while it is trained, the neuron is on with the probability sigmoid(W x + b), and the loss is "
        "expected over that; then it is on where W x + b > 0",
        "ours: 64 models (256 with --full), Adam 0.1 with warm-up and cosine decay, 1,000 steps (4,000) on all samples",
    ),
    controls=(monosemantic,),
)

# --- frequent-feature: how much more frequent a feature must be to have the neuron to itself ------------------------

SPLITS = {
    "A alone": (True, False, False, False),
    "A and one other": (True, True, False, False),
    "A and two others": (True, True, True, False),
}


def draw_frequent_feature(results: Results) -> Figure:
    """The exact loss of each split against the frequency of A, and the best trained model's."""
    figure, axes = plt.subplots(1, 2, figsize=(9.3, 3.8), layout="constrained")
    p_A = np.linspace(0.25, 0.55, 121)
    p = np.stack([p_A, *[(1 - p_A) / 3] * 3], axis=-1)
    for ax, (name, label) in zip(axes, LOSSES.items(), strict=True):
        models = trained(results, name)
        size = best_on(models).sum(-1)
        for number, (split, color) in enumerate(zip(SPLITS, tm.plots.SET_COLORS, strict=False), start=1):
            ax.plot(p_A, exact_losses(p, np.array(SPLITS[split]))[name], color=color, label=split)
            there = size == number
            ax.plot(FREQUENCIES[there, 0], models.loss.min(-1)[there], "o", color=color)
        ax.set(xlabel="frequency of A", ylabel=label)
    axes[0].axvline(BORDER, color=tm.plots.FAINT, linewidth=0.8, zorder=0)
    axes[0].legend(title="the neuron tells apart")
    return figure


def claims_frequent_feature(results: Results, full: bool) -> list[Claim]:
    """The cross-entropy is H(features) - H(neuron): the neuron should be on half of the time, or nearly. With A and one
    other it is so with the probability p + (1 - p)/3, as far from 1/2 as A alone is where p = .4. The squared error is
    1 - Σ p_i q_i, which is least for A alone as soon as p > 1/4."""
    sizes = {name: best_on(trained(results, name)).sum(-1) for name in LOSSES}
    p_A = FREQUENCIES[:, 0]
    below, above = (p_A > 0.251) & (p_A < BORDER - 0.01), p_A > BORDER + 0.01
    exact = {
        name: np.min([exact_losses(FREQUENCIES, np.array(on))[name] for on in SPLITS.values()], 0) for name in LOSSES
    }
    excess = [trained(results, name).loss.min(-1) - exact[name] for name in LOSSES]
    return [
        equal(
            "cross-entropy, frequency of A .30 and .35: models of two whose neuron tells A and one other from the rest",
            (sizes["cross_entropy"][below] == 2).sum(),
            2,
        ),
        equal(
            "cross-entropy, frequency of A .45 to .55: models of three whose neuron tells A from the rest",
            (sizes["cross_entropy"][above] == 1).sum(),
            3,
        ),
        equal(
            "squared error, frequency of A .30 to .55: models of six whose neuron tells A from the rest",
            (sizes["squared_error"][1:] == 1).sum(),
            6,
        ),
        at_most("largest difference of a best model's loss from the least exact one", np.abs(excess).max(), 2 * CLOSE),
    ]


def a_rare_feature(results: Results) -> Results:
    """The neuron is on for D alone, whatever the frequencies."""
    given = {"W": [[0, 0, 0, 1]], "b": [-0.5], "W_out": [[0], [0], [0], [30]], "b_out": [0, 0, 0, -15]}
    return changed(results, lambda one: np.broadcast_to(np.array(given[str(one.name)], float), one.shape))


FREQUENT_FEATURE = Experiment(
    name="bricken2023/frequent-feature",
    question="How much more frequent than others must a feature be to have the neuron to itself?",
    source="ours",
    sweeps=sweep_one_neuron,
    draw=draw_frequent_feature,
    claims=claims_frequent_feature,
    shows="Lines: the least loss of a neuron that tells A from the other three features, or A and some of them from "
    "the rest, against the frequency of A; the others are equally frequent. Dots: the best of 64 trained models, in "
    "the colour of what its neuron tells apart. Left, the cross-entropy is what is not known of the feature after "
    "the neuron's bit, so the best neuron is on half of the time: for A and one other up to a frequency of 2/5 "
    "(grey line), and from there on for A alone. Right, by the squared error A has the neuron to itself as soon "
    "as it is the most frequent feature. So the preference for polysemantic neurons is one of the cross-entropy, "
    "and of features of similar frequency.",
    differences=(
        "not in the paper, whose four features are equally frequent",
        "ours: models and training as in binary-neuron",
    ),
    controls=(monosemantic, a_rare_feature),
)
