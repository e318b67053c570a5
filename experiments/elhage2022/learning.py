"""Learning dynamics: jumps of dimensionality, and the stages of geometric learning."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
