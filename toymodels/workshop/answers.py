"""Check, hint and solution of an exercise by its name."""

import importlib
import inspect
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from toymodels.workshop.exercise import Empty, Exercise, Skipped, Wrong

LESSONS = (1, 2, 3, 4, 5, 6, 7, 8)


def begin(lesson: int) -> None:
    """Define the functions of the lesson's exercises in the notebook, until the exercises define them.

    Each only says which exercise comes first, so that whoever skips one learns what a later cell misses. What the
    notebook has defined stays.

    Raises:
        ValueError: if there is no such lesson.
    """
    names = _notebook()
    for exercise in exercises(lesson):
        names.setdefault(_function(exercise), _missing(exercise))


def check(name: str, answer: Any) -> None:
    """Test `answer` to exercise `name`, which must be a function, and say what it means if it is right.

    Raises:
        Wrong: if it is not right; the message says why.
        ValueError: if there is no such exercise.
    """
    exercise = exercise_named(name)
    try:
        exercise.check(answer)
    except Skipped:
        raise
    except Wrong as wrong:
        if isinstance(wrong, Empty):
            _notebook()[_function(exercise)] = _missing(exercise)
        raise Wrong(f'Exercise {name}. {wrong}\n  Stuck? hint("{name}")') from None
    print(f"✓ Exercise {name}. {exercise.right}")


def hint(name: str, level: int = 1) -> None:
    """Print a hint for exercise `name`; each `level`, 1 to 3, tells more than the one before.

    Raises:
        ValueError: if there is no such exercise or level.
    """
    hints = exercise_named(name).hints
    if level not in (1, 2, 3):
        raise ValueError(f"level of hint must be 1, 2 or 3. Got {level!r}.")
    print(f"Hint {level} of 3: {hints[level - 1]}")
    follow = f'hint("{name}", {level + 1})' if level < 3 else f'solution("{name}")'
    print(f"  More: {follow}")


def solution(name: str) -> None:
    """Print the worked solution of exercise `name`, and define its function in the notebook.

    Raises:
        ValueError: if there is no such exercise.
    """
    exercise = exercise_named(name)
    code = source(exercise)
    exec(compile(code, f"<solution of exercise {name}>", "exec"), _notebook())
    print(code)
    print(f"  {_function(exercise)} is defined now, as if you had written it: go on with the next cell.")


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


def exercise_named(name: str) -> Exercise:
    """The exercise that is called `name`, such as "2.3".

    Raises:
        ValueError: if there is no such exercise.
    """
    known = [exercise for lesson in LESSONS for exercise in exercises(lesson)]
    for exercise in known:
        if exercise.name == name:
            return exercise
    raise ValueError(f"There is no exercise {name!r}. There are {', '.join(exercise.name for exercise in known)}.")


def _notebook() -> dict[str, Any]:
    """The names of the notebook, or of whatever program runs the lesson."""
    return vars(sys.modules["__main__"])


def _function(exercise: Exercise) -> str:
    return exercise.solution.__name__


def _missing(exercise: Exercise) -> Callable[..., NoReturn]:
    """What stands for the function of an exercise that is not done."""

    def missing(*_: Any) -> NoReturn:
        raise Skipped(
            f"Exercise {exercise.name} comes first: this needs its {_function(exercise)}.\n"
            f'  To skip it: solution("{exercise.name}")'
        )

    return missing
