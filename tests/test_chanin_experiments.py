"""What the figures of Chanin et al. are made of: how features depend on each other, and what is measured."""

import jax
import numpy as np
import pytest

import toymodels as tm
from experiments.papers.chanin2025hedging import narrow
from experiments.papers.chanin2025hedging.features import DIRECTIONS, FirstLatentL1, Pair
from experiments.papers.chanin2025sparse import large
from experiments.papers.chanin2025sparse.features import MAGNITUDES, Hub, off_diagonal, orthonormal, own_cosines
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
