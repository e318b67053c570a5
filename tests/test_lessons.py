"""Exercises: the solution passes, each wrong answer fails with the message that helps, hints and errors."""

import importlib
import inspect
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from toymodels.workshop import Exercise, Wrong, begin, check, exercises, hint, lessons, solution
from toymodels.workshop.answers import LESSONS

EXERCISES = [exercise for lesson in LESSONS for exercise in exercises(lesson)]
WRONG = {
    name: answers
    for lesson in LESSONS
    for name, answers in importlib.import_module(f"wrong_answers.lesson_{lesson}").WRONG.items()
}


def every(cases: list[Exercise]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exercise", cases, ids=[exercise.name for exercise in cases])


@every(EXERCISES)
def test_the_solution_is_right(exercise: Exercise, capsys) -> None:
    check(exercise.name, exercise.solution)
    assert capsys.readouterr().out == f"✓ Exercise {exercise.name}. {exercise.right}\n"


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name, answers in WRONG.items() for number in range(len(answers))]
)
def test_a_wrong_answer_is_told_what_is_wrong(name: str, number: int) -> None:
    answer, says = WRONG[name][number]
    with pytest.raises(Wrong, match=re.escape(says)):
        check(name, answer)


FIXED = {"3.1"}  # W (1, 2) is all that this exercise is about


def sizes(arguments: tuple) -> dict[tuple[int, ...], float]:
    """The size of each axis of each array, and the value of each number."""
    found: dict[tuple[int, ...], float] = {}
    for place, argument in enumerate(arguments):
        if not callable(argument):
            axes = enumerate(np.shape(argument))
            found |= {(place, axis): size for axis, size in axes} if np.ndim(argument) else {(place,): argument}
    return found


def off(value):
    """Another answer of the same kind."""
    if isinstance(value, str):
        return "superposed" if value != "superposed" else "ignored"
    return tuple(map(off, value)) if isinstance(value, tuple) else value + 1


@every([exercise for exercise in EXERCISES if inspect.signature(exercise.solution).parameters])
def test_an_answer_that_is_right_for_one_size_only_is_refused(exercise: Exercise) -> None:
    seen: dict[tuple[int, ...], set] = {}

    def recording(*arguments):
        for key, size in sizes(arguments).items():
            seen.setdefault(key, set()).add(size)
        return exercise.solution(*arguments)

    check(exercise.name, recording)
    if exercise.name in FIXED:
        assert all(len(found) == 1 for found in seen.values())
        return
    for key, found in seen.items():
        for size in found:

            def answer(*arguments, key=key, size=size):
                right = exercise.solution(*arguments)
                return right if sizes(arguments).get(key) == size else off(right)

            with pytest.raises(Wrong):
                check(exercise.name, answer)


@every(EXERCISES)
def test_there_are_three_wrong_answers_with_messages_of_their_own(exercise: Exercise) -> None:
    assert len(WRONG[exercise.name]) >= 3
    assert len({says for _, says in WRONG[exercise.name]}) >= 2


@every(EXERCISES)
@pytest.mark.parametrize(("answer", "says"), [(lambda *_: ..., "still empty"), (lambda *_: None, "returns nothing")])
def test_an_empty_answer(exercise: Exercise, answer, says: str) -> None:
    with pytest.raises(Wrong, match=says):
        check(exercise.name, answer)


@every(EXERCISES)
def test_an_answer_that_is_no_function(exercise: Exercise) -> None:
    with pytest.raises(Wrong, match="the function itself"):
        check(exercise.name, 0.4)


@every(EXERCISES)
def test_an_answer_that_raises(exercise: Exercise) -> None:
    def answer(*_):
        raise KeyError("a fault of mine")

    with pytest.raises(Wrong, match=r"KeyError.*a fault of mine.*raise KeyError") as caught:
        check(exercise.name, answer)
    assert f'hint("{exercise.name}")' in str(caught.value)
    assert len(caught.value._render_traceback_()) == 1


@pytest.fixture
def names(monkeypatch) -> dict:
    """The names of an empty notebook."""
    monkeypatch.setitem(sys.modules, "__main__", types.ModuleType("__main__"))
    return vars(sys.modules["__main__"])


@every(EXERCISES)
def test_a_skipped_exercise_says_that_it_comes_first(exercise: Exercise, names: dict) -> None:
    name = exercise.solution.__name__
    begin(int(exercise.name[0]))
    with pytest.raises(Wrong, match=f"^Exercise {exercise.name} comes first: this needs its {name}"):
        names[name]()
    names[name] = lambda *_: ...  # its cell was run, and still has the dots
    with pytest.raises(Wrong, match="still empty"):
        check(exercise.name, names[name])
    with pytest.raises(Wrong, match=f"^Exercise {exercise.name} comes first"):
        names[name](1)


def test_an_answer_that_is_wrong_stays(names: dict) -> None:
    names["variance"] = wrong = lambda p: p / 3
    with pytest.raises(Wrong):
        check("1.2", wrong)
    assert names["variance"] is wrong


def test_a_check_that_needs_a_skipped_exercise_says_so(names: dict) -> None:
    begin(1)
    names["np"] = np
    solution("1.5")
    with pytest.raises(Wrong, match=r"^Exercise 1\.2 comes first"):
        check("1.5", names["best_loss"])
    solution("1.2")
    check("1.5", names["best_loss"])


@pytest.mark.parametrize("lesson", LESSONS)
def test_solutions_define_what_they_show(lesson: int, names: dict) -> None:
    exec("import math\nimport numpy as np", names)
    for exercise in exercises(lesson):
        solution(exercise.name)
        assert names[exercise.solution.__name__] is not exercise.solution
        check(exercise.name, names[exercise.solution.__name__])


@every(EXERCISES)
def test_hints_and_the_solution_can_be_read(exercise: Exercise, names: dict, capsys) -> None:
    printed = []
    for level in (1, 2, 3):
        hint(exercise.name, level)
        printed.append(capsys.readouterr().out)
    solution(exercise.name)
    worked = capsys.readouterr().out
    assert len({*printed, worked}) == 4
    assert f"def {exercise.solution.__name__}(" in worked
    assert f'solution("{exercise.name}")' in printed[2]


@pytest.mark.parametrize("lesson", LESSONS)
def test_exercises_are_numbered_in_order(lesson: int) -> None:
    names = [exercise.name for exercise in exercises(lesson)]
    assert names == [f"{lesson}.{number}" for number in range(1, len(names) + 1)]
    assert len(names) >= 3


def test_unknown_names() -> None:
    with pytest.raises(ValueError, match=r"no exercise '9\.9'.*1\.1"):
        check("9.9", abs)
    with pytest.raises(ValueError, match="level of hint"):
        hint("1.1", 4)
    with pytest.raises(ValueError, match="lesson must be"):
        exercises(0)


ROOM = Path(lessons.__file__).parents[1] / "instructor.md"
TEXTS = {lesson: next(Path(lessons.__file__).parent.glob(f"{lesson}_*.py")).read_text("utf-8") for lesson in LESSONS}


def numbers(lesson: int, says: str) -> set[str]:
    return set(re.findall(rf"\b{lesson}\.\d\b", says))


def short_form(lesson: int) -> tuple[int, set[str], set[str]]:
    """Of the instructor's page: minutes, the exercises to leave out, and those not to leave out."""
    part = ROOM.read_text("utf-8").split(f"\n## Lesson {lesson}. ")[1].split("\n## ")[0]
    minutes, says = re.search(r"\*\*If time is short \((\d+) minutes\)\.\*\* (.*?)\n\n", part, re.DOTALL).groups()
    out, _, kept = says.partition("Do not leave out")
    return int(minutes), numbers(lesson, out), numbers(lesson, kept)


@pytest.mark.parametrize("lesson", LESSONS)
def test_lessons_and_the_instructors_page_name_the_same_exercises_to_skip(lesson: int) -> None:
    says = TEXTS[lesson].split("**Short of time?**")[1].split("\n\n")[0]
    _, out, kept = short_form(lesson)
    assert out == numbers(lesson, says)
    assert out
    assert out <= {exercise.name for exercise in exercises(lesson)}
    assert not out & kept


def test_the_plan_of_three_hours_has_room_for_the_lessons() -> None:
    plan = re.findall(r"^\| (\d+) - (\d+) \| (.*?) \|", ROOM.read_text("utf-8"), re.MULTILINE)
    times = [(int(start), int(end)) for start, end, _ in plan]
    assert [start for start, _ in times] == [0, *(end for _, end in times[:-1])]
    assert times[-1][1] == 180
    taken = [
        (end - start, re.findall(r"(?:lesson|or\**) ([1-8])\b(?!\.)", what))
        for (start, end), (*_, what) in zip(times, plan, strict=True)
    ]
    for room, named in taken[1:]:
        assert all(room >= short_form(int(lesson))[0] for lesson in named), named
    assert sorted(lesson for _, named in taken[1:] for lesson in named) == list("12345678")
    assert all(exercise in plan[2][2] for exercise in short_form(2)[2])
