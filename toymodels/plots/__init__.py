"""Plots: arrays in, Axes or Figure out. Nothing is shown, saved or set globally."""

from toymodels.plots.dimensionality import dimensionality, dimensions_per_feature, feature_graph
from toymodels.plots.directions import directions
from toymodels.plots.neuron_graph import neuron_graph
from toymodels.plots.style import FEATURE_COLORS, INTERFERENCE_COLORS, WEIGHT_COLORS, panels, style
from toymodels.plots.superposition import (
    interference_key,
    norm_bars,
    superposition,
    superposition_keys,
    weight_key,
    weight_matrix,
)
from toymodels.plots.sweeps import heat_map, lines, small_multiples

__all__ = [
    "FEATURE_COLORS",
    "INTERFERENCE_COLORS",
    "WEIGHT_COLORS",
    "dimensionality",
    "dimensions_per_feature",
    "directions",
    "feature_graph",
    "heat_map",
    "interference_key",
    "lines",
    "neuron_graph",
    "norm_bars",
    "panels",
    "small_multiples",
    "style",
    "superposition",
    "superposition_keys",
    "weight_key",
    "weight_matrix",
]
