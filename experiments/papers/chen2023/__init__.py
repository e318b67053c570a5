"""Chen et al. 2023, "Dynamical versus Bayesian Phase Transitions in a Toy Model of Superposition": polygons of
features, one on at a time, their losses, and which of them is found.

The paper's full text was not at hand: its model, critical points and numbers are known to us from reviews, its code and
replications. The theory is in `toymodels.theory.polygons` and `toymodels.theory.critical`.
"""

from experiments.harness.experiment import Paper

PAPER = Paper(
    title="Dynamical versus Bayesian Phase Transitions in a Toy Model of Superposition",
    authors="Chen et al.",
    year=2023,
    address="https://arxiv.org/abs/2310.06301",
    order=("gallery", "levels", "trajectories", "calibration", "occupancy", "importance", "untied"),
)
