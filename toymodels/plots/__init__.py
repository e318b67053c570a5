"""Plots: arrays in, Axes out.

A plot draws on the Axes that it is given (`ax=`), or on a figure of its own, and returns the Axes: one where it has one
panel, an array of them where it has several. The figure is `ax.figure`. Nothing is shown, saved or set globally.

A figure of its own is pyplot's current one, as if `pyplot.figure` had been called: `pyplot.show()` shows it,
`pyplot.savefig` saves it, and a notebook displays it below its cell. Where nothing can be shown (a script without a
screen, the backend Agg) pyplot keeps only the newest, so that a loop may draw as many as it likes; older ones live as
long as their Axes.

Names of dimensions, coordinates and variables are written as they stand. In titles and labels that a caller gives, what
stands between dollars is mathematics. Both hold with `text.usetex` too.
"""

from toymodels.plots.arrows import directions
from toymodels.plots.bars import neuron_bars, neuron_matrix, neurons
from toymodels.plots.density import INVERSE_DENSITY, against_density, scatter_by_density
from toymodels.plots.dictionaries import cosine_key, cosine_matrix
from toymodels.plots.dimensions import dimensionality, dimensions_per_feature, feature_graph
from toymodels.plots.graphs import layered_graph, neuron_graph
from toymodels.plots.phases import CLASS_COLORS, loss_surface, phase_colors, phase_diagram, phase_key
from toymodels.plots.polytopes import overlay, polytope
from toymodels.plots.restart_lines import restarts
from toymodels.plots.spatial import directions_3d, training_animation
from toymodels.plots.styles import (
    BLUE,
    FAINT,
    FEATURE_COLORS,
    INK,
    INTERFERENCE_COLORS,
    LEVEL_COLORS,
    NEGATIVE,
    ORANGE,
    PALE,
    POSITIVE,
    RED,
    SET_COLORS,
    SHADE,
    WEIGHT_COLORS,
    panels,
    shades,
    style,
)
from toymodels.plots.sweeps import heat_map, lines, small_multiples
from toymodels.plots.weights import (
    WEIGHTS,
    Scales,
    common_scales,
    interference_bar,
    interference_key,
    interference_limit,
    norm_bars,
    superposition,
    superposition_keys,
    weight_key,
    weight_matrix,
)
from toymodels.plots.words import literal, prose

__all__ = [
    "BLUE",
    "CLASS_COLORS",
    "FAINT",
    "FEATURE_COLORS",
    "INK",
    "INTERFERENCE_COLORS",
    "INVERSE_DENSITY",
    "LEVEL_COLORS",
    "NEGATIVE",
    "ORANGE",
    "PALE",
    "POSITIVE",
    "RED",
    "SET_COLORS",
    "SHADE",
    "WEIGHTS",
    "WEIGHT_COLORS",
    "Scales",
    "against_density",
    "common_scales",
    "cosine_key",
    "cosine_matrix",
    "dimensionality",
    "dimensions_per_feature",
    "directions",
    "directions_3d",
    "feature_graph",
    "heat_map",
    "interference_bar",
    "interference_key",
    "interference_limit",
    "layered_graph",
    "lines",
    "literal",
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
    "prose",
    "restarts",
    "scatter_by_density",
    "shades",
    "small_multiples",
    "style",
    "superposition",
    "superposition_keys",
    "training_animation",
    "weight_key",
    "weight_matrix",
]
