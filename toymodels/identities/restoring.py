"""From a description back to the value."""

import dataclasses
import enum
import functools
import pkgutil
from collections.abc import Mapping
from types import MethodType
from typing import Any

import numpy as np

from toymodels.identities.description import describe


def from_description(description: Any) -> Any:
    """What `describe` described: specifications, numbers, small arrays, and functions that are found again by name.

    Raises:
        ValueError: for what a description does not hold: functions without a name, or whose code has changed, large
            arrays, and objects of libraries.

    >>> from toymodels import Autoencoder
    >>> from_description(describe(Autoencoder(5, 2))) == Autoencoder(5, 2)
    True
    """
    if isinstance(description, list):
        return tuple(map(from_description, description))
    if isinstance(description, str):
        return _named(description) if "." in description else description
    if not isinstance(description, Mapping):
        return description
    rest = {name.removeprefix("."): value for name, value in description.items() if name not in _KINDS}
    if "type" in description:
        if "state" in description:
            raise ValueError(f"An object of type {description['type']} is only described by a digest. Give it again.")
        fields = {name.removeprefix("."): value for name, value in description.items() if name != "type"}
        return _made(_named(description["type"]), {name: from_description(value) for name, value in fields.items()})
    if "function" in description:
        function, arguments = description["function"], description["arguments"]
        keywords = {name: from_description(value) for name, value in rest.items()}
        return functools.partial(from_description(function), *from_description(arguments), **keywords)
    if "method" in description:
        return MethodType(from_description(description["method"]), from_description(description["of"]))
    if "sha256" in description:
        raise ValueError(f"An array of shape {description['shape']} is only described by a digest. Give it again.")
    if "dtype" in description:
        return np.array(description["values"], description["dtype"])
    return {name: from_description(value) for name, value in rest.items()}


_KINDS = ("type", "function", "arguments", "method", "of", "dtype")


def _made(cls: Any, fields: dict[str, Any]) -> Any:
    if isinstance(cls, type) and issubclass(cls, enum.Enum):
        return cls[fields["name"]]
    if dataclasses.is_dataclass(cls) or hasattr(cls, "_fields"):
        return cls(**fields)
    value = object.__new__(cls)
    vars(value).update(fields)
    return value


def _named(name: str) -> Any:
    """The function or type of a name in a description, if its code is still the same."""
    full, _, digest = name.partition("#")
    try:
        found = pkgutil.resolve_name(full if "." in full else f"toymodels.{full}")
    except (AttributeError, ImportError, ValueError) as error:
        raise ValueError(
            f"{full} cannot be found again: it has no name of its own, or is not where it was defined. Give it again, "
            "e.g. run.module(model=...)."
        ) from error
    if digest and describe(found) != name:
        raise ValueError(
            f"The code of {full}, or of what it refers to, has changed. Give the one that you mean, e.g. "
            "run.module(model=...)."
        )
    return found
