"""What a score is made of, whatever is claimed."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray, library
from toymodels.cases import Truth


class Score(NamedTuple):
    """What a claim is worth, as numbers; those that a kind of claim does not have are NaN.

    Attributes:
        score: 1 for the truth, 0 for chance.
        raw: before chance is taken off.
        chance: what `raw` is by chance.
        found: share of the true features with a claimed direction of cosine above .9.
        mmcs: mean over the true features of the largest cosine with a claimed direction.
        r_squared: mean R² of the true features' values, where activations are claimed, or of units where profiles are.
        l0: mean number of claimed features that are on in a sample.
        dead: share of the claimed features that are on in no sample.
        auroc: probability that an edge that does something is claimed to do more than one that does nothing, where
            effects are claimed and there are edges of both kinds; of `VertexEffects`, the same for vertices.
        precision: share of the k edges of the largest claimed effects that do something, where k edges do. Those that
            are claimed to do nothing are not counted; of equal ones at the border, as many as there is room for.
        recall: share of the k edges that do something which are among them.
        top_r_squared: that of units in the samples in which they are highest.
        completeness: 1 less the error of the sum of attributions, which should be f(x) - f(0), in parts of it.
        dummies: 1 less the share of all attribution that is given to features that never change the output; only where
            there are some.
        signs: share of the attributions of features that do something whose sign is right, less that whose is wrong.
        ranks: share of the pairs of features of a sample that stand in the right order, less that of the wrong one.
        erased: share of a feature's R², as the best linear probe for it has, that is gone after the edit meant for it.
        lost: the same share of the other features'.
        left: R² with which the best linear reader of h and |h| still tells whether the feature is on.
        gain: change of the outputs along the true change, 1 for as much as one more of the feature makes.
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
    precision: Float[AnyArray, ""]
    recall: Float[AnyArray, ""]
    top_r_squared: Float[AnyArray, ""]
    completeness: Float[AnyArray, ""]
    dummies: Float[AnyArray, ""]
    signs: Float[AnyArray, ""]
    ranks: Float[AnyArray, ""]
    erased: Float[AnyArray, ""]
    lost: Float[AnyArray, ""]
    left: Float[AnyArray, ""]
    gain: Float[AnyArray, ""]


def score_from(raw: AnyArray, chance: AnyArray, **others: AnyArray) -> Score:
    nothing = dict.fromkeys(Score._fields, np.nan)
    return Score(**{**nothing, "score": (raw - chance) / (1 - chance), "raw": raw, "chance": chance, **others})


def check_shape(what: str, array: AnyArray, wanted: tuple[int | None, ...]) -> None:
    got = np.shape(array)
    if len(got) != len(wanted) or any(one not in (None, size) for one, size in zip(wanted, got, strict=True)):
        sizes = ", ".join("any" if one is None else str(one) for one in wanted)
        raise ValueError(f"{what} of a technique must have shape ({sizes}). Got {got}.")


def represented(truth: Truth) -> Float[AnyArray, "m n"]:
    """The directions, 0 for features that have none."""
    return truth.directions * truth.represented[None, :]


def share_represented(truth: Truth) -> AnyArray:
    """The share of the features that have a direction."""
    return library(truth.directions).maximum(truth.represented.mean(), 1e-9)


def centred(rows: AnyArray) -> AnyArray:
    return rows - rows.mean(-1, keepdims=True)
