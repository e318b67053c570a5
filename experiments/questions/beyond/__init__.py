"""Beyond the paper: questions that it leaves open."""

from experiments.questions.beyond import best_arrangement, correlation_strength, plateau

EXPERIMENTS = (*plateau.EXPERIMENTS, *correlation_strength.EXPERIMENTS, *best_arrangement.EXPERIMENTS)
