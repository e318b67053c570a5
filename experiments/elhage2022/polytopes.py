"""Which arrangements the features form, what pulls them there, and how a perturbed pentagon gives way."""

from experiments.experiment import Experiment

EXPERIMENTS: tuple[Experiment, ...] = ()
