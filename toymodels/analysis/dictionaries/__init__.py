"""What a dictionary of directions, such as a sparse autoencoder learns, recovers of the truth, and how sparse it is.

Directions are columns, (..., m, n), as in weights W. Activations are those of a dictionary's units, (..., k, samples),
samples in columns; a unit is on where its activation is above 0. Arrays are numpy's or JAX's, with any leading axes
(seeds, a sweep), and what comes back is of the same library; all can be metrics of a sweep.

*Scores* are 1 for the truth, and higher is better: `mmcs`, `found`, `uniqueness`, `f1`, `r_squared`; `matched_cosines`.
What they are by chance says `random_score`. *Faults* are 0 for the truth: `extra`, `splitting`, `hedging`,
`absorption_gap`, `unexplained`, `dead`. `shrinkage` is 1 for the truth, and below 1 where activations are too small.

Cosines are signed everywhere: a direction opposite to a feature's is another feature.
"""

from toymodels.analysis.dictionaries.directions import (
    cosines,
    extra,
    found,
    hedging,
    matched_cosines,
    matches,
    max_cosines,
    mmcs,
    random_score,
    splitting,
    uniqueness,
)
from toymodels.analysis.dictionaries.latents import (
    absorption_gap,
    dead,
    f1,
    l0,
    own,
    r_squared,
    shrinkage,
    unexplained,
)

__all__ = [
    "absorption_gap",
    "cosines",
    "dead",
    "extra",
    "f1",
    "found",
    "hedging",
    "l0",
    "matched_cosines",
    "matches",
    "max_cosines",
    "mmcs",
    "own",
    "r_squared",
    "random_score",
    "shrinkage",
    "splitting",
    "unexplained",
    "uniqueness",
]
