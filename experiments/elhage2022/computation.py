"""Computation in superposition: absolute values."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
