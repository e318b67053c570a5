"""Exercises: the solution passes, each wrong answer fails with the message that helps, hints and errors."""

import importlib
import re

import pytest

from toymodels.workshop import Exercise, Wrong, check, exercises, hint, solution
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


@every(EXERCISES)
def test_hints_and_the_solution_can_be_read(exercise: Exercise, capsys) -> None:
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
