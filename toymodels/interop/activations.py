"""Activations of toy models for SAELens, and its synthetic ones here. Samples are columns here, and rows there."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import count
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy.special import ndtr, ndtri

from toymodels.checks import check_integer, check_seed
from toymodels.features import (
    BINARY,
    Dataset,
    GaussianCopula,
    HiddenActivations,
    Independent,
    Values,
    validate_features,
)
from toymodels.features.uniform import batch_of, prepared
from toymodels.interop.checkpoints import array_of
from toymodels.interop.libraries import optional


def activation_batches(features: Any, batch_size: int = 1024, seed: int = 0) -> Iterator[Any]:
    """Batches (batch, m) without end, as tensors of torch: the `data_provider` that SAELens' trainer takes.

    Args:
        features: what to draw from, such as `HiddenActivations(run.W[0], features)`.
        batch_size: samples per batch.
        seed: of the draws; the same one gives the same batches.

    Raises:
        ModuleNotFoundError: without PyTorch.
    """
    check_integer("activation_batches", "batch_size", batch_size, minimum=1)
    draws = Draws(features, seed)
    return (draws.sample(batch_size) for _ in count())


def dataset_of(batches: Iterable[Any], n_samples: int) -> Dataset:
    """A finite data set of the first samples of some batches (batch, m), tensors or arrays: of SAELens' activations
    store, or of its `SyntheticActivationIterator`, whatever its generator does.

    Raises:
        ValueError: if there are fewer samples.

    >>> dataset_of([np.ones((4, 3)), np.zeros((4, 3))], n_samples=6).samples.shape
    (3, 6)
    """
    check_integer("dataset_of", "n_samples", n_samples, minimum=1)
    rows: list[np.ndarray] = []
    found = 0
    for batch in batches:
        rows.append(array_of(batch))
        found += len(rows[-1])
        if found >= n_samples:
            return Dataset(np.ascontiguousarray(np.concatenate(rows)[:n_samples].T))
    raise ValueError(f"batches of dataset_of must have n_samples={n_samples} samples. They have {found}.")


def to_synthetic(hidden: HiddenActivations, seed: int = 0) -> tuple[Any, "Draws"]:
    """SAELens' `FeatureDictionary` with the columns of W, and features x to go through it: what its `train_toy_sae` and
    `eval_sae_on_synthetic_data` take.

    Args:
        hidden: activations h = W x.
        seed: of the draws of x.

    Raises:
        ModuleNotFoundError: without SAELens.
    """
    torch, synthetic = optional("torch"), optional("sae_lens.synthetic")
    hidden.validate()
    vectors = np.array(np.asarray(hidden.W).T, np.float32, order="C")
    dictionary = synthetic.FeatureDictionary(*vectors.shape, initializer=None)
    dictionary.feature_vectors.data = torch.from_numpy(vectors)
    return dictionary, Draws(hidden.features, seed)


class Draws:
    """In place of SAELens' `ActivationGenerator`: vectors of one of our distributions, new ones at every call."""

    def __init__(self, features: Any, seed: int = 0):
        check_seed("Draws", "seed", seed)
        validate_features(features)
        self._torch, self._step = optional("torch"), count()
        data_key, key = jax.random.split(jax.random.key(seed))
        same = prepared(features, data_key)
        self._draw = jax.jit(lambda step, batch_size: batch_of(same, key, step, batch_size).T, static_argnums=1)

    def sample(self, batch_size: int) -> Any:
        """A tensor (batch, n)."""
        return self._torch.from_numpy(np.array(self._draw(next(self._step), batch_size)))

    __call__ = sample


def from_synthetic(dictionary: Any, generator: Any) -> HiddenActivations:
    """Activations of the same law as `dictionary(generator(batch_size))` in SAELens.

    Args:
        dictionary: a `FeatureDictionary` without bias; its vectors become the columns of W.
        generator: an `ActivationGenerator`: independent features, or correlated by a matrix or by factors, whose
            magnitudes when they fire are max(0, mean + std g), with normal g.

    Raises:
        ValueError: for what is not the same here: a bias, modified activations (a hierarchy), magnitudes that differ
            from feature to feature. `dataset_of` takes samples of those.
    """
    sampled = "Take samples: dataset_of(SyntheticActivationIterator(dictionary, generator, 1024), n_samples)."
    if array_of(dictionary.bias).any():
        raise ValueError(f"dictionary of from_synthetic must have no bias. {sampled}")
    if generator.modify_activations is not None:
        raise ValueError(f"generator of from_synthetic must not modify activations. {sampled}")
    mean, std = (np.unique(array_of(getattr(generator, f"{of}_firing_magnitudes"))) for of in ("mean", "std"))
    if len(mean) > 1 or len(std) > 1:
        raise ValueError(f"generator of from_synthetic must have one mean and one std for all features. {sampled}")
    W, density = array_of(dictionary.feature_vectors).T, array_of(generator.firing_probabilities)
    values = BINARY if (mean[0], std[0]) == (1, 0) else rectified_normal(float(mean[0]), float(std[0]))
    if generator.correlation_matrix is not None:
        return HiddenActivations(W, GaussianCopula.correlated(array_of(generator.correlation_matrix), density, values))
    if generator.low_rank_correlation is not None:
        factors, own = (array_of(one).astype(float) for one in generator.low_rank_correlation)
        std_of_g = np.sqrt((factors**2).sum(1) + own**2)  # 1, unless its two parts do not fit together
        density = ndtr(ndtri(density) / std_of_g)
        return HiddenActivations(W, GaussianCopula(factors / std_of_g[:, None], density, values))
    return HiddenActivations(W, Independent(len(density), density, values))


def rectified_normal(mean: float, std: float) -> Values:
    """Values max(0, mean + std g) with normal g.

    >>> rectified_normal(0.0, 2.0).moments()
    (0.7978845608028654, 2.0)
    """
    if std == 0:
        return Values(partial(_rectified, mean, std), max(mean, 0.0), max(mean, 0.0) ** 2)
    above = ndtr(mean / std)
    at_zero = std * np.exp(-((mean / std) ** 2) / 2) / np.sqrt(2 * np.pi)
    second = (mean**2 + std**2) * above + mean * at_zero
    return Values(partial(_rectified, mean, std), float(mean * above + at_zero), float(second))


def _rectified(mean: float, std: float, u: Float[Array, "..."]) -> Float[Array, "..."]:
    return jnp.maximum(mean + std * jax.scipy.special.ndtri(u), 0.0)
