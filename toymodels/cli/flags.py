"""Flags: dataclasses as command lines. Functions and distributions of values are given by name."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_origin

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from toymodels import files
from toymodels.configuration import VALUES, function_named
from toymodels.features import Values

T = TypeVar("T")


def parse(command: str, description: str, job: type[T], arguments: Sequence[str], defaults: T | None = None) -> T:
    """The job that the arguments of `toymodels COMMAND` describe; whatever they do not name is as in `defaults`."""
    read = tyro.cli(
        job,
        prog=f"toymodels {command}",
        description=description,
        args=arguments,
        default=tyro.MISSING_NONPROP if defaults is None else defaults,
        registry=_registry(),
    )
    paths = {name: value for name, value in vars(read).items() if isinstance(value, Path)}
    return dataclasses.replace(read, **{name: files.expanded(path) for name, path in paths.items()})  # type: ignore[type-var]


def _registry() -> ConstructorRegistry:
    """How tyro reads functions and distributions of values: by name."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def _function(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
        if get_origin(info.type) is not Callable and info.type is not Callable:
            return None
        return _named("FUNCTION", function_named, lambda function: getattr(function, "__name__", repr(function)))

    @registry.primitive_rule
    def _values(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
        if info.type is not Values:
            return None
        names = {values: name for name, values in VALUES.items()}
        return _named("VALUES", VALUES.__getitem__, lambda values: names.get(values, "own"), tuple(VALUES))

    return registry


def _named(
    metavar: str, parse: Callable[[str], Any], name: Callable[[Any], str], choices: tuple[str, ...] | None = None
) -> PrimitiveConstructorSpec:
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar=metavar,
        instance_from_str=lambda given: parse(given[0]),
        is_instance=callable,
        str_from_instance=lambda instance: [name(instance)],
        choices=choices,
    )
