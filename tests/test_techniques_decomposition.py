"""Parameter decomposition: what comes apart, what its scores are worth, and where it must fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.techniques import NotApplicableError, access
from toymodels.techniques.decomposition import (
    Components,
    StochasticDecomposition,
    _mask,
    _penalised,
    by_column,
    likeness,
)

RNG = np.random.default_rng(3)
W = RNG.normal(size=(4, 7)) * np.linspace(0.5, 2, 7)
OWN = Components(W, np.eye(7))


def test_the_columns_themselves_are_right():
    assert [float(one) for one in likeness(OWN, W)] == pytest.approx([1, 1, 7])


def test_the_scale_may_stand_on_either_side_and_both_signs_may_be_turned():
    scale = np.array([3.0, -1, 0.2, -5, 1, 2, -0.7])
    turned = Components(W * scale, np.diag(1 / scale))
    assert [float(one) for one in likeness(turned, W)] == pytest.approx([1, 1, 7])
    np.testing.assert_allclose(jnp.abs(turned.directions() - W).max(), 0, atol=1e-6)


def test_components_by_hand():
    """One component reads inputs 0 and 1, as 1 and -1/2, and one reads input 1 alone."""
    target = np.array([[2.0, 0.0], [0.0, 1.0]])
    found = Components(np.array([[1.0, 3.0], [0.0, 4.0]]), np.array([[1.0, -0.5], [0.0, 1.0]]))
    cosines, lengths = by_column(found, target)
    np.testing.assert_allclose(cosines, [[1, 0], [0, 0.8]], atol=1e-7)
    np.testing.assert_allclose(lengths, [[0.5, 0], [0.5, 5]])
    got = likeness(found, target)
    assert [float(one) for one in got] == pytest.approx([0.9, (0.5 + 5) / 2, 2])
    np.testing.assert_allclose(found.directions(), [[1, 3], [0, 4]])


WRONG = {
    "signs": (Components(-W, np.eye(7)), "mmcs"),
    "others' columns": (Components(W, np.eye(7)[[1, 2, 3, 4, 5, 6, 0]]), "mmcs"),
    "singular vectors": (Components(*(lambda u, s, v: (u * s, v))(*np.linalg.svd(W, full_matrices=False))), "mmcs"),
    "shrunk": (Components(0.9 * W, np.eye(7)), "ml2r"),
    "each twice": (Components(np.hstack([W, W]) / 2, np.vstack([np.eye(7)] * 2)), "ml2r"),
    "dead": (Components(0 * W, np.eye(7)), "live"),
    "random": (Components(RNG.normal(size=(4, 7)), RNG.normal(size=(7, 7))), "ml2r"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_scores_as_wrong(name):
    found, score = WRONG[name]
    right = {"mmcs": 1, "ml2r": 1, "live": 7}[score]
    assert abs(float(getattr(likeness(found, W), score)) - right) > 0.05


def test_it_sees_parameters_and_samples():
    assert set(access(StochasticDecomposition())) == {"x", "params", "key"}


@pytest.mark.parametrize("n_middle", [0, 4])
def test_its_objective_is_that_of_the_paper_by_hand(n_middle):
    """Networks of which the bias alone is not 0 need components in all layers as much as the bias says."""
    technique = StochasticDecomposition(n_components=3, minimality=0.25, power=2.0, n_middle=n_middle, width=2)
    learned, key = technique._start(jax.random.key(1), 2, 3), jax.random.key(5)
    biases = [1.0, 1.5] if n_middle == 0 else [1.0, 1.2, 1.5]
    networks = [
        jax.tree.map(jnp.zeros_like, one)._replace(bias=jnp.full(len(one.bias), bias))
        for one, bias in zip(learned.importances, biases, strict=True)
    ]
    learned = learned._replace(importances=tuple(networks))
    target, b, x = jnp.array([[1.0, 0.2, -0.4], [0.3, -1.1, 0.5]]), jnp.array([0.1, -0.2, 0.3]), jnp.eye(3)
    # where all is needed, nothing is taken away: what is left are the errors of U V, in the weights and in the outputs
    products = [np.asarray(U, float) @ np.asarray(V, float) for U, V in learned.components]
    layers = [products[0], *products[1:], products[0].T]
    true = [np.asarray(target, float), *(np.eye(2) for _ in products[1:]), np.asarray(target, float).T]
    got, wanted = np.eye(3), np.eye(3)
    for ours, theirs in zip(layers, true, strict=True):
        got, wanted = ours @ got, theirs @ wanted
    outputs = np.square(np.maximum(got + np.asarray(b)[:, None], 0) - np.maximum(wanted + b[:, None], 0)).mean()
    weights = sum(np.square(one - other).sum() for one, other in zip(layers, true, strict=True))
    needed = 3 * (1.0**2 + 1.005**2) + n_middle * 1.002**2  # those above 1 leak
    expected = weights / sum(one.size for one in layers) + 2 * outputs + 0.25 * needed
    assert float(technique._objective(learned, target, b, x, key)) == pytest.approx(float(expected), rel=1e-5)


def test_what_is_needed_stays_between_0_and_1_but_for_a_leak():
    key = jax.random.key(5)
    # below 0 it costs nothing, and leaks into the masks, whose mean is 1/2 + g/2
    low = jnp.full((1, 100_000), -2.0)
    assert float(_penalised(low).max()) == 0
    # the standard error of the mean of a uniform number is 1 / sqrt(12 · 10⁵) = .001
    assert float(_mask(low, key).mean()) == pytest.approx(0.5 - 0.01, abs=0.004)


def test_other_models_are_left_alone():
    technique = StochasticDecomposition()
    with pytest.raises(NotApplicableError, match="W_out"):
        technique.decompose(jnp.ones((3, 8)), {"W": jnp.eye(3), "W_out": jnp.eye(3)}, jax.random.key(0))


@pytest.mark.parametrize(
    "wrong", [{"n_components": 0}, {"minimality": -1.0}, {"power": 0.5}, {"n_middle": -1}, {"width": 0}]
)
def test_bad_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StochasticDecomposition(**wrong).validate()


def test_many_models_at_once_have_the_numbers_of_each_alone():
    short = StochasticDecomposition(6, recipe=tm.Recipe(steps=20, batch_size=16))
    x = tm.Independent(3, 0.3).sample(jax.random.key(0), 200)
    many = jnp.asarray(RNG.normal(size=(2, 2, 3)), float)
    keys = jax.random.split(jax.random.key(1), 2)
    together = jax.vmap(lambda W, key: short.decompose(x, {"W": W}, key))(many, keys)
    alone = short.decompose(x, {"W": many[1]}, keys[1])
    np.testing.assert_allclose(together.U[1], alone.U, atol=1e-5)


@pytest.mark.slow
@pytest.mark.optimized
def test_the_columns_of_three_features_in_their_own_dimensions_come_apart():
    x = tm.Independent(3, 0.1).sample(jax.random.key(2), 2**14)
    found = jax.jit(StochasticDecomposition(6).decompose)(x, {"W": jnp.eye(3)}, jax.random.key(4))
    mmcs, ml2r, live = likeness(found, jnp.eye(3))
    assert float(mmcs) == pytest.approx(1, abs=1e-3)
    assert float(ml2r) == pytest.approx(1, abs=0.06)  # the penalty makes components too long here, by 3 to 5 %
    assert live == 3
