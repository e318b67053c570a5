"""Exercises of the workshop: `check("2.3", answer)`, `hint("2.3")`, `solution("2.3")`.

The lessons are the notebooks in `lessons`, beside their checks. An exercise is a function to complete; its check calls
it and tests what it returns: shapes, exact values where they are known, invariances, and the mistakes that people make.
"""

from toymodels.workshop.answers import begin, check, exercises, hint, solution
from toymodels.workshop.exercise import Exercise, Wrong

__all__ = ["Exercise", "Wrong", "begin", "check", "exercises", "hint", "solution"]
