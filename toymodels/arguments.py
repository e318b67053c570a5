"""Arguments that a function does not have: what was meant, instead of Python's message alone."""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from toymodels.checks import close_names, near_matches

F = TypeVar("F", bound=Callable[..., Any])


def told_apart(elsewhere: Mapping[str, str]) -> Callable[[F], F]:
    """A decorator of functions that take specifications: of an argument that it does not have, the function says whose
    field it is, or which name is like it.

    Args:
        elsewhere: sentences on names that are neither.

    >>> from toymodels.specifications import specification
    >>> @specification
    ... class Lamp:
    ...     colour: str = "red"
    >>> @told_apart({})
    ... def shine(lamp=Lamp(), *, hours=1): ...
    >>> shine(colour="blue")
    Traceback (most recent call last):
    TypeError: shine has no argument 'colour'. It belongs to lamp: Lamp(colour=...).
    """

    def decorated(function: F) -> F:
        parameters = inspect.signature(function).parameters

        @functools.wraps(function)
        def checked(*values: Any, **named: Any) -> Any:
            for name in named:
                if name not in parameters:
                    defaults = {one.name: one.default for one in parameters.values()}
                    given = {**defaults, **dict(zip(parameters, values, strict=False)), **named}
                    said = elsewhere.get(name) or _meant(name, {one: given[one] for one in parameters})
                    raise TypeError(f"{function.__name__} has no argument {name!r}. {said}")
            return function(*values, **named)

        return checked  # type: ignore[return-value]

    return decorated


def _meant(name: str, arguments: Mapping[str, Any]) -> str:
    """A sentence on what a name may mean, among the arguments of a function and the fields of what they are."""
    fields = [field for argument, value in arguments.items() for field in _fields(value, argument)]
    known = {one for one, _, _ in fields}
    if name in known:
        return _belongs(name, fields, arguments)
    close = close_names(name, {*arguments, *known})[:1]
    said = near_matches(name, close or arguments)
    return " ".join([said, *(_belongs(one, fields, arguments) for one in close if one not in arguments)])


def _belongs(name: str, fields: list[tuple[str, str, str]], arguments: Mapping[str, Any]) -> str:
    where = " and to ".join(f"{path}: {owner}({name}=...)" for one, path, owner in fields if one == name)
    vary = f" To vary it: over={{{name!r}: [...]}}." if "over" in arguments else ""
    return f"It belongs to {where}.{vary}"


def _fields(value: Any, path: str) -> Iterator[tuple[str, str, str]]:
    """All fields of a specification and of its parts: the name, where it stands, and whose it is."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            if field.init:
                yield field.name, path, type(value).__name__
                yield from _fields(getattr(value, field.name), f"{path}.{field.name}")
