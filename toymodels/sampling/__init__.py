"""Sampling: chains of weights around trained models, and the local learning coefficients that they tell.

How many directions a minimum of the loss has, as far as learning theory is concerned: near a minimum w*, the volume of
weights with a loss below L(w*) + ε shrinks as ε^λ, and λ is the local learning coefficient (Lau et al. 2023, "The
Local Learning Coefficient"). At an ordinary minimum of d parameters it is d/2; each direction that costs less than
quadratically makes it smaller.
"""

from toymodels.sampling.chains import Chains, langevin, objective
from toymodels.sampling.coefficients import Summary, expected_coefficient, learning_coefficients, summary

__all__ = ["Chains", "Summary", "expected_coefficient", "langevin", "learning_coefficients", "objective", "summary"]
