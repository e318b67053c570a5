"""The lessons as notebooks: made of their scripts, executed solved and unsolved."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from experiments.site.extensions import lessons as pages
from experiments.workshop import outputs as kept_outputs
from experiments.workshop.notebooks import LESSONS, REPOSITORY, execute, exercise_cells, notebook, solved, text
from toymodels import cli
from toymodels.workshop import Wrong, check, exercises
from toymodels.workshop.notebooks import stub, with_solution

every_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=[lesson.stem for lesson in LESSONS])


@every_lesson
def test_the_committed_notebook_is_that_of_the_script(lesson: Path) -> None:
    assert lesson.with_suffix(".ipynb").read_text() == text(notebook(lesson))


@every_lesson
@pytest.mark.parametrize("repository", ["", "https://example.org/some/where", "https://github.com/some/where"])
def test_the_address_of_the_repository_is_only_where_it_is_known(lesson: Path, repository: str) -> None:
    made = notebook(lesson, repository)
    nbformat.validate(made)
    title, *rest = made.cells
    assert title.source.startswith(f"# {lesson.stem[0]}. ")
    badges = [cell for cell in rest if "Open in Colab" in cell.source]
    assert rest[: len(badges)] == badges
    assert [
        f"/github/some/where/blob/main/toymodels/workshop/lessons/{lesson.stem}.ipynb" in cell.source for cell in badges
    ] == [True] * repository.startswith("https://github.com")
    install = rest[len(badges)].source
    wanted = f"""%pip install -q "toymodels[playground] @ git+{repository}\""""
    assert (wanted in install) == (repository != "")
    assert ("raise ModuleNotFoundError" in install) == (repository == "")
    assert ("some/where" in text(made)) == (repository != "")


def test_without_an_address_a_notebook_says_how_to_install(monkeypatch) -> None:
    install = notebook(LESSONS[0], "").cells[1].source
    exec(install, {})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=re.escape(f"{sys.executable}, has no toymodels")):
        exec(install, {})


def test_the_address_of_the_repository_stands_in_one_place() -> None:
    root = Path(__file__).parents[1]
    paths = [path for folder in ("toymodels", "experiments") for path in (root / folder).rglob("*") if path.is_file()]
    paths += [root / "README.md", root / "CITATION.cff"]
    written = b" ".join(path.read_bytes() for path in paths if path.suffix not in {".pyc", ".png", ".gif"})
    found = set(re.findall(rb"github\.com/[\w.-]+/toymodels\b", written))
    assert found <= {REPOSITORY.removeprefix("https://").encode()}


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
def test_in_the_unsolved_lesson_all_that_fails_says_which_exercise_is_missing(lesson: Path, tmp_path: Path) -> None:
    made = notebook(lesson)
    executed, error = execute(made, tmp_path, allow_errors=True)
    assert error is None
    failed = {place: _errors(cell) for place, cell in enumerate(executed.cells) if _errors(cell)}
    for place, exercise in exercise_cells(made):
        assert f"Exercise {exercise.name}. This is still empty" in failed.pop(place)[0].evalue
    for (found,) in failed.values():
        # A cell may also need what an earlier one, which needed an exercise, did not come to define.
        assert found.ename == "NameError" or re.match(r"Exercise \d\.\d comes first", found.evalue), found.evalue
    assert any(found.ename == "Skipped" for (found,) in failed.values())


def test_every_plot_of_a_notebook_is_shown(tmp_path: Path) -> None:
    draw = "import numpy as np\nfrom toymodels import plots\naxes = plots.directions(np.eye(2))"
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(draw) for _ in range(3)])
    executed, error = execute(made, tmp_path)
    assert error is None
    assert [[output.output_type for output in cell.outputs] for cell in executed.cells] == [["display_data"]] * 3


# --- What the site shows of a lesson ----------------------------------------------------------------------------------


def test_pages_of_the_site_show_outputs_and_leave_exercises_open(monkeypatch) -> None:
    path = LESSONS[0].with_suffix(".ipynb")
    cells = notebook(LESSONS[0]).cells
    shown: list[list[dict]] = [[{"output_type": "stream", "name": "stdout", "text": str(k)}] for k in range(len(cells))]
    shown[-2] = [{"playground": {"settings": {"n": 7}, "recording": None}}]
    monkeypatch.setattr(pages, "outputs", lambda path: shown)
    made = json.loads(pages.lesson(path))["cells"]
    open_cells = {place for place, _ in exercise_cells(notebook(LESSONS[0]))}
    for number, cell in enumerate(made[:-2]):
        if cell["cell_type"] == "code":
            assert cell["outputs"] == ([] if number in open_cells else shown[number])
            assert ("return ..." in "".join(cell["source"])) == (number in open_cells)
    (playground,) = made[-2]["outputs"]
    assert 'settings: {"n":7}' in playground["data"]["text/html"]


def test_outputs_are_kept_until_the_lesson_changes(tmp_path: Path, monkeypatch) -> None:
    def said(text: str) -> nbformat.NotebookNode:
        stream, error = (nbformat.v4.new_output("stream", name=name, text=text) for name in ("stdout", "stderr"))
        return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print()", outputs=[stream, error])])

    runs = []
    monkeypatch.setattr(kept_outputs, "CACHE", tmp_path)
    monkeypatch.setattr(
        kept_outputs, "execute", lambda of, folder: (runs.append(of), (said(f"run {len(runs)}"), None))[1]
    )
    path = tmp_path / "1_lesson.ipynb"
    for expected in (1, 1, 2):
        if expected != len(runs):
            path.write_text(text(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(f"version {expected}")])))
            assert kept_outputs.outputs(path) is None
        kept_outputs.run(path)
        ((found,),) = kept_outputs.outputs(path)
        assert (found["text"], len(runs)) == (f"run {expected}", expected)


NAMES = [*(lesson.with_suffix(".ipynb").name for lesson in LESSONS), "handout.pdf", "instructor.md"]


def test_the_command_copies_the_lessons(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "here" / "there"
    cli.main(["workshop", str(folder), "--copy-only"])
    assert sorted(path.name for path in folder.iterdir()) == NAMES
    for lesson in LESSONS:
        copied = folder / lesson.with_suffix(".ipynb").name
        assert copied.read_bytes() == lesson.with_suffix(".ipynb").read_bytes()
    assert f"The lessons are in {folder}" in capsys.readouterr().out


def test_what_a_student_wrote_is_kept(tmp_path: Path, capsys) -> None:
    mine = tmp_path / NAMES[1]
    mine.write_text("my work")
    cli.main(["workshop", str(tmp_path), "--copy-only"])
    assert mine.read_text() == "my work"
    assert f"toymodels: {mine.name}\n" in capsys.readouterr().out
    cli.main(["workshop", str(tmp_path), "--copy-only"])
    assert mine.read_text() == "my work"
    assert ": 0 files are new." in capsys.readouterr().out


def test_the_command_solves_the_lessons(tmp_path: Path) -> None:
    cli.main(["workshop", str(tmp_path), "--copy-only", "--solved"])
    for lesson in LESSONS:
        written = nbformat.read(tmp_path / f"{lesson.stem}_solved.ipynb", as_version=4)
        assert written == solved(notebook(lesson))
        assert written != notebook(lesson)
        assert len(exercise_cells(written)) == len(exercises(int(lesson.stem[0])))
        assert "return ..." not in text(written)


@pytest.mark.parametrize("more", [[], ["--no-browser"]])
def test_the_command_opens_the_first_lesson_until_it_ends_by_itself(
    tmp_path: Path, monkeypatch, more: list[str]
) -> None:
    calls = []

    class Server:
        waits = iter([KeyboardInterrupt, 3])

        def __init__(self, command, cwd):
            calls.append((command, cwd))

        def wait(self):
            outcome = next(self.waits)
            if outcome is KeyboardInterrupt:
                raise outcome
            return outcome

    monkeypatch.setattr(subprocess, "Popen", Server)
    with pytest.raises(SystemExit, match="3"):
        cli.main(["workshop", str(tmp_path), *more])
    assert calls == [([sys.executable, "-m", "jupyterlab", *more, NAMES[0]], tmp_path)]


def test_without_jupyterlab_the_command_copies_and_says_what_to_install(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match="2"):
        cli.main(["workshop", str(tmp_path)])
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES
    assert "pip install 'toymodels[workshop]'" in capsys.readouterr().err


def _errors(cell: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for output in cell.get("outputs", []) if output.output_type == "error"]
