"""Exercises of lesson 5."""

from toymodels.lessons.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
