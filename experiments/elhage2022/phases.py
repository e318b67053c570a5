"""Superposition as a phase change: two features in one dimension, three in two, and other activations."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
