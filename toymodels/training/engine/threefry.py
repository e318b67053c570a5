"""JAX's own threefry generator, bit for bit, in the form that is fast on a CPU.

`jax.random` writes the twenty rounds of Threefry-2x32 (Salmon et al. 2011, "Parallel Random Numbers: As Easy as 1, 2,
3") as a loop when it compiles for CPUs, and each pass of the loop goes through memory. Written out, XLA makes one pass
of the rounds: about 1 ns a number where it took 8. Random numbers were most of the cost of small models.

All of `jax.random` works on an `unrolled_key`, with the numbers that the key has under JAX's own implementation.
"""

import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.random import define_prng_impl
from jaxtyping import Array, Integer, PRNGKeyArray, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))


def unrolled_key(data: UInt32[Array | np.ndarray, "2"]) -> PRNGKeyArray:
    """The key with the given threefry key data, under this implementation."""
    return jax.random.wrap_key_data(jnp.asarray(data), impl=_UNROLLED)


def folded(key: UInt32[np.ndarray, "*#k 2"], data: Integer[np.ndarray, "*#k"] | int) -> UInt32[np.ndarray, "*k 2"]:
    """Key data of `jax.random.fold_in(key, data)`, on the host; `jax.random.split(key, n)[i]` is the same of i."""
    counter = np.asarray(data).astype(np.uint32)
    high, low = np.broadcast_arrays(np.uint32(0), counter)
    return np.stack(_threefry((key[..., 0], key[..., 1]), high, low), axis=-1)


def _threefry(key: Any, high: Any, low: Any) -> tuple[Any, Any]:
    """Threefry-2x32 with 20 rounds of the counters (high, low), with arrays of numpy or JAX."""
    schedule = (key[0], key[1], key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    high, low = high + schedule[0], low + schedule[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            high = high + low
            low = ((low << np.uint32(rotation)) | (low >> np.uint32(32 - rotation))) ^ high
        high = high + schedule[(block + 1) % 3]
        low = low + schedule[(block + 2) % 3] + np.uint32(block + 1)
    return high, low


def _counters(shape: Sequence[int]) -> UInt32[Array, "..."]:
    return jax.lax.iota(jnp.uint32, math.prod(shape)).reshape(shape)


def _random_bits(key: UInt32[Array, "2"], bit_width: int, shape: Sequence[int]) -> Array:
    if bit_width != 32 or math.prod(shape) >= 2**32:
        original = jax.random.wrap_key_data(key, impl="threefry2x32")
        return jax.random.bits(original, shape, jnp.dtype(f"uint{bit_width}"))
    counters = _counters(shape)
    high, low = _threefry(key, jnp.zeros_like(counters), counters)
    return high ^ low


def _split(key: UInt32[Array, "2"], shape: Sequence[int]) -> UInt32[Array, "... 2"]:
    counters = _counters(shape)
    return jnp.stack(_threefry(key, jnp.zeros_like(counters), counters), axis=-1)


def _fold_in(key: UInt32[Array, "2"], data: Integer[Array, ""] | int) -> UInt32[Array, "2"]:
    counter = jnp.asarray(data).astype(jnp.uint32)
    return jnp.stack(_threefry(key, jnp.zeros_like(counter), counter))


def _seed(seed: Array) -> UInt32[Array, "2"]:
    return jax.random.key_data(jax.random.key(seed, impl="threefry2x32"))


_UNROLLED = define_prng_impl(
    key_shape=(2,),
    seed=_seed,
    split=_split,
    random_bits=_random_bits,
    fold_in=_fold_in,
    name="toymodels_threefry2x32_unrolled",
    tag="tfu",
)
