"""What the code of a function refers to outside itself: globals, attributes of modules, and imports inside of it."""

import ast
import dis
import functools
import importlib
import importlib.util
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, NamedTuple

from toymodels.identities.sources import definition, nested


def references(function: FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and values of what a function refers to: its globals and what it imports, and of modules among these the
    attributes that it uses. A module of which it uses none stands for itself."""
    names, space = _names(function.__code__), function.__globals__
    module = space.get("__name__", "")
    bound = {one.name: _imported(one, space) for one in names.imports}
    used = {chain[0] for chain in names.chains}
    yield from (found for name, found in bound.items() if name not in used)
    for root, *attributes in names.chains:
        if root not in bound and root not in space:
            continue  # of Python's own, or missing
        value = space.get(root)
        name = value.__name__ if isinstance(value, ModuleType) else f"{module}.{root}"
        name, value = bound.get(root, (name, value))
        name, value, left = _followed(name, value, attributes)
        if names.exact or not isinstance(value, ModuleType) or (attributes and not left):
            yield name, value


@functools.lru_cache(maxsize=4096)
def is_own(module: str | None) -> bool:
    """Whether a module is the user's own, by its name: neither of the standard library, nor toymodels, nor in a folder
    of installed packages."""
    top = (module or "").partition(".")[0]
    if not module or module == "__main__":
        return True
    if top in sys.stdlib_module_names or top == "toymodels":
        return False
    folders = [folder for name in (module, top) for folder in _files(name)]
    return not {"site-packages", "dist-packages"} & {part for folder in folders for part in Path(folder).parts}


class _Import(NamedTuple):
    """What an import inside of a function binds to a name: a module, or an attribute of it."""

    name: str
    module: str
    level: int
    attribute: str | None


class _Names(NamedTuple):
    chains: tuple[tuple[str, ...], ...]  # ("helpers", "scale") for helpers.scale
    imports: tuple[_Import, ...]
    exact: bool  # without source, any attribute that is named may be one of any module that is


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType) -> _Names:
    globals_, node = _globals(code), definition(code)
    if node is None:
        attributes = sorted({name for one in (code, *nested(code)) for name in one.co_names})
        chains = {(root, *rest) for root in globals_ for rest in ((), *((name,) for name in attributes))}
        return _Names(tuple(sorted(chains)), (), exact=False)
    imports = tuple(one for part in ast.walk(node) for one in _imports(part))
    roots = globals_ | {one.name for one in imports}
    return _Names(tuple(sorted({chain for chain in _chains(node) if chain[0] in roots})), imports, exact=True)


def _globals(code: CodeType) -> set[str]:
    loads = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
    return {one.argval for part in (code, *nested(code)) for one in dis.get_instructions(part) if one.opname in loads}


def _chains(node: ast.AST) -> Iterator[tuple[str, ...]]:
    """Every name in a syntax tree, with the attributes that are taken of it, as far as they go."""
    attributes: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        attributes.insert(0, inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name):
        yield (inner.id, *attributes)
    else:
        for child in ast.iter_child_nodes(inner):
            yield from _chains(child)


def _imports(node: ast.AST) -> Iterator[_Import]:
    if isinstance(node, ast.Import):
        for one in node.names:
            yield _Import(one.asname or one.name.partition(".")[0], _bound(one), 0, None)
    if isinstance(node, ast.ImportFrom):
        for one in node.names:
            yield _Import(one.asname or one.name, node.module or "", node.level, one.name)


def _bound(one: ast.alias) -> str:
    return one.name if one.asname else one.name.partition(".")[0]


def _imported(one: _Import, space: Mapping[str, Any]) -> tuple[str, Any]:
    """The full name and the value of what is imported. Own modules are imported, as the function itself will do."""
    try:
        name = importlib.util.resolve_name("." * one.level + one.module, space.get("__package__") or "")
        if name not in sys.modules and not is_own(name):
            return name, ModuleType(name)
        module = importlib.import_module(name)
        if one.attribute is None:
            return name, module
        if not hasattr(module, one.attribute):
            importlib.import_module(f"{name}.{one.attribute}")
        return f"{name}.{one.attribute}", getattr(module, one.attribute)
    except (ImportError, AttributeError, ValueError):
        return f"{one.module}.{one.attribute}", "missing"


def _followed(name: str, value: Any, attributes: list[str]) -> tuple[str, Any, list[str]]:
    """Along attributes, as long as they are those of modules; and those that are left."""
    for place, attribute in enumerate(attributes):
        if not isinstance(value, ModuleType) or not hasattr(value, attribute):
            return name, value, attributes[place:]
        value = getattr(value, attribute)
        name = value.__name__ if isinstance(value, ModuleType) else f"{name}.{attribute}"
    return name, value, []


def _files(module: str) -> list[str]:
    """Where a module comes from; nothing for one that was made by a program, and for what there is not."""
    try:
        found = sys.modules.get(module) or importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return []
    spec = getattr(found, "__spec__", found)
    places = [getattr(found, "__file__", None), getattr(spec, "origin", None)]
    return [place for place in (*places, *(getattr(spec, "submodule_search_locations", None) or ())) if place]
