"""What the figures of Chanin et al. are made of: how features depend on each other, and what is measured."""

import jax
import numpy as np
import pytest

import toymodels as tm
from experiments.papers.chanin2025hedging import narrow
from experiments.papers.chanin2025hedging.features import DIRECTIONS, FirstLatentL1, Pair
from experiments.papers.chanin2025sparse import large
from experiments.papers.chanin2025sparse.features import MAGNITUDES, Hub, off_diagonal, orthonormal, own_cosines
from experiments.papers.chanin2026 import features as synth
from experiments.papers.chanin2026 import table
from experiments.papers.chanin2026.scores import scores
from toymodels import plots

SAMPLES = 100_000


def test_a_hub_is_correlated_with_the_others_and_they_are_not() -> None:
    x = np.asarray(Hub(4, correlation=-0.5, density=0.3).sample(jax.random.key(0), SAMPLES))
    correlation = np.eye(4)
    correlation[0, 1:] = correlation[1:, 0] = -0.5
    exact = tm.features.GaussianCopula.correlated(correlation, 0.3, MAGNITUDES).second_moment()
    np.testing.assert_allclose(x @ x.T / SAMPLES, exact, atol=0.007)  # standard errors below .0015


def test_the_second_of_a_pair_depends_on_the_first() -> None:
    first, second = np.asarray(Pair(0.25, 0.2, 0.1).sample(jax.random.key(0), SAMPLES)) > 0
    found = [first.mean(), second[first].mean(), second[~first].mean()]
    np.testing.assert_allclose(found, [0.25, 0.2, 0.1], atol=0.012)  # standard errors below .0026


def test_random_correlations_can_be_and_their_densities_sum_to_the_true_l0() -> None:
    correlation = large.random_correlations(seed=3)
    assert np.linalg.eigvalsh(correlation)[0] > 0
    np.testing.assert_allclose(np.diag(correlation), 1)
    np.testing.assert_allclose(correlation, correlation.T)
    strong = correlation[np.triu_indices(large.N, 1)]
    assert 0.3 < (strong > 0).mean() < 0.7
    assert round(large.DENSITY.sum()) == large.TRUE_L0


def test_each_feature_has_its_own_latent_whatever_their_order() -> None:
    W = orthonormal(7, 3)
    order = [2, 0, 1]
    cosines = own_cosines(2.0 * W[:, order] + 0.5 * W[:, [0, 0, 0]], W)  # latents of features 2, 0, 1 that lean on 0
    leaning = 0.5 / np.hypot(2, 0.5)
    np.testing.assert_allclose(off_diagonal(cosines)[0], [0, leaning, leaning], atol=1e-6)
    np.testing.assert_allclose(np.diag(cosines), [1, 2 / np.hypot(2, 0.5), 2 / np.hypot(2, 0.5)], atol=1e-6)


def test_the_axis_of_a_hierarchical_pair_is_the_first_eigenvector() -> None:
    q = narrow.KINDS["hierarchical"].together
    _, vectors = np.linalg.eigh([[1, q], [q, q]])
    assert narrow._principal_degrees() == pytest.approx(np.degrees(np.arctan(vectors[1, -1] / vectors[0, -1])))


def test_the_inner_penalty_is_of_the_first_latent_alone() -> None:
    hidden = jax.numpy.array([[1.0, 0.0, 2.0], [9.0, 9.0, 9.0]])
    assert float(FirstLatentL1(0.5)(hidden)) == pytest.approx(0.5)
    np.testing.assert_allclose(DIRECTIONS.T @ DIRECTIONS, np.eye(4), atol=1e-6)


def test_rows_of_a_cosine_matrix_are_latents() -> None:
    ax = plots.cosine_matrix(np.array([[1.0, 0.3, 0.0], [0.0, -0.7, 0.5]]), values=True)  # two features, three latents
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array(), [[1, 0], [0.3, -0.7], [0, 0.5]])
    written = {text.get_position(): text.get_text() for text in ax.texts}
    assert (written[1, 1], written[0, 1], written[0, 2]) == ("-0.70", "0.30", "0.00")
    assert image.get_clim() == plots.cosine_key().get_clim() == (-1, 1)


def test_rates_fall_as_a_power_unless_children_are_on_too_often() -> None:
    rates = tm.Hierarchical(synth.PARENTS, synth.conditional(), exclusive=True, values="binary").mean()
    wanted = tm.zipf(synth.N, 0.8, largest=0.58)
    parents = np.array(synth.PARENTS)
    np.testing.assert_allclose(rates[parents < 0], wanted[parents < 0])
    shares = [rates[parents == parent].sum() / rates[parent] for parent in range(24)]
    assert max(shares) == pytest.approx(synth.ANY_CHILD)
    assert min(shares) < 0.5  # the first root is on so often that its children fall as they would
    np.testing.assert_allclose(rates[24:27], wanted[24:27])
    assert round(np.sort(rates)[-synth.WIDTH :].sum()) == table.L0[0]


def test_true_directions_score_one_and_tell_when_their_features_are_on() -> None:
    W = synth.directions(96, seed=7)
    chosen = W[:, [5, 0, 400]]
    one = {"W_dec": chosen, "W_enc": 50 * chosen.T, "b_dec": np.zeros(96), "b_enc": np.full(3, -1e4)}
    silent = scores(tm.models.module_with(tm.SparseAutoencoder(96, 3), one), 7)
    assert (silent.f1, silent.l0) == (0, 0)
    np.testing.assert_allclose([silent.mcc, silent.uniqueness], 1, atol=1e-6)
    hearing = tm.models.module_with(tm.SparseAutoencoder(96, 3), one | {"b_enc": np.full(3, -50 * 2.5)})
    assert 0.4 < scores(hearing, 7).f1 < 1  # 6.8 other features are on, at cosines of .1


def test_scores_at_an_l0_are_between_those_of_two_strengths() -> None:
    of_strengths = np.array([[0.2, 6.0], [0.6, 4.5], [0.5, 3.0]])
    np.testing.assert_allclose(table._at_l0(of_strengths), [[0.6 - 0.4 / 3, 5], [0.5 + 0.2 / 3, 4]])
    assert np.isnan(table._at_l0(of_strengths[1:])[0]).all()
