"""Distributions over sparse feature vectors.

A feature distribution has a `sample` method; anything that has one can be trained on:

    @tm.specification
    class Ones:
        n_features: int = tm.static()
        density: float = 0.1

        def sample(self, key, batch_size):
            return jax.random.bernoulli(key, self.density, (self.n_features, batch_size)).astype(float)

Samples are columns. Density is the probability that a feature is not zero (1 - S in Elhage et al. 2022, where S is
called sparsity; other code calls the density `feature_probability`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray

from toymodels.checks import check_function, check_integer, check_numbers
from toymodels.features.uniform import SMALLEST_DENSITY, draws, ranks, split_draw
from toymodels.names import Names
from toymodels.specifications import specification, static, written


@runtime_checkable
class Features(Protocol):
    """What training needs of a distribution.

    `sample` returns an array whose last axis is the batch, or several of them in a tuple, dict, NamedTuple or
    `Labelled`. Features may also have

    - `n_features`: then samples are checked to have as many rows;
    - `batch(key, step, batch_size)`, instead of `sample`, if a batch depends on the step; the key does not;
    - `prepare(key)`: the features that stand for these in one training, with what is drawn once (`DrawnDataset`);
    - `everything()`: all samples of a finite data set, each of which an evaluation then sees once;
    - `validate()`, which raises a ValueError for a bad field.
    """

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Any: ...


class Labelled(NamedTuple):
    """A sample that comes with what is to be predicted of it, e.g. tokens and classes.

    Attributes:
        input: what the model is given, (..., batch).
        label: what the task's `target` is given, and by default is, (..., batch).
    """

    input: Any
    label: Any


# --- The value of a feature that is on ---------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Values:
    """Distribution of a feature's value while it is on, given by its inverse cumulative distribution function.

    Attributes:
        inverse_cdf: maps uniform draws from the open (0, 1) to values, elementwise; `jax.scipy.special.ndtri` makes
            Gaussian features.
        mean: E[value], where it is known in closed form.
        second_moment: E[value²], where it is known in closed form.
    """

    inverse_cdf: Callable[[Array], Array]
    mean: float | None = None
    second_moment: float | None = None
    __repr__ = written

    def moments(self) -> tuple[float, float]:
        """E[value] and E[value²]. Raises ValueError where they were not given."""
        if self.mean is None or self.second_moment is None:
            raise ValueError("These Values have no known moments. Give them: Values(inverse_cdf, mean, second_moment).")
        return self.mean, self.second_moment


UNIFORM = Values(lambda u: u, mean=1 / 2, second_moment=1 / 3)
SIGNED_UNIFORM = Values(lambda u: 2 * u - 1, mean=0.0, second_moment=1 / 3)
EXPONENTIAL = Values(lambda u: -jnp.log1p(-u), mean=1.0, second_moment=2.0)

VALUES = Names(
    "a distribution of values",
    {"uniform": UNIFORM, "signed_uniform": SIGNED_UNIFORM, "exponential": EXPONENTIAL},
    "Values(inverse_cdf) makes others.",
)
NamedValues = Annotated[Values, VALUES]
"""A distribution of values, or its name."""

FEATURES = Names("a distribution of features", {}, "Features are made: Independent(n_features, density).")
"""A distribution has no name, but that of one's own is found: "module:object"."""


# --- Distributions -----------------------------------------------------------------------------------------------


@specification
class Independent:
    """Features that are on independently of each other (Elhage et al. 2022, "Demonstrating Superposition").

    Attributes:
        n_features: number of features n.
        density: probability that a feature is on, 0 or from 1e-7 to 1; one number, or n of them.
        values: distribution of the value of a feature that is on, or its name, such as "exponential".
    """

    n_features: int = static()
    density: Any = 0.1
    values: NamedValues = static(default=UNIFORM)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        on, w = split_draw(draws(key, (self.n_features, batch_size)), _column(self.density))
        return jnp.where(on, self.values.inverse_cdf(ranks(w)), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return _per_item(self.density, self.n_features) * mean

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        _, square = self.values.moments()
        return _with_diagonal(np.outer(self.mean(), self.mean()), _per_item(self.density, self.n_features) * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("Independent", "n_features", self.n_features, minimum=1)
        _check_density("Independent", self.density, self.n_features)
        _check_values("Independent", self.values)


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
        together, w_set = split_draw(draws(set_key, (len(self.sets), batch_size)), _column(self.correlation))
        set_on, _ = split_draw(w_set, _column(self.density))
        w = draws(value_key, (self.n_features, batch_size))
        own_on, w_own = split_draw(w, self._of_feature(_column(self.density)))
        owner = _set_of_feature(self.sets)
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
        correlation = _per_item(self.correlation, sets)[_set_of_feature(self.sets)] * _same_set(self.sets)
        together = correlation * density + (1 - correlation) * np.outer(density, density)
        return _with_diagonal(together * mean**2, density * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range or the sets overlap."""
        _check_sets("CorrelatedSets", self.sets)
        _check_density("CorrelatedSets", self.density, len(self.sets))
        check_numbers("CorrelatedSets", "correlation", self.correlation, length=len(self.sets), minimum=0, maximum=1)
        _check_values("CorrelatedSets", self.values)

    def _density_of_feature(self) -> Float[np.ndarray, " n"]:
        return _per_item(self.density, len(self.sets))[_set_of_feature(self.sets)]

    def _of_feature(self, value: Float[Array, "..."]) -> Float[Array, "..."]:
        """Each feature's row of a column with one row per set; a single number as it is."""
        return value[_set_of_feature(self.sets)] if value.ndim else value


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
        on, w = split_draw(draws(set_key, (len(self.sets), batch_size)), _column(self.density))
        member = jnp.floor(ranks(w) * sizes.astype(w.dtype)).astype(int)
        chosen = jnp.where(on, jnp.minimum(member, sizes - 1), -1)
        mine = chosen[_set_of_feature(self.sets)] == _place_in_set(self.sets)[:, None]
        return jnp.where(mine, self.values.inverse_cdf(ranks(draws(value_key, mine.shape))), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return self._density_of_feature() * mean

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        _, square = self.values.moments()
        apart = np.where(_same_set(self.sets), 0.0, np.outer(self.mean(), self.mean()))
        return _with_diagonal(apart, self._density_of_feature() * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range or the sets overlap."""
        _check_sets("AnticorrelatedSets", self.sets)
        _check_density("AnticorrelatedSets", self.density, len(self.sets))
        _check_values("AnticorrelatedSets", self.values)

    def _density_of_feature(self) -> Float[np.ndarray, " n"]:
        per_set = _per_item(self.density, len(self.sets)) / np.array([len(members) for members in self.sets])
        return per_set[_set_of_feature(self.sets)]


@specification
class Concatenated:
    """Several distributions side by side, over disjoint features and independent of each other.

    Attributes:
        parts: the distributions; the first part's features come first.
    """

    parts: tuple[Annotated[Any, FEATURES], ...]

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return sum(part.n_features for part in self.parts)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        keys = jax.random.split(key, len(self.parts))
        return jnp.concatenate([part.sample(key, batch_size) for part, key in zip(self.parts, keys, strict=True)])

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        return np.concatenate([part.mean() for part in self.parts])

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        moment = np.outer(self.mean(), self.mean())
        start = 0
        for part in self.parts:
            block = slice(start, start + part.n_features)
            moment[block, block] = part.second_moment()
            start = block.stop
        return moment

    def validate(self) -> None:
        """Raise ValueError if there are no parts or one of them is invalid."""
        if not self.parts:
            raise ValueError("parts of Concatenated must hold at least one distribution. Got none.")
        for part in self.parts:
            validate_features(part)


# --- Helpers, in the order of their use --------------------------------------------------------------------------


def validate_features(features: Any) -> None:
    """Raise unless `features` is a valid distribution: ValueError for a bad field, TypeError for another thing."""
    if hasattr(features, "validate") and not isinstance(features, type):
        features.validate()
    if isinstance(features, type) or not callable(getattr(features, "sample", None)):
        raise TypeError(f"features must have a method `sample(key, batch_size)`. Got {features!r}.")


def _column(density: Any) -> Float[Array, "..."]:
    """A density, or one per row, ready to meet draws of shape (rows, batch)."""
    density = jnp.asarray(density, dtype=float)
    return density[:, None] if density.ndim else density


def _per_item(density: Any, count: int) -> Float[np.ndarray, " count"]:
    return np.broadcast_to(np.asarray(density, dtype=float), (count,))


def _with_diagonal(matrix: Float[np.ndarray, "n n"], diagonal: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    return matrix - np.diag(np.diag(matrix)) + np.diag(diagonal)


def _set_of_feature(sets: tuple[tuple[int, ...], ...]) -> Int[np.ndarray, " n"]:
    """The number of the set to which each feature belongs."""
    owner = np.empty(sum(map(len, sets)), dtype=int)
    for number, members in enumerate(sets):
        owner[list(members)] = number
    return owner


def _place_in_set(sets: tuple[tuple[int, ...], ...]) -> Int[np.ndarray, " n"]:
    """The place of each feature within its set."""
    place = np.empty(sum(map(len, sets)), dtype=int)
    for members in sets:
        place[list(members)] = np.arange(len(members))
    return place


def _same_set(sets: tuple[tuple[int, ...], ...]) -> np.ndarray:
    owner = _set_of_feature(sets)
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


def _check_density(owner: str, density: Any, length: int) -> None:
    check_numbers(owner, "density", density, length=length, minimum=0, maximum=1)
    numbers = np.ravel(np.asarray(density, dtype=float))
    small = numbers[(numbers > 0) & (numbers < SMALLEST_DENSITY * (1 - 1e-6))]  # 1e-7 in single precision will do
    if small.size:
        raise ValueError(f"density of {owner} must be 0 or at least {SMALLEST_DENSITY:g}. Got {small[0]:g}.")


def _check_values(owner: str, values: Any) -> None:
    if not isinstance(values, Values):
        raise ValueError(f"values of {owner} must be a Values, e.g. Values(inverse_cdf). Got {values!r}.")
    check_function(owner, "values.inverse_cdf", values.inverse_cdf)
