"""Techniques that say what a unit responds to, against what is known of neurons whose weights are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels import cases
from toymodels.techniques import Profiles, score, score_of, try_on
from toymodels.techniques.units import UNITS, FeatureVisualisation, MaxActivating, NeuronModel, box, l1_ball

RNG = np.random.default_rng(0)
TRUE = RNG.normal(size=(40, 30))
X = np.asarray(tm.Independent(30, 0.3).sample(jax.random.key(0), 2_000))
H = TRUE @ X
TRUTH = cases.Truth(TRUE, np.ones(30, bool))


def scored(rows, library=np.asarray):
    claim = Profiles(library(rows))
    return score_of(claim, TRUTH, library(X), h=library(H), profiles=library(TRUE))


@pytest.mark.parametrize("library", [np.asarray, jnp.asarray])
def test_the_truth_scores_one_and_what_is_wrong_as_chance_does(library):
    right = scored(TRUE * RNG.uniform(0.5, 2, size=(40, 1)), library)
    for name in ("score", "raw", "r_squared", "top_r_squared"):
        assert float(getattr(right, name)) == pytest.approx(1, abs=1e-5), name
    wrong = {
        "dead": 0 * TRUE,
        "random": RNG.normal(size=TRUE.shape),
        "flipped": -TRUE,
        "of other units": np.roll(TRUE, 1, axis=0),
        "of other features": np.roll(TRUE, 1, axis=1),
        "of the mean unit": np.repeat(TRUE.mean(0, keepdims=True), 40, axis=0),
    }
    for name, rows in wrong.items():
        assert float(scored(rows, library).score) < 0.1, name
    assert float(scored(-TRUE, library).r_squared) == 0


def test_units_without_weights_do_not_count():
    true = np.concatenate([TRUE, np.zeros((2, 30))])
    claim = Profiles(np.concatenate([TRUE, RNG.normal(size=(2, 30))]))
    h = true @ X
    assert float(score_of(claim, TRUTH, X, h=h, profiles=true).score) == pytest.approx(1, abs=1e-5)


def test_profiles_lead_through_the_layers_of_a_circuit():
    module = cases.compress(cases.backup(0.3), 2).module()
    frame = np.asarray(module.frame[...])
    # a₁ = x and a₂ = β (x - a₁): the second gets β - β
    np.testing.assert_allclose(cases.profiles(module), frame @ [[1.0], [1.0], [0.0]], atol=1e-6)
    W = cases.polygon(5).module().W[...]
    np.testing.assert_array_equal(cases.profiles(cases.polygon(5).module()), W)


@tm.specification
class Weights:
    """An initializer of given weights."""

    rows: tuple[tuple[float, ...], ...] = tm.specifications.static()

    def __call__(self, key, shape, dtype=float):
        """The weights."""
        return jnp.asarray(self.rows, dtype).reshape(shape)


def neuron(*weights, density=0.02):
    """One unit that is linear in features, which are rarely on together."""
    model = tm.Autoencoder(len(weights), 1, hidden_activation="relu", initializer=Weights((weights,)))
    return cases.Case(model, tm.Task(tm.Independent(len(weights), density)))


def profile(technique, case, samples=100_000):
    """What a technique says of the unit."""
    module = case.module()
    x = case.task.features.sample(jax.random.key(3), samples)
    seen = {"encode": module.encode} if isinstance(technique, FeatureVisualisation) else {"h": module.encode(x)}
    return np.asarray(technique(x=x, **seen).rows)[0]


def test_only_the_stronger_feature_is_in_the_top_examples():
    # x₁ + x₂/2: of the samples in which one feature is on, in the top (1 - r)/2 = 1/4 it is the first. 100,000 samples
    # have one on in 3.96 %: 3,960, a quarter of which are 990. In some both are: .01 of the others.
    case, r = neuron(1.0, 0.5), 0.5
    top = profile(MaxActivating(900), case)
    assert top[1] / top[0] < 0.06
    assert top[0] > 0.7
    more = profile(MaxActivating(3_800), case)
    assert more[1] / more[0] > 0.4
    x = np.asarray(case.task.features.sample(jax.random.key(3), 100_000))
    one = x[:, (x > 0).sum(0) == 1]
    h = one[0] + r * one[1]
    beyond = h > h[one[1] > 0].max()
    # the largest of 2,000 values of the second is below r by r/2,000; the share of 3,960 has a standard error of .007
    assert beyond.mean() == pytest.approx((1 - r) / 2, abs=0.025)


@pytest.mark.parametrize("r", [0.5, 0.8])
def test_one_word_explains_what_it_should(r):
    case = neuron(1.0, r)
    x = case.task.features.sample(jax.random.key(3), 400_000)
    h = case.module().encode(x)
    rows = NeuronModel(1)(h, x).rows
    np.testing.assert_allclose(rows, [[1, 0]], atol=0.02)
    told = score_of(Profiles(rows), cases.truth(case.module()), x, h=h, profiles=jnp.array([[1.0, r]]))
    assert float(told.r_squared) == pytest.approx(1 / (1 + r**2), abs=0.01)
    assert float(told.raw) == pytest.approx(1 / np.sqrt(1 + r**2), abs=0.01)
    # in the top 2 % of the samples, half of those with one on, the first feature's values vary less than what x₂ adds
    assert 0 < float(told.top_r_squared) < float(told.r_squared)


def test_a_linear_model_hardly_sees_what_lowers_a_relu():
    # ReLU(x₁ - x₂): Cov(h, x₂) = p² (1/24 - 1/4 + p/6), and Var x₂ = p/3 - p²/4
    p = 0.1
    rows = profile(NeuronModel(), neuron(1.0, -1.0, density=p), 400_000)
    assert rows[1] == pytest.approx(p**2 * (1 / 24 - 1 / 4 + p / 6) / (p / 3 - p**2 / 4), abs=0.006)
    assert rows[1] == pytest.approx(-0.062, abs=0.006)


def test_what_is_seen_in_a_box_and_in_an_l1_ball():
    # the neuron (1, cos 72°, cos 72°): in a box all are 1, and its weights' ranks are lost
    case = neuron(1.0, 0.309017, 0.309017)
    seen = profile(FeatureVisualisation(box), case, 1_000)
    np.testing.assert_allclose(seen, 1)
    w = np.array([1, 0.309017, 0.309017])
    assert w.sum() / np.sqrt(3 * (w @ w)) == pytest.approx(0.856, abs=5e-4)
    assert float(try_on(FeatureVisualisation(box), case, samples=500).raw) == pytest.approx(0.856, abs=5e-4)
    np.testing.assert_allclose(profile(FeatureVisualisation(l1_ball), case, 1_000), [1, 0, 0], atol=1e-5)
    mixed = neuron(0.4, -1.0, 0.9, -0.1, 0.2)
    np.testing.assert_allclose(profile(FeatureVisualisation(box), mixed, 1_000), [1, 0, 1, 0, 1], atol=1e-5)


def test_the_projection_is_the_nearest_vector_in_the_l1_ball():
    from scipy.optimize import brentq

    x = RNG.normal(size=(5, 4)) * np.array([0.1, 1, 2, 5])
    for column, told in zip(x.T, np.asarray(l1_ball(jnp.asarray(x))).T, strict=True):

        def shrunk(by, column=column):
            return np.sign(column) * np.maximum(abs(column) - by, 0)

        inside = abs(column).sum() <= 1
        by = 0 if inside else brentq(lambda by: abs(shrunk(by)).sum() - 1, 0, abs(column).max())
        np.testing.assert_allclose(told, shrunk(by), atol=1e-5)


def test_a_card_of_units():
    card = score(UNITS, {"dedicated": cases.dedicated(5), "frame": cases.tight_frame(9, 4)}, seed=[0],
                 samples=2_000, progress=False).isel(seed=0, level=0)  # fmt: skip
    assert (card.score.sel(case="dedicated") > 0.98).all()
    frame = card.score.sel(case="frame")
    assert float(frame.sel(technique="neuron model")) == pytest.approx(1, abs=1e-4)
    assert (frame.drop_sel(technique="neuron model") < 0.9).all()
    assert card.access.values.tolist() == ["h, x"] * 3 + ["encode, x"] * 2


def test_profiles_need_the_truth():
    with pytest.raises(TypeError, match=r"Profiles \(`profiles`, `h`\)"):
        score_of(Profiles(TRUE), TRUTH, X)
    with pytest.raises(ValueError, match=r"rows of Profiles of a technique must have shape \(40, 30\)"):
        score_of(Profiles(TRUE.T), TRUTH, X, h=H, profiles=TRUE)
    with pytest.raises(ValueError, match="The truth of a Dropout is not known"):
        cases.profiles(nnx.Dropout(0.5))
