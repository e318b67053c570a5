"""Sparse autoencoders on the hidden activations of a toy model, whose features are known.

They are trained as every other model is: the hidden activations of the toy model are the features of the task, and the
autoencoder's own activations are penalised.

    run = tm.train(tm.Autoencoder(20, 8), tm.Task(tm.Independent(20, 0.05)))
    task = tm.Task(tm.HiddenActivations(run.W[0], tm.Independent(20, 0.05)), penalties=(tm.HiddenL1(0.03),))
    learned = tm.train(tm.SparseAutoencoder(n_inputs=8, n_units=40), task)
    tm.analysis.dictionaries.mmcs(learned.params["W_dec"][0], run.W[0])

The objective is the mean over samples and inputs of (h - ĥ)², the loss, plus the strength of the penalty times the mean
over samples of Σ_k z_k. Papers that write the sum over inputs, ‖h - ĥ‖² + λ Σ_k z_k, have λ = m times the strength.
"""

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.arrays import unit_columns
from toymodels.checks import check_integer
from toymodels.specifications import specification, static


@specification
class SparseAutoencoder:
    """ĥ = D z + b_dec with z = ReLU(W_enc (h - b_dec) + b_enc), and D the columns of W_dec scaled to length 1 (as in
    Bricken et al. 2023, "Towards Monosemanticity", but for how the columns are kept at that length).

    Without the scaling, the penalty on z could be had for nothing: z halved and D doubled is the same ĥ. Here ĥ and the
    loss do not depend on the lengths of W_dec's columns.

    Attributes:
        n_inputs: number of hidden dimensions m of the model that is looked into.
        n_units: number of units k, each with a direction; usually more than m, so that features in superposition can
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
        directions = unit_columns(jax.random.normal(rngs.params(), (spec.n_inputs, spec.n_units)))
        self.W_dec = nnx.Param(directions)
        self.W_enc = nnx.Param(directions.T)
        self.b_enc = nnx.Param(jnp.zeros(spec.n_units))
        self.b_dec = nnx.Param(jnp.zeros(spec.n_inputs))

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters and activations are called. The inputs are the features that it is trained on."""
        return {
            "W_dec": ("feature", "unit"),
            "W_enc": ("unit", "feature"),
            "b_enc": ("unit",),
            "b_dec": ("feature",),
            "hidden": ("unit",),
            "prediction": ("feature",),
        }

    def encode(self, h: Float[Array, "m batch"]) -> Float[Array, "k batch"]:
        """The activations z of the units."""
        return jax.nn.relu(self.W_enc[...] @ (h - self.b_dec[...][:, None]) + self.b_enc[...][:, None])

    def decode(self, z: Float[Array, "k batch"]) -> Float[Array, "m batch"]:
        """The reconstruction ĥ: each unit adds its direction, of length 1, times its activation."""
        return unit_columns(self.W_dec[...]) @ z + self.b_dec[...][:, None]

    def __call__(self, h: Float[Array, "m batch"]) -> Float[Array, "m batch"]:
        """The reconstruction ĥ of hidden activations h."""
        return self.decode(self.encode(h))
