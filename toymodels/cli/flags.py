"""Flags: dataclasses as command lines.

A setting is named by its path, `--task.features.density`, or by the end of it where no other ends so, `--density`, as
in the `over` of a sweep. What has a name is given by name. What no text can stand for has no flag.
"""

import dataclasses
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin, get_type_hints

import tyro
from tyro.constructors import (
    ConstructorRegistry,
    PrimitiveConstructorSpec,
    PrimitiveTypeInfo,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from toymodels import files
from toymodels.features import VALUES, Values
from toymodels.names import Names
from toymodels.specifications import named_fields
from toymodels.tasks import ATTACKS, LOSSES, Attack
from toymodels.training import SCHEDULES

T = TypeVar("T")

LETTERS = {"n_features": "-n", "n_hidden": "-m", "density": "-p"}
"""Flags of one letter: the papers' n, m, and the probability of a feature."""


def parse(command: str, description: str, job: type[T], arguments: Sequence[str], defaults: T | None = None) -> T:
    """The job that the arguments of `toymodels COMMAND` describe; whatever they do not name is as in `defaults`."""
    read = tyro.cli(
        job,
        prog=f"toymodels {command}",
        description="\n\n".join(filter(None, (description.rstrip(), _names_in(defaults)))),
        args=arguments,
        default=tyro.MISSING_NONPROP if defaults is None else defaults,
        config=(tyro.conf.SuppressFixed, tyro.conf.DisallowNone),
        registry=_registry(defaults),
    )
    paths = {name: value for name, value in vars(read).items() if isinstance(value, Path)}
    return dataclasses.replace(read, **{name: files.expanded(path) for name, path in paths.items()})  # type: ignore[type-var]


def short_flags(job: Any) -> dict[str, tuple[str, ...]]:
    """The other flags of the settings in the parts of a job, by their paths. That of `n_features` is the first one's,
    the model's: the features follow it (`toymodels.cli.sizes`).

    >>> from toymodels.cli.train import DEFAULTS
    >>> short_flags(DEFAULTS)["task.features.density"]
    ('-p', '--density')
    """
    paths = [path for path, _, _ in _settings(job)]
    names = [path.rpartition(".")[2] for path in paths]
    return {
        path: (*filter(None, [LETTERS.get(name)]), f"--{name.replace('_', '-')}")
        for place, (path, name) in enumerate(zip(paths, names, strict=True))
        if path != name and (names.count(name) == 1 or (name == "n_features" and name not in names[:place]))
    }


def flags_of(job: Any, path: str) -> set[str]:
    """All flags of a setting."""
    return {f"--{path}".replace("_", "-"), *short_flags(job).get(path, ())}


def _settings(value: Any, prefix: str = "") -> Iterator[tuple[str, Any, str]]:
    """All settings of a job: the path, whose it is, and the name there."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if field.init:
                yield f"{prefix}{field.name}", value, field.name
                yield from _settings(getattr(value, field.name), f"{prefix}{field.name}.")


def _registry(job: Any) -> ConstructorRegistry:
    """How tyro reads a part of a job, with its short flags; and what has a name: as the name, which the specification
    looks up when it is made."""
    registry, short = ConstructorRegistry(), short_flags(job)
    flags = {(id(owner), name): short[path] for path, owner, name in _settings(job) if path in short}

    @registry.struct_rule
    def _part(info: StructTypeInfo) -> StructConstructorSpec | None:
        part, cls = info.default, type(info.default)
        if not dataclasses.is_dataclass(cls):
            return None
        hints, told = get_type_hints(cls, include_extras=True), _attributes(cls)
        fields = []
        for name in (field.name for field in dataclasses.fields(cls) if field.init):
            value = getattr(part, name)
            kind: Any = type(value) if hints[name] is Any else hints[name]
            with_flags = Annotated[kind, tyro.conf.arg(aliases=flags.get((id(part), name)))]
            fields.append(StructFieldSpec(name, with_flags, value, told.get(name)))
        return StructConstructorSpec(cls, tuple(fields))

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


def _attributes(cls: type) -> dict[str, str]:
    """What the docstring of a class says of its attributes, by name; of two together as well."""
    _, _, section = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    found = re.findall(r"^    (\w[\w, ]*): (.*\n?(?:^     .*\n?)*)", section.partition("\n\n")[0], re.MULTILINE)
    return {name.strip(): " ".join(text.split()) for names, text in found for name in names.split(",")}


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
    """The kinds of names in the fields of a specification that have flags, and in those of its parts."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        hints = get_type_hints(type(value))
        yield from (names for name, names in named_fields(type(value)).items() if hints[name] is not Any)
        for field in dataclasses.fields(value):
            yield from _kinds(getattr(value, field.name))
