"""Exercises of lesson 3."""

from toymodels.lessons.exercise import Exercise

EXERCISES: tuple[Exercise, ...] = ()
