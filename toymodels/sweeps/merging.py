"""From the folder of a sweep to one dataset, in memory or in one file."""

import itertools
import math
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
import zarr

from toymodels import files
from toymodels.sweeps import formats, store
from toymodels.sweeps.differences import check_same
from toymodels.sweeps.results import Arrays, Layout, attributes, dataset, labelled

CHUNK_BYTES = 2**26


def load(path: str | Path, *, partial: bool = False) -> xr.Dataset:
    """The results in a sweep's folder, a Zarr store or a netCDF file.

    A store or file is opened lazily: numbers are read when they are used.

    Args:
        path: the folder given to `sweep`, or a file that `merge` wrote.
        partial: take what there is of a sweep that is not finished; the rest is NaN.

    Raises:
        FileNotFoundError: if there is nothing.
        ValueError: if a unit is missing or damaged; running the sweep again makes it.
    """
    path = files.expanded(path)
    if (path / store.DESCRIPTION).exists():
        return _load_folders([path], partial)
    return formats.opened(path)


def merge(folders: str | Path | Sequence[str | Path], path: str | Path, *, memory_bytes: int = 2**30) -> Path:
    """Write the results in one or several folders of the same sweep (one a machine) as one Zarr store or netCDF file.

    Args:
        folders: where the units are.
        path: what to write: a name that ends in `.zarr`, or in `.nc` (netCDF 3, unless netCDF4 or h5netcdf are
            installed). Results that are there already are replaced; nothing else is.
        memory_bytes: how much memory to use for a Zarr store; a netCDF file needs all results in memory.

    Raises:
        ValueError: for another ending, a path that is in the way of something else, folders of different sweeps, and
            missing or damaged units.
        FileNotFoundError: if a folder has no sweep.
    """
    parts = [files.expanded(one) for one in ([folders] if isinstance(folders, str | Path) else folders)]
    path = files.expanded(path)
    formats.ending("the output of merge", path)
    description = _common_description(parts)
    for part in parts:
        if _is_within(path, part) or _is_within(part, path):
            raise ValueError(
                f"the output of merge must be outside of the folders that it reads. Got {path} and {part}."
            )
    _check_complete(parts, description.layout)
    return _merged(parts, path, memory_bytes)


def open_results(folder: Path, memory_bytes: int, *, partial: bool) -> xr.Dataset:
    """The results of a folder in memory if they fit, else from a Zarr store in the folder; of a part of the shards that
    does not fit, only the coordinates."""
    if store.describe(folder).layout.bytes <= memory_bytes:
        return load(folder, partial=partial)
    if partial:  # what other shards have to give is missing from a Zarr store
        return labelled(store.describe(folder).layout, {})
    return load(_merged([folder], folder / "results.zarr", memory_bytes))


def _merged(folders: Sequence[Path], path: Path, memory_bytes: int) -> Path:
    """Write what the folders have, whole or not at all."""
    formats.check_replaceable(path)
    if formats.ending("the output of merge", path) == formats.NETCDF:
        formats.write(_load_folders(folders, partial=False), path)
    else:
        with files.written_folder(path) as temporary:
            _write_zarr(folders, temporary, memory_bytes)
    return path


def _is_within(path: Path, folder: Path) -> bool:
    """Whether a path is that of a folder, or of something in it, whatever names lead there."""
    path = Path(os.path.realpath(path))
    return folder.exists() and any(one.exists() and one.samefile(folder) for one in (path, *path.parents))


def _load_folders(folders: Sequence[Path], partial: bool) -> xr.Dataset:
    description = _common_description(folders)
    if not partial:
        _check_complete(folders, description.layout)
    units = itertools.chain.from_iterable(map(store.read_units, folders))
    results = dataset(description.layout, units)
    results.attrs = _attributes(folders, description)
    return results


def _common_description(folders: Sequence[Path]) -> store.Description:
    if not folders:
        raise ValueError("merge needs at least one folder.")
    first, *others = map(store.describe, folders)
    for folder, other in zip(folders[1:], others, strict=True):
        check_same(folder, other.config, first.config)
    return first


def _check_complete(folders: Sequence[Path], layout: Layout) -> None:
    there = np.zeros(layout.n_models, dtype=bool)
    for folder in folders:
        for _, models in store.read_numbers(folder):
            there[models] = True
    if not there.all():
        raise ValueError(
            f"{' and '.join(map(str, folders))} lack{'s' if len(folders) == 1 else ''} {int((~there).sum()):,} of "
            f"{layout.n_models:,} models. Name all folders of the sweep, or run it again, with the shards that are "
            "missing; tm.sweeps.load(folder, partial=True) takes what there is."
        )


def _attributes(folders: Sequence[Path], description: store.Description) -> dict[str, Any]:
    return attributes(description.config, [session for folder in folders for session in store.sessions(folder)])


def _write_zarr(folders: Sequence[Path], path: Path, memory_bytes: int) -> None:
    """Write slab after slab, each with all variables of neighbouring models."""
    description = _common_description(folders)
    layout = description.layout
    _check_complete(folders, layout)
    frame = labelled(layout, {})
    frame.attrs = _attributes(folders, description)
    frame.to_zarr(path, zarr_format=2, consolidated=False)
    group = zarr.open_group(path, mode="r+")
    depth = _slab_depth(layout, memory_bytes // 2)
    for name, one in layout.variables.items():
        array = group.create_array(
            name,
            shape=layout.shape + one.shape,
            dtype=one.dtype,
            chunks=_chunks(layout.shape + one.shape, depth, one.dtype),
            fill_value=None,  # xarray would take whole numbers that equal it for missing ones
        )
        array.attrs["_ARRAY_DIMENSIONS"] = [*layout.dims, *one.dims]
    spans = _spans(folders)
    for index in np.ndindex(layout.shape[:depth]):
        for name, values in _slab(spans, layout, index).items():
            group[name][(*index, ...)] = values  # type: ignore[index]
    zarr.consolidate_metadata(path)


def _slab_depth(layout: Layout, memory_bytes: int) -> int:
    """Along how many leading axes a slab has only one position, so that it fits into memory."""
    for depth in range(len(layout.shape)):
        if layout.bytes // max(1, math.prod(layout.shape[:depth])) <= memory_bytes:
            return depth
    return len(layout.shape)


def _chunks(shape: tuple[int, ...], depth: int, dtype: str) -> tuple[int, ...]:
    """Chunks within a slab, of at most CHUNK_BYTES where one position along the next axis has so few."""
    if depth == len(shape):
        return shape and (1,) * depth
    after = shape[depth + 1 :]
    most = CHUNK_BYTES // max(1, math.prod(after) * np.dtype(dtype).itemsize)
    return (*(1,) * depth, max(1, min(shape[depth], most)), *map(partial(max, 1), after))


class Span(NamedTuple):
    """A unit, and the smallest and largest number of its models."""

    folder: Path
    number: int
    first: int
    last: int


def _spans(folders: Sequence[Path]) -> list[Span]:
    return [
        Span(folder, number, int(models.min()), int(models.max()))
        for folder in folders
        for number, models in store.read_numbers(folder)
    ]


def _slab(spans: Sequence[Span], layout: Layout, index: tuple[int, ...]) -> Arrays:
    """All variables at one position of the leading axes."""
    shape = layout.shape[len(index) :]
    size = math.prod(shape)
    first = int(np.ravel_multi_index(index, layout.shape[: len(index)])) * size if index else 0
    slab = {name: np.full((size, *one.shape), one.fill, one.dtype) for name, one in layout.variables.items()}
    for span in spans:
        if span.first < first + size and span.last >= first:
            models, results = store.read_unit(span.folder, span.number)
            inside = (models >= first) & (models < first + size)
            for name, values in slab.items():
                values[models[inside] - first] = results[name][inside]
    return {name: values.reshape((*shape, *values.shape[1:])) for name, values in slab.items()}
