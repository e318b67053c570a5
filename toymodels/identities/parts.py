"""What functions, classes and objects are made of, apart from what Python and libraries make of that."""

import copyreg
import dataclasses
import enum
import functools
from collections.abc import Iterable, Iterator
from types import FunctionType
from typing import Any


def only_checks(function: FunctionType) -> bool:
    """Whether a function is made of another one by a checker of types."""
    return hasattr(function, "__wrapped__") and function.__code__.co_filename.startswith("<@beartype(")


def given(function: FunctionType) -> dict[str, Any]:
    """The values of a function's defaults, closure and attributes, by name."""
    code, defaults = function.__code__, function.__defaults__ or ()
    positional = code.co_varnames[: code.co_argcount]
    values = dict(zip(positional[len(positional) - len(defaults) :], defaults, strict=True))
    values |= function.__kwdefaults__ or {}
    for name, cell in zip(code.co_freevars, function.__closure__ or (), strict=True):
        try:
            values[name] = cell.cell_contents
        except ValueError:  # it has no value yet
            values[name] = "nothing"
    return values | {name: value for name, value in vars(function).items() if not name.startswith("_")}


def members(cls: type) -> dict[str, Any]:
    """What a class defines itself, apart from what Python and libraries make of that."""
    if issubclass(cls, enum.Enum):
        values = {name: member.value for name, member in cls.__members__.items()}
        functions = {name: one for name, one in vars(cls).items() if isinstance(one, _METHODS) and not _of_enum(one)}
        return {**functions, **values}
    made = {"_abc_impl", "_is_protocol", "_is_runtime_protocol", "__replace__"}
    if issubclass(cls, tuple) and hasattr(cls, "_fields"):
        made |= {"_make", "_replace", "_asdict", "_fields", "_field_defaults", "__new__", "__repr__", "__getnewargs__"}
    inside = {
        name: one
        for name, one in vars(cls).items()
        if name not in made
        and not name.startswith("_pytree__")
        and (not is_dunder(name) or isinstance(one, _METHODS))
        and not _is_generated(one)
        and type(one).__name__ not in ("_tuplegetter", "member_descriptor", "getset_descriptor")
    }
    if "_fields" in made:
        inside["__fields__"] = [list(cls._fields), cls._field_defaults]  # type: ignore[attr-defined]
    if "__dataclass_fields__" in vars(cls):
        inside["__fields__"] = [_field(one) for one in dataclasses.fields(cls)]  # type: ignore[arg-type]
    return inside


def _of_enum(method: Any) -> bool:
    """Whether Python put a method into an enumeration."""
    return getattr(getattr(method, "__func__", method), "__module__", "") == "enum"


_METHODS = (FunctionType, property, staticmethod, classmethod, functools.cached_property, functools.partial)


def _field(field: dataclasses.Field[Any]) -> list[Any]:
    ways = [None if one is dataclasses.MISSING else one for one in (field.default, field.default_factory)]
    return [field.name, *ways, field.init, field.compare, dict(field.metadata)]


def _is_generated(member: Any) -> bool:
    """Whether a method was made by `dataclasses`, of the fields."""
    code = getattr(getattr(member, "__wrapped__", member), "__code__", None)
    return code is not None and code.co_qualname.startswith("__create_fn__.")


def held(value: Any) -> dict[str, Any]:
    """What an object has in its attributes, apart from what it computed of others, and from what flax puts there."""
    cls = type(value)
    slots = [name for base in cls.__mro__ for name in _slots(base) if hasattr(value, name)]
    attributes = {name: getattr(value, name) for name in slots} | getattr(value, "__dict__", {})
    return {
        name: one
        for name, one in attributes.items()
        if not isinstance(getattr(cls, name, None), functools.cached_property) and not name.startswith("_pytree__")
    }


def _slots(cls: type) -> Iterable[str]:
    slots = vars(cls).get("__slots__", ())
    return [name for name in ([slots] if isinstance(slots, str) else slots) if not is_dunder(name)]


def pickled(value: Any) -> Any:
    """What `pickle` would make of an object: a name, or parts; None where it cannot."""
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        state = reduce(value) if reduce else value.__reduce_ex__(4)
    except Exception:  # it may raise anything: such an object is known by its type alone
        return None
    if isinstance(state, str):
        return state
    return [list(one) if isinstance(one, Iterator) else one for one in state]


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
