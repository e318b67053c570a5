"""What the figures of Henighan et al. 2023 are made of: their data, and what is measured of samples and features."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from experiments.harness.experiment import Results
from experiments.papers.henighan2023 import collapse, dimensionality, heat_map, model, polygons, repeated, starts
from experiments.questions.memorisation import robustness
from toymodels.analysis import geometry


def polygon(corners: int, radius: float = 1.3, turned: float = 0.4) -> np.ndarray:
    angles = turned + 2 * np.pi * np.arange(corners) / corners
    return radius * np.stack([np.cos(angles), np.sin(angles)])


@pytest.mark.parametrize("T", [3, 5, 8])
def test_samples_in_a_polygon_share_two_dimensions(T: int) -> None:
    h = polygon(T)
    assert model.sample_dimensionality(h) == pytest.approx(2 / T)
    np.testing.assert_allclose(polygons.gaps(h[:, ::-1]), 360 / T)


def test_dimensionality_of_samples_is_that_of_the_paper() -> None:
    h = np.random.default_rng(0).normal(size=(3, 40))
    products = (h.T @ h) ** 2
    wanted = np.diag(products) / products.sum(1)
    assert model.sample_dimensionality(h) == pytest.approx(np.median(wanted))
    W = np.zeros((3, 60))
    W[:, 7:47] = h
    longest = np.argsort(-np.linalg.norm(h, axis=0))[:4]
    np.testing.assert_allclose(model.strongest(W, 4), wanted[longest])


def test_dimensionality_of_many_samples_takes_little_memory() -> None:
    h = np.random.default_rng(1).normal(size=(2, 200_000))  # all pairs would be 320 GB
    assert geometry.dimensionality(h).sum() == pytest.approx(2, rel=0.01)  # isotropic: a tight frame, up to chance


def test_samples_and_tests_have_length_one_and_answering_nothing_costs_one() -> None:
    task = model.task(12, 0.2)
    for features in (task.features, task.evaluation):
        x = np.asarray(features.prepare(jax.random.key(3)).everything())
        lengths = np.linalg.norm(x, axis=0)
        np.testing.assert_allclose(lengths[lengths > 0], 1, rtol=1e-5)
    nothing = {"W": np.zeros((2, 12)), "b": np.full(12, -0.3)}
    found = tm.evaluate(model.model(12), task, nothing, tm.Recipe(batch_size=512)).loss[0]
    assert found == pytest.approx(1 - 0.8**12, abs=0.03)  # but for samples without any feature; standard error .006


def test_hidden_points_are_those_of_the_samples_that_are_trained_on() -> None:
    task = model.task(12, 0.2)
    axes = model.samples([3, 7])
    recipe = tm.Recipe(steps=2, learning_rate=0.0)
    one = tm.sweep(model.model(12), task, recipe, over=axes, restarts=2, metrics={"h": model.hidden_points})
    assert model.counts(one).tolist() == [3, 7]
    lengths = model.of_points(one, lambda h: np.array([h.shape[-1]]))
    assert lengths.tolist() == [[3], [7]]
    assert np.isnan(one.h.values[0, ..., 3:]).all()
    assert not np.isnan(one.h.values[1]).any()


def test_the_shortest_model_of_those_that_fit_is_shown() -> None:
    def one(loss: list[float]) -> xr.Dataset:
        W = np.arange(1.0, 4)[:, None, None] * np.ones((2, 4))
        h = np.arange(3.0)[:, None, None] * np.ones((2, 5))
        return xr.Dataset(
            {
                "W": (("restart", "hidden", "feature"), W),
                "b": (("restart", "feature"), np.zeros((3, 4))),
                "h": (("restart", "x", "y"), h),
                "final_loss": ("restart", loss),
            }
        )

    assert polygons._fit(one([0.5, 0.002, 0.001]), 5).W[0, 0] == 2
    assert polygons._fit(one([0.5, 0.3, 0.4]), 5).W[0, 0] == 2
    assert polygons._fit(one([0.5, 0.3, 0.4]), 4).h.shape == (2, 4)


def test_repeated_samples_stand_in_the_place_of_others() -> None:
    features = repeated.Repeated(tm.Independent(30, 0.2), 20, different=3, times=4)
    x = np.asarray(features.prepare(jax.random.key(0)).everything())
    once = np.asarray(repeated.Repeated(tm.Independent(30, 0.2), 20).prepare(jax.random.key(0)).everything())
    assert x.shape == (30, 20)
    for place in range(20):
        np.testing.assert_array_equal(x[:, place], once[:, place % 3 if place < 12 else place])
    assert len(np.unique(once, axis=1).T) == 20


def test_losses_of_samples_are_sums_over_outputs() -> None:
    task = tm.Task(tm.Dataset(np.random.default_rng(0).uniform(size=(5, 9))))
    W, b = np.random.default_rng(1).normal(size=(2, 2, 5))[0], np.array([0.1, -0.2, 0.3, 0.0, 0.2])
    module = tm.module_with(model.model(5), {"W": jnp.array(W), "b": jnp.array(b)})
    x = np.asarray(task.features.samples)
    wanted = ((x - np.maximum(W.T @ W @ x + b[:, None], 0)) ** 2).sum(0)
    np.testing.assert_allclose(repeated.first_losses(module, task), wanted[: repeated.FIRST], rtol=1e-5)


def test_half_is_where_a_curve_rises_for_good() -> None:
    x = np.array([1.0, 4.0, 16.0, 64.0])
    rises = np.array([0.3, 0.1, 0.3, 0.35])[:, None] * np.ones(2)
    assert collapse.half(x, collapse.Learnt(x, rises)) == pytest.approx(8)  # halfway between 4 and 16, in logs
    assert np.isnan(collapse.half(x, collapse.Learnt(x, rises * 0 + 0.3)))


def test_the_ridge_is_a_rise_and_a_fall_with_size() -> None:
    test = np.array([[1.0, 1.1, 1.3], [1.0, 1.2, 0.9], [1.0, 0.9, 0.8]])
    found = heat_map.Losses(np.array([10.0, 20.0, 40.0]), np.array([2.0, 3.0, 6.0]), test, test)
    assert heat_map.ridge(found) == pytest.approx(0.2)
    assert heat_map.peaks(found).tolist() == [10, 20, 10]


def test_losses_cross_where_features_come_to_fit_better() -> None:
    T = [60, 80, 100, 1_000, 10_000]

    def one(loss: list[float]) -> xr.Dataset:
        return xr.Dataset(
            {
                "final_loss": (("samples", "seed"), np.array(loss)[:, None]),
                "loss": (("samples", "seed"), np.ones((5, 1))),
                "h": (("samples", "seed", "x", "y"), np.ones((5, 1, 2, 10))),
            },
            {"task.features.n_samples": ("samples", T)},
        )

    of_samples = one([0.5, 0.6, 0.7, 0.8, 0.9])
    found = Results({"samples": of_samples, "features": one([0.5, 0.6, 0.8, 0.9, 0.8])})
    assert starts.crossing(found) == pytest.approx(10**3.5)
    assert np.isnan(starts.crossing(Results({"samples": of_samples, "features": of_samples})))


def test_starts_are_long_and_a_pentagon() -> None:
    W = np.asarray(starts.long_weights(jax.random.key(0), (2, 5_000)))
    assert np.linalg.norm(W) == pytest.approx(starts.LENGTH, rel=0.05)  # standard error .7 %
    five = np.asarray(starts.pentagon(jax.random.key(0), (2, 9)))
    np.testing.assert_allclose(geometry.dimensionality(five), [0.4] * 5 + [0] * 4, atol=1e-6)


def test_both_sizes_have_what_claims_ask_for() -> None:
    for full in (False, True):
        assert dimensionality.numbers(full)[0] == 3
        assert collapse.settings(full)[0][1] == collapse.settings(full)[1][1]
        assert len(starts.numbers(full)) > starts.BOTH


def test_robustness_and_test_loss_pass_their_marks_from_the_least_vulnerable_models_on() -> None:
    T = np.array([3.0, 10.0, 100.0, 1_000.0, 10_000.0])
    vulnerability = np.array([40.0, 1.0, 100.0, 10_000.0, 2.0])[:, None]  # 5 times the last is at 10^1.5
    test = np.array([2.0, 1.0, 1.0, 1.21, 0.9])[:, None]  # 1.1 is at 10^2.5
    found = robustness.Robustness(vulnerability, dimensionality.Curves(T, *[test] * 7))
    np.testing.assert_allclose(robustness.lost(found), [10**1.5, 10**2.5])
    assert np.isnan(robustness.passes(T, test[:, 0], 3.0, 0))
