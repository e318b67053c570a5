"""Techniques of interpretability, tried on models whose truth is known.

    def my_technique(h):                                  # sees hidden activations (m, samples), and nothing else
        return tm.techniques.Directions(jnp.linalg.svd(h)[0])

    card = tm.techniques.score({"mine": my_technique}, {"tight": tm.cases.tight_frame(20, 10)})
    print(tm.techniques.table(card))

`technique` says what a technique may see, `claims` what it may return, `scores` what a claim is worth. Built-in ones
stand in `probes`, `dictionaries`, `decomposition`, `edits`, `steering`, `edges`, `attribution`, `units`,
`unit_report` and `baselines`.
"""

from toymodels.techniques import (
    atlas,
    attribution,
    baselines,
    decomposition,
    dictionaries,
    edges,
    edits,
    probes,
    steering,
    unit_report,
    units,
)
from toymodels.techniques.card import score, try_on
from toymodels.techniques.claims import (
    Activations,
    Attributions,
    Claim,
    Directions,
    Edit,
    Effects,
    NotApplicableError,
    Number,
    Profiles,
    Steered,
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
    "NotApplicableError",
    "Number",
    "Profiles",
    "Score",
    "Steered",
    "Technique",
    "access",
    "atlas",
    "attribution",
    "baselines",
    "curves",
    "decomposition",
    "dictionaries",
    "edges",
    "edits",
    "host",
    "poster",
    "probes",
    "score",
    "score_of",
    "steering",
    "table",
    "try_on",
    "unit_report",
    "units",
]
