"""Theory: closed forms that trained models are held against. Losses are sums over features, as in the papers' text."""

from toymodels.theory import (
    capacity,
    collisions,
    correlated_pair,
    critical,
    dictionaries,
    erasure,
    expansion,
    linear,
    phases,
    polygons,
    probing,
)

__all__ = [
    "capacity",
    "collisions",
    "correlated_pair",
    "critical",
    "dictionaries",
    "erasure",
    "expansion",
    "linear",
    "phases",
    "polygons",
    "probing",
]
