"""What the cells of the lessons show: from a run with the exercises solved, kept until what it depends on changes."""

import hashlib
import json
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

import toymodels
from experiments.workshop.notebooks import execute, solved
from toymodels import files
from toymodels.workshop.notebooks import solved_text

CACHE = Path(__file__).parents[2] / ".cache" / "lessons"
APART = ("cli", "workshop")  # folders of toymodels that no lesson computes with; its own solutions are in its text

Output = dict[str, Any]


def outputs(notebook: Path) -> list[list[Output]] | None:
    """The outputs of each cell of a lesson's notebook; None if this lesson, as it is, has not been run."""
    path = kept(notebook)
    return json.loads(files.read_text(path)) if path.exists() else None


def run(notebook: Path) -> None:
    """Run a lesson with its exercises solved and keep what its cells show, unless that is there already.

    Raises:
        CellExecutionError: if a cell fails.
    """
    path = kept(notebook)
    if path.exists():
        return
    with tempfile.TemporaryDirectory() as folder:
        unsolved = nbformat.reads(files.read_text(notebook), as_version=4)
        executed, error = execute(solved(unsolved), Path(folder))
    if error is not None:
        raise error
    playgrounds = _playgrounds(executed)
    shown = [[_shown(output, playgrounds) for output in cell.get("outputs", [])] for cell in executed.cells]
    files.write_text(path, json.dumps([[one for one in cell if one is not None] for cell in shown]))


def kept(notebook: Path) -> Path:
    """Where the outputs are kept, under a name that depends on all that they depend on."""
    package = Path(toymodels.__file__).parent
    code = {
        path.relative_to(package).as_posix(): hashlib.sha256(files.read_bytes(path)).hexdigest()
        for path in sorted(package.rglob("*.py"))
        if path.relative_to(package).parts[0] not in APART
    }
    versions = {name: version(name) for name in ("jax", "flax", "optax", "numpy", "matplotlib", "xarray")}
    what = [solved_text(files.read_text(notebook)), code, versions]
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()
    return CACHE / f"{notebook.stem}-{digest[:16]}.json"


def _playgrounds(executed: nbformat.NotebookNode) -> dict[str, dict[str, Any]]:
    """What each playground of an executed notebook shows, by the name of its widget."""
    widgets = executed.metadata.get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {"state": {}})
    return {
        name: {part: widget["state"].get(part) for part in ("settings", "recording")}
        for name, widget in widgets["state"].items()
        if "recording" in widget["state"]
    }


def _shown(output: nbformat.NotebookNode, playgrounds: dict[str, dict[str, Any]]) -> Output | None:
    """An output for a page: a playground as its settings and recording; no bars of progress, and no warnings."""
    if output.output_type == "stream":
        return dict(output) if output.name == "stdout" else None
    view = output.data.get("application/vnd.jupyter.widget-view+json")
    if view is None:
        return json.loads(json.dumps({**output, "execution_count": None} if "execution_count" in output else output))
    return {"playground": playgrounds[view["model_id"]]} if view["model_id"] in playgrounds else None
