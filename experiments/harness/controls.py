"""Controls: wrong results that claims must fail on. A claim that holds for all of them claims nothing.

Each control changes parameters, whatever their names, and their snapshots alike. The losses stay, so that the best
restart stays the best.
"""

import json
from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from experiments.harness.experiment import Claim, Control, Experiment, Results
from toymodels.sweeps.runs import RESULTS, group_of


def refuted_by(experiment: Experiment, results: Results, full: bool) -> dict[str, list[str]]:
    """The names of the controls that claims fail on, by the claims' sentences."""
    refuted: dict[str, list[str]] = {}
    common = COMMON if any(map(parameters, results.values())) else ()  # they would change nothing
    for control in (*common, *experiment.controls):
        for claim in _judged(experiment, control(results), full):
            if not claim.passed:
                refuted.setdefault(claim.claim, []).append(control.__name__)
    return refuted


def untrained(results: Results) -> Results:
    """Matrices as small and random as an initialiser's, and no biases."""
    rng = np.random.default_rng(0)
    return changed(results, lambda one: rng.normal(0, 0.3 if len(own_dims(one)) > 1 else 0, one.shape))


def reversed_features(results: Results) -> Results:
    """The least important feature is treated as the most important one."""
    return changed(
        results, lambda one: one.values[tuple(slice(None, None, -1 if dim == "feature" else 1) for dim in one.dims)]
    )


def reversed_cells(results: Results) -> Results:
    """The model of the sparsest features stands where that of the densest belongs, and so on along the first axis."""
    return changed(results, lambda one: one.values[::-1])


def last_everywhere(results: Results) -> Results:
    """The last cell's model whatever the cell; a ReLU model where a linear one should be."""
    return _repeated(results, "relu" if "relu" in results else next(iter(results)), -1)


def first_everywhere(results: Results) -> Results:
    """The first cell's model whatever the cell; a linear model where a ReLU one should be."""
    return _repeated(results, next(iter(results)), 0)


def too_long(results: Results) -> Results:
    """Weights and biases that overshoot."""
    return changed(results, lambda one: 1.5 * one.values)


def clustered(results: Results) -> Results:
    """Antipodal pairs of unequal length, whose longer member has 1 / (1 + ratio²) = 3/5 of a dimension. In
    matrices with a column per feature."""
    ratio = np.sqrt(2 / 3)

    def paired(parameter: xr.DataArray) -> np.ndarray:
        own = own_dims(parameter)
        return _pairs(parameter, ratio) if len(own) == 2 and own[-1] == "feature" else parameter.values

    return changed(results, paired)


def diverged(results: Results) -> Results:
    """Not a number anywhere. Not among the common controls: whatever is compared with NaN fails."""
    return changed(results, lambda one: np.full(one.shape, np.nan))


COMMON: Sequence[Control] = (
    untrained,
    reversed_features,
    reversed_cells,
    last_everywhere,
    first_everywhere,
    too_long,
    clustered,
)


def changed(results: Results, change: Callable[[xr.DataArray], np.ndarray]) -> Results:
    """Results whose parameters have the values `change(parameter)`, and so have their snapshots. The parameter has its
    own name in both cases."""
    return results.map(
        lambda one: one.assign(
            {name: (one[name].dims, change(one[name].rename(own))) for name, own in parameters(one).items()}
        )
    )


def parameters(one: xr.Dataset) -> dict[str, str]:
    """The variables that hold parameters or snapshots of them, each with the parameter's name: none in a score card."""
    if "technique" in one.dims:
        return {}
    metrics = json.loads(one.attrs.get("config", "{}")).get("metrics", {})
    groups = {str(name): group_of(str(name), metrics) for name in one.data_vars if name not in RESULTS}
    return {name: own for name, (group, own) in groups.items() if group in ("params", "snapshots")}


def own_dims(parameter: xr.DataArray) -> list[str]:
    """The axes of the parameter itself: those of the grid, restarts and snapshots have labels."""
    labelled = {dim for label in parameter.coords.values() for dim in label.dims}
    return [str(dim) for dim in parameter.dims if dim not in labelled]


def _judged(experiment: Experiment, results: Results, full: bool) -> Sequence[Claim]:
    with np.errstate(all="ignore"):  # controls divide by zero
        return experiment.claims(results, full)


def _repeated(results: Results, source: str, cell: int) -> Results:
    """One cell's best model of one sweep in all cells of all sweeps whose parameters have its shapes."""
    one = results.best(source) if "restart" in results[source].dims else results[source]
    model = one.isel(dict.fromkeys(one.loss.dims, cell)) if "loss" in one else {}  # a score card has no models

    def repeated(parameter: xr.DataArray) -> np.ndarray:
        if parameter.name not in model:
            return parameter.values
        values = model[parameter.name].values
        fits = values.shape == parameter.shape[parameter.ndim - values.ndim :]
        return np.broadcast_to(values, parameter.shape) if fits else parameter.values

    return changed(results, repeated)


def _pairs(W: xr.DataArray, ratio: float) -> np.ndarray:
    """Feature 2k along axis k, and feature 2k+1 against it, shorter by `ratio`."""
    m, n = W.shape[-2:]
    pairs = np.zeros((m, n))
    for k in range(min(m, n // 2)):
        pairs[k, 2 * k], pairs[k, 2 * k + 1] = 1.0, -ratio
    return np.broadcast_to(pairs, W.shape)
