"""Sharkey et al. 2022, "Taking features out of superposition with sparse autoencoders": the part on toy data."""

from experiments.harness.experiment import Paper

PAPER = Paper(
    title="Taking features out of superposition with sparse autoencoders",
    authors="Sharkey et al.",
    year=2022,
    address="https://www.alignmentforum.org/posts/z6QQJbtpkEAX3Aojj/interim-research-report-taking-features-out-of-superposition",
    order=("recovery",),
)
