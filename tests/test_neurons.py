"""Measures of neurons on weights worked out by hand, and what holds for any weights."""

from collections.abc import Callable
from itertools import permutations

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import toymodels as tm
from toymodels.analysis import neurons

SAME = {"rtol": 1e-9, "atol": 1e-12}
MEASURES: dict[str, Callable] = {
    "features_per_neuron": neurons.features_per_neuron,
    "largest_fraction": neurons.largest_fraction,
    "participation": neurons.participation,
    "alive": neurons.alive,
    "monosemantic": neurons.monosemantic,
    "polysemantic": neurons.polysemantic,
}
ORDERS: dict[str, Callable] = {"match_features": neurons.match_features, "neuron_order": neurons.neuron_order}
OF_ONE_NEURON = [name for name in MEASURES if name != "alive"]


def random_weights(m: int, n: int, zeros: int, seed: int) -> np.ndarray:
    """Weights (m, n), some of them zero."""
    random = np.random.default_rng(seed)
    W = random.normal(size=(m, n)) * random.uniform(0.2, 2, size=(m, 1))
    W.flat[random.permutation(m * n)[:zeros]] = 0
    return W


any_weights = st.builds(
    random_weights, m=st.integers(1, 5), n=st.integers(1, 6), zeros=st.integers(0, 8), seed=st.integers(0, 10**6)
)

# --- By hand -----------------------------------------------------------------------------------------------------


def test_unequal_weights():
    W = np.array([[3.0, 0.0, -4.0], [0.1, -2.0, 0.3], [0.0, 0.0, 0.0]])
    assert neurons.features_per_neuron(W).tolist() == [2, 2, 0]
    np.testing.assert_allclose(neurons.largest_fraction(W), [16 / 25, 4 / 4.1, 0])
    np.testing.assert_allclose(neurons.participation(W), [625 / (81 + 256), 4.1**2 / (16 + 0.0001 + 0.0081), 0])
    assert neurons.monosemantic(W).tolist() == [False, True, False]
    assert neurons.polysemantic(W).tolist() == [True, False, False]


def test_thresholds():
    W = np.array([[1.0, 0.5, 0.09], [0.06, 0.03, 0.0]])
    assert neurons.features_per_neuron(W, min_fraction=0.08).tolist() == [3, 2]
    assert neurons.features_per_neuron(W, min_fraction=0.6).tolist() == [1, 1]
    assert neurons.features_per_neuron(np.array([[1.0, -0.5]]), min_fraction=0.5).tolist() == [
        2
    ]  # the bound itself is enough
    assert neurons.features_per_neuron(np.array([[1.0, 0.0], [0.0, 0.0]]), min_fraction=0.0).tolist() == [1, 0]
    assert neurons.alive(W).tolist() == [True, False]
    assert neurons.alive(W, min_norm=0.05).tolist() == [True, True]  # row norm √45 / 100
    assert neurons.alive(W, min_norm=0.07).tolist() == [True, False]
    assert neurons.monosemantic(W, min_fraction=0.7, min_norm=0.01).tolist() == [True, True]  # 1 / 1.2581 = .795 and .8
    assert neurons.monosemantic(W, min_fraction=0.7).tolist() == [True, False]
    assert neurons.polysemantic(W, min_fraction=0.79, min_norm=0.01).tolist() == [False, False]
    assert neurons.polysemantic(W, min_fraction=0.81, min_norm=0.01).tolist() == [True, True]


@pytest.mark.parametrize("k", [1, 2, 5])
def test_equal_weights(k: int):
    W = np.zeros((1, 6))
    W[0, :k] = 0.7 * (-1) ** np.arange(k)
    np.testing.assert_allclose(neurons.participation(W), k)
    np.testing.assert_allclose(neurons.largest_fraction(W), 1 / k)
    assert neurons.features_per_neuron(W) == k


def test_squares_of_very_small_and_large_weights_are_still_seen():
    W = np.float32([[1e-30, 1e-30, 0.0], [1e30, 0.0, 0.0]])
    np.testing.assert_allclose(neurons.participation(W), [2, 1])
    np.testing.assert_allclose(neurons.largest_fraction(W), [0.5, 1])


def test_a_neuron_that_diverged_is_nothing_and_its_neighbours_are_what_they_are():
    W = np.array([[1.0, 0.0], [np.nan, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(neurons.largest_fraction(W), [1, np.nan, 0.5])
    np.testing.assert_array_equal(neurons.participation(W), [1, np.nan, 2])
    for kind in (neurons.alive, neurons.monosemantic, neurons.polysemantic):
        assert not kind(W)[1]


def test_on_share():
    W = np.array([[1.0, -2.0], [1.0, 0.0]])
    x = np.array([[1.0, 1.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]])
    # Neuron 0 gets 1, -1, -2, 0, neuron 1 gets 1, 1, 0, 0; zero is not passed on.
    assert neurons.fraction_on(W, x).tolist() == [0.25, 0.5]
    assert neurons.fraction_on(W, x, np.array([1.5, -2.0])).tolist() == [0.75, 0.0]
    assert neurons.fraction_on(np.stack([W, -W]), x, np.array([[1.5, 0.0], [0.0, 0.5]])).tolist() == [
        [0.75, 0.5],
        [0.5, 0.5],
    ]


# --- Any weights -------------------------------------------------------------------------------------------------


@given(any_weights)
def test_bounds(W: np.ndarray):
    share, effective = neurons.largest_fraction(W), neurons.participation(W)
    there = abs(W).max(-1) > 0
    assert (share[there] >= 1 / W.shape[1] - 1e-12).all()
    assert (share <= 1 + 1e-12).all()
    assert (effective[there] >= 1 - 1e-12).all()
    assert (effective <= (W != 0).sum(-1) + 1e-9).all()
    assert (effective[there] * share[there] >= share[there] ** 2 - 1e-12).all()
    kinds = np.stack([neurons.monosemantic(W), neurons.polysemantic(W), ~neurons.alive(W)])
    assert (kinds.sum(0) == 1).all()


@given(any_weights, st.integers(0, 10**6))
def test_measures_do_not_depend_on_scale_sign_and_order_of_features(W: np.ndarray, seed: int):
    random = np.random.default_rng(seed)
    changed = W * random.uniform(0.5, 3, size=(len(W), 1)) * random.choice([-1, 1], size=W.shape)
    changed = changed[:, random.permutation(W.shape[1])]
    for name in OF_ONE_NEURON:
        options = {"min_norm": 0.0} if name in ("monosemantic", "polysemantic") else {}
        np.testing.assert_allclose(MEASURES[name](changed, **options), MEASURES[name](W, **options), rtol=1e-9)


@given(any_weights, st.integers(0, 10**6))
def test_permuting_neurons_permutes_the_measures_and_not_the_figure(W: np.ndarray, seed: int):
    order = np.random.default_rng(seed).permutation(len(W))
    for name in MEASURES:
        np.testing.assert_array_equal(MEASURES[name](W[order]), MEASURES[name](W)[order])
    shown, shown_again = W[neurons.neuron_order(W)], W[order][neurons.neuron_order(W[order])]
    np.testing.assert_array_equal(shown, shown_again)


@pytest.mark.parametrize("name", MEASURES | ORDERS)
def test_leading_axes_are_loops_and_libraries_agree(name: str):
    function = (MEASURES | ORDERS)[name]
    W = np.random.default_rng(0).normal(size=(2, 3, 4, 6))
    W[0, 1, 2], W[1, 0, 3, 1:] = 0, 0
    got = function(W)
    looped = np.array([[function(W[i, j]) for j in range(3)] for i in range(2)])
    np.testing.assert_allclose(got, looped, **SAME)
    assert isinstance(got, np.ndarray)
    if name in MEASURES:
        in_jax = jax.jit(function)(jnp.asarray(W))
        assert isinstance(in_jax, jax.Array)
        np.testing.assert_allclose(in_jax, got, rtol=1e-5)
    else:
        np.testing.assert_array_equal(function(jnp.asarray(W)), got)


# --- Matching and order ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("m", "n"), [(3, 5), (4, 4), (5, 3)])
def test_matching_is_the_best_of_all(m: int, n: int):
    W = np.random.default_rng(m).normal(size=(20, m, n))
    shares = W**2 / (W**2).sum(-1, keepdims=True)
    for weights, share, matched in zip(W, shares, neurons.match_features(W), strict=True):
        taken = matched[matched >= 0]
        assert len(taken) == len(set(taken)) == min(m, n)
        total = share[np.flatnonzero(matched >= 0), taken].sum()
        smaller, larger = (share, n) if m <= n else (share.T, m)
        best = max(
            smaller[np.arange(min(m, n)), list(choice)].sum() for choice in permutations(range(larger), min(m, n))
        )
        assert total == pytest.approx(best)
        np.testing.assert_array_equal(neurons.match_features(3 * weights), matched)


def test_matching_refuses_what_is_not_finite():
    with pytest.raises(ValueError, match="W of match_features must be finite"):
        neurons.match_features(np.array([[1.0, np.nan]]))


def test_order_of_neurons():
    W = np.array(
        [
            [0.01, 0.0, 0.0, 0.0],  # dead
            [0.9, 1.0, 0.8, 0.0],  # polysemantic, of feature 1, of three features
            [0.0, 0.0, 0.0, 1.0],  # monosemantic, of feature 3
            [0.0, -1.0, 0.7, 0.0],  # polysemantic, of feature 1, of two features
            [0.1, -1.0, 0.0, 0.0],  # monosemantic, of feature 1
            [0.8, 0.0, 0.7, 0.0],  # polysemantic, of feature 0
            [0.0, 0.6, 0.4, 0.4],  # polysemantic, of feature 1 with a positive weight, of three features
            [0.0, 0.0, 0.0, 2.0],  # monosemantic, of feature 3, the stronger one
        ]
    )
    assert neurons.neuron_order(W).tolist() == [4, 7, 2, 5, 6, 1, 3, 0]


# --- Rescaling ---------------------------------------------------------------------------------------------------


def layer(W_in: np.ndarray, W_out: np.ndarray, b_hidden: np.ndarray | None, x: np.ndarray) -> np.ndarray:
    hidden = W_in @ x if b_hidden is None else W_in @ x + b_hidden[..., None]
    return W_out @ np.maximum(hidden, 0)


@pytest.mark.parametrize("with_bias", [False, True])
def test_rescaling_keeps_the_function_and_makes_the_largest_weight_one(with_bias: bool):
    random = np.random.default_rng(0)
    W_in, W_out, b_hidden = (random.normal(size=shape) for shape in ((2, 5, 4), (2, 3, 5), (2, 5)))
    W_in[1, 2] = 0
    x = random.normal(size=(4, 50))
    bias = b_hidden if with_bias else None
    rescaled = neurons.rescale(W_in, W_out, bias)
    np.testing.assert_allclose(layer(*rescaled, x), layer(W_in, W_out, bias, x), **SAME)
    largest = abs(rescaled.W_in).max(-1)
    assert largest[1, 2] == 0
    np.testing.assert_allclose(np.delete(largest.ravel(), 7), 1)
    assert (np.sign(rescaled.W_in) == np.sign(W_in)).all()


def test_rescaling_of_jax_arrays():
    rescaled = neurons.rescale(jnp.array([[0.5, -0.25]]), jnp.array([[4.0], [1.0]]), jnp.array([3.0]))
    assert isinstance(rescaled.W_in, jax.Array)
    assert [part.tolist() for part in rescaled] == [[[1.0, -0.5]], [[2.0], [0.5]], [6.0]]


def test_bad_input_is_refused(monkeypatch: pytest.MonkeyPatch):
    W = np.ones((2, 3))
    for function in (neurons.features_per_neuron, neurons.monosemantic, neurons.polysemantic):
        with pytest.raises(ValueError, match=rf"min_fraction of {function.__name__} .* in \[0, 1\]. Got 1.5"):
            function(W, min_fraction=1.5)
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # as users have it
    with pytest.raises(ValueError, match=r"W_out of rescale must have a column for each of the 2 neurons"):
        neurons.rescale(W, np.ones((3, 3)))
    with pytest.raises(ValueError, match=r"b_hidden of rescale must have one number for each of the 2 neurons. Got 3"):
        neurons.rescale(W, np.ones((3, 2)), np.ones(3))


def test_neurons_are_reached_from_the_package():
    assert tm.analysis.neurons is neurons
