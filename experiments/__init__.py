"""Experiments: the figures of papers, with claims that pass or fail, questions beyond them, and the benchmark."""

from experiments import beyond, elhage2022

EXPERIMENTS = (*elhage2022.EXPERIMENTS, *beyond.EXPERIMENTS)
