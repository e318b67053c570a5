"""Features of dictionary-learning testbeds: hierarchies, counts, copulas, frequencies.

Whole laws are compared, not only moments: for a few binary features, how often each pattern of on and off is drawn,
with its probability by enumeration.
"""

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import multivariate_normal

import toymodels as tm
from toymodels.cli import parse_train
from toymodels.features.copulas import both_below
from toymodels.identities import from_description

N = 100_000

# Two trees: 0 with the children 2, 3, 5, of which 2 has 4 and 6; and 1 with 7.
PARENTS = (-1, -1, 0, 0, 2, 0, 2, 1)
CONDITIONAL = np.array([0.7, 0.5, 0.3, 0.25, 0.6, 0.4, 0.35, 0.8])
DENSITY = np.array([0.3, 0.05, 0.6, 0.2])
FACTORS = np.array([[0.8, -0.3], [0.5, 0.6], [-0.7, 0.2], [0.0, -0.9]])
CORRELATION = np.array([[1, 0.6, -0.4, 0.2], [0.6, 1, 0.1, 0.3], [-0.4, 0.1, 1, -0.5], [0.2, 0.3, -0.5, 1]])

DISTRIBUTIONS: dict[str, Callable[..., Any]] = {
    "hierarchical": lambda values: tm.Hierarchical(PARENTS, CONDITIONAL, values=values),
    "exclusive": lambda values: tm.Hierarchical(PARENTS, CONDITIONAL, exclusive=True, values=values),
    "one density": lambda values: tm.Hierarchical(tm.forest(2, 2, 2), 0.4, exclusive=True, values=values),
    "exactly k": lambda values: tm.ExactlyK(5, 2, values),
    "never empty": lambda values: tm.NonEmpty(4, DENSITY, values),
    "copula of low rank": lambda values: tm.GaussianCopula(FACTORS, DENSITY, values),
    "copula of a matrix": lambda values: tm.GaussianCopula.correlated(CORRELATION, DENSITY, values),
    "scaled": lambda values: tm.Scaled(tm.GaussianCopula(FACTORS, DENSITY, values), np.array([5.0, 0.7, 4.2, 2.0])),
}


def draw(features: Any, count: int = N, seed: int = 0) -> np.ndarray:
    return np.asarray(jax.jit(features.sample, static_argnums=1)(jax.random.key(seed), count), dtype=float)


def hierarchical_probability(on: np.ndarray, density: np.ndarray, exclusive: bool) -> float:
    """Of a pattern: each parent that is on decides on its children, together or one by one."""
    probability = 1.0
    for parent in (-1, *range(len(PARENTS))):
        children = [child for child, above in enumerate(PARENTS) if above == parent]
        if parent >= 0 and not on[parent]:
            probability *= not on[children].any()
        elif exclusive and parent >= 0:
            chosen = [density[child] for child in children if on[child]]
            probability *= {0: 1 - density[children].sum(), 1: sum(chosen)}.get(len(chosen), 0.0)
        else:
            probability *= np.where(on[children], density[children], 1 - density[children]).prod()
    return float(probability)


def independent_probability(on: np.ndarray) -> float:
    return float(np.where(on, DENSITY, 1 - DENSITY).prod())


LAWS: dict[str, Callable[[np.ndarray], float]] = {
    "hierarchical": lambda on: hierarchical_probability(on, CONDITIONAL, exclusive=False),
    "exclusive": lambda on: hierarchical_probability(on, CONDITIONAL, exclusive=True),
    "exactly k": lambda on: (on.sum() == 2) / 10,
    "never empty": lambda on: on.any() * independent_probability(on) / (1 - independent_probability(np.zeros(4, bool))),
}


@pytest.mark.parametrize("distribution", LAWS)
def test_every_pattern_is_as_likely_as_it_should_be(distribution: str):
    features = DISTRIBUTIONS[distribution](tm.BINARY)
    patterns = np.array(list(itertools.product([False, True], repeat=features.n_features)))
    probability = np.array([LAWS[distribution](on) for on in patterns])
    assert probability.sum() == pytest.approx(1)
    np.testing.assert_allclose(features.mean(), probability @ patterns, rtol=1e-12)
    both = np.einsum("p,pi,pj->ij", probability, patterns, patterns)
    np.testing.assert_allclose(features.second_moment(), both, rtol=1e-12, atol=1e-15)

    places = 2 ** np.arange(features.n_features)[::-1]
    drawn = np.bincount((places @ draw(features)).astype(int), minlength=len(patterns)) / N
    # 5 sigma, and what is impossible is never drawn.
    assert (np.abs(drawn - probability) <= 5 * np.sqrt(probability * (1 - probability) / N)).all()


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_samples_have_the_exact_mean_and_second_moment(distribution: str):
    features = DISTRIBUTIONS[distribution](tm.Values.normal(1.0, 0.4))
    x = draw(features)
    assert x.shape == (features.n_features, N)
    # 5 standard errors, of x_i and of x_i x_j, from the sample itself.
    squares = x @ x.T / N
    assert (np.abs(x.mean(1) - features.mean()) <= 5 * np.sqrt(np.diag(squares) / N)).all()
    assert (np.abs(squares - features.second_moment()) <= 5 * np.sqrt(x**2 @ (x**2).T) / N).all()


@pytest.mark.parametrize("distribution", [name for name in DISTRIBUTIONS if name != "scaled"])
def test_the_value_of_a_feature_that_is_on_is_of_its_distribution(distribution: str):
    """Where one draw tells whether a feature is on, and its value: each quarter of [0, 1] is as likely."""
    for x in draw(DISTRIBUTIONS[distribution](tm.UNIFORM)):
        on = x[x != 0]
        shares = np.histogram(on, bins=4, range=(0, 1))[0] / len(on)
        np.testing.assert_allclose(shares, 0.25, atol=5 * np.sqrt(0.25 * 0.75 / len(on)))


# --- Hierarchies -------------------------------------------------------------------------------------------------


def test_no_child_is_on_without_its_parent_and_exclusive_children_never_together():
    forest = tm.forest(3, 3, 3)
    parents = np.array(forest)
    density = np.where(parents < 0, 0.8, 1 / 3)  # one child of three is always on, whatever the rounding of thirds
    on = draw(tm.Hierarchical(forest, density, exclusive=True, values="binary"), 2_000) > 0
    children = np.flatnonzero(parents >= 0)
    assert not (on[children] & ~on[parents[children]]).any()
    for parent in np.unique(parents[children]):
        np.testing.assert_array_equal(on[parents == parent].sum(0), on[parent])
    shares = on[3:12].mean(1)  # 0.8 / 3, with a standard error of 0.01
    np.testing.assert_allclose(shares, 0.8 / 3, atol=0.05)


def test_a_chain_is_on_down_to_some_depth():
    on = draw(tm.Hierarchical((-1, 0, 1, 2, 3), 0.7, values="binary")) > 0
    assert (on[1:] <= on[:-1]).all()
    np.testing.assert_allclose(on.mean(1), 0.7 ** np.arange(1, 6), atol=5 * 0.5 / N**0.5)


def test_a_forest_by_hand():
    assert tm.forest(2, 3, 0) == (-1, -1)
    assert tm.forest(1, 2, 2) == (-1, 0, 0, 1, 1, 2, 2)
    synth = tm.forest(128, 4, 3)
    assert len(synth) == 128 * (1 + 4 + 16 + 64)
    assert np.bincount(np.array(synth)[128:]).tolist() == [4] * (128 * 21)


def test_densities_are_made_conditional_as_the_documentation_says():
    p = np.array([0.6, 0.5, 0.2, 0.1, 0.15, 0.05, 0.02, 0.3])
    conditional = p / np.append(p, 1)[list(PARENTS)]
    np.testing.assert_allclose(tm.Hierarchical(PARENTS, conditional, True, "binary").mean(), p)


@pytest.mark.parametrize("exclusive", [False, True])
def test_independent_features_with_parents_have_the_law_of_a_hierarchy(exclusive: bool):
    """Siblings that exclude each other are asked in turn: each has its share of what earlier ones leave."""
    earlier = [sum(CONDITIONAL[j] for j in range(i) if PARENTS[j] == PARENTS[i] >= 0) for i in range(8)]
    density = CONDITIONAL / (1 - np.array(earlier)) if exclusive else CONDITIONAL
    features = tm.WithParents(tm.Independent(8, density, tm.BINARY), PARENTS, exclusive=exclusive)
    patterns = np.array(list(itertools.product([False, True], repeat=8)))
    probability = np.array([hierarchical_probability(on, CONDITIONAL, exclusive) for on in patterns])
    drawn = np.bincount((2 ** np.arange(8)[::-1] @ draw(features)).astype(int), minlength=len(patterns)) / N
    assert (np.abs(drawn - probability) <= 5 * np.sqrt(probability * (1 - probability) / N)).all()  # 5 sigma


def test_correlated_features_with_parents_are_on_with_their_ancestors_and_times_their_values():
    """A chain 0, 1, 3 and a root 2: how often 0, 1 and 3 are on together is an integral over the normal numbers."""
    copula = tm.GaussianCopula.correlated(CORRELATION, DENSITY, tm.Values.normal(1.5, 0.2))
    thresholds = np.array([-0.5244005, -1.6448536, 0.2533471, -0.8416212])  # Φ⁻¹ of the densities

    def together(*some: int) -> float:
        return float(multivariate_normal(np.zeros(len(some)), CORRELATION[np.ix_(some, some)]).cdf(thresholds[[*some]]))

    on = np.array([0.3, together(0, 1), 0.6, together(0, 1, 3)])
    for multiplied, mean in ((False, on * 1.5), (True, on * 1.5 ** np.array([1, 2, 1, 3]))):
        x = draw(tm.WithParents(copula, (-1, 0, -1, 1), multiplied=multiplied), 4 * N)
        assert (np.abs((x > 0).mean(1) - on) <= 5 * np.sqrt(on / (4 * N))).all()  # 5 sigma
        assert (np.abs(x.mean(1) - mean) <= 5 * x.std(1) / np.sqrt(4 * N)).all()


# --- Counts ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1, 17, 99, 100])
def test_exactly_k_of_many_are_on(k: int):
    on = draw(tm.ExactlyK(100, k, "binary"), 5_000) > 0
    assert (on.sum(0) == k).all()
    np.testing.assert_allclose(on.mean(1), k / 100, atol=5 * 0.5 / 5_000**0.5)


@pytest.mark.parametrize("density", [1e-7, 1e-3, 1.0, (0.3, 0, 0), (0, 0, 1e-6), (0, 1.0, 0.2)])
def test_one_is_always_on_however_rare_they_are(density: Any):
    features = tm.NonEmpty(3, density, "binary")
    on = draw(features, 10_000) > 0
    assert on.any(0).all()
    np.testing.assert_allclose(on.mean(1), features.mean(), atol=5 * 0.5 / 10_000**0.5)


# --- Copulas -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correlation", [-1.0, -0.999, -0.4, 0.0, 0.3, 0.95, 0.999999, 1.0])
def test_the_bivariate_normal_distribution_function(correlation: float):
    """Against SciPy's, which integrates numerically to 1e-5 or better."""
    p, q = np.meshgrid([1e-4, 0.03, 0.3, 0.5, 0.9], [1e-4, 0.02, 0.5, 0.8])
    law = multivariate_normal(cov=[[1, correlation], [correlation, 1]], allow_singular=True)
    normal = multivariate_normal()
    wanted = [law.cdf([quantile(normal, a), quantile(normal, b)]) for a, b in zip(p.flat, q.flat, strict=True)]
    np.testing.assert_allclose(both_below(p, q, np.array(correlation)).ravel(), wanted, atol=2e-5)


def quantile(normal: Any, p: float) -> float:
    """By bisection of the distribution function."""
    low, high = -10.0, 10.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if normal.cdf(middle) < p else (low, middle)
    return low


def test_the_bivariate_normal_distribution_function_at_its_edges():
    p = np.array([0.0, 0.2, 0.5, 1.0])
    for q in (0.0, 1.0):
        np.testing.assert_allclose(both_below(p, np.array(q), np.array(0.7)), p * q)
    np.testing.assert_allclose(both_below(p, p, np.array(1.0)), p)
    np.testing.assert_allclose(both_below(p, 1 - p, np.array(-1.0)), 0, atol=1e-15)
    assert both_below(np.array(1e-6), np.array(1e-6), np.array(-0.9)) == pytest.approx(0, abs=1e-15)


def test_factors_and_a_matrix_of_the_same_correlations_are_the_same():
    factors = tm.GaussianCopula(FACTORS, DENSITY)
    matrix = tm.GaussianCopula.correlated(factors.correlation(), DENSITY)
    np.testing.assert_allclose(matrix.correlation(), factors.correlation(), atol=1e-12)
    np.testing.assert_allclose(matrix.second_moment(), factors.second_moment(), atol=1e-12)


def test_fully_correlated_features_are_on_together_and_opposite_ones_apart():
    on = draw(tm.GaussianCopula(np.array([[1.0], [1.0], [-1.0]]), (0.3, 0.4, 0.6), "binary")) > 0
    assert (on[0] <= on[1]).all()
    np.testing.assert_array_equal(on[1], ~on[2])


@pytest.mark.parametrize("density", [0.0, 1e-5, 1.0])
def test_rare_features_of_a_copula_are_as_frequent_as_asked(density: float):
    features = tm.GaussianCopula(np.full((200, 1), 0.2), density, "binary")
    on = draw(features, 20_000).mean()
    # 4 million draws, slightly correlated, of which 40 are on at density 1e-5: a standard error of 1.6e-6.
    assert on == pytest.approx(density, abs=8e-6 if 0 < density < 1 else 0)


# --- Frequencies and values --------------------------------------------------------------------------------------


def test_densities_fall_as_they_should():
    density = tm.zipf(50, 0.7, mean_on=4.0)
    assert density.sum() == pytest.approx(4)
    np.testing.assert_allclose(density[[1, 9, 49]] / density[0], [2**-0.7, 10**-0.7, 50**-0.7])
    assert tm.zipf(50, 0.7, largest=0.25)[0] == 0.25
    density = tm.geometric(512, 0.99, mean_on=5)
    assert density.sum() == pytest.approx(5)
    np.testing.assert_allclose(density[1:] / density[:-1], 0.99)
    assert tm.Independent(512, density).mean().sum() == pytest.approx(5 / 2)


def test_equal_weights_are_scaled_to_at_most_one():
    np.testing.assert_array_equal(tm.zipf(3, 0, mean_on=3), np.ones(3))
    np.testing.assert_array_equal(tm.geometric(3, 0, largest=0.5), [0.5, 0, 0])


def test_normal_values_are_normal():
    values = tm.Values.normal(1.0, 0.15)
    assert values.moments() == pytest.approx((1.0, 1.0225))
    x = draw(tm.Independent(1, 1.0, values))
    assert x.mean() == pytest.approx(1, abs=5 * 0.15 / N**0.5)
    # A tenth is below 1 + 0.15 z with Φ(z) = 0.1, z = -1.28155.
    assert (x < 1 - 0.15 * 1.28155).mean() == pytest.approx(0.1, abs=5 * 0.3 / N**0.5)


@pytest.mark.parametrize("features", [tm.Independent(3, 0.5, tm.Values.normal(2.0, 0.3)), tm.ExactlyK(3, 2, "binary")])
def test_values_are_described_by_what_they_are_and_found_again(features: Any):
    again = replace(features, values=tm.Values.normal(2.0, 0.3)) if isinstance(features, tm.Independent) else features
    assert tm.describe(again) == tm.describe(features)
    assert tm.describe(replace(features, values=tm.Values.normal(2.0, 0.4))) != tm.describe(features)
    np.testing.assert_array_equal(draw(from_description(tm.describe(features)), 100), draw(features, 100))


# --- Training, sweeps, files -------------------------------------------------------------------------------------

RECIPE = tm.Recipe(steps=5, batch_size=32, evaluation_samples=64)
SWEPT: dict[str, tuple[Any, str, list[Any]]] = {
    "k": (tm.ExactlyK(6, 2), "k", [1, 4]),
    "conditional density": (
        tm.Hierarchical(tm.forest(2, 2, 1), 0.3, exclusive=True),
        "density",
        [0.1, 0.5],
    ),
    "density of a set that is never empty": (tm.NonEmpty(6), "density", [0.05, tm.zipf(6, 1.0, mean_on=1.5)]),
    "factors": (
        tm.GaussianCopula(np.full((6, 1), 0.3)),
        "factors",
        [np.full((6, 1), 0.3), np.linspace([-0.9], [0.9], 6)],
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", SWEPT)
def test_every_cell_of_a_sweep_has_the_numbers_of_a_single_training(case: str):
    features, field, values = SWEPT[case]
    model = tm.Autoencoder(6, 2)
    grid = tm.sweep(model, tm.Task(features), RECIPE, over={field: values}, restarts=2)
    run = tm.train(model, tm.Task(replace(features, **{field: values[1]})), RECIPE, restarts=2)
    np.testing.assert_array_equal(np.sort(grid.loss.values[1]), np.sort(run.loss))
    assert not np.isclose(*grid.loss.values).any()


@pytest.mark.parametrize(
    ("text", "features"),
    [
        ('type = "ExactlyK"\nn_features = 6\nk = 2\nvalues = "binary"', tm.ExactlyK(6, 2, tm.BINARY)),
        ('type = "NonEmpty"\nn_features = 6\ndensity = 0.2', tm.NonEmpty(6, 0.2)),
        (
            'type = "Hierarchical"\nparents = [-1, 0, 0]\ndensity = 0.3\nexclusive = true',
            tm.Hierarchical((-1, 0, 0), 0.3, True),
        ),
        (
            'type = "Scaled"\nscale = [5.0, 4.0]\n[task.features.features]\ntype = "WithParents"\nparents = [-1, 0]\n'
            'multiplied = true\n[task.features.features.features]\ntype = "Independent"\nn_features = 2',
            tm.Scaled(tm.WithParents(tm.Independent(2), (-1, 0), multiplied=True), [5.0, 4.0]),
        ),
        ('type = "GaussianCopula"\nfactors = [[0.5], [-0.5]]', tm.GaussianCopula(((0.5,), (-0.5,)))),
    ],
)
def test_features_in_a_file(tmp_path: Path, text: str, features: Any):
    path = tmp_path / "job.toml"
    path.write_text(f"[task.features]\n{text}\n")
    job = parse_train([str(path)])
    assert job.task.features == features
    np.testing.assert_array_equal(draw(job.task.features, 10), draw(features, 10))


# --- Bad input ---------------------------------------------------------------------------------------------------

BAD: dict[str, tuple[Callable[[], Any], str]] = {
    "parents not a tuple": (lambda: tm.Hierarchical(3), "parents of Hierarchical must be a tuple .* Got 3"),
    "no parents": (lambda: tm.Hierarchical(()), r"parents of Hierarchical must be a tuple .* Got \(\)"),
    "a parent of no kind": (lambda: tm.Hierarchical((-2,)), "each of parents of Hierarchical .* Got -2"),
    "a later parent": (lambda: tm.Hierarchical((-1, 2, 0)), "must come before their children. Got 2 for feature 1"),
    "its own parent": (lambda: tm.Hierarchical((0,)), "must come before their children. Got 0 for feature 0"),
    "siblings above 1": (
        lambda: tm.Hierarchical((-1, 0, 0), (0.5, 0.7, 0.4), exclusive=True),
        "sum to at most 1 .* Those of feature 0 sum to 1.1",
    ),
    "a number for a truth value": (
        lambda: tm.Hierarchical((-1, 0), exclusive="yes"),
        "exclusive of Hierarchical must be True or False. Got 'yes'",
    ),
    "fewer parents": (
        lambda: tm.WithParents(tm.Independent(3), (-1, 0)),
        "parents of WithParents must be as many as its features, 3. Got 2",
    ),
    "a later parent than its child": (
        lambda: tm.WithParents(tm.Independent(2), (1, -1)),
        "parents of WithParents must come before their children. Got 1 for feature 0",
    ),
    "a number for multiplied": (
        lambda: tm.WithParents(tm.Independent(2), (-1, 0), multiplied=1),
        "multiplied of WithParents must be True or False. Got 1",
    ),
    "two scales for three": (lambda: tm.Scaled(tm.Independent(3), (5.0, 4.0)), "scale of Scaled"),
    "a scale that is not a number": (lambda: tm.Scaled(tm.Independent(2), np.nan), "scale of Scaled .* Got nan"),
    "conditional density": (lambda: tm.Hierarchical((-1, 0), (0.5, 2)), "density of Hierarchical .* Got 2 at index 1"),
    "a forest without roots": (lambda: tm.forest(0, 2, 1), "roots of forest must be an integer of at least 1. Got 0"),
    "more than all": (lambda: tm.ExactlyK(3, 4), r"k of ExactlyK must be finite and in \[0, 3\]. Got 4"),
    "half a feature": (lambda: tm.ExactlyK(3, 1.5), "k of ExactlyK must be a whole number. Got 1.5"),
    "nothing to be on": (lambda: tm.NonEmpty(3, 0.0), "density of NonEmpty must not be 0 for all"),
    "flat factors": (lambda: tm.GaussianCopula(np.ones(3)), r"factors of GaussianCopula must have shape \(n, r\)"),
    "long factors": (lambda: tm.GaussianCopula(np.array([[0.5], [1.2]])), "at most length 1. Got 1.2 for feature 1"),
    "factors NaN": (lambda: tm.GaussianCopula(np.array([[np.nan]])), "factors of GaussianCopula .* Got nan"),
    "not square": (lambda: tm.GaussianCopula.correlated(np.ones((2, 3))), r"shape \(n, n\). Got shape \(2, 3\)"),
    "not symmetric": (
        lambda: tm.GaussianCopula.correlated(np.array([[1, 0.3], [0.2, 1]])),
        r"must be symmetric. Got 0.3 at \[0, 1\] and 0.2 at \[1, 0\]",
    ),
    "a covariance": (
        lambda: tm.GaussianCopula.correlated(np.diag([1, 0.5])),
        r"ones on its diagonal. Got 0.5 at \[1, 1\]",
    ),
    "impossible": (
        lambda: tm.GaussianCopula.correlated(1.8 * np.eye(3) - 0.8),
        "positive semi-definite. Its lowest eigenvalue is -0.6",
    ),
    "neither": (lambda: tm.zipf(5, 1.0), "zipf needs either largest or mean_on"),
    "both": (lambda: tm.geometric(5, 0.5, largest=0.1, mean_on=1), "geometric needs either largest or mean_on"),
    "too many on": (lambda: tm.zipf(2, 1.0, mean_on=1.6), "mean_on of zipf must be at most 1.5 .* Got 1.6"),
    "a rising frequency": (lambda: tm.geometric(2, 1.1, largest=0.1), r"decay of geometric .* in \[0, 1\]. Got 1.1"),
    "a negative deviation": (lambda: tm.Values.normal(1.0, -1.0), "std of Values.normal .* Got -1"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused(case: str):
    make, message = BAD[case]
    with pytest.raises(ValueError, match=message):
        make()


def test_numbers_of_jax_are_checked_where_they_are_known():
    with pytest.raises(ValueError, match="sum to at most 1"):
        tm.train(tm.Autoencoder(3, 2), tm.Task(tm.Hierarchical((-1, 0, 0), jnp.array([0.5, 0.7, 0.4]), True)), RECIPE)
