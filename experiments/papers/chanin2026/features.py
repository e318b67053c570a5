"""The paper's features, 32 times fewer: rare ones as a power of the rank, in trees, slightly correlated."""

import numpy as np
from jaxtyping import Float

import toymodels as tm
from toymodels.arrays import unit_columns

N, WIDTH = 512, 128
"""Numbers of features and of latents, which are too few."""

PARENTS = (*tm.forest(roots=24, branching=3, depth=2), *[-1] * 200)
ANY_CHILD = 0.8
"""P(one of the children is on) at most, while their parent is."""

MAGNITUDES = np.linspace(5.0, 4.0, N)
CORRELATIONS, STRENGTH = 25, 0.1
"""Number of normal numbers that all features depend on, and by how much."""


def features(seed: int) -> tm.Scaled:
    """All of it: where correlated normal numbers are low, while the parent is on, and before its siblings; the value
    of a child times its parent's."""
    factors = np.random.default_rng([seed, 1]).normal(0, STRENGTH, (N, CORRELATIONS))
    density = conditional()
    copula = tm.GaussianCopula(factors, density / (1 - _earlier(density)), tm.Values.normal(1.0, 0.1))
    return tm.Scaled(tm.WithParents(copula, PARENTS, exclusive=True, multiplied=True), MAGNITUDES)


def directions(m: int, seed: int) -> Float[np.ndarray, "m n"]:
    """Random ones, of length 1."""
    return unit_columns(np.random.default_rng([seed, 0]).normal(size=(m, N))).astype(np.float32)


def conditional() -> Float[np.ndarray, " n"]:
    """P(feature is on) while its parent is: so that it falls as a power of the rank, from .58, whatever the parent, but
    for children that are then on too often."""
    p, parents = tm.zipf(N, 0.8, largest=0.58), np.array(PARENTS)
    for parent in range(max(PARENTS) + 1):  # those nearest to the roots come first
        children = parents == parent
        p[children] *= min(1, ANY_CHILD * p[parent] / p[children].sum())
    return p / np.append(p, 1)[parents]


def _earlier(density: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The sum over the siblings before each feature; 0 for a root."""
    parents = np.array(PARENTS)
    same = (parents[:, None] == parents) & (parents >= 0) & np.tri(N, k=-1, dtype=bool)
    return same @ density
