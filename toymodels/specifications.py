"""Specifications: frozen dataclasses that are pytrees.

What is to be trained is described by plain values. Numeric fields are leaves of the pytree, so that they may differ
from model to model inside one compiled program; fields marked `static()` (sizes, functions) are part of its code.

What is written is read at once: names stand for functions (`toymodels.names`), a field that does not exist is refused
with the one that was meant, and wrong values are refused by the class's own `validate`. Copies that JAX makes, which
hold tracers or anything else instead of numbers, are made past all that.
"""

import dataclasses
import functools
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, dataclass_transform, get_type_hints, no_type_check

import jax
import numpy as np
from jax.tree_util import GetAttrKey

from toymodels.checks import near_matches
from toymodels.names import Names, names_of

T = TypeVar("T")


def static(*, default: Any = dataclasses.MISSING) -> Any:
    """Declare a field that is part of the program: a size, a count, a function. It must be hashable."""
    return dataclasses.field(default=default, metadata={"static": True})


@dataclass_transform(frozen_default=True, field_specifiers=(static, dataclasses.field))
def specification(cls: type[T]) -> type[T]:
    """Make `cls` a frozen dataclass and a pytree whose leaves are its fields that are not `static()`. It prints as it
    would be written: without fields that are at their defaults, and with functions by their names.

    If it has a method `validate`, which raises ValueError for wrong values, it is called when a value is made, unless
    arrays of JAX are in it, whose numbers may not be known; training calls it in any case.

    >>> @specification
    ... class Pulse:
    ...     n_features: int = static()
    ...     density: float = 0.1
    >>> jax.tree.leaves(Pulse(5))
    [0.1]
    >>> Pulse(5), Pulse(5, density=0.5)
    (Pulse(n_features=5), Pulse(n_features=5, density=0.5))
    """
    if "__repr__" not in vars(cls):
        cls.__repr__ = written  # type: ignore[method-assign]
    cls = dataclasses.dataclass(frozen=True, repr=False)(cls)
    cls.__init__ = _checked(cls)  # type: ignore[method-assign]
    cls.__reduce__ = _reduce  # type: ignore[method-assign, assignment]
    _register(cls)
    return cls


def written(value: Any) -> str:
    """A value as it would be written: see `specification`. Functions without a name are `<lambda>`, and arrays of more
    than eight numbers are told by their shapes.

    >>> written([jax.nn.relu, np.zeros((20, 5)), 0.5])
    '[relu, array of shape (20, 5), 0.5]'
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        for name, known in vars(sys.modules[type(value).__module__]).items():
            if known is value:  # a constant, such as UNIFORM
                return name
        if type(value).__repr__ is not written:
            return repr(value)
        fields = ((field, getattr(value, field.name)) for field in dataclasses.fields(value) if field.init)
        given = [f"{field.name}={written(one)}" for field, one in fields if not _is_default(one, field.default)]
        return f"{type(value).__qualname__}({', '.join(given)})"
    if isinstance(value, np.ndarray | jax.Array) and np.ndim(value):
        return f"array of shape {value.shape}" if value.size > 8 else f"array({np.asarray(value).tolist()})"
    if isinstance(value, np.generic | jax.Array):
        return str(value)
    if type(value) in (list, tuple):
        begin, end = ("[", "]") if isinstance(value, list) else ("(", ",)" if len(value) == 1 else ")")
        return begin + ", ".join(map(written, value)) + end
    if type(value) is dict:
        return "{" + ", ".join(f"{key!r}: {written(item)}" for key, item in value.items()) + "}"
    if isinstance(value, functools.partial):
        arguments = [*map(written, value.args), *(f"{name}={written(item)}" for name, item in value.keywords.items())]
        return f"partial({', '.join([written(value.func), *arguments])})"
    return getattr(value, "__name__", None) or repr(value)


def _is_default(value: Any, default: Any) -> bool:
    if value is default:
        return True
    return type(value) is type(default) and isinstance(value, bool | int | float | str | tuple) and value == default


def with_fields(value: T, **fields: Any) -> T:
    """A copy with other values of some fields. Unlike `dataclasses.replace`, it does not validate a specification, so
    that fields which only fit together can be replaced one after the other; names are looked up."""
    cls: Any = type(value)
    if cls.__reduce__ is not _reduce:
        return dataclasses.replace(value, **fields)  # type: ignore[type-var]
    there = {field.name: getattr(value, field.name) for field in dataclasses.fields(cls)}
    return _made(cls, {**there, **_resolved(cls, fields)})


def named_fields(cls: Any) -> Mapping[str, Names]:
    """The fields of a class that take names, and which."""
    return _named_fields(cls)


@functools.cache
def _named_fields(cls: Any) -> Mapping[str, Names]:
    try:
        hints = get_type_hints(cls, include_extras=True)
    except NameError:  # a type that is only imported for type checkers
        hints = {field.name: field.type for field in dataclasses.fields(cls)}
    found = ((field.name, names_of(hints.get(field.name))) for field in dataclasses.fields(cls))
    return {name: names for name, names in found if names is not None}


def _checked(cls: Any) -> Callable[..., None]:
    """The constructor of a class, with what is wrong refused."""
    fill = cls.__init__
    known = [field.name for field in dataclasses.fields(cls) if field.init]

    @no_type_check  # a checker would wrap it in what cannot be pickled with a class of a notebook
    @functools.wraps(fill)
    def construct(self: Any, *values: Any, **fields: Any) -> None:
        for name in fields:
            if name not in known:
                raise TypeError(f"{cls.__name__} has no field {name!r}. {near_matches(name, known)}")
        fill(self, *values, **fields)
        for name, value in _resolved(cls, {name: getattr(self, name) for name in named_fields(cls)}).items():
            object.__setattr__(self, name, value)
        if hasattr(self, "validate") and not any(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(self)):
            self.validate()

    return construct


def _resolved(cls: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The values of fields with names replaced by what they stand for."""
    named = named_fields(cls)
    return {
        name: named[name].resolved(f"{name} of {cls.__name__}", value) if name in named else value
        for name, value in fields.items()
    }


def _made(cls: type[T], values: Mapping[str, Any]) -> T:
    """A value with these fields, whatever they are."""
    value = object.__new__(cls)
    for name, field in values.items():
        object.__setattr__(value, name, field)
    if hasattr(value, "__post_init__"):
        value.__post_init__()
    return value


def _register(cls: type[T]) -> None:
    """Make a pytree of a class."""
    fields = dataclasses.fields(cls)  # type: ignore[arg-type]
    meta = [field.name for field in fields if field.metadata.get("static")]
    data = [field.name for field in fields if field.name not in meta]

    # Not `register_dataclass`: under it, classes with the same fields have equal tree structures (jaxlib 0.10), and a
    # compiled program would be used for another class than its own. Here the class is part of the structure.
    def flatten(value: T) -> tuple[list[tuple[GetAttrKey, Any]], tuple[type[T], tuple[Any, ...]]]:
        leaves = [(GetAttrKey(name), getattr(value, name)) for name in data]
        return leaves, (cls, tuple(getattr(value, name) for name in meta))

    def unflatten(structure: tuple[type[T], tuple[Any, ...]], leaves: Iterable[Any]) -> T:
        return _made(cls, dict(zip(meta, structure[1], strict=True)) | dict(zip(data, leaves, strict=True)))

    jax.tree_util.register_pytree_with_keys(cls, flatten, unflatten)


def _reduce(value: Any) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """How to pickle a specification."""
    return _restored, (type(value), {field.name: getattr(value, field.name) for field in dataclasses.fields(value)})


def _restored(cls: type[T], values: Mapping[str, Any]) -> T:
    """A specification that was pickled, perhaps in another process and together with its class."""
    value = _made(cls, values)
    if jax.tree_util.all_leaves([value]):
        _register(cls)
    return value
