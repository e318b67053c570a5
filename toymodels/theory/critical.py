"""Critical points of the toy model with one feature on at a time, found from weights nearby, and what they are called.

The loss is `expansion.one_hot_loss` with all n features equally likely, as in Chen et al. 2023; each can have an
importance of its own. It can be differentiated twice but for kinks, where a scalar product W_i·W_j and a bias b_j are
both 0.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from toymodels.arrays import AnyArray, weights_of_one
from toymodels.checks import check_numbers
from toymodels.theory.expansion import one_hot_loss
from toymodels.theory.polygons import polygon

FLAT = 1e-6  # eigenvalues of the Hessian below this are 0; those of the polygons are above 1e-4


class Critical(NamedTuple):
    """A point at which the loss has no slope.

    Attributes:
        W, b: the weights.
        loss: the loss there.
        eigenvalues: of the Hessian by all weights and biases, in increasing order; NaN at a kink.
    """

    W: Float[np.ndarray, "m n"]
    b: Float[np.ndarray, " n"]
    loss: float
    eigenvalues: Float[np.ndarray, " parameters"]

    @property
    def negative(self) -> int:
        """The number of directions in which the loss falls: 0 at a minimum, more at a saddle."""
        return int((self.eigenvalues < -FLAT).sum())

    @property
    def positive(self) -> int:
        """The number of directions in which it rises."""
        return int((self.eigenvalues > FLAT).sum())


def critical_point(
    W: Float[AnyArray, "m n"], b: Float[AnyArray, " n"], importance: float | Float[AnyArray, " n"] = 1.0
) -> Critical:
    """The critical point near these weights, whether a minimum or a saddle: by least squares of the slope, in float64.

    The pentagon of five features among six is a minimum, flat where it is turned and where the sixth feature moves:

    >>> from toymodels.theory.polygons import polygon_weights
    >>> W, b = polygon_weights(5, 6)
    >>> found = critical_point(W + 0.01, b)
    >>> round(found.loss, 5), found.negative, found.positive
    (0.06874, 0, 14)

    Args:
        W, b: (m, n) and (n,), about there.
        importance: I_i, one number or one per feature.

    Raises:
        ValueError: if shapes do not match, for numbers that are not finite, and where there is none nearby.
    """
    from scipy.optimize import least_squares  # not above: it takes a tenth of a second to import

    W = weights_of_one("critical_point", W).astype(np.float64)
    check_numbers("critical_point", "W", W.ravel(), length=W.size, per="weight")
    check_numbers("critical_point", "b", b, length=W.shape[1])
    check_numbers("critical_point", "importance", importance, length=W.shape[1], minimum=0)
    b, weights = (np.broadcast_to(np.asarray(one, np.float64), W.shape[1]) for one in (b, importance))
    shape = W.shape
    with jax.enable_x64(True):
        start = np.concatenate([W.ravel(), b])
        found = least_squares(
            lambda p: np.asarray(_slope(p, weights, shape)),
            start,
            lambda p: np.asarray(_hessian(p, weights, shape)),
            xtol=1e-15,
            ftol=1e-15,
            gtol=1e-15,
            max_nfev=200,
        ).x
        if abs(_slope(found, weights, shape)).max() > 1e-7:
            raise ValueError("critical_point found none near these weights. Train them first.")
        loss = float(_loss(found, weights, shape))
        W, b = found[: W.size].reshape(shape), found[W.size :]
        smooth = not _kinks(W, b).any()
        eigenvalues = np.linalg.eigvalsh(_hessian(found, weights, shape)) if smooth else np.full(found.size, np.nan)
    return Critical(W, b, loss, eigenvalues)


def polygon_name(W: Float[AnyArray, "2 n"], b: Float[AnyArray, " n"], tolerance: float = 0.05) -> str:
    """Which of the critical points of Chen et al. 2023 these weights are at: "5" for a regular 5-gon, "5+" or "5++" if
    one or two of the other features have the bias 1 / (2 n); "" for none.

    The others have no effect, on their own outputs and on those of others, but for this bias.

    >>> from toymodels.theory.polygons import polygon_weights
    >>> [polygon_name(*polygon_weights(*one)) for one in ((5, 6), (5, 7, 2), (4, 4))]
    ['5', '5++', '4']

    Args:
        W, b: (2, n) and (n,).
        tolerance: by how much a length, a bias or a scalar product may differ; a bias of 1 / (2 n), relatively,
            twice as much.

    Raises:
        ValueError: if shapes do not match, and for biases that are not finite.
    """
    W = weights_of_one("polygon_name", W, hidden=2).astype(np.float64)
    n, products = W.shape[1], W.T @ W
    check_numbers("polygon_name", "b", b, length=n)
    b = np.broadcast_to(np.asarray(b, np.float64), n)
    biased = (np.diag(products) < tolerance**2) & (abs(2 * n * b - 1) < 2 * tolerance)
    silent = ((products + b).max(0) < tolerance) & ~biased  # its own output is never on
    corner = ~biased & ~silent
    k = int(corner.sum())
    unheard = (products[silent] + b)[:, corner].max(initial=-1) < tolerance  # nor does it turn on that of a corner
    return (
        f"{k}{'+' * int(biased.sum())}"
        if k >= 2 and unheard and _is_polygon(W[:, corner], b[corner], tolerance)
        else ""
    )


def _is_polygon(W: Float[np.ndarray, "2 k"], b: Float[np.ndarray, " k"], tolerance: float) -> bool:
    """Whether these are the corners of `polygon(k)`, in any order. Less than 4 may be at any angles from 90° on."""
    k = len(b)
    length, bias, _ = polygon(k)
    if max(abs(np.linalg.norm(W, axis=0) - length).max(), abs(b - bias).max()) > tolerance:
        return False
    if k < 4:
        return bool((W.T @ W)[~np.eye(k, dtype=bool)].max() < tolerance)
    W = W[:, np.argsort(np.arctan2(W[1], W[0]))]
    return bool(abs((W * np.roll(W, 1, axis=1)).sum(0) - length**2 * np.cos(2 * np.pi / k)).max() < 2 * tolerance)


def _kinks(W: Float[np.ndarray, "m n"], b: Float[np.ndarray, " n"]) -> Bool[np.ndarray, "n n"]:
    """At [i, j], whether the slope of output j jumps while feature i is on."""
    return (abs(W.T @ W) < 1e-6) & (abs(b) < 1e-6)


def _loss(p: Any, importance: Any, shape: tuple[int, int]) -> Array:
    m, n = shape
    return one_hot_loss(p[: m * n].reshape(m, n), p[m * n :], jnp.full(n, 1 / n), importance)


_slope = jax.jit(jax.grad(_loss), static_argnums=2)
_hessian = jax.jit(jax.hessian(_loss), static_argnums=2)
