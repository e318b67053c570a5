"""The best score that can be reached: below 1 where the truth cannot be known from what a technique sees."""

from typing import Any

import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float

from toymodels.cases import feature_values, truth, uncompressed
from toymodels.cases.circuit import CircuitModule
from toymodels.features.distributions import inputs_of
from toymodels.linear_algebra import eigh

ROUNDING = 1e-5
"""Directions in which values vary less than this share of the most are rounding."""


def observable_cosine(module: nnx.Module, x: Any) -> Float[Array, ""]:
    """The cosine with the true direction of a feature that can be reached from h and x alone, in the mean over features
    that have a direction: how often each is on, and at what values, may be known exactly.

    h = E v, with a column of E for each value v_j that is held. Where values depend on each other linearly, Σ a_j v_j =
    0, nothing is changed by E + u aᵀ, whatever u is. So what can be known is E P, where P projects on the range of the
    second moments of v. If all directions are as likely as those that are turned, the best guess is E P e_i, and its
    cosine with E e_i at most sqrt(P_ii) in expectation.

    It is 1 wherever only features are held that do not depend on each other linearly. A circuit of |x| holds x, ReLU(x)
    and ReLU(-x), the difference of the two others: P_ii = 2/3. In the stream of an induction head, tokens, positions
    and previous tokens each add up to 1, so that two combinations of them are always 0.

    >>> from toymodels import cases
    >>> x = jnp.linspace(-1, 1, 101)[None]
    >>> round(float(observable_cosine(cases.absolute_value(1).module(), x)) ** 2, 4)
    0.6667

    Args:
        module: whose truth is known.
        x: samples of its task. A feature that is on in none of them has no direction that could be known.
    """
    x = jnp.asarray(feature_values(module, inputs_of(x)))
    values = uncompressed(module).values(x) if isinstance(module, CircuitModule) else x
    moments, axes = eigh(values @ values.T)
    known = (axes**2 * (moments > ROUNDING * moments[-1])[None]).sum(-1)[: len(x)]
    represented = truth(module).represented
    return (jnp.sqrt(jnp.minimum(known, 1)) * represented).sum() / jnp.maximum(represented.sum(), 1)
