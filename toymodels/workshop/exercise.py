"""What an exercise is, and what its check is made of."""

import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np


class Wrong(AssertionError):  # noqa: N818 (no fault of the program)
    """An answer is not right yet. The message says what is wrong with it and where to look."""

    def _render_traceback_(self) -> list[str]:
        # IPython asks for this; the lines of the check are of no use to a student.
        return [f"✗ {self}"]


class Empty(Wrong):
    """An exercise still has its dots."""


class Skipped(Wrong):
    """Something needs an exercise that was skipped."""


class Exercise(NamedTuple):
    """A function that students complete.

    Attributes:
        name: lesson and number, such as "2.3".
        check: raises `Wrong` unless it is given a function that is right.
        right: what a student reads who has solved it: what the answer means, in one or two sentences.
        hints: three, each of which tells more than the one before; the third all but writes the line.
        solution: the function, worked out. Its name and arguments are those in the lesson, and it needs no names but
            the imports of the lesson and what the lesson has defined before.
    """

    name: str
    check: Callable[[Any], None]
    right: str
    hints: tuple[str, str, str]
    solution: Callable[..., Any]


def expect(condition: Any, message: str) -> None:
    """Raise `Wrong(message)` unless the condition holds."""
    if not condition:
        raise Wrong(message)


def result(answer: Any, *arguments: Any) -> Any:
    """What the student's function returns; raises `Wrong` if it is empty still or raises an exception."""
    expect(callable(answer), f"Give the check the function itself, not its result. It was given {answer!r}.")
    try:
        value = answer(*arguments)
    except Skipped:
        raise
    except Exception as error:
        line = traceback.extract_tb(error.__traceback__)[-1].line
        raise Wrong(f"Your function stops with {type(error).__name__}: {error}. This is the line: `{line}`.") from None
    if value is ...:
        raise Empty("This is still empty: replace the dots `...` by your own line.")
    expect(value is not None, "Your function returns nothing. Does it end with `return`?")
    return value


def number(answer: Any, *arguments: Any) -> float:
    """`result` as one number; raises `Wrong` if it is anything else."""
    return float(array(answer, *arguments, shape=()))


def array(answer: Any, *arguments: Any, shape: tuple[int, ...]) -> np.ndarray:
    """`result` as a numpy array of numbers of this shape; raises `Wrong` if it is anything else."""
    value = result(answer, *arguments)
    try:
        found = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise Wrong(f"Numbers are wanted. Your function returns {value!r}.") from None
    expect(found.shape == shape, f"{_of_shape(shape)} is wanted. Your function returns {_of_shape(found.shape)}.")
    expect(np.isfinite(found).all(), f"Your function returns numbers that are not finite: {found}.")
    return found


def fits(answer: Any, solution: Callable[..., Any], *cases: tuple[Any, ...]) -> None:
    """Raise `Wrong` unless the student's function agrees with the solution on these arguments.

    Checks tell a mistake by the numbers that it gives for one case. Another case, in which every size is another one,
    finds what is right for the sizes of the first only.
    """
    for arguments in cases:
        wanted = solution(*arguments)
        found = array(
            answer, *(np.copy(one) if isinstance(one, np.ndarray) else one for one in arguments), shape=np.shape(wanted)
        )
        given = ", ".join(_described(one) for one in arguments if not callable(one))
        expect(
            close(found, wanted),
            f"It was right so far, but is not for other sizes, here {given}. Is a number written into your function "
            "that it could find out from its arguments?",
        )


def drawn(*shape: int) -> np.ndarray:
    """Some numbers of both signs, as many as the shape asks for, and the same ones each time."""
    return np.random.default_rng(shape).normal(size=shape)


def close(found: Any, wanted: Any, tolerance: float = 1e-5) -> bool:
    """Whether two arrays agree within `tolerance`, absolute, or relative where they are larger than 1."""
    return bool(np.allclose(found, wanted, rtol=tolerance, atol=tolerance))


def _described(argument: Any) -> str:
    return f"an array {np.shape(argument)}" if np.ndim(argument) else f"{argument:g}"


def _of_shape(shape: tuple[int, ...]) -> str:
    return f"An array of shape {shape}" if shape else "One number"
