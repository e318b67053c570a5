"""What the benchmark trains, and for how long: ensembles of the paper's ReLU output model."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

BATCH = 1024
"""Samples a step, as in the notebook."""


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes:
        rounds: number of interleaved repetitions.
        seconds: how long our side should compute in one repetition.
    """

    rounds: int
    seconds: float


@dataclass(frozen=True)
class Size:
    """An ensemble of models x' = ReLU(Wᵀ W x + b), one for each density.

    Attributes:
        n_features: number of features n.
        n_hidden: number of hidden dimensions m.
        densities: probability that a feature is on, one for each model (models,).
        decay: the importance of feature i is decay^i.
    """

    n_features: int
    n_hidden: int
    densities: tuple[float, ...]
    decay: float = 1.0

    @property
    def name(self) -> str:
        """`n=5 m=2`."""
        return f"n={self.n_features} m={self.n_hidden}"

    @property
    def n_models(self) -> int:
        """Number of models."""
        return len(self.densities)

    @property
    def importance(self) -> Float[np.ndarray, " n"]:
        """I_i = decay^i."""
        return self.decay ** np.arange(self.n_features)

    @property
    def notebook_std(self) -> float:
        """Standard deviation of the initial weights in the notebook. Its Xavier rule sees one array (models, n, m), and
        takes fan_in = n m and fan_out = models m."""
        return float(np.sqrt(2 / ((self.n_features + self.n_models) * self.n_hidden)))

    def flops(self, batch_size: int) -> int:
        """Floating point operations of all models' matrix products in one step: two forward, three backward, each of
        2 batch n m operations."""
        return 5 * 2 * batch_size * self.n_features * self.n_hidden * self.n_models


def spread_densities(count: int) -> tuple[float, ...]:
    """The notebook's densities 20^-linspace(0, 1, count): from 1 to 1/20.

    >>> spread_densities(3)[0], spread_densities(1)
    (1.0, (1.0,))
    """
    return tuple(float(density) for density in 20.0 ** -np.linspace(0, 1, count))


SMALL = Size(5, 2, spread_densities(10), decay=0.9)
MEDIUM = Size(20, 5, (1, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001), decay=0.7)
LARGE = Size(200, 20, spread_densities(20))
SPARSE = tuple(
    Size(n, m, (1, 0.1, 0.01, 0.001), decay)
    for n, m, decay in ((5, 2, 0.9), (20, 5, 0.7), (80, 20, 0.9), (200, 20, 1.0))
)
"""The sizes at which the default recipe's losses are compared with the notebook's, down to low density."""


def of_models(count: int) -> Size:
    """n=5 m=2 with `count` models."""
    return Size(5, 2, spread_densities(count), decay=0.9)


def of_features(n_features: int) -> Size:
    """Eight models of n features in n / 10 dimensions, 2 at least."""
    return Size(n_features, max(2, n_features // 10), spread_densities(8))
