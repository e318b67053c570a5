"""Henighan et al. 2023, "Superposition, Memorization, and Double Descent": models that see few samples store samples,
and models that see many store features.

Figures follow the paper's own by topic. Its sizes are those of `--full`; the quick ones have fifty times fewer features
and less sparsity, so that about ten features are on in each sample, as in the paper.
"""

from experiments.harness.experiment import Paper

PAPER = Paper(
    title="Superposition, Memorization, and Double Descent",
    authors="Henighan et al.",
    year=2023,
    address="https://transformer-circuits.pub/2023/toy-double-descent/index.html",
    order=("polygons", "dimensionality", "heat_map", "epochs", "collapse", "repeated", "starts"),
)
