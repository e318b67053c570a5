"""The lessons' notebooks, solved or not, copied to where somebody works with them."""

import ast
import json
import re
import textwrap
from pathlib import Path

from toymodels import files
from toymodels.workshop import lessons
from toymodels.workshop.answers import exercise_named, source
from toymodels.workshop.exercise import Exercise

FOLDER = Path(lessons.__file__).parent
NOTEBOOKS = tuple(sorted(FOLDER.glob("[0-9]_*.ipynb")))
PAPERS = (FOLDER.with_name("handout.pdf"), FOLDER.with_name("instructor.md"))
EXERCISE = re.compile(r'^check\("(\d+\.\d+)", (\w+)\)$', re.MULTILINE)
"""How the cell of an exercise ends. It defines a function whose body is three dots."""


def copy_to(folder: Path, *, solved: bool = False) -> tuple[list[Path], list[Path]]:
    """Copy the notebooks, the handout and the instructor's page to a folder.

    Args:
        folder: where they go; it is made if it is not there.
        solved: whether the notebooks have their exercises solved; such ones are called "1_..._solved.ipynb".

    Returns:
        What was written, and what was there before with other contents: that was kept, since it may be somebody's work.
    """
    folder = files.expanded(folder)
    wanted = {path.name: files.read_bytes(path) for path in PAPERS}
    for path in NOTEBOOKS:
        text = files.read_text(path)
        name = f"{path.stem}_solved.ipynb" if solved else path.name
        wanted[name] = (solved_text(text) if solved else text).encode("utf-8")
    written, kept = [], []
    for name, contents in sorted(wanted.items()):
        path = folder / name
        if not path.exists():
            files.write_bytes(path, contents)
            written.append(path)
        elif files.read_bytes(path) != contents:
            kept.append(path)
    return written, kept


def solved_text(text: str) -> str:
    """The text of a notebook's file with the exercises solved."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        whole = "".join(cell["source"])
        exercise = exercise_of(whole) if cell["cell_type"] == "code" else None
        if exercise is not None:
            cell["source"] = with_solution(whole, exercise).splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def exercise_of(cell: str) -> Exercise | None:
    """The exercise whose cell this is, or None."""
    match = EXERCISE.search(cell)
    return None if match is None else exercise_named(match[1])


def stub(cell: str) -> tuple[ast.FunctionDef, str]:
    """The function that the cell of an exercise leaves to be completed, and the code of it."""
    match = EXERCISE.search(cell)
    assert match is not None
    (function,) = [one for one in ast.parse(cell).body if isinstance(one, ast.FunctionDef) and one.name == match[2]]
    return function, "\n".join(cell.splitlines()[function.lineno - 1 : function.end_lineno])


def with_solution(cell: str, exercise: Exercise) -> str:
    """The cell of an exercise with the worked solution instead of the function to complete."""
    return cell.replace(stub(cell)[1], textwrap.dedent(source(exercise)).strip())
