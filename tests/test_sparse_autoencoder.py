"""Sparse autoencoders take the path of every other model, find features whose truth is known, and fail as they must."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels.analysis.dictionaries import dead, l0, mmcs
from toymodels.arrays import unit_columns

FEATURES = tm.Independent(9, density=0.05)
W = unit_columns(np.random.default_rng(3).normal(size=(6, 9)))  # nine features in six dimensions
PENALTIES = (tm.HiddenL1(0.02),)
TASK = tm.Task(tm.HiddenActivations(W, FEATURES), penalties=PENALTIES)
MODEL = tm.SparseAutoencoder(n_inputs=6, n_units=18)
RECIPE = tm.Recipe(steps=600, batch_size=256, learning_rate=0.03, evaluation_samples=2048)
SMALL = tm.Recipe(steps=20, batch_size=64, evaluation_samples=256)


def activations(module, task, key):
    return module.encode(task.features.sample(key, 4096))


@pytest.fixture(scope="module")
def grid():
    metrics = {
        "mmcs": lambda W_dec: mmcs(W_dec, W),
        "l0": lambda module, task, key: l0(activations(module, task, key)),
        "dead": lambda module, task, key: dead(activations(module, task, key)).sum(),
    }
    return tm.sweep(MODEL, TASK, RECIPE, over={"strength": [0.0, 0.03, 1.0], "seed": range(4)}, metrics=metrics)


def test_the_right_penalty_recovers_the_truth(grid):
    found = grid.sel(strength=0.03)
    assert found.mmcs.values.min() > 0.97
    # 9 features of density .05: .45 are on in a sample. Two units may share one, and weak features may be let go.
    assert 0.3 < found.l0.values.min() <= found.l0.values.max() < 0.9


def test_without_a_penalty_it_recovers_no_more_than_random_directions_do(grid):
    random = mmcs(np.random.default_rng(0).normal(size=(500, 6, 18)), W)
    without = grid.sel(strength=0.0)
    assert random.mean() < 0.75
    assert abs(without.mmcs.values.mean() - random.mean()) < 0.1
    assert without.mmcs.values.max() < 0.85
    assert without.loss.values.max() < 0.1 * grid.loss.sel(strength=0.03).values.min()  # yet it reconstructs better
    assert without.l0.values.min() > 4


def test_a_huge_penalty_silences_the_units(grid):
    assert grid.l0.sel(strength=1.0).values.max() < 1e-3  # units on in a sample
    assert grid.dead.sel(strength=1.0).values.min() >= 17
    assert grid.mmcs.sel(strength=1.0).values.max() < 0.85
    mean, second = TASK.features.mean(), TASK.features.second_moment()
    variance = np.trace(second - np.outer(mean, mean)) / 6  # what is left when b_dec alone reconstructs, as the mean
    np.testing.assert_allclose(grid.loss.sel(strength=1.0), variance, rtol=0.15)


def test_the_module_computes_what_is_written():
    random = np.random.default_rng(1)
    W_enc, b_enc, W_dec, b_dec = (random.normal(size=shape) for shape in ((18, 6), (18,), (6, 18), (6,)))
    module = tm.module_with(MODEL, {"W_enc": W_enc, "b_enc": b_enc, "W_dec": W_dec, "b_dec": b_dec})
    h = random.normal(size=(6, 5))
    z = np.maximum(W_enc @ (h - b_dec[:, None]) + b_enc[:, None], 0)
    np.testing.assert_allclose(module.encode(jnp.asarray(h)), z, rtol=1e-4, atol=1e-5)
    wanted = sum(np.outer(W_dec[:, k] / np.linalg.norm(W_dec[:, k]), z[k]) for k in range(18)) + b_dec[:, None]
    np.testing.assert_allclose(module(jnp.asarray(h)), wanted, rtol=1e-4, atol=1e-4)


def test_fresh_units_see_what_they_write_and_differ():
    module = MODEL(rngs=nnx.Rngs(5))
    np.testing.assert_allclose(np.linalg.norm(module.W_dec[...], axis=0), 1, rtol=1e-5)
    np.testing.assert_array_equal(module.W_enc[...], module.W_dec[...].T)
    assert np.abs(np.asarray(module.W_dec[...] - MODEL(rngs=nnx.Rngs(6)).W_dec[...])).min() > 0


def test_the_penalty_cannot_be_had_for_nothing():
    """Longer columns of W_dec change neither the reconstruction nor, thereby, what the penalty costs."""
    params = tm.train(MODEL, TASK, SMALL).best_params()
    h = TASK.features.sample(jax.random.key(2), 100)
    longer = params | {"W_dec": params["W_dec"] * np.linspace(0.1, 30, 18, dtype=np.float32)}
    one, other = (tm.module_with(MODEL, given)(h) for given in (params, longer))
    np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_best_restart_is_that_with_the_least_objective():
    """Not that with the least loss, which is the error alone and can be bought with activations."""
    task = tm.Task(TASK.features, penalties=(tm.HiddenL1(0.03),))
    metrics = {"l1": lambda module, task, key: jnp.abs(activations(module, task, key)).sum(0).mean()}
    run = tm.train(MODEL, task, RECIPE, restarts=8, metrics=metrics)
    assert (np.diff(run.objective) >= 0).all()
    assert (np.diff(run.loss) < 0).any()  # another order
    np.testing.assert_allclose(run.objective - run.loss, 0.03 * run.metrics["l1"], rtol=0.2)  # of other samples
    grid = tm.sweep(MODEL, task, RECIPE, over={"seed": [0]}, restarts=8)
    assert tm.sweeps.best(grid).restart.item() == run.restart[0]


def test_a_sweep_over_penalty_density_and_weights_is_as_training_each():
    others = [W, W[:, ::-1] * 2]
    grid = tm.sweep(MODEL, TASK, SMALL, over={"strength": [0.0, 0.1], "density": [0.05, 0.3], "W": others})
    features = tm.HiddenActivations(others[1], tm.Independent(9, 0.3))
    alone = tm.train(MODEL, tm.Task(features, penalties=(tm.HiddenL1(0.1),)), SMALL)
    np.testing.assert_allclose(grid.W_dec[1, 1, 1], alone.params["W_dec"][0], atol=1e-5)
    assert (grid.loss[:, :, 1] > grid.loss[:, :, 0]).all()


def test_a_sweep_over_the_number_of_units():
    grid = tm.sweep(MODEL, TASK, SMALL, over={"n_units": [4, 18]}, metrics={"mmcs": lambda W_dec: mmcs(W_dec, W)})
    assert grid.W_dec.shape == (2, 6, 18)
    few = grid.W_dec.values[0, :, :4]
    assert float(grid.mmcs[0]) == pytest.approx(float(mmcs(few, W)), abs=1e-5)
    assert np.isnan(grid.W_dec.values[0, :, 4:]).all()


def test_hidden_activations_are_those_of_the_toy_model():
    key = jax.random.key(4)
    wanted = W @ np.asarray(FEATURES.sample(key, 7))
    np.testing.assert_allclose(TASK.features.sample(key, 7), wanted, rtol=1e-5, atol=1e-6)
    assert TASK.features.n_features == 6


def test_moments_of_hidden_activations():
    correlated = tm.CorrelatedSets(((0, 1), (2,), (3, 4, 5, 6, 7, 8)), density=(0.3, 0.8, 0.5))
    features = tm.HiddenActivations(W, correlated)
    h = np.asarray(features.sample(jax.random.key(0), 200_000), dtype=float)
    # |h| is below 3 for nearly all samples: deviations are below 3 / sqrt(200,000) = .007 and 9 / sqrt(...) = .02.
    np.testing.assert_allclose(h.mean(1), features.mean(), atol=0.02)
    np.testing.assert_allclose(h @ h.T / h.shape[1], features.second_moment(), atol=0.06)
    assert np.abs(features.second_moment() - TASK.features.second_moment()).max() > 0.2


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        (W[None], r"shape \(m, n\) with n = 9.*\(1, 6, 9\).*run\.W\[0\]"),
        (W.T, r"n = 9 features.*\(9, 6\)"),
        (W[:0], r"shape \(m, n\)"),
        (W.tolist(), "must be an array. Got a list"),
        (np.where(W > 0.5, np.nan, W), "must be finite"),
    ],
)
def test_bad_weights_are_refused_before_anything_is_compiled(weights, says: str, nothing_compiled):
    with pytest.raises(ValueError, match=says):
        tm.train(MODEL, tm.Task(tm.HiddenActivations(weights, FEATURES), penalties=PENALTIES), SMALL)


def test_other_bad_arguments_are_refused_before_anything_is_compiled(nothing_compiled):
    with pytest.raises(ValueError, match="density of Independent"):
        tm.train(MODEL, tm.Task(tm.HiddenActivations(W, tm.Independent(9, 1.5)), penalties=PENALTIES), SMALL)
    for sizes, says in (((0, 4), "n_inputs of SparseAutoencoder"), ((6, 0), "n_units of SparseAutoencoder")):
        with pytest.raises(ValueError, match=says):
            tm.train(tm.SparseAutoencoder(*sizes), TASK, SMALL)
    with pytest.raises(ValueError, match="model does not take features of shape"):
        tm.train(tm.SparseAutoencoder(5, 18), TASK, SMALL)
