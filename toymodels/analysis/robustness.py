"""Robustness of the ReLU output model x' = ReLU(WᵀWx + b) to small changes of its input (Elhage et al. 2022,
"Relationship to Adversarial Robustness").

Functions take weights W (..., m, n), biases b (..., n) and samples x (..., n, samples), samples in columns, whose
leading axes are broadcast, and return arrays of W's library, numpy's or JAX's. Lengths are Euclidean; the error of a
sample is the sum over features Σ_i (x_i - x'_i)².
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.arrays import AnyArray, gram, unit_columns
from toymodels.checks import check_integer
from toymodels.tasks.attacks import attack_directions, projected_gradient_ascent


def squared_errors(
    W: Float[AnyArray, "*#batch m n"],
    b: Float[AnyArray, "*#batch n"],
    x: Float[AnyArray, "*#batch n samples"],
    seen: Float[AnyArray, "*#batch n samples"] | None = None,
) -> Float[AnyArray, "*batch samples"]:
    """Σ_i (x_i - x'_i)² of each sample, where the model is given `seen` instead of x, if there is one.

    >>> W, b, x = np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0, 0.5], [0.0, 0.5]])
    >>> squared_errors(W, b, x).tolist()  # x' is (1, 0) and (0, 0)
    [0.0, 0.5]
    >>> squared_errors(W, b, x, seen=x + np.array([[1.0], [0.0]])).tolist()  # (2, 0) and (1, 0)
    [1.0, 0.5]
    """
    pre = W.swapaxes(-1, -2) @ (W @ (x if seen is None else seen)) + b[..., None]
    return ((x - pre * (pre > 0)) ** 2).sum(-2)


def feature_attack(
    W: Float[AnyArray, "*#batch m n"],
    b: Float[AnyArray, "*#batch n"],
    x: Float[AnyArray, "*#batch n samples"],
    *,
    length: float | int | Float[AnyArray, "*#batch"],
) -> Float[AnyArray, "*batch n samples"]:
    """x after the most harmful of the 2n steps ± length (WᵀW)_i / ‖(WᵀW)_i‖, that is the one with the largest squared
    error, chosen for each sample. Each step is the best there is against one output; see `attack_directions`.

    Memory is needed for a few arrays of the size of the result, time for n² samples.

    Args:
        length: of the step, at least 0; one number, or one per model.

    Raises:
        ValueError: if shapes do not agree.

    >>> W, b, x = np.array([[1.0, -1.0]]), np.zeros(2), np.array([[1.0], [0.0]])
    >>> feature_attack(W, b, x, length=8**0.5).round(5).tolist()  # x' is (5, 0); from the other step it is (0, 3)
    [[3.0], [-2.0]]
    """
    return _like(W, _feature_attacks(*_flat(W, b, x, length)), W, b, x)


def gradient_attack(
    W: Float[AnyArray, "*#batch m n"],
    b: Float[AnyArray, "*#batch n"],
    x: Float[AnyArray, "*#batch n samples"],
    key: PRNGKeyArray,
    *,
    length: float | int | Float[AnyArray, "*#batch"],
    steps: int = 20,
    restarts: int = 4,
) -> Float[AnyArray, "*batch n samples"]:
    """x after projected gradient ascent on its squared error from random starts, of which the most harmful is taken for
    each sample; see `projected_gradient_ascent`.

    Args:
        key: of the starts, the same ones for all models.
        length: of the step at most, at least 0; one number, or one per model.
        steps: of the ascent.
        restarts: number of starts.

    Raises:
        ValueError: if shapes do not agree, or steps or restarts are not positive integers.
    """
    check_integer("gradient_attack", "steps", steps, minimum=1)
    check_integer("gradient_attack", "restarts", restarts, minimum=1)
    return _like(W, _gradient_attacks(key, *_flat(W, b, x, length), steps=steps, restarts=restarts), W, b, x)


def vulnerability(
    W: Float[AnyArray, "*#batch m n"],
    b: Float[AnyArray, "*#batch n"],
    x: Float[AnyArray, "*#batch n samples"],
    attacked: Float[AnyArray, "*#batch n samples"],
    *,
    length: float | int | Float[AnyArray, "*#batch"],
) -> Float[AnyArray, "*batch"]:
    """By how much an attack raises the mean squared error, in units of length².

    That is relative to a model without superposition: one that represents m of the features, each in a dimension of
    its own, passes a step along them on as it is, and its error rises by length². Before the ReLU, the step against a
    feature of a regular arrangement of unit vectors comes out ‖(WᵀW)_i‖ times as long, and ‖(WᵀW)_i‖² = 1 / D_i, which
    is the number of features per dimension.

    >>> W, b, x = np.eye(2, 3), np.zeros(3), np.array([[0.3], [0.4], [0.0]])
    >>> round(float(vulnerability(W, b, x, feature_attack(W, b, x, length=0.1), length=0.1)), 3)
    1.0
    """
    harm = squared_errors(W, b, x, attacked).mean(-1) - squared_errors(W, b, x).mean(-1)
    return harm / length**2


@jax.jit
def _feature_attacks(
    W: Float[Array, "k m n"], b: Float[Array, "k n"], x: Float[Array, "k n samples"], length: Float[Array, " k"]
) -> Float[Array, "k n samples"]:
    def attack_one(model: tuple[Array, ...]) -> Float[Array, "n samples"]:
        W, b, x, length = model
        steps = length * attack_directions(W)
        before = gram(W) @ x + b[:, None]  # WᵀW is linear: it is applied once to x and once to each step
        change = gram(W) @ steps
        n, samples = x.shape

        def error(number: Array) -> Float[Array, " samples"]:
            sign = jnp.where(number < n, 1.0, -1.0)
            output = jax.nn.relu(before + sign * change[:, number % n, None])
            return jnp.square(output - x).sum(0)

        def try_step(number: Array, best: tuple[Array, Array]) -> tuple[Array, Array]:
            largest, chosen = best
            found = error(number)
            return jnp.maximum(largest, found), jnp.where(found > largest, number, chosen)

        none_yet = jnp.full(samples, -jnp.inf), jnp.zeros(samples, int)
        _, chosen = jax.lax.fori_loop(0, 2 * n, try_step, none_yet)
        return x + jnp.where(chosen < n, 1.0, -1.0)[None] * steps[:, chosen % n]

    return jax.lax.map(attack_one, (W, b, x, length))


@partial(jax.jit, static_argnames=("steps", "restarts"))
def _gradient_attacks(
    key: PRNGKeyArray,
    W: Float[Array, "k m n"],
    b: Float[Array, "k n"],
    x: Float[Array, "k n samples"],
    length: Float[Array, " k"],
    *,
    steps: int,
    restarts: int,
) -> Float[Array, "k n samples"]:
    starts = jax.vmap(unit_columns)(jax.random.normal(key, (restarts, *x.shape[1:])))

    def attack_one(model: tuple[Array, ...]) -> Float[Array, "n samples"]:
        W, b, x, length = model

        def climb(start: Float[Array, "n samples"]) -> Float[Array, "n samples"]:
            return projected_gradient_ascent(
                lambda seen: squared_errors(W, b, x, seen).sum(), x, start, length=length, steps=steps
            )

        seen = jax.lax.map(climb, starts)
        chosen = squared_errors(W[None], b[None], x[None], seen).argmax(0)
        return jnp.take_along_axis(seen, chosen[None, None], axis=0)[0]

    return jax.lax.map(attack_one, (W, b, x, length))


def _flat(W: AnyArray, b: AnyArray, x: AnyArray, length: float | int | AnyArray) -> tuple[Array, ...]:
    """The arguments with one leading axis, that of models."""
    n = W.shape[-1]
    if b.shape[-1] != n or x.shape[-2] != n:
        raise ValueError(
            f"W (..., m, n), b (..., n) and x (..., n, samples), samples in columns, must agree in n. Got shapes "
            f"{W.shape}, {b.shape} and {x.shape}."
        )
    batch = _batch(W, b, x)

    def flat(array: AnyArray, axes: int) -> Array:
        own = array.shape[array.ndim - axes :]
        return jnp.broadcast_to(array, (*batch, *own)).reshape(-1, *own)

    return flat(W, 2), flat(b, 1), flat(x, 2), flat(jnp.asarray(length, dtype=float), 0)


def _batch(W: AnyArray, b: AnyArray, x: AnyArray) -> tuple[int, ...]:
    """The leading axes of models, biases and samples together."""
    return np.broadcast_shapes(W.shape[:-2], b.shape[:-1], x.shape[:-2])


def _like(W: AnyArray, results: Array, *models: AnyArray) -> AnyArray:
    """Results (k, ...) with the leading axes of the models, in the library of W."""
    shaped = results.reshape(*_batch(*models), *results.shape[1:])
    return np.asarray(shaped) if isinstance(W, np.ndarray) else shaped
