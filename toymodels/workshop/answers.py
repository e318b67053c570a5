"""Check, hint and solution of an exercise by its name."""

import importlib
import inspect
from typing import Any

from toymodels.workshop.exercise import Exercise, Wrong

LESSONS = (1, 2, 3, 4, 5, 6)


def check(name: str, answer: Any) -> None:
    """Test `answer` to exercise `name`, which must be a function, and say what it means if it is right.

    Raises:
        Wrong: if it is not right; the message says why.
        ValueError: if there is no such exercise.
    """
    exercise = _exercise(name)
    try:
        exercise.check(answer)
    except Wrong as wrong:
        raise Wrong(f'Exercise {name}. {wrong}\n  Stuck? hint("{name}")') from None
    print(f"✓ Exercise {name}. {exercise.right}")


def hint(name: str, level: int = 1) -> None:
    """Print a hint for exercise `name`; each `level`, 1 to 3, tells more than the one before.

    Raises:
        ValueError: if there is no such exercise or level.
    """
    hints = _exercise(name).hints
    if level not in (1, 2, 3):
        raise ValueError(f"level of hint must be 1, 2 or 3. Got {level!r}.")
    print(f"Hint {level} of 3: {hints[level - 1]}")
    follow = f'hint("{name}", {level + 1})' if level < 3 else f'solution("{name}")'
    print(f"  More: {follow}")


def solution(name: str) -> None:
    """Print the worked solution of exercise `name`.

    Raises:
        ValueError: if there is no such exercise.
    """
    print(source(_exercise(name)))


def source(exercise: Exercise) -> str:
    """The lines of an exercise's solution."""
    return inspect.getsource(exercise.solution)


def exercises(lesson: int) -> tuple[Exercise, ...]:
    """The exercises of a lesson in their order.

    Raises:
        ValueError: if there is no such lesson.
    """
    if lesson not in LESSONS:
        raise ValueError(f"lesson must be one of {', '.join(map(str, LESSONS))}. Got {lesson!r}.")
    return importlib.import_module(f"toymodels.workshop.lessons.checks_{lesson}").EXERCISES


def _exercise(name: str) -> Exercise:
    known = [exercise for lesson in LESSONS for exercise in exercises(lesson)]
    for exercise in known:
        if exercise.name == name:
            return exercise
    raise ValueError(f"There is no exercise {name!r}. There are {', '.join(exercise.name for exercise in known)}.")
