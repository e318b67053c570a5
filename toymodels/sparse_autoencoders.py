"""Sparse autoencoders on the hidden activations of a toy model, whose features are known.

They are trained as every other model is: the hidden activations are the features of the task, and the penalty on the
autoencoder's own activations is the recipe's.

    run = tm.train(tm.Autoencoder(20, 8), tm.Task(tm.Independent(20, 0.05)))
    task = tm.Task(tm.HiddenActivations(run.W[0], tm.Independent(20, 0.05)))
    learned = tm.train(tm.SparseAutoencoder(n_inputs=8, n_units=40), task, tm.Recipe(hidden_l1=0.03))
    tm.analysis.dictionaries.mmcs(learned.params["W_dec"][0], run.W[0])

The loss is the mean over samples and inputs of (h - ĥ)², plus hidden_l1 times the mean over samples of Σ_k z_k. Papers
that write the sum over inputs, ‖h - ĥ‖² + λ Σ_k z_k, have λ = m hidden_l1.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.analysis.dictionaries import unit_norm
from toymodels.checks import check_integer
from toymodels.features import validate_features
from toymodels.specification import specification, static


@specification
class HiddenActivations:
    """The hidden activations h = W x of a trained toy model, as features that another model is trained on.

    Attributes:
        W: the toy model's weights (m, n), which stay what they are.
        features: distribution of its n features x.
    """

    W: Any
    features: Any

    @property
    def n_features(self) -> int:
        """Number of hidden dimensions m."""
        return np.shape(self.W)[0]

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "m batch"]:
        """Draw `batch_size` hidden activations, one a column."""
        return jnp.asarray(self.W) @ self.features.sample(key, batch_size)

    def mean(self) -> Float[np.ndarray, " m"]:
        """E[h_k] = Σ_i W_ki E[x_i]."""
        return np.asarray(self.W) @ self.features.mean()

    def second_moment(self) -> Float[np.ndarray, "m m"]:
        """E[h hᵀ] = W E[x xᵀ] Wᵀ."""
        return np.asarray(self.W) @ self.features.second_moment() @ np.asarray(self.W).T

    def validate(self) -> None:
        """Raise ValueError if W is no (m, n) array of finite numbers with a column for each of the features."""
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


@specification
class SparseAutoencoder:
    """ĥ = D z + b_dec with z = ReLU(W_enc (h - b_dec) + b_enc), and D the columns of W_dec scaled to length 1 (as in
    Bricken et al. 2023, "Towards Monosemanticity", but for how the columns are kept at that length).

    Without the scaling, the penalty on z could be had for nothing: z halved and D doubled is the same ĥ. Here ĥ and the
    loss do not depend on the lengths of W_dec's columns.

    Attributes:
        n_inputs: number of hidden dimensions m of the model that is looked into.
        n_units: number of units k, each with a direction; as a rule more than m, so that features in superposition can
            have one each.
    """

    n_inputs: int = static()
    n_units: int = static()

    def __call__(self, *, rngs: nnx.Rngs) -> "SparseAutoencoderModule":
        """The module with fresh parameters: `W_enc` (k, m), `b_enc` (k,), `W_dec` (m, k), `b_dec` (m,)."""
        return SparseAutoencoderModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("SparseAutoencoder", "n_inputs", self.n_inputs, minimum=1)
        check_integer("SparseAutoencoder", "n_units", self.n_units, minimum=1)


class SparseAutoencoderModule(nnx.Module):
    """The `nnx.Module` that a `SparseAutoencoder` describes."""

    def __init__(self, spec: SparseAutoencoder, *, rngs: nnx.Rngs):
        # The encoder starts as the decoder's transpose, so that every unit sees what it writes.
        directions = unit_norm(jax.random.normal(rngs.params(), (spec.n_inputs, spec.n_units)))
        self.W_dec = nnx.Param(directions)
        self.W_enc = nnx.Param(directions.T)
        self.b_enc = nnx.Param(jnp.zeros(spec.n_units))
        self.b_dec = nnx.Param(jnp.zeros(spec.n_inputs))

    def encode(self, h: Float[Array, "m batch"]) -> Float[Array, "k batch"]:
        """The activations z of the units."""
        return jax.nn.relu(self.W_enc[...] @ (h - self.b_dec[...][:, None]) + self.b_enc[...][:, None])

    def decode(self, z: Float[Array, "k batch"]) -> Float[Array, "m batch"]:
        """The reconstruction ĥ: each unit adds its direction, of length 1, times its activation."""
        return unit_norm(self.W_dec[...]) @ z + self.b_dec[...][:, None]

    def __call__(self, h: Float[Array, "m batch"]) -> Float[Array, "m batch"]:
        """The reconstruction ĥ of hidden activations h."""
        return self.decode(self.encode(h))
