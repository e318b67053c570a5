"""The unrolled generator gives the bits of JAX's own."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from toymodels.training.engine.threefry import unrolled_key

pytestmark = pytest.mark.optimized

SEEDS = (42, 2**31 + 7)

FUNCTIONS: dict[str, Callable] = {
    "uniform": lambda key: jax.random.uniform(key, (3, 5)),
    "normal": lambda key: jax.random.normal(key, (7,)),
    "randint": lambda key: jax.random.randint(key, (11,), -3, 1000),
    "bernoulli": lambda key: jax.random.bernoulli(key, 0.3, (50,)),
    "permutation": lambda key: jax.random.permutation(key, 23),
    "choice": lambda key: jax.random.choice(key, 10, (4,), replace=False),
    "bits of 8": lambda key: jax.random.bits(key, (5, 3), "uint8"),
    "bits of 16": lambda key: jax.random.bits(key, (9,), "uint16"),
    "bits of 32": lambda key: jax.random.bits(key, (2, 3, 4), "uint32"),
    "a scalar": lambda key: jax.random.uniform(key),
    "nothing": lambda key: jax.random.uniform(key, (0, 4)),
    "split": lambda key: jax.random.key_data(jax.random.split(key, 5)),
    "split in a grid": lambda key: jax.random.key_data(jax.random.split(key, (2, 3))),
    "fold_in": lambda key: jax.random.key_data(jax.random.fold_in(key, 123456789)),
    "fold_in, split, uniform": lambda key: jax.random.uniform(jax.random.split(jax.random.fold_in(key, 3))[1], (4,)),
}


def own(seed: int) -> jax.Array:
    return unrolled_key(jax.random.key_data(jax.random.key(seed, impl="threefry2x32")))


def original(seed: int) -> jax.Array:
    return jax.random.key(seed, impl="threefry2x32")


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("seed", SEEDS)
def test_draws_are_bit_for_bit_those_of_jax(name: str, seed: int):
    np.testing.assert_array_equal(FUNCTIONS[name](own(seed)), FUNCTIONS[name](original(seed)))


@pytest.mark.parametrize("name", ["uniform", "normal", "bits of 8", "split", "permutation"])
def test_draws_under_vmap_and_jit_are_those_of_jax(name: str):
    data = jnp.stack([jax.random.key_data(original(seed)) for seed in SEEDS])
    batched = jax.jit(jax.vmap(lambda row: FUNCTIONS[name](unrolled_key(row))))(data)
    np.testing.assert_array_equal(batched, np.stack([FUNCTIONS[name](original(seed)) for seed in SEEDS]))


def test_folding_in_under_vmap_is_that_of_jax():
    steps = jnp.arange(4)
    folded = jax.vmap(lambda step: jax.random.key_data(jax.random.fold_in(own(42), step)))(steps)
    wanted = [jax.random.key_data(jax.random.fold_in(original(42), step)) for step in range(4)]
    np.testing.assert_array_equal(folded, np.stack(wanted))


def test_a_seed_makes_the_key_of_jax():
    key = jax.random.key(7, impl=jax.random.key_impl(own(0)))
    np.testing.assert_array_equal(jax.random.key_data(key), jax.random.key_data(original(7)))
