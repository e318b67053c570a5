"""Techniques that claim the local learning coefficient of a model's loss, and one that cannot know it."""

from typing import Any

import jax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, PRNGKeyArray

from toymodels.linear_algebra import eigh
from toymodels.sampling import Chains
from toymodels.sampling.chains import Loss
from toymodels.specifications import specification
from toymodels.techniques.claims import LearningCoefficient

Params = dict[str, Array]


@specification
class Sampled:
    """By Langevin chains around the model (Lau et al. 2023), over their second halves.

    Right where `chains` are chosen for the model: see `sampling.expected_coefficient`. Held too tightly, they see
    nothing; with too large a step they see too much.

    Attributes:
        chains: how many, how long, how they move. Batches are those of `loss`.
    """

    chains: Chains = Chains(5e4, 1e-5, chains=64, steps=8_000)

    def __call__(self, loss: Loss, params: Params, key: PRNGKeyArray) -> LearningCoefficient:
        """The coefficient."""
        course = self.chains.around(params, loss, key)
        return LearningCoefficient(course[:, self.chains.entries // 2 :].mean())


@specification
class Curved:
    """Half the number of directions in which the loss is curved: half the rank of its Hessian.

    Right at a minimum where all that costs anything costs quadratically; too small where something costs as a higher
    power.

    Attributes:
        least: curvatures are 0 below this part of the largest one.
    """

    least: Any = 1e-3

    def __call__(self, loss: Loss, params: Params, key: PRNGKeyArray) -> LearningCoefficient:
        """The coefficient."""
        flat, shaped = ravel_pytree(params)
        curvatures, _ = eigh(jax.hessian(lambda flat: loss(shaped(flat), key))(flat))
        return LearningCoefficient((curvatures > self.least * curvatures[-1]).sum() / 2)


def half_of_parameters(params: Params) -> LearningCoefficient:
    """Half the number of parameters: right for minima at which every direction costs quadratically, and no others."""
    return LearningCoefficient(sum(one.size for one in params.values()) / 2)
