"""Sparse autoencoders on the hidden activations of a toy model, whose features are known.

They are trained as every other model is: the hidden activations of the toy model are the features of the task, and the
autoencoder's own activations are penalised.

    run = tm.train(tm.Autoencoder(20, 8), tm.Task(tm.Independent(20, 0.05)))
    task = tm.Task(tm.HiddenActivations(run.W[0], tm.Independent(20, 0.05)), penalties=(tm.HiddenL1(0.03),))
    learned = tm.train(tm.SparseAutoencoder(n_inputs=8, n_units=40), task, tm.Recipe.dictionary())
    tm.analysis.dictionaries.mmcs(learned.params["W_dec"][0], run.W[0])

The objective is the mean over samples and inputs of (h - ĥ)², the loss, plus the strength of the penalty times the mean
over samples of Σ_k z_k. Papers that write the sum over inputs, ‖h - ĥ‖² + λ Σ_k z_k, have λ = m times the strength.
"""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.arrays import unit_columns
from toymodels.checks import check_instance, check_integer
from toymodels.models.functions import ACTIVATIONS
from toymodels.models.sparsity import Gated, MatchingPursuit
from toymodels.specifications import specification, static


@specification
class SparseAutoencoder:
    """ĥ = D z + b_dec with z = f(π), π = W_enc (h - b_dec) + b_enc, and D the columns of W_dec scaled to length 1 (as
    in Bricken et al. 2023, "Towards Monosemanticity", but for how the columns are kept at that length).

    Without the scaling, a penalty on z could be had for nothing: z halved and D doubled is the same ĥ. Here ĥ and the
    loss do not depend on the lengths of W_dec's columns.

    | activation f | with the penalty |
    |---|---|
    | `jax.nn.relu` | `HiddenL1` |
    | `TopK(k)`, `BatchTopK(k)` | none; `AuxK`, with `counts_silence=True` |
    | `JumpReLU()` | `HiddenL0` |
    | `Gated()` | `GatedAuxiliary` |
    | `MatchingPursuit(k)`, with `tied=True, bias=False` | none |

    Attributes:
        n_inputs: number of hidden dimensions m of the model that is looked into.
        n_units: number of units k, each with a direction; usually more than m, so that features in superposition can
            have one each.
        activation: f, a function of (k, batch), its name, or one of the table; see `toymodels.models.sparsity`.
        tied: whether the encoder is the transpose of D, without a W_enc of its own.
        bias: whether units have a bias b_enc.
        counts_silence: whether to keep, as the state `silent` (k,), for how many steps of training each unit has been
            off in all samples.
    """

    n_inputs: int = static()
    n_units: int = static()
    activation: Annotated[Any, ACTIVATIONS] = jax.nn.relu
    tied: bool = static(default=False)
    bias: bool = static(default=True)
    counts_silence: bool = static(default=False)

    def __call__(self, *, rngs: nnx.Rngs) -> "SparseAutoencoderModule":
        """The module with fresh parameters: `W_enc` (k, m), `b_enc` (k,), `W_dec` (m, k), `b_dec` (m,), and those of
        the activation."""
        return SparseAutoencoderModule(self, rngs=rngs)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range, or fields do not go together."""
        check_integer("SparseAutoencoder", "n_inputs", self.n_inputs, minimum=1)
        check_integer("SparseAutoencoder", "n_units", self.n_units, minimum=1)
        check_instance("SparseAutoencoder", "activation", self.activation)
        if not callable(self.activation) and not hasattr(self.activation, "units"):
            raise ValueError(
                "activation of SparseAutoencoder must be a function of (k, batch) or have a method `units`, as "
                f"JumpReLU() has. Got {self.activation!r}."
            )
        if isinstance(self.activation, MatchingPursuit) and (self.bias or not self.tied):
            raise ValueError("SparseAutoencoder with MatchingPursuit must have tied=True and bias=False.")
        if isinstance(self.activation, Gated) and not self.bias:
            raise ValueError("SparseAutoencoder with Gated must have bias=True: it is that of the gate.")
        if hasattr(self.activation, "validate"):
            self.activation.validate()


class SparseAutoencoderModule(nnx.Module):
    """The `nnx.Module` that a `SparseAutoencoder` describes."""

    def __init__(self, spec: SparseAutoencoder, *, rngs: nnx.Rngs):
        # The encoder starts as the decoder's transpose, so that every unit sees what it writes.
        directions = unit_columns(jax.random.normal(rngs.params(), (spec.n_inputs, spec.n_units)))
        self.activation, self.use_running_average = spec.activation, False
        self.W_dec = nnx.Param(directions)
        self.W_enc = None if spec.tied else nnx.Param(directions.T)
        self.b_enc = nnx.Param(jnp.zeros(spec.n_units)) if spec.bias else None
        self.b_dec = nnx.Param(jnp.zeros(spec.n_inputs))
        for kind, method in ((nnx.Param, "parameters"), (nnx.BatchStat, "state")):
            for name, value in getattr(self.activation, method, lambda n_units: {})(spec.n_units).items():
                setattr(self, name, kind(value))
        self.silent = nnx.BatchStat(jnp.zeros(spec.n_units)) if spec.counts_silence else None

    @property
    def axes(self) -> dict[str, tuple[str, ...]]:
        """What the axes of parameters and activations are called. The inputs are the features that it is trained on."""
        of_units: dict[str, Array] = getattr(self.activation, "parameters", lambda n_units: {})(1)
        return {
            "W_dec": ("feature", "unit"),
            "W_enc": ("unit", "feature"),
            "b_dec": ("feature",),
            "prediction": ("feature",),
            **dict.fromkeys(("b_enc", "before", "hidden", "margin", "silent", *of_units), ("unit",)),
        }

    def activations(self, h: Float[Array, "m batch"]) -> dict[str, Array]:
        """The activations z as "hidden", π as "before", how far each unit stands above the point from which it is on
        as "margin", and the reconstruction as "prediction". In training, the module's state takes note of them."""
        before = self._before(h)
        z, margin = self._units(before)
        if not self.use_running_average:
            if hasattr(self.activation, "next_state"):
                for name, value in self.activation.next_state(z, self).items():
                    getattr(self, name)[...] = value
            if self.silent is not None:
                self.silent[...] = jnp.where((z > 0).any(-1), 0, self.silent[...] + 1)
        return {"before": before, "hidden": z, "margin": margin, "prediction": self.decode(z)}

    def encode(self, h: Float[Array, "m batch"]) -> Float[Array, "k batch"]:
        """The activations z of the units."""
        return self._units(self._before(h))[0]

    def decode(self, z: Float[Array, "k batch"]) -> Float[Array, "m batch"]:
        """The reconstruction ĥ: each unit adds its direction, of length 1, times its activation."""
        return unit_columns(self.W_dec[...]) @ z + self.b_dec[...][:, None]

    def __call__(self, h: Float[Array, "m batch"]) -> Float[Array, "m batch"]:
        """The reconstruction ĥ of hidden activations h."""
        return self.decode(self.encode(h))

    def _before(self, h: Float[Array, "m batch"]) -> Float[Array, "k batch"]:
        W_enc = unit_columns(self.W_dec[...]).T if self.W_enc is None else self.W_enc[...]
        before = W_enc @ (h - self.b_dec[...][:, None])
        if self.b_enc is not None:
            before = before + self.b_enc[...][:, None]
        return before

    def _units(self, before: Float[Array, "k batch"]) -> tuple[Float[Array, "k batch"], Float[Array, "k batch"]]:
        if hasattr(self.activation, "units"):
            return self.activation.units(before, self)
        return self.activation(before), before
