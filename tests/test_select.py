"""What is taken out of a sweep's results: the best models, shares and summaries, by hand-computed numbers."""

from typing import Any

import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from toymodels.sweeps import best, fraction, summary

NAN = float("nan")
LOSS = [[[3.1, 2.2, 7.5], [NAN, 5.4, 1.3]], [[0.9, NAN, 1.7], [NAN, NAN, NAN]]]


@pytest.fixture
def results() -> xr.Dataset:
    """Two densities, two seeds and three restarts. W tells from where it is: 1000 density + 100 seed + 10 restart +
    feature."""
    density, seed, restart, feature = np.ogrid[:2, :2, :3, :4]
    return xr.Dataset(
        {
            "loss": (("density", "seed", "restart"), LOSS),
            "W": (("density", "seed", "restart", "feature"), 1000 * density + 100 * seed + 10 * restart + feature),
            "history": (("restart", "step", "density"), 100 * np.ogrid[:3, :2, :2][0] + np.arange(4.0).reshape(2, 2)),
            "noise": (("restart",), [0.5, 0.25, 0.125]),
            "optimum": (("density",), [0.03, 0.07]),
        },
        coords={"density": [0.5, 0.05], "seed": [7, 3], "restart": [11, 22, 33], "step": [20, 40]},
        attrs={"config": "as it was"},
    )


def test_best_is_the_lowest_loss_and_diverged_models_never_win(results: xr.Dataset) -> None:
    chosen = best(results)
    assert chosen.loss.dims == ("density", "seed")
    np.testing.assert_array_equal(chosen.loss, [[2.2, 1.3], [0.9, NAN]])


def test_best_is_by_what_was_minimised() -> None:
    """With penalties the model of the lowest loss need not be the one that training found best."""
    values = {"loss": ("restart", [2.5, 1.5, 3.5]), "objective": ("restart", [7.0, 6.0, 5.0])}
    chosen = best(xr.Dataset(values))
    assert (int(chosen.restart), float(chosen.loss)) == (2, 3.5)


def test_best_tells_which_one_was_taken(results: xr.Dataset) -> None:
    chosen = best(results)
    assert chosen.restart.dims == ("density", "seed")
    np.testing.assert_array_equal(chosen.restart, [[22, 33], [11, 11]])  # the first where all diverged
    assert "restart" not in chosen.dims
    assert chosen.seed.values.tolist() == [7, 3]
    assert chosen.attrs == {"config": "as it was"}


def test_best_reduces_all_that_has_the_dimension(results: xr.Dataset) -> None:
    chosen = best(results)
    positions = np.array([[1, 2], [0, 0]])
    np.testing.assert_array_equal(
        chosen.W.transpose("density", "seed", "feature"),
        np.array([[0, 100], [1000, 1100]])[..., None] + 10 * positions[..., None] + np.arange(4),
    )
    # history has no seed, but which restart it is of depends on it: 100 restart + 2 step + density
    np.testing.assert_array_equal(
        chosen.history.transpose("density", "seed", "step"),
        100 * positions[..., None] + np.array([0, 2]) + np.array([0, 1])[:, None, None],
    )
    np.testing.assert_array_equal(chosen.noise.transpose("density", "seed"), [[0.25, 0.125], [0.5, 0.5]])
    np.testing.assert_array_equal(chosen.optimum, [0.03, 0.07])


def test_best_over_several_dimensions_is_one_model_of_all(results: xr.Dataset) -> None:
    chosen = best(results, over=("restart", "seed"))
    np.testing.assert_array_equal(chosen.loss, [1.3, 0.9])
    np.testing.assert_array_equal(chosen.seed, [3, 7])
    np.testing.assert_array_equal(chosen.restart, [33, 11])
    np.testing.assert_array_equal(chosen.W, [[120, 121, 122, 123], [1000, 1001, 1002, 1003]])


def test_best_over_all_dimensions_is_one_model(results: xr.Dataset) -> None:
    chosen = best(results, over=["density", "seed", "restart"])
    assert (float(chosen.loss), float(chosen.density), int(chosen.seed), int(chosen.restart)) == (0.9, 0.05, 7, 11)
    np.testing.assert_array_equal(chosen.W, [1000, 1001, 1002, 1003])


def test_best_keeps_what_labels_the_chosen_position_along_an_axis_of_pairs() -> None:
    results = xr.Dataset(
        {"loss": (("pair", "seed"), [[0.4, 0.1], [0.2, 0.3]])},
        coords={"pair": [0, 1], "density": ("pair", [0.9, 0.02]), "seed": [5, 6]},
    )
    chosen = best(results, over="pair")
    np.testing.assert_array_equal(chosen.loss, [0.2, 0.1])
    np.testing.assert_array_equal(chosen.density, [0.02, 0.9])


def test_best_names_positions_where_there_are_no_coordinates() -> None:
    results = xr.Dataset({"loss": (("density", "restart"), [[0.4, 0.1], [0.2, 0.3]])})
    chosen = best(results)
    np.testing.assert_array_equal(chosen.restart, [1, 0])
    assert "restart" not in results.coords


def test_best_of_results_that_lie_in_a_file(results: xr.Dataset, tmp_path: Any) -> None:
    results.to_zarr(tmp_path / "results.zarr", zarr_format=2, consolidated=False)
    read = xr.open_zarr(tmp_path / "results.zarr", chunks=None, consolidated=False)
    xr.testing.assert_equal(best(read, over=("seed", "restart")), best(results, over=("seed", "restart")))


def test_best_of_a_sweep_is_the_model_with_the_lowest_loss() -> None:
    swept = tm.sweep(
        tm.Autoencoder(n_features=2, n_hidden=1),
        tm.Task(tm.Independent(n_features=2, density=0.5), importance=[1.0, 0.6]),
        tm.Recipe(steps=30),
        over={"density": [0.9, 0.1], "seed": [4, 2]},
        restarts=3,
        progress=False,
    )
    chosen = best(swept)
    np.testing.assert_array_equal(chosen.loss, swept.loss.min("restart"))
    for place in np.ndindex(2, 2):
        restart = int(chosen.restart.values[place])
        np.testing.assert_array_equal(chosen.W.values[place], swept.W.values[place][restart])
    assert len(np.unique(chosen.restart)) > 1


@pytest.mark.parametrize(
    ("over", "message"),
    [
        ("restrat", "best needs dimensions of loss. Got 'restrat'. Did you mean restart?"),
        ("feature", "best needs dimensions of loss. Got 'feature'."),  # of other variables
        ((), "best needs dimensions, each named once."),
        (("seed", "seed"), "best needs dimensions, each named once."),
    ],
)
def test_best_refuses_dimensions_that_the_loss_does_not_have(results: xr.Dataset, over: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^" + message.replace("?", r"\?")):
        best(results, over=over)


def test_best_refuses_results_without_a_loss(results: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"results of best must have a variable 'loss'. Did you mean losses"):
        best(results.rename(loss="losses"))


def test_fraction_counts_where_the_condition_holds() -> None:
    represented = xr.DataArray(
        [[5, 4, 5, 5], [2, 5, 2, 3]], dims=("density", "seed"), coords={"density": [0.1, 0.9]}, name="n_represented"
    )
    shares = fraction(represented == 5)
    np.testing.assert_array_equal(shares, [0.75, 0.25])
    assert shares.dims == ("density",)
    assert shares.density.values.tolist() == [0.1, 0.9]
    assert shares.name == "fraction"
    np.testing.assert_array_equal(fraction(represented == 5, over="density"), [0.5, 0.5, 0.5, 0.5])
    assert float(fraction(represented == 5, over=("density", "seed"))) == 0.5


def test_fraction_leaves_out_what_is_not_valid() -> None:
    holds = xr.DataArray([[True, True, False], [True, False, False]], dims=("density", "seed"))
    valid = xr.DataArray([[True, False, True], [False, False, False]], dims=("density", "seed"))
    np.testing.assert_array_equal(fraction(holds, where=valid), [0.5, NAN])
    # The same seeds are valid for both densities.
    seeds = xr.DataArray([False, True, True], dims="seed")
    np.testing.assert_array_equal(fraction(holds, where=seeds), [0.5, 0.0])


def test_fraction_of_truth_values_with_gaps() -> None:
    # A metric of truth values becomes 0, 1 and NaN where models are missing.
    assert float(fraction(xr.DataArray([1.0, NAN, 0.0, 1.0], dims="seed"))) == 2 / 3
    assert np.isnan(fraction(xr.DataArray([NAN, NAN], dims="seed")))


def test_fraction_of_names() -> None:
    names = xr.DataArray(["pentagon", "square", "pentagon", "other", "pentagon"], dims="seed")
    assert float(fraction(names == "pentagon")) == 0.6
    with pytest.raises(ValueError, match=r"condition of fraction must be numbers or truth values. Got an array of <U8"):
        fraction(names)


def test_fraction_refuses_what_is_no_condition() -> None:
    with pytest.raises(ValueError, match="condition of fraction must be truth values, such as"):
        fraction(xr.DataArray([1, 5, 0], dims="seed"))
    holds = xr.DataArray([True, False], dims="seed", coords={"seed": [0, 1]})
    with pytest.raises(ValueError, match=r"where of fraction must be truth values\. Got an array of float64"):
        fraction(holds, where=xr.DataArray([1.0, NAN], dims="seed"))
    with pytest.raises(ValueError, match=r"where of fraction must have the coordinates of condition"):
        fraction(holds, where=xr.DataArray([True, True], dims="seed", coords={"seed": [0, 2]}))
    with pytest.raises(ValueError, match=r"fraction needs dimensions of the values. Got 'sed'. Did you mean seed"):
        fraction(holds, over="sed")
    with pytest.raises(ValueError, match=r"Got 'seed'. There are none"):
        fraction(xr.DataArray(True))


def test_summary_by_hand() -> None:
    values = xr.DataArray(
        [[1.0, 2.0, 6.0, 9.0], [4.0, NAN, 0.5, NAN]], dims=("density", "seed"), coords={"density": [0.2, 0.7]}
    )
    seeds = summary(values, quantiles=(0.1, 0.5))
    np.testing.assert_array_equal(seeds["mean"], [4.5, 2.25])
    # (3.5² + 2.5² + 1.5² + 4.5²) / 3 = 41 / 3; (1.75² + 1.75²) / 1 = 6.125
    np.testing.assert_allclose(seeds["std"], [(41 / 3) ** 0.5, 6.125**0.5], rtol=1e-14)
    np.testing.assert_array_equal(seeds["count"], [4, 2])
    # a tenth of the way from the first to the last of 4 is 0.3 of the way from the first to the second
    np.testing.assert_allclose(seeds["quantiles"], [[1.3, 4.0], [0.85, 2.25]], rtol=1e-14)
    assert seeds["quantiles"].dims == ("density", "quantile")
    assert seeds.density.values.tolist() == [0.2, 0.7]
    assert seeds["quantiles"].sel(quantile=0.5).values.tolist() == [4.0, 2.25]


def test_summary_has_quartiles_if_nothing_is_said() -> None:
    seeds = summary(xr.DataArray([8.0, 2.0, 1.0, 4.0, 0.0], dims="seed"))
    assert seeds["quantiles"].values.tolist() == [1.0, 2.0, 4.0]
    assert seeds["quantile"].values.tolist() == [0.25, 0.5, 0.75]


def test_summary_leaves_out_what_is_not_finite() -> None:
    seeds = summary(xr.DataArray([[NAN, NAN, NAN], [np.inf, 3.0, -np.inf]], dims=("density", "seed")))
    np.testing.assert_array_equal(seeds["count"], [0, 1])
    np.testing.assert_array_equal(seeds["mean"], [NAN, 3.0])
    np.testing.assert_array_equal(seeds["std"], [NAN, NAN])
    np.testing.assert_array_equal(seeds["quantiles"], [[NAN] * 3, [3.0] * 3])


def test_summary_of_float32_and_of_truth_values_counts_in_double_precision() -> None:
    # In float32, 16777216 + 1 = 16777216.
    assert float(summary(xr.DataArray(np.float32([2**24, 1, 1]), dims="seed"))["mean"]) == (2**24 + 2) / 3
    assert float(summary(xr.DataArray([True, False, False, True, True], dims="seed"))["mean"]) == 0.6


@pytest.mark.parametrize("over", ["seed", ("restart", "density"), ("density", "seed", "restart")])
def test_summary_agrees_with_numpy(over: Any) -> None:
    draws = np.random.default_rng(3).normal(size=(3, 7, 4))
    draws[draws > 1] = NAN
    draws[0] = abs(draws[0])  # at least one value everywhere
    draws[:, 0] = np.nan_to_num(draws[:, 0], nan=0.4)
    dims = ("density", "seed", "restart")
    axes = tuple(dims.index(dim) for dim in ([over] if isinstance(over, str) else over))
    found = summary(xr.DataArray(draws, dims=dims), over, quantiles=(0.0, 0.37, 0.9, 1.0))
    np.testing.assert_allclose(found["mean"], np.nanmean(draws, axes), rtol=1e-12)
    np.testing.assert_allclose(found["std"], np.nanstd(draws, axes, ddof=1), rtol=1e-12)
    expected = np.moveaxis(np.nanquantile(draws, [0.0, 0.37, 0.9, 1.0], axes), 0, -1)
    np.testing.assert_allclose(found["quantiles"], expected, rtol=1e-12, atol=1e-12)


def test_summary_refuses_bad_input() -> None:
    values = xr.DataArray([1.0, 2.0], dims="seed", name="loss")
    with pytest.raises(ValueError, match=r"quantiles of summary must be in \[0, 1\]. Got 50"):
        summary(values, quantiles=(0.5, 50))
    with pytest.raises(ValueError, match=r"summary needs dimensions of loss. Got 'seeds'. Did you mean seed"):
        summary(values, over="seeds")
    with pytest.raises(ValueError, match=r"values of summary must be numbers or truth values. Got an array of <U1"):
        summary(xr.DataArray(["a", "b"], dims="seed"))
