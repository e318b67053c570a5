"""Linear models x' = WᵀWx + b: their loss, which never rewards superposition, and the best of them, which is PCA.

Losses are sums over features, as in the papers' text; `Task.loss` is the mean, which is the sum / n.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.arrays import AnyArray, gram
from toymodels.checks import check_integer
from toymodels.theory.expansion import Importance


class Terms(NamedTuple):
    """The two forces on a linear model (Elhage et al. 2022, "Mathematical Understanding", after Saxe et al. 2019).

    Attributes:
        benefit: Σ_i I_i (1 - ‖W_i‖²)²: what is lost of the features themselves.
        interference: Σ_{i≠j} I_j (W_i·W_j)²: what features add to the outputs of others, whatever its sign.
    """

    benefit: Float[Array, "*batch"]
    interference: Float[Array, "*batch"]

    @property
    def loss(self) -> Float[Array, "*batch"]:
        """The sum of both."""
        return self.benefit + self.interference


class Optimum(NamedTuple):
    """The best linear model.

    Attributes:
        W: weights (m, n), with orthonormal rows.
        b: biases (n,).
        loss: its expected loss.
    """

    W: Float[np.ndarray, "m n"]
    b: Float[np.ndarray, " n"]
    loss: float


def terms(W: Float[AnyArray, "*batch m n"], importance: Importance = 1.0) -> Terms:
    """Feature benefit and interference: the expected loss for E[x_i x_j] = 1 if i = j else 0, and b = 0.

    Adding a second feature in the direction of the first wins as much benefit as it costs in interference, twice:

    >>> one, two = terms(jnp.array([[1.0, 0.0]])), terms(jnp.array([[1.0, -1.0]]))
    >>> float(one.benefit), float(one.interference), float(two.benefit), float(two.interference)
    (1.0, 0.0, 0.0, 2.0)

    Args:
        W: (..., m, n).
        importance: I_i, one number or one per feature, at least 0.
    """
    W = jnp.asarray(W)
    lengths = (W * W).sum(-2)
    weight = jnp.broadcast_to(jnp.asarray(importance, dtype=float), lengths.shape)
    rows = (gram(W) ** 2).sum(-2) - lengths**2
    return Terms((weight * (1 - lengths) ** 2).sum(-1), (weight * rows).sum(-1))


def expected_loss(
    W: Float[AnyArray, "*batch m n"],
    b: Float[AnyArray, "*batch n"],
    mean: Float[AnyArray, " n"],
    second_moment: Float[AnyArray, "n n"],
    importance: Importance = 1.0,
) -> Float[Array, "*batch"]:
    """E[Σ_i I_i (x_i - (WᵀWx)_i - b_i)²], exactly, for any distribution with these moments.

    >>> float(expected_loss(jnp.array([[1.0, 0.0]]), jnp.zeros(2), jnp.zeros(2), jnp.diag(jnp.array([2.0, 3.0]))))
    3.0

    Args:
        W: (..., m, n).
        b: (..., n).
        mean: E[x_i], such as `Independent.mean()`.
        second_moment: E[x_i x_j], such as `Independent.second_moment()`.
        importance: I_i, one number or one per feature.
    """
    W, b = jnp.asarray(W), jnp.asarray(b)
    square = gram(W)
    missing = jnp.broadcast_to(jnp.eye(b.shape[-1], dtype=W.dtype), square.shape) - square  # x - WᵀWx = missing x
    offset = missing @ jnp.asarray(mean)
    variance = (missing @ jnp.asarray(second_moment) * missing).sum(-1) - offset**2
    weight = jnp.broadcast_to(jnp.asarray(importance, dtype=float), b.shape)
    return (weight * (variance + (offset - b) ** 2)).sum(-1)


def optimum(
    mean: Float[AnyArray, " n"],
    second_moment: Float[AnyArray, "n n"],
    n_hidden: int,
    importance: float | Float[AnyArray, " n"] = 1.0,
) -> Optimum:
    """The best linear model with n_hidden dimensions, where features are uncorrelated or equally important.

    Of uncorrelated features it keeps those with the largest I_i Var(x_i). Of equally important ones it keeps the
    first principal components. Each output's bias is the mean of what is not kept.

    >>> best = optimum(np.array([0.5, 0.5]), np.diag([1.0, 3.0]) + 0.25, 1)
    >>> best.W.tolist(), best.b.tolist(), best.loss
    ([[0.0, 1.0]], [0.5, 0.0], 1.0)

    Raises:
        ValueError: for more dimensions than features; and for correlated features of unequal importance, for which the
            best map of rank m is not symmetric, and a tied model does not reach `lower_bound`.
    """
    mean = np.asarray(mean)
    covariance, weight = _problem(mean, second_moment, importance)
    check_integer("optimum", "n_hidden", n_hidden, minimum=1)
    if n_hidden > len(mean):
        raise ValueError(f"n_hidden of optimum must be at most the number of features, {len(mean)}. Got {n_hidden}.")
    if not (covariance - np.diag(np.diag(covariance))).any():
        kept = np.argsort(-weight * np.diag(covariance), kind="stable")[:n_hidden]
        W = np.eye(len(mean))[np.sort(kept)]
    elif np.ptp(weight) == 0:
        W = np.linalg.eigh(covariance)[1][:, ::-1][:, :n_hidden].T
    else:
        raise ValueError("importance of optimum must be the same for all features where these are correlated.")
    return Optimum(W, mean - W.T @ (W @ mean), lower_bound(mean, second_moment, n_hidden, importance))


def lower_bound(
    mean: Float[AnyArray, " n"],
    second_moment: Float[AnyArray, "n n"],
    n_hidden: int,
    importance: float | Float[AnyArray, " n"] = 1.0,
) -> float:
    """The least expected loss of any linear map through n_hidden dimensions, tied or not: the sum of all but the
    n_hidden largest eigenvalues of sqrt(I_i I_j) Cov(x_i, x_j) (reduced-rank regression; Izenman 1975).

    >>> lower_bound(np.zeros(3), np.diag([4.0, 2.0, 1.0]), 1, importance=np.array([1.0, 1.0, 3.0]))
    5.0
    """
    covariance, weight = _problem(np.asarray(mean), second_moment, importance)
    eigenvalues = np.linalg.eigvalsh(np.sqrt(np.outer(weight, weight)) * covariance)
    return float(eigenvalues[: max(0, len(eigenvalues) - n_hidden)].sum())


def _problem(
    mean: Float[np.ndarray, " n"], second_moment: Float[AnyArray, "n n"], importance: float | Float[AnyArray, " n"]
) -> tuple[Float[np.ndarray, "n n"], Float[np.ndarray, " n"]]:
    """The covariance, without the rounding errors of `second_moment`, and one importance per feature."""
    products = np.outer(mean, mean)
    covariance = np.asarray(second_moment) - products
    scale = np.finfo(covariance.dtype).eps * abs(products).max()
    return np.where(abs(covariance) > 4 * scale, covariance, 0), np.broadcast_to(np.asarray(importance), mean.shape)
