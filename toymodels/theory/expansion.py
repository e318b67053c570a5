"""The expected loss of a ReLU output model x' = ReLU(WᵀWx + b) by the number of features that are on together.

Elhage et al. 2022, "Mathematical Understanding", expand the loss of n features that are on with probability p, and then
uniform on [0, 1], as

    L = (1-p)^n L_0 + p (1-p)^(n-1) L_1 + p² (1-p)^(n-2) L_2 + ...,

where L_k is the sum over all sets of k features of the expected loss while just these are on. L_0 and L_1 have closed
forms, below. Losses are sums over features, as in the paper's text; `Task.loss_on` is the mean, which is the sum / n.

Functions take W (..., m, n) and b (..., n) with any leading axes; the column W_i is the direction of feature i. They
can be differentiated by JAX. Gradients are finite wherever the weights are, at W_i·W_j = 0 too.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.arrays import AnyArray

Importance = float | Float[AnyArray, "*#batch n"]


class OneOn(NamedTuple):
    """What the loss is made of while feature i alone is on, for each i.

    Attributes:
        benefit: the error of the feature that is on: I_i ∫ (x - ReLU(‖W_i‖² x + b_i))² dx. It falls when the feature is
            represented, hence the paper's name "feature benefit".
        positive: the errors of all features j for which W_i·W_j >= 0, which they get by positive interference and by
            positive biases: Σ_j I_j ∫ ReLU(W_i·W_j x + b_j)² dx.
        negative: the same of all j for which W_i·W_j < 0. Negative interference is free where b_j <= 0.
    """

    benefit: Float[Array, "*batch n"]
    positive: Float[Array, "*batch n"]
    negative: Float[Array, "*batch n"]

    @property
    def interference(self) -> Float[Array, "*batch n"]:
        """The errors of all features that are off."""
        return self.positive + self.negative

    @property
    def loss(self) -> Float[Array, "*batch n"]:
        """The expected loss while feature i alone is on."""
        return self.benefit + self.interference


def none_on(b: Float[AnyArray, "*batch n"], importance: Importance = 1.0) -> Float[Array, "*batch"]:
    """L_0 = Σ_i I_i ReLU(b_i)²: the loss while no feature is on.

    >>> float(none_on(jnp.array([2.0, -1.0]), importance=0.5))
    2.0
    """
    return (_each(importance, b) * jax.nn.relu(b) ** 2).sum(-1)


def one_on(
    W: Float[AnyArray, "*batch m n"],
    b: Float[AnyArray, "*batch n"],
    importance: Importance = 1.0,
    W_out: Float[AnyArray, "*batch n m"] | None = None,
) -> OneOn:
    """The terms of L_1 by the feature that is on: L_1 = `one_on(W, b).loss.sum(-1)`.

    With b = 0, ‖W_i‖² = 1 and W_i·W_j = a, the other feature costs a²/3 if a > 0, and nothing if a < 0:

    >>> terms = one_on(jnp.array([[1.0, -1.0]]), jnp.zeros(2))
    >>> terms.benefit.tolist(), terms.positive.tolist(), terms.negative.tolist()
    ([0.0, 0.0], [0.0, 0.0], [0.0, 0.0])

    Args:
        W: (..., m, n).
        b: (..., n).
        importance: I_i, one number or one per feature, at least 0.
        W_out: (..., n, m), the second matrix of a model of two; then W_i·W_j is (W_out W)_ji.
    """
    W, b = jnp.asarray(W), jnp.asarray(b)
    read = W if W_out is None else jnp.asarray(W_out).mT
    weight = _each(importance, b)
    products = W.mT @ read  # [..., i, j]: what output j gets of feature i
    own = (W * read).sum(-2)
    benefit = weight * (1 / 3 - 2 * _integral_of_x_relu(own, b) + _integral_of_relu_squared(own, b))
    costs = weight[..., None, :] * _integral_of_relu_squared(products, _rows(b))
    others = jnp.broadcast_to(~jnp.eye(b.shape[-1], dtype=bool), costs.shape)
    positive = jnp.where(others & (products >= 0), costs, 0).sum(-1)
    negative = jnp.where(others & (products < 0), costs, 0).sum(-1)
    return OneOn(benefit, positive, negative)


def one_hot_loss(
    W: Float[AnyArray, "*batch m n"],
    b: Float[AnyArray, "*batch n"],
    probabilities: Float[AnyArray, " n"],
    importance: Importance = 1.0,
    W_out: Float[AnyArray, "*batch n m"] | None = None,
) -> Float[Array, "*batch"]:
    """The expected loss where exactly one feature is on, the i-th with probability `probabilities[i]`, and uniform on
    [0, 1]. Of two matrices, W_out is the second.

    A model without weights misses E[x²] = 1/3 of the feature that is on:

    >>> round(float(one_hot_loss(jnp.zeros((1, 2)), jnp.zeros(2), jnp.array([0.25, 0.75]))), 6)
    0.333333
    """
    terms = one_on(W, b, importance, W_out)
    return (terms.loss * jnp.broadcast_to(probabilities, terms.loss.shape)).sum(-1)


def probability_of_set(n: int, density: float | Float[AnyArray, "*batch"], k: int) -> Float[Array, "*batch"]:
    """p^k (1-p)^(n-k): the factor of L_k, the probability that a given set of k features is on and no other.

    >>> float(probability_of_set(3, 0.5, 1))
    0.125
    """
    density = jnp.asarray(density)
    return density**k * (1 - density) ** (n - k)


def several_on(
    key: PRNGKeyArray,
    W: Float[AnyArray, "m n"],
    b: Float[AnyArray, " n"],
    density: float | Float[AnyArray, ""],
    importance: Importance = 1.0,
    *,
    samples: int = 2**16,
) -> Float[Array, ""]:
    """All further terms, p² (1-p)^(n-2) L_2 + ..., by Monte Carlo: the probability that two or more features are on,
    times the mean loss of samples of which that is true.

    All samples count, however small the density is. Relative standard error: about 1 / sqrt(samples).

    Args:
        key: is consumed.
        W, b: one model, (m, n) and (n,). Use `jax.vmap` for more.
        density: p in (0, 1].
        importance: I_i, one number or one per feature.
        samples: the number of samples.
    """
    W, b = jnp.asarray(W), jnp.asarray(b)
    n = b.shape[0]
    number_key, rank_key, value_key = jax.random.split(key, 3)
    logits = _log_binomial(n, jnp.asarray(density))
    number_on = jax.random.categorical(number_key, logits.at[:2].set(-jnp.inf), shape=(samples,))
    on = _random_ranks(rank_key, n, samples) < number_on[None, :]
    x = jnp.where(on, jax.random.uniform(value_key, (n, samples)), 0)
    errors = (x - jax.nn.relu(W.T @ (W @ x) + b[:, None])) ** 2
    return jnp.exp(logits[2:]).sum() * (_each(importance, b)[:, None] * errors).sum(0).mean()


def _log_binomial(n: int, density: Float[Array, ""]) -> Float[Array, " counts"]:
    """log P(k features are on) for k = 0 ... n."""
    k = jnp.arange(n + 1.0)
    log_ways = jax.lax.lgamma(n + 1.0) - jax.lax.lgamma(k + 1) - jax.lax.lgamma(n - k + 1)
    return log_ways + jax.scipy.special.xlogy(k, density) + jax.scipy.special.xlog1py(n - k, -density)


def _random_ranks(key: PRNGKeyArray, n: int, samples: int) -> Int[Array, "n samples"]:
    """A random permutation of 0 ... n-1 per column."""
    return jax.random.uniform(key, (n, samples)).argsort(0)


def _integral_of_relu_squared(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """∫ ReLU(ax + b)² dx over [0, 1]."""
    start, stop, low, high = _positive_part(a, b)
    return (stop - start) * (low**2 + low * high + high**2) / 3


def _integral_of_x_relu(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """∫ x ReLU(ax + b) dx over [0, 1]."""
    start, stop, low, high = _positive_part(a, b)
    return (stop - start) * ((2 * low + high) * start + (low + 2 * high) * stop) / 6


def _positive_part(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> tuple[Array, Array, Array, Array]:
    """Where in [0, 1] the line ax + b is positive, [start, stop], and ReLU of the line at both ends of that part.

    The ends are 0 and 1, but for a line that crosses 0 between them: then one end is where it crosses. Since the line
    is 0 there, as is its ReLU at the end of [0, 1] that is cut off, the values are ReLU(b) and ReLU(a + b) in all
    cases. A line that is negative throughout gets the whole interval, with both values 0.
    """
    crosses = b * (a + b) < -1e-30  # 0 but for rounding; keeps 1 / a² finite, which is in the gradient
    zero = -b / jnp.where(crosses, a, 1)
    start = jnp.where(crosses & (b < 0), zero, 0)
    stop = jnp.where(crosses & (b > 0), zero, 1)
    return start, stop, jax.nn.relu(b), jax.nn.relu(a + b)


def _rows(b: Float[Array, "*batch n"]) -> Float[Array, "*batch n n"]:
    """b_j at [..., i, j]."""
    return jnp.broadcast_to(b[..., None, :], (*b.shape, b.shape[-1]))


def _each(importance: Importance, b: Float[AnyArray, "*batch n"]) -> Float[Array, "*batch n"]:
    """One importance per feature."""
    return jnp.broadcast_to(jnp.asarray(importance, dtype=float), b.shape)
