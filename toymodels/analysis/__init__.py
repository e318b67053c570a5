"""Analysis: pure functions of arrays."""

from toymodels.analysis import geometry

__all__ = ["geometry"]
