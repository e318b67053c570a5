"""A model trained inside a program of one's own is that which `train` makes from the same start."""

import jax
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels.features import full_batch
from toymodels.models.modules import param_state
from toymodels.training.engine.keys import initial_key
from toymodels.training.within import trained_within

SAMPLES = np.asarray(tm.Independent(4, 0.5).sample(jax.random.key(7), 64))
TASK = tm.Task(tm.Dataset(SAMPLES, full_batch), tm.GeometricImportance(0.8), penalties=(tm.WeightL2(0.01),))
RECIPE = tm.Recipe(steps=60, batch_size=64, evaluation_samples=64)


@pytest.mark.parametrize("model", [tm.Autoencoder(4, 2), tm.SparseAutoencoder(4, 6, tm.models.BatchTopK(1.5))])
def test_the_step_is_that_of_train(model):
    task = TASK if isinstance(model, tm.Autoencoder) else tm.Task(TASK.features)
    key = jax.random.key(3)
    init, _ = jax.random.split(key)
    start = param_state(model(rngs=nnx.Rngs(initial_key(jax.random.key_data(init)))))
    run = tm.train(model, task, RECIPE, start=start)
    within = jax.jit(lambda key: param_state(trained_within(model, task, RECIPE, key)))(key)
    for name, value in within.items():
        np.testing.assert_allclose(value, run.params[name][0], atol=2e-5, err_msg=name)
        assert np.abs(value - start[name]).max() > 0.01 or name == "b_dec", name


def test_many_at_once_are_each_by_itself():
    keys = jax.random.split(jax.random.key(0), 3)

    def trained(key):
        return param_state(trained_within(tm.Autoencoder(4, 2), TASK, RECIPE, key))["W"]

    together = jax.jit(jax.vmap(trained))(keys)
    np.testing.assert_allclose(together[1], jax.jit(trained)(keys[1]), atol=1e-5)
    assert np.abs(together[0] - together[1]).max() > 0.1
