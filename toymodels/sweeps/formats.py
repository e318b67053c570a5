"""Results as one file: a Zarr store, or netCDF.

What plain `xarray.open_zarr` and `xarray.open_dataset` read, without a warning. netCDF 3 has 32 bits for whole numbers:
larger ones are floating point numbers there, or text where these are not exact; `opened` gives back what was written.
"""

import json
from pathlib import Path

import numpy as np
import xarray as xr

from toymodels import files

ZARR, NETCDF = ".zarr", ".nc"


def ending(owner: str, path: Path) -> str:
    """`ZARR` or `NETCDF`; raises ValueError for another ending."""
    found = path.suffix.lower()
    if found not in (ZARR, NETCDF):
        raise ValueError(f"{owner} must end in {ZARR} or {NETCDF}. Got {path}.")
    return found


def check_replaceable(path: Path) -> None:
    """Raise ValueError where something is that toymodels did not write as results."""
    if path.exists() and not _is_ours(path):
        raise ValueError(f"{path} is not a file of results, and is not replaced. Move it away, or choose another name.")


def write(results: xr.Dataset, path: Path) -> None:
    """Write results that are in memory to a file or store, whole or not at all."""
    if ending("the file of results", path) == NETCDF:
        with files.written_path(path) as temporary:
            try:
                _as_netcdf(results).to_netcdf(temporary)
            except UnicodeEncodeError as error:
                raise ValueError(f"netCDF 3 has no name {error.object!r}. Write {ZARR}, or install netCDF4.") from error
    else:
        with files.written_folder(path) as folder:
            results.to_zarr(folder, zarr_format=2, consolidated=True)


def opened(path: Path) -> xr.Dataset:
    """The results in a file or store, whose numbers are read when they are used.

    Raises:
        FileNotFoundError: if there is none.
    """
    if path.suffix.lower() == ZARR and path.is_dir():
        return xr.open_zarr(path, chunks=None)
    if path.is_file():
        return _from_netcdf(xr.open_dataset(path))
    raise FileNotFoundError(f"{path} is neither the folder of a sweep nor a file of results.")


_DTYPE = "written from"  # an attribute of variables


def _is_ours(path: Path) -> bool:
    """Whether all that is there was written here."""
    try:
        if path.is_file():
            with xr.open_dataset(path) as there:
                attributes = there.attrs
        else:
            attributes = json.loads(files.read_text(path / ".zattrs"))
            if any(one.name[:2] != ".z" and not (one / ".zarray").exists() for one in path.iterdir()):
                return False
    except Exception:  # whatever a library says of files that are not its own
        return False
    return "toymodels" in attributes and "config" in attributes


def _as_netcdf(results: xr.Dataset) -> xr.Dataset:
    # What scipy writes of length 0 it cannot read.
    written = results.drop_dims([dim for dim, size in results.sizes.items() if size == 0])
    for name, one in written.variables.items():
        if one.dtype.kind in "iu" and one.dtype.name not in ("int8", "int16", "int32"):
            written[name] = (one.dims, _fitting(one.values), {**one.attrs, _DTYPE: one.dtype.name})
    if results.attrs["seed"] != "varied":
        written.attrs["seed"] = json.dumps(results.attrs["seed"])
    return written


def _fitting(numbers: np.ndarray) -> np.ndarray:
    """The same whole numbers, of a type that netCDF 3 has."""
    low, high = int(numbers.min(initial=0)), int(numbers.max(initial=0))
    for bits, dtype in ((31, np.int32), (53, np.float64)):
        if -(2**bits) <= low and high < 2**bits:
            return numbers.astype(dtype)
    return numbers.astype(str)


def _from_netcdf(results: xr.Dataset) -> xr.Dataset:
    for name, one in results.variables.items():
        if _DTYPE in one.attrs:
            attributes = dict(one.attrs)
            dtype = attributes.pop(_DTYPE)
            results[name] = (one.dims, one.values.astype(dtype), attributes)
    if "loss" in results and "history" not in results:  # no step was taken
        results = results.assign_coords(step=np.array([], int))
        results["history"] = ((*results.loss.dims, "step"), np.empty((*results.loss.shape, 0), results.loss.dtype))
    if results.attrs.get("seed", "varied") != "varied":
        results.attrs["seed"] = json.loads(results.attrs["seed"])
    return results
