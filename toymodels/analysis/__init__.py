"""Analysis: pure functions of arrays."""

from toymodels.analysis import (
    alignment,
    dictionaries,
    dynamics,
    geometry,
    motifs,
    neurons,
    phases,
    polytopes,
    robustness,
)

__all__ = [
    "alignment",
    "dictionaries",
    "dynamics",
    "geometry",
    "motifs",
    "neurons",
    "phases",
    "polytopes",
    "robustness",
]
