"""Elhage et al. 2022, "Toy Models of Superposition", transformer-circuits.pub/2022/toy_model, in the paper's order."""

from experiments.papers.elhage2022 import (
    adversarial,
    asymmetric,
    basic_results,
    computation,
    correlation,
    demonstrating,
    geometry,
    learning,
    mathematics,
    phases,
    polytopes,
    pressure,
    privileged,
)

EXPERIMENTS = (
    *demonstrating.EXPERIMENTS,
    *basic_results.EXPERIMENTS,
    *mathematics.EXPERIMENTS,
    *phases.EXPERIMENTS,
    *geometry.EXPERIMENTS,
    *polytopes.EXPERIMENTS,
    *pressure.EXPERIMENTS,
    *correlation.EXPERIMENTS,
    *learning.EXPERIMENTS,
    *adversarial.EXPERIMENTS,
    *privileged.EXPERIMENTS,
    *computation.EXPERIMENTS,
    *asymmetric.EXPERIMENTS,
)
