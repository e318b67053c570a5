"""Features of which a certain number is on: exactly k, or at least one."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.checks import check_integer, check_numbers
from toymodels.features.distributions import (
    UNIFORM,
    NamedValues,
    check_density,
    check_values,
    per_item,
    with_diagonal,
)
from toymodels.features.uniform import TOP, draws, ranks, split_draw
from toymodels.specifications import specification, static


@specification
class ExactlyK:
    """Exactly k of n features are on in each sample, chosen evenly.

    Attributes:
        n_features: number of features n.
        k: number of features that are on, a whole number from 0 to n.
        values: distribution of the value of a feature that is on, or its name, such as "exponential".
    """

    n_features: int = static()
    k: Any = 1
    values: NamedValues = static(default=UNIFORM)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        w = draws(key, (self.n_features, batch_size))

        def decide(missing: Array, feature: tuple[Array, Array]) -> tuple[Array, tuple[Array, Array]]:
            mine, features_left = feature
            on, rest = split_draw(mine, missing / features_left)  # 1 and 0 are exact, and so is k
            return missing - on.astype(w.dtype), (on, rest)

        # In turn: ranks of draws, which would do as well, need a sort, and that takes 30 times as long on a CPU.
        missing = jnp.full(batch_size, jnp.asarray(self.k, dtype=float))
        _, (on, w) = jax.lax.scan(decide, missing, (w, jnp.arange(self.n_features, 0, -1, dtype=w.dtype)))
        return jnp.where(on, self.values.inverse_cdf(ranks(w)), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i], where feature i is on with probability k / n."""
        mean, _ = self.values.moments()
        return np.full(self.n_features, float(self.k) / self.n_features * mean)

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j], where two features are on with probability k (k - 1) / (n (n - 1))."""
        mean, square = self.values.moments()
        n, k = self.n_features, float(self.k)
        both = k * (k - 1) / (n * max(n - 1, 1))
        return with_diagonal(np.full((n, n), both * mean**2), np.full(n, k / n * square))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("ExactlyK", "n_features", self.n_features, minimum=1)
        check_numbers("ExactlyK", "k", self.k, minimum=0, maximum=self.n_features)
        if float(self.k) % 1:
            raise ValueError(f"k of ExactlyK must be a whole number. Got {self.k}.")
        check_values("ExactlyK", self.values)


@specification
class NonEmpty:
    """Independent features of which at least one is on: samples of `Independent` without those that are empty (Sharkey
    et al. 2022), drawn without rejection.

    Attributes:
        n_features: number of features n.
        density: probability p that a feature is on before empty samples are left out, 0 or from 1e-7 to 1, not all 0;
            one number, or n of them. Then it is p_i / (1 - Π_j (1 - p_j)).
        values: distribution of the value of a feature that is on, or its name, such as "exponential".
    """

    n_features: int = static()
    density: Any = 0.1
    values: NamedValues = static(default=UNIFORM)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        density = jnp.broadcast_to(jnp.asarray(self.density, dtype=float), (self.n_features,))
        log_off = jnp.log1p(-density)
        none_later = jnp.append(jnp.cumsum(log_off[::-1])[-2::-1], 0.0)
        any_left = jnp.where(none_later < 0, -jnp.expm1(log_off + none_later), density)  # the last one has to be on
        if_none_yet = (density / jnp.where(density > 0, any_left, 1.0))[:, None]
        w = draws(key, (self.n_features, batch_size))
        first = jnp.argmax(w <= TOP * if_none_yet, axis=0, keepdims=True)
        after = jnp.arange(self.n_features)[:, None] > first
        on, w = split_draw(w, jnp.where(after, density[:, None], if_none_yet))
        return jnp.where(on, self.values.inverse_cdf(ranks(w)), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return per_item(self.density, self.n_features) * mean / self._any_on()

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        mean, square = self.values.moments()
        density = per_item(self.density, self.n_features)
        return with_diagonal(np.outer(density, density) * mean**2, density * square) / self._any_on()

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("NonEmpty", "n_features", self.n_features, minimum=1)
        check_density("NonEmpty", self.density, self.n_features)
        if not np.any(np.asarray(self.density)):
            raise ValueError("density of NonEmpty must not be 0 for all features: one of them is always on.")
        check_values("NonEmpty", self.values)

    def _any_on(self) -> float:
        """P(a feature is on) before empty samples are left out."""
        return float(1 - np.prod(1 - per_item(self.density, self.n_features)))
