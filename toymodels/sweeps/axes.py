"""Axes: what `over` says is to be varied.

{"density": [...], "seed": range(10)}                     a product: every density with every seed
{"pair": {"density": [...], "importance.decay": [...]}}   one axis along which several fields move together
[{"density": 0.1, "n_hidden": 2}, {...}]                  an explicit list of points
"""

import functools
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from toymodels.checks import check_seed
from toymodels.specifications import written
from toymodels.sweeps.fields import Field, Path, find, path_name, replaced, value_at
from toymodels.training.engine.cells import Cell
from toymodels.training.engine.code import is_numeric

Over = Mapping[str, Any] | Sequence[Mapping[str, Any]]

SEED: Path = ("seed",)
RESERVED = frozenset(
    {"feature", "hidden", "restart", "step", "snapshot", "loss", "objective", "final_loss", "diverged", "history"}
)
"""Names of results that no axis can have."""

LONGEST, MOST_NUMBERS = 60, 6
"""Characters of a label, and numbers of an array that are written out in it."""


class Varied(NamedTuple):
    """One field along one axis.

    Attributes:
        label: its name as the user wrote it.
        path: where it is, or `SEED`.
        values: one for each position of the axis.
        numeric: whether all values are numbers or arrays of equal shape for leaves of the pytree, so that
            one program serves them all.
    """

    label: str
    path: Path
    values: tuple[Any, ...]
    numeric: bool


class Axis(NamedTuple):
    """One axis of a grid.

    Attributes:
        name: its name in the results.
        varied: the fields that move along it, all with as many values.
    """

    name: str
    varied: tuple[Varied, ...]

    @property
    def length(self) -> int:
        """Number of positions."""
        return len(self.varied[0].values)

    def coordinates(self) -> dict[str, list[Any]]:
        """The values of each field, as numbers and strings: what labels the results. An axis along which several fields
        move has a name of its own, and is labelled by their values if these are equal, or else by numbers."""
        labels = {one.label: _labels(one.values) for one in self.varied}
        if self.name in labels:
            return labels
        first, *others = labels.values()
        alike = first if all(one == first for one in others) else list(range(self.length))
        return {self.name: alike, **labels}


def read_axes(over: Over, cell: Cell) -> tuple[Axis, ...]:
    """The axes that `over` describes, in its order.

    Raises:
        ValueError, TypeError: for unknown or ambiguous names, empty axes, lengths that differ, NaN and repeated values.
    """
    if isinstance(over, Mapping):
        axes = tuple(_read_axis(name, values, cell) for name, values in over.items())
    elif isinstance(over, Sequence) and not isinstance(over, str):
        axes = (_read_points(over, cell),)
    else:
        raise TypeError(f"over must map fields to values, or be a list of points. Got {over!r}.")
    seen: dict[Path, str] = {}
    for axis in axes:
        for one in axis.varied:
            if one.path in seen:
                raise ValueError(f"over varies {path_name(one.path)} twice: as {seen[one.path]!r} and {one.label!r}.")
            seen[one.path] = one.label
    _check_names(axes)
    return axes


def _read_axis(name: str, values: Any, cell: Cell) -> Axis:
    if not isinstance(name, str):
        raise TypeError(f"over must name its fields by strings. Got {name!r}.")
    if not isinstance(values, Mapping):
        varied = _read_field(name, values, cell)
        _check_distinct(varied)
        return Axis(name, (varied,))
    if not values:
        raise ValueError(f"over has an axis {name!r} without fields.")
    together = tuple(_read_field(label, one, cell) for label, one in values.items())
    lengths = {one.label: len(one.values) for one in together}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"over moves fields together along {name!r} whose numbers of values differ: {lengths}.")
    return Axis(name, together)


def _read_points(points: Sequence[Any], cell: Cell) -> Axis:
    if not points:
        raise ValueError("over must have at least one point. Got an empty list.")
    for number, point in enumerate(points):
        if not isinstance(point, Mapping) or not point:
            raise TypeError(f"over must have points that map fields to values. Got {point!r} at index {number}.")
        if set(point) != set(points[0]):
            raise ValueError(
                f"over must have points with the same fields. Point 0 has {sorted(points[0])}, point {number} has "
                f"{sorted(point)}."
            )
    return _read_axis("point", {name: [point[name] for point in points] for name in points[0]}, cell)


def _read_field(label: str, values: Any, cell: Cell) -> Varied:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"over must give a sequence of values for {label!r}. Got {values!r}.")
    items = [_plain(value) for value in values]
    if not items:
        raise ValueError(f"over has no values for {label!r}.")
    if label == "seed":
        for item in items:
            check_seed("over", "each seed", item)
        return Varied(label, SEED, tuple(items), numeric=False)
    field = find(cell, label)
    items = [_named(cell, field, item) for item in items]
    if not field.static and all(map(_is_numbers, items)):
        items = [item if is_numeric(item) else np.asarray(item) for item in items]
    for number, item in enumerate(items):
        if is_numeric(item) and np.isnan(np.asarray(item, dtype=float)).any():
            raise ValueError(f"over must not have NaN among the values for {label!r}. Got {item!r} at index {number}.")
    return Varied(label, field.path, tuple(items), _numeric(field, items))


def _named(cell: Cell, field: Field, item: Any) -> Any:
    """A value of a field, or what a name there stands for."""
    named = isinstance(item, str) or (isinstance(item, tuple | list) and any(isinstance(one, str) for one in item))
    return value_at(replaced(cell, field.path, item), field.path) if named else item


def _numeric(field: Field, items: Sequence[Any]) -> bool:
    return not field.static and all(map(is_numeric, items)) and len(set(map(np.shape, items))) == 1


def _is_numbers(value: Any) -> bool:
    """Whether it is a number, an array, or a list of numbers."""
    return is_numeric(value) or (isinstance(value, tuple | list) and bool(value) and all(map(is_numeric, value)))


def _plain(value: Any) -> Any:
    """A number of numpy's or JAX's as Python's, and an array of JAX's as numpy's.

    A number of low precision becomes the decimal number that was meant: 0.1 of float32, not 0.10000000149011612.
    """
    if isinstance(value, jax.Array):
        value = np.asarray(value)
    if not isinstance(value, np.generic) and not (isinstance(value, np.ndarray) and value.ndim == 0):
        return value
    return float(str(value)) if jnp.issubdtype(value.dtype, jnp.floating) else value.item()


def _check_names(axes: Sequence[Axis]) -> None:
    names = [name for axis in axes for name in axis.coordinates()]
    for name in names:
        if name in RESERVED:
            raise ValueError(
                f"over has {name!r}, which is the name of a result. Rename the axis, or give a whole path."
            )
        if names.count(name) > 1:
            raise ValueError(f"over has {name!r} twice: as an axis, and as a field along another. Rename the axis.")


def _check_distinct(varied: Varied) -> None:
    seen: set[Any] = set()
    for value in varied.values:
        if isinstance(value, int | float | str):
            if value in seen:
                raise ValueError(
                    f"over must not repeat values along an axis. Got {value!r} twice for {varied.label!r}."
                )
            seen.add(value)


def _labels(values: Sequence[Any]) -> list[Any]:
    """Numbers and strings as they are, functions by name, all else by a short description; no label twice."""
    if all(isinstance(value, bool | int | float | str) for value in values):
        return list(values)
    labels = [_label(value) for value in values]
    return [label if labels.count(label) == 1 else f"{label} #{place}" for place, label in enumerate(labels)]


def _label(value: Any) -> str:
    """One line of at most `LONGEST` characters. What was cut ends in a digest of the whole."""
    text = _described(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 10]}... #{_digest(text.encode())}"


def _described(value: Any) -> str:
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _described_array(np.asarray(value))
    if isinstance(value, functools.partial):
        given = [*map(_described, value.args), *(f"{name}={_described(one)}" for name, one in value.keywords.items())]
        return f"{_described(value.func)}({', '.join(given)})"
    return " ".join(re.sub(r" at 0x[0-9a-f]+", "", written(value)).split())


def _described_array(array: np.ndarray) -> str:
    """Few numbers as they are, many by their shape and a digest."""
    if array.size <= MOST_NUMBERS:
        return json.dumps(_numbers(array), default=str)
    content = f"{array.shape}".encode() + np.ascontiguousarray(array).astype(float).tobytes()
    return f"array{array.shape} #{_digest(content)}"


def _numbers(array: Any) -> Any:
    """Nested lists of Python's numbers."""
    return [_numbers(row) for row in array] if np.ndim(array) else _plain(array)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:6]
