"""Exercises of lesson 4."""

from toymodels.lessons.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
