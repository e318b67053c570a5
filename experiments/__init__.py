"""Experiments: the figures of papers, with claims that pass or fail, questions of our own, and the benchmark."""
