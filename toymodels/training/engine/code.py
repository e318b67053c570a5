"""Whether two values are the same code: what decides if a program has to be compiled again.

Functions are compared by what they do. A `lambda` or a `functools.partial` that is made again at every call, from the
same line, is the same code; a function that reads a global number is other code once that number has changed. What
cannot be looked into (a class, a function written in C) is only the same as itself.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Hashable, Iterator, Mapping
from types import CodeType, FunctionType, MethodType
from typing import Any

import jax
import numpy as np

NUMBER = "a number"  # stands for every number that a program is given when it runs


class Itself:
    """Equal only to the same object, which is kept alive, so that no other one gets its address."""

    def __init__(self, value: Any):
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Itself) and other.value is self.value

    def __hash__(self) -> int:
        return id(self.value)


class Alike:
    """A pytree as the key of a cache: equal to any other of the same code and shapes, whatever its numbers."""

    def __init__(self, value: Any):
        shapes = tuple(np.shape(leaf) for leaf in jax.tree.leaves(value) if is_numeric(leaf))
        self.value, self._key = value, (content_without_numbers(value), shapes, jax.config.read("jax_enable_x64"))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Alike) and other._key == self._key

    def __hash__(self) -> int:
        return hash(self._key)


def is_numeric(value: Any) -> bool:
    """Whether a leaf is a number or an array."""
    return isinstance(value, bool | int | float | np.ndarray | np.generic | jax.Array)


def content_without_numbers(value: Any) -> Hashable:
    """What a pytree is, apart from the numbers that are its leaves."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type) and not jax.tree_util.all_leaves([value]):
        parts = (
            (field.name, (content if field.metadata.get("static") else content_without_numbers)(inside))
            for field in dataclasses.fields(value)
            for inside in [getattr(value, field.name)]
        )
        return (Itself(type(value)), *parts)
    if isinstance(value, tuple | list):
        return (Itself(type(value)), *map(content_without_numbers, value))
    if isinstance(value, Mapping):
        return (Itself(type(value)), *((name, content_without_numbers(item)) for name, item in value.items()))
    if is_numeric(value):
        return NUMBER
    if jax.tree_util.all_leaves([value]):
        return content(value)
    leaves, treedef = jax.tree.flatten(value)  # a pytree of somebody else's
    return (treedef, *map(content_without_numbers, leaves))


def content(value: Any, inside: tuple[Any, ...] = ()) -> Hashable:
    """What a value is; `inside` are the functions that are being looked into, which may refer to themselves."""
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return (type(value), repr(value))
    if isinstance(value, np.ndarray | np.generic | jax.Array) and not _is_key(value):
        array = np.ascontiguousarray(value)
        return (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
    if isinstance(value, tuple | list):
        return (Itself(type(value)), *(content(item, inside) for item in value))
    if isinstance(value, Mapping):
        return (Itself(type(value)), *((content(key), content(item, inside)) for key, item in value.items()))
    if isinstance(value, functools.partial):
        return ("partial", *(content(part, inside) for part in (value.func, value.args, value.keywords)))
    if isinstance(value, MethodType):
        return ("method", content(value.__func__, inside), content(value.__self__, inside))
    if isinstance(value, FunctionType):
        return Itself(value) if _is_imported(value) else _function(value, inside)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = (getattr(value, field.name) for field in dataclasses.fields(value))
        return (Itself(type(value)), *(content(field, inside) for field in fields))
    return Itself(value)


def _function(function: FunctionType, inside: tuple[Any, ...]) -> Hashable:
    if any(function is one for one in inside):
        return ("itself", inside.index(function))
    inside = (*inside, function)
    closed = [_cell(cell, inside) for cell in function.__closure__ or ()]
    globals_ = [
        (name, content(function.__globals__[name], inside))
        for name in sorted(set(_names(function.__code__)))
        if name in function.__globals__
    ]
    defaults = content(function.__defaults__, inside), content(function.__kwdefaults__, inside)
    return ("function", _instructions(function.__code__), *defaults, tuple(closed), tuple(globals_))


def _cell(cell: Any, inside: tuple[Any, ...]) -> Hashable:
    try:
        return content(cell.cell_contents, inside)
    except ValueError:  # a name that has no value yet
        return "empty"


def _is_imported(function: FunctionType) -> bool:
    """Whether it is a function of a library, by its name: such a one does not change while a program runs."""
    library = (function.__module__ or "").partition(".")[0] in _LIBRARIES
    return library and "<" not in function.__qualname__


_LIBRARIES = ("jax", "flax", "optax", "numpy", "scipy", "toymodels")


def _names(code: CodeType) -> Iterator[str]:
    """The globals and attributes that a function names, and those of the functions in it."""
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _instructions(code: CodeType) -> Hashable:
    """What a function does, without the place where it stands."""
    constants = tuple(
        _instructions(one) if isinstance(one, CodeType) else (type(one), repr(one)) for one in code.co_consts
    )
    signature = code.co_varnames, code.co_freevars, code.co_argcount, code.co_kwonlyargcount, code.co_flags
    return (code.co_code, code.co_names, *signature, constants)


def _is_key(value: Any) -> bool:
    return isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key)
