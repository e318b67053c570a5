"""Causal scrubbing (Chan et al. 2022): a hypothesis says what an output depends on, and everything else is resampled.

How much of the model is left is what the hypothesis explains. It is a measure of a hypothesis, and can be a metric of a
sweep; it makes no claim about a model, and has no score.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

Model = Callable[[Float[Array, "n samples"]], Float[Array, "outputs samples"]]


class Recovered(NamedTuple):
    """What a hypothesis explains: 1 where nothing that it calls irrelevant matters, 0 where it explains nothing.

    Attributes:
        loss: 1 - (scrubbed - model's) / (random - model's) squared error, where random is that of outputs for other
            samples. It is 1 whenever outputs and what is wanted of them are distributed as before, though each output
            may be another one.
        outputs: 1 - scrubbed / random mean squared change of the outputs. It is the share of their variance that what
            they are said to depend on explains, the first-order Sobol index of independent features.
    """

    loss: Float[Array, ""]
    outputs: Float[Array, ""]


def causal_scrubbing(
    model: Model,
    x: Float[Array, "n samples"],
    wanted: Float[Array, "outputs samples"],
    depends: Bool[np.ndarray, "_ _"],
    key: PRNGKeyArray,
) -> Recovered:
    """What is recovered when each output is computed with all features resampled that it is said not to depend on. It
    runs the model once for each output, and twice more.

    Args:
        model: from features to outputs, such as a module.
        x: samples.
        wanted: what the outputs should be, for the loss.
        depends: the hypothesis (outputs, n): [o, i] says that output o depends on feature i.
        key: draws the other samples, all features of one together.

    Raises:
        ValueError: for a hypothesis of another shape.
    """
    if np.shape(depends) != (len(wanted), len(x)):
        raise ValueError(
            f"depends of causal_scrubbing must have shape ({len(wanted)}, {len(x)}), outputs and features. "
            f"Got {np.shape(depends)}."
        )
    others = jax.random.permutation(key, x, axis=-1)
    whole, random = model(x), model(others)

    def output(number: Array, mask: Array) -> Array:
        return model(jnp.where(mask[:, None], x, others))[number]

    scrubbed = jax.lax.map(lambda given: output(*given), (jnp.arange(len(wanted)), jnp.asarray(depends)))
    loss, lost, most = (jnp.square(one - wanted).mean() for one in (whole, scrubbed, random))
    changed, all_changed = (jnp.square(one - whole).mean() for one in (scrubbed, random))
    return Recovered(1 - (lost - loss) / (most - loss), 1 - changed / all_changed)
