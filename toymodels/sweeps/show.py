"""Results of sweeps for reading: what is in them as text, and one variable along the axes of the grid."""

import json
import re
import textwrap
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import xarray as xr

from toymodels import features, models, tasks, training
from toymodels.checks import near_matches
from toymodels.features import EXPONENTIAL, SIGNED_UNIFORM, UNIFORM
from toymodels.identities import describe
from toymodels.sweeps.select import best, fraction, summary

KNOWN = {
    "loss": "mean task loss on the evaluation sample, NaN if diverged",
    "objective": "mean of what was minimised on the same sample: the loss with all penalties",
    "final_loss": "mean task loss of the batches of the last stretch of training",
    "history": "mean task loss of the batches up to each step since the one before",
    "diverged": "step at which the loss stopped being finite, or -1",
}
KEPT = ("step", "snapshot")
"""Dimensions inside a variable that are axes of a picture too."""


def overview(results: xr.Dataset) -> str:
    """What the results of a sweep hold, as text: how many models are finished and have diverged, the best one, axes and
    variables, and the configuration without what has its default.

    Args:
        results: what `sweep` or `load` returns, or a selection of it.

    Raises:
        ValueError: for results that have no loss or tell nothing of divergence.
    """
    _check_results("overview", results)
    config = json.loads(results.attrs.get("config", "{}"))
    blocks = [
        [_count(results), _best(results)],
        ["axes", *_columns(_axes(results))],
        ["each model has", *_columns(_variables(results, config))],
        ["configuration", *_columns(_configuration(config, results.attrs))],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if len(block) > 1)


def along_grid(results: xr.Dataset, name: str = "loss") -> xr.DataArray:
    """A variable along the axes of the grid and, where it has them, `step` and `snapshot`.

    Of restarts the one with the lowest loss is taken; along other dimensions, such as `feature`, the mean. Of
    `diverged` it is the share of models that diverged, over restarts and seeds. The attribute `reduced` says in words
    what was done.

    Raises:
        ValueError: for an unknown name, with near matches, and for results of no sweep.
    """
    _check_results("along_grid", results)
    if name not in results:
        raise ValueError(f"The results have no {name!r}. {near_matches(name, map(str, results))}")
    grid = [str(dim) for dim in results["loss"].dims]
    if name == "diverged":
        finished = results["diverged"].notnull()
        models = [dim for dim in grid if dim in ("restart", "seed")]
        bad = results["diverged"] >= 0
        shares = fraction(bad, models, where=finished) if models else bad.where(finished)
        return shares.rename(name).assign_attrs(
            reduced=f"share of models over {' and '.join(models)}" if models else ""
        )
    reduced = []
    if "restart" in grid:
        reduced.append(f"best of {results.sizes['restart']} restarts")
        results = best(results)
    values = results[name]
    if inside := [str(dim) for dim in values.dims if dim not in (*grid, *KEPT)]:
        reduced.append(f"mean over {' and '.join(inside)}")
        values = summary(values, inside, ())["mean"]
    return values.rename(name).assign_attrs(reduced=", ".join(reduced))


def _check_results(owner: str, results: xr.Dataset) -> None:
    for name in ("loss", "diverged"):
        if name not in results:
            raise ValueError(f"{owner} needs the results of a sweep. These have no {name!r}.")


def _count(results: xr.Dataset) -> str:
    diverged = results["diverged"]
    finished, bad = int(diverged.notnull().sum()), int((diverged >= 0).sum())
    sizes = " x ".join(f"{size} {dim}" for dim, size in diverged.sizes.items())
    models = f"{diverged.size:,} models" + (f" ({sizes})" if sizes else "")
    return f"{models}: {'all' if finished == diverged.size else f'{finished:,}'} finished, {bad or 'none'} diverged"


def _best(results: xr.Dataset) -> str:
    loss = results["loss"].compute()
    numbers = np.where(np.isfinite(loss.values), loss.values, np.inf)
    if np.isinf(numbers).all():
        return "no model has a finite loss"
    place = dict(zip(loss.dims, map(int, np.unravel_index(numbers.argmin(), numbers.shape)), strict=True))
    lowest = loss.isel(place)
    labels = place | {name: at.item() for name, at in lowest.coords.items()}  # by number where nothing is labelled
    names = [*loss.dims, *sorted(map(str, set(labels) - set(loss.dims)))]
    said = [f"{name} = {_short(labels[name])}" for name in names]
    return f"best loss {lowest.item():.6g}" + (f" at {', '.join(said)}" if said else "")


def _axes(results: xr.Dataset) -> list[list[str]]:
    """Name, length and values of each dimension, the grid's before those of single variables."""
    grid = list(results["loss"].dims)
    rows = []
    for dim in [*grid, *sorted(map(str, set(results.sizes) - set(grid)))]:
        coords = sorted(str(name) for name in results.coords if results[name].dims == (dim,))
        others = [name for name in coords if name != dim]
        rows.append([str(dim), str(results.sizes[dim]), "" if others or not coords else _span(results[dim])])
        rows += [[f"  {name}", "", _span(results[name])] for name in others]
    return rows


def _span(values: xr.DataArray) -> str:
    texts = [_short(value) for value in values.values.tolist()]
    return ", ".join(texts if len(texts) <= 6 else [*texts[:2], "...", texts[-1]])


def _variables(results: xr.Dataset, config: Mapping[str, Any]) -> list[list[str]]:
    """Name, own dimensions and meaning of each variable: what all sweeps have, parameters, metrics."""
    grid = results["loss"].dims
    metrics = config.get("metrics", {})
    rows = []
    for name in sorted(map(str, results), key=lambda name: (name not in KNOWN, name in metrics, name)):
        sizes = [f"{size} {dim}" for dim, size in results[name].sizes.items() if dim not in grid]
        kind, dot, _ = name.partition(".")
        meaning = {"snapshots.": "parameters at snapshots", "state.": "other state"}.get(kind + dot, "parameters")
        rows.append([name, " x ".join(sizes) or "one number", (KNOWN | metrics).get(name, meaning)])
    return rows


def _configuration(config: Mapping[str, Any], attrs: Mapping[str, Any]) -> list[list[str]]:
    varied = [label for labels in config.get("over", {}).values() for label in labels]
    rows = [[name, _words(config[name], varied, name)] for name in ("model", "task", "recipe") if name in config]
    if config and "seed" not in varied:
        rows.append(["seed", str(config.get("seed"))])
    versions = [f"{name} {config['versions'][name]}" for name in ("toymodels", "jax") if "versions" in config]
    device = [f"on {attrs['device']}"] if attrs.get("device") else []
    if versions or device:
        rows.append(["made by", ", ".join(versions + device)])
    if attrs.get("began"):
        rows.append(["when", f"{attrs['began']}, {attrs.get('seconds', 0):g} seconds"])
    return rows


def _words(description: Any, varied: Collection[str] = (), path: str = "") -> str:
    """What `describe` made, as Python would write it: without defaults, functions and types by their last names, and
    "varied" instead of the fields that have one of the names `varied`."""
    if any(path == name or path.endswith(f".{name}") for name in varied):
        return "varied"
    if isinstance(description, Mapping):
        return _words_of_table(description, varied, path)
    if isinstance(description, list):
        items = [_words(item, varied, f"{path}[{place}]") for place, item in enumerate(description)]
        return f"[{', '.join(items if len(items) <= 8 else [*items[:4], '...', items[-1]])}]"
    if isinstance(description, str):
        return re.sub(r"^(\w+\.)+(?=\S+$)|#[0-9a-f]{12}$", "", description)
    return _short(description)


def _words_of_table(table: Mapping[str, Any], varied: Collection[str], path: str) -> str:
    if "sha256" in table:
        return f"array{tuple(table['shape'])}"
    if "dtype" in table and "type" not in table:
        return _words(table["values"], varied, path)
    for name, values in VALUES.items():
        if table == describe(values):
            return name
    given = {name: value for name, value in table.items() if name not in ("type", "function", "arguments")}
    if "function" in table:
        arguments = [_words(item) for item in (table["function"], *table["arguments"])]
        return _call("partial", [*arguments, *_keywords(given, varied, path)])
    defaults = _defaults(table.get("type"))
    changed = {
        name: value
        for name, value in given.items()
        if name not in defaults or defaults[name] != value or _words(value, varied, f"{path}.{name}") == "varied"
    }
    return _call(_words(table.get("type", "")), _keywords(changed, varied, path))


VALUES = {"UNIFORM": UNIFORM, "SIGNED_UNIFORM": SIGNED_UNIFORM, "EXPONENTIAL": EXPONENTIAL}


def _keywords(given: Mapping[str, Any], varied: Collection[str], path: str) -> list[str]:
    return [f"{name}={_words(value, varied, f'{path}.{name}')}" for name, value in given.items()]


def _call(name: str, arguments: Iterable[str]) -> str:
    return f"{name}({', '.join(arguments)})"


def _defaults(name: str | None) -> dict[str, Any]:
    """Descriptions of the defaults of one of this package's specifications; those of others are not known."""
    found = (getattr(package, name or "", None) for package in (features, models, tasks, training))
    cls = next((one for one in found if isinstance(one, type) and is_dataclass(one)), None)
    if cls is None:
        return {}
    return {field.name: describe(field.default) for field in fields(cls)}


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else textwrap.shorten(str(value), 60, placeholder=" ...")


def _columns(rows: list[list[str]], width: int = 110) -> list[str]:
    """Rows as lines, indented and aligned; the last column is wrapped."""
    if not rows:
        return []
    widths = [max(map(len, column)) for column in list(zip(*rows, strict=True))[:-1]]
    indent = "  " + "  ".join(" " * size for size in widths) + "  "
    lines = []
    for *first, last in rows:
        start = "  " + "  ".join(cell.ljust(size) for cell, size in zip(first, widths, strict=True)) + "  "
        wrapped = textwrap.wrap(last, max(30, width - len(indent)), break_long_words=False) or [""]
        lines += [start + wrapped[0], *(indent + "  " + line for line in wrapped[1:])]
    return [line.rstrip() for line in lines]
