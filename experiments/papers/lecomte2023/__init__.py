"""Lecomte et al. 2023, "What Causes Polysemanticity?": features that share a neuron although there are neurons enough.

The paper's full text was not at hand: what is known of it is from its code, and figures are ours. The theory is in
`toymodels.theory.collisions`.
"""

from experiments.harness.experiment import Paper

PAPER = Paper(
    title="What Causes Polysemanticity? An Alternative Origin Story of Mixed Selectivity from Incidental Causes",
    authors="Lecomte et al.",
    year=2023,
    address="https://arxiv.org/abs/2312.03096",
    order=("collisions", "winners", "sparsity", "noise", "incidental"),
)
