"""Blocks: the eigenspaces of the frame operator W Wᵀ, and which of them each feature lies in.

In the models of Scherlis et al. 2022, "Polysemanticity and Capacity in Neural Networks", W is block-semi-orthogonal:
features are divided among orthogonal subspaces, and those of a subspace are a tight frame in it, that is, it is an
eigenspace. A feature within the eigenspace of λ has the dimensionality ‖W_i‖² / λ, which is its leverage. Any other has
less than its leverage, and leverages sum to the rank of W: so Σ_i D_i = rank W just where each feature is in a single
eigenspace. Directions at right angles that happen to have the same eigenvalue are one block.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from toymodels.arrays import AnyArray, ratio, weights_of_one
from toymodels.checks import check_numbers


class Blocks(NamedTuple):
    """The blocks of a model, those with the largest eigenvalue first.

    Attributes:
        eigenvalue: (k,) λ of each block, the mean over its dimensions.
        dimensions: (k,) how many it has. They sum to the rank of W.
        block: (n,) the one that each feature lies in; -1 for a feature without a direction.
        share: (n,) of ‖W_i‖² that is in this block.
        capacity: (n,) ‖W_i‖² / λ, which is the dimensionality where the share is 1.
    """

    eigenvalue: Float[np.ndarray, " k"]
    dimensions: Int[np.ndarray, " k"]
    block: Int[np.ndarray, " n"]
    share: Float[np.ndarray, " n"]
    capacity: Float[np.ndarray, " n"]


def eigenblocks(W: Float[AnyArray, "..."], *, tolerance: float = 0.05) -> Blocks:
    """The eigenspaces of W Wᵀ, and the one that has most of each feature.

    >>> found = eigenblocks(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 2.0]]))
    >>> found.eigenvalue.round(6).tolist(), found.block.tolist(), found.capacity.round(6).tolist()
    ([4.0, 2.0], [1, 1, 0], [0.5, 0.5, 1.0])

    Args:
        W: (m, n).
        tolerance: neighbouring eigenvalues belong to one block if they differ by up to so much of the larger one.

    Raises:
        ValueError: for weights of several models, or that are not finite.
    """
    W = weights_of_one("eigenblocks", W).astype(float)
    check_numbers("eigenblocks", "tolerance", tolerance, minimum=0, maximum=1)
    if not np.isfinite(W).all():
        raise ValueError("W of eigenblocks must be finite. Got NaN or infinity, as of a model that diverged.")
    axes, singular, _ = np.linalg.svd(W, full_matrices=False)
    there = singular > singular.max(initial=0) * max(W.shape) * np.finfo(np.float32).eps
    axes, eigenvalues = axes[:, there], singular[there] ** 2
    falls = eigenvalues[1:] < (1 - tolerance) * eigenvalues[:-1]
    of_axis = np.concatenate([np.zeros(len(eigenvalues[:1]), int), np.cumsum(falls)])
    members = (of_axis == np.arange(of_axis.max(initial=-1) + 1)[:, None]).astype(float)  # (blocks, axes)
    dimensions = members.sum(-1).astype(int)
    eigenvalue = members @ eigenvalues / dimensions
    within = members @ (axes.T @ W) ** 2  # (blocks, features)
    lengths = (W * W).sum(0)
    block = np.where(lengths > 0, np.argmax(within, axis=0) if len(within) else -1, -1)
    most = within.max(0, initial=0)
    own = np.where(block >= 0, np.append(eigenvalue, 0)[block], 0)
    return Blocks(eigenvalue, dimensions, block, ratio(most, lengths), ratio(lengths, own))
