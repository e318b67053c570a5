"""What heads of attention do, by where they look and what they copy (Olsson et al. 2022)."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from toymodels.arrays import AnyArray


def previous_token(pattern: Float[AnyArray, "*heads position position batch"]) -> Float[Array, "*heads"]:
    """The mean attention that a position pays to the one before it, from 0 to 1; from all positions but the first.

    Args:
        pattern: attention, [..., from, to, sample].
    """
    return jnp.diagonal(jnp.asarray(pattern), offset=-1, axis1=-3, axis2=-2).mean((-2, -1))


def prefix_matching(
    pattern: Float[AnyArray, "*heads queries position batch"], tokens: Int[AnyArray, "position batch"]
) -> Float[Array, "*heads"]:
    """The mean attention that a token pays to what followed the same token before, from 0 to 1; from all positions
    whose token stood before. An induction head has 1 (Olsson et al. 2022, "Prefix matching").

    Args:
        pattern: attention from the last positions, or from all of them, [..., from, to, sample].
        tokens: in the sequences.

    >>> looks_back = jnp.zeros((4, 4, 1)).at[2, 1].set(1.0).at[3, 2].set(0.5)  # tokens a b a b
    >>> float(prefix_matching(looks_back, jnp.array([[0], [1], [0], [1]])))
    0.75
    """
    tokens, place = jnp.asarray(tokens), jnp.arange(len(tokens))[:, None]
    before = (place.T > 0) & (place >= place.T)  # [from, to]
    same = before[:, :, None] & (tokens[:, None] == jnp.roll(tokens, 1, axis=0)[None])
    same = same[len(tokens) - pattern.shape[-3] :]
    return jnp.where(same, pattern, 0).sum((-3, -2, -1)) / same.any(1).sum()


def copying(copied: Float[AnyArray, "*heads vocabulary vocabulary"]) -> Float[Array, "*heads"]:
    """The share of tokens whose own logit is the one that a head raises most when it looks at them.

    Args:
        copied: what looking at a token (last axis) does to the logits, as `TransformerModule.copied`.
    """
    most = jnp.argmax(copied, axis=-2)
    return (most == jnp.broadcast_to(jnp.arange(most.shape[-1]), most.shape)).mean(-1)
