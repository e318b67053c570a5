"""Exercises of the workshop: `check("2.3", answer)`, `hint("2.3")`, `solution("2.3")`.

The lessons are notebooks in `experiments/workshop`. An exercise is a function to complete; its check calls it and tests
what it returns: shapes, exact values where they are known, invariances, and the mistakes that people make.
"""

from toymodels.lessons.exercise import Exercise, Wrong
from toymodels.lessons.workshop import check, exercises, hint, solution

__all__ = ["Exercise", "Wrong", "check", "exercises", "hint", "solution"]
