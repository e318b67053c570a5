"""Specifications from TOML.

A table changes the fields that it names and leaves the others as they are. `type = "CorrelatedSets"` in a table makes a
new specification of that type from the table alone; a type of one's own is `type = "module:Class"`. Functions are given
by name, which the specifications look up themselves.
"""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_origin, get_type_hints

import toymodels
from toymodels import files
from toymodels.checks import near_matches
from toymodels.names import imported

T = TypeVar("T")


def split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """The TOML files among arguments, each with or without --config before it, and the other arguments.

    Raises:
        ValueError: for --config without a file.

    >>> split(["--config=job.toml", "--steps", "3"]), split(["job.toml"])
    ((['job.toml'], ['--steps', '3']), (['job.toml'], []))
    """
    paths, others = [], []
    rest = iter(arguments)
    for argument in rest:
        flag, _, value = argument.partition("=")
        if flag == "--config":
            paths.append(value or next(rest, ""))
        elif argument.lower().endswith(".toml") and not argument.startswith("-"):
            paths.append(argument)
        else:
            others.append(argument)
    if "" in paths:
        raise ValueError("--config needs the path of a TOML file.")
    return paths, others


def read_table(path: Path) -> dict[str, Any]:
    """What a TOML file says.

    Raises:
        ValueError: if it is not TOML.
        FileNotFoundError: if there is no such file.
    """
    try:
        return tomllib.loads(files.read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path} is not valid TOML: {error}") from error


def updated(spec: T, table: Mapping[str, Any], where: str) -> T:
    """`spec` with the fields that `table` names; `where` is named in errors."""
    if "type" in table:
        return _made(dict(table), where)
    if not dataclasses.is_dataclass(spec):
        raise ValueError(f"{where} must be a value, or a table with a type. Got {dict(table)}.")
    names = [field.name for field in dataclasses.fields(spec)]
    for name in table:
        if name not in names:
            raise ValueError(
                f"{where} names {name!r}, which is not a field of {type(spec).__name__}. {near_matches(name, names)}"
            )
    changes = {name: read_value(value, getattr(spec, name), f"{where}: {name}") for name, value in table.items()}
    return dataclasses.replace(spec, **changes)  # type: ignore[type-var]


def read_value(value: Any, default: Any, where: str) -> Any:
    """What a value in a TOML file stands for instead of `default`; `where` is named in errors.

    >>> read_value([[0, 1], [2]], (), "here")
    ((0, 1), (2,))

    Raises:
        ValueError: for names of what does not exist.
    """
    if isinstance(value, dict):
        return updated(default, value, where)
    if isinstance(default, float) and type(value) is int:
        return float(value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return tuple(updated(None, item, where) for item in value)
    if isinstance(value, list) and value and isinstance(value[0], list):
        return tuple(map(tuple, value))
    return value


def specification_type(name: Any, where: str) -> Any:
    """The specification that a `type` in a TOML file names; `where` is named in errors.

    Raises:
        ValueError: if there is none.
    """
    cls = imported(f"type of {where}", name) if ":" in str(name) else getattr(toymodels, str(name), None)
    if not isinstance(cls, type) or not dataclasses.is_dataclass(cls):
        kinds = [kind for kind in toymodels.__all__ if dataclasses.is_dataclass(getattr(toymodels, kind))]
        raise ValueError(f"{where} has type {name!r}, which is not a specification. {near_matches(str(name), kinds)}")
    return cls


def _made(table: dict[str, Any], where: str) -> Any:
    """A new specification of the type that the table names."""
    name = table.pop("type")
    cls = specification_type(name, where)
    defaults = {field.name: field.default for field in dataclasses.fields(cls)}
    for key in table:
        if key not in defaults:
            raise ValueError(f"{where} names {key!r}, which is not a field of {name}. {near_matches(key, defaults)}")
    values = {key: read_value(value, defaults[key], f"{where}: {key}") for key, value in table.items()}
    tuples = {key for key, hint in get_type_hints(cls).items() if get_origin(hint) is tuple}  # TOML has lists alone
    try:
        return cls(**{key: tuple(value) if key in tuples else value for key, value in values.items()})
    except TypeError as error:
        raise ValueError(f"{where} does not make a {name}: {error}") from error
