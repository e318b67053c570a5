"""Which measures of a trained model have names, to be computed where it is trained."""

from toymodels.analysis import geometry
from toymodels.names import Names

METRICS = Names(
    "a function of toymodels.analysis.geometry",
    {own: getattr(geometry, own) for own in (*geometry.__all__, "gram", "norms")},
)
