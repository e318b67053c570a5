"""Finite data sets: T samples, given or drawn from the seed (Henighan et al. 2023, "Superposition, Memorization, and
Double Descent")."""

from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Integer, PRNGKeyArray

from toymodels.arrays import unit_columns
from toymodels.checks import check_function, check_integer
from toymodels.features.distributions import FEATURES, Features, validate_features
from toymodels.features.uniform import can
from toymodels.names import Names
from toymodels.specifications import specification, static


def with_replacement(
    key: PRNGKeyArray, step: Integer[Array, ""], n_samples: int, batch_size: int
) -> Int[Array, " batch"]:
    """Choose `batch_size` of `n_samples`, each draw from all of them."""
    return jax.random.randint(jax.random.fold_in(key, step), (batch_size,), 0, n_samples)


def without_replacement(
    key: PRNGKeyArray, step: Integer[Array, ""], n_samples: int, batch_size: int
) -> Int[Array, " batch"]:
    """Choose `batch_size` different ones of `n_samples`, at every step from all of them."""
    return jax.random.permutation(jax.random.fold_in(key, step), n_samples)[:batch_size]


def epochs(key: PRNGKeyArray, step: Integer[Array, ""], n_samples: int, batch_size: int) -> Int[Array, " batch"]:
    """Go through all of `n_samples` in a new order each epoch of n_samples // batch_size steps; the rest of the
    samples, fewer than a batch, is left out of that epoch. Ordering takes about 0.1 µs per sample at every step."""
    batch_size = min(batch_size, n_samples)
    steps = n_samples // batch_size
    order = jax.random.permutation(jax.random.fold_in(key, step // steps), n_samples)
    return jax.lax.dynamic_slice_in_dim(order, step % steps * batch_size, batch_size)


def full_batch(key: PRNGKeyArray, step: Integer[Array, ""], n_samples: int, batch_size: int) -> Int[Array, " batch"]:
    """Choose all of `n_samples` every time, whatever the batch size."""
    return jnp.arange(n_samples)


BATCHES = Names(
    "a way to choose batches",
    {
        "with_replacement": with_replacement,
        "without_replacement": without_replacement,
        "epochs": epochs,
        "full_batch": full_batch,
    },
    "It is called with (key, step, n_samples, batch_size).",
)
Batches = Annotated[Callable[[PRNGKeyArray, Integer[Array, ""], int, int], Int[Array, " batch"]], BATCHES]
"""A function of (key, step, n_samples, batch_size), or its name."""


@specification
class Dataset:
    """A finite data set of T samples. Its evaluation sees every sample once.

    Attributes:
        samples: (..., T), the last axis is that of the samples; transpose ordinary (T, n) data first. Several arrays,
            such as inputs and labels, as `Labelled(input, label)`, a tuple or a dict.
        batches: chooses the samples of a batch: `with_replacement`, `without_replacement`, `epochs`, `full_batch` or
            your own function of (key, step, T, batch_size), whose key is the same at every step; or its name.
    """

    samples: Any
    batches: Batches = static(default=with_replacement)

    @staticmethod
    def draw(key: PRNGKeyArray, features: Features, n_samples: int, *, unit_norm: bool = False) -> "Dataset":
        """T = `n_samples` samples of `features`, the same for all seeds; with `unit_norm` each that is not zero is
        scaled to length 1."""
        drawn = DrawnDataset(features, n_samples, unit_norm)
        drawn.validate()
        return Dataset(jax.tree.map(np.asarray, drawn.draw(key)))

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return np.shape(jax.tree.leaves(self.samples)[0])[0]

    @property
    def n_samples(self) -> int:
        """Number of samples T."""
        return np.shape(jax.tree.leaves(self.samples)[0])[-1]

    def batch(self, key: PRNGKeyArray, step: Integer[Array, ""] | int, batch_size: int) -> Any:
        """The samples of a step, (..., batch)."""
        if self.batches is full_batch:
            return self.everything()
        chosen = self.batches(key, jnp.asarray(step), self.n_samples, batch_size)
        return jax.tree.map(lambda array: array[..., chosen], self.everything())

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Any:
        """The samples of the first step."""
        return self.batch(key, 0, batch_size)

    def everything(self) -> Any:
        """All samples, (..., T)."""
        return jax.tree.map(jnp.asarray, self.samples)

    def mean(self) -> Float[np.ndarray, " n"]:
        """Mean of the samples."""
        return np.asarray(self.samples, dtype=float).mean(axis=1)

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """Mean of x xᵀ over the samples."""
        samples = np.asarray(self.samples, dtype=float)
        return samples @ samples.T / samples.shape[1]

    def validate(self) -> None:
        """Raise ValueError unless the samples are arrays (..., T) of finite numbers."""
        if isinstance(self.samples, list):
            raise ValueError("samples of Dataset must be an array. Got a list.")
        leaves = jax.tree.leaves(self.samples)
        for array in leaves or [None]:
            _check_array(array, minimum=2 if array is self.samples else 1)
        if len({np.shape(array)[-1] for array in leaves}) > 1:
            raise ValueError(
                "samples of Dataset must have as many samples in each array, along the last axis. Got shapes "
                f"{[np.shape(array) for array in leaves]}."
            )
        check_function("Dataset", "batches", self.batches)


@specification
class DrawnDataset:
    """A finite data set of T samples that is drawn from the seed: a new one for each seed, the same for all restarts.

    With `Task(evaluation=features)` the loss is that on fresh samples, beside a history that is that on the data set.

    Attributes:
        features: what the samples are drawn from.
        n_samples: number of samples T.
        unit_norm: whether each sample that is not zero is scaled to length 1.
        batches: as in `Dataset`.
    """

    features: Annotated[Any, FEATURES]
    n_samples: int = static()
    unit_norm: bool = static(default=False)
    batches: Batches = static(default=full_batch)

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return self.features.n_features

    def prepare(self, key: PRNGKeyArray) -> Dataset:
        """The data set of one seed."""
        return Dataset(self.draw(key), self.batches)

    def draw(self, key: PRNGKeyArray) -> Any:
        """T samples, (..., T)."""
        samples = self.features.sample(key, self.n_samples)
        return unit_columns(samples) if self.unit_norm else samples

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Any:
        """Samples of a new data set. In training, `prepare` keeps one for all steps."""
        return self.prepare(key).sample(key, batch_size)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("DrawnDataset", "n_samples", self.n_samples, minimum=1)
        check_function("DrawnDataset", "batches", self.batches)
        validate_features(self.features)


@specification
class HiddenActivations:
    """The hidden activations h = W x of a trained toy model, as features that another model is trained on.

    Attributes:
        W: the toy model's weights (m, n), which stay what they are.
        features: distribution of its n features x.
    """

    W: Any
    features: Annotated[Any, FEATURES]

    @property
    def n_features(self) -> int:
        """Number of hidden dimensions m."""
        return np.shape(self.W)[0]

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "m batch"]:
        """Draw `batch_size` hidden activations, one per column."""
        return jnp.asarray(self.W) @ self.features.sample(key, batch_size)

    def mean(self) -> Float[np.ndarray, " m"]:
        """E[h_k] = Σ_i W_ki E[x_i]."""
        return np.asarray(self.W) @ self.features.mean()

    def second_moment(self) -> Float[np.ndarray, "m m"]:
        """E[h hᵀ] = W E[x xᵀ] Wᵀ."""
        return np.asarray(self.W) @ self.features.second_moment() @ np.asarray(self.W).T

    def validate(self) -> None:
        """Raise ValueError if W is not an (m, n) array of finite numbers with a column for each of the features."""
        validate_features(self.features)
        if not isinstance(self.W, np.ndarray | jax.Array):
            raise ValueError(f"W of HiddenActivations must be an array. Got a {type(self.W).__name__}.")
        if self.W.ndim != 2 or self.W.shape[0] == 0 or self.W.shape[1] != self.features.n_features:
            raise ValueError(
                f"W of HiddenActivations must have shape (m, n) with n = {self.features.n_features} features. "
                f"Got shape {self.W.shape}; one model of a run is run.W[0]."
            )
        if not np.isfinite(np.asarray(self.W)).all():
            raise ValueError("W of HiddenActivations must be finite. It is not; has the toy model diverged?")
        if can(self.features, "prepare") or can(self.features, "batch"):
            raise ValueError(
                "features of HiddenActivations must draw fresh samples. For a finite set, draw activations from "
                "fresh ones: DrawnDataset(HiddenActivations(W, features), n_samples)."
            )


def _check_array(samples: Any, minimum: int) -> None:
    if not isinstance(samples, np.ndarray | jax.Array):
        raise ValueError(f"samples of Dataset must be an array. Got a {type(samples).__name__}.")
    if samples.ndim < minimum or 0 in samples.shape:
        raise ValueError(f"samples of Dataset must have shape (..., n_samples). Got shape {samples.shape}.")
    bad = ~np.isfinite(np.asarray(samples))
    if bad.any():
        *place, sample = np.argwhere(bad)[0]
        feature = f" for feature {place[0]}" if place else ""
        raise ValueError(
            f"samples of Dataset must be finite. Got {np.asarray(samples)[bad][0]}{feature} of sample {sample}."
        )
