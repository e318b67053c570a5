"""The features of the paper's two toy models, and where latents stand among them."""

from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

import toymodels as tm
from toymodels.analysis import dictionaries

MAGNITUDES = tm.features.Values.normal(1.0, 0.15)


def orthonormal(m: int, n: int) -> Float[np.ndarray, "m n"]:
    """n directions at right angles in m dimensions, the same in every call."""
    directions, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(m, n)))
    return directions.astype(np.float32)


def truth(W: Float[np.ndarray, "m n"]) -> dict[str, np.ndarray]:
    """The weights of the dictionary that has a latent for each direction, to start from."""
    return {"W_dec": W, "W_enc": W.T}


@tm.specification
class Hub:
    """Features of equal density, all correlated with feature 0 and not with each other: `GaussianCopula` with one
    number.

    Attributes:
        n_features: n.
        correlation: of the normal numbers that decide about feature 0 and any other, at most 1/√(n - 1) in size.
        density: probability that a feature is on.
    """

    n_features: int = tm.static()
    correlation: Any = 0.0
    density: Any = 0.4

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        others = self.n_features - 1
        factors = jnp.concatenate([jnp.full((1, others), 1.0) * self.correlation, jnp.eye(others)])
        return tm.features.GaussianCopula(factors, self.density, MAGNITUDES).sample(key, batch_size)


def own_cosines(W_dec: Float[np.ndarray, "*batch m k"], W: Float[np.ndarray, "m n"]) -> Float[np.ndarray, "*batch n n"]:
    """cos(feature i, the latent of feature j) at [i, j]: each feature has the latent that it is matched with."""
    own = dictionaries.matches(W_dec, W)
    return np.take_along_axis(dictionaries.cosines(W_dec, W), own[..., None, :], axis=-1)


def off_diagonal(cosines: Float[np.ndarray, "*batch n n"]) -> Float[np.ndarray, "*batch n n"]:
    """Cosines with 0 where a latent meets its own feature."""
    return np.where(np.eye(cosines.shape[-1], dtype=bool), 0, cosines)
