"""Techniques and their scores: the truth scores 1, what is wrong in any way scores no more than chance, and what is
known exactly comes out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from flax import nnx

import toymodels as tm
from toymodels import cases, techniques
from toymodels.analysis import geometry
from toymodels.techniques import (
    Activations,
    Directions,
    Edit,
    Effects,
    NotApplicableError,
    Number,
    baselines,
    dictionaries,
    edges,
    edits,
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
H = W @ X
EFFECTS = np.where(RNG.random(80) < 0.5, 0.0, RNG.uniform(0.2, 1, 80))
BOTH = [np.asarray, jnp.asarray]


def scored(claim, truth=TRUTH, x=X, library=np.asarray):
    made = type(claim)(**{name: library(one) if np.ndim(one) else one for name, one in vars(claim).items()})
    known = {"h": library(H), "effects": library(EFFECTS)}
    return score_of(made, jax.tree.map(library, truth), library(x), **known)


def without(directions):
    """H without its component along each of the directions."""
    along = directions.T @ H
    return np.stack([H - np.outer(one, row) for one, row in zip(directions.T, along, strict=True)])


@pytest.mark.parametrize("library", BOTH)
@pytest.mark.parametrize(
    "claim",
    [
        Directions(3.0 * W[:, RNG.permutation(N)]),
        Directions(W, labelled=True),
        Activations(2 * X[RNG.permutation(N)] + 1),
        Activations(2 * X + 1, labelled=True),
        Effects(3 * EFFECTS + 1),
        Edit(without(W)),
        Number(np.float64(N)),
    ],
)
def test_the_truth_scores_one(claim, library):
    # features of 2,000 samples are correlated a little, so that taking one out takes from others too: m/N = 1 %
    near = 0.02 if isinstance(claim, Edit) else 1e-5
    assert float(scored(claim, library=library).score) == pytest.approx(1, abs=near)


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
    "the same effect everywhere": Effects(np.ones(80)),
    "effects of other edges": Effects(np.roll(EFFECTS, 1)),
    "effects turned round": Effects(1 - EFFECTS),
    "no edit": Edit(np.tile(H, (N, 1, 1))),
    "edits for others": Edit(np.roll(without(W), 1, axis=0)),
    "all features taken out": Edit(0 * without(W)),
    "random edits": Edit(without(np.linalg.qr(RNG.normal(size=(M, N)))[0])),
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


def test_what_does_something_is_told_from_what_does_nothing():
    assert scored(Effects(EFFECTS)).auroc == 1
    assert scored(Effects(1 - EFFECTS)).auroc == 0
    assert scored(Effects(np.ones(80))).auroc == 0.5
    sizes = RNG.random(80)
    above = sizes[EFFECTS > 0][:, None] > sizes[EFFECTS == 0]
    assert scored(Effects(sizes)).auroc == pytest.approx(above.mean())


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


def test_erasing_a_feature_costs_the_others_the_square_of_the_welch_bound():
    # R² of 12 features in m dimensions is m/12 each and m together; without the feature, that of the others is m - 1
    tried = {"tight": cases.tight_frame(12, 12).over(n_hidden=[12, 4, 2])}
    both = {"LEACE": edits.erasure, "mean": edits.directional_ablation}
    raw = score(both, tried, seed=[0], samples=20_000, progress=False).raw.squeeze(("case", "seed"))
    for number, m in enumerate([12, 4, 2]):
        np.testing.assert_allclose(raw.isel(level=number), 1 - (12 - m) / (m * 11), rtol=0.005)


def test_nothing_that_is_linear_is_left_of_what_is_erased():
    x = tm.Independent(9, 0.3).sample(jax.random.key(0), 500)
    h = cases.frames.random(jax.random.key(1), (5, 9)) @ x
    for feature, edited in enumerate(edits.erasure(h, x).hidden):
        correlations = np.corrcoef(np.asarray(edited), np.asarray(x[feature]))[-1, :-1]
        np.testing.assert_allclose(correlations, 0, atol=1e-5)
        assert np.linalg.matrix_rank(np.asarray(edited - h), tol=1e-3) == 1


def test_edges_have_their_effects_where_nothing_is_in_superposition():
    x = tm.Independent(5, 0.3).sample(jax.random.key(0), 300)
    module = cases.polygon(5).module()
    graph = cases.switches(module)
    claimed, slopes = (np.asarray(technique(graph, x).sizes) for technique in (edges.zero_ablation, edges.attribution))
    W, b = np.asarray(module.W[...]), np.asarray(module.b[...])
    weights = np.concatenate([W.ravel(), W.T.ravel()])
    np.testing.assert_allclose(claimed[weights != 0], cases.effects(module, x), rtol=1e-5)
    assert (claimed[weights == 0] == 0).all()
    # by hand: the slope of output i where it is on, times what the edge carries
    h = W @ x
    on = W.T @ h + b[:, None] > 0
    for number, (source, target) in enumerate(zip(graph.sources, graph.targets, strict=True)):
        if target >= 7:  # from hidden dimension source - 5 to output target - 7
            carried = on[target - 7] * W[source - 5, target - 7] * h[source - 5]
        else:  # from a feature to a hidden dimension, and to all outputs from there
            carried = np.linalg.norm(on * W[target - 5][:, None], axis=0) * W[target - 5, source] * x[source]
        assert slopes[number] == pytest.approx(np.sqrt(np.square(carried).mean()), abs=1e-6)


GATE_INPUTS = jnp.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])


def gate_score(technique, case):
    """Over the four inputs of a gate."""
    module = case.module()
    claim, true = technique(cases.switches(module), GATE_INPUTS), cases.true_effects(module, GATE_INPUTS)
    return score_of(claim, cases.truth(module), GATE_INPUTS, effects=true)


def test_attribution_misses_a_gate_at_its_kink():
    # OR = 1 - ReLU(1 - a - b): both edges into the neuron do 1 in one case of four, but its slope there is 0, or what
    # they carry is. Claimed (0, 0, 0, 0, 1/2) of (1/2, 1/2, 0, 0, 1/2): a correlation of 1/√6.
    assert float(gate_score(edges.attribution, cases.gate("or")).raw) == pytest.approx(1 / 6, abs=1e-6)
    assert float(gate_score(edges.zero_ablation, cases.gate("or")).raw) == pytest.approx(1, abs=1e-6)


def test_the_truth_of_a_compressed_circuit_is_that_of_the_circuit():
    case, whole = cases.compress(cases.gate("and"), 2), cases.gate("and").module()
    true = cases.true_effects(case.module(), GATE_INPUTS)
    np.testing.assert_allclose(true, cases.true_effects(whole, GATE_INPUTS), atol=1e-6)
    assert abs(cases.effects(case.module(), GATE_INPUTS) - cases.effects(whole, GATE_INPUTS)).max() > 0.1
    # The three vectors of a plane have cosines of ±1/2 with each other: the output, which is to read the neuron, reads
    # a half of each input, and the neuron, which gets half of what it is to get of either, is never on.
    assert np.asarray(gate_score(edges.zero_ablation, case).auroc) == 0


def test_seconds_are_those_of_a_technique_that_applies():
    assert techniques.seconds(axes, samples=64) > 0
    assert np.isnan(techniques.seconds(host(nonnegative_matrix_factorization), samples=64))
    with pytest.raises(ValueError, match="samples"):
        techniques.seconds(axes, samples=1)


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


def test_a_technique_of_numpy_has_the_same_score(card):
    here, there = card.found.sel(technique="axes"), card.found.sel(technique="numpy's")
    np.testing.assert_allclose(here.sel(case="digons"), 0.5)
    np.testing.assert_allclose(there, here)


def test_what_does_not_apply_says_so(card):
    assert not card.applicable.sel(technique="never", case="digons").any()
    assert np.isnan(card.score.sel(technique="never", case="digons")).all()
    assert card.applicable.sel(technique="axes", case="digons").all()
    assert "not applicable" in table(card)


class Same(nnx.Module):
    """A module that is not a circuit, whose directions are known."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.W = nnx.Param(jnp.eye(3))

    def encode(self, x):
        return self.W[...] @ x

    def decode(self, h):
        return h


def test_there_is_nothing_to_switch_where_there_is_no_circuit():
    def axes_at_least(h, graph=None):
        return axes(h)

    tried = {"one": cases.Case(Same, tm.Task(tm.Independent(3)))}
    card = score({"cuts": edges.zero_ablation, "axes": axes_at_least}, tried, seed=[0], samples=64, progress=False)
    assert card.applicable.values.ravel().tolist() == [False, True]
    assert np.isnan(card.score.sel(technique="cuts")).all()
    with pytest.raises(ValueError, match="The edges of a Same are not known"):
        cases.switches(cases.Case(Same, tm.Task(tm.Independent(3))).module())


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


def cuts_of_numpy(graph):
    return Effects(np.ones(len(graph)))


def returns_an_array(h):
    return h


@pytest.mark.parametrize(
    ("technique", "message"),
    [
        ({"cheat": asks_for_the_truth}, "Technique 'cheat' has an argument 'truth'"),
        ({"class": RandomDirections}, "technique 'class' of score is the class RandomDirections"),
        ({}, "techniques of score must map names"),
        ({"a b": axes, "a-b": axes}, "must have names of their own"),
        ({"array": returns_an_array}, "technique 'array': A technique must return Directions, Activations, Effects"),
        ({"host": host(cuts_of_numpy)}, "Technique 'host' is a host technique. It cannot ask for graph"),
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


def test_own_directions_of_a_circuit_are_the_columns_of_its_frame():
    """In a tight frame each of 12 values has 9/12 of a dimension; the circuit has no other values than its features."""
    here = cases.compress(cases.pass_through(12), 9)
    # the standard error of R² is at most 2 sqrt(R²) (1 - R²) / sqrt(16,384 p) = .011, and 12 are averaged
    assert float(try_on(probes.own_direction, here, samples=16_384).raw) == pytest.approx(3 / 4, abs=0.02)


def test_random_directions_are_chance():
    got = score({"random": RandomDirections(20)}, {"t": cases.tight_frame(20, 10)}, seed=range(8), progress=False)
    # one draw of 20 matched cosines, each of standard deviation about .2, and a mean over eight
    assert abs(float(got.score.mean())) < 0.04


def test_not_applicable_is_an_error_that_can_be_caught():
    with pytest.raises(NotApplicableError):
        nonnegative_matrix_factorization(np.array([[-1.0, 2.0]]), 0)


@pytest.mark.slow
@pytest.mark.optimized
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
