"""Plots: arrays in, Axes or Figure out. Nothing is shown, saved or set globally."""

from toymodels.plots.arrows import SET_COLORS, directions
from toymodels.plots.bars import neuron_bars, neuron_matrix, neurons
from toymodels.plots.dimensions import dimensionality, dimensions_per_feature, feature_graph
from toymodels.plots.graphs import neuron_graph
from toymodels.plots.phases import CLASS_COLORS, loss_surface, phase_colors, phase_diagram, phase_key
from toymodels.plots.polytopes import overlay, polytope
from toymodels.plots.restart_lines import restarts
from toymodels.plots.spatial import directions_3d, training_animation
from toymodels.plots.styles import FEATURE_COLORS, INTERFERENCE_COLORS, WEIGHT_COLORS, panels, style
from toymodels.plots.sweeps import heat_map, lines, small_multiples
from toymodels.plots.weights import (
    interference_key,
    norm_bars,
    superposition,
    superposition_keys,
    weight_key,
    weight_matrix,
)

__all__ = [
    "CLASS_COLORS",
    "FEATURE_COLORS",
    "INTERFERENCE_COLORS",
    "SET_COLORS",
    "WEIGHT_COLORS",
    "dimensionality",
    "dimensions_per_feature",
    "directions",
    "directions_3d",
    "feature_graph",
    "heat_map",
    "interference_key",
    "lines",
    "loss_surface",
    "neuron_bars",
    "neuron_graph",
    "neuron_matrix",
    "neurons",
    "norm_bars",
    "overlay",
    "panels",
    "phase_colors",
    "phase_diagram",
    "phase_key",
    "polytope",
    "restarts",
    "small_multiples",
    "style",
    "superposition",
    "superposition_keys",
    "training_animation",
    "weight_key",
    "weight_matrix",
]
