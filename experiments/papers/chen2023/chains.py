"""What the figures on learning coefficients have in common: the number of samples, and wrong chains."""

from collections.abc import Callable

import xarray as xr

from experiments.harness.experiment import Results

BY_OUTPUTS = "paper: losses are sums over outputs; ours: means, so that n β is larger by the number of outputs"
POINTS = 32
"""Values of each feature, in the samples of which one is on at a time."""


def traces(one: xr.Dataset) -> list[str]:
    """The variables that hold the course of chains."""
    return [str(name) for name in one.data_vars if str(name).startswith("chains")]


def with_traces(results: Results, change: Callable[[xr.DataArray], xr.DataArray]) -> Results:
    """Other courses of the chains."""
    return results.map(lambda one: one.assign({name: change(one[name]) for name in traces(one)}))


def half_as_high(results: Results) -> Results:
    """All chains at half the height: half as many directions."""
    return with_traces(results, lambda trace: trace / 2)


def twice_as_high(results: Results) -> Results:
    """All chains at twice the height."""
    return with_traces(results, lambda trace: trace * 2)


def falling(results: Results) -> Results:
    """Chains that find less loss than they start from."""
    return with_traces(results, lambda trace: -abs(trace))


def all_alike(results: Results) -> Results:
    """All chains at 7, whatever the model and the choices."""
    return with_traces(results, lambda trace: xr.full_like(trace, 7.0))
