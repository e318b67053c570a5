"""The learning coefficient as a claim: its score, its case, and techniques that are right and wrong about it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels import cases, sampling
from toymodels.sampling import Chains
from toymodels.techniques import LearningCoefficient, NotApplicableError, coefficients, host, score, score_of
from toymodels.techniques.scored import NUMBERS, Scored
from toymodels.theory.critical import critical_point
from toymodels.theory.polygons import polygon_loss, polygon_weights

FEW = Chains(5e4, 1e-5, chains=16, steps=2_000)
HELD = Chains(5e4, 1e-5, 1e5, chains=4, steps=400)
UNKNOWN = cases.Truth(np.eye(2), np.ones(2, bool))
PENTAGON = UNKNOWN._replace(learning_coefficient=7.0, n_parameters=15)


@pytest.fixture(scope="module")
def card():
    tried = {
        "sampled": coefficients.Sampled(FEW),
        "held": coefficients.Sampled(HELD),
        "curved": coefficients.Curved(),
        "half": coefficients.half_of_parameters,
    }
    some = {"pentagon": cases.one_at_a_time(), "frame": cases.tight_frame(3, 2)}
    return score(tried, some, seed=[0], progress=False).squeeze(("level", "seed"))


@pytest.mark.parametrize("value", [np.float64, jnp.float32])
@pytest.mark.parametrize(("claimed", "expected"), [(7, 1), (7.5, 0), (6.5, 0), (7.25, 0.5), (0, -13)])
def test_half_of_the_parameters_is_chance(value, claimed: float, expected: float):
    """Of a pentagon, with 15 parameters: the error is counted in halves, what one direction is worth."""
    found = score_of(LearningCoefficient(value(claimed)), PENTAGON, np.ones((2, 3)))
    assert float(found.score) == pytest.approx(expected, abs=1e-5)
    assert float(found.raw) == pytest.approx(1 - abs(claimed - 7) / 7)


@pytest.mark.parametrize("n", [5, 8])
def test_the_case_is_at_the_minimum_of_the_exact_loss(n: int):
    case = cases.one_at_a_time(n)
    module = case.module()
    loss = sampling.objective(module, case.task, 1)
    params = {"W": module.W[...], "b": module.b[...]}

    def steepest(params):
        return max(float(abs(one).max()) for one in jax.grad(loss)(params, jax.random.key(0)).values())

    assert float(loss(params, jax.random.key(0))) == pytest.approx(polygon_loss(n, n) / n, rel=2e-3)  # of n outputs
    assert steepest(params) < 1 / 64**2  # what sums over middles miss
    assert steepest({**params, "b": params["b"] + 0.05}) > 4 / 64**2
    assert critical_point(*polygon_weights(n, n)).positive == 2 * case.learning_coefficient(module)


def test_who_is_right(card):
    here = card.sel(case="pentagon")
    assert float(here.score.sel(technique="half")) == pytest.approx(0, abs=1e-5)
    assert float(here.score.sel(technique="curved")) == pytest.approx(1, abs=1e-5)
    # a standard error of 7 / sqrt(7 · 16 · about 15 independent samples) = .17, in parts of 7: .024
    assert float(here.raw.sel(technique="sampled")) > 0.9
    # held so tightly, n β h / (n β h + γ) is left of each direction
    curvatures = np.maximum(critical_point(*polygon_weights(5, 5)).eigenvalues, 0) / 5
    expected = float(sampling.expected_coefficient(curvatures, HELD)) / 7
    assert float(here.raw.sel(technique="held")) == pytest.approx(expected, rel=0.1)
    assert expected < 0.1


def test_the_card_says_what_it_took(card):
    here = card.sel(case="pentagon")
    assert here.access.values.tolist() == [*["loss, params, key"] * 3, "params"]
    # where each chain is, with the slope, and at the start, which is the same for all, as all batches are
    assert here.passes.values[[0, 1, 3]].tolist() == [16 * 2_000 + 2_000, 4 * 400 + 400, 0]
    assert here.gradients.values[[0, 1, 3]].tolist() == [16 * 2_000, 4 * 400, 0]


def test_where_it_is_not_known_nothing_is_scored(card):
    frame = card.sel(case="frame")
    assert not frame.applicable.any()
    assert frame.score.isnull().all()
    # `seconds` gives no task, so there is no loss to ask for
    alone = Scored(coefficients.Curved())(cases.one_at_a_time().module(), jnp.eye(5), jax.random.key(0))
    assert float(alone[NUMBERS.index("applicable")]) == 0


def test_curvature_does_not_see_what_costs_as_a_higher_power():
    def loss(params, key):
        return jnp.square(params["a"]).sum() + params["b"] ** 4 + 0 * params["c"]

    start = {"a": jnp.zeros(3), "b": jnp.zeros(()), "c": jnp.zeros(())}
    assert float(coefficients.Curved()(loss, start, jax.random.key(0)).value) == 1.5  # and not 1.75


def test_the_numbers_of_the_levels():
    case = cases.one_at_a_time([6, 8], points=8)
    assert case.levels["model.n_features"] == [6, 8]
    card = score({"half": coefficients.half_of_parameters}, {"here": case}, seed=[0], progress=False)
    # λ is 1/2 below half of the parameters: chance is 1 less 1/2 in parts of λ
    np.testing.assert_allclose(card.chance.squeeze(), [1 - 0.5 / 8.5, 1 - 0.5 / 11.5], rtol=1e-5)


def test_bad_input_is_refused():
    for wrong in (4, 9, [], [5, 9]):
        with pytest.raises(ValueError, match=r"n_features of one_at_a_time must be 5, 6, 7 or 8"):
            cases.one_at_a_time(wrong)
    with pytest.raises(ValueError, match="points"):
        cases.one_at_a_time(points=0)

    @host
    def asks(loss):
        return LearningCoefficient(np.zeros(()))

    with pytest.raises(ValueError, match=r"host technique\. It cannot ask for loss"):
        score({"asks": asks}, {"here": cases.dedicated(2)})
    with pytest.raises(NotApplicableError, match="not known"):
        score_of(LearningCoefficient(7.0), UNKNOWN, np.ones((2, 3)))
    assert tm.techniques.access(coefficients.half_of_parameters) == ("params",)
