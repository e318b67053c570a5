"""Forward values against numpy, and what training needs of a module."""

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels.models.modules import flatten_names

RANDOM = np.random.default_rng(1)
X = RANDOM.normal(size=(4, 6))
W = RANDOM.normal(size=(3, 4))
W_OUT = RANDOM.normal(size=(4, 3))
W_WIDE = RANDOM.normal(size=(5, 3))
B = RANDOM.normal(size=4)
B_HIDDEN = RANDOM.normal(size=3)
COLUMN, COLUMN_HIDDEN = B[:, None], B_HIDDEN[:, None]


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


Autoencoder = partial(tm.Autoencoder, n_features=4, n_hidden=3)
CASES = {
    "ReLU output": (Autoencoder(), {"W": W, "b": B}, relu(W.T @ W @ X + COLUMN)),
    "linear": (Autoencoder(output_activation=tm.identity), {"W": W, "b": B}, W.T @ W @ X + COLUMN),
    "no bias": (Autoencoder(output_bias=False), {"W": W}, relu(W.T @ W @ X)),
    "ReLU hidden": (
        Autoencoder(hidden_activation=jax.nn.relu),
        {"W": W, "b": B},
        relu(W.T @ relu(W @ X) + COLUMN),
    ),
    "ReLU hidden with bias": (
        Autoencoder(hidden_activation=jax.nn.relu, hidden_bias=True),
        {"W": W, "b": B, "b_hidden": B_HIDDEN},
        relu(W.T @ relu(W @ X + COLUMN_HIDDEN) + COLUMN),
    ),
    "two matrices": (
        Autoencoder(hidden_activation=jnp.tanh, tied=False),
        {"W": W, "W_out": W_OUT, "b": B},
        relu(W_OUT @ np.tanh(W @ X) + COLUMN),
    ),
    "another number of outputs": (
        Autoencoder(tied=False, n_outputs=5, output_activation=jnp.sin, output_bias=False),
        {"W": W, "W_out": W_WIDE},
        np.sin(W_WIDE @ W @ X),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_prediction(case: str):
    model, params, wanted = CASES[case]
    module = tm.module_with(model, params)
    np.testing.assert_allclose(module(jnp.asarray(X)), wanted, atol=1e-5)
    np.testing.assert_allclose(module.decode(module.encode(jnp.asarray(X))), wanted, atol=1e-5)


def test_hidden_activations():
    model, params, _ = CASES["ReLU hidden with bias"]
    np.testing.assert_allclose(
        tm.module_with(model, params).encode(jnp.asarray(X)), relu(W @ X + COLUMN_HIDDEN), atol=1e-5
    )


@pytest.mark.parametrize("case", CASES)
def test_parameters_are_those_of_the_formula(case: str):
    model, params, _ = CASES[case]
    state = nnx.state(model(rngs=nnx.Rngs(0)), nnx.Param)
    assert {name: variable[...].shape for name, variable in state.items()} == {
        name: value.shape for name, value in params.items()
    }


def test_biases_start_at_zero_and_weights_differ_from_seed_to_seed():
    model = Autoencoder(hidden_bias=True, tied=False)
    first, second = model(rngs=nnx.Rngs(0)), model(rngs=nnx.Rngs(1))
    assert not first.b[...].any()
    assert not first.b_hidden[...].any()
    for name in ("W", "W_out"):
        assert not np.allclose(getattr(first, name)[...], getattr(second, name)[...])
    assert not np.allclose(first.W[...], first.W_out[...].T)


def initial_weights(model: tm.Autoencoder, restarts: int) -> np.ndarray:
    recipe = tm.Recipe(steps=1, batch_size=4, evaluation_samples=4)
    return tm.train(model, tm.Task(tm.Independent(40)), recipe, restarts=restarts, snapshots=[0]).snapshots["W"]


def test_the_initialiser_sees_one_model_however_many_are_trained():
    # Variance 4 / (40 * 10) = 0.1². The standard deviation of K normal numbers is off by 1 / sqrt(2 K) of itself:
    # 5 sigma are 18 % for the 400 weights of one model, and 2.2 % for those of 64.
    model = tm.Autoencoder(40, 10)
    assert initial_weights(model, 1).std() == pytest.approx(0.1, rel=0.18)
    assert initial_weights(model, 64).std() == pytest.approx(0.1, rel=0.022)


def test_another_initialiser():
    constant = tm.Autoencoder(40, 10, initializer=jax.nn.initializers.constant(0.125))
    assert (initial_weights(constant, 2) == 0.125).all()


class Layers(nnx.Module):
    def __init__(self, sizes: tuple[int, ...], *, rngs: nnx.Rngs):
        self.layers = nnx.List([nnx.Linear(*pair, rngs=rngs) for pair in itertools.pairwise(sizes)])
        self.gain = nnx.Param(jnp.ones(()))

    def __call__(self, x: jax.Array) -> jax.Array:
        hidden = x.T
        for layer in self.layers:
            hidden = nnx.tanh(layer(hidden))
        return self.gain[...] * hidden.T


def test_nested_parameters_have_names_with_dots_and_go_back_into_the_module():
    params = {
        "layers.0.kernel": W.T,
        "layers.0.bias": B_HIDDEN,
        "layers.1.kernel": W_OUT.T,
        "layers.1.bias": B,
        "gain": np.float32(0.5),
    }
    module = tm.module_with(partial(Layers, (4, 3, 4)), params)
    wanted = 0.5 * np.tanh(W_OUT @ np.tanh(W @ X + COLUMN_HIDDEN) + COLUMN)
    np.testing.assert_allclose(module(jnp.asarray(X)), wanted, atol=1e-5)
    state = nnx.state(module, nnx.Param)
    assert {name: tuple(value.shape) for name, value in flatten_names(state).items()} == {
        name: np.shape(value) for name, value in params.items()
    }


@pytest.mark.parametrize(
    "params", [{"W": W}, {"W": W, "b": B, "b_hidden": B_HIDDEN}, {"W": W.T, "b": B}, {"w": W, "b": B}]
)
def test_parameters_of_another_model_are_refused(params: dict):
    with pytest.raises(ValueError, match=r"params of module_with must have the names and shapes \{'W': \(3, 4\), 'b'"):
        tm.module_with(Autoencoder(), params)
