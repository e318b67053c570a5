"""A user's own distribution, target and module, each in a few lines, take the compiled path of the built-in ones: the
same numbers, from programs of the same cost."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels.training.engine import step

MODEL = tm.Autoencoder(n_features=5, n_hidden=2)
RECIPE = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256)


@tm.specification
class Sparse:
    """A user's own distribution, from the documentation of `toymodels.features`."""

    n_features: int = tm.static()
    density: float = 0.1

    def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
        u = jax.random.uniform(key, (self.n_features, batch_size))
        return jnp.maximum(0.0, (u - (1 - self.density)) / self.density)


@tm.specification
class TwoDraws:
    """The same distribution in another way, of the same fields: one draw for the mask and one for the value."""

    n_features: int = tm.static()
    density: float = 0.1

    def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
        mask_key, value_key = jax.random.split(key)
        on = jax.random.bernoulli(mask_key, self.density, (self.n_features, batch_size))
        return jnp.where(on, jax.random.uniform(value_key, on.shape), 0.0)


class Plain:
    """The same without `specification`: any object with these two attributes will do."""

    n_features = 5

    def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
        return Sparse(5, 0.3).sample(key, batch_size)


def magnitude(x: jax.Array) -> jax.Array:
    """A user's own target."""
    return jnp.where(x < 0, -x, x)


class Cost:
    """Stands in for the compiled program and notes what XLA says one call of it costs."""

    def __init__(self, program: Any):
        self.program, self.flops = program, []

    def __call__(self, *arguments: Any) -> Any:
        (analysis,) = _as_list(self.program.lower(*arguments).compile().cost_analysis())
        self.flops.append(analysis["flops"])
        return self.program(*arguments)


def _as_list(analysis: Any) -> list:
    return analysis if isinstance(analysis, list) else [analysis]  # a list in older versions of JAX


@pytest.fixture
def trained_with_cost(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[tm.Run, float]]:
    def train(model: Any, task: Any, recipe: tm.Recipe = RECIPE) -> tuple[tm.Run, float]:
        with monkeypatch.context() as patch:
            cost = Cost(step.advance)
            patch.setattr(step, "advance", cost)
            run = tm.train(model, task, recipe, restarts=4)
        assert len(set(cost.flops)) == 1
        return run, cost.flops[0]

    return train


def test_own_features_train_as_the_built_in_ones(trained_with_cost: Callable):
    wanted, built_in = trained_with_cost(MODEL, tm.Task(tm.Independent(5, 0.3)))
    got, own = trained_with_cost(MODEL, tm.Task(Sparse(5, 0.3)))
    np.testing.assert_allclose(got.W, wanted.W, atol=1e-6)
    np.testing.assert_allclose(got.loss, wanted.loss, atol=1e-6)
    assert own == pytest.approx(built_in, rel=0.02)


def test_a_dearer_distribution_is_seen_to_cost_more(trained_with_cost: Callable):
    """The control of the comparison above, and: a class never gets the program of another with the same fields."""
    one, cost = trained_with_cost(MODEL, tm.Task(Sparse(5, 0.3)))
    two, more = trained_with_cost(MODEL, tm.Task(TwoDraws(5, 0.3)))
    assert more > 1.1 * cost
    assert np.abs(one.history - two.history).min() > 0


def test_own_target_trains_as_a_built_in_one(trained_with_cost: Callable):
    features = tm.Independent(5, 0.3, tm.SIGNED_UNIFORM)
    model = tm.Autoencoder(5, 4, hidden_activation=jax.nn.relu, tied=False)
    wanted, built_in = trained_with_cost(model, tm.Task(features, target=jnp.abs))
    got, own = trained_with_cost(model, tm.Task(features, target=magnitude))
    np.testing.assert_allclose(got.W, wanted.W, atol=1e-6)
    np.testing.assert_allclose(got.loss, wanted.loss, atol=1e-6)
    assert own == pytest.approx(built_in, rel=0.02)


class OwnAutoencoder(nnx.Module):
    """A user's own module: the ReLU output model, without `encode` and `decode`."""

    def __init__(self, n: int, m: int, *, rngs: nnx.Rngs):
        self.weight = nnx.Param(2 * jax.random.normal(rngs.params(), (m, n)) / np.sqrt(m * n))
        self.bias = nnx.Param(jnp.zeros((n, 1)))

    def __call__(self, x: jax.Array) -> jax.Array:
        return nnx.relu(self.weight[...].T @ (self.weight[...] @ x) + self.bias[...])


def test_own_module_trains_as_the_built_in_one(trained_with_cost: Callable):
    task = tm.Task(tm.Independent(5, 0.3), importance=tm.GeometricImportance(0.8))
    wanted, built_in = trained_with_cost(MODEL, task)
    got, own = trained_with_cost(partial(OwnAutoencoder, 5, 2), task)
    np.testing.assert_allclose(got.params["weight"], wanted.W, atol=1e-6)
    np.testing.assert_allclose(got.params["bias"][..., 0], wanted.b, atol=1e-6)
    assert own == pytest.approx(built_in, rel=0.02)


def test_a_sweep_varies_the_numbers_of_own_features():
    over = {"density": [0.1, 0.3, 0.8]}
    got = tm.sweep(MODEL, tm.Task(Sparse(5)), RECIPE, over=over)
    wanted = tm.sweep(MODEL, tm.Task(tm.Independent(5)), RECIPE, over=over)
    np.testing.assert_allclose(got.W, wanted.W, atol=1e-6)
    described = json.loads(got.config)["task"]["features"]
    kind = described.pop("type")
    assert kind.startswith("test_extending.Sparse#")  # and the digest of its code
    assert described == {"n_features": 5, "density": 0.1}


def test_features_that_are_no_specification():
    got = tm.train(MODEL, tm.Task(Plain()), RECIPE)
    np.testing.assert_allclose(got.W, tm.train(MODEL, tm.Task(Sparse(5, 0.3)), RECIPE).W, atol=1e-6)


def test_features_may_have_data_under_the_name_of_an_optional_method():
    @tm.specification
    class Same:
        batch: Any
        everything: Any
        prepare: Any = 0.0

        def sample(self, key, batch_size):
            return jnp.asarray(self.batch)[:, :batch_size] + self.prepare

    x = np.random.default_rng(0).random((5, 256))
    run = tm.train(tm.Autoencoder(5, 2), tm.Task(Same(x, x)), RECIPE, restarts=2)
    data = tm.train(tm.Autoencoder(5, 2), tm.Task(Same(x + 1, x, -1.0)), RECIPE, restarts=2)
    np.testing.assert_allclose(run.loss, data.loss, rtol=1e-4)


def test_a_distribution_around_another():
    """Own features may hold others, whose fields are then leaves too."""

    @tm.specification
    class Scaled:
        features: Any
        scale: float

        @property
        def n_features(self) -> int:
            return self.features.n_features

        def sample(self, key: jax.Array, batch_size: int) -> jax.Array:
            return self.scale * self.features.sample(key, batch_size)

    silent = tm.Autoencoder(5, 2, initializer=jax.nn.initializers.zeros, output_bias=False)
    task = tm.Task(Scaled(tm.Independent(5, 0.2), 1.0))
    grid = tm.sweep(silent, task, RECIPE, over={"scale": [1.0, 3.0], "density": [0.2, 0.7]})
    np.testing.assert_allclose(grid.history.sel(scale=3), 9 * grid.history.sel(scale=1), rtol=1e-5)
    assert (grid.history.sel(density=0.7) > grid.history.sel(density=0.2)).all()


class TwoLayers(nnx.Module):
    """A module of flax's own layers, which take samples in rows, with hidden activations."""

    def __init__(self, n: int, m: int, *, rngs: nnx.Rngs):
        self.encoder = nnx.Linear(n, m, rngs=rngs)
        self.decoder = nnx.Linear(m, n, rngs=rngs)

    def encode(self, x: jax.Array) -> jax.Array:
        return nnx.relu(self.encoder(x.T)).T

    def decode(self, h: jax.Array) -> jax.Array:
        return self.decoder(h.T).T

    def __call__(self, x: jax.Array) -> jax.Array:
        return self.decode(self.encode(x))


def test_a_module_of_flax_layers():
    model, task = partial(TwoLayers, 5, 3), tm.Task(tm.Independent(5, 0.5))
    run = tm.train(model, task, tm.Recipe(steps=200, batch_size=64, evaluation_samples=50_000), restarts=2)
    assert {name: value.shape for name, value in run.params.items()} == {
        "encoder.kernel": (2, 5, 3),
        "encoder.bias": (2, 3),
        "decoder.kernel": (2, 3, 5),
        "decoder.bias": (2, 5),
    }
    x = task.features.sample(jax.random.key(99), 50_000)
    prediction = tm.module_with(model, run.best_params())(x)
    # The loss of one sample is below 1/3 and so is its deviation; 5 sqrt(2) / 3 / sqrt(50 000) = 0.0105.
    assert float(task.loss_on(x, prediction)) == pytest.approx(run.loss[0], abs=0.0105)
    assert run.loss[0] < 0.6 * run.history[0, 0]


def test_the_hidden_penalty_makes_hidden_activations_small():
    features, recipe = tm.Independent(5, 0.5), tm.Recipe(steps=200, batch_size=64, evaluation_samples=256)
    x = features.sample(jax.random.key(1), 1000)
    sizes = []
    for strength in (0.0, 0.05, 0.5):
        params = tm.train(MODEL, tm.Task(features, penalties=(tm.HiddenL1(strength),)), recipe).best_params()
        sizes.append(float(jnp.abs(tm.module_with(MODEL, params).encode(x)).sum(0).mean()))
    assert sizes[0] > 1.2 * sizes[1] > 1.2 * sizes[2]
    assert sizes[2] < 0.1 * sizes[0]
