"""Correlated and anticorrelated features."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
