"""Beyond the paper: questions that it leaves open."""

from experiments.harness.experiment import Paper

PAPER = Paper(
    title="Questions that the paper leaves open, as figures of our own",
    order=("plateau", "correlation-strength", "best-arrangement", "staircase"),
)
