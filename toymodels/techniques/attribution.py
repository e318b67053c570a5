"""Techniques that say how much each feature contributes to each output of a sample, against a sample of zeros."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels import cases
from toymodels.linear_algebra import pinv
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Attributions, NotApplicableError
from toymodels.techniques.technique import Technique

Function = Callable[[Float[Array, "n samples"]], Float[Array, "outputs samples"]]
"""The whole model."""


def gradient_times_input(model: Function, x: Float[Array, "n samples"]) -> Attributions:
    """x_i ∂f/∂x_i (Shrikumar et al. 2016). One forward pass, and one backward pass for each output. It counts what
    a bias takes off as if it had not been taken: for an output ReLU(z - b) that is on it misses completeness by b."""
    return Attributions(x[None] * _gradients(model, x))


@specification
class IntegratedGradients:
    """x_i times the mean of ∂f/∂x_i along the line from 0 to x (Sundararajan et al. 2017), by the midpoint rule.
    Complete up to the steps. As many forward and backward passes of each output as there are steps.

    An output ReLU(z - b) that is on gives a feature that adds c to z the part c (1 - b/z): each pays for the bias in
    proportion, however the coalitions would share it.

    Attributes:
        steps: number of points; at a kink the error is at most half a step.
    """

    steps: int = static(default=64)

    def __call__(self, model: Function, x: Float[Array, "n samples"]) -> Attributions:
        """The claim."""
        shares = (jnp.arange(self.steps) + 0.5) / self.steps

        def add(total: Array, share: Array) -> tuple[Array, None]:
            return total + _gradients(model, share * x), None

        start = jnp.zeros((len(jax.eval_shape(model, x)), *x.shape), x.dtype)
        return Attributions(x[None] * jax.lax.scan(add, start, shares)[0] / self.steps)


def occlusion(model: Function, x: Float[Array, "n samples"]) -> Attributions:
    """What the output loses when a feature alone is set to 0 (Zeiler & Fergus 2014). n + 1 forward passes. Of two
    features of which either is enough, neither gets anything."""
    whole = model(x)
    return Attributions(jax.vmap(lambda i: whole - model(x.at[i].set(0)), out_axes=1)(jnp.arange(len(x))))


def shapley_values(model: Function, x: Float[Array, "n samples"]) -> Attributions:
    """Shapley values, exact (Shapley 1953; Lundberg & Lee 2017): 2ⁿ forward passes. The truth of `Attributions`.

    Raises:
        NotApplicableError: for more features than 12.
    """
    if len(x) > cases.MOST_FEATURES:
        raise NotApplicableError(f"There are more than {cases.MOST_FEATURES} features.")
    return Attributions(cases.shapley_values(model, x))


@specification
class Lime:
    """LIME (Ribeiro et al. 2016): coefficients of the linear function of which features are there that is nearest to
    the output, by weighted least squares in closed form, over random coalitions that hold each feature with probability
    1/2. The weight of one is exp(-D²/σ²), where D² is the number of features that are set to 0, and σ² = width² n.

    That weight is a product over features, so that with many coalitions the coefficient is the mean change of the
    output by the feature, where each other one is there with probability q = 1 / (1 + exp(-1/σ²)): a weighted Banzhaf
    value, which is not complete.

    Attributes:
        samples: number of coalitions: so many forward passes.
        width: of the kernel, for the square root of n features; that of the authors' code.
    """

    samples: int = static(default=1_000)
    width: float = 0.75

    def __call__(self, model: Function, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Attributions:
        """The claim."""
        n = len(x)
        there = jax.random.bernoulli(key, 0.5, (self.samples, n)).astype(x.dtype)
        weights = jnp.exp((there.sum(1) - n) / (self.width**2 * n))
        design = jnp.concatenate([jnp.ones((self.samples, 1), x.dtype), there], axis=1)
        weighted = weights[:, None] * design
        reads = pinv(weighted.T @ design, rtol=1e-5) @ weighted.T  # (1 + n, coalitions)

        def add(total: Array, some: tuple[Array, Array]) -> tuple[Array, None]:
            there, read = some
            return total + read[1:][None, :, None] * model(there[:, None] * x)[:, None, :], None

        start = jnp.zeros((len(jax.eval_shape(model, x)), *x.shape), x.dtype)
        return Attributions(jax.lax.scan(add, start, (there, reads.T))[0])


ATTRIBUTIONS: dict[str, Technique] = {
    "gradient × input": gradient_times_input,
    "integrated gradients": IntegratedGradients(),
    "occlusion": occlusion,
    "LIME": Lime(),
    "Shapley values": shapley_values,
}
"""All of them, by name."""


def _gradients(model: Function, x: Float[Array, "n samples"]) -> Float[Array, "outputs n samples"]:
    """The derivative of each output of each sample by its own features."""
    outputs, back = jax.vjp(model, x)

    def of(output: Array) -> Array:
        return back(jnp.zeros_like(outputs).at[output].set(1))[0]

    return jax.vmap(of)(jnp.arange(len(outputs)))
