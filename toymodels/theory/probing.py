"""Probes and mean differences on h = Wx: what they score, exactly, before anything is sampled.

R² is the share of a target's variance that a linear read-out of h, with a constant, explains. A probe is the best such
read-out. Functions take W (..., m, n), numpy's or JAX's, with any leading axes, and moments of features: their
covariance V, and P(both on) for labels z_i = [x_i is on]. Samples are infinitely many unless their number is asked for.
"""

import itertools
import math
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from toymodels.arrays import AnyArray, as_array, library, ratio, unit_columns
from toymodels.checks import check_integer, check_numbers
from toymodels.features.distributions import UNIFORM, Values
from toymodels.linear_algebra import eigh, svd

MOST_SETS = 100_000  # of neurons
NODES = 2**10  # of the midpoint rule, in each of two values: errors below 1e-6 for uniform ones


def covariance_of(features: Any) -> Float[np.ndarray, "n n"]:
    """Cov(x_i, x_j) of features that know their `mean()` and `second_moment()`."""
    mean = np.asarray(features.mean())
    return np.asarray(features.second_moment()) - np.outer(mean, mean)


def label_covariance(both_on: Float[AnyArray, "n n"], values: Values = UNIFORM) -> Float[np.ndarray, "n n"]:
    """Cov(x_j, z_i) at [j, i]: E[value] (P(both on) - p_i p_j).

    >>> label_covariance(np.array([[0.2, 0.2], [0.2, 0.2]])).round(6).tolist()  # always on together
    [[0.08, 0.08], [0.08, 0.08]]

    Args:
        both_on: P(x_i and x_j are on), (n, n), with the densities p_i on its diagonal. It is the second moment of
            features whose values are 1: `CorrelatedSets(..., values=Values(jnp.ones_like, 1, 1)).second_moment()`.
        values: distribution of the value of a feature that is on, independent of what else is on.
    """
    both_on = np.asarray(both_on)
    mean, _ = values.moments()
    return mean * (both_on - np.outer(both_on.diagonal(), both_on.diagonal()))


def probe(W: Float[AnyArray, "*batch m n"], covariance: Float[AnyArray, "n n"]) -> Float[AnyArray, "*batch m n"]:
    """Column i is the best linear probe for x_i by least squares, Cov(h)⁺ Cov(h, x_i) = (W V Wᵀ)⁺ W V e_i.

    It filters other features out, and so is not in general parallel to W_i, the pattern (Haufe et al. 2014). In a tight
    frame with uncorrelated features of equal variance it is.

    >>> angles = 2 * np.pi * np.arange(5) / 5
    >>> pentagon = np.stack([np.cos(angles), np.sin(angles)])
    >>> float(abs(probe(pentagon, np.eye(5)) - 0.4 * pentagon).max().round(9))
    0.0
    """
    left, inverse, right, factor, _ = _decomposed(W, covariance)
    return (left * inverse[..., None, :]) @ right @ factor.T


def probe_r2(W: Float[AnyArray, "*batch m n"], covariance: Float[AnyArray, "n n"]) -> Float[AnyArray, "*batch n"]:
    """R² of the best linear probe for each feature: Cov(h, x_i)ᵀ Cov(h)⁺ Cov(h, x_i) / Var x_i. (Alain & Bengio 2016,
    who named probes, train classifiers; `target_r2` has labels, but by least squares.)

    For uncorrelated features of equal variance it is their `leverage`, at every density, and Σ_i R²_i = rank W.

    >>> angles = 2 * np.pi * np.arange(5) / 5
    >>> probe_r2(np.stack([np.cos(angles), np.sin(angles)]), np.eye(5)).round(6).tolist()
    [0.4, 0.4, 0.4, 0.4, 0.4]

    Args:
        W: (..., m, n), of any rank.
        covariance: V = Cov(x_i, x_j). A feature without variance has R² 0.
    """
    return target_r2(W, covariance, covariance, covariance.diagonal())


def target_r2(
    W: Float[AnyArray, "*batch m n"],
    covariance: Float[AnyArray, "n n"],
    target_covariance: Float[AnyArray, "n t"],
    target_variance: Float[AnyArray, " t"],
) -> Float[AnyArray, "*batch t"]:
    """R² of the best linear probe for any targets y, of which Cov(h, y) = W Cov(x, y).

    The label of a feature without a direction, whose partner is always on with it, can be read off that partner:

    >>> V, both_on = np.array([[17.0, 12.0], [12.0, 17.0]]) / 300, np.full((2, 2), 0.2)
    >>> W, label_variance = np.array([[1.0, 0.0]]), np.full(2, 0.2 * 0.8)
    >>> target_r2(W, V, label_covariance(both_on), label_variance).round(6).tolist()  # label_share(0.2)
    [0.705882, 0.705882]

    Args:
        W: (..., m, n), of any rank.
        covariance: V = Cov(x_i, x_j).
        target_covariance: Cov(x_j, y_t); of labels, `label_covariance`.
        target_variance: Var y_t; of labels, p (1 - p). A target without variance has R² 0.
    """
    _, inverse, right, factor, inverse_factor = _decomposed(W, covariance)
    xp = library(factor)
    # Cov(h) = (W F)(W F)ᵀ = U S² Uᵀ, and Cov(h, y) = W F c = U S Rᵀ c with c = F⁺ Cov(x, y).
    seen = right @ (inverse_factor @ xp.asarray(target_covariance))
    explained = ((inverse > 0)[..., None] * seen**2).sum(-2)
    return ratio(explained, xp.broadcast_to(xp.asarray(target_variance), explained.shape))


def label_share(density: Float[AnyArray, "*batch"], values: Values = UNIFORM) -> Float[AnyArray, "*batch"]:
    """R²(z_i) / R²(x_i) of the best linear probes, for independent features and the label z_i = [x_i is on]: the
    squared correlation of x_i and z_i, (1 - p) E[value]² / (E[value²] - p E[value]²).

    For values uniform on [0, 1] it is 3 (1 - p) / (4 - 3 p): a probe for the label has at most 3/4 of the other's R².

    >>> label_share(np.array([0.0, 0.5])).round(6).tolist()
    [0.75, 0.6]
    """
    mean, square = values.moments()
    return (1 - density) * mean**2 / (square - density * mean**2)


def digon_output_r2(density: Float[AnyArray, "*batch"], values: Values = UNIFORM) -> Float[AnyArray, "*batch"]:
    """R² of the output y = ReLU(x_1 - x_2) for x_1, best scale and constant, where two independent features share a
    dimension with opposite signs: 1 for rare features, of which one is on at a time. A linear probe has 1/2 at every
    density, which for dense features is more. By the midpoint rule in the quantile.

    >>> digon_output_r2(np.array([0.01, 0.5, 1.0])).round(4).tolist()  # 3/8 where both are always on
    [0.995, 0.6682, 0.375]

    Raises:
        ValueError: for a density that is not in (0, 1], and for values below 0.
    """
    for one in np.ravel(density):
        check_numbers("digon_output_r2", "density", one, minimum=1e-12, maximum=1)
    value = np.asarray(values.inverse_cdf(jnp.asarray((np.arange(NODES) + 0.5) / NODES)), dtype=float)
    if value.min() < 0:
        raise ValueError(f"values of digon_output_r2 must not be negative. Got {value.min():.3g} among them.")
    both, alone = density**2, density * (1 - density)
    left = np.maximum(0, value[:, None] - value)  # of the first, where both are on
    mean, square = value.mean(), (value**2).mean()
    mean_y, square_y = alone * mean + both * left.mean(), alone * square + both * (left**2).mean()
    shared = alone * square + both * (value[:, None] * left).mean() - density * mean * mean_y
    return shared**2 / ((square_y - mean_y**2) * (density * square - (density * mean) ** 2))


def reading_r2(
    directions: Float[AnyArray, "*batch m n"], W: Float[AnyArray, "*batch m n"], covariance: Float[AnyArray, "n n"]
) -> Float[AnyArray, "*batch n"]:
    """R² of reading x_i along a given direction d_i, best scale and constant: Cov(d_i·h, x_i)² / (Var(d_i·h) Var x_i).

    Along its own direction, d_i = W_i, it is the `dimensionality` D_i where features are uncorrelated and have the same
    variance. Along that of the probe it is `probe_r2`, and never more. 0 where nothing varies.

    >>> W = np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]])
    >>> reading_r2(W, W, np.diag([1.0, 3.0, 1.0])).tolist()  # of two opposite features, the one that varies more
    [0.25, 0.75, 1.0]
    """
    W = as_array("W", W)
    xp = library(W)
    V = xp.asarray(covariance)
    read = directions.swapaxes(-1, -2) @ W  # d_i·W_j at [..., i, j]
    seen = read @ V
    own = seen.diagonal(axis1=-2, axis2=-1)
    return ratio(own**2, (seen * read).sum(-1) * xp.broadcast_to(V.diagonal(), own.shape))


def sparse_probe_r2(
    W: Float[AnyArray, "*batch m n"], covariance: Float[AnyArray, "n n"], k: int
) -> Float[AnyArray, "*batch n"]:
    """R² of the best probe for x_i that reads at most k of the m neurons (Gurnee et al. 2023), over all sets S of k:
    max_S v W_SᵀG_S⁻¹W_S, where W_S are rows and G_S = Cov(h_S). For k = 1 and equal variances, max_k W_ki² / Σ_j W_kj².

    >>> sparse_probe_r2(np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]]), np.eye(3), 1).round(6).tolist()
    [0.5, 0.5, 0.5]

    Raises:
        ValueError: unless 1 <= k <= m, and for more than 100,000 sets of neurons, all of which are tried.
    """
    W = as_array("W", W)
    m = W.shape[-2]
    check_integer("sparse_probe_r2", "k", k, minimum=1)
    if k > m:
        raise ValueError(f"k of sparse_probe_r2 must be at most the number of neurons, {m}. Got {k}.")
    if (count := math.comb(m, k)) > MOST_SETS:
        raise ValueError(f"k = {k} of {m} neurons are {count:,} sets. sparse_probe_r2 tries up to {MOST_SETS:,}.")
    sets = np.array(list(itertools.combinations(range(m), k)))
    return probe_r2(W[..., sets, :], covariance).max(-2)


def chance_r2(rank: int, samples: int) -> float:
    """The expected R² of a least-squares probe on the samples that it was fitted to, where labels are permuted, so that
    there is nothing to find: rank / (N - 1), exactly, for the rank of h, at most m, whatever h and the labels are. The
    probe keeps so many of the N - 1 directions of centred labels, among which permutations prefer none. On fresh
    samples it is slightly below 0, by about (rank + 1) / N.
    """
    check_integer("chance_r2", "rank", rank, minimum=0)
    check_integer("chance_r2", "samples", samples, minimum=rank + 1)
    return rank / max(1, samples - 1)


def mean_difference(
    W: Float[AnyArray, "*batch m n"], both_on: Float[AnyArray, "n n"], values: Values = UNIFORM
) -> Float[AnyArray, "*batch m n"]:
    """Column i is E[h | x_i on] - E[h | x_i off] = W Cov(x, z_i) / Var z_i, the direction of a "mass-mean" probe (Marks
    & Tegmark 2023).

    That is E[value] (W_i + Σ_j c_ij W_j), where c_ij = P(j on | i on) - P(j on | i off): parallel to W_i for
    independent features, however many share the space, and drawn to the partners of correlated ones.

    >>> mean_difference(np.array([[3.0, 2.0]]), np.array([[0.2, 0.04], [0.04, 0.2]])).round(6).tolist()
    [[1.5, 1.0]]

    Args:
        W: (..., m, n).
        both_on, values: as for `label_covariance`. Column i is 0 for a feature that is always on, or never.
    """
    W = as_array("W", W)
    density = np.asarray(both_on).diagonal()
    contrast = ratio(label_covariance(both_on, values), np.broadcast_to(density * (1 - density), np.shape(both_on)))
    return W @ library(W).asarray(contrast)


def mean_difference_error(
    W: Float[AnyArray, "*batch m n"], density: float | Float[AnyArray, " n"], samples: int, values: Values = UNIFORM
) -> Float[AnyArray, "*batch n"]:
    """The root mean square of ‖estimate - truth‖ of `mean_difference` from N samples of independent features:
    sqrt(tr Cov(h | i on) / (p N) + tr Cov(h | i off) / ((1 - p) N)), for N p (1 - p) ≫ 1.

    tr Cov(h | on) = Σ_{j≠i} Var(x_j) ‖W_j‖² + Var(value) ‖W_i‖², without the last term while x_i is off. Where the
    others make up most of Cov(h), and p is small, this is about sqrt(tr Cov(h) / (p N)).

    Args:
        W: (..., m, n).
        density: p, in (0, 1).
        samples, values: N, and the distribution of the value of a feature that is on.
    """
    check_integer("mean_difference_error", "samples", samples, minimum=1)
    W = as_array("W", W)
    xp = library(W)
    mean, square = values.moments()
    lengths = (W * W).sum(-2)
    p = xp.broadcast_to(xp.asarray(density, dtype=lengths.dtype), lengths.shape)
    parts = p * (square - p * mean**2) * lengths
    others = parts.sum(-1, keepdims=True) - parts
    return ((others + (square - mean**2) * lengths) / (p * samples) + others / ((1 - p) * samples)) ** 0.5


def column_cosines(
    first: Float[AnyArray, "*batch m n"], second: Float[AnyArray, "*batch m n"]
) -> Float[AnyArray, "*batch n"]:
    """The cosine of each column of `first` with that of `second`, such as of `probe` and W; 0 where one of them is 0.

    >>> column_cosines(np.array([[1.0, 0.0], [0.0, 2.0]]), np.array([[3.0, 1.0], [4.0, 0.0]])).tolist()
    [0.6, 0.0]
    """
    return (unit_columns(first) * unit_columns(second)).sum(-2)


def _decomposed(W: Float[AnyArray, "*batch m n"], covariance: Float[AnyArray, "n n"]) -> tuple[AnyArray, ...]:
    """U, S⁺, Rᵀ of W F = U S Rᵀ, then F and F⁺, where F Fᵀ = V. The condition of Cov(h) is not squared this way.

    F is the root of the correlations in units of standard deviations, so that a rare feature is not taken for rounding.
    """
    W = as_array("W", W)
    xp, (n_hidden, n) = library(W), W.shape[-2:]
    V = xp.asarray(covariance)
    if V.shape != (n, n):
        raise ValueError(f"covariance must have shape ({n}, {n}), as W has {n} columns. Got {V.shape}.")
    epsilon = max(n_hidden, n) * xp.finfo(V.dtype).eps
    deviation = V.diagonal() ** 0.5
    eigenvalues, axes = eigh(ratio(V, deviation[:, None] * deviation[None]))
    root = xp.where(eigenvalues > epsilon * eigenvalues.max(), eigenvalues, 0) ** 0.5
    half, inverse_half = (axes * root[None]) @ axes.T, (axes * ratio(1.0, root)[None]) @ axes.T
    factor, inverse_factor = deviation[:, None] * half, inverse_half * ratio(1.0, deviation)[None]
    left, singular, right = svd(W @ factor)
    there = singular > epsilon * singular.max(-1, keepdims=True)
    return left, ratio(there * 1.0, singular), right, factor, inverse_factor
