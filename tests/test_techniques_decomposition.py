"""Parameter decomposition: what comes apart, what its scores are worth, and where it must fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels.techniques import NotApplicableError, access
from toymodels.techniques.decomposition import (
    AttributionDecomposition,
    Components,
    StochasticDecomposition,
    by_column,
    likeness,
)
from toymodels.techniques.decomposition.stochastic import _mask, _penalised

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


def test_matrices_of_any_rank_by_hand():
    """One has half of column 0 and all of column 1; the other the rest of column 0, turned by 90 degrees."""
    target = np.array([[2.0, 0.0], [0.0, 3.0]])
    matrices = np.array([[[1.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [1.0, 0.0]]])
    cosines, lengths = by_column(matrices, target)
    np.testing.assert_allclose(cosines, [[1, 0], [1, 0]])
    np.testing.assert_allclose(lengths, [[0.5, 0.5], [1, 0]])
    assert [float(one) for one in likeness(matrices, target)] == pytest.approx([1, 0.75, 2])


def test_components_of_rank_one_are_matrices_too():
    some = Components(RNG.normal(size=(4, 9)), RNG.normal(size=(9, 7)))
    np.testing.assert_allclose(some.matrices.sum(0), some.U @ some.V)
    np.testing.assert_allclose(some.transposed.matrices, some.matrices.swapaxes(-1, -2))


@pytest.mark.parametrize("technique", [StochasticDecomposition(), AttributionDecomposition()])
def test_they_see_parameters_and_samples(technique):
    assert set(access(technique)) == {"x", "params", "key"}


ATTRIBUTED = AttributionDecomposition(3, rank=2, active=0.5, reconstruction=3.0, simplicity=0.25, power=0.8)
TARGET, BIASES = jnp.array([[1.0, 0.2, -0.4], [0.3, -1.1, 0.5]]), jnp.array([0.1, -0.2, 0.3])
SAMPLES = jnp.abs(jnp.asarray(RNG.normal(size=(3, 6)), float))


def test_those_of_largest_attributions_are_used():
    """By differences of outputs, in double precision."""
    parts = ATTRIBUTED._start(jax.random.key(1), TARGET).matrices
    W, b, x, small = (np.asarray(one, float) for one in (TARGET, BIASES, SAMPLES, 1e-6))
    attributions = np.zeros((3, 6))
    for c, part in enumerate(np.asarray(parts, float)):
        up, down = (np.maximum(moved.T @ moved @ x + b[:, None], 0) for moved in (W + small * part, W - small * part))
        attributions[c] = (((up - down) / (2 * small)) ** 2).sum(0)
    expected = attributions >= np.sort(attributions.ravel())[-3]  # half a component per sample, of six
    np.testing.assert_array_equal(ATTRIBUTED._used(parts, TARGET, BIASES, SAMPLES), expected)


def test_the_objective_of_attribution_is_that_of_the_paper_by_hand():
    learned = ATTRIBUTED._start(jax.random.key(1), TARGET)
    U, V, W, b, x = (np.asarray(one, float) for one in (*learned, TARGET, BIASES, SAMPLES))
    used = np.asarray(ATTRIBUTED._used(learned.matrices, TARGET, BIASES, SAMPLES))
    parts = [sum(np.outer(u, v) for u, v in zip(*pair, strict=True)) for pair in zip(U, V, strict=True)]
    outputs, penalty = 0.0, 0.0
    for sample in range(6):
        left = sum(part for part, on in zip(parts, used[:, sample], strict=True) if on) + 0 * W
        got, wanted = (np.maximum(one.T @ one @ x[:, sample] + b, 0) for one in (left, W))
        outputs += np.square(got - wanted).mean() / 6
        for c in np.flatnonzero(used[:, sample]):
            sizes = [np.linalg.norm(u) * np.linalg.norm(v) for u, v in zip(U[c], V[c], strict=True)]
            penalty += sum(size**0.8 for size in sizes) / 6 / 6  # samples, entries of W
    expected = np.square(sum(parts) - W).mean() + 3 * outputs + 0.25 * penalty
    assert float(ATTRIBUTED._objective(learned, TARGET, BIASES, SAMPLES)) == pytest.approx(float(expected), rel=1e-5)


def test_one_step_of_attribution_lowers_its_objective_and_its_directions_are_columns():
    short = AttributionDecomposition(3, rank=2, recipe=tm.Recipe(steps=50, batch_size=20))
    x = tm.Independent(3, 0.3).sample(jax.random.key(0), 200)
    found = short.decompose(x, {"W": TARGET, "b": BIASES}, jax.random.key(1))
    start = short._start(jax.random.split(jax.random.key(1))[0], TARGET).matrices
    errors = [float(jnp.square(TARGET - parts.sum(0)).mean()) for parts in (start, found)]
    assert errors[1] < errors[0] / 2
    directions = short(x, {"W": TARGET, "b": BIASES}, jax.random.key(1)).columns
    lengths = np.linalg.norm(found, axis=1)
    for c in range(3):
        np.testing.assert_allclose(directions[:, c], found[c][:, lengths[c].argmax()], atol=1e-6)


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


@pytest.mark.parametrize("technique", [StochasticDecomposition(), AttributionDecomposition()])
def test_other_models_are_left_alone(technique):
    with pytest.raises(NotApplicableError, match="W_out"):
        technique.decompose(jnp.ones((3, 8)), {"W": jnp.eye(3), "W_out": jnp.eye(3)}, jax.random.key(0))


@pytest.mark.parametrize(
    "wrong", [{"n_components": 0}, {"minimality": -1.0}, {"power": 0.5}, {"n_middle": -1}, {"width": 0}]
)
def test_bad_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        StochasticDecomposition(**wrong).validate()


@pytest.mark.parametrize(
    "wrong",
    [
        *({"n_components": 0}, {"rank": 0}, {"active": 0}, {"active": 6}),
        *({"reconstruction": -1.0}, {"simplicity": -1.0}, {"power": 0}),
    ],
)
def test_bad_numbers_of_attribution_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        AttributionDecomposition(**wrong).validate()


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
