"""Geometry of feature directions.

Functions take weights W of shape (..., m, n), numpy's or JAX's, with any leading axes (restarts, a sweep), and return
arrays of the same library. Column W[..., :, i] is W_i, the direction that represents feature i, and Ŵ_i is W_i scaled
to length 1. A feature without a direction (W_i = 0) has interference, dimensionality and leverage 0.
"""

import numpy as np
from jaxtyping import Bool, Float, Int

from toymodels.arrays import AnyArray, as_array, gram, library, norms, ratio, unit_columns
from toymodels.linear_algebra import svd

__all__ = [
    "capacity",
    "connected_components",
    "dimensionality",
    "dimensions_per_feature",
    "feature_graph",
    "in_superposition",
    "interference",
    "leverage",
    "n_represented",
    "represented",
]


def interference(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n"]:
    """Σ_{j≠i} (Ŵ_i·W_j)²: how strongly the other features are seen along direction i (Elhage et al. 2022, "Basic
    Results", where it colours the bars). 0: the direction is not shared; 1 or more: as strongly as the feature itself.

    >>> interference(np.array([[1.0, -1.0, 0.0]])).tolist()
    [1.0, 1.0, 0.0]
    """
    squares = _projections(W) ** 2
    return squares.sum(-1) - _diagonal(squares)


def dimensionality(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n"]:
    """D_i = ‖W_i‖² / Σ_j (Ŵ_i·W_j)²: the fraction of a dimension that feature i has (Elhage et al. 2022, "The Geometry
    of Superposition"). In [0, 1], and Σ_i D_i ≤ rank W.

    For unit vectors: 1 for a dedicated dimension, 1/2 in an antipodal pair (digon), 2/3 in a triangle, 3/4 in a
    tetrahedron, 2/5 in a pentagon, 3/8 in a square antiprism. Scherlis et al. 2022, "Polysemanticity and Capacity in
    Neural Networks", write the same number as (W_i·W_i)² / Σ_j (W_i·W_j)² and call it the capacity of the feature.

    Of hidden points h (m, T) instead of W it is the fraction of a dimension that each of T samples has (Henighan et al.
    2023, "Superposition, Memorization, and Double Descent"). Σ_j (Ŵ_i·W_j)² is Ŵ_iᵀ (W Wᵀ) Ŵ_i, so that memory grows
    with n, not n².

    >>> dimensionality(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]])).tolist()
    [0.5, 0.5, 1.0]
    """
    W = as_array("W", W)
    unit = unit_columns(W)
    return ratio((W * W).sum(-2), (unit * (W @ W.swapaxes(-1, -2) @ unit)).sum(-2))


capacity = dimensionality
"""The name that Scherlis et al. 2022 give to `dimensionality`; one and the same function."""


def dimensions_per_feature(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch"]:
    """D* = m / ‖W‖_F²: hidden dimensions per feature, counting as features the squared norms (Elhage et al. 2022, "The
    Geometry of Superposition"). Infinite for W = 0.

    >>> float(dimensions_per_feature(np.array([[1.0, -1.0, 0.0]])))
    0.5
    """
    W = as_array("W", W)
    return ratio(W.shape[-2], (W * W).sum((-1, -2)), otherwise=np.inf)


def leverage(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n"]:
    """τ_i = W_iᵀ (W Wᵀ)⁺ W_i: the leverage score of feature i. Σ_i τ_i = rank W and D_i ≤ τ_i (Zhang's comment on
    Elhage et al. 2022). NaN for a model whose weights are not finite.

    >>> leverage(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]])).round(6).tolist()
    [0.5, 0.5, 1.0]
    """
    W = as_array("W", W)
    xp = library(W)
    finite = xp.isfinite(W).all((-1, -2))[..., None]
    # τ is the squared norm of the rows of V in W = U S Vᵀ, over the singular values that are not zero.
    _, singular, rows = svd(xp.where(finite[..., None], W, 0))
    smallest = singular.max(-1, keepdims=True) * max(W.shape[-2:]) * np.finfo(W.dtype).eps
    return xp.where(finite, ((singular > smallest)[..., None] * rows**2).sum(-2), xp.nan)


def represented(W: Float[AnyArray, "*batch m n"], *, min_norm: float = 0.5) -> Bool[AnyArray, "*batch n"]:
    """Whether ‖W_i‖ > min_norm.

    >>> represented(np.array([[1.0, 0.1, 0.9]])).tolist()
    [True, False, True]
    """
    return norms(W) > min_norm


def n_represented(W: Float[AnyArray, "*batch m n"], *, min_norm: float = 0.5) -> Int[AnyArray, "*batch"]:
    """The number of features with ‖W_i‖ > min_norm.

    >>> int(n_represented(np.array([[1.0, 0.1, 0.9]])))
    2
    """
    return represented(W, min_norm=min_norm).sum(-1)


def in_superposition(
    W: Float[AnyArray, "*batch m n"], *, min_norm: float = 0.5, min_interference: float = 0.1
) -> Bool[AnyArray, "*batch n"]:
    """The test of superposition: the feature is represented, and shares its direction with others, its interference
    being above `min_interference` (Elhage et al. 2022, "Basic Results").

    >>> in_superposition(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]])).tolist()
    [True, True, False]
    """
    return represented(W, min_norm=min_norm) & (interference(W) > min_interference)


def feature_graph(
    W: Float[AnyArray, "*batch m n"], *, min_norm: float = 0.5, min_cosine: float = 0.2
) -> Bool[AnyArray, "*batch n n"]:
    """Adjacency of the feature graph: i and j are joined if both are represented and |cos(W_i, W_j)| > min_cosine
    (Elhage et al. 2022, "The Geometry of Superposition", draws it beside the plot of dimensionalities).

    >>> feature_graph(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]])).astype(int).tolist()
    [[0, 1, 0], [1, 0, 0], [0, 0, 0]]
    """
    W = as_array("W", W)
    xp = library(W)
    there = represented(W, min_norm=min_norm)
    length = xp.where(there, norms(W), 1)
    cosines = gram(W) / (length[..., :, None] * length[..., None, :])
    joined = (abs(cosines) > min_cosine) & there[..., :, None] & there[..., None, :]
    return joined & ~_identity(joined)


def connected_components(adjacency: Bool[AnyArray, "*batch n n"]) -> Int[AnyArray, "*batch n"]:
    """The component of each node of a graph, named by the smallest number of a node in it.

    >>> joined = np.zeros((4, 4), dtype=bool)
    >>> joined[1, 3] = joined[3, 1] = True
    >>> connected_components(joined).tolist()
    [0, 1, 2, 1]
    """
    n = adjacency.shape[-1]
    if n == 0:
        return library(adjacency).zeros(adjacency.shape[:-1], int)
    reach = adjacency | _identity(adjacency)
    for _ in range(max(1, (n - 1).bit_length())):  # paths of 1, 2, 4, ... edges
        reach = (reach.astype(np.float32) @ reach.astype(np.float32)) > 0
    return reach.argmax(-1)


def _projections(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n n"]:
    """Ŵ_i·W_j at [..., i, j]; rows of features without a direction are 0."""
    return ratio(gram(W), norms(W)[..., :, None])


def _diagonal(matrix: Float[AnyArray, "*batch n n"]) -> Float[AnyArray, "*batch n"]:
    return matrix.diagonal(axis1=-2, axis2=-1)


def _identity(matrix: Bool[AnyArray, "*batch n n"]) -> Bool[AnyArray, "*batch n n"]:
    """The identity in the shape of `matrix`."""
    xp = library(matrix)
    return xp.broadcast_to(xp.eye(matrix.shape[-1], dtype=bool), matrix.shape)
