"""What may stand for a value by name: "relu" for `jax.nn.relu`, in Python, in TOML and on the command line.

There is one table of names per kind of field. It stands in the type of the field, and beside what it names:

    Activation = Annotated[Callable[[Array], Array], Names("an activation", {"relu": jax.nn.relu, ...})]

Where a specification has a field of such a type, it takes a name of the table instead of a value, or
"module:function", which is what a module of one's own has under that name. Both are looked up when the specification is
made, which never holds the name itself.
"""

import importlib
import sys
from collections.abc import Mapping
from functools import reduce
from pathlib import Path
from typing import Any, get_args

from toymodels.checks import near_matches


class Names:
    """The names that fields of one kind take.

    Attributes:
        kind: what they stand for, such as "an activation".
        table: what each name stands for.
        otherwise: a sentence on what to write for what has no name.
    """

    def __init__(self, kind: str, table: Mapping[str, Any], otherwise: str = ""):
        self.kind, self.table, self.otherwise = kind, dict(table), otherwise

    def __repr__(self) -> str:
        return f"{self.kind} or its name"

    def resolve(self, where: str, name: str) -> Any:
        """What a name stands for; `where` it is written is named in errors.

        Raises:
            ValueError: if it stands for nothing.

        >>> Names("a colour", {"red": 1, "green": 2}).resolve("colour of Lamp", "green")
        2
        """
        if ":" in name:
            return imported(where, name)
        if name not in self.table:
            there = near_matches(name, self.table) if self.table else ""
            advice = (there, self.otherwise, 'One of your own is "module:function".')
            raise ValueError(f"{where} is {name!r}, which is not {self.kind}. {' '.join(filter(None, advice))}")
        return self.table[name]

    def resolved(self, where: str, value: Any) -> Any:
        """A value with what it names: a name, or a tuple or list with names among its items; else as it is."""
        if isinstance(value, str):
            return self.resolve(where, value)
        if isinstance(value, tuple | list) and any(isinstance(item, str) for item in value):
            return tuple(self.resolved(f"{where}[{place}]", item) for place, item in enumerate(value))
        return value


def names_of(annotation: Any) -> Names | None:
    """The names that a field of some type takes, if it takes any."""
    for one in getattr(annotation, "__metadata__", ()):
        if isinstance(one, Names):
            return one
    return next(filter(None, map(names_of, get_args(annotation))), None)


def imported(where: str, name: str) -> Any:
    """What `module:function` names. Modules in the current directory are found too.

    Raises:
        ValueError: if there is none; `where` it is written is named.

    >>> imported("optimizer of Recipe", "optax:sgd").__name__
    'sgd'
    """
    module_name, _, path = name.partition(":")
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the module does
        raise ValueError(f"{where} is {name!r}, but {module_name!r} cannot be imported: {error}") from error
    try:
        return reduce(getattr, path.split("."), module)
    except AttributeError:
        there = [own for own, value in vars(module).items() if callable(value) and not own.startswith("_")]
        raise ValueError(f"{where} is {name!r}, which {module_name!r} lacks. {near_matches(path, there)}") from None
