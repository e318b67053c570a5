"""Sweeps: grids of models, trained on every core, GPU or machine, with labelled results."""

from toymodels.sweeps.estimating import Estimate, estimate
from toymodels.sweeps.launch import sweep
from toymodels.sweeps.merging import load, merge
from toymodels.sweeps.runs import as_run
from toymodels.sweeps.select import best, fraction, summary
from toymodels.sweeps.show import overview

__all__ = ["Estimate", "as_run", "best", "estimate", "fraction", "load", "merge", "overview", "summary", "sweep"]
