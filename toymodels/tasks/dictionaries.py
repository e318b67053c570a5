"""Penalties that train dictionaries, each with a variant of `SparseAutoencoder` that it belongs to.

Reconstructions are judged as by the task: the mean over samples and inputs. Papers that write the sum over inputs have
λ = m times the strength.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.arrays import unit_columns
from toymodels.checks import check_integer, check_numbers
from toymodels.models.sparsity import TopK, jump
from toymodels.specifications import specification, static


@specification
class HiddenL0:
    """strength times the mean over samples of how many units are on, for `JumpReLU` (Rajamanoharan et al. 2024b). It
    moves thresholds alone: the gradient of a jump is 1/bandwidth within half a bandwidth of it.

    Attributes:
        strength: at least 0.
        bandwidth: in units of the activations, above 0.
    """

    strength: Any
    bandwidth: Any = 0.03

    def __call__(self, margin: Float[Array, "k batch"]) -> Float[Array, ""]:
        """The penalty."""
        return self.strength * jump(margin, self.bandwidth).sum(0).mean()

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("HiddenL0", "strength", self.strength, minimum=0)
        check_numbers("HiddenL0", "bandwidth", self.bandwidth, minimum=1e-12)


@specification
class GatedAuxiliary:
    """What trains the gates of `Gated`: strength times the mean over samples of Σ_k ReLU(π_k), π what the gates see,
    plus the error of the reconstruction from ReLU(π) by the decoder as it stands, which gets no gradient from it
    (Rajamanoharan et al. 2024).

    Attributes:
        strength: at least 0.
    """

    strength: Any

    def __call__(self, module: Any, task: Any, x: Any, margin: Float[Array, "k batch"]) -> Float[Array, ""]:
        """The penalty."""
        seen = jax.nn.relu(margin)
        W_dec, b_dec = (jax.lax.stop_gradient(param[...]) for param in (module.W_dec, module.b_dec))
        error = task.mean_loss(unit_columns(W_dec) @ seen + b_dec[:, None], task.wanted(x))
        return self.strength * seen.sum(0).mean() + error

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("GatedAuxiliary", "strength", self.strength, minimum=0)


@specification
class NestedReconstruction:
    """balance times the error of the reconstruction from the first p units alone, for each of some prefixes p, beside
    that from all units, which is the loss: general features come first (Matryoshka, Bussmann et al. 2025; with a
    balance below 1, Chanin et al. 2025).

    Attributes:
        prefixes: numbers of units, each below that of the whole dictionary.
        balance: at least 0, one number or one per prefix; 1 in Bussmann et al.
    """

    prefixes: tuple[int, ...] = static()
    balance: Any = 1.0

    def __call__(self, module: Any, task: Any, x: Any, hidden: Float[Array, "k batch"]) -> Float[Array, ""]:
        """The penalty.

        Raises:
            ValueError: if a prefix is as long as the dictionary, or longer.
        """
        if max(self.prefixes) >= len(hidden):
            raise ValueError(f"prefixes of NestedReconstruction must be below {len(hidden)}. Got {self.prefixes}.")
        wanted, place = task.wanted(x), jnp.arange(len(hidden))[:, None]
        kept = [jnp.where(place < prefix, hidden, 0) for prefix in self.prefixes]
        errors = jnp.stack([task.mean_loss(module.decode(z), wanted) for z in kept])
        return (jnp.broadcast_to(jnp.asarray(self.balance, float), errors.shape) * errors).sum()

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        if not isinstance(self.prefixes, tuple) or not self.prefixes:
            raise ValueError(f"prefixes of NestedReconstruction must be a tuple such as (4, 8). Got {self.prefixes!r}.")
        for prefix in self.prefixes:
            check_integer("NestedReconstruction", "each of prefixes", prefix, minimum=1)
        check_numbers("NestedReconstruction", "balance", self.balance, length=len(self.prefixes), minimum=0)


@specification
class AuxK:
    """strength times the mean square of what the k largest dead units leave over of the error, which they are to
    reconstruct (Gao et al. 2024, appendix A.2). The error itself gets no gradient from it. 0 while no unit is dead. The
    model must be a `SparseAutoencoder(..., counts_silence=True)`.

    Attributes:
        k: how many dead units may be on in a sample, a whole number.
        strength: at least 0; 1/32 in the paper.
        after: for how many steps a unit has been off in all samples when it is dead.
    """

    k: Any
    strength: Any = 1 / 32
    after: Any = 100

    def __call__(self, module: Any, task: Any, x: Any, activations: Mapping[str, Array]) -> Float[Array, ""]:
        """The penalty.

        Raises:
            ValueError: if the model does not count how long units are silent.
        """
        if getattr(module, "silent", None) is None:
            raise ValueError("AuxK needs a SparseAutoencoder with counts_silence=True.")
        dead = module.silent[...] >= self.after
        error = jax.lax.stop_gradient(task.wanted(x) - activations["prediction"])
        revived = TopK(self.k)(jnp.where(dead[:, None], activations["before"], 0))
        left = jnp.square(error - unit_columns(module.W_dec[...]) @ revived).mean()
        return self.strength * jnp.where(dead.any(), left, 0)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        TopK(self.k).validate()
        check_numbers("AuxK", "strength", self.strength, minimum=0)
        check_numbers("AuxK", "after", self.after, minimum=1)
