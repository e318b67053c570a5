"""Sets of features that are on together, or exclude each other (Elhage et al. 2022, "Correlated and Anticorrelated
Features")."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.checks import check_integer, check_numbers
from toymodels.features.distributions import (
    UNIFORM,
    NamedValues,
    check_density,
    check_values,
    column,
    per_item,
    with_diagonal,
)
from toymodels.features.uniform import draws, ranks, split_draw
from toymodels.specifications import specification, static


@specification
class CorrelatedSets:
    """Sets of features that are on together, with independent values (Elhage et al. 2022, "Correlated and
    Anticorrelated Features").

    Attributes:
        sets: the features of each set; together every feature 0 ... n-1 exactly once.
        density: probability that a set is on, 0 or from 1e-7 to 1; one number, or one per set.
        values: distribution of the value of a feature that is on, or its name, such as "exponential".
        correlation: of any two members of a set in being on (Pearson's), in [0, 1]; one number, or one per set. With
            this probability one draw decides for the whole set, as always in the paper; else each member has its own.
            At 0 all features are independent.
    """

    sets: tuple[tuple[int, ...], ...] = static()
    density: Any = 0.1
    values: NamedValues = static(default=UNIFORM)
    correlation: Any = 1.0

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return sum(map(len, self.sets))

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        set_key, value_key = jax.random.split(key)
        together, w_set = split_draw(draws(set_key, (len(self.sets), batch_size)), column(self.correlation))
        set_on, _ = split_draw(w_set, column(self.density))
        w = draws(value_key, (self.n_features, batch_size))
        own_on, w_own = split_draw(w, self._of_feature(column(self.density)))
        owner = set_of_feature(self.sets)
        on = jnp.where(together[owner], set_on[owner], own_on)
        return jnp.where(on, self.values.inverse_cdf(ranks(jnp.where(together[owner], w, w_own))), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return self._density_of_feature() * mean

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        mean, square = self.values.moments()
        density, sets = self._density_of_feature(), len(self.sets)
        correlation = per_item(self.correlation, sets)[set_of_feature(self.sets)] * _same_set(self.sets)
        together = correlation * density + (1 - correlation) * np.outer(density, density)
        return with_diagonal(together * mean**2, density * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range or the sets overlap."""
        _check_sets("CorrelatedSets", self.sets)
        check_density("CorrelatedSets", self.density, len(self.sets))
        check_numbers("CorrelatedSets", "correlation", self.correlation, length=len(self.sets), minimum=0, maximum=1)
        check_values("CorrelatedSets", self.values)

    def _density_of_feature(self) -> Float[np.ndarray, " n"]:
        return per_item(self.density, len(self.sets))[set_of_feature(self.sets)]

    def _of_feature(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """Each feature's row of a column with one row per set; a single number as it is."""
        return value[set_of_feature(self.sets)] if value.ndim else value


@specification
class AnticorrelatedSets:
    """Sets of features of which at most one is on: with probability `density` the set is on, and then exactly one
    member, chosen evenly (Elhage et al. 2022, "Correlated and Anticorrelated Features").

    Attributes:
        sets: the features of each set; together every feature 0 ... n-1 exactly once.
        density: probability that a set is on, 0 or from 1e-7 to 1; one number, or one per set. A feature of a set of
            k is on with probability density / k.
        values: distribution of the value of a feature that is on, or its name, such as "exponential".
    """

    sets: tuple[tuple[int, ...], ...] = static()
    density: Any = 0.1
    values: NamedValues = static(default=UNIFORM)

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return sum(map(len, self.sets))

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        set_key, value_key = jax.random.split(key)
        sizes = np.array([len(members) for members in self.sets])[:, None]
        on, w = split_draw(draws(set_key, (len(self.sets), batch_size)), column(self.density))
        member = jnp.floor(ranks(w) * sizes.astype(w.dtype)).astype(int)
        chosen = jnp.where(on, jnp.minimum(member, sizes - 1), -1)
        mine = chosen[set_of_feature(self.sets)] == place_in_set(self.sets)[:, None]
        return jnp.where(mine, self.values.inverse_cdf(ranks(draws(value_key, mine.shape))), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return self._density_of_feature() * mean

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        _, square = self.values.moments()
        apart = np.where(_same_set(self.sets), 0.0, np.outer(self.mean(), self.mean()))
        return with_diagonal(apart, self._density_of_feature() * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range or the sets overlap."""
        _check_sets("AnticorrelatedSets", self.sets)
        check_density("AnticorrelatedSets", self.density, len(self.sets))
        check_values("AnticorrelatedSets", self.values)

    def _density_of_feature(self) -> Float[np.ndarray, " n"]:
        per_set = per_item(self.density, len(self.sets)) / np.array([len(members) for members in self.sets])
        return per_set[set_of_feature(self.sets)]


# --- Helpers, in the order of their use --------------------------------------------------------------------------


def set_of_feature(sets: tuple[tuple[int, ...], ...]) -> Int[np.ndarray, " n"]:
    """The number of the set to which each feature belongs."""
    owner = np.empty(sum(map(len, sets)), dtype=int)
    for number, members in enumerate(sets):
        owner[list(members)] = number
    return owner


def place_in_set(sets: tuple[tuple[int, ...], ...]) -> Int[np.ndarray, " n"]:
    """The place of each feature within its set."""
    place = np.empty(sum(map(len, sets)), dtype=int)
    for members in sets:
        place[list(members)] = np.arange(len(members))
    return place


def _same_set(sets: tuple[tuple[int, ...], ...]) -> np.ndarray:
    owner = set_of_feature(sets)
    return owner[:, None] == owner[None, :]


def _check_sets(owner: str, sets: Any) -> None:
    try:
        features = [feature for members in sets for feature in members]
    except TypeError:
        raise ValueError(f"sets of {owner} must be a tuple of tuples of features. Got {sets!r}.") from None
    if not features or not all(sets):
        raise ValueError(f"sets of {owner} must not be empty. Got {sets!r}.")
    for feature in features:
        check_integer(owner, "each feature in sets", feature, minimum=0)
    twice = sorted({feature for feature in features if features.count(feature) > 1})
    if twice:
        raise ValueError(f"sets of {owner} must not overlap. Got feature {twice[0]} in more than one place.")
    missing = sorted(set(range(max(features) + 1)) - set(features))
    if missing:
        raise ValueError(f"sets of {owner} must hold every feature from 0 to {max(features)}. Missing: {missing[0]}.")
