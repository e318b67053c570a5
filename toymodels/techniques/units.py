"""Techniques that say what each hidden unit responds to: its best examples, a model of it, what drives it most."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.linear_algebra import pinv
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Profiles
from toymodels.techniques.technique import Technique

Encode = Callable[[Float[Array, "n samples"]], Float[Array, "m samples"]]
"""The model up to its hidden activations."""


@specification
class MaxActivating:
    """The samples in which a unit is highest: its profile is by how much each feature's mean value in them exceeds that
    in all samples. No forward passes but those of h. It does not see what lowers the unit, and of features that raise
    it only the strongest: of x₁ + r x₂, only the first in the top (1 - r) / 2 of the samples in which one is on.

    Attributes:
        top: number of samples.
    """

    top: int = static(default=20)

    def __call__(self, h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Profiles:
        """The claim."""
        best = jax.lax.top_k(h, min(self.top, h.shape[-1]))[1]
        return Profiles((x[:, best].mean(-1) - x.mean(-1, keepdims=True)).T)


@specification
class NeuronModel:
    """The linear function of the features that is nearest to the unit on the first half of the samples, by least
    squares; its score tells how near it comes on the second (Bills et al. 2023, of explanations in words). No forward
    passes but those of h.

    Attributes:
        words: how many features are named, those that explain the most; the others' weights are 0. All if not given.
            "x₁" explains 1 / (1 + r²) of the variance of x₁ + r x₂, and more in its top samples.
    """

    words: int | None = static(default=None)

    def __call__(self, h: Float[Array, "m samples"], x: Float[Array, "n samples"]) -> Profiles:
        """The claim."""
        half = x.shape[-1] // 2
        h, x = (one[:, :half] - one[:, :half].mean(-1, keepdims=True) for one in (h, x))
        rows = (h @ x.T) @ pinv(x @ x.T, rtol=1e-5)
        if self.words is None:
            return Profiles(rows)
        explains = abs(rows) * jnp.linalg.norm(x, axis=-1)[None]
        least = jax.lax.top_k(explains, min(self.words, len(x)))[0][:, -1:]
        return Profiles(jnp.where(explains >= least, rows, 0))


def box(x: Float[Array, "n units"]) -> Float[Array, "n units"]:
    """The nearest vectors with values from 0 to 1."""
    return jnp.clip(x, 0, 1)


def l1_ball(x: Float[Array, "n units"]) -> Float[Array, "n units"]:
    """The nearest vectors whose absolute values sum to at most 1 (Duchi et al. 2008).

    >>> l1_ball(jnp.array([[2.0], [-1.5], [0.1]])).round(4).tolist()
    [[0.75], [-0.25], [0.0]]
    """
    sizes = -jnp.sort(-abs(x), axis=0)
    excess = (jnp.cumsum(sizes, axis=0) - 1) / jnp.arange(1, len(x) + 1)[:, None]
    taken = jnp.maximum(jnp.where(sizes > excess, excess, -jnp.inf).max(0, keepdims=True), 0)
    return jnp.sign(x) * jnp.maximum(abs(x) - taken, 0)


@specification
class FeatureVisualisation:
    """The sample that drives a unit most (Olah et al. 2017), by gradient ascent from the given
    sample that does. Of a unit that is linear in the features, with weights w, it tells little of them: in the `box`
    which are above 0, in the `l1_ball` which is the largest. It shrinks by `decay` at every step, so that what does
    not matter goes to 0. `steps` forward and backward passes of every unit.

    Attributes:
        project: function to the nearest vectors that are allowed, `box` or `l1_ball`.
        steps: number of steps.
        rate: their length.
        decay: what each takes off.
    """

    project: Callable[[Float[Array, "n units"]], Float[Array, "n units"]] = static(default=box)
    steps: int = static(default=200)
    rate: float = 10.0
    decay: float = 0.1

    def __call__(self, encode: Encode, x: Float[Array, "n samples"]) -> Profiles:
        """The claim."""
        start = x[:, encode(x).argmax(-1)]  # column j is for unit j
        slopes = jax.grad(lambda x: jnp.trace(encode(x)))

        def step(x: Array, _: None) -> tuple[Array, None]:
            slope = slopes(x)
            length = jnp.linalg.norm(slope, axis=0, keepdims=True)
            return self.project((1 - self.decay) * x + self.rate * slope / jnp.maximum(length, 1e-12)), None

        return Profiles(jax.lax.scan(step, self.project(start), length=self.steps)[0].T)


UNITS: dict[str, Technique] = {
    "best examples": MaxActivating(),
    "neuron model": NeuronModel(),
    "neuron model, one word": NeuronModel(1),
    "visualisation in a box": FeatureVisualisation(),
    "visualisation in an L1 ball": FeatureVisualisation(l1_ball),
}
"""All of them, by name."""
