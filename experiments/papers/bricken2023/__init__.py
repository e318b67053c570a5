"""Bricken et al. 2023, "Towards Monosemanticity": its argument on one neuron, which needs no superposition."""

from experiments.harness.experiment import Paper

PAPER = Paper(
    title="Towards Monosemanticity: Decomposing Language Models With Dictionary Learning",
    authors="Bricken et al.",
    year=2023,
    address="https://transformer-circuits.pub/2023/monosemantic-features/index.html",
    order=("binary-neuron", "frequent-feature"),
)
