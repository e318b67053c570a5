"""Sweeps: grids of models, trained on every core, GPU or machine, with labelled results."""

from toymodels.sweeps.merge import load, merge
from toymodels.sweeps.sweep import sweep

__all__ = ["load", "merge", "sweep"]
