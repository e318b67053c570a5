"""Sweeps: grids of models, trained on every core, GPU or machine, with labelled results."""

from toymodels.sweeps.merge import load, merge
from toymodels.sweeps.runs import as_run
from toymodels.sweeps.select import best, share, summary
from toymodels.sweeps.show import overview
from toymodels.sweeps.sweep import sweep

__all__ = ["as_run", "best", "load", "merge", "overview", "share", "summary", "sweep"]
