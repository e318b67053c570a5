"""What memorisation costs: questions about models that store samples instead of features."""

from experiments.harness.experiment import Paper

PAPER = Paper(title="What memorisation costs, as figures of our own", order=("robustness",))
