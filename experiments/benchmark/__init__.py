"""The benchmark: our training beside the loop of the paper's notebook in PyTorch. `python -m experiments.benchmark`."""
