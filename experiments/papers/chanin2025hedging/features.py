"""The features of the paper's toy models: orthogonal, 0 or 1, in 50 dimensions."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

import toymodels as tm

M = 50
DIRECTIONS = np.linalg.qr(np.random.default_rng(0).normal(size=(M, 4)))[0].astype(np.float32)
"""Of the features, at right angles (m, n)."""

FAMILY = tm.features.Hierarchical((-1, 0, 0, 0), density=(0.25, 0.15, 0.15, 0.15), values=tm.features.BINARY)
"""A parent and three children, which are on or off independently of each other while the parent is on."""


@tm.specification
class Pair:
    """Two features that are 0 or 1, of which the second depends on the first.

    Attributes:
        first: P(feature 0 is on).
        together: P(feature 1 is on) while feature 0 is.
        alone: P(feature 1 is on) while feature 0 is not.
    """

    first: Any = 0.25
    together: Any = 0.2
    alone: Any = 0.0
    n_features: int = tm.static(default=2)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "2 batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        chance = jax.random.uniform(key, (2, batch_size))
        first = chance[0] < self.first
        second = chance[1] < jnp.where(first, self.together, self.alone)
        return jnp.stack([first, second]).astype(float)


@tm.specification
class FirstLatentL1:
    """strength times the mean activation of the first latent: the L1 penalty of an inner dictionary of one latent.

    Attributes:
        strength: at least 0.
    """

    strength: Any

    def __call__(self, hidden: Float[Array, "k batch"]) -> Float[Array, ""]:
        """The penalty."""
        return self.strength * hidden[0].mean()


def recipe(full: bool) -> tm.Recipe:
    """Of both figures; the paper's sees 100 million samples."""
    if full:
        return tm.Recipe(24_400, 4_096, 3e-4, schedule=tm.training.constant)
    return tm.Recipe(3_000, 512, 3e-3, schedule=tm.Trapezoid())


def strength(l1_coefficient: float) -> float:
    """Of `HiddenL1`, for the paper's coefficient: its error is a sum over dimensions, ours a mean."""
    return l1_coefficient / M


def near(W: Float[np.ndarray, "m k"], noise: float, seed: int) -> dict[str, np.ndarray]:
    """The truth and noise of a standard deviation in each weight, to start from."""
    W = W + noise * np.random.default_rng(seed).normal(size=W.shape)
    return {"W_dec": W, "W_enc": W.T}
