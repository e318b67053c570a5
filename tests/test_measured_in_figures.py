"""What the figures of some papers measure, against other roads to the same numbers."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from flax import nnx

import toymodels as tm
from experiments.papers.bricken2023.one_neuron import BinaryNeuron, cross_entropy, exact_losses, squared_error
from experiments.papers.sharkey2022.recovery import Maps, alive_and_loss, equal_penalty, losses_at_equal_penalty

P = np.array([0.4, 0.3, 0.2, 0.1])


def entropy(p: np.ndarray) -> float:
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())


def test_the_least_losses_of_one_neuron_are_an_entropy_and_a_variance() -> None:
    x = np.repeat(np.eye(4), [40, 30, 20, 10], axis=1)
    for on in itertools.product([True, False], repeat=4):
        losses = exact_losses(P, np.array(on))
        probability = P[list(on)].sum()
        assert np.isclose(losses["cross_entropy"], entropy(P) - entropy(np.array([probability, 1 - probability])))
        states = [x[:, there] for there in (np.array(on) @ x > 0, np.array(on) @ x == 0) if there.any()]
        variance = sum(one.var(1).sum() * one.shape[1] for one in states) / x.shape[1]
        assert np.isclose(losses["squared_error"], variance)


def test_the_trained_losses_of_one_neuron_are_expected_over_its_states() -> None:
    module = BinaryNeuron()(rngs=nnx.Rngs(0))
    x, prediction = jnp.eye(4), module(jnp.eye(4))
    on = 1 / (1 + np.exp(-np.asarray(module.W[...] + module.b[...][:, None])[0]))
    outputs = {1: np.asarray(module.W_out[...][:, 0] + module.b_out[...]), 0: np.asarray(module.b_out[...])}
    nats = {h: -np.log(np.exp(out) / np.exp(out).sum()) for h, out in outputs.items()}
    assert np.allclose(cross_entropy(prediction, x), on * nats[1] + (1 - on) * nats[0], atol=1e-5)
    squares = {h: ((out[:, None] - np.eye(4)) ** 2).sum(0) for h, out in outputs.items()}
    assert np.allclose(squared_error(prediction, x), on * squares[1] + (1 - on) * squares[0], atol=1e-5)


def test_an_autoencoder_is_measured_as_its_module_computes() -> None:
    module = tm.SparseAutoencoder(3, 5)(rngs=nnx.Rngs(0))
    module.b_enc[...] = jnp.array([-9.0, 0.1, -0.2, 0.3, -9.0])
    module.b_dec[...] = jnp.array([0.2, -0.1, 0.4])
    h = np.asarray(jax.random.normal(jax.random.key(1), (3, 200)))
    axes = {"W_enc": ("unit", "input"), "b_enc": ("unit",), "W_dec": ("input", "unit"), "b_dec": ("input",)}
    one = xr.Dataset({name: (dims, np.asarray(getattr(module, name)[...])) for name, dims in axes.items()})
    alive, loss = alive_and_loss(one, h)
    assert alive == 3 / 5
    assert np.isclose(loss, float(((module(jnp.asarray(h)) - h) ** 2).sum() / (h**2).sum()), rtol=1e-5)


def test_losses_at_equal_penalty_are_read_where_l1_is_in_proportion_to_size() -> None:
    sizes, l1 = np.array([8, 16, 32, 64, 128]), np.geomspace(0.01, 100, 9)
    loss = 3 * (l1 / sizes[:, None]) ** 1.5 / sizes[:, None] ** 0.5
    mmcs = np.tile(np.exp(-(np.log(l1) ** 2)), (5, 1))  # best at l1 = 1
    found = Maps(sizes, l1, mmcs, alive=mmcs, loss=loss, similar=mmcs[:-1])
    assert np.allclose(equal_penalty(found), [1 / 4, 1 / 2, 1, 2, 4])
    assert np.allclose(losses_at_equal_penalty(found), 3 / 32**1.5 / sizes**0.5)
