"""Superposition and adversarial robustness."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
