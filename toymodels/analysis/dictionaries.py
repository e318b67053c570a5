"""What a dictionary of directions, such as a sparse autoencoder learns, recovers of the truth, and how sparse it is.

Directions are columns, (..., m, n), as in weights W. Activations are those of a dictionary's units, (..., k, samples),
samples in columns; a unit is on where its activation is above 0. Arrays are numpy's or JAX's, with any leading axes
(seeds, a sweep), and what comes back is of the same library.
"""

import numpy as np
from jaxtyping import Bool, Float

from toymodels.arrays import AnyArray, unit_columns


def cosines(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Float[AnyArray, "*batch n k"]:
    """cos(truth_i, learned_j) at [..., i, j]; 0 where one of the two has no direction, being 0.

    >>> cosines(np.array([[2.0, 0.0], [0.0, -3.0]]), np.array([[0.0], [1.0]])).tolist()
    [[0.0, -1.0]]
    """
    return unit_columns(truth).swapaxes(-1, -2) @ unit_columns(learned)


def max_cosines(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Float[AnyArray, "*batch n"]:
    """max_j cos(truth_i, learned_j): how near the nearest learned direction comes to each true one.

    >>> max_cosines(np.array([[2.0, 0.0], [0.0, -3.0]]), np.eye(2)).tolist()
    [1.0, 0.0]
    """
    return cosines(learned, truth).max(-1)


def mmcs(learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]) -> Float[AnyArray, "*batch"]:
    """The mean max cosine similarity, 1/n Σ_i max_j cos(truth_i, learned_j): the mean over the *true* directions of the
    largest cosine with a learned one (Sharkey et al. 2022). 1 if every true direction was found, whatever else was
    learned.

    Other code takes the mean over the learned directions (`mmcs_to_fixed` of Cunningham et al. 2023, "Sparse
    Autoencoders Find Highly Interpretable Features in Language Models"), which is 1 if all that was learned is true:
    here `mmcs(truth, learned)`: all directions of the second argument are looked for among those of the first.

    Compare with random directions: in few dimensions, or with many learned directions, one is near by chance. Cosines
    are signed: an opposite direction is another feature.

    >>> learned, truth = np.array([[2.0, 0.0], [0.0, -3.0]]), np.array([[1.0], [0.0]])
    >>> float(mmcs(learned, truth)), float(mmcs(truth, learned))
    (1.0, 0.5)
    """
    return max_cosines(learned, truth).mean(-1)


def matched_cosines(
    learned: Float[AnyArray, "*#batch m k"], truth: Float[AnyArray, "*#batch m n"]
) -> Float[np.ndarray, "*batch n"]:
    """The cosine of each true direction with a learned one of its own: the pairs, one to one, whose cosines have the
    largest sum (Kuhn 1955, "The Hungarian method for the assignment problem"). 0 for true directions that are left over
    where there are fewer learned ones. Never above `max_cosines` in the mean, and below it where one learned direction
    is the nearest to several true ones. Numpy's only.

    Raises:
        ValueError: for numbers that are not finite.

    >>> matched_cosines(np.array([[1.0], [0.0]]), np.array([[0.6, 1.0], [0.8, 0.0]])).tolist()
    [0.0, 1.0]
    """
    from scipy.optimize import linear_sum_assignment  # not above: it takes a quarter of a second to import

    similar = np.asarray(cosines(learned, truth))
    matched = np.zeros(similar.shape[:-1])
    for index in np.ndindex(similar.shape[:-2]):
        true, own = linear_sum_assignment(similar[index], maximize=True)
        matched[(*index, true)] = similar[(*index, true, own)]
    return matched


def l0(activations: Float[AnyArray, "*batch k samples"]) -> Float[AnyArray, "*batch"]:
    """The mean over samples of the number of units that are on.

    >>> float(l0(np.array([[0.5, 0.0], [0.1, 2.0], [0.0, 0.0]])))
    1.5
    """
    return (activations > 0).sum(-2).mean(-1)


def dead(activations: Float[AnyArray, "*batch k samples"]) -> Bool[AnyArray, "*batch k"]:
    """Whether a unit is on in none of the samples. With few samples, units that are rarely on seem dead.

    >>> dead(np.array([[0.5, 0.0], [0.1, 2.0], [0.0, 0.0]])).tolist()
    [False, False, True]
    """
    return (activations <= 0).all(-1)


def unexplained(
    h: Float[AnyArray, "*#batch m samples"], h_hat: Float[AnyArray, "*#batch m samples"]
) -> Float[AnyArray, "*batch"]:
    """Σ ‖h - ĥ‖² / Σ ‖h - mean h‖²: the fraction of variance unexplained. 0 for a perfect reconstruction, 1 for that by
    the mean.

    >>> float(unexplained(np.array([[0.0, 2.0]]), np.array([[0.5, 2.0]])))
    0.125
    """
    return ((h - h_hat) ** 2).sum((-1, -2)) / ((h - h.mean(-1, keepdims=True)) ** 2).sum((-1, -2))
