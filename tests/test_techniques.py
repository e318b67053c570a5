"""Techniques and their scores: the truth scores 1, what is wrong in any way scores no more than chance, and what is
known exactly comes out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from toymodels import cases
from toymodels.analysis import geometry
from toymodels.techniques import (
    Activations,
    Directions,
    NotApplicableError,
    Number,
    baselines,
    dictionaries,
    host,
    poster,
    probes,
    score,
    score_of,
    table,
    try_on,
)
from toymodels.techniques.baselines import RandomDirections, nonnegative_matrix_factorization

N, M, SAMPLES = 24, 24, 2_000
RNG = np.random.default_rng(0)
W = np.linalg.qr(RNG.normal(size=(M, M)))[0]
TRUTH = cases.Truth(W, np.ones(N, bool))
X = np.asarray(tm.Independent(N, 0.1).sample(jax.random.key(1), SAMPLES))
BOTH = [np.asarray, jnp.asarray]


def scored(claim, truth=TRUTH, x=X, library=np.asarray):
    made = type(claim)(**{name: library(one) if np.ndim(one) else one for name, one in vars(claim).items()})
    return score_of(made, cases.Truth(*map(library, truth)), library(x))


@pytest.mark.parametrize("library", BOTH)
@pytest.mark.parametrize(
    "claim",
    [
        Directions(3.0 * W[:, RNG.permutation(N)]),
        Directions(W, labelled=True),
        Activations(2 * X[RNG.permutation(N)] + 1),
        Activations(2 * X + 1, labelled=True),
        Number(np.float64(N)),
    ],
)
def test_the_truth_scores_one(claim, library):
    assert float(scored(claim, library=library).score) == pytest.approx(1, abs=1e-5)


WRONG = {
    "random": Directions(RNG.normal(size=(M, N))),
    "duplicated": Directions(np.repeat(W[:, :1], N, axis=1)),
    "flipped": Directions(-W),
    "dead": Directions(np.zeros((M, N))),
    "too narrow": Directions(W[:, :1]),
    "random, labelled": Directions(RNG.normal(size=(M, N)), labelled=True),
    "permuted": Directions(np.roll(W, 1, axis=1), labelled=True),
    "flipped, labelled": Directions(-W, labelled=True),
    "random activations": Activations(RNG.random((N, SAMPLES))),
    "duplicated activations": Activations(np.repeat(X[:1], N, axis=0)),
    "flipped activations": Activations(-X),
    "dead activations": Activations(np.zeros((N, SAMPLES))),
    "one activation": Activations(X[:1]),
    "permuted activations": Activations(np.roll(X, 1, axis=0), labelled=True),
    "other samples": Activations(np.roll(X, 7, axis=1), labelled=True),
    "one feature": Number(np.float64(1)),
}


@pytest.mark.parametrize("library", BOTH)
@pytest.mark.parametrize("claim", WRONG.values(), ids=WRONG)
def test_what_is_wrong_scores_as_chance_does(claim, library):
    assert float(scored(claim, library=library).score) < 0.1


def test_numpy_and_jax_agree():
    # numbers in double and single precision; chance is taken over other random draws of the same kind
    claim = Directions(W + 0.3 * RNG.normal(size=W.shape), np.abs(X + 0.1 * RNG.normal(size=X.shape)))
    first, second = (scored(claim, library=library) for library in BOTH)
    for name, tolerance in {"raw": 1e-5, "found": 1e-6, "mmcs": 1e-5, "r_squared": 1e-4, "l0": 1e-4, "dead": 0}.items():
        assert float(getattr(second, name)) == pytest.approx(float(getattr(first, name)), abs=tolerance), name
    assert float(second.chance) == pytest.approx(float(first.chance), abs=0.05)


def test_only_features_that_have_a_direction_count():
    truth = cases.Truth(W * np.where(np.arange(N) < 6, 1.0, 0.01), np.arange(N) < 6)
    six = scored(Directions(W[:, :6]), truth)
    assert six.score == pytest.approx(1, abs=1e-5)
    assert six.found == six.mmcs == pytest.approx(1, abs=1e-5)
    assert scored(Directions(W[:, 6:12]), truth).raw == pytest.approx(0, abs=1e-6)
    assert scored(Activations(X * (np.arange(N) < 6)[:, None], labelled=True), truth).r_squared == pytest.approx(
        1, abs=1e-5
    )
    assert scored(Number(np.float64(6)), truth).score == pytest.approx(1, abs=1e-5)


def test_a_probe_has_the_leverage_of_each_feature_and_a_direction_its_dimensionality():
    frame = np.asarray(cases.frames.random(jax.random.key(5), (6, 14)))
    x = tm.Independent(14, 0.2).sample(jax.random.key(2), 200_000)
    h = jnp.asarray(frame) @ x
    claims = {
        "leverage": probes.linear_probe(h, x),
        "dimensionality": probes.own_direction(h, {"W": jnp.asarray(frame)}),
    }
    for name, claim in claims.items():
        r_squared = np.corrcoef(np.asarray(claim.rows), np.asarray(x))[:14, 14:].diagonal() ** 2
        # the standard error of R² is below 2 sqrt(R²(1-R²)²/N) ≤ .002, times 4 for the heavy tails of sparse features
        np.testing.assert_allclose(r_squared, getattr(geometry, name)(frame), atol=0.008, err_msg=name)


def test_means_point_along_the_feature_if_features_are_independent_and_only_then():
    assert try_on(probes.mean_difference, cases.tight_frame(20, 10), samples=50_000).raw > 0.995
    together = cases.Case(
        tm.Autoencoder(4, 4, initializer=cases.frames.axes), tm.Task(tm.CorrelatedSets(((0, 1), (2, 3)), 0.1))
    )
    # E[h | on] - E[h | off] of a feature that is always on with another is e_i + e_j: a cosine of 1/√2
    assert float(try_on(probes.mean_difference, together).raw) == pytest.approx(0.5**0.5, abs=0.01)


def test_the_participation_ratio_is_the_number_of_dimensions():
    got = try_on(probes.participation, cases.tight_frame(20, 5), samples=50_000)
    assert float(got.raw) == pytest.approx(np.log(5) / np.log(20), abs=0.005)


def axes(h):
    return Directions(jnp.eye(len(h)))


def axes_of_numpy(h, key):
    assert isinstance(h, np.ndarray)
    assert isinstance(key, int)
    return Directions(np.eye(len(h)))


@pytest.fixture(scope="module")
def card():
    tried = {"axes": axes, "numpy's": host(axes_of_numpy), "never": host(nonnegative_matrix_factorization)}
    levels = {
        "digons": cases.digons(4).over(density=[0.5, 0.1, 0.05]),
        "trained": cases.Case(tm.Autoencoder(3, 3), tm.Task(tm.Independent(3, 0.5)), tm.Recipe(steps=3, batch_size=64)),
    }
    return score(tried, levels, seed=[3, 5], samples=64, progress=False)


def test_the_card_has_an_entry_for_each_technique_case_level_and_seed(card):
    assert dict(card.sizes) == {"technique": 3, "case": 2, "level": 3, "seed": 2}
    assert card.n_features.values.tolist()[0] == [4, 4, 4]
    assert card.features_per_dimension.sel(case="trained").values[0] == 1
    assert np.isnan(card.n_features.sel(case="trained")[1:]).all()
    assert card.level_value.sel(case="digons").values.tolist() == [0.5, 0.1, 0.05]
    assert card.access.values.tolist() == ["h", "h, key", "h, key"]
    assert (card.seconds > 0).all()


def test_a_technique_of_numpy_has_the_same_score(card):
    here, there = card.found.sel(technique="axes"), card.found.sel(technique="numpy's")
    np.testing.assert_allclose(here.sel(case="digons"), 0.5)
    np.testing.assert_allclose(there, here)


def test_what_does_not_apply_says_so(card):
    assert not card.applicable.sel(technique="never", case="digons").any()
    assert np.isnan(card.score.sel(technique="never", case="digons")).all()
    assert card.applicable.sel(technique="axes", case="digons").all()
    assert "not applicable" in table(card)


def test_the_poster_has_a_number_per_cell(card):
    ax = poster(card)
    assert len(ax.patches) == 3 * 4
    assert len([text for text in ax.texts if text.get_text().lstrip("−")[:1] in (".", "1")]) == 2 * 4


def test_finished_work_is_kept(tmp_path, monkeypatch):
    case = {"one": cases.dedicated(3)}
    first = score({"axes": axes}, case, seed=[0], samples=64, folder=tmp_path, progress=False)
    monkeypatch.setattr("toymodels.training.engine.execution.train_chunk", None)  # nothing is trained again
    again = score({"axes": axes}, case, seed=[0], samples=64, folder=tmp_path, progress=False)
    np.testing.assert_array_equal(first.score, again.score)
    assert again.attrs["seconds"] == first.attrs["seconds"] > 0  # of the work, not of reading what is there


def asks_for_the_truth(h, truth):
    return Directions(truth)


def returns_an_array(h):
    return h


@pytest.mark.parametrize(
    ("technique", "message"),
    [
        ({"cheat": asks_for_the_truth}, "Technique 'cheat' has an argument 'truth'"),
        ({"class": RandomDirections}, "technique 'class' of score is the class RandomDirections"),
        ({}, "techniques of score must map names"),
        ({"a b": axes, "a-b": axes}, "must have names of their own"),
        ({"array": returns_an_array}, "must return Directions, Activations or a Number"),
    ],
)
@pytest.mark.parametrize("case", [cases.dedicated(3), cases.trained(4, 2)], ids=["exact", "trained"])
def test_what_is_no_technique_is_refused(technique, message, case, nothing_compiled):
    with pytest.raises((ValueError, TypeError), match=message):
        score(technique, {"one": case}, seed=[0], samples=64, progress=False)


def test_a_module_that_is_missing_is_named(nothing_compiled):
    with pytest.raises(ModuleNotFoundError, match="Technique 'it' needs no_such_module"):
        try_on(host(axes_of_numpy, "no_such_module"), cases.dedicated(3))


def test_a_claim_of_the_wrong_shape_is_refused():
    with pytest.raises(ValueError, match=r"columns of Directions of a technique must have shape \(24, any\)"):
        scored(Directions(W[:3]))


def test_random_directions_are_chance():
    got = score({"random": RandomDirections(20)}, {"t": cases.tight_frame(20, 10)}, seed=range(8), progress=False)
    # one draw of 20 matched cosines, each of standard deviation about .2, and a mean over eight
    assert abs(float(got.score.mean())) < 0.04


def test_not_applicable_is_an_error_that_can_be_caught():
    with pytest.raises(NotApplicableError):
        nonnegative_matrix_factorization(np.array([[-1.0, 2.0]]), 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["L1", "TopK", "BatchTopK", "Matryoshka", "JumpReLU", "Gated", "matching pursuit"])
def test_a_dictionary_finds_features_that_have_a_dimension_each(name):
    technique = dictionaries.dictionaries(n_units=32, k=2, steps=2_000)[name]
    here = cases.dedicated(16, 0.125)  # two features are on in the mean
    card = score({name: technique}, {"here": here}, seed=range(3), samples=8_192, progress=False)
    assert float(card.score.max()) > 0.95  # the best of three: a dictionary may miss a feature
    assert float(card.r_squared.max()) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize(("name", "least"), {"ICA": 0.95, "NMF": 0.95, "dictionary learning": 0.9}.items())
def test_a_classical_technique_finds_them_as_well(name, least):
    pytest.importorskip("sklearn")
    here = cases.dedicated(5, 0.15)
    card = score({name: baselines.CLASSICAL[name]}, {"here": here}, seed=range(2), samples=2_048, progress=False)
    assert float(card.score.max()) > least


def test_principal_axes_are_found_where_variances_differ():
    pytest.importorskip("sklearn")
    x = np.random.default_rng(0).normal(size=(3, 4_000)) * [[3.0], [2.0], [1.0]]
    axes = baselines.principal_components(x).columns
    assert axes.shape == (3, 6)
    # the angle of an axis to the true one is about σ_1 σ_2 / (σ_1² - σ_2²) / sqrt(4000) ≤ .02
    np.testing.assert_allclose(np.abs(axes[:, :3]).max(0), 1, atol=2e-3)
    np.testing.assert_array_equal(axes[:, 3:], -axes[:, :3])


def test_a_technique_that_was_scored_later_goes_into_the_card(card):
    levels = {"digons": cases.digons(4).over(density=[0.5, 0.1, 0.05])}
    mine = score({"mine": axes}, levels, seed=[3, 5], samples=64, progress=False)
    both = xr.concat([card.sel(case=["digons"]), mine], "technique")
    assert both.technique.values.tolist() == ["axes", "numpy's", "never", "mine"]
    assert both.access.values.tolist()[-1] == "h"
    np.testing.assert_array_equal(both.score.sel(technique="mine"), both.score.sel(technique="axes"))
    assert len(poster(both).patches) == 4 * 3


def test_fields_move_together_along_the_levels():
    sizes = {"model.n_features": [4, 6], "task.features.n_features": [4, 6], "n_hidden": [4, 6]}
    card = score({"axes": axes}, {"more": cases.dedicated(4).over(**sizes)}, seed=[0], samples=64, progress=False)
    assert card.n_features.values.tolist() == [[4, 6]]
    assert card.n_hidden.values.tolist() == [[4, 6]]
    np.testing.assert_allclose(card.score, 1, atol=1e-5)
