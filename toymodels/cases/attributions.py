"""What each feature contributes to each output of each sample: its Shapley value, exactly, over all coalitions."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

MOST_FEATURES = 12
"""With more features there are too many coalitions to run them all."""

AT_ONCE = 2**17
"""About how many samples a model is given at a time."""


def shapley_values(
    model: Callable[[Float[Array, "n samples"]], Float[Array, "outputs samples"]], x: Float[Array, "n samples"]
) -> Float[Array, "outputs n samples"]:
    """The Shapley value (Shapley 1953) of each feature for each output: the mean, over all orders in which features are
    set from 0 to their values, of what the output changes by when it is this one's turn. Exact: all 2ⁿ coalitions of
    features are run.

    Of all ways to share f(x) - f(0) it is the only one that gives nothing to a feature that never changes the output,
    the same to two that always change it by the same, and to a sum of two models the sum of both, and that needs
    nothing but the values of f where features are at 0 or at their values: no slopes, and no path.

    Args:
        model: function from features to outputs.
        x: samples; a feature that is missing from a coalition is 0.

    Raises:
        ValueError: for more than `MOST_FEATURES` features.

    >>> shapley_values(lambda x: jax.nn.relu(x.sum(0, keepdims=True) - 1), jnp.ones((2, 1))).tolist()  # AND
    [[[0.5], [0.5]]]
    """
    n, samples = x.shape
    if n > MOST_FEATURES:
        raise ValueError(f"shapley_values takes at most {MOST_FEATURES} features, all 2ⁿ coalitions of them. Got {n}.")
    block = 2 ** min(n, int(math.log2(max(1, AT_ONCE / samples))))
    inside, shares = (jnp.asarray(one, x.dtype).reshape(-1, block, n) for one in _coalitions(n))

    def add(values: Array, some: tuple[Array, Array]) -> tuple[Array, None]:
        inside, shares = some
        given = inside.T[:, :, None] * x[:, None, :]
        outputs = model(given.reshape(n, -1)).reshape(-1, block, samples)
        return values + jnp.einsum("ocs,ci->ois", outputs, shares), None

    outputs = jax.eval_shape(model, x)
    return jax.lax.scan(add, jnp.zeros((len(outputs), n, samples), outputs.dtype), (inside, shares))[0]


def _coalitions(n: int) -> tuple[Int[np.ndarray, "coalitions n"], Float[np.ndarray, "coalitions n"]]:
    """Who is in each coalition, and the weight of its value in the Shapley value of each feature: that of a feature
    that joins a coalition of k others is k! (n - 1 - k)! / n!, with the sign of whether it is in."""
    inside = (np.arange(2**n)[:, None] >> np.arange(n)) & 1
    others = inside.sum(1, keepdims=True) - inside
    weight = np.array([1 / (n * math.comb(n - 1, k)) for k in range(n)] + [0.0])
    return inside, np.where(inside == 1, weight[others], -weight[others])
