"""What is handed over as an array: what can be read is read, what cannot gets one line that says what to give."""

from typing import Any

import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from toymodels.arrays import as_array, weights_of_one
from toymodels.training.run import Run

PENTAGON = np.array([np.cos(2 * np.pi * np.arange(5) / 5), np.sin(2 * np.pi * np.arange(5) / 5)])


class Tensor:
    """As of torch: it cannot be read while it is on a GPU or tracked for gradients."""

    def __init__(self, array: np.ndarray, ready: tuple[str, ...] = ()):
        self.array, self.ready = array, ready

    def detach(self) -> "Tensor":
        return Tensor(self.array, (*self.ready, "detached"))

    def cpu(self) -> "Tensor":
        return Tensor(self.array, (*self.ready, "here"))

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        if self.ready != ("detached", "here"):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
        return self.array


@pytest.mark.parametrize("make", [Tensor, xr.DataArray, np.ndarray.tolist])
def test_other_arrays_are_read(make: Any):
    np.testing.assert_array_equal(as_array("W", make(PENTAGON)), PENTAGON)


def test_arrays_stay_what_they_are():
    for array in (PENTAGON, jnp.asarray(PENTAGON)):
        assert as_array("W", array) is array


def test_what_has_no_numbers_is_refused():
    run = Run(
        *({},) * 2, *(np.zeros(1),) * 2, np.zeros((1, 1)), np.zeros(1, int), {}, *(np.zeros(1, int),) * 3, {}, {}, 0.0
    )
    with pytest.raises(TypeError, match=r"W is a Run. Give weights: run.W\[0\]"):
        as_array("W", run)
    for value in (None, "W", {"W": PENTAGON}):
        with pytest.raises(TypeError, match=r"W must be an array of numbers. Got a "):
            as_array("W", value)


def test_weights_of_several_models_and_features_in_rows_are_told_apart():
    with pytest.raises(ValueError, match=r"one model, \(m, n\). Got shape \(1, 2, 5\).*run.W\[0\]"):
        weights_of_one("directions", PENTAGON[None], hidden=2)
    with pytest.raises(ValueError, match=r"shape \(2, n\). Got \(5, 2\): features are columns here, give W.T"):
        weights_of_one("directions", PENTAGON.T, hidden=2)
    with pytest.raises(ValueError, match=r"shape \(2, n\). Got \(3, 5\)\.$"):
        weights_of_one("directions", np.ones((3, 5)), hidden=2)


def test_plots_refuse_what_they_cannot_draw(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        jaxtyping.config, "jaxtyping_disable", True
    )  # which finds some mistakes before the package does
    for draw in (tm.plots.directions, lambda W: tm.plots.superposition(W, np.zeros(5))):
        with pytest.raises(ValueError, match=r"give W.T"):
            draw(PENTAGON.T)
