"""Superposition in a privileged basis: features and the neurons of a ReLU hidden layer."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
