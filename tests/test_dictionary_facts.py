"""Trained dictionaries: what each variant recovers, and where it must fail, against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import toymodels as tm
from toymodels.analysis import dictionaries
from toymodels.arrays import unit_columns

pytestmark = [pytest.mark.slow, pytest.mark.optimized]

LENGTHS = np.array([0.8, 1.1, 1.4, 1.7])  # each feature has a dimension of its own
FEATURES = tm.Independent(4, 0.03)
HIDDEN = tm.HiddenActivations(np.diag(LENGTHS), FEATURES)
RECIPE = tm.Recipe(steps=4000, batch_size=1024, learning_rate=0.01, schedule="trapezoid", evaluation_samples=4096)
LAMBDA, L0_STRENGTH, GATE_LAMBDA = 0.3, 1e-3, 0.08
VARIANTS = {  # activation, penalties, other options; the bias of activations and the value below which they are missed
    "l1": (jax.nn.relu, (tm.HiddenL1(LAMBDA / 4),), {}, -LAMBDA / 2, LAMBDA / 2),
    "top_k": (tm.TopK(1), (), {}, 0, 0),
    "jump": (tm.JumpReLU(), (tm.HiddenL0(L0_STRENGTH),), {}, 0, (4 * L0_STRENGTH) ** 0.5),
    "gated": (tm.Gated(), (tm.GatedAuxiliary(GATE_LAMBDA / 4),), {}, 0, GATE_LAMBDA / 2),
    "pursuit": (tm.MatchingPursuit(2), (), {"tied": True, "bias": False}, 0, 0),
    "batch_top_k": (tm.BatchTopK(0.12), (), {}, 0, None),  # of .12 features that are on
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_with_dimensions_of_their_own_are_found_and_shrunk_as_the_penalty_says(variant: str):
    """An L1 penalty λ takes λ/2 off each activation, and what is below that is missed: a recall of 1 - λ / (2 ‖W_i‖)
    for values from U[0, 1]. A gate has the same recall and no shrinkage. An L0 penalty is worth paying for a value
    whose square, over m = 4 inputs, is above its strength."""
    activation, penalties, options, bias, missed = VARIANTS[variant]
    model, task = tm.SparseAutoencoder(4, 8, activation, **options), tm.Task(HIDDEN, penalties=penalties)
    run = tm.train(model, task, RECIPE, restarts=4)  # the best: some start without a unit near a feature
    D = run.params["W_dec"][0]
    assert float(dictionaries.found(D, np.eye(4))) == 1
    assert dictionaries.matched_cosines(D, np.eye(4)).min() > 0.999

    x = np.asarray(FEATURES.sample(jax.random.key(5), 100_000))
    z = np.asarray(run.module().encode(jnp.asarray(LENGTHS[:, None] * x, jnp.float32)))
    near = (dictionaries.cosines(D, np.eye(4)) > 0.9) * 1.0  # two units may share a feature
    own, alone = near @ z, (x > 0) & ((x > 0).sum(0) == 1)
    for i in range(4):
        on = alone[i] & (own[i] > 0.01)
        assert (own[i] - LENGTHS[i] * x[i])[on].mean() == pytest.approx(bias, abs=0.012)
        if missed is not None:  # 2,700 samples: a standard error of sqrt(.19 * .81 / 2700) = .0075 at most
            assert on.sum() / alone[i].sum() == pytest.approx(1 - missed / LENGTHS[i], abs=0.025)


def test_too_small_a_k_mixes_features_that_are_on_together():
    """Samples (1, 0), (0, 1) and (1, 1) with k = 1: the unit that stands for both (1, 0) and (1, 1) is the first
    eigenvector of their second moment, at tan 2θ = 2 P(1, 1) / P(1, 0) from the first axis."""
    samples = np.array([[1, 0]] * 5 + [[0, 1]] * 3 + [[1, 1]] * 2, float).T
    frozen = {"W_dec": False, "W_enc": False, "b_dec": True}
    recipe = tm.Recipe(
        steps=4000,
        batch_size=10,
        schedule="trapezoid",
        optimizer=lambda rate: optax.chain(optax.adam(rate), optax.masked(optax.set_to_zero(), frozen)),
    )
    start = {"W_dec": np.eye(2), "W_enc": np.array([[1.3, 0.0], [0.0, 1.0]]), "b_dec": np.zeros(2)}
    model, task = tm.SparseAutoencoder(2, 2, tm.TopK(1), bias=False), tm.Task(tm.Dataset(samples, "full_batch"))
    run = tm.train(model, task, recipe, start=start)
    D = unit_columns(run.params["W_dec"][0])
    np.testing.assert_allclose(D[:, 1], [0, 1], atol=1e-3)
    assert np.arctan2(D[1, 0], D[0, 0]) == pytest.approx(np.arctan2(2 * 0.2, 0.5) / 2, abs=0.002)
    both, only = 0.2, 0.5
    left = only / 2 + both - np.hypot(only / 2, both)  # over two inputs
    assert run.loss[0] == pytest.approx(left / 2, rel=1e-3)
    enough = tm.train(tm.SparseAutoencoder(2, 2, tm.TopK(2), bias=False), task, recipe, start=start)
    assert enough.loss[0] < 1e-6


def test_the_recipe_for_dictionaries_is_further_than_a_constant_rate_after_as_many_steps():
    """Under a weak penalty; under a strong one both are done."""
    W = unit_columns(np.random.default_rng(0).normal(size=(8, 20)))
    task = tm.Task(tm.HiddenActivations(W, tm.Independent(20, 0.05)), penalties=(tm.HiddenL1(0.01),))
    metrics = {"mmcs": lambda W_dec: dictionaries.mmcs(W_dec, W)}
    slow = tm.Recipe(steps=10_000, batch_size=512, learning_rate=1e-3, optimizer=tm.Adam(), schedule="constant")
    over = {"strength": np.array([1e-3, 1.0]) / 8, "seed": range(3)}
    ours, other = (
        tm.sweep(tm.SparseAutoencoder(8, 40), task, recipe, over=over, metrics=metrics).mean("seed")
        for recipe in (tm.Recipe.dictionary(), slow)
    )
    assert float(ours.mmcs[0]) > float(other.mmcs[0]) + 0.03
    assert (ours.objective < other.objective).all()
    assert min(float(ours.mmcs[1]), float(other.mmcs[1])) > 0.99
