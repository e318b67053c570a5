"""Techniques of interpretability, tried on models whose truth is known.

    def my_technique(h):                                  # sees hidden activations (m, samples), and nothing else
        return tm.techniques.Directions(jnp.linalg.svd(h)[0])

    card = tm.techniques.score({"mine": my_technique}, {"tight": tm.cases.tight_frame(20, 10)})
    print(tm.techniques.table(card))

`technique` says what a technique may see, `claims` what it may return, `scores` what a claim is worth. Built-in ones
stand in `probes`, `dictionaries`, `decomposition`, `edits`, `steering`, `edges`, `circuits`, `patching`, `subspaces`,
`attribution`, `units`, `unit_report`, `coefficients` and `baselines`; `ablations` are what cut edges carry, and
`scrubbing` tries hypotheses.
"""

from toymodels.techniques import (
    ablations,
    atlas,
    attribution,
    baselines,
    circuits,
    coefficients,
    decomposition,
    dictionaries,
    edges,
    edits,
    patching,
    probes,
    scrubbing,
    steering,
    subspaces,
    unit_report,
    units,
)
from toymodels.techniques.card import score, seconds, try_on
from toymodels.techniques.claims import (
    Activations,
    Attributions,
    Claim,
    Directions,
    Edit,
    Effects,
    LearningCoefficient,
    NotApplicableError,
    Number,
    Profiles,
    Steered,
    VertexEffects,
)
from toymodels.techniques.pictures import curves, poster, table
from toymodels.techniques.scores import Score, score_of
from toymodels.techniques.technique import Technique, access, host

__all__ = [
    "Activations",
    "Attributions",
    "Claim",
    "Directions",
    "Edit",
    "Effects",
    "LearningCoefficient",
    "NotApplicableError",
    "Number",
    "Profiles",
    "Score",
    "Steered",
    "Technique",
    "VertexEffects",
    "ablations",
    "access",
    "atlas",
    "attribution",
    "baselines",
    "circuits",
    "coefficients",
    "curves",
    "decomposition",
    "dictionaries",
    "edges",
    "edits",
    "host",
    "patching",
    "poster",
    "probes",
    "score",
    "score_of",
    "scrubbing",
    "seconds",
    "steering",
    "subspaces",
    "table",
    "try_on",
    "unit_report",
    "units",
]
