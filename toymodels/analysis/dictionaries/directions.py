"""Learned directions beside true ones."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float, Int

from toymodels.arrays import AnyArray, library, ratio, unit_columns

NEAR = 0.9
"""The cosine above which a learned direction is taken for a true one."""


def cosines(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Float[AnyArray, "*batch n k"]:
    """cos(truth_i, learned_j) at [..., i, j]; 0 where one of the two has no direction, being 0.

    >>> cosines(np.array([[2.0, 0.0], [0.0, -3.0]]), np.array([[0.0], [1.0]])).tolist()
    [[0.0, -1.0]]
    """
    return unit_columns(truth).swapaxes(-1, -2) @ unit_columns(learned)


def max_cosines(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Float[AnyArray, "*batch n"]:
    """max_j cos(truth_i, learned_j): how near the nearest learned direction comes to each true one.

    >>> max_cosines(np.array([[2.0, 0.0], [0.0, -3.0]]), np.eye(2)).tolist()
    [1.0, 0.0]
    """
    return cosines(learned, truth).max(-1)


def mmcs(learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]) -> Float[AnyArray, "*batch"]:
    """The mean max cosine similarity, 1/n Σ_i max_j cos(truth_i, learned_j): the mean over the *true* directions of the
    largest cosine with a learned one (Sharkey et al. 2022). 1 if every true direction was found, whatever else was
    learned.

    Other code takes the mean over the learned directions (`mmcs_to_fixed` of Cunningham et al. 2023, "Sparse
    Autoencoders Find Highly Interpretable Features in Language Models"), which is 1 if all that was learned is true:
    here `mmcs(truth, learned)`: all directions of the second argument are looked for among those of the first.

    Compare with `random_score`: in few dimensions, or with many learned directions, one is near by chance.

    >>> learned, truth = np.array([[2.0, 0.0], [0.0, -3.0]]), np.array([[1.0], [0.0]])
    >>> float(mmcs(learned, truth)), float(mmcs(truth, learned))
    (1.0, 0.5)
    """
    return max_cosines(learned, truth).mean(-1)


def found(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"], near: float = NEAR
) -> Float[AnyArray, "*batch"]:
    """The share of true directions that have a learned one with a cosine above `near`.

    >>> float(found(np.array([[2.0, 0.0], [0.0, -3.0]]), np.eye(2)))
    0.5
    """
    return (max_cosines(learned, truth) > near).mean(-1)


def extra(
    learned: Float[AnyArray, "*#batch m k"],
    truth: Float[AnyArray, "*#batch m n"],
    live: Bool[AnyArray, "*#batch k"] | None = None,
    near: float = NEAR,
) -> Float[AnyArray, "*batch"]:
    """A fault: the share of live learned directions that have no true one with a cosine above `near`; 0 if none live.

    Args:
        learned: directions.
        truth: directions.
        live: which learned ones count, such as `~dead(activations)`; by default those that are not 0.
        near: a cosine.

    >>> float(extra(np.array([[2.0, 0.0], [0.0, -3.0]]), np.eye(2)))
    0.5
    """
    live = _live(learned) if live is None else live
    true = cosines(learned, truth).max(-2) > near
    return ratio((live & ~true).sum(-1), live.sum(-1))


def uniqueness(
    learned: Float[AnyArray, "*#batch m k"],
    truth: Float[AnyArray, "*#batch m n"],
    live: Bool[AnyArray, "*#batch k"] | None = None,
) -> Float[AnyArray, "*batch"]:
    """The number of true directions that are the nearest one of a live learned direction, by the number of these: 1 if
    no two learned directions are nearest to the same true one. 0 if none live. Random directions have a high one where
    they are few: it says nothing without `found`.

    SAELens (`synthetic/evals.py`) takes cosines without their sign, and counts dead latents too.

    >>> float(uniqueness(np.array([[2.0, 1.0], [0.0, 0.1]]), np.eye(2)))
    0.5
    """
    live = _live(learned) if live is None else live
    similar = cosines(learned, truth)
    nearest = (similar == similar.max(-2, keepdims=True)) & live[..., None, :]
    return ratio(nearest.any(-1).sum(-1), live.sum(-1))


def splitting(
    learned: Float[AnyArray, "*#batch m k"],
    truth: Float[AnyArray, "*#batch m n"],
    live: Bool[AnyArray, "*#batch k"] | None = None,
    near: float = NEAR,
) -> Float[AnyArray, "*batch"]:
    """A fault: the share of those true directions that were found to which more than one live learned direction has a
    cosine above `near`; 0 if none was found. Feature splitting as in Bricken et al. 2023 is finer where it ends in
    directions that are further apart: those are `extra`.

    >>> float(splitting(np.array([[2.0, 1.0, 0.0], [0.0, 0.1, 1.0]]), np.eye(2)))
    0.5
    """
    live = _live(learned) if live is None else live
    count = ((cosines(learned, truth) > near) & live[..., None, :]).sum(-1)
    return ratio((count > 1).sum(-1), (count > 0).sum(-1))


def matches(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Int[AnyArray, "*batch n"]:
    """Which learned direction each true one is matched with: the pairs, one to one, whose cosines have the largest sum
    (Kuhn 1955, "The Hungarian method for the assignment problem"); -1 for true directions that are left over where
    there are fewer learned ones. In JAX, -1 for all where a number is not finite.

    Raises:
        ValueError: in numpy, for numbers that are not finite.

    >>> matches(np.array([[1.0], [0.0]]), np.array([[0.6, 1.0], [0.8, 0.0]])).tolist()
    [-1, 0]
    """
    similar = cosines(learned, truth)
    if library(similar) is np:
        return _matched(similar)
    # SciPy is called from the compiled program: the method in JAX takes seconds to compile, and is slower.
    finite = jnp.isfinite(similar).all((-1, -2), keepdims=True)
    shape = jax.ShapeDtypeStruct(similar.shape[:-1], np.int32)
    given = jax.lax.stop_gradient(jnp.where(finite, similar, 0))
    matched = jax.pure_callback(_matched, shape, given, vmap_method="broadcast_all")
    return jnp.where(finite[..., 0], matched, -1)


def matched_cosines(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Float[AnyArray, "*batch n"]:
    """The cosine of each true direction with the learned one of its own that `matches` gives it, 0 for those left over.
    Never above `max_cosines` in the mean, and below it where one learned direction is the nearest to several true ones.

    The MCC of SAELens is the mean without signs over the matched pairs alone: one learned direction that is right has
    an MCC of 1, however many true ones it leaves over. Where there are at most as many learned ones as true ones it is,
    but for signs, the mean of `matched_cosines(truth, learned)`.

    Raises:
        ValueError: in numpy, for numbers that are not finite.

    >>> matched_cosines(np.array([[1.0], [0.0]]), np.array([[0.6, 1.0], [0.8, 0.0]])).tolist()
    [0.0, 1.0]
    """
    matched, similar = matches(learned, truth), cosines(learned, truth)
    xp = library(similar)
    own = xp.take_along_axis(similar, xp.maximum(matched, 0)[..., None], axis=-1)[..., 0]
    return xp.where(matched < 0, 0, own)


def hedging(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Float[AnyArray, "*batch n"]:
    """A fault of each true direction: how far the learned one that it is matched with leans on another true one, max_j
    |cos(learned, truth_j) - cos(truth_i, truth_j)| over j ≠ i; 1 for those left over. Where directions are orthogonal
    it is the largest |cosine| with another feature's. A feature that is on together with others, or never with them,
    is mixed with them where the dictionary is too narrow or its L0 too small (Chanin et al. 2025).

    >>> hedging(np.array([[0.6, 0.0], [0.8, 1.0]]), np.eye(2)).tolist()
    [0.8, 0.0]
    """
    matched, similar = matches(learned, truth), cosines(learned, truth)
    xp = library(similar)
    n = similar.shape[-2]
    leans = xp.take_along_axis(similar, xp.maximum(matched, 0)[..., None, :], axis=-1)  # (..., j, i)
    other = ~xp.eye(n, dtype=bool)
    most = xp.where(other, xp.abs(leans - cosines(truth, truth)), 0).max(-2)
    return xp.where(matched < 0, 1, most)


def random_score(
    score: Callable[..., AnyArray],
    learned: Float[AnyArray, "*#batch m k"],
    truth: Float[AnyArray, "m n"],
    draws: int = 100,
    seed: int = 0,
) -> AnyArray:
    """What a score of directions is by chance: its mean over random directions, as many as were learned. A score s is
    corrected for chance as (s - chance) / (1 - chance).

    Args:
        score: a function of learned and true directions, such as `mmcs`.
        learned: their numbers do not matter, only how many there are.
        truth: directions of one model.
        draws: how many dictionaries are drawn.
        seed: of the draws.

    >>> round(float(random_score(mmcs, np.zeros((2, 4)), np.eye(2), draws=2000)), 1)
    0.7
    """
    random = np.random.default_rng(seed).normal(size=(draws, *learned.shape[-2:]))
    return score(library(learned).asarray(random), truth[None]).mean(0)


def _live(directions: Float[AnyArray, "*batch m k"]) -> Bool[AnyArray, "*batch k"]:
    return (directions != 0).any(-2)


def _matched(similar: Float[AnyArray, "*batch n k"]) -> Int[np.ndarray, "*batch n"]:
    from scipy.optimize import linear_sum_assignment  # not above: it takes a quarter of a second to import

    similar = np.asarray(similar)
    matched = np.full(similar.shape[:-1], -1, dtype=np.int32)
    for index in np.ndindex(similar.shape[:-2]):
        true, own = linear_sum_assignment(similar[index], maximize=True)
        matched[(*index, true)] = own
    return matched
