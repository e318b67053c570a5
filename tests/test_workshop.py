"""The lessons as notebooks: made of their scripts, executed solved and unsolved."""

import re
from pathlib import Path

import nbformat
import pytest

from experiments.workshop.__main__ import main
from experiments.workshop.notebooks import (
    LESSONS,
    execute,
    exercise_cells,
    notebook,
    solved,
    stub,
    text,
    with_solution,
)
from toymodels.workshop import Wrong, check, exercises

every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.stem for lesson in LESSONS])


@every_lesson
def test_the_committed_notebook_is_that_of_the_script(lesson: Path) -> None:
    assert lesson.with_suffix(".ipynb").read_text() == text(notebook(lesson))


@every_lesson
def test_the_notebook_is_valid_and_has_title_badge_and_install_line(lesson: Path) -> None:
    made = notebook(lesson)
    nbformat.validate(made)
    title, badge, install, *_ = made.cells
    assert title.source.startswith(f"# {lesson.stem[0]}. ")
    assert f"toymodels/workshop/lessons/{lesson.stem}.ipynb" in badge.source
    assert re.findall(r"%pip install (.*)", install.source) == [
        '-q "toymodels[playground] @ git+https://github.com/toymodels/toymodels"'
    ]


@every_lesson
def test_the_notebook_has_all_exercises_of_the_lesson_in_their_order(lesson: Path) -> None:
    assert [exercise for _, exercise in exercise_cells(notebook(lesson))] == list(exercises(int(lesson.stem[0])))


@every_lesson
def test_functions_to_complete_are_empty_and_like_their_solutions(lesson: Path) -> None:
    made = notebook(lesson)
    for place, exercise in exercise_cells(made):
        left, code = stub(made.cells[place].source)
        worked, _ = stub(with_solution(made.cells[place].source, exercise))
        assert (left.name, [one.arg for one in left.args.args]) == (worked.name, [one.arg for one in worked.args.args])
        names: dict = {}
        exec(code, names)
        with pytest.raises(Wrong, match="still empty"):
            check(exercise.name, names[left.name])


@every_lesson
def test_cells_are_short(lesson: Path) -> None:
    code = [cell.source for cell in notebook(lesson).cells if cell.cell_type == "code"]
    assert max(len(source.splitlines()) for source in code) <= 25


@every_lesson
@pytest.mark.reproduction
def test_the_solved_lesson_runs_from_start_to_finish(lesson: Path, tmp_path: Path) -> None:
    _, error = execute(solved(notebook(lesson)), tmp_path)
    assert error is None


@every_lesson
@pytest.mark.reproduction
def test_the_unsolved_lesson_fails_at_the_first_check_and_nowhere_before(lesson: Path, tmp_path: Path) -> None:
    made = notebook(lesson)
    first, exercise = exercise_cells(made)[0]
    executed, error = execute(made, tmp_path)
    assert error is not None
    assert error.ename == "Wrong"
    assert f"Exercise {exercise.name}. This is still empty" in error.evalue
    failed = [place for place, cell in enumerate(executed.cells) if _failed(cell)]
    assert failed == [first]


def test_the_command_writes_solved_notebooks(tmp_path: Path, capsys) -> None:
    assert main(["--solved", str(tmp_path / "solved")]) == 0
    written = sorted((tmp_path / "solved").glob("*.ipynb"))
    assert [path.stem for path in written] == [lesson.stem for lesson in LESSONS]
    for path, lesson in zip(written, LESSONS, strict=True):
        assert path.read_text() == text(solved(notebook(lesson)))
        assert path.read_text() != text(notebook(lesson))
    assert capsys.readouterr().out.splitlines() == list(map(str, written))


def _failed(cell: nbformat.NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", []))
