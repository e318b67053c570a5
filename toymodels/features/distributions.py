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
from functools import partial
from typing import Annotated, Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

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


def inputs_of(x: Any) -> Any:
    """What a model is given of samples: without what is to be predicted, if they are `Labelled`."""
    return x.input if isinstance(x, Labelled) else x


# --- The value of a feature that is on ---------------------------------------------------------------------------


@dataclass(frozen=True, repr=False)
class Values:
    """Distribution of a feature's value while it is on, given by its inverse cumulative distribution function.

    Attributes:
        inverse_cdf: maps uniform draws from the open (0, 1) to values, elementwise.
        mean: E[value], where it is known in closed form.
        second_moment: E[value²], where it is known in closed form.
    """

    inverse_cdf: Callable[[Array], Array]
    mean: float | None = None
    second_moment: float | None = None
    __repr__ = written

    @staticmethod
    def normal(mean: float | int, std: float | int) -> "Values":
        """Normally distributed values, also negative ones: in Chanin & Garriga-Alonso 2025 of mean 1 and standard
        deviation 0.15, where one in 10^11 is below zero.

        Raises:
            ValueError: if a number is not finite, or `std` is negative.

        >>> Values.normal(1.0, 0.5).moments()
        (1.0, 1.25)
        """
        check_numbers("Values.normal", "mean", mean)
        check_numbers("Values.normal", "std", std, minimum=0)
        return Values(partial(normal_quantile, mean, std), mean, mean**2 + std**2)

    def moments(self) -> tuple[float, float]:
        """E[value] and E[value²]. Raises ValueError where they were not given."""
        if self.mean is None or self.second_moment is None:
            raise ValueError("These Values have no known moments. Give them: Values(inverse_cdf, mean, second_moment).")
        return self.mean, self.second_moment


def uniform_quantile(u: Array) -> Array:
    """Of the uniform distribution on [0, 1]."""
    return u


def signed_uniform_quantile(u: Array) -> Array:
    """Of the uniform distribution on [-1, 1]."""
    return 2 * u - 1


def exponential_quantile(u: Array) -> Array:
    """Of the exponential distribution of mean 1."""
    return -jnp.log1p(-u)


UNIFORM = Values(uniform_quantile, mean=1 / 2, second_moment=1 / 3)
SIGNED_UNIFORM = Values(signed_uniform_quantile, mean=0.0, second_moment=1 / 3)
EXPONENTIAL = Values(exponential_quantile, mean=1.0, second_moment=2.0)
BINARY = Values(jnp.ones_like, mean=1.0, second_moment=1.0)

VALUES = Names(
    "a distribution of values",
    {"uniform": UNIFORM, "signed_uniform": SIGNED_UNIFORM, "exponential": EXPONENTIAL, "binary": BINARY},
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
        on, w = split_draw(draws(key, (self.n_features, batch_size)), column(self.density))
        return jnp.where(on, self.values.inverse_cdf(ranks(w)), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return per_item(self.density, self.n_features) * mean

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        _, square = self.values.moments()
        return with_diagonal(np.outer(self.mean(), self.mean()), per_item(self.density, self.n_features) * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("Independent", "n_features", self.n_features, minimum=1)
        check_density("Independent", self.density, self.n_features)
        check_values("Independent", self.values)


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


@specification
class Scaled:
    """Features of any distribution, each times a number of its own: magnitudes that differ from feature to feature.

    Attributes:
        features: the distribution.
        scale: what each feature is multiplied by; one number, or n of them.

    >>> Scaled(Independent(2, density=0.5, values="binary"), (5.0, 4.0)).mean()
    array([2.5, 2. ])
    """

    features: Annotated[Any, FEATURES]
    scale: Any = 1.0

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return self.features.n_features

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        return column(self.scale) * self.features.sample(key, batch_size)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i], where the distribution has one."""
        return per_item(self.scale, self.n_features) * self.features.mean()

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j], where the distribution has one."""
        scale = per_item(self.scale, self.n_features)
        return np.outer(scale, scale) * self.features.second_moment()

    def validate(self) -> None:
        """Raise ValueError if a scale is not finite, or there is neither one nor one per feature."""
        validate_features(self.features)
        check_numbers("Scaled", "scale", self.scale, length=self.n_features)


# --- Helpers, in the order of their use --------------------------------------------------------------------------


def validate_features(features: Any) -> None:
    """Raise unless `features` is a valid distribution: ValueError for a bad field, TypeError for another thing."""
    if hasattr(features, "validate") and not isinstance(features, type):
        features.validate()
    if isinstance(features, type) or not callable(getattr(features, "sample", None)):
        raise TypeError(f"features must have a method `sample(key, batch_size)`. Got {features!r}.")


def normal_quantile(mean: float | int, std: float | int, u: Float[Array, "..."]) -> Float[Array, "..."]:
    """The inverse cumulative distribution function of a normal distribution."""
    return mean + std * jax.scipy.special.ndtri(u)


def column(density: Any) -> Float[Array, "..."]:
    """A density, or one per row, ready to meet draws of shape (rows, batch)."""
    density = jnp.asarray(density, dtype=float)
    return density[:, None] if density.ndim else density


def per_item(density: Any, count: int) -> Float[np.ndarray, " count"]:
    """A density, or one per item, as one per item."""
    return np.broadcast_to(np.asarray(density, dtype=float), (count,))


def with_diagonal(matrix: Float[np.ndarray, "n n"], diagonal: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    """A matrix with another diagonal."""
    return matrix - np.diag(np.diag(matrix)) + np.diag(diagonal)


def check_density(owner: str, density: Any, length: int) -> None:
    """Raise unless `density` is a probability that draws can tell from others, or `length` of them."""
    check_numbers(owner, "density", density, length=length, minimum=0, maximum=1)
    numbers = np.ravel(np.asarray(density, dtype=float))
    small = numbers[(numbers > 0) & (numbers < SMALLEST_DENSITY * (1 - 1e-6))]  # 1e-7 in single precision will do
    if small.size:
        raise ValueError(f"density of {owner} must be 0 or at least {SMALLEST_DENSITY:g}. Got {small[0]:g}.")


def check_values(owner: str, values: Any) -> None:
    """Raise unless `values` is a `Values`."""
    if not isinstance(values, Values):
        raise ValueError(f"values of {owner} must be a Values, e.g. Values(inverse_cdf). Got {values!r}.")
    check_function(owner, "values.inverse_cdf", values.inverse_cdf)
