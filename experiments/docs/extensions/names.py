"""Every public name can be linked to: `toymodels.Task` is found at `toymodels.tasks.Task`, where it is described."""

import importlib
import pkgutil
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

import toymodels


def public_names() -> Iterator[tuple[str, Any]]:
    """All names that toymodels and its packages export, in full, with what they are."""
    inside = [one.name for one in pkgutil.walk_packages(toymodels.__path__, "toymodels.") if one.ispkg]
    for package in map(importlib.import_module, ["toymodels", *inside]):
        for name in getattr(package, "__all__", ()):
            yield f"{package.__name__}.{name}", getattr(package, name)


def add_aliases(app: Sphinx, env: BuildEnvironment) -> None:
    """Enter each public name that has no description of its own with that of the same object."""
    described = env.get_domain("py").objects
    endings = defaultdict(list)
    for full in described:
        module, _, name = full.rpartition(".")
        endings[name].append((full, getattr(sys.modules.get(module), name, None)))
    for name, value in public_names():
        same = [full for full, found in endings[name.rpartition(".")[2]] if found is value]
        if name not in described and same:
            described[name] = described[same[0]]._replace(aliased=True)


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("env-updated", add_aliases)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
