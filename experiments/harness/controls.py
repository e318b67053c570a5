"""Controls: wrong results that claims must fail on. A claim that holds for all of them claims nothing.

Each control changes the trained parameters: `W`, `b`, `W_out` and `b_hidden`, and their snapshots. The losses stay, so
that the best restart stays the best.
"""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from experiments.harness.experiment import Claim, Control, Experiment, Results
from toymodels.sweeps import best

PARAMETERS = ("W", "b", "W_out", "b_hidden")
WEIGHTS = ("W", "W_out")


def refuted_by(experiment: Experiment, results: Results, full: bool) -> dict[str, list[str]]:
    """The names of the controls that each claim fails on, by claim."""
    refuted: dict[str, list[str]] = {claim.claim: [] for claim in experiment.claims(results, full)}
    for control in (*COMMON, *experiment.controls):
        for claim in _judged(experiment, control(results), full):
            if not claim.passed:
                refuted[claim.claim].append(control.__name__)
    return refuted


def untrained(results: Results) -> Results:
    """Weights as small and random as an initialiser's, and no biases."""
    rng = np.random.default_rng(0)
    return changed(results, lambda name, value: rng.normal(0, 0.3 if name in WEIGHTS else 0, value.shape))


def reversed_features(results: Results) -> Results:
    """The least important feature is treated as the most important one."""
    return {key: _reversed_along(one, "feature") for key, one in results.items()}


def reversed_cells(results: Results) -> Results:
    """The model of the sparsest features stands where that of the densest belongs, and so on along the first axis."""
    return changed(results, lambda _, value: value[::-1])


def last_everywhere(results: Results) -> Results:
    """The last cell's model whatever the cell; a ReLU model where a linear one should be."""
    return _repeated(results, results.get("relu", next(iter(results.values()))), -1)


def first_everywhere(results: Results) -> Results:
    """The first cell's model whatever the cell; a linear model where a ReLU one should be."""
    return _repeated(results, next(iter(results.values())), 0)


def too_long(results: Results) -> Results:
    """Weights and biases that overshoot."""
    return changed(results, lambda _, value: 1.5 * value)


def clustered(results: Results) -> Results:
    """Antipodal pairs of unequal length, whose longer member has 1 / (1 + ratio²) = 3/5 of a dimension."""
    ratio = np.sqrt(2 / 3)
    return changed(results, lambda name, value: _pairs(value, ratio) if name == "W" else value)


def diverged(results: Results) -> Results:
    """Not a number anywhere. Not among the common controls: whatever is compared with NaN fails."""
    return changed(results, lambda _, value: np.full(value.shape, np.nan))


COMMON: Sequence[Control] = (
    untrained,
    reversed_features,
    reversed_cells,
    last_everywhere,
    first_everywhere,
    too_long,
    clustered,
)


def changed(results: Results, change: Callable[[str, np.ndarray], np.ndarray]) -> Results:
    """Results whose parameters are `change(name, values)`; snapshots are named like the parameters that they are of."""
    return {
        key: one.assign({name: (one[name].dims, change(_own(name), one[name].values)) for name in parameters(one)})
        for key, one in results.items()
    }


def parameters(one: xr.Dataset) -> list[str]:
    """The names of the variables that hold parameters."""
    return [str(name) for name in one.data_vars if _own(str(name)) in PARAMETERS]


def _own(name: str) -> str:
    return name.removeprefix("snapshots.")


def _judged(experiment: Experiment, results: Results, full: bool) -> Sequence[Claim]:
    with np.errstate(all="ignore"):  # controls divide by zero
        return experiment.claims(results, full)


def _reversed_along(one: xr.Dataset, dim: str) -> xr.Dataset:
    flipped = {
        name: one[name].variable[{dim: slice(None, None, -1)}] for name in parameters(one) if dim in one[name].dims
    }
    return one.assign(flipped)


def _repeated(results: Results, source: xr.Dataset, cell: int) -> Results:
    """One cell's best model in all cells of all sweeps whose parameters have its shapes."""
    one = best(source) if "restart" in source.dims else source
    model = one.isel(dict.fromkeys(one.loss.dims, cell))

    def repeated(name: str, value: np.ndarray) -> np.ndarray:
        there = name in model and model[name].shape == value.shape[value.ndim - model[name].ndim :]
        return np.broadcast_to(model[name].values, value.shape) if there else value

    return changed(results, repeated)


def _pairs(W: np.ndarray, ratio: float) -> np.ndarray:
    """Feature 2k along axis k, and feature 2k+1 against it, shorter by `ratio`."""
    m, n = W.shape[-2:]
    pairs = np.zeros((m, n))
    for k in range(min(m, n // 2)):
        pairs[k, 2 * k], pairs[k, 2 * k + 1] = 1.0, -ratio
    return np.broadcast_to(pairs, W.shape)
