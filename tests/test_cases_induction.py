"""The induction head says what comes next, and fails as its dimensions get fewer."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import toymodels as tm
from toymodels import cases
from toymodels.models import module_with
from toymodels.models.modules import param_state
from toymodels.techniques import Directions, Effects, ablations, attribution, circuits, edges, patching, probes, score
from toymodels.techniques.ceilings import observable_cosine
from toymodels.techniques.scored import NUMBERS, AllScored


def accuracy(prediction, x):
    """How often the largest logit is that of the token that comes next."""
    return (prediction.argmax(0) == x.label).mean()


def drawn(case: cases.Case, count: int) -> tm.Labelled:
    """Samples of its features."""
    return jax.jit(case.task.features.sample, static_argnums=1)(jax.random.key(5), count)


@pytest.mark.parametrize(("vocabulary", "length"), [(16, 17), (5, 12), (30, 9), (3, 3)])
def test_sequences_go_on_as_they_did_before(vocabulary: int, length: int):
    x = drawn(cases.induction(vocabulary, length), 300)
    tokens, following = np.asarray(x.input), np.asarray(x.label)
    assert tokens.shape == (length, 300)
    assert (tokens.min(), tokens.max()) == (0, vocabulary - 1)
    for sequence, label in zip(tokens.T, following, strict=True):
        *earlier, last = sequence.tolist()
        assert last in earlier[1:]
        assert {sequence[place + 1] for place in range(length - 1) if sequence[place] == last} == {label}


@pytest.mark.parametrize(("vocabulary", "length"), [(16, 17), (5, 12)])
def test_with_a_dimension_for_each_name_it_is_always_right(vocabulary: int, length: int):
    case = cases.induction(vocabulary, length)
    module, x = case.module(), drawn(case, 2000)
    named = jax.jit(module.activations)(x.input)
    assert accuracy(named["prediction"], x) == 1
    attention = np.asarray(named["previous"])
    assert attention[np.arange(1, length), np.arange(length - 1)].min() > 0.999
    assert (attention[~np.tri(length, dtype=bool)] == 0).all()
    last, before = np.asarray(x.input)[-1], np.asarray(x.input)[:-1]
    on_what_followed = (np.asarray(named["induction"])[1:] * (before == last)).sum(0)
    assert on_what_followed.min() > 0.99  # e^10 against at most 16 others


@pytest.mark.slow
def test_it_stands_some_superposition_and_then_degrades():
    case = cases.induction()
    results = tm.sweep(
        case.model,
        case.task,
        tm.Recipe(steps=0, batch_size=2048, evaluation_samples=2048),
        over={"n_hidden": [40, 20], "seed": [0, 1]},
        metrics=[accuracy],
        progress=False,
    )
    # Standard errors of these shares are below .008.
    assert results.accuracy.sel(n_hidden=40).min() > 0.99
    assert results.accuracy.sel(n_hidden=20).max() < 0.85


def test_compress_makes_levels_of_it_and_decode_goes_on_from_hidden():
    case = cases.compress(cases.induction(6, 7), 12)
    module, tokens = case.module(seed=1), drawn(case, 4).input
    assert cases.truth(module).directions.shape == (12, 2 * 6 + 7)
    named = jax.jit(module.activations)(tokens)
    np.testing.assert_allclose(jax.jit(module.decode)(named["hidden"]), named["prediction"], rtol=1e-5)
    np.testing.assert_allclose(jax.jit(module)(tokens), named["prediction"], rtol=1e-5)
    with pytest.raises(ValueError, match=r"n_hidden of Induction must be at most 19, the number of named dimensions"):
        cases.compress(cases.induction(6, 7), 20)


def test_every_matrix_is_needed():
    case = cases.induction(8, 9)
    x, params = drawn(case, 500), param_state(case.module())
    right = jax.jit(lambda params: accuracy(module_with(case.model, params)(x.input), x))
    assert right(params) == 1
    for name in ("QK1", "OV1", "QK2", "OV2"):
        assert right({**params, name: 0 * params[name]}) < 0.6, name


def test_its_graph_is_written_and_drawn_but_not_run(tmp_path):
    graph = cases.induction().graph()
    cases.write_graph(graph, tmp_path)
    assert cases.read_graph(tmp_path) == graph
    with pytest.raises(ValueError, match=r"A Circuit computes identity and relu. 'previous token' of its graph is att"):
        cases.from_graph(graph)


@pytest.fixture(scope="module")
def head():
    """An induction head, its switches and samples for them."""
    case = cases.induction(5, 8)
    module, x = case.module(), drawn(case, 64)
    return module, cases.switches(module), x, module.one_hot(x.input)


USED = np.array([True, True, True, False, True, True, False, False, True])
"""Those of nine edges that its graph has."""


def test_with_all_edges_it_runs_as_it_is_also_in_superposition(head):
    _, graph, x, tokens = head
    assert [*zip(graph.sources, graph.targets, strict=True)].count((2, 3)) == 1
    for module in (head[0], cases.compress(cases.induction(5, 8), 12).module()):
        graph = cases.switches(module)
        np.testing.assert_allclose(graph.run(jnp.ones(9), tokens), module(x.input), rtol=1e-4, atol=1e-4)
        kept = graph.run(jnp.zeros(9), tokens, instead=graph.values(tokens))  # what is cut carries what it did
        np.testing.assert_allclose(kept, module(x.input), rtol=1e-4, atol=1e-4)
    whole = cases.uncompressed(module).run(jnp.ones(9), tokens)
    np.testing.assert_allclose(whole, head[0](x.input), rtol=1e-4, atol=1e-4)


def test_what_its_edges_do_is_known(head):
    module, graph, x, tokens = head
    graph_edges = {(edge.source, edge.target) for edge in module.graph.edges}
    np.testing.assert_array_equal(
        [ends in graph_edges for ends in zip(graph.sources, graph.targets, strict=True)], USED
    )
    true = np.asarray(cases.true_effects(module, tokens))
    np.testing.assert_array_equal(true > 1e-6, USED)
    logits = np.asarray(module(x.input))
    # Nothing to move, or nowhere to look: no logits. No previous tokens: it looks everywhere alike.
    everywhere = 10 * np.stack([(np.asarray(x.input) == one).mean(0) for one in range(5)])
    for edge, left in {5: 0 * logits, 8: 0 * logits, 2: everywhere, 4: everywhere}.items():
        np.testing.assert_allclose(true[edge], np.sqrt(((logits - left) ** 2).sum(0).mean()), rtol=1e-4)
    np.testing.assert_allclose(cases.effects(module, tokens)[1], true[1], rtol=1e-5)  # the same, in its graph's order


def test_techniques_look_for_its_circuit(head):
    module, graph, _, tokens = head
    true, key = np.asarray(cases.true_effects(module, tokens)), jax.random.key(0)
    for search in (circuits.ACDC(0.1), circuits.EdgeMask(0.1, 60)):
        np.testing.assert_array_equal(np.asarray(search(graph, tokens, key).sizes) > 0, USED)
    # Positions are the same in all samples: by mean and resample ablation they do nothing. Attention is saturated: by
    # its slope, they hardly do.
    for technique in (edges.mean_ablation(graph, tokens), edges.resample_ablation(graph, tokens, key)):
        assert float(technique.sizes[1]) < 1e-5 < 1 < true[1]
    resampled = circuits.ACDC(0.1, ablations.resample)(graph, tokens, key).sizes
    np.testing.assert_array_equal(np.asarray(resampled) > 0, USED & (np.arange(9) != 1))
    assert float(edges.attribution(graph, tokens).sizes[1]) < 0.05 * true[1]


def test_tokens_that_are_not_one_hot_are_refused(head):
    with pytest.raises(ValueError, match=r"must be one-hot tokens \(40, samples\), as of its `one_hot"):
        head[1].run(jnp.ones(9), head[2].input.astype(float))


def test_its_stream_holds_what_is_said(head):
    """Which token, which position, which token before: of each position of each sequence, as in `hidden`."""
    module, _, x, _ = head
    values, tokens = np.asarray(module.feature_values(x.input)), np.asarray(x.input)
    hidden = np.asarray(module.activations(x.input)["hidden"])
    assert values.shape == (2 * 5 + 8, 8 * 64)
    for position, sequence in ((0, 3), (1, 0), (7, 63)):
        wanted = np.zeros(18)
        wanted[[tokens[position, sequence], 5 + position, 13 + tokens[max(position - 1, 0), sequence]]] = 1
        np.testing.assert_array_equal(values[:, position * 64 + sequence], wanted)
        # the head looks elsewhere than at the position before by at most 7 exp(-10)
        np.testing.assert_allclose(hidden[:, position, sequence], wanted, atol=4e-4)


TRIED = {
    "zero ablation": edges.zero_ablation,
    "mean ablation": edges.mean_ablation,
    "noising": patching.noising,
    "own direction": probes.own_direction,
    "mean difference": probes.mean_difference,
    "read out": probes.read_out,
    "gradient × input": attribution.gradient_times_input,
}


def share_explained(claimed, true):
    """R² of lines that rise, in the mean over rows."""
    pairs = zip(np.atleast_2d(claimed), np.atleast_2d(true), strict=True)
    return np.mean([max(np.corrcoef(*pair)[0, 1], 0) ** 2 for pair in pairs])


def test_it_is_scored_by_its_edges_and_by_its_stream(head):
    module, tokens = cases.compress(cases.induction(5, 8), 12).module(seed=2), head[2].input
    graph, one_hot = cases.switches(module), module.one_hot(tokens)
    h, x = module.activations(tokens)["hidden"].reshape(12, -1), module.feature_values(tokens)
    means = np.stack([h[:, on].mean(1) - h[:, ~on].mean(1) for on in np.asarray(x) > 0], axis=1)
    directions = np.asarray(cases.truth(module).directions)
    aligned = (means * directions).sum(0) / np.linalg.norm(means, axis=0) / np.linalg.norm(directions, axis=0)
    apart = cases.uncompressed(module)
    wanted = {
        "zero ablation": share_explained(cases.effects_of_cuts(graph, one_hot), cases.effects_of_cuts(apart, one_hot)),
        "noising": share_explained(cases.effects_of_patches(graph, one_hot), cases.effects_of_patches(apart, one_hot)),
        "own direction": share_explained(directions.T @ h, x),
        "mean difference": aligned.mean(),
    }
    got = jax.jit(AllScored(tuple(TRIED.items())))(module, head[2], jax.random.key(0))
    for row, name in enumerate(TRIED):
        told = dict(zip(NUMBERS, np.asarray(got[row]).tolist(), strict=True))
        assert (told["n_features"], told["n_hidden"]) == (18, 12)
        assert told["applicable"] == (name not in ("read out", "gradient × input")), name
        if name in wanted:
            assert told["raw"] == pytest.approx(wanted[name], abs=2e-4), name
    assert got[0, NUMBERS.index("passes")] == 10  # nine edges, and the whole


def directions_from_edges(graph, x):
    return Directions(jnp.eye(18))


def effects_from_nothing(x):
    return Effects(jnp.arange(9.0))


def test_a_claim_of_what_was_not_seen_does_not_apply(head):
    """Nothing is known of hidden activations beside one-hot tokens, nor of edges beside the stream."""
    tried = AllScored((("directions", directions_from_edges), ("effects", effects_from_nothing)))
    told = jax.jit(tried)(head[0], head[2], jax.random.key(0))
    assert told[:, NUMBERS.index("applicable")].tolist() == [0, 0]
    assert np.isnan(told[:, NUMBERS.index("score")]).all()


def test_its_card_has_levels():
    """Edges are found where nothing is shared, but for one that carries the same in all samples."""
    tried = {name: TRIED[name] for name in ("zero ablation", "mean ablation", "mean difference")}
    levels = cases.compress(cases.induction(5, 8), 18).over(n_hidden=[18, 12])
    card = score(tried, {"head": levels}, seed=[3], samples=64, progress=False).squeeze()
    assert card.n_hidden.values.tolist() == [18, 12]
    assert card.features_per_dimension.values.tolist() == [1, 1.5]
    np.testing.assert_allclose(card.score.sel(technique="zero ablation")[0], 1, atol=1e-4)
    assert card.score.sel(technique="zero ablation")[1] < 0.99
    np.testing.assert_allclose(card.recall[:2, 0], [1, 5 / 6], rtol=1e-6)
    assert card.identifiable.values.tolist() == [[True, True], [True, True], [False, False]]


def test_what_can_be_known_of_its_directions(head):
    """Tokens, positions and previous tokens each add up to 1, so that two combinations of their values are always 0."""
    module, _, x, _ = head
    always = np.array([[1] * 5 + [-1] * 8 + [0] * 5, [1] * 5 + [0] * 8 + [-1] * 5])
    hidden = np.linalg.qr(always.T)[0]
    wanted = np.sqrt(1 - np.square(hidden).sum(1)).mean()
    assert float(observable_cosine(module, x)) == pytest.approx(wanted, abs=1e-4)


class Names(tm.models.transformer.TransformerModule):
    """Directions, but no word of what its tokens mean."""

    @property
    def directions(self):
        return self.E[...]

    def activations(self, tokens):
        return {"hidden": self.E[...][:, tokens], **super().activations(tokens)}


def test_models_of_tokens_whose_truth_is_not_known_are_refused(nothing_compiled):
    trigrams = cases.skip_trigrams()
    trained = cases.Case(trigrams.model, trigrams.task, tm.Recipe(steps=5))
    for case in (trigrams, trained):
        with pytest.raises(ValueError, match=r"truth of a TransformerModule is not known. Give it a property `directi"):
            score(TRIED, {"it": case}, seed=[0], samples=64, progress=False)
    mine = cases.Case(lambda rngs: Names(trigrams.model, rngs=rngs), trigrams.task)
    with pytest.raises(ValueError, match=r"samples of a Names must be the values of its features \(.*`feature_values"):
        score(TRIED, {"it": mine}, seed=[0], samples=64, progress=False)
