"""The terms of the loss, the penalty that removes superposition, and the bound of compressed sensing."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
