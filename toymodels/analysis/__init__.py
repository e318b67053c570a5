"""Analysis: pure functions of arrays."""

from toymodels.analysis import (
    alignment,
    blocks,
    dictionaries,
    dynamics,
    geometry,
    heads,
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
    "heads",
    "motifs",
    "neurons",
    "phases",
    "polytopes",
    "robustness",
]
