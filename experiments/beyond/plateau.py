"""How the plateau at D* = 1/2 depends on the number of features per dimension."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
