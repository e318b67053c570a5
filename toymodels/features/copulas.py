"""Features that are on where correlated Gaussian numbers are low."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.checks import check_numbers
from toymodels.features.distributions import (
    UNIFORM,
    NamedValues,
    Values,
    check_density,
    check_values,
    column,
    per_item,
    with_diagonal,
)
from toymodels.features.uniform import TOP, draws, ranks
from toymodels.specifications import specification, static

ROUNDING = 1e-5  # of correlations in single precision


@specification
class GaussianCopula:
    """Feature i is on where Φ(g_i) < density_i, with correlated standard normal numbers g; values are independent
    (Chanin & Garriga-Alonso 2025).

    The correlations are given as factors, g = F z + e with independent normal z and e: that of g_i and g_j is
    F_i · F_j, and e has the variance that is left, 1 - |F_i|². A few columns suffice for correlations of low rank, as
    in Chanin & Garriga-Alonso 2026; `GaussianCopula.correlated` takes a correlation matrix instead. Whether features
    are on is less correlated than g is, and all the less the rarer they are.

    Attributes:
        factors: F (n, r), whose rows have at most length 1.
        density: probability that a feature is on, 0 or from 1e-7 to 1; one number, or n of them.
        values: distribution of the value of a feature that is on, or its name, such as "exponential".
    """

    factors: Any
    density: Any = 0.1
    values: NamedValues = static(default=UNIFORM)

    @staticmethod
    def correlated(correlation: Any, density: Any = 0.1, values: Values | str = UNIFORM) -> "GaussianCopula":
        """With a correlation matrix (n, n) of g.

        Raises:
            ValueError: unless it is symmetric and positive semi-definite, with ones on its diagonal.

        >>> GaussianCopula.correlated(np.array([[1.0, -0.4], [-0.4, 1.0]])).correlation().round(6)
        array([[ 1. , -0.4],
               [-0.4,  1. ]])
        """
        return GaussianCopula(_root(correlation), density, values)  # type: ignore[arg-type]

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return np.shape(self.factors)[0]

    def correlation(self) -> Float[np.ndarray, "n n"]:
        """Of the normal numbers g."""
        factors = np.asarray(self.factors, dtype=float)
        return with_diagonal(np.clip(factors @ factors.T, -1.0, 1.0), np.ones(len(factors)))

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        common_key, own_key, value_key = jax.random.split(key, 3)
        factors = jnp.asarray(self.factors, dtype=float)
        left = 1 - (factors * factors).sum(1, keepdims=True)
        own = jnp.sqrt(jnp.where(left > ROUNDING, left, 0.0))
        shape = (self.n_features, batch_size)
        g = factors @ _normal(common_key, (factors.shape[1], batch_size)) + own * _normal(own_key, shape)
        on = g < jax.scipy.special.ndtri(column(self.density))
        return jnp.where(on, self.values.inverse_cdf(ranks(draws(value_key, shape))), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return per_item(self.density, self.n_features) * mean

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j], by the bivariate normal distribution function."""
        mean, square = self.values.moments()
        density = per_item(self.density, self.n_features)
        both = both_below(density[:, None], density[None, :], self.correlation())
        return with_diagonal(both * mean**2, density * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        numbers = np.asarray(self.factors)
        if numbers.ndim != 2 or 0 in numbers.shape:
            raise ValueError(
                f"factors of GaussianCopula must have shape (n, r), a row per feature. Got shape {numbers.shape}."
            )
        check_numbers("GaussianCopula", "factors", numbers.ravel(), length=numbers.size)
        lengths = np.sqrt((numbers.astype(float) ** 2).sum(1))
        if lengths.max() > 1 + ROUNDING:
            raise ValueError(
                f"factors of GaussianCopula must have rows of at most length 1. Got {lengths.max():g} for feature "
                f"{lengths.argmax()}. GaussianCopula.correlated takes a correlation matrix instead."
            )
        check_density("GaussianCopula", self.density, self.n_features)
        check_values("GaussianCopula", self.values)


def both_below(
    p: Float[np.ndarray, "*a"], q: Float[np.ndarray, "*b"], correlation: Float[np.ndarray, "*c"]
) -> Float[np.ndarray, "*d"]:
    """The probability that two standard normal numbers of some correlation are below their quantiles of p and q: the
    bivariate normal distribution function, by T of Owen 1956. Arrays are broadcast.

    >>> both_below(np.array(0.5), np.array(0.5), np.array([0.0, 0.5]))  # 1/4 + arcsin(correlation) / 2π
    array([0.25      , 0.33333333])
    """
    from scipy.special import ndtri, owens_t  # not above: it takes a while to import

    p, q, correlation = np.broadcast_arrays(p, q, correlation)
    h, k = ndtri(p), ndtri(q)
    with np.errstate(divide="ignore", invalid="ignore"):  # cases at the edges are replaced below
        slope = np.sqrt(1 - correlation**2)
        opposite = (h * k < 0) | ((h * k == 0) & (h + k < 0))
        of_h, of_k = ((k - correlation * h) / (h * slope), (h - correlation * k) / (k * slope))
        inside = (p + q) / 2 - owens_t(h, of_h) - owens_t(k, of_k) - np.where(opposite, 0.5, 0.0)
    inside = np.where((h == 0) & (k == 0), 0.25 + np.arcsin(correlation) / (2 * np.pi), inside)
    inside = np.where(correlation >= 1, np.minimum(p, q), inside)
    inside = np.where(correlation <= -1, p + q - 1, inside)
    sure = (p <= 0) | (p >= 1) | (q <= 0) | (q >= 1) | (correlation == 0)
    return np.asarray(np.maximum(np.where(sure, p * q, inside), 0.0))


# --- Helpers, in the order of their use --------------------------------------------------------------------------


def _root(correlation: Any) -> Float[np.ndarray, "n n"]:
    """F with F Fᵀ = C."""
    given = np.asarray(correlation)
    if given.ndim != 2 or given.shape[0] != given.shape[1] or not given.size:
        raise ValueError(f"correlation of GaussianCopula must have shape (n, n). Got shape {given.shape}.")
    check_numbers("GaussianCopula", "correlation", given.ravel(), length=given.size, minimum=-1, maximum=1)
    matrix = given.astype(float)
    apart = np.abs(matrix - matrix.T)
    if apart.max() > ROUNDING:
        i, j = np.unravel_index(apart.argmax(), apart.shape)
        raise ValueError(
            f"correlation of GaussianCopula must be symmetric. Got {matrix[i, j]:g} at [{i}, {j}] and {matrix[j, i]:g} "
            f"at [{j}, {i}]."
        )
    wrong = np.abs(np.diag(matrix) - 1)
    if wrong.max() > ROUNDING:
        i = wrong.argmax()
        raise ValueError(
            f"correlation of GaussianCopula must have ones on its diagonal. Got {matrix[i, i]:g} at [{i}, {i}]."
        )
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < -ROUNDING:
        raise ValueError(
            "correlation of GaussianCopula must be positive semi-definite. Its lowest eigenvalue is "
            f"{values[0]:g}: no numbers are so correlated."
        )
    factors = vectors * np.sqrt(np.maximum(values, 0.0))
    return factors / np.linalg.norm(factors, axis=1, keepdims=True)


def _normal(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Standard normal numbers, exact far below 0, where rare features are on."""
    w = draws(key, shape) / TOP
    return jax.scipy.special.ndtri(jnp.minimum(w, 1 - np.finfo(w.dtype).epsneg))
