"""Sparse and logistic probes, erasure and steering: what theory says, and controls that fail."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

import toymodels as tm
from toymodels import cases
from toymodels.features import SIGNED_UNIFORM, Independent
from toymodels.techniques import Steered, baselines, edits, probes, score, score_of, steering, try_on
from toymodels.techniques.scores.edits import _probe_r2
from toymodels.theory import erasure, probing

X = Independent(7, 0.3).sample(jax.random.key(3), 900)
FRAME = cases.frames.random(jax.random.key(4), (5, 7))
H = FRAME @ X


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_a_sparse_probe_is_the_best_of_all_sets_of_neurons(k):
    h, x = (np.asarray(one, dtype=float) - np.asarray(one, dtype=float).mean(-1, keepdims=True) for one in (H, X))
    best = np.zeros_like(x)
    for chosen in map(list, itertools.combinations(range(5), k)):
        fit = np.linalg.lstsq(h[chosen].T, x.T, rcond=None)[0].T @ h[chosen]
        better = ((fit - x) ** 2).sum(-1) < ((best - x) ** 2).sum(-1)
        best[better] = fit[better]
    np.testing.assert_allclose(probes.SparseProbe(k)(H, X).rows, best, atol=2e-5)


def test_a_sparse_probe_has_the_r_squared_of_theory():
    case = cases.random_frame(9, 6)
    exact = probing.sparse_probe_r2(np.asarray(case.module().W[...], dtype=float), np.eye(9), 2)
    assert float(try_on(probes.SparseProbe(2), case, samples=100_000).raw) == pytest.approx(exact.mean(), rel=0.02)


def test_equal_neurons_are_not_taken_for_two():
    twice = jnp.concatenate([X[:1], X[:1], X[1:2]])
    rows = probes.SparseProbe(3)(twice, X).rows
    np.testing.assert_allclose(rows[0], X[0] - X[0].mean(), atol=1e-5)
    assert np.isfinite(rows).all()


def test_a_sparse_probe_says_where_there_are_too_many_sets():
    card = score({"it": probes.SparseProbe(8)}, {"wide": cases.dedicated(30)}, seed=[0], samples=64, progress=False)
    assert not card.applicable.any()


def test_a_logistic_probe_finds_the_direction_of_a_label():
    pytest.importorskip("sklearn")
    x = np.asarray(Independent(4, 0.2).sample(jax.random.key(0), 4_000)).copy()
    x[3] = 0  # never on
    claim = baselines.logistic_probe(x[[2, 0, 1]], x)
    cosines = probing.column_cosines(claim.columns[:, :3], np.eye(3)[[2, 0, 1]])
    assert cosines.min() > 0.99
    assert not claim.columns[:, 3].any()
    assert ((claim.activations[:3] > 0.5) == (x[:3] > 0)).mean() > 0.95
    elsewhere = baselines.logistic_probe(x[[2, 0, 1]], np.roll(x, 1, axis=1))
    assert elsewhere.activations[:3].std(-1).max() < 0.05  # of permuted labels it can say nothing


def r_squared_after(edit, h, x):
    return np.asarray(_probe_r2(edit(h, x).hidden, x, jnp.square(h).sum()))


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_projections_cost_what_theory_says(steps):
    # moments of the samples themselves, so that nothing is random
    covariance = np.cov(np.asarray(X, dtype=float))
    exact = erasure.projected_r2(np.asarray(FRAME, dtype=float), covariance, steps)
    got = r_squared_after(edits.NullspaceProjection(steps, above=0.0), H, X)
    np.testing.assert_allclose(got, exact, atol=2e-3)


def test_leace_costs_what_theory_says():
    exact = erasure.erased_r2(np.asarray(FRAME, dtype=float), np.cov(np.asarray(X, dtype=float)))
    np.testing.assert_allclose(r_squared_after(edits.erasure, H, X), exact, atol=2e-3)


def test_leace_of_theory_is_that_of_the_projection():
    W, V = np.asarray(FRAME, dtype=float), np.diag(np.arange(1.0, 8))
    for i, row in enumerate(erasure.erased_r2(W, V)):
        c = W @ V[:, i]
        w = np.linalg.solve(W @ V @ W.T, c)
        np.testing.assert_allclose(row, probing.probe_r2(W - np.outer(c, w @ W) / (w @ c), V), atol=1e-9)


def test_one_projection_is_enough_in_a_pentagon_and_a_second_one_destroys_it():
    pentagon = cases.polygon(5, 0.1)
    stops, goes_on = (
        try_on(edits.NullspaceProjection(steps), pentagon) if steps == 8 else try_on(edit, pentagon)
        for steps, edit in ((8, None), (2, edits.NullspaceProjection(2, above=0.0)))
    )
    assert float(stops.erased) > 0.99
    assert float(stops.lost) == pytest.approx(3 / 8, abs=0.02)
    assert float(goes_on.erased) == float(goes_on.lost) == pytest.approx(1, abs=1e-3)
    assert float(goes_on.score) == pytest.approx(0, abs=1e-3)


def test_labels_of_signed_values_are_left_to_a_reader_of_absolute_values():
    signed = cases.Case(
        tm.Autoencoder(4, 4, initializer=cases.frames.axes), tm.Task(Independent(4, 0.1, SIGNED_UNIFORM))
    )
    kept = try_on(edits.label_erasure, signed, samples=50_000)
    # E|x| = 1/2 and E x² = 1/3 of a value that is on: label_share(.1) = .730
    assert float(kept.left) == pytest.approx(float(probing.label_share(np.array(0.1))), abs=0.01)
    assert float(kept.erased) < 0.01
    gone = try_on(edits.label_erasure, cases.random_frame(12, 6), samples=50_000)
    assert float(gone.erased) > 0.99
    assert float(gone.left) < 0.01


def in_all(columns):
    """The same in each of three samples."""
    return jnp.tile(columns.T[:, :, None], (1, 1, 3))


def pentagon_steered(hidden):
    module = cases.polygon(5).module()
    x = jnp.zeros((5, 3))
    return score_of(
        Steered(hidden(module.W[...])),
        cases.truth(module),
        x,
        h=module.W[...] @ x,
        forward=module.decode,
        changes=cases.true_changes(module, x),
    )


@pytest.mark.parametrize("dose", [0.4, 0.6, 1.0, 2.0])
def test_steering_of_a_pentagon_is_clean_up_to_a_dose(dose):
    module = cases.polygon(5).module()
    square, bias = float((module.W[...] ** 2).sum(0)[0]), -float(module.b[...][0])
    got = pentagon_steered(lambda W: dose * in_all(W))
    own, next_one = square * dose - bias, max(square * dose * np.cos(2 * np.pi / 5) - bias, 0)
    assert float(got.raw) == pytest.approx(own / np.hypot(own, np.sqrt(2) * next_one), abs=1e-5)
    assert float(got.gain) == pytest.approx(own, rel=1e-4)
    clean = bias / (square * np.cos(2 * np.pi / 5))  # .617 for a trained pentagon
    assert (dose < clean) == (float(got.raw) > 1 - 1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda W: 0 * in_all(W),
        lambda W: -in_all(W),
        lambda W: in_all(jnp.roll(W, 1, axis=1)),
        lambda W: in_all(jnp.tile(W[:, :1], (1, 5))),
    ],
    ids=["nothing", "flipped", "permuted", "the same"],
)
def test_wrong_steering_scores_no_more_than_chance(wrong):
    assert float(pentagon_steered(wrong).score) < 0.1


def test_what_a_feature_does_is_what_its_circuit_computes():
    module = cases.compress(cases.absolute_value(2), 5).module()
    x = jnp.array([[-3.0, 0.5], [0.0, 2.0]])
    np.testing.assert_allclose(
        cases.true_changes(module, x), [[[-1, 1], [0, 0]], [[0, 0], [1, 1]]], atol=1e-5
    )  # |x + 1| - |x|
    with pytest.raises(ValueError, match="What features do in a InductionModule is not known"):
        cases.true_changes(cases.induction(4, 5).module(), jnp.zeros((5, 2)))


class Plain(nnx.Module):
    """A module of which is not known what its features do."""

    def __init__(self, *, rngs: nnx.Rngs):
        self.W = nnx.Param(jnp.eye(4))

    def encode(self, x):
        return self.W[...] @ x

    def decode(self, h):
        return h


def test_steering_applies_where_it_is_known_what_features_do():
    tried = {"known": cases.dedicated(4), "unknown": cases.Case(Plain, tm.Task(Independent(4)))}
    card = score({"it": steering.ActivationAddition(probes.probe_direction)}, tried, seed=[0], progress=False)
    assert card.applicable.values.ravel().tolist() == [True, False]
    assert float(card.score.sel(case="known").squeeze()) > 0.95
    assert card.access.values.tolist() == ["h, x"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: probes.SparseProbe(0), "k of SparseProbe"),
        (lambda: edits.NullspaceProjection(0), "steps of NullspaceProjection"),
        (lambda: edits.NullspaceProjection(above=-1.0), "above of NullspaceProjection"),
        (lambda: steering.ActivationAddition(dose=float("nan")), "dose of ActivationAddition"),
        (lambda: steering.ActivationAddition("mean"), "directions of ActivationAddition"),
    ],
)
def test_settings_that_mean_nothing_are_refused(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message):
        wrong()
