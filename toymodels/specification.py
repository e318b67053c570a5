"""Specifications: frozen dataclasses that are pytrees.

What is to be trained is described by plain values. Numeric fields are leaves of the pytree, so that they may differ
from model to model inside one compiled program; fields marked `static()` (sizes, functions) are part of its code.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, dataclass_transform

import jax
import numpy as np
from jax.tree_util import GetAttrKey

T = TypeVar("T")


def static(*, default: Any = dataclasses.MISSING) -> Any:
    """Declare a field that is part of the program: a size, a count, a function. It must be hashable."""
    return dataclasses.field(default=default, metadata={"static": True})


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def specification(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass and a pytree whose leaves are its fields that are not `static()`.

    >>> @specification
    ... class Pulse:
    ...     n_features: int = static()
    ...     density: float = 0.1
    >>> jax.tree.leaves(Pulse(5))
    [0.1]
    """
    cls = dataclasses.dataclass(frozen=True)(cls)
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    meta = [field.name for field in fields if field.metadata.get("static")]
    data = [field.name for field in fields if field.name not in meta]

    # Not `register_dataclass`: under it, classes with the same fields have equal tree structures (jaxlib 0.10), and a
    # compiled program would be used for another class than its own. Here the class is part of the structure.
    def flatten(value: T) -> tuple[list[tuple[GetAttrKey, Any]], tuple[type[T], tuple[Any, ...]]]:
        leaves = [(GetAttrKey(name), getattr(value, name)) for name in data]
        return leaves, (cls, tuple(getattr(value, name) for name in meta))

    def unflatten(structure: tuple[type[T], tuple[Any, ...]], leaves: Iterable[Any]) -> T:
        return cls(**dict(zip(meta, structure[1], strict=True)), **dict(zip(data, leaves, strict=True)))

    jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten)
    return cls


def describe(value: Any) -> Any:
    """A readable form of a specification, made of what JSON has: dicts, lists, numbers, strings.

    Equal specifications have equal descriptions; functions are described by module and name, and arrays of more than a
    thousand numbers by shape and digest.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return {"type": type(value).__qualname__, **fields}
    if isinstance(value, Mapping):
        return {str(key): describe(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [describe(item) for item in value]
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _describe_array(np.asarray(value))
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, functools.partial):
        return {"function": describe(value.func), "arguments": describe(value.args), **describe(value.keywords)}
    return describe_callable(value) if callable(value) else repr(value)


def _describe_array(array: np.ndarray) -> Any:
    if array.size <= 1_000:
        return array.tolist()
    content = np.ascontiguousarray(array)
    return {"shape": list(array.shape), "sha256": hashlib.sha256(content.astype(float).tobytes()).hexdigest()}


def describe_callable(function: Callable[..., Any]) -> str:
    """`module.name` of a function, or of the type of another callable object.

    Functions that have no name of their own (lambdas, functions made in functions) are told apart by what they do.
    """
    named = function if hasattr(function, "__qualname__") else type(function)
    name = f"{named.__module__}.{named.__qualname__}"
    return f"{name}#{_digest(function)}" if "<" in name and hasattr(function, "__code__") else name


def _digest(function: Any) -> str:
    """Eight hexadecimal digits that depend on a function's code, its defaults and the values it closes over."""
    code = function.__code__
    closed = [describe(cell.cell_contents) for cell in function.__closure__ or ()]
    constants = [constant for constant in code.co_consts if not hasattr(constant, "co_code")]
    parts = (code.co_code, constants, code.co_names, describe(function.__defaults__), closed)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:8]
