"""How far the strength of a correlation moves the borders between phases."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
