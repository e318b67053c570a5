"""Which share of seeds finds the best arrangement, by width and density."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
