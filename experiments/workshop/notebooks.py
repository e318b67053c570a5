"""Notebooks from the lessons' scripts: as students get them, and with the exercises solved.

A lesson is a script in jupytext's percent format. The cell of an exercise defines a function, its body three dots, and
ends with `check("2.3", function)`.
"""

import ast
import hashlib
import inspect
import re
import textwrap
import tomllib
from datetime import datetime
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from toymodels.workshop import Exercise, exercises, lessons

FOLDER = Path(lessons.__file__).parent
LESSONS = tuple(sorted(FOLDER.glob("[0-9]_*.py")))
EXERCISE = re.compile(r'^check\("(\d+\.\d+)", (\w+)\)$', re.MULTILINE)

_PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
_REPOSITORY = _PROJECT["urls"]["Repository"]
_INSTALL = f"""\
# Where toymodels is missing, as on Colab, this installs it. Neither jax nor numpy is moved.
import importlib.util

if importlib.util.find_spec("toymodels") is None:
    %pip install -q "toymodels[playground] @ git+{_REPOSITORY}"
"""


def notebook(lesson: Path) -> nbformat.NotebookNode:
    """The notebook of a lesson's script: the badge and the install line after its title, no outputs."""
    made = jupytext.read(lesson, fmt="py:percent")
    title, *rest = made.cells
    cells = [title, nbformat.v4.new_markdown_cell(_badge(lesson)), nbformat.v4.new_code_cell(_INSTALL.strip()), *rest]
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
    copy = nbformat.from_dict(unsolved)
    for place, exercise in exercise_cells(copy):
        copy.cells[place].source = with_solution(copy.cells[place].source, exercise)
    return copy


def exercise_cells(of: nbformat.NotebookNode) -> list[tuple[int, Exercise]]:
    """The places of the exercises' cells among the notebook's, each with its exercise."""
    found = []
    for place, cell in enumerate(of.cells):
        match = EXERCISE.search(cell.source) if cell.cell_type == "code" else None
        if match:
            lesson = int(match[1].partition(".")[0])
            (exercise,) = [exercise for exercise in exercises(lesson) if exercise.name == match[1]]
            found.append((place, exercise))
    return found


def stub(source: str) -> tuple[ast.FunctionDef, str]:
    """The function that the cell of an exercise leaves to be completed, and the code of it."""
    match = EXERCISE.search(source)
    assert match is not None
    (function,) = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef) and one.name == match[2]]
    return function, "\n".join(source.splitlines()[function.lineno - 1 : function.end_lineno])


def with_solution(source: str, exercise: Exercise) -> str:
    """The cell of an exercise with the worked solution instead of the function to complete."""
    return source.replace(stub(source)[1], textwrap.dedent(inspect.getsource(exercise.solution)).strip())


def text(of: nbformat.NotebookNode) -> str:
    """The notebook as the text of its file."""
    return nbformat.writes(of) + "\n"


def execute(of: nbformat.NotebookNode, folder: Path) -> tuple[nbformat.NotebookNode, CellExecutionError | None]:
    """Run all cells in a fresh kernel in `folder`, up to the first one that fails.

    Returns:
        The executed copy, and the error or None.
    """
    copy = nbformat.from_dict(of)
    client = NotebookClient(copy, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}})
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


def _badge(lesson: Path) -> str:
    path = f"blob/main/toymodels/workshop/lessons/{lesson.stem}.ipynb"
    address = f"https://colab.research.google.com/github/{_REPOSITORY.removeprefix('https://github.com/')}/{path}"
    return f"[![Open in Colab](https://colab.research.google.com/assets/colab-badge.svg)]({address})"
