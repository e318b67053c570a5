"""Flags: dataclasses as command lines. What has a name is given by name."""

import dataclasses
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from toymodels import files
from toymodels.features import VALUES, Values
from toymodels.names import Names
from toymodels.specifications import named_fields
from toymodels.tasks import ATTACKS, LOSSES, Attack
from toymodels.training import SCHEDULES

T = TypeVar("T")


def parse(command: str, description: str, job: type[T], arguments: Sequence[str], defaults: T | None = None) -> T:
    """The job that the arguments of `toymodels COMMAND` describe; whatever they do not name is as in `defaults`."""
    read = tyro.cli(
        job,
        prog=f"toymodels {command}",
        description="\n\n".join(filter(None, (description.rstrip(), _names_in(defaults)))),
        args=arguments,
        default=tyro.MISSING_NONPROP if defaults is None else defaults,
        registry=_registry(),
    )
    paths = {name: value for name, value in vars(read).items() if isinstance(value, Path)}
    return dataclasses.replace(read, **{name: files.expanded(path) for name, path in paths.items()})  # type: ignore[type-var]


def _registry() -> ConstructorRegistry:
    """How tyro reads what has a name: as the name, which the specification looks up when it is made."""
    registry = ConstructorRegistry()

    @registry.primitive_rule
    def _named(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
        kinds = (info.type, *get_args(info.type))
        if not any(kind in (Values, Attack, Callable) or get_origin(kind) is Callable for kind in kinds):
            return None
        return PrimitiveConstructorSpec(
            nargs=1,
            metavar="NAME",
            instance_from_str=lambda given: None if given == ["None"] else given[0],
            is_instance=lambda value: True,
            str_from_instance=lambda value: [_name(value)],
        )

    return registry


def _name(value: Any) -> str:
    """How a default is shown: by the name that it has in toymodels, or its own."""
    known = (
        name for names in (ATTACKS, LOSSES, SCHEDULES, VALUES) for name, one in names.table.items() if one is value
    )
    return next(known, getattr(value, "__name__", "None" if value is None else "own"))


def _names_in(job: Any) -> str:
    """What NAME may be in the fields of a job, for each kind of them."""
    kinds = dict.fromkeys(_kinds(job))
    if not kinds:
        return ""
    lines = [f"{names.kind}: {', '.join(names.table) or 'only module:function'}" for names in kinds]
    wrapped = (textwrap.fill(line, 100, initial_indent="  ", subsequent_indent="    ") for line in lines)
    return "\n".join(["A NAME is one of these, or module:function, which is one of your own:", *wrapped])


def _kinds(value: Any) -> Iterator[Names]:
    """The kinds of names in the fields of a specification, and in those of its parts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from named_fields(type(value)).values()
        for field in dataclasses.fields(value):
            yield from _kinds(getattr(value, field.name))
