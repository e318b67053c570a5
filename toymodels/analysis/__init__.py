"""Analysis: pure functions of arrays."""

from toymodels.analysis import (
    alignment,
    blocks,
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
    "blocks",
    "dictionaries",
    "dynamics",
    "geometry",
    "motifs",
    "neurons",
    "phases",
    "polytopes",
    "robustness",
]
