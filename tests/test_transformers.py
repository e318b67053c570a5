"""Small transformers against numpy, sequences against what they promise, and heads against each other's parts."""

from itertools import product

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels import cases
from toymodels.analysis import heads
from toymodels.models.modules import param_state

KEY = jax.random.key(3)
TOKENS = np.array([[2, 0, 4], [1, 1, 3], [2, 0, 3], [1, 4, 4]])


def in_numpy(params, tokens, n_layers):
    """Logits of one sequence, position by position and head by head."""
    h = params["E"][:, tokens] + params["P"][:, : len(tokens)]
    for layer in range(1, n_layers + 1):
        Q, K, V, out = (params[f"{name}{layer}"] for name in "QKVO")
        added = np.zeros_like(h)
        for head, here in product(range(len(Q)), range(len(tokens))):
            scores = (K[head] @ h[:, : here + 1]).T @ (Q[head] @ h[:, here]) / np.sqrt(Q.shape[1])
            weights = np.exp(scores - scores.max())
            added[:, here] += out[head] @ V[head] @ h[:, : here + 1] @ (weights / weights.sum())
        h = h + added
        if f"b{layer}" in params:
            before = params[f"W_in{layer}"] @ h + params[f"b{layer}"][:, None]
            h = h + params[f"W_out{layer}"] @ np.maximum(before, 0)
    return params["U"] @ h


@pytest.mark.parametrize(
    "model", [tm.Transformer(5, 4, 6, 2, 2, 3, d_mlp=7), tm.Transformer(5, 6, 3, 1, 1, 2)], ids=str
)
def test_logits_are_those_of_the_formula(model: tm.Transformer):
    random = np.random.default_rng(0)
    fresh = jax.eval_shape(lambda: param_state(model(rngs=nnx.Rngs(0))))
    params = {name: random.normal(size=one.shape) for name, one in fresh.items()}
    named = tm.module_with(model, params).activations(jnp.asarray(TOKENS))
    wanted = np.stack([in_numpy(params, sequence, model.n_layers) for sequence in TOKENS.T], axis=-1)
    np.testing.assert_allclose(named["prediction"], wanted, rtol=1e-4, atol=1e-4)
    for layer in range(1, model.n_layers + 1):
        assert named[f"pattern{layer}"].shape == (model.n_heads, 4, 4, 3)
        np.testing.assert_allclose(named[f"pattern{layer}"].sum(2), 1, rtol=1e-6)


def test_what_heads_add_to_logits_adds_up():
    model = tm.Transformer(5, 4, 6, 1, 2, 3)
    module = model(rngs=nnx.Rngs(1))
    named = module.activations(jnp.asarray(TOKENS))
    direct = module.logits(module.E[...][:, TOKENS] + module.P[...][:, :, None])
    parts = sum(module.logits(one) for one in named["heads1"])
    np.testing.assert_allclose(direct + parts, named["prediction"], atol=1e-5)
    # At the first position, a head has only one token to look at.
    first = (
        module.copied(1)[:, :, TOKENS[0]]
        + jnp.einsum("vm,nmd,nde,e->nv", module.U[...], module.O1[...], module.V1[...], module.P[...][:, 0])[:, :, None]
    )
    for head in range(2):
        np.testing.assert_allclose(first[head], module.logits(named["heads1"][head])[:, 0], atol=1e-5)


def test_sequences_repeat_with_a_period_of_their_own():
    features = tm.RepeatedSequences(vocabulary=9, length=11, shortest=3, longest=7)
    x = features.sample(KEY, 400)
    tokens, label = np.asarray(x.input), np.asarray(x.label)
    assert (tokens.shape, label.shape) == ((11, 400), (4, 400))
    periods = set()
    for sequence, following in zip(tokens.T, label.T, strict=True):
        period = next(one for one in range(1, 12) if (sequence[one:] == sequence[: 11 - one]).all())
        periods.add(period)
        assert len(set(sequence[:period])) == period
        np.testing.assert_array_equal(following, [sequence[(place + 1) % period] for place in range(7, 11)])
    assert periods == {3, 4, 5, 6, 7}
    assert set(tokens.ravel()) == set(range(9))


def test_one_token_of_a_skip_trigram_does_not_tell_the_answer():
    features = tm.SkipTrigrams(n_keys=4, n_queries=3, n_others=2, length=5)
    x = features.sample(KEY, 4_000)
    tokens, answer = np.asarray(x.input), np.asarray(x.label)[0] - 7
    assert features.vocabulary == 13
    query = tokens[-1] - 4
    assert set(query) == {0, 1, 2}
    key = tokens[:-1].min(0)  # others are numbered from 11
    np.testing.assert_array_equal(answer, key ^ query)
    assert set((tokens[:-1] == key).sum(0)) == {1, 2, 3}
    assert set(tokens[:-1][tokens[:-1] != key]) == {11, 12}
    # With a query alone every answer is as likely: .25, with a standard error of .012.
    for one in range(3):
        np.testing.assert_allclose(np.bincount(answer[query == one]) / (query == one).sum(), 0.25, atol=0.05)
    coherent = tm.SkipTrigrams(n_keys=4, n_queries=3, n_others=2, length=5, shift=0).sample(KEY, 50)
    np.testing.assert_array_equal(coherent.label[0] - 7, coherent.input[:-1].min(0))


def test_scores_of_heads():
    tokens = jnp.array([[0, 2], [1, 1], [0, 0], [1, 1]])  # a b a b, and c b a b
    nowhere = jnp.zeros((1, 4, 4, 2))
    one_before = nowhere + jnp.eye(4, k=-1)[None, :, :, None]
    np.testing.assert_allclose(heads.previous_token(one_before), [1])
    np.testing.assert_allclose(heads.previous_token(nowhere.at[0, 1, 0].set(1.0)), [1 / 3])
    # At three places a token stood before: 2 and 3 of the first sequence, 3 of the second.
    looks = nowhere.at[0, 2, 1, 0].set(1.0).at[0, 3, 2].set(0.25).at[0, 3, 0].set(0.75)
    np.testing.assert_allclose(heads.prefix_matching(looks, tokens), [(1 + 0.25 + 0.25) / 3])
    np.testing.assert_allclose(heads.prefix_matching(looks[:, -1:], tokens), [0.25])
    np.testing.assert_allclose(heads.copying(jnp.array([[[1.0, 2, 0], [0, 1, 0], [0, 0, 1]]])), [2 / 3])


def test_three_trigrams_per_key_are_held_by_two_heads():
    sharpness, case = 6.0, cases.skip_trigrams(8, 6, 6.0)
    module, x = case.module(), case.task.features.sample(KEY, 2_000)
    named = module.activations(x.input)
    last, query = named["prediction"][:, -1], np.asarray(x.input)[-1] - 8
    V, s = case.task.features.vocabulary, sharpness
    exact = (
        np.log(1 + np.exp(-2 * s) + np.exp(-2 * s / 3) + (V - 3) * np.exp(-s)),
        np.log1p((V - 1) * np.exp(-2 * s / 3)),
    )
    losses = np.asarray(tm.cross_entropy_at_end(named["prediction"], x.label))[0]
    # Attention leaks at most 6 exp(-6) = .015, and so do logits of 6.
    np.testing.assert_allclose([losses[query == one].mean() for one in range(3)], [*exact[:1] * 2, exact[1]], rtol=0.15)
    own = np.asarray(module.logits(named["heads1"][:, :, -1].transpose(1, 0, 2)))  # (vocabulary, head, sample)
    np.testing.assert_allclose(own.sum(1), last, atol=1e-4)
    answers = own[11:19].argmax(0)  # of each head
    key = (np.asarray(x.label)[0] - 11) ^ query
    third = query == 2
    np.testing.assert_array_equal(answers[:, third], np.stack([key, key ^ 1])[:, third])
    np.testing.assert_array_equal(np.asarray(last)[11:19].argmax(0), key ^ query)
    looks = np.asarray(named["pattern1"])[:, -1] * (np.asarray(x.input) == key)
    np.testing.assert_allclose(looks.sum(1)[:, third].min(), 1, atol=0.02)


def test_a_head_that_looks_all_or_not_at_all_cannot_hold_incoherent_trigrams():
    """Where it looks, logits are v_i + E_j: over a pair of keys that two queries swap, what is right for one is wrong
    for the other. So the best share of four is three, whatever the weights."""
    random = np.random.default_rng(0)
    v, E = random.normal(size=(2, 2, 20_000)), random.normal(size=(2, 2, 20_000))  # (key or query, answer, draw)
    right = [(v[i] + E[j]).argmax(0) == (i ^ j) for i, j in product(range(2), range(2))]
    assert set(np.sum(right, axis=0)) == {1, 2, 3}


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (lambda: tm.Transformer(5, 4, n_layers=0), "n_layers of Transformer must be an integer of at least 1. Got 0."),
        (lambda: tm.Transformer(5, 4, d_mlp=-1), "d_mlp of Transformer must be an integer of at least 0. Got -1."),
        (lambda: tm.RepeatedSequences(8, 8, 4, 8), "length of RepeatedSequences must be an integer of at least 9"),
        (lambda: tm.RepeatedSequences(6, 9, 3, 8), "vocabulary of RepeatedSequences must be an integer of at least 8"),
        (lambda: tm.SkipTrigrams(n_keys=6), "n_keys of SkipTrigrams must be a power of 2. Got 6."),
        (lambda: tm.SkipTrigrams(4, 5), "n_queries of SkipTrigrams must be at most n_keys, 4. Got 5."),
        (lambda: tm.SkipTrigrams(shift=0.5), "shift of SkipTrigrams must be 0 or 1. Got 0.5."),
        (lambda: cases.skip_trigrams(2), "n_keys of skip_trigrams must be at least 4"),
        (
            lambda: tm.cross_entropy_at_end(jnp.zeros((3, 2, 5)), jnp.zeros((4, 5), int)),
            "cross_entropy_at_end needs logits",
        ),
        (
            lambda: tm.Transformer(5, 3, 4, 1)(rngs=nnx.Rngs(0))(jnp.asarray(TOKENS)),
            "A Transformer of length 3 was given 4 tokens.",
        ),
    ],
)
def test_what_does_not_fit_is_refused(made, message: str):
    with pytest.raises(ValueError, match=message):
        made()
