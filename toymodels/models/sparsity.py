"""What makes the units of a `SparseAutoencoder` sparse: its `activation`, whose numbers can be swept in one program.

A function of the units before it (k, batch) will do: `jax.nn.relu`, which needs a penalty, or `TopK(k)`. One that has
parameters or a state of its own, or looks at other parameters, is a specification with

- `units(before, module)`: the activations z, and the *margin* of each unit, how far it stands above the point from
  which it is on; both (k, batch). `module` is the autoencoder, with its parameters by name;
- `parameters(n_units)`, perhaps: those that are its own, by name, each (n_units,);
- `state(n_units)` and `next_state(z, module)`, perhaps: numbers by name that are kept from step to step, and what they
  are after a step of training whose activations were z. In evaluation `module.use_running_average` is True.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from toymodels.arrays import gram, unit_columns
from toymodels.checks import check_integer, check_numbers
from toymodels.specifications import specification, static

Units = Float[Array, "k batch"]


@specification
class TopK:
    """The k largest of each sample, as far as they are above 0 (Gao et al. 2024, section 2.3). Equal ones are on
    together, even if they are more than k.

    Attributes:
        k: how many units may be on in a sample, a whole number of at least 1.
    """

    k: Any

    def __call__(self, before: Units) -> Units:
        """The activations.

        >>> TopK(2)(jnp.array([[3.0], [-1.0], [1.0], [2.0]])).ravel().tolist()
        [3.0, 0.0, 0.0, 2.0]
        """
        z = jax.nn.relu(before)
        return jnp.where(z >= largest(z, self.k, axis=0), z, 0)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("TopK", "k", self.k, minimum=1)
        if np.any(np.asarray(self.k) % 1):
            raise ValueError(f"k of TopK must be a whole number. Got {self.k}. The k of BatchTopK is a mean.")


@specification
class BatchTopK:
    """The k times batch largest of all activations of a batch, as far as they are above 0, so that samples may differ
    in how many units they need (Bussmann et al. 2024).

    In evaluation a unit is on from a fixed threshold: the average of the smallest activation that was on in each step
    of training, whose older steps count less and less. So each sample is then encoded by itself.

    Attributes:
        k: how many units are on in the mean over samples, any number above 0, such as 1.8.
        decay: by which factor a step counts less than the one after it, in [0, 1).
    """

    k: Any
    decay: Any = 0.99

    def units(self, before: Units, module: Any) -> tuple[Units, Units]:
        """Activations, and how far each is above the threshold."""
        z = jax.nn.relu(before)
        if module.use_running_average:
            threshold = module.threshold[...]
        else:
            kept = jnp.round(jnp.asarray(self.k, float) * z.shape[-1])
            threshold = largest(z, jnp.maximum(kept, 1), axis=None)[0, 0]
        return jnp.where(z >= threshold, z, 0), z - threshold

    def state(self, n_units: int) -> dict[str, Array]:
        """The threshold of evaluation; below 0 before the first step, so that the activation is a ReLU."""
        return {"threshold": jnp.asarray(-1.0)}

    def next_state(self, z: Units, module: Any) -> dict[str, Array]:
        """The threshold with one more step in it."""
        before = module.threshold[...]
        least = jnp.where(z > 0, z, jnp.inf).min()
        least = jax.lax.stop_gradient(jnp.where(jnp.isfinite(least), least, jnp.maximum(before, 0)))
        return {"threshold": jnp.where(before < 0, least, self.decay * before + (1 - self.decay) * least)}

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("BatchTopK", "k", self.k, minimum=1e-6)
        check_numbers("BatchTopK", "decay", self.decay, minimum=0, maximum=1 - 1e-7)


@specification
class JumpReLU:
    """z = π where π > θ, and 0 elsewhere, with a threshold θ > 0 per unit that is trained: the activation does not
    shrink what it lets through (Rajamanoharan et al. 2024b). Use it with a penalty `HiddenL0`.

    What is trained is log θ. A jump has no gradient: that of θ is taken as if the jump were spread evenly over π within
    half a bandwidth ε of θ, -θ/ε where |π - θ| < ε/2. A threshold near which there are no samples stays.

    Attributes:
        threshold: where each θ starts, above 0.
        bandwidth: ε, in units of π, above 0. The paper's .001 is for inputs of mean square 1 and billions of samples.
    """

    threshold: Any = 0.03
    bandwidth: Any = 0.03

    def parameters(self, n_units: int) -> dict[str, Array]:
        """`log_threshold`."""
        return {"log_threshold": jnp.full(n_units, jnp.log(jnp.asarray(self.threshold, float)))}

    def units(self, before: Units, module: Any) -> tuple[Units, Units]:
        """Activations, and how far each is above its threshold: with a gradient for the threshold alone."""
        threshold = jnp.exp(module.log_threshold[...])[:, None]
        fixed = jax.lax.stop_gradient(threshold)
        margin = jax.lax.stop_gradient(before) - threshold
        on = (margin > 0).astype(before.dtype)
        return (before - fixed) * on + fixed * jump(margin, self.bandwidth), margin

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        for name in ("threshold", "bandwidth"):
            check_numbers("JumpReLU", name, getattr(self, name), minimum=1e-12)


@specification
class Gated:
    """z = [π > 0] ReLU(e^r π' + b_mag): whether a unit is on and how much are told apart, from one direction
    (Rajamanoharan et al. 2024).

    π is W_enc (h - b_dec) + b_enc, whose bias b_enc is the gate's, and π' is π without it; r and b_mag are parameters
    of each unit, `r_mag` and `b_mag`, that start from 0. The gate has no gradient from the reconstruction: train it by
    the penalty `GatedAuxiliary`.
    """

    def parameters(self, n_units: int) -> dict[str, Array]:
        """`r_mag` and `b_mag`."""
        return {"r_mag": jnp.zeros(n_units), "b_mag": jnp.zeros(n_units)}

    def units(self, before: Units, module: Any) -> tuple[Units, Units]:
        """Activations, and what the gate sees."""
        seen = before - module.b_enc[...][:, None]
        size = jnp.exp(module.r_mag[...])[:, None] * seen + module.b_mag[...][:, None]
        return jnp.where(before > 0, jax.nn.relu(size), 0), before


@specification
class MatchingPursuit:
    """Units one after the other: that with the largest projection of what is not yet explained, which is then taken off
    (Mallat & Zhang 1993; as an encoder of a dictionary: Costa et al. 2025). A unit may be chosen again. The
    encoder is the dictionary itself: `SparseAutoencoder(..., tied=True, bias=False)`.

    Attributes:
        k: the number of choices.
        threshold: the projection above which a choice counts, at least 0; below it, no more units are chosen.
    """

    k: int = static()
    threshold: Any = 0.0

    def units(self, before: Units, module: Any) -> tuple[Units, Units]:
        """Activations, and the projections before the first choice."""
        products = gram(unit_columns(module.W_dec[...]))

        def choose(carried: tuple[Units, Units], _: None) -> tuple[tuple[Units, Units], None]:
            z, left = carried
            most = left.max(0, keepdims=True)
            chosen = jax.nn.one_hot(left.argmax(0), len(left), axis=0, dtype=left.dtype)
            added = chosen * jnp.where(most > self.threshold, most, 0)
            return (z + added, left - products @ added), None

        (z, _), _ = jax.lax.scan(choose, (jnp.zeros_like(before), before), length=self.k)
        return z, before

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("MatchingPursuit", "k", self.k, minimum=1)
        check_numbers("MatchingPursuit", "threshold", self.threshold, minimum=0)


def largest(values: Float[Array, "k batch"], count: Any, axis: int | None) -> Float[Array, "_ _"]:
    """The `count`-th largest of numbers that are not below 0, along an axis or of all, which stays with length 1;
    without a gradient. 0 if there are fewer.

    The bits of such numbers are in the order of the numbers. They are found one after the other from the highest, each
    by counting, which on a CPU takes a tenth of the time of sorting.

    >>> largest(jnp.array([[3.0, 0.5], [1.0, 2.0]]), 3, axis=None).tolist()
    [[1.0]]
    """
    whole = jnp.int64 if values.dtype == jnp.float64 else jnp.int32
    bits = jax.lax.bitcast_convert_type(jax.lax.stop_gradient(values), whole)
    highest = 8 * values.dtype.itemsize - 2  # that of the sign is 0
    count = jnp.asarray(count, values.dtype)

    def narrow(step: Array, found: Array) -> Array:
        more = found | jnp.left_shift(jnp.ones((), whole), (highest - step).astype(whole))
        enough = (bits >= more).sum(axis, keepdims=True).astype(values.dtype) >= count
        return jnp.where(enough, more, found)

    nothing = jnp.zeros_like(bits[:1] if axis == 0 else bits[:1, :1])
    found = jax.lax.fori_loop(0, highest + 1, narrow, nothing)
    return jax.lax.bitcast_convert_type(found, values.dtype)


def jump(margin: Float[Array, "..."], bandwidth: Any) -> Float[Array, "..."]:
    """1 where a margin is above 0, else 0; its gradient is 1/bandwidth where |margin| < bandwidth / 2, as if the jump
    were spread evenly over the bandwidth (Rajamanoharan et al. 2024b).

    >>> jax.grad(jump)(jnp.array(0.2), 0.5).item(), jump(jnp.array(0.2), 0.5).item()
    (2.0, 1.0)
    """
    fixed = jax.lax.stop_gradient(margin)
    width = jnp.asarray(bandwidth, float)
    slope = jnp.where(jnp.abs(fixed) < width / 2, 1 / width, 0)
    return (fixed > 0).astype(float) + slope * (margin - fixed)
