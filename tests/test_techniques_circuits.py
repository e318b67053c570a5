"""Techniques that cut, patch and resample: what is known exactly comes out, and what finds a circuit finds that one."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels import cases
from toymodels.cases.edges import root_mean_square
from toymodels.techniques import (
    Effects,
    VertexEffects,
    ablations,
    circuits,
    edges,
    patching,
    score,
    score_of,
    scrubbing,
    subspaces,
)
from toymodels.techniques.scored import Scored

KEY = jax.random.key(0)
GATE_INPUTS = jnp.array([[0.0, 0, 1, 1], [0, 1, 0, 1]])
BOTH_ON = jnp.ones((2, 1))
RNG = np.random.default_rng(3)
EFFECTS = np.where(RNG.random(60) < 0.4, 0.0, RNG.uniform(0.2, 1, 60))


def of_effects(claim, library=np.asarray):
    truth = cases.Truth(np.eye(2), np.ones(2, bool))
    made = type(claim)(library(claim.sizes))
    return score_of(made, jax.tree.map(library, truth), library(np.ones((2, 3))), effects=library(EFFECTS))


@pytest.mark.parametrize("library", [np.asarray, jnp.asarray])
@pytest.mark.parametrize("claim", [Effects(EFFECTS), VertexEffects(2 * EFFECTS)])
def test_true_effects_have_full_marks(claim, library):
    got = of_effects(claim, library)
    assert float(got.score) == pytest.approx(1, abs=1e-5)
    assert float(got.auroc) == float(got.precision) == float(got.recall) == 1


@pytest.mark.parametrize(
    "sizes",
    [RNG.random(60), RNG.permutation(EFFECTS), 1 - EFFECTS, np.zeros(60), np.ones(60)],
    ids=["random", "permuted", "turned round", "nothing", "everything"],
)
def test_wrong_effects_score_no_more_than_chance(sizes):
    got = of_effects(VertexEffects(sizes))
    share = (EFFECTS > 0).mean()
    assert got.score < 0.15  # of 60 random sizes the standard deviation of R² where it rises is about .02
    assert (
        got.precision <= share + 0.15
    )  # the standard deviation of the share of 36 among 36 is sqrt(.24/36 · .4) = .05
    assert got.recall <= share + 0.15


def test_precision_and_recall_at_the_true_size():
    true = np.flatnonzero(EFFECTS)
    half = np.zeros(60)
    half[true[: len(true) // 2]] = 1
    found = of_effects(Effects(half))
    assert (found.precision, found.recall) == (1, pytest.approx((len(true) // 2) / len(true)))
    even = of_effects(Effects(np.ones(60)))  # which of the equal ones are taken is left to chance
    assert (even.precision, even.recall) == pytest.approx((len(true) / 60, len(true) / 60))


@pytest.mark.parametrize("n_hidden", [None, 4])
def test_cut_edges_carry_what_there_is_in_other_samples(n_hidden):
    case = cases.absolute_value(2)
    module = (case if n_hidden is None else cases.compress(case, n_hidden)).module()
    graph = cases.switches(module)
    x, others = (tm.Independent(2, 0.7, tm.features.SIGNED_UNIFORM).sample(jax.random.key(one), 50) for one in (1, 2))
    on, instead = jnp.ones(len(graph)), graph.values(others)
    np.testing.assert_allclose(graph.run(on, x, instead), module(x), atol=1e-5)
    np.testing.assert_allclose(graph.run(0 * on, x, instead), module(others), atol=1e-5)
    np.testing.assert_array_equal(graph.run(0.3 * on, x), graph.run(0.3 * on, x, 0 * instead))


@pytest.mark.parametrize("density", [0.1, 0.6])
def test_resampling_does_twice_what_the_mean_does(density):
    # each path of ReLU(x_i) carries x_i: E x² = p/3, Var x = p/3 - p²/4, and 2 Var x for the difference of two samples
    x = tm.Independent(3, density).sample(KEY, 2**16)
    graph = cases.switches(cases.dedicated(3).module())
    variance = density / 3 - density**2 / 4
    wanted = {"zero": density / 3, "mean": variance, "resample": 2 * variance}
    claims = {
        "zero": edges.zero_ablation(graph, x),
        "mean": edges.mean_ablation(graph, x),
        "resample": edges.resample_ablation(graph, x, KEY),
    }
    for name, claim in claims.items():
        squares = np.square(np.asarray(claim.sizes))
        assert (squares > 1e-6).sum() == 6  # x_i to h_i, and from there to y_i
        # the standard error of the mean of x² is below sqrt(p/5)/256 = .0006 at p = .1, of 6 edges on 3 features
        np.testing.assert_allclose(squares[squares > 1e-6], wanted[name], rtol=0.05, err_msg=name)


def test_what_is_constant_does_everything_or_nothing():
    """The ablation is part of a technique's name."""
    graph, always = cases.switches(cases.gate("and").module()), jnp.ones((2, 40))
    assert edges.zero_ablation(graph, always).sizes.tolist() == [1, 1, 0, 0, 1]
    assert not np.any(edges.mean_ablation(graph, always).sizes)
    assert not np.any(edges.resample_ablation(graph, always, KEY).sizes)
    assert not np.any(circuits.ACDC(0.01, ablations.resample)(graph, always, KEY).sizes)
    assert (np.asarray(circuits.ACDC(0.01)(graph, always, KEY).sizes) > 0).tolist() == [True, True, False, False, True]


@pytest.mark.parametrize("steps", [1, 4])
def test_integrated_gradients_are_wrong_by_at_most_half_a_step_at_a_kink(steps):
    module = cases.polygon(5).module()
    graph = cases.switches(module)
    x = jnp.zeros((5, 1)).at[2].set(0.6)
    square, bias = float((module.W[...] ** 2).sum() / 5), float(module.b[...][0])
    received = square * 0.6  # so little that its neighbours, at cos 72°, are off
    there = ablations.Replaced(jnp.zeros_like(x), graph.values(jnp.zeros_like(x)))
    feature = graph.leaving(2)[None]
    middles = (np.arange(steps) + 0.5) / steps
    got = float(edges.attributed(graph, x, there, middles, feature)[0])
    assert got == pytest.approx(received * (received * middles + bias > 0).mean(), rel=1e-5)
    assert abs(got - (received + bias)) <= received / (2 * steps) + 1e-6
    assert not np.any(patching.denoising_attribution(graph, x).sizes)  # every ReLU is off where no feature is on
    overstated = patching.noising_attribution(graph, x).sizes[2] / patching.noising(graph, x).sizes[2] - 1
    assert float(overstated) == pytest.approx(-bias / (received + bias), rel=1e-5)


def test_integrated_gradients_share_what_attribution_misses():
    # at (1, 0) the slope of OR's neuron is -1 up to the end; at (1, 1) on half of the way: (1 + 1/4)/4 of squares 1
    graph = cases.switches(cases.gate("or").module())
    got = edges.IntegratedAttribution(8)(graph, GATE_INPUTS, KEY).sizes
    np.testing.assert_allclose(got, [np.sqrt(5) / 4, np.sqrt(5) / 4, 0, 0, 1 / 2], atol=1e-6)


def test_attribution_towards_other_samples_is_resampling_where_outputs_are_linear():
    graph = cases.switches(cases.dedicated(4).module())
    x = tm.Independent(4, 0.3).sample(KEY, 200)
    cut, slopes = (
        technique(graph, x, jax.random.key(5)).sizes
        for technique in (edges.resample_ablation, edges.resample_attribution)
    )
    # slopes are those of ReLUs that are on: what they do where they were off is missed
    on = np.asarray(x) > 0
    others = np.asarray(ablations.resample(graph, x, jax.random.key(5)).samples)
    np.testing.assert_allclose(slopes[0], np.sqrt((on[0] * (x[0] - others[0]) ** 2).mean()), rtol=1e-5)
    np.testing.assert_allclose(cut[0], np.sqrt(((x[0] - others[0]) ** 2).mean()), rtol=1e-5)


SMALL = {"and": cases.gate("and"), "or": cases.gate("or"), "absolute value": cases.absolute_value(2, 0.5)}


@pytest.mark.parametrize(
    ("name", "ablation"),
    [("and", ablations.zero), ("or", ablations.mean), ("absolute value", ablations.resample)],
)
def test_circuits_are_found(name, ablation):
    case = SMALL[name]
    module, x = case.module(), case.task.features.sample(KEY, 256)
    true = np.asarray(cases.true_effects(module, x)) > 1e-6
    graph = cases.switches(module)
    for technique in (circuits.ACDC(1e-3, ablation), circuits.EdgeMask(1e-3, 200, 0.1, ablation)):
        claimed = np.asarray(technique(graph, x, KEY).sizes)
        np.testing.assert_array_equal(claimed > 0, true, err_msg=type(technique).__name__)


def test_a_compiled_search_is_the_search():
    """XLA made something else of a product with zeros that is added to another one, once the whole was compiled."""
    case = cases.tight_frame(8, 4)
    graph = cases.switches(case.module())
    x = case.task.features.sample(KEY, 2_048)
    for ablation in (ablations.zero, ablations.mean, ablations.resample):
        search = circuits.ACDC(1e-3, ablation)
        compiled = jax.jit(lambda x, search=search: search(graph, x, KEY).sizes)(x)
        np.testing.assert_allclose(compiled, search(graph, x, KEY).sizes, atol=1e-5)


def test_a_mask_ends_where_its_penalty_says():
    double = cases.layered((["y"], np.array([[2.0, 0.2]]), [0.0], "identity"), features=["a", "b"])
    graph = cases.switches(cases.Circuit(double)(rngs=nnx.Rngs(0)))
    x = jnp.array([[1.0, -1, 1, -1], [1.0, 1, -1, -1]])  # uncorrelated, of square 1: effects 2 and .2
    for penalty in (0.2, 0.03):
        share = np.asarray(circuits.EdgeMask(penalty, 1_500)(graph, x, KEY).sizes)
        wanted = 1 - penalty / (2 * np.array([2.0, 0.2]) ** 2)
        np.testing.assert_allclose(share, np.where(wanted > 0.5, wanted, 0), atol=2e-3)


def test_of_two_paths_that_do_the_same_one_is_kept():
    case = cases.two_paths()
    graph, x = cases.switches(case.module()), jnp.array([[0.0, 1.0]])
    paths = [np.flatnonzero((graph.sources == a) & (graph.targets == 3))[0] for a in (1, 2)]
    for technique in (circuits.ACDC(0.01), circuits.ACDC(0.49), circuits.EdgeMask(0.01)):
        kept = np.asarray(technique(graph, x, KEY).sizes) > 0
        assert kept[paths].sum() == 1, technique
    # the effects of a₁, a₂, and both; their root mean square over x = 0 and 1
    single = np.asarray(cases.effects_of_patches(graph, x))[1:3]
    joint = float(cases.effects_of_patches(graph, x, [[1, 2]])[0])
    np.testing.assert_allclose([*single, joint], [0, 0, np.sqrt(0.5)], atol=1e-6)
    np.testing.assert_allclose(patching.shapley(graph, x, [1, 2]), [joint / 2] * 2, atol=1e-6)


@pytest.mark.parametrize(("kind", "noised", "denoised"), [("and", 1, 0), ("or", 0, 1)])
def test_noising_finds_and_denoising_finds_or(kind, noised, denoised):
    graph = cases.switches(cases.gate(kind).module())
    np.testing.assert_allclose(patching.noising(graph, BOTH_ON).sizes, [noised, noised, 1], atol=1e-6)
    np.testing.assert_allclose(patching.denoising(graph, BOTH_ON).sizes, [denoised, denoised, 1], atol=1e-6)
    np.testing.assert_allclose(patching.path_patching(graph, BOTH_ON).sizes, [0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(patching.shapley(graph, BOTH_ON, [0, 1]), [0.5, 0.5], atol=1e-6)


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_backup_hides_what_a_neuron_does_from_noising_and_not_from_path_patching(beta):
    graph, x = cases.switches(cases.backup(beta).module()), jnp.array([[0.3, 0.0, 0.9]])
    size = float(root_mean_square(x))
    assert float(patching.noising(graph, x).sizes[1]) == pytest.approx((1 - beta) * size, abs=1e-6)
    assert float(patching.path_patching(graph, x).sizes[1]) == pytest.approx(size, abs=1e-6)
    assert float(cases.effects_of_patches(graph, x, [[1, 2]])[0]) == pytest.approx(size, abs=1e-6)


def test_vertices_are_scored_against_the_circuit_that_was_compressed():
    case = cases.backup(0.3)
    x = case.task.features.sample(KEY, 256)
    assert float(Scored(patching.path_patching)(case.module(), x, KEY)[0]) == pytest.approx(1, abs=1e-5)
    module = cases.compress(case, 2).module()
    for technique, told in ((patching.noising, {}), (patching.path_patching, {"direct": True})):
        here, there = technique(cases.switches(module), x), technique(cases.uncompressed(module), x)
        true = cases.effects_of_patches(cases.uncompressed(module), x, **told)
        np.testing.assert_array_equal(there.sizes, true)
        assert float(score_of(here, cases.truth(module), x, effects=true).score) < 0.999


def test_an_alignment_search_finds_features_that_have_a_dimension_each():
    x = tm.Independent(3, 0.3).sample(KEY, 512)
    told = Scored(subspaces.AlignmentSearch(200, 0.05, 128))(cases.dedicated(3).module(), x, KEY)
    assert float(told[0]) > 0.99


def test_a_direction_that_is_half_silent_and_half_unread_has_the_whole_effect():
    """Makelov et al. 2023: h = (x, 0, x), y = 2 h₂ + h₃; along (cos θ, sin θ, 0) a patch has sin 2θ of the effect."""
    case = cases.dormant()
    module, x = case.module(), case.task.features.sample(KEY, 64)
    h, other = (module.activations(one)["hidden"] for one in (x, x[:, ::-1]))
    whole = module.decode(other) - module.decode(h)
    for angle in (0.0, 0.3, np.pi / 4, np.pi / 2):
        along = jnp.array([0.0, np.cos(angle), np.sin(angle), 0.0])
        changed = module.decode(subspaces.patched(h, other, along)) - module.decode(h)
        np.testing.assert_allclose(changed, np.sin(2 * angle) * whole, atol=1e-6)
    found = subspaces.AlignmentSearch()(cases.switches(module), h, x, module.decode, KEY).columns[:, 0]
    changed = module.decode(subspaces.patched(h, other, found)) - module.decode(h)
    np.testing.assert_allclose(changed, whole, atol=0.02)
    assert abs(found[2]) > 0.1  # it wakes the neuron that is never on


def explained_by_its_feature(square, bias, density, cosines, points=4_001):
    """Var E(y | x_i) / Var y of y = ReLU(square (x_i + Σ_j cos_j x_j) + bias), by sums over grids."""
    step = 4 / (points - 1)
    grid = np.arange(points) * step - 2
    chances = np.zeros(points)
    chances[points // 2] = 1
    for cosine in cosines:  # add a feature: off with 1 - p, else uniform from 0 to cosine
        width = max(1, round(abs(cosine) / step * 8))
        moved = (
            sum(np.interp(grid - cosine * (place + 0.5) / width, grid, chances, 0, 0) for place in range(width)) / width
        )
        chances = (1 - density) * chances + density * moved
    values = (np.arange(400) + 0.5) / 400
    own = np.concatenate([[0.0], values])
    weights = np.concatenate([[1 - density], np.full(400, density / 400)])
    y = np.maximum(square * (own[:, None] + grid) + bias, 0)
    mean, second = y @ chances, y**2 @ chances
    total = weights @ second - (weights @ mean) ** 2
    return (weights @ mean**2 - (weights @ mean) ** 2) / total


def test_scrubbing_by_loss_cannot_see_superposition():
    case = cases.polygon(5)
    module, x = case.module(), case.task.features.sample(KEY, 2**16)
    got = scrubbing.causal_scrubbing(module, x, x, np.eye(5, dtype=bool), jax.random.key(1))
    cosines = [np.cos(2 * np.pi * turn / 5) for turn in (1, 2, 3, 4)]
    wanted = explained_by_its_feature(float((module.W[...] ** 2).sum() / 5), float(module.b[...][0]), 0.05, cosines)
    assert float(got.loss) == pytest.approx(1, abs=0.01)  # standard error, from other keys: .002
    assert float(got.outputs) == pytest.approx(wanted, abs=0.01)  # .003
    assert 0.85 < wanted < 0.95
    everything = scrubbing.causal_scrubbing(module, x, x, np.ones((5, 5), bool), KEY)
    nothing = scrubbing.causal_scrubbing(module, x, x, np.zeros((5, 5), bool), KEY)
    np.testing.assert_allclose([*everything, *nothing], [1, 1, 0, 0], atol=1e-5)
    others = scrubbing.causal_scrubbing(module, x, x, np.roll(np.eye(5, dtype=bool), 1, axis=0), KEY)
    assert float(others.outputs) < 0.1
    with pytest.raises(ValueError, match=r"depends of causal_scrubbing must have shape \(5, 5\)"):
        scrubbing.causal_scrubbing(module, x, x, np.eye(4, dtype=bool), KEY)


def test_a_search_keeps_as_many_edges_of_a_model_that_learned_nothing():
    """How many edges are kept is not evidence of a circuit: as many are of an untrained model."""
    x = tm.Independent(6, 0.1).sample(KEY, 1_024)
    untrained, tight = (case.module() for case in (cases.trained(6, 3, recipe=cases.EXACT), cases.tight_frame(6, 3)))
    kept = [(circuits.ACDC(1e-4)(cases.switches(module), x, KEY).sizes > 0).mean() for module in (untrained, tight)]
    assert float(kept[0]) > 0.8 * float(kept[1]) > 0.4


def test_edges_that_are_not_there_do_something_in_superposition():
    levels = cases.compress(cases.absolute_value(2, 0.5), 6).over(n_hidden=[6, 2])
    card = score({"ACDC": circuits.ACDC(1e-3)}, {"it": levels}, seed=range(2), samples=256, progress=False)
    for name in ("score", "auroc", "precision", "recall"):
        assert float(card[name].isel(level=0).min()) == pytest.approx(1, abs=1e-5)
        assert float(card[name].isel(level=1).max()) < 0.8


def test_the_ands_of_all_pairs_lose_no_edge_to_a_search_and_have_no_kink_in_the_way():
    """A neuron is ReLU(c - 1) of the count c of its features that are on. To cut one takes 1 from it if c is 2 or more,
    and nothing else: so slopes are right. A neuron of one feature is never on."""
    case = cases.all_ands(5, 40, 0.3, density=0.3)
    module, x = case.module(), np.asarray(case.task.features.sample(KEY, 256))
    held, read = np.asarray(module.layers[0].W), np.asarray(module.layers[1].W)[:, 5:]
    count = held @ x
    cut = np.sqrt((held[:, :, None] * x[None] * (count >= 2)[:, None]).mean(-1) * np.square(read).sum(0)[:, None])
    unread = np.zeros((10, 5))  # outputs do not read features
    through = read * np.sqrt(np.square(np.maximum(count - 1, 0)).mean(-1))
    true = np.concatenate([cut.ravel(), np.hstack([unread, through]).ravel()])
    for technique in (edges.zero_ablation, edges.attribution):
        np.testing.assert_allclose(technique(cases.switches(module), jnp.asarray(x)).sizes, true, atol=1e-5)
    assert (held.sum(1) == 1).any()
    assert (true > 0).sum() == (held.sum(1) >= 2) @ held.sum(1) + (read > 0).sum() < len(case.graph().edges)

    tried = {"zero ablation": edges.zero_ablation, "ACDC": circuits.ACDC(1e-4), "mask": circuits.EdgeMask(1e-4, 100)}
    card = score(tried, {"ands": case}, seed=[0], samples=256, progress=False).squeeze()
    for name in ("auroc", "precision", "recall"):  # each of many neurons that say the same is missed
        np.testing.assert_allclose(card[name], 1, atol=1e-6)
    np.testing.assert_allclose(card.score[:2], 1, atol=1e-3)
    assert card.score.sel(technique="mask") < 0.9  # shares, which say little of how much an edge does


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: circuits.ACDC(-1.0), "threshold of ACDC"),
        (lambda: circuits.EdgeMask(steps=0), "steps of EdgeMask"),
        (lambda: edges.IntegratedAttribution(0), "steps of IntegratedAttribution"),
        (lambda: subspaces.AlignmentSearch(batch_size=0), "batch_size of AlignmentSearch"),
        (
            lambda: patching.shapley(cases.switches(cases.dedicated(8).module()), jnp.ones((8, 1)), range(13)),
            "at most 12",
        ),
    ],
)
def test_bad_settings_are_refused(made, message):
    with pytest.raises(ValueError, match=message):
        made()
