"""What a sweep varies, in TOML.

[over]
density = { geomspace = [1.0, 0.01, 20] }
"importance.decay" = [0.7, 0.9]
output_activation = ["relu", "gelu"]
seed = { range = [10] }
"""

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass
from typing import Any

import numpy as np

from toymodels.checks import near_matches
from toymodels.cli.toml import read_value
from toymodels.sweeps.axes import Over
from toymodels.sweeps.fields import find
from toymodels.training.engine.cells import Cell


def read_over(table: Any, cell: Cell) -> Over:
    """What `over` of a TOML file stands for, as `sweep` takes it: ranges as numbers, tables as specifications.

    Args:
        table: a table of fields and axes, or a list of tables, one per point.
        cell: the configuration of which fields are varied.

    Raises:
        ValueError: for fields that there are not, wrong ranges, and names of what does not exist.

    >>> from toymodels import Autoencoder, Independent, Recipe, Task
    >>> cell = Cell(Autoencoder(5, 2), Task(Independent(5)), Recipe())
    >>> read_over({"density": {"linspace": [0.0, 1.0, 3]}, "seed": {"range": [2]}}, cell)
    {'density': [0.0, 0.5, 1.0], 'seed': [0, 1]}
    """
    if isinstance(table, list):
        return [_read_point(point, cell) for point in table]
    if isinstance(table, Mapping):
        return {name: _read_axis(name, values, cell) for name, values in table.items()}
    raise ValueError(f"over must be a table of fields, or a list of tables. Got {table!r}.")


def _read_point(point: Any, cell: Cell) -> dict[str, Any]:
    if not isinstance(point, Mapping):
        raise ValueError(f"over must be a table of fields, or a list of tables. Got {point!r} in a list.")
    return {name: _read_value(name, value, cell) for name, value in point.items()}


def _read_axis(name: str, given: Any, cell: Cell) -> Any:
    """The values of a field, or those of several fields that move together."""
    if not isinstance(given, Mapping) or set(given) & set(RANGES):
        return _read_values(name, given, cell)
    _check_no_part(name, given, cell)
    for label in given:
        _check_no_misspelt_range(name, label, cell)
    return {label: _read_values(label, values, cell) for label, values in given.items()}


def _read_values(label: str, given: Any, cell: Cell) -> Any:
    if isinstance(given, Mapping):
        return _read_range(label, given)
    if isinstance(given, list):
        return [_read_value(label, value, cell) for value in given]
    return given  # which `sweep` refuses


def _read_value(label: str, value: Any, cell: Cell) -> Any:
    return value if label == "seed" else read_value(value, find(cell, label).value, f"over: {label}")


RANGES: Mapping[str, tuple[Callable[..., Any], Sequence[int], str]] = {
    "range": (range, (1, 2, 3), "[stop], [start, stop] or [start, stop, step]"),
    "linspace": (np.linspace, (3,), "[first, last, how many]"),
    "geomspace": (np.geomspace, (3,), "[first, last, how many]"),
}
"""What makes the values, how many arguments it takes, and which."""


def _read_range(label: str, given: Mapping[str, Any]) -> list[Any]:
    kind, *others = given
    if others or kind not in RANGES:
        raise ValueError(f"over has {dict(given)} for {label!r}. Give a list, or one of {', '.join(RANGES)}.")
    make, counts, arguments = RANGES[kind]
    numbers = given[kind]
    try:
        if not isinstance(numbers, list) or len(numbers) not in counts:
            raise TypeError(f"it takes {arguments}")
        with np.errstate(invalid="ignore"):
            return np.asarray(make(*numbers)).tolist()
    except (TypeError, ValueError) as error:
        raise ValueError(f"over has a wrong {kind} for {label!r}: {error}. Got {numbers!r}.") from error


def _check_no_part(name: str, given: Mapping[str, Any], cell: Cell) -> None:
    """Refuse `recipe.steps = [...]`, which TOML reads as a table `recipe`: it would move fields together unasked."""
    try:
        part = find(cell, name).value
    except ValueError:
        return
    if is_dataclass(part):
        quoted = ", ".join(f'"{name}.{label}" = ...' for label in given)
        raise ValueError(
            f"over has a table {name!r}, which is a part of the configuration. Write {quoted} with the quotation marks "
            "to vary fields of it, or give an axis along which fields move together a name of its own."
        )


def _check_no_misspelt_range(name: str, label: str, cell: Cell) -> None:
    if difflib.get_close_matches(label, RANGES, cutoff=0.7):
        try:
            find(cell, label)
        except ValueError:
            raise ValueError(f"over has {label!r} for {name!r}. {near_matches(label, RANGES)}") from None
