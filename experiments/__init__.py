"""Experiments: the figures of papers, with claims that pass or fail; and the benchmark."""

from experiments import elhage2022

EXPERIMENTS = elhage2022.EXPERIMENTS
