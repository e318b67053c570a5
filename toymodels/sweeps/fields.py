"""Fields by name: which number, size or function of a configuration a sweep varies.

A field's full name is its path from the cell: `task.features.density`, `recipe.learning_rate`, `model.n_hidden`,
`task.features.parts[0].density`. The end of the path will do where only one field ends so: `density`. A number in
brackets after an array means one of its elements: `density[4]`. Nothing here knows any field by name.
"""

import dataclasses
import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.tree_util import DictKey, GetAttrKey, SequenceKey

from toymodels.checks import near_matches
from toymodels.specifications import with_fields
from toymodels.training.engine.code import is_numeric

Path = tuple[str | int, ...]


class Field(NamedTuple):
    """A place in a configuration.

    Attributes:
        path: how to get there from the cell.
        static: whether it is part of the program, and no leaf of the pytree.
        value: what stands there.
    """

    path: Path
    static: bool
    value: Any


def find(cell: Any, name: str) -> Field:
    """The field that a name means.

    Raises:
        ValueError: if there is none, with the near matches, or more than one.
    """
    parts = _parse(name)
    everything = list(_fields(cell, (), static=False))
    found = _ending_with(everything, parts)
    if not found and parts and isinstance(parts[-1], int):
        found = [_element(field, parts[-1], name) for field in _ending_with(everything, parts[:-1])]
    exact = [field for field in found if field.path == parts]
    if exact:
        return exact[0]
    if not found:
        names = {full[start:] for full in map(_dotted, everything) for start in _starts(full)}
        raise ValueError(f"over names {name!r}, which is not a field. {near_matches(name, names)}")
    if len(found) > 1:
        full = [path_name(field.path) for field in found]
        together = ", ".join(f"{one!r}: [...]" for one in full)
        raise ValueError(
            f"over names {name!r}, which could be {' or '.join(full)}. Give the full name of one, or move them "
            f"together: over={{{name!r}: {{{together}}}}}."
        )
    return found[0]


def value_at(node: Any, path: Path) -> Any:
    """What stands at `path`."""
    for part in path:
        node = _child(node, part)
    return node


def replaced(node: Any, path: Path, value: Any) -> Any:
    """`node` with `value` at `path`, or with what a name there stands for. Whether it fits is not checked."""
    if not path:
        return value
    first, *rest = path
    if isinstance(node, np.ndarray | jax.Array):
        array = np.array(node)
        array[first] = value
        return array
    inside = replaced(_child(node, first), tuple(rest), value)
    if hasattr(node, "_replace"):
        return node._replace(**{str(first): inside})
    if dataclasses.is_dataclass(node):
        return with_fields(node, **{str(first): inside})
    if isinstance(node, functools.partial):
        return functools.partial(node.func, *node.args, **{**node.keywords, str(first): inside})
    if isinstance(node, Mapping):
        return {**node, first: inside}
    return type(node)(inside if place == first else item for place, item in enumerate(node))


def leaf_numbers(cell: Any) -> dict[Path, int]:
    """The number, in the order of `jax.tree.leaves`, of the leaf at each path."""
    leaves, _ = jax.tree_util.tree_flatten_with_path(cell)
    return {tuple(map(_key_name, path)): number for number, (path, _) in enumerate(leaves)}


def path_name(path: Path) -> str:
    """`task.features.parts[0].density`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _parse(name: str) -> Path:
    """The parts of a dotted name with numbers in brackets; empty if it is not such a name."""
    if not re.fullmatch(r"\w+(\[\d+\])*(\.\w+(\[\d+\])*)*", name):
        return ()
    return tuple(int(number) if number else word for word, number in re.findall(r"([^\W\d]\w*)|(\d+)", name))


def _fields(node: Any, path: Path, static: bool) -> Iterator[Field]:
    """All places below a node."""
    for part, child, child_static in _children(node):
        place = (*path, part)
        yield Field(place, static or child_static, child)
        yield from _fields(child, place, static or child_static)


def _children(node: Any) -> Iterator[tuple[str | int, Any, bool]]:
    """Name, value, and whether it is static, of each part of a node."""
    if isinstance(node, type):
        return
    if hasattr(node, "_fields"):
        yield from ((name, getattr(node, name), False) for name in node._fields)
    elif dataclasses.is_dataclass(node):
        for field in dataclasses.fields(node):
            yield field.name, getattr(node, field.name), bool(field.metadata.get("static"))
    elif isinstance(node, functools.partial):
        yield from ((name, value, True) for name, value in node.keywords.items())
    elif isinstance(node, Mapping):
        yield from ((name, value, False) for name, value in node.items())
    elif isinstance(node, tuple | list) and not all(map(is_numeric, node)):
        yield from ((place, item, False) for place, item in enumerate(node))


def _child(node: Any, part: str | int) -> Any:
    for name, child, _ in _children(node):
        if name == part:
            return child
    raise ValueError(f"There is no {part!r} in {node!r}, which a sweep puts in its place.")


def _ending_with(fields: list[Field], parts: Path) -> list[Field]:
    return [field for field in fields if parts and field.path[-len(parts) :] == parts]


def _element(field: Field, index: int, name: str) -> Field:
    """One element of a field's array."""
    shape = np.shape(field.value) if is_numeric(field.value) or isinstance(field.value, tuple | list) else ()
    if field.static or not shape:
        raise ValueError(
            f"over names {name!r}, but {path_name(field.path)} is not an array. Got {field.value!r}; give it one "
            "number for each feature first."
        )
    if index >= shape[0]:
        raise ValueError(f"over names {name!r}, but {path_name(field.path)} has only {shape[0]} elements.")
    return Field((*field.path, index), False, np.asarray(field.value)[index])


def _dotted(field: Field) -> str:
    return path_name(field.path)


def _starts(name: str) -> list[int]:
    """Where a part of a dotted name begins."""
    return [0, *(place + 1 for place, letter in enumerate(name) if letter == ".")]


def _key_name(key: Any) -> str | int:
    if isinstance(key, GetAttrKey):
        return key.name
    if isinstance(key, SequenceKey):
        return key.idx
    if isinstance(key, DictKey):
        return key.key
    return str(key)
