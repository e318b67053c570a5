"""Every key that a part of a training is given is its own: no two parts, steps or models draw the same numbers."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
import optax
import pytest
from flax import nnx

import toymodels as tm
from toymodels.features import epochs
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.threefry import folded
from toymodels.training.fit import check_fit

N, STEPS, RESTARTS, BATCHES, SEEDS = 3, 4, 3, 2, 2
CHILDREN = 4096  # of each key, that are looked for; LAST, a number that no step has, is not among them

Keys = Mapping[str, set[tuple[int, int]]]
told: dict[str, set[tuple[int, int]]] = defaultdict(set)


def tell(part: str, key: jax.Array) -> None:
    """Note, each time that the compiled program comes by, which key a part was given."""
    jax.debug.callback(lambda data: told[part].add(tuple(map(int, data))), jax.random.key_data(key))


@tm.specification
class Samples:
    name: str = tm.static(default="samples")
    n_features: int = tm.static(default=N)

    def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
        tell(self.name, key)
        return jax.random.uniform(key, (self.n_features, batch_size))


class Module(nnx.Module):
    def __init__(self, *, rngs: nnx.Rngs):
        key = rngs.params()
        tell("initial weights", key)  # a module is made again with each key of noise, and its weights are put back
        self.W = nnx.Param(jax.random.normal(key, (2, N)))
        self.rngs = rngs

    def activations(self, x: jax.Array) -> dict[str, jax.Array]:
        key = self.rngs.noise()
        tell("noise", key)
        h = self.W[...] @ x
        return {"h": h, "prediction": self.W[...].T @ (h + jax.random.normal(key, h.shape))}


class Attack:
    def perturb(self, key: jax.Array, module: nnx.Module, x: jax.Array, loss: Any) -> jax.Array:
        tell("attack", key)
        return x + 0.1 * jax.random.normal(key, x.shape)


def one(key: jax.Array) -> jax.Array:
    tell("penalty one", key)
    return 1e-3 * jax.random.uniform(key)


def two(W: jax.Array, key: jax.Array) -> jax.Array:
    tell("penalty two", key)
    return 1e-3 * (W * jax.random.normal(key, W.shape)).sum()


def metric(h: jax.Array, key: jax.Array) -> jax.Array:
    tell("metric", key)
    return h.mean() + jax.random.uniform(key)


def langevin(rate: Any) -> optax.GradientTransformationExtraArgs:
    def update(gradient: Any, state: Any, params: Any = None, *, key: jax.Array, **rest: Any) -> tuple[Any, Any]:
        tell("optimiser", key)
        return jax.tree.map(lambda one: -1e-3 * (one + jax.random.normal(key, one.shape)), gradient), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


RECIPE = tm.Recipe(STEPS, 8, optimizer=langevin, evaluation_samples=8 * BATCHES)
TASK = tm.Task(Samples(), evaluation=Samples("evaluation"), penalties=(one, two), attack=Attack())


def keys_of(task: tm.Task, recipe: tm.Recipe = RECIPE) -> Keys:
    """The keys that each part is given in a sweep over two seeds; those that draw initial weights are told apart."""
    check_fit(Cell(Module, task, recipe), (("metric", metric),))  # tries the module once, with a key of its own
    jax.effects_barrier()
    told.clear()
    tm.sweep(
        Module, task, recipe, over={"seed": range(SEEDS)}, restarts=RESTARTS, metrics={"metric": metric}, progress=False
    )
    jax.effects_barrier()
    return {part: set(keys) for part, keys in told.items()}


@pytest.fixture(scope="module")
def keys() -> Iterator[Keys]:
    return keys_of(TASK)


def test_no_two_parts_are_given_the_same_key(keys: Keys):
    shared = [(a, b) for a, b in itertools.combinations(keys, 2) if keys[a] & keys[b]]
    assert len(keys) == 9
    assert shared == []


def test_each_step_batch_and_model_has_keys_of_its_own(keys: Keys):
    """Restarts share samples and attacks, which are those of a seed; all else is each model's own."""
    models, batches = SEEDS * RESTARTS, STEPS + BATCHES
    assert {part: len(found) for part, found in keys.items()} == {
        "initial weights": models * (1 + batches + 1),
        "samples": SEEDS * STEPS,
        "evaluation": SEEDS * (BATCHES + 1),  # and one for metrics
        "attack": SEEDS * batches,
        "noise": models * (batches + 1),
        "penalty one": models * batches,
        "penalty two": models * batches,
        "optimiser": models * STEPS,
        "metric": SEEDS,
    }


def test_no_key_is_made_of_another_ones_draws(keys: Keys):
    """The children of a key are what `split` and `fold_in` make of it, and its own random bits."""
    every = np.array(sorted(set().union(*keys.values())), dtype=np.uint32)
    children = folded(every[:, None], np.arange(CHILDREN))
    grandchildren = folded(children[:, :16, None], np.arange(16))
    below = np.concatenate([children.reshape(-1, 2), grandchildren.reshape(-1, 2)])
    assert not np.isin(_whole(below), _whole(every)).any()


def _whole(keys: np.ndarray) -> np.ndarray:
    return keys[:, 0].astype(np.uint64) << np.uint64(32) | keys[:, 1]


def test_restarts_with_data_of_their_own_share_nothing():
    found = keys_of(TASK, tm.Recipe(STEPS, 8, optimizer=langevin, evaluation_samples=16, independent_data=True))
    assert len(found["samples"]) == SEEDS * RESTARTS * STEPS
    assert not found["samples"] & set().union(*(found[part] for part in found if part != "samples"))


def test_data_sets_and_parts_of_samples_have_keys_of_their_own():
    """Two sets that are drawn from the seed, each of two kinds of features side by side."""
    sets = [
        tm.DrawnDataset(tm.Concatenated((Samples(f"{name} a", 1), Samples(f"{name} b", 2))), 16, batches=epochs)
        for name in ("training", "test")
    ]
    found = keys_of(tm.Task(sets[0], evaluation=sets[1], penalties=(one,)))
    drawn = [found[part] for part in ("training a", "training b", "test a", "test b")]
    assert [len(part) for part in drawn] == [SEEDS] * 4
    assert len(set().union(*drawn)) == 4 * SEEDS
    assert not set().union(*drawn) & set().union(*(found[part] for part in ("noise", "penalty one", "optimiser")))


def test_initial_weights_are_each_models_own():
    recipe = tm.Recipe(1, 8, learning_rate=0.0, evaluation_samples=8)
    grid = tm.sweep(Module, tm.Task(Samples()), recipe, over={"seed": range(SEEDS)}, restarts=RESTARTS, progress=False)
    assert len(np.unique(grid.W.values.reshape(-1, 2 * N), axis=0)) == SEEDS * RESTARTS
