"""Notebooks from the lessons' scripts, which are in jupytext's percent format."""

import hashlib
import tomllib
from datetime import datetime
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from toymodels import files
from toymodels.workshop.exercise import Exercise
from toymodels.workshop.notebooks import FOLDER, exercise_of, solved_text

LESSONS = tuple(sorted(FOLDER.glob("[0-9]_*.py")))
_PROJECT = tomllib.loads(files.read_text(Path(__file__).parents[2] / "pyproject.toml"))["project"]
REPOSITORY: str = _PROJECT.get("urls", {}).get("Repository", "")
"""Where the project can be cloned from, or nothing while that is not settled."""


def notebook(lesson: Path, repository: str = REPOSITORY) -> nbformat.NotebookNode:
    """The notebook of a lesson's script, without outputs; a cell after its title sees to it that toymodels is there.

    Args:
        lesson: the script.
        repository: where the project can be cloned from. With an address the cell installs toymodels, and one on GitHub
            gives the notebook a badge that opens it in Colab.
    """
    made = jupytext.read(lesson, fmt="py:percent")
    title, *rest = made.cells
    badge = [nbformat.v4.new_markdown_cell(_badge(lesson, repository))] if repository.startswith(_GITHUB) else []
    install = _INSTALL.format(repository=repository) if repository else _MISSING
    cells = [title, *badge, nbformat.v4.new_code_cell(install.strip()), *rest]
    for number, cell in enumerate(cells):
        # Cells have random names otherwise, and every notebook would differ from the last one.
        cell.metadata.pop("lines_to_next_cell", None)
        cell["id"] = hashlib.sha256(f"{number} {cell.source}".encode()).hexdigest()[:8]
    metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return nbformat.v4.new_notebook(cells=cells, metadata=metadata)


def solved(unsolved: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A copy in which the exercises' functions are the worked solutions."""
    return nbformat.reads(solved_text(text(unsolved)), as_version=4)


def exercise_cells(of: nbformat.NotebookNode) -> list[tuple[int, Exercise]]:
    """The places of the exercises' cells among the notebook's, each with its exercise."""
    code = ((place, exercise_of(cell.source)) for place, cell in enumerate(of.cells) if cell.cell_type == "code")
    return [(place, exercise) for place, exercise in code if exercise is not None]


def text(of: nbformat.NotebookNode) -> str:
    """The notebook as the text of its file."""
    return nbformat.writes(of) + "\n"


def execute(
    of: nbformat.NotebookNode, folder: Path, *, allow_errors: bool = False
) -> tuple[nbformat.NotebookNode, CellExecutionError | None]:
    """Run all cells in a fresh kernel in `folder`, up to the first one that fails or all in spite of errors.

    Returns:
        The executed copy, and the error or None.
    """
    copy = nbformat.from_dict(of)
    place = {"metadata": {"path": str(folder)}}
    client = NotebookClient(copy, timeout=600, kernel_name="python3", resources=place, allow_errors=allow_errors)
    try:
        client.execute()
    except CellExecutionError as error:
        return copy, error
    return copy, None


def seconds(executed: nbformat.NotebookNode) -> list[float]:
    """How long each code cell that was run took."""
    stamps = [cell.metadata.get("execution", {}) for cell in executed.cells]
    return [
        (_time(stamp["shell.execute_reply"]) - _time(stamp["iopub.execute_input"])).total_seconds()
        for stamp in stamps
        if "shell.execute_reply" in stamp
    ]


def _time(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)


def _badge(lesson: Path, repository: str) -> str:
    path = f"blob/main/toymodels/workshop/lessons/{lesson.stem}.ipynb"
    address = f"https://colab.research.google.com/github/{repository.removeprefix(_GITHUB).rstrip('/')}/{path}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"


_GITHUB = "https://github.com/"
_INSTALL = """\
# Where toymodels is missing, as on Colab, this installs it. Neither jax nor numpy is moved.
import importlib.util

if importlib.util.find_spec("toymodels") is None:
    %pip install -q "toymodels[playground] @ git+{repository}"
"""
_MISSING = """\
# Where toymodels is missing, this says how to get it.
import importlib.util
import sys

if importlib.util.find_spec("toymodels") is None:
    raise ModuleNotFoundError(
        f"The Python of this notebook, {sys.executable}, has no toymodels. Install it in that Python, from its wheel: "
        "pip install 'toymodels-....whl[workshop]', or in a clone: pip install '.[workshop]'. Then restart the kernel."
    )
"""
