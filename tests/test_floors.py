"""The floors of the house: which folder may import which. Imports inside functions count as well."""

import ast
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

import experiments
import toymodels

ROOT = Path(__file__).parents[1]
LONGEST = 400  # lines

# From the ground up. A module or package of toymodels that is not named here is ground, and imports only ground.
FLOORS = {
    name: floor
    for floor, names in enumerate(
        [
            "features",
            "models",
            "tasks",
            "analysis",
            "training.recipe training.optimisers",
            "training.engine",
            "training",
            "interop",
            "sweeps",
            "sampling",
            "theory",
            "plots",
            "cases",
            "techniques",
            "",  # the front door: what `import toymodels` gives
            "playground",
            "cli workshop",
        ],
        start=1,
    )
    for name in (names.split() or [""])
}


def modules(package: str) -> Mapping[str, Path]:
    """The files of all modules, by name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = {**modules("toymodels"), **modules("experiments")}


def imports(module: str) -> Iterator[str]:
    """The modules of this repository that a module imports, wherever in it; those of `TYPE_CHECKING` as well."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            inside = [f"{node.module}.{one.name}" for one in node.names]
            names = [name if name in MODULES else str(node.module) for name in inside]
        else:
            continue
        yield from (name for name in names if name.split(".")[0] in ("toymodels", "experiments"))


IMPORTS = [(module, imported) for module in MODULES for imported in imports(module)]


def floor(module: str) -> int:
    """The number of a module's floor in toymodels."""
    parts = module.split(".")[1:]
    return next((FLOORS[name] for name in (".".join(parts[:2]), ".".join(parts[:1])) if name in FLOORS), 0)


def test_the_library_imports_downwards():
    upwards = [
        f"{module} imports {imported}"
        for module, imported in IMPORTS
        if module.startswith("toymodels.") and imported.startswith("toymodels") and floor(imported) > floor(module)
    ]
    assert upwards == []


def test_the_library_does_not_import_the_experiments():
    assert [one for one in IMPORTS if one[0].startswith("toymodels") and one[1].startswith("experiments")] == []


def shelf(module: str) -> tuple[str, ...]:
    """The folder of a paper or study: ("papers", "elhage2022")."""
    return tuple(module.split(".")[1:3])


def test_the_harness_knows_no_paper():
    known = [
        (module, imported)
        for module, imported in IMPORTS
        if module.startswith("experiments.harness.") and shelf(imported)[:1] in (("papers",), ("questions",))
        if len(shelf(imported)) > 1
    ]
    assert known == []


def test_papers_do_not_know_each_other():
    known = [
        (module, imported)
        for module, imported in IMPORTS
        if module.startswith("experiments.papers.")
        and imported.startswith(("experiments.papers", "experiments.questions"))
        if shelf(module) != shelf(imported)
    ]
    assert known == []


def everything(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.ispkg:
            yield importlib.import_module(found.name)


@pytest.mark.parametrize("package", [toymodels, experiments])
def test_no_module_is_shadowed_by_what_its_package_exports(package: ModuleType):
    shadowed = [
        f"{parent.__name__}.{name}"
        for parent in everything(package)
        for _, name, _ in pkgutil.iter_modules(parent.__path__)
        if not isinstance(getattr(parent, name, parent), ModuleType)
    ]
    assert shadowed == []


def test_no_module_is_long():
    lines = {name: len(path.read_text().splitlines()) for name, path in MODULES.items() if not path.stem[0].isdigit()}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


def annotations(module: str) -> Iterator[tuple[str, ast.expr]]:
    """The types of the parameters of all functions of a module."""
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.FunctionDef):
            taken = node.args
            for one in [*taken.posonlyargs, *taken.args, *taken.kwonlyargs]:
                if one.annotation:
                    yield f"{module}.{node.name}: {one.arg}", one.annotation


def test_arrays_in_a_sequence_do_not_name_their_axes():
    # The checker of types looks at one of them, chosen at random, before the call and again after it: axes of the same
    # name fail now and then where the arrays differ.
    named = [
        where
        for module in MODULES
        for where, annotation in annotations(module)
        for node in ast.walk(annotation)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Sequence", "Iterable", "Collection", "list")
        for inner in ast.walk(node.slice)
        if isinstance(inner, ast.Constant) and isinstance(inner.value, str)
        if any(axis.isidentifier() and axis.strip("_") for axis in inner.value.split())
    ]
    assert named == []
