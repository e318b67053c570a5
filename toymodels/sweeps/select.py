"""After a sweep: the best models, fractions of models, and summaries over seeds.

Diverged models have the loss NaN. They are never the best, and are left out of what is counted and averaged.
"""

from collections.abc import Sequence

import numpy as np
import xarray as xr

from toymodels.checks import near_matches


def best(results: xr.Dataset, over: str | Sequence[str] = "restart") -> xr.Dataset:
    """The model with the lowest objective along one or several dimensions, for each position along the others.

    The objective is what was minimised: the loss with all penalties. Results without one are compared by their loss.

    All variables along these dimensions are reduced. Which position was taken stays as a coordinate of the same name
    along the others. Where all models diverged it is the first, and its loss is NaN.

    Args:
        results: what `sweep` returns; its loss must have the dimensions.
        over: along what to choose. Several dimensions are searched together: one model of all their combinations.

    Raises:
        ValueError: without a loss, or if it does not have the dimensions.

    >>> results = xr.Dataset({"loss": (("density", "restart"), [[3.0, 2.0, 7.0], [np.nan, 5.0, 4.0]])})
    >>> chosen = best(results)
    >>> chosen.loss.values.tolist(), chosen.restart.values.tolist()
    ([2.0, 4.0], [1, 2])
    """
    if "loss" not in results:
        raise ValueError(f"results of best must have a variable 'loss'. {near_matches('loss', map(str, results))}")
    minimised = results["objective" if "objective" in results else "loss"].compute()
    dims = checked_dims("best", over, minimised)
    positions = {dim: np.arange(results.sizes[dim]) for dim in dims if dim not in results.coords}
    return results.assign_coords(positions).isel(minimised.fillna(np.inf).argmin(dims))


def fraction(
    condition: xr.DataArray, over: str | Sequence[str] = "seed", *, where: xr.DataArray | None = None
) -> xr.DataArray:
    """The fraction of models for which a condition holds: in [0, 1], and NaN where there is none to be counted.

    For example `fraction(results.n_represented == 5, over="seed", where=results.diverged < 0)`. Without `where`, a
    diverged model counts as one for which the comparison does not hold.

    Args:
        condition: truth values, or numbers 0 and 1 with NaN for models that are not counted.
        over: the dimension or dimensions along which to count.
        where: truth values: which models to count.

    Raises:
        ValueError: for unknown dimensions, other values, and if `where` has other coordinates.

    >>> holds, valid = ([True, False, True, False], [True, True, True, False])
    >>> round(float(fraction(xr.DataArray(holds, dims="seed"), where=xr.DataArray(valid, dims="seed"))), 4)
    0.6667
    """
    dims = checked_dims("fraction", over, condition)
    numbers = _numbers("fraction", "condition", condition)
    counted = numbers.notnull()
    if bool((counted & (numbers != 0) & (numbers != 1)).any()):
        raise ValueError("condition of fraction must be truth values, such as results.n_represented == 5.")
    if where is not None:
        if where.dtype != bool:
            raise ValueError(f"where of fraction must be truth values. Got an array of {where.dtype}.")
        _check_aligned(condition, where)
        counted = counted & where
    return ((numbers == 1) & counted).sum(dims).rename("fraction") / counted.sum(dims).rename("fraction")


def summary(
    values: xr.DataArray, over: str | Sequence[str] = "seed", quantiles: Sequence[float | int] = (0.25, 0.5, 0.75)
) -> xr.Dataset:
    """Mean, spread and quantiles along one or several dimensions. NaN and infinities are left out.

    Args:
        values: numbers or truth values.
        over: along what to summarise.
        quantiles: each in [0, 1].

    Returns:
        `mean`; `std`, the standard deviation of the sample (n - 1 in the denominator); `count`, how many values are
        finite; and `quantiles` (..., quantile), linear between the sorted values. Without a finite value all but the
        count are NaN, and with a single one `std` is. xarray's own methods have the first names, so it is
        `summary(values)["mean"]`.

    Raises:
        ValueError: for unknown dimensions, what is not a number, and quantiles outside [0, 1].

    >>> seeds = summary(xr.DataArray([1.0, np.nan, 2.0, 6.0], dims="seed"))
    >>> float(seeds["mean"]), int(seeds["count"]), seeds["quantiles"].values.tolist()
    (3.0, 3, [1.5, 2.0, 4.0])
    """
    dims = checked_dims("summary", over, values)
    for quantile in quantiles:
        if not 0 <= quantile <= 1:
            raise ValueError(f"quantiles of summary must be in [0, 1]. Got {quantile}.")
    numbers = _numbers("summary", "values", values)
    finite = numbers.where(np.isfinite(numbers))
    count = finite.notnull().sum(dims)
    mean = finite.sum(dims) / count
    squares = ((finite - mean) ** 2).sum(dims)
    std = (squares / (count - 1).where(count > 1)) ** 0.5
    return xr.Dataset(
        {"mean": mean, "std": std, "count": count, "quantiles": _quantiles(finite, count, dims, quantiles)}
    )


def checked_dims(owner: str, over: str | Sequence[str], values: xr.DataArray) -> tuple[str, ...]:
    """The dimensions that `over` names.

    Raises:
        ValueError: if there is none, one is named twice, or `values` do not have it.
    """
    dims = (over,) if isinstance(over, str) else tuple(over)
    if not dims or len(set(dims)) < len(dims):
        raise ValueError(f"{owner} needs dimensions, each named once. Got {over!r}.")
    there = [str(dim) for dim in values.dims]
    for dim in dims:
        if dim not in there:
            known = near_matches(dim, there) if there else "There are none."
            raise ValueError(f"{owner} needs dimensions of {values.name or 'the values'}. Got {dim!r}. {known}")
    return dims


def _numbers(owner: str, name: str, values: xr.DataArray) -> xr.DataArray:
    """The values as floating point numbers."""
    if values.dtype.kind not in "biuf":
        raise ValueError(f"{name} of {owner} must be numbers or truth values. Got an array of {values.dtype}.")
    return values.astype(float)


def _check_aligned(condition: xr.DataArray, where: xr.DataArray) -> None:
    """Raise where xarray's arithmetic would keep only the positions that both have."""
    try:
        xr.align(condition, where, join="exact")
    except ValueError as error:
        raise ValueError(f"where of fraction must have the coordinates of condition. {error}") from None


def _quantiles(
    finite: xr.DataArray, count: xr.DataArray, dims: Sequence[str], quantiles: Sequence[float | int]
) -> xr.DataArray:
    """Quantiles (..., quantile) of what is not NaN. xarray's own take a hundred times as long and warn of empty
    slices."""
    ordered = np.sort(finite.transpose(*count.dims, *dims).values.reshape(*count.shape, -1))  # NaN comes last
    place = np.maximum(count.values - 1, 0)[..., None] * np.asarray(quantiles, dtype=float)
    below = np.floor(place).astype(int)
    low, high = (np.take_along_axis(ordered, index, axis=-1) for index in (below, np.ceil(place).astype(int)))
    labels = {"quantile": np.asarray(quantiles, dtype=float)}
    return xr.DataArray(low + (place - below) * (high - low), {**count.coords, **labels}, (*count.dims, "quantile"))
