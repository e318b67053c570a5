"""Scores: what a claim is worth, given the truth. 1 is the truth, 0 is chance, and higher is better.

    score = (raw - chance) / (1 - chance)

- `Directions`: raw is the mean over the *true* features of the signed cosine between a feature's direction and the
  claimed one that it is matched with, one to one (Kuhn 1955); a feature that none is left for counts as 0. Chance is
  the same for random directions, as many as were claimed.
- labelled `Directions`: the cosine of each feature's own; chance is that with the others'.
- `Activations`: raw is the mean of R², the share of the variance of the feature's value that the matched row explains
  along a line that rises; chance is that of the same rows in other samples.
- labelled `Activations`: R² of each feature's own row; chance is that of the same rows in other samples.
- `Effects`: raw is R² of the true effects, the share of their variance over all edges that the claimed sizes explain
  along a line that rises; chance is that of the same sizes for other edges.
- `Edit`: raw is the share of a feature's R², as the best linear probe for it has on h, that is gone after the edit
  meant for it, less the share that the others lose; the mean over features. Chance is 0: what does not know the
  feature takes as much from it as from the others.
- `Number`: raw is 1 - abs(log(claimed / n)) / log n, 0 for "one feature".

Only features that have a direction are counted.
"""

from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from toymodels.analysis import dictionaries
from toymodels.arrays import AnyArray, library, ratio
from toymodels.cases import Truth
from toymodels.techniques.claims import Activations, Directions, Edit, Effects, Number

RANDOM = 64
"""How many random dictionaries, or orders of edges, chance is the mean of."""

NOTHING = 1e-6
"""An edge whose effect is smaller does nothing."""


class Score(NamedTuple):
    """What a claim is worth, as numbers; those that a kind of claim does not have are NaN.

    Attributes:
        score: 1 for the truth, 0 for chance.
        raw: before chance is taken off.
        chance: what `raw` is by chance.
        found: share of the true features with a claimed direction of cosine above .9.
        mmcs: mean over the true features of the largest cosine with a claimed direction.
        r_squared: mean R² of the true features' values, where activations are claimed.
        l0: mean number of claimed features that are on in a sample.
        dead: share of the claimed features that are on in no sample.
        auroc: probability that an edge that does something is claimed to do more than one that does nothing, where
            effects are claimed and there are edges of both kinds.
    """

    score: Float[AnyArray, ""]
    raw: Float[AnyArray, ""]
    chance: Float[AnyArray, ""]
    found: Float[AnyArray, ""]
    mmcs: Float[AnyArray, ""]
    r_squared: Float[AnyArray, ""]
    l0: Float[AnyArray, ""]
    dead: Float[AnyArray, ""]
    auroc: Float[AnyArray, ""]


def score_of(
    claim: Any,
    truth: Truth,
    x: Float[AnyArray, "n samples"],
    *,
    h: Float[AnyArray, "m samples"] | None = None,
    effects: Float[AnyArray, " edges"] | None = None,
) -> Score:
    """The score of a claim.

    Args:
        claim: what a technique returned: `Directions`, `Activations`, `Effects`, an `Edit` or a `Number`.
        truth: directions of the features, and which have one.
        x: values of the features in the samples that the technique was given.
        h: hidden activations in these samples; only for an `Edit`.
        effects: what each edge truly does, as `cases.true_effects` says; only for `Effects`.

    Raises:
        TypeError: for what is not a claim.
        ValueError: for claims whose shapes are not those of the truth.
    """
    if isinstance(claim, Directions):
        return _of_directions(claim, truth, x)
    if isinstance(claim, Activations):
        return _of_activations(claim, truth, x)
    if isinstance(claim, Effects) and effects is not None:
        return _of_effects(claim, effects)
    if isinstance(claim, Edit) and h is not None:
        return _of_edit(claim, truth, x, h)
    if isinstance(claim, Number):
        return _of_number(claim, truth)
    raise TypeError(
        "A technique must return Directions, Activations, Effects (score_of needs `effects` then), an Edit (it needs "
        f"`h`) or a Number. It returned {claim!r}."
    )


def _of_directions(claim: Directions, truth: Truth, x: AnyArray) -> Score:
    there, share = _represented(truth), _share(truth)
    _check_shape("columns of Directions", claim.columns, (len(there), None if not claim.labelled else len(x)))
    if claim.labelled:
        own = dictionaries.cosines(claim.columns, there)
        raw, chance = _own_and_others(own, truth)
    else:
        raw = dictionaries.matched_cosines(claim.columns, there).mean() / share
        chance = dictionaries.random_score(_mean_matched, claim.columns, there, RANDOM) / share
    said = {} if claim.activations is None else _of_values(Activations(claim.activations, claim.labelled), truth, x)
    return _score(
        raw,
        chance,
        found=dictionaries.found(claim.columns, there) / share,
        mmcs=dictionaries.mmcs(claim.columns, there) / share,
        **said,
    )


def _of_activations(claim: Activations, truth: Truth, x: AnyArray) -> Score:
    said = _of_values(claim, truth, x)
    elsewhere = Activations(library(claim.rows).roll(claim.rows, 1, axis=-1), claim.labelled)
    return _score(said["r_squared"], _of_values(elsewhere, truth, x)["r_squared"], **said)


def _of_effects(claim: Effects, effects: AnyArray) -> Score:
    xp = library(effects)
    _check_shape("sizes of Effects", claim.sizes, (len(effects),))
    sizes, true = xp.asarray(claim.sizes), effects[None, None]
    random = np.random.default_rng(0)
    elsewhere = np.stack([random.permutation(len(effects)) for _ in range(RANDOM)])
    raw, chance = (
        dictionaries.r_squared(one[:, None], true, xp.zeros((1, 1), int)).mean()
        for one in (sizes[None], sizes[elsewhere])
    )
    something = effects > NOTHING
    pairs = something[:, None] & ~something[None]
    above = (sizes[:, None] > sizes[None]) + (sizes[:, None] == sizes[None]) / 2
    return _score(raw, chance, auroc=(above * pairs).sum() / xp.where(pairs.any(), pairs.sum(), xp.nan))


def _of_edit(claim: Edit, truth: Truth, x: AnyArray, h: AnyArray) -> Score:
    xp = library(x)
    _check_shape("hidden of an Edit", claim.hidden, (len(x), *h.shape))
    before, after = _probe_r2(h, x)[None], _probe_r2(claim.hidden, x)  # features in columns, edits in rows
    counted = truth.represented & (before[0] > 0)
    left = xp.minimum(ratio(after, xp.broadcast_to(before, after.shape)), 1)  # it is never more, but for rounding
    lost = xp.where(counted[None], 1 - left, 0)
    own = xp.diagonal(lost)
    others = (lost.sum(-1) - own) / xp.maximum(counted.sum() - 1, 1)
    raw = ((own - others) * counted).sum() / xp.maximum(counted.sum(), 1)
    return _score(raw, 0.0 * raw)


def _probe_r2(h: Float[AnyArray, "*batch m samples"], x: Float[AnyArray, "n samples"]) -> Float[AnyArray, "*batch n"]:
    """R² of the best linear probes for features, in the directions in which h varies at all."""
    xp = library(h)
    h, x = _centred(h), _centred(x)
    variances, axes = xp.linalg.eigh(h @ h.swapaxes(-1, -2))
    varies = variances > 2e-6 * variances[..., -1:]  # the rest is rounding, in single precision
    seen = (axes.swapaxes(-1, -2) @ (h @ x.T)) ** 2
    explained = xp.where(varies[..., None], seen / xp.where(varies, variances, 1)[..., None], 0).sum(-2)
    return ratio(explained, xp.broadcast_to((x * x).sum(-1), explained.shape))


def _of_number(claim: Number, truth: Truth) -> Score:
    xp = library(truth.directions)
    n = truth.represented.sum()
    return _score(1 - abs(xp.log(claim.value / n)) / xp.log(xp.maximum(n, 2)), 0.0 * n)


def _of_values(claim: Activations, truth: Truth, x: AnyArray) -> dict[str, AnyArray]:
    """How well activations tell the features' values, and how sparse they are."""
    rows = claim.rows
    _check_shape("activations", rows, (len(x) if claim.labelled else None, x.shape[-1]))
    counted = x * truth.represented[:, None]
    if claim.labelled:
        matched = library(rows).arange(len(x))
    else:  # correlations are cosines of rows that are centred
        matched = dictionaries.matches(_centred(rows).T, _centred(counted).T)
    return {
        "r_squared": dictionaries.r_squared(rows, counted, matched).mean() / _share(truth),
        "l0": dictionaries.l0(rows),
        "dead": dictionaries.dead(rows).mean(),
    }


def _own_and_others(table: Float[AnyArray, "n n"], truth: Truth) -> tuple[AnyArray, AnyArray]:
    """The mean of each feature's own entry, and of the others' for it."""
    own = library(table).diagonal(table)
    others = (table.sum(-1) - own) / max(len(table) - 1, 1)
    return (own * truth.represented).mean() / _share(truth), (others * truth.represented).mean() / _share(truth)


def _mean_matched(learned: AnyArray, truth: AnyArray) -> AnyArray:
    return dictionaries.matched_cosines(learned, truth).mean(-1)


def _represented(truth: Truth) -> Float[AnyArray, "m n"]:
    """The directions, 0 for features that have none."""
    return truth.directions * truth.represented[None, :]


def _share(truth: Truth) -> AnyArray:
    """The share of the features that have a direction."""
    return library(truth.directions).maximum(truth.represented.mean(), 1e-9)


def _centred(rows: AnyArray) -> AnyArray:
    return rows - rows.mean(-1, keepdims=True)


def _score(raw: AnyArray, chance: AnyArray, **others: AnyArray) -> Score:
    nothing = dict.fromkeys(Score._fields, np.nan)
    return Score(**{**nothing, "score": (raw - chance) / (1 - chance), "raw": raw, "chance": chance, **others})


def _check_shape(what: str, array: AnyArray, wanted: tuple[int | None, ...]) -> None:
    got = np.shape(array)
    if len(got) != len(wanted) or any(one not in (None, size) for one, size in zip(wanted, got, strict=True)):
        sizes = ", ".join("any" if one is None else str(one) for one in wanted)
        raise ValueError(f"{what} of a technique must have shape ({sizes}). Got {got}.")
