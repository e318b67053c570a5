"""Exercises of lesson 2."""

from toymodels.lessons.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
