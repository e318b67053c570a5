"""Small transformers that were trained, beside those whose weights are set by hand."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float, Int
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from toymodels import cases
from toymodels.analysis import heads
from toymodels.features import Labelled
from toymodels.models import TransformerModule

SEQUENCES = tm.RepeatedSequences(vocabulary=8, length=10, shortest=3, longest=6)
TRIGRAMS = tm.SkipTrigrams(n_keys=8, n_queries=3, n_others=2, length=6)
LABELLED = SEQUENCES.length - SEQUENCES.longest  # positions, the last ones
PERIOD = 5  # of the sequence on which attention is drawn
RATES = (0.0, 1e-2)  # of learning: models that are not trained are those that learn nothing


def sweep_transformers(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Transformers of one and two layers on repeated sequences, and of one and two heads on skip trigrams."""

    def swept(model: tm.Transformer, features: Any, steps: int, over: Mapping[str, Any], **metrics: Any) -> Sweep:
        count = 10 if full else 3
        return partial(
            tm.sweep,
            model,
            tm.Task(features, loss=tm.cross_entropy_at_end),
            tm.Recipe(steps=steps, batch_size=128, evaluation_samples=2_048),
            over={**over, "seed": range(count * seed, count * seed + count)},
            metrics=metrics,
            params=False,
            progress=False,
        )

    layers = partial(tm.Transformer, SEQUENCES.vocabulary, SEQUENCES.length, 24, d_head=12)
    trigrams = partial(tm.Transformer, TRIGRAMS.vocabulary, TRIGRAMS.length, 24, n_layers=1)
    looks = {"scores": scores, "pattern": pattern, "by_hand": by_hand, "pattern_by_hand": pattern_by_hand}
    says = {"right": right, "right_by_hand": right_by_hand}
    return {
        "two layers": swept(layers(n_layers=2), SEQUENCES, 600, {"learning_rate": RATES}, **looks),
        "one layer": swept(layers(n_layers=1), SEQUENCES, 600, {}),
        "two heads": swept(trigrams(n_heads=2, d_head=4), TRIGRAMS, 800, {}, **says),
        "one head": swept(trigrams(n_heads=1, d_head=8), TRIGRAMS, 800, {}),
    }


# --- Induction: where heads look ---------------------------------------------------------------------------------


def scores(module: TransformerModule, x: Labelled) -> Float[Array, "3"]:
    """Attention of the first head to the token before, and of the second one to what followed the same token; the share
    of tokens that the second one copies."""
    named = module.activations(x.input)
    return jnp.stack(
        [
            heads.previous_token(named["pattern1"])[0],
            heads.prefix_matching(named["pattern2"][0, -LABELLED:], x.input),
            heads.copying(module.copied(2))[0],
        ]
    )


def pattern(module: TransformerModule) -> Float[Array, "query key"]:
    """Attention of the second head on one sequence."""
    return module.activations(_one_sequence())["pattern2"][0, :, :, 0]


def by_hand(x: Labelled) -> Float[Array, "4"]:
    """The scores of the heads that are set by hand, and their loss."""
    module = _induction()
    same, logits = _from_everywhere(module, x.input)
    return jnp.stack(
        [
            heads.previous_token(module.activations(x.input)["previous"]),
            heads.prefix_matching(same[-LABELLED:], x.input),
            heads.copying(module.OV2[...]),
            tm.cross_entropy_at_end(logits, x.label).mean(),
        ]
    )


def pattern_by_hand() -> Float[Array, "query key"]:
    """Attention of the second head by hand on the same sequence."""
    return _from_everywhere(_induction(), _one_sequence())[0][:, :, 0]


def _induction() -> Any:
    return cases.Induction(SEQUENCES.vocabulary, SEQUENCES.length)(rngs=nnx.Rngs(0))


def _one_sequence() -> Int[Array, "position 1"]:
    return jnp.arange(SEQUENCES.length)[:, None] % PERIOD


def _from_everywhere(module: Any, tokens: Int[Array, "position batch"]) -> tuple[Array, Array]:
    """Where the second head by hand looks from each position [from, to, sample], and the logits there: as
    `cases.Induction` does from the last one."""
    h = module.activations(tokens)["hidden"]
    token, _, previous = jnp.split(module.directions, module.stops, axis=1)
    here, before = (jnp.tensordot(part.T, h, 1) for part in (token, previous))
    matches = jnp.einsum("vqb,vw,wkb->qkb", here, module.QK2[...], before)
    looks = jax.nn.softmax(matches, axis=1, where=jnp.tri(len(tokens), dtype=bool)[:, :, None])
    return looks, jnp.tensordot(module.OV2[...], jnp.einsum("vkb,qkb->vqb", here, looks), 1)


# --- Skip trigrams: what heads say -------------------------------------------------------------------------------


def right(module: Any, x: Labelled) -> Float[Array, "4 query"]:
    """The share of samples of each query that are answered right with the first head alone, the second one alone, both,
    and only with both: the other head is set to 0."""
    named = module.activations(x.input)
    both = named["prediction"][:, -1]
    first, second = (module.logits(one[:, -1]) for one in named["heads1"])
    alone, other, joint = (one.argmax(0) == x.label[0] for one in (both - second, both - first, both))
    asked = x.input[-1:] - TRIGRAMS.n_keys == jnp.arange(TRIGRAMS.n_queries)[:, None]
    told = jnp.stack([alone, other, joint, joint & ~alone & ~other])
    return (told[:, None] & asked[None]).sum(-1) / asked.sum(-1)[None]


def right_by_hand(x: Labelled) -> Float[Array, "4 query"]:
    """The same of the heads that are set by hand."""
    case: Any = cases.skip_trigrams(TRIGRAMS.n_keys, TRIGRAMS.length)
    return right(tm.module_with(case.model, case.start), x)


# --- What is drawn and claimed -----------------------------------------------------------------------------------


def models(results: Results) -> Mapping[str, xr.Dataset]:
    """Those of two layers that were not trained, and those that were."""
    rates = results["two layers"]
    return {"untrained": rates.isel(learning_rate=0), "trained": rates.isel(learning_rate=1)}


def draw_transformers(results: Results) -> Figure:
    """Where heads look and their scores; losses, and what heads answer alone and together."""
    figure, axes = plt.subplots(2, 3, figsize=(9.3, 5.4), layout="constrained", width_ratios=(1.25, 1, 1.15))
    trained, answers = models(results)["trained"], results["two heads"]
    _draw_losses(axes[0, 0], results)
    _draw_pattern(axes[0, 1], trained.pattern.values[0], "Second head looks: trained")
    _draw_pattern(axes[0, 2], trained.pattern_by_hand.values[0], "by hand")
    _draw_scores(axes[1, 0], results)
    _draw_answers(axes[1, 1], answers.right.values[0], "Heads answer: trained")
    _draw_answers(axes[1, 2], answers.right_by_hand.values[0], "by hand")
    figure.legend(*axes[1, 1].get_legend_handles_labels(), loc="outside lower right", ncols=3, fontsize=7.5)
    return figure


def _draw_losses(ax: Axes, results: Results) -> None:
    two = models(results)
    losses = {
        "untrained": two["untrained"].loss.values,
        "one layer": results["one layer"].loss.values,
        "two layers": two["trained"].loss.values,
        "by hand": two["trained"].by_hand.values[:, -1],
        "one head": results["one head"].loss.values,
        "two heads": results["two heads"].loss.values,
    }
    for place, values in enumerate(losses.values()):
        color = tm.plots.SET_COLORS[place // 4]
        ax.plot(np.full(len(values), place), values, "o", color=color, markersize=5, alpha=0.8)
    ax.axvline(3.5, color=tm.plots.INK, linewidth=0.6)
    ax.set_xticks(range(len(losses)), [name.replace(" ", "\n") for name in losses], fontsize=7.5)
    ax.set(title="Loss: repeats | skip trigrams", ylabel="loss", yscale="log", xlim=(-0.5, 5.5))


def _draw_pattern(ax: Axes, attention: np.ndarray, title: str) -> None:
    """Attention, with rings where the same token's follower stands, from the positions that are labelled."""
    ax.imshow(np.clip(attention, 0, 1), cmap="Blues", vmin=0, vmax=1)
    places = np.arange(SEQUENCES.length)
    asked = places[-LABELLED:]
    ax.plot(asked + 1 - PERIOD, asked, "o", color=tm.plots.SET_COLORS[1], markersize=9, markerfacecolor="none")
    letters = ["abcdefgh"[place % PERIOD] for place in places]
    ax.set_xticks(places, letters)
    ax.set_yticks(places, letters)
    ax.set(title=title, xlabel="to", ylabel="from")


def _draw_scores(ax: Axes, results: Results) -> None:
    two = models(results)
    found = {
        "by hand": two["trained"].by_hand.values[:, :3],
        "trained": two["trained"].scores.values,
        "untrained": two["untrained"].scores.values,
    }
    for number, (name, values) in enumerate(found.items()):
        places = np.broadcast_to(np.arange(3) + 0.2 * (number - 1), values.shape)
        color = tm.plots.SET_COLORS[number]
        ax.plot(places.ravel(), values.ravel(), "o", color=color, markersize=5, alpha=0.8, label=name)
    ax.set_xticks(range(3), ["token before\n(first head)", "prefix\nmatching", "copying\n"])
    ax.set(title="Scores of heads", ylim=(-0.05, 1.05), xlim=(-0.5, 2.5))
    ax.legend(fontsize=7.5, loc="center", bbox_to_anchor=(0.48, 0.58))


def _draw_answers(ax: Axes, shares: np.ndarray, title: str) -> None:
    """The share of samples that are answered right, by query."""
    queries = np.arange(TRIGRAMS.n_queries)
    for number, name in enumerate(("first head alone", "second alone", "both")):
        color = tm.plots.SET_COLORS[number]
        ax.bar(queries + 0.27 * (number - 1), shares[number], 0.25, color=color, label=name)
    ax.set_xticks(queries, [str(query + 1) for query in queries])
    ax.set(title=title, xlabel="query", ylabel="share right", ylim=(0, 1.05))


def claims_transformers(results: Results, full: bool) -> list[Claim]:
    """Training finds what was set by hand, but for how heads share work."""
    untrained, trained = models(results).values()
    by_hand = trained.by_hand.values
    told, hand = results["two heads"].right.values, results["two heads"].right_by_hand.values
    apart = abs(trained.pattern.values - trained.pattern_by_hand.values)[:, -LABELLED:].max((-2, -1))
    before = trained.scores.values[:, 0] - untrained.scores.values[:, 0]
    return [
        at_most("repeats, two layers: largest loss", trained.loss.max(), 0.01),
        at_least("repeats, one layer: least loss", results["one layer"].loss.min(), 0.1),
        at_least("repeats, untrained: least loss", untrained.loss.min(), 1.5),
        at_most("repeats, by hand: largest loss", by_hand[:, -1].max(), 0.1),
        at_least("trained: least prefix matching", trained.scores.values[:, 1].min(), 0.9),
        at_least("trained: least share of tokens that are copied", trained.scores.values[:, 2].min(), 0.9),
        at_most("untrained: largest prefix matching", untrained.scores.values[:, 1].max(), 0.3),
        at_least("by hand: least prefix matching", by_hand[:, 1].min(), 0.85),
        at_most("by how much attention of trained heads and of those by hand differs, mean", apart.mean(), 0.15),
        at_least("by how much the first head looks more at the token before than untrained, mean", before.mean(), 0.1),
        at_most("trained: mean attention of the first head to the token before",
                trained.scores.values[:, 0].mean(), 0.8),
        at_least("by hand: the same", by_hand[:, 0].min(), 0.99),
        at_most("skip trigrams, two heads: largest loss", results["two heads"].loss.max(), 0.01),
        at_least("skip trigrams, one head: mean loss", results["one head"].loss.mean(), 0.05),
        equal("by hand, third query: largest share right with one head alone", hand[:, :2, 2].max(), 0),
        at_least("by hand, third query: least share right with both", hand[:, 2, 2].min(), 0.999),
        at_least("trained, any query: least share right with both", told[:, 2].min(), 0.99),
        at_most("trained, all queries: largest share right with one head alone", told[:, :2].mean(-1).max(), 0.8),
        at_least("trained, all queries: mean share right only with both", told[:, 3].mean(), 0.1),
    ]  # fmt: skip


def nothing_learned(results: Results) -> Results:
    """What was not trained stands where what was trained belongs, and the other way round."""
    two = results["two layers"]
    swapped = {name: (one.dims, one.values[::-1]) for name, one in two.items() if "learning_rate" in one.dims}
    return Results({**results, "two layers": two.assign(swapped)})


def one_is_enough(results: Results) -> Results:
    """One layer and one head do what two do."""
    layer, head = results["one layer"], results["one head"]
    best = results["two layers"].loss.isel(learning_rate=1)
    return Results(
        {
            **results,
            "one layer": layer.assign(loss=best),
            "one head": head.assign(loss=results["two heads"].loss),
        }
    )


def two_do_no_better(results: Results) -> Results:
    """Two heads do what one does."""
    return Results({**results, "two heads": results["two heads"].assign(loss=results["one head"].loss)})


def heads_for_themselves(results: Results) -> Results:
    """Either head alone is right, as far as both are."""
    return _answering(results, lambda told: np.stack([told[2], told[2], told[2], 0 * told[2]]))


def heads_against_each_other(results: Results) -> Results:
    """Both heads together are as often right as the first one."""
    return _answering(results, lambda told: np.stack([told[0], told[1], told[0], 0 * told[0]]))


def by_hand_as_untrained(results: Results) -> Results:
    """Heads that are set by hand look and copy as those that are not trained."""
    two = results["two layers"]
    worse = np.concatenate([two.scores.values, two.loss.values[..., None]], axis=-1)[:1]
    return Results(
        {**results, "two layers": two.assign(by_hand=(two.by_hand.dims, np.broadcast_to(worse, two.by_hand.shape)))}
    )


def trained_as_by_hand(results: Results) -> Results:
    """The first head has learned to look at the token before, and nowhere else."""
    two = results["two layers"]
    return Results({**results, "two layers": two.assign(scores=(two.scores.dims, two.by_hand.values[..., :3]))})


def _answering(results: Results, change: Callable[[np.ndarray], np.ndarray]) -> Results:
    """Other shares of right answers, (4, seed, query) -> the same."""
    two = results["two heads"]
    names = ("right", "right_by_hand")
    changed = {name: (two[name].dims, np.moveaxis(change(np.moveaxis(two[name].values, 1, 0)), 0, 1)) for name in names}
    return Results({**results, "two heads": two.assign(changed)})


TRANSFORMERS = Experiment(
    name="testbed/transformers",
    question="Do small transformers learn the heads that one would set by hand?",
    source="ours, after Olsson et al. 2022 and Jermyn et al. 2023",
    sweeps=sweep_transformers,
    draw=draw_transformers,
    claims=claims_transformers,
    shows=(
        "Attention-only transformers on tokens. Losses, each point a model: a block of random tokens that comes again "
        "and again takes two layers; skip trigrams, whose meaning depends on the query, are learned by two heads of "
        "four dimensions, and less well by one of eight. Where the second head looks in the first trained model, and "
        "by hand, from each token (rows) to those before; rings are where an induction head must look from the "
        "positions that are trained on. Scores: most models learn prefix matching and copying as they are set by "
        "hand; at one of five seeds, one of three answers in another way. By hand prefix matching is not 1, since the "
        "first position takes its own token for the one before it. The first head looks at the token before less than "
        "by hand, and yet the loss is lower. Last, the share of samples of each query that are answered right with "
        "one head, the other one set to 0, and with both, in the first trained model and by hand, where only the sum "
        "answers the third query. Trained heads share their work too, in another way in each model: neither head "
        "answers all, and some samples are answered only by the sum."
    ),
    controls=(
        nothing_learned,
        one_is_enough,
        two_do_no_better,
        heads_for_themselves,
        heads_against_each_other,
        by_hand_as_untrained,
        trained_as_by_hand,
    ),
)
