"""Exercises of lesson 6."""

from toymodels.lessons.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
