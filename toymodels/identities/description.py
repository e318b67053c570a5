"""Values in words, and the table of the user's own code that they run."""

import dataclasses
import enum
import functools
import hashlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterable, Mapping, Set
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import jax
import numpy as np

from toymodels.identities.parts import given, held, is_dunder, members, only_checks, pickled
from toymodels.identities.references import is_own, references
from toymodels.identities.sources import digest, what_it_does

LARGE = 1_000  # numbers, above which an array is described by a digest
LONG = 80  # letters, above which a value is noted by a digest
RESERVED = ("type", "function", "arguments", "method", "of", "dtype")
"""Names in descriptions; a name of the user's own that is one of these has a dot before it."""


def describe(value: Any) -> Any:
    """A readable form of a specification, made of what JSON has: dicts, lists, numbers, strings.

    What would compute the same has equal descriptions, and what would not has not. Functions and types are described by
    module and name; of the user's own also by a digest of their code and of all that it refers to: "my.target#1f2e...".
    Arrays have their type of numbers beside them; those of more than a thousand numbers are described by shape and
    digest.
    """
    return _Description().value(value)


def own_code(value: Any) -> dict[str, str]:
    """The user's own code that a value runs, by name: digests of functions and classes ("function 1f2e...", "class
    ..."), and as JSON the values that they refer to, or their digests ("value ..."). Where the descriptions of two
    values differ, this says in what."""
    walk = _Walk()
    walk.value(value)
    return dict(sorted(walk.code.items()))


def modules(value: Any) -> set[str]:
    """The modules of libraries that a value, and the user's own code in it, refers to."""
    walk = _Walk()
    walk.value(value)
    return walk.modules


class _Walk:
    """Through a value and all of the user's own code that it runs."""

    def __init__(self) -> None:
        self.code: dict[str, str] = {}
        self.modules: set[str] = set()
        self._labels: dict[int, tuple[Any, str]] = {}  # of own code, by its id; it is kept alive, and so is the id its
        self._noted: dict[tuple[str, int], tuple[Any, str]] = {}
        self._objects: dict[int, tuple[Any, Any]] = {}
        self._inside: list[Any] = []

    def value(self, value: Any) -> Any:
        """The description of a value; own code in it is described by its label in the table."""
        if value is None or type(value) in (bool, int, float, str):
            return value
        for place, outer in enumerate(self._inside):
            if outer is value:
                return {"type": "the same again", "at": place}
        self._inside.append(value)
        try:
            return self._described(value)
        finally:
            self._inside.pop()

    def own(self, value: Any) -> str:
        """The label of a function, class or module, which is put into the table."""
        if id(value) not in self._labels:
            label = self._free(_label(value))
            self._labels[id(value)] = value, label
            self.code[label] = ""
            outer, self._inside = self._inside, []
            if isinstance(value, FunctionType):
                self.code[label] = f"function {digest(json.dumps(self._function(label, value)))}"
            elif isinstance(value, type):
                self.code[label] = f"class {digest(json.dumps(self._class(label, value)))}"
            elif isinstance(value, ModuleType):
                names = (name for name in sorted(vars(value)) if not is_dunder(name))
                parts = [self._note(f"{label}.{name}", getattr(value, name)) for name in names]
                self.code[label] = f"module {digest(json.dumps(parts))}"
            else:
                self.code[label] = f"function {digest(json.dumps(self._wrapped(value)))}"
            self._inside = outer
        return self._labels[id(value)][1]

    # --- The table ---------------------------------------------------------------------------------------------------

    def _function(self, label: str, function: FunctionType) -> list[str]:
        """What a function does, and the names of what it is given and refers to."""
        values = given(function)
        parts = [self._note(f"{label}.{name}", values[name]) for name in sorted(values)]
        if is_own(function.__globals__.get("__name__")):
            parts += [self._note(name, value) for name, value in references(function) if self._counts(value)]
        return [what_it_does(function.__code__), *parts]

    def _class(self, label: str, cls: type) -> list[Any]:
        """The base classes of a class, and the names of its members."""
        inside = members(cls)
        kinds = [] if type(cls) is type else [self.value(type(cls))]
        return [kinds, [self.value(base) for base in cls.__bases__]] + [
            self._note(f"{label}.{name}", inside[name]) for name in sorted(inside)
        ]

    def _note(self, name: str, value: Any) -> str:
        """Put a value into the table, unless it is there as code of this name; return its name there."""
        key = (name, id(value))
        if key not in self._noted:
            self._noted[key] = value, name  # for what refers to itself
            described = self.value(value)
            if isinstance(described, str) and described in self.code and described.partition(" ")[0] == name:
                self._noted[key] = value, described
            else:
                text = json.dumps(described)
                text = text if len(text) <= LONG else f"value {digest(text)}"
                name = self._free(name, text)
                self.code[name] = text
                self._noted[key] = value, name
        return self._noted[key][1]

    def _free(self, name: str, text: str | None = None) -> str:
        """A name that nothing else than this text has in the table."""
        free, number = name, 1
        while free in self.code and self.code[free] != text:
            number += 1
            free = f"{name} ({number})"
        return free

    def _counts(self, value: Any) -> bool:
        """Whether what a function refers to is the user's own; of libraries, the module is noted."""
        module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        if isinstance(module, str) and not is_own(module) and (isinstance(value, ModuleType) or _is_named(value)):
            self.modules.add(module)
            return False
        return True

    # --- Values ------------------------------------------------------------------------------------------------------

    def _described(self, value: Any) -> Any:
        if isinstance(value, enum.Enum):
            return {"type": self._type(type(value)), "name": value.name}
        if isinstance(value, np.ndarray | np.generic | jax.Array):
            return self._array(value)
        if type(value).__module__.startswith("xarray.") and hasattr(value, "coords"):
            # Their attributes, which tell when they were made, do not count.
            variables = value.variables if hasattr(value, "variables") else {**value.coords, "": value}
            return {
                "type": "xarray",
                **{str(name): [one.dims, self.value(one.values)] for name, one in variables.items()},
            }
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [one.name for one in dataclasses.fields(value) if one.compare]
            return self._typed(value, {name: getattr(value, name) for name in names})
        if isinstance(value, tuple) and hasattr(value, "_fields"):
            return self._typed(value, dict(zip(value._fields, value, strict=True)))
        if isinstance(value, list | tuple | Set):
            items = [self.value(item) for item in value]
            items = sorted(items, key=json.dumps) if isinstance(value, Set) else items
            return items if type(value) in (list, tuple) else {"type": self._type(type(value)), "items": items}
        if isinstance(value, Mapping) and type(value).__module__ not in _UNSEEN:
            named = self._named({_key(self.value(key)): item for key, item in value.items()}, RESERVED)
            return {"type": self._type(type(value)), "items": named} if is_own(type(value).__module__) else named
        if isinstance(value, functools.partial):
            keywords = self._named(value.keywords, RESERVED)
            return {"function": self.value(value.func), "arguments": self.value(list(value.args)), **keywords}
        if isinstance(value, MethodType):
            of_library = isinstance(value.__self__, type) and not is_own(value.__self__.__module__)
            if of_library:
                return self._library(value)
            return {"method": self.value(value.__func__), "of": self.value(value.__self__)}
        return self._code(value)

    def _code(self, value: Any) -> Any:
        """A function, a class, a module, or another object."""
        module = value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", None)
        own = is_own(module) if isinstance(module, str) else False
        if isinstance(value, ModuleType | type):
            return self.own(value) if own else self._library(value)
        if not own and _is_named(value):
            return self._library(value)
        if isinstance(value, FunctionType):
            return self.value(inspect.unwrap(value)) if only_checks(value) else self.own(value)
        if is_own(type(value).__module__):
            return self._typed(value, held(value))
        if own and hasattr(value, "__wrapped__"):
            return self.own(value)
        if id(value) not in self._objects:
            self._objects[id(value)] = value, self._of_library(value)
        return self._objects[id(value)][1]

    def _of_library(self, value: Any) -> Any:
        """An object whose class is not the user's own."""
        parts = next((parts for kind, parts in _PARTS.items() if isinstance(value, kind)), ())
        if parts:
            return {"type": self._type(type(value)), **{name: self.value(getattr(value, name)) for name in parts}}
        if hasattr(value, "__wrapped__"):
            return self._wrapped(value)
        if isinstance(value, BuiltinFunctionType) and not isinstance(value.__self__, ModuleType | None):
            return {"method": value.__name__, "of": self.value(value.__self__)}
        unseen = type(value).__module__ in _UNSEEN or value is np.random.mtrand._rand
        state = None if unseen else pickled(value)
        if isinstance(state, str) or state is None:
            return {"type": self._type(type(value)), **({"name": state} if state else {})}
        return {"type": self._type(type(value)), "state": digest(json.dumps(self.value(state)))}

    def _wrapped(self, value: Any) -> dict[str, Any]:
        """A function under `jax.jit` and the like, which is not one of Python's any more."""
        rest = {name: item for name, item in vars(value).items() if not name.startswith("_")}
        return {"type": self._type(type(value)), "of": self.value(value.__wrapped__), **self._named(rest, RESERVED)}

    def _array(self, value: Any) -> Any:
        if isinstance(value, jax.Array) and jax.dtypes.issubdtype(value.dtype, jax.dtypes.prng_key):
            return {"dtype": str(value.dtype), "values": np.asarray(jax.random.key_data(value)).tolist()}
        array = np.asarray(value)
        if isinstance(value, np.generic) and array.dtype.name in ("float64", "int64", "bool"):
            return array.item()
        if array.dtype.kind == "O":
            return {"dtype": "object", "values": self.value(array.tolist())}
        if array.size <= LARGE and array.dtype.kind in "biufU":
            return {"dtype": array.dtype.name, "values": array.tolist()}
        content = hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()
        return {"dtype": array.dtype.name, "shape": list(array.shape), "sha256": content}

    def _typed(self, value: Any, fields: Mapping[str, Any]) -> dict[str, Any]:
        return {"type": self._type(type(value)), **self._named(fields, ("type",))}

    def _named(self, items: Mapping[str, Any], reserved: Iterable[str]) -> dict[str, Any]:
        return {
            f".{name}" if name in reserved or name.startswith(".") else name: self.value(item)
            for name, item in items.items()
        }

    def _type(self, cls: type) -> str:
        """Its name, and for a type that `toymodels` does not have under this name the module before it."""
        if is_own(cls.__module__):
            return self.own(cls)
        self.modules.add(cls.__module__)
        return cls.__qualname__ if getattr(sys.modules.get("toymodels"), cls.__qualname__, None) is cls else _name(cls)

    def _library(self, value: Any) -> str:
        self.modules.add(value.__name__ if isinstance(value, ModuleType) else value.__module__)
        return _name(value)


class _Description(_Walk):
    """A walk that describes own code by its name and a digest of all of it."""

    def own(self, value: Any) -> str:
        if id(value) not in self._labels:
            walk = _Walk()
            walk.own(value)
            self._labels[id(value)] = value, f"{_name(value)}#{digest(json.dumps(walk.code, sort_keys=True))}"
        return self._labels[id(value)][1]


_PARTS: Mapping[type, tuple[str, ...]] = {
    property: ("fget", "fset", "fdel"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
    functools.cached_property: ("func",),
    functools.partialmethod: ("func", "args", "keywords"),
}
"""What objects of Python's own that hold functions are made of."""

_UNSEEN = ("weakref", "os", "threading")
"""Modules whose objects (caches, the environment, locks) are others in each process; so is NumPy's global generator."""


def _name(value: Any) -> str:
    return value.__name__ if isinstance(value, ModuleType) else f"{value.__module__}.{_short_name(value)}"


def _short_name(value: Any) -> Any:
    return getattr(value, "__qualname__", None) or getattr(value, "__name__", None)


def _label(value: Any) -> str:
    """Its name in the table; what is around a function of the same name has that of the wrapper behind it."""
    if isinstance(value, FunctionType) and value.__code__.co_qualname == value.__qualname__:
        return _name(value)
    if isinstance(value, type | ModuleType):
        return _name(value)
    return f"{_name(value)} under {value.__code__.co_name if isinstance(value, FunctionType) else type(value).__name__}"


def _key(described: Any) -> str:
    plain = described is None or isinstance(described, bool | int | float | str)
    return str(described) if plain else json.dumps(described)


def _is_named(value: Any) -> bool:
    """Whether it is what its module has under its name."""
    module, name = getattr(value, "__module__", None), _short_name(value)
    if not isinstance(module, str) or not isinstance(name, str):
        return False
    try:
        return pkgutil.resolve_name(f"{module}:{name}") is value
    except (AttributeError, ImportError, ValueError):
        return False
