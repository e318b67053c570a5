"""Analysis: pure functions of arrays."""

from toymodels.analysis import alignment, dynamics, geometry, motifs, neurons, phases, polytopes, robustness

__all__ = ["alignment", "dynamics", "geometry", "motifs", "neurons", "phases", "polytopes", "robustness"]
