"""What a cached training or a drawn figure depends on: the sweep or the experiment itself, and the code that it
imports, found by reading that code.

A module counts if it is imported by one that counts, at the top or inside of a function. A name that a package only
passes on counts as the module that it is from: the rest of the package does not. What counts is the syntax tree,
without comments, docstrings and annotations.
"""

import ast
import functools
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from experiments.harness.experiment import Experiment, Sweep
from toymodels import files, identities
from toymodels.identities.sources import digest, normalised, parsed

PACKAGES = ("toymodels", "experiments")


def fingerprint(work: Sweep | Experiment, *used: str) -> str:
    """A name that depends on everything that the result depends on; `used` are modules that do the work."""
    what = {
        "work": identities.describe(work),
        "code": imported_code([*used, *(name for name in identities.modules(work) if _is_ours(name))]),
        "versions": identities.versions(work),  # ours as well: a sweep refuses a folder of another one
        "flags": identities.flags(),
    }
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]


def imported_code(modules: Iterable[str]) -> dict[str, str]:
    """A digest of each module of ours that these modules import, themselves included, by name."""
    found: dict[str, str] = {}
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name not in found and path is not None:
            found[name], needed = _read(name, files.read_text(path))
            waiting += needed
    return dict(sorted(found.items()))


@functools.lru_cache(maxsize=1024)
def _read(module: str, text: str) -> tuple[str, tuple[str, ...]]:
    """A digest of what a module does, and the modules of ours that it imports."""
    tree = parsed(text)
    return digest(normalised(tree)), tuple({one for node in ast.walk(tree) for one in _imports(node, module)})


def _imports(node: ast.AST, module: str) -> Iterator[str]:
    """The modules of ours that an import statement of a module needs."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if _is_ours(alias.name))
    elif isinstance(node, ast.ImportFrom):
        package = module if (_path(module) or Path()).name == "__init__.py" else module.rpartition(".")[0]
        name = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
        if _is_ours(name):
            yield from (_source_of(name, alias.name) for alias in node.names)


def _source_of(module: str, name: str) -> str:
    """The module that a name imported from a module is defined in: itself, or where a package has it from."""
    if _path(f"{module}.{name}") is not None:
        return f"{module}.{name}"
    path = _path(module)
    if path is not None and path.name == "__init__.py":
        for node in _tree(path).body:
            if isinstance(node, ast.ImportFrom) and node.module and _is_ours(node.module):
                for alias in node.names:
                    if name == (alias.asname or alias.name):
                        return _source_of(node.module, alias.name)
    return module


def _is_ours(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


@functools.cache
def _path(module: str) -> Path | None:
    """The source file of a module of ours; None if there is none."""
    top, *inside = module.split(".")
    spec = importlib.util.find_spec(top) if top in PACKAGES else None
    if spec is None or not spec.submodule_search_locations:
        return None
    place = Path(next(iter(spec.submodule_search_locations))).joinpath(*inside)
    for path in (place / "__init__.py", place.with_suffix(".py")):
        if path.is_file():
            return path
    return None


@functools.cache
def _tree(path: Path) -> ast.Module:
    return parsed(files.read_text(path))
