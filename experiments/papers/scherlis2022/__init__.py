"""Scherlis et al. 2022, "Polysemanticity and Capacity in Neural Networks": how dimensions are divided among features.

The paper's full text was not at hand: what is known of it is from reviews, and figures are ours. Formulas are derived
in `toymodels.theory.capacity`.
"""

from experiments.harness.experiment import Paper

PAPER = Paper(
    title="Polysemanticity and Capacity in Neural Networks",
    authors="Scherlis et al.",
    year=2022,
    address="https://arxiv.org/abs/2210.01892",
    order=("phases", "curves", "blocks", "activations"),
)
