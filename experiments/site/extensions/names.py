"""Every public name can be linked to: `toymodels.Task` is found at `toymodels.tasks.Task`, where it is described."""

import importlib
import inspect
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer

import toymodels


def public_names() -> Iterator[tuple[str, Any]]:
    """All names that toymodels and its packages export, in full, with what they are."""
    inside = [one.name for one in pkgutil.walk_packages(toymodels.__path__, "toymodels.") if one.ispkg]
    for package in map(importlib.import_module, ["toymodels", *inside]):
        for name in getattr(package, "__all__", ()):
            yield f"{package.__name__}.{name}", getattr(package, name)


def list_constants(app: Sphinx, config: Config) -> None:
    """Give the pages' template `constants`: by the name of a page's module, the exported values that autodoc passes
    over there, by the full name under which they have a docstring if they have one."""
    found: dict[str, list[str]] = defaultdict(list)
    for full, value in public_names():
        package, _, name = full.rpartition(".")
        if inspect.isclass(value) or inspect.isroutine(value) or inspect.ismodule(value):
            continue
        page = value.__module__ if package == "toymodels" else package
        inside = [one for one in sorted(sys.modules) if one.startswith(f"{page}.") and _has_words(one, name)]
        if not _has_words(page, name):
            found[page].append(f"{inside[0] if inside else page}::{name}")
    config.autosummary_context["constants"] = dict(found)


def _has_words(module: str, name: str) -> bool:
    return ("", name) in ModuleAnalyzer.for_module(module).find_attr_docs()


def add_aliases(app: Sphinx, env: BuildEnvironment) -> None:
    """Enter each public name that has no description of its own with that of the same object."""
    described = env.domains.python_domain.objects
    endings = defaultdict(list)
    for full in described:
        module, _, name = full.rpartition(".")
        endings[name].append((full, getattr(sys.modules.get(module), name, None)))
    for name, value in public_names():
        same = [full for full, found in endings[name.rpartition(".")[2]] if found is value]
        if name not in described and same:
            described[name] = described[same[0]]._replace(aliased=True)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", list_constants)
    app.connect("env-updated", add_aliases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
