"""What a linear probe still finds after a feature has been erased from h = Wx, exactly, before anything is sampled.

Functions take W (m, n) and the covariance V of the features (n, n), and give R² (n, n): at [i, j] that of the best
linear probe for feature j after feature i was erased.
"""

import numpy as np
from jaxtyping import Float

from toymodels.checks import check_integer
from toymodels.theory.probing import probe, probe_r2

FOUND = 1e-9
"""A probe with a smaller R² finds nothing."""


def erased_r2(W: Float[np.ndarray, "m n"], covariance: Float[np.ndarray, "n n"]) -> Float[np.ndarray, "n n"]:
    """After LEACE (Belrose et al. 2023): (K_jj - K_ij² / K_ii) / V_jj, where K = V Wᵀ (W V Wᵀ)⁺ W V. In whitened
    coordinates it takes one direction out, and the others lose what they have along it.

    >>> angles = 2 * np.pi * np.arange(5) / 5
    >>> erased = erased_r2(np.stack([np.cos(angles), np.sin(angles)]), np.eye(5))
    >>> erased[0].round(3).tolist(), float(erased[0].sum().round(6))  # of 2 in all, 1 is left
    ([0.0, 0.362, 0.138, 0.138, 0.362], 1.0)
    """
    K = covariance @ W.T @ probe(W, covariance)
    own, variance = K.diagonal()[:, None], covariance.diagonal()
    taken = np.divide(K**2, own, out=np.zeros_like(K), where=own > 0)
    return np.divide(K.diagonal() - taken, variance, out=np.zeros_like(K), where=variance > 0)


def projected_r2(
    W: Float[np.ndarray, "m n"], covariance: Float[np.ndarray, "n n"], steps: int
) -> Float[np.ndarray, "n n"]:
    """After so many steps of iterative null-space projection (Ravfogel et al. 2020), each of which takes out the
    component along the best linear probe for what is left. A step that finds nothing takes nothing.

    >>> W = np.array([[1.0, 0.0, 0.8], [0.0, 1.0, 0.6]])
    >>> [float(projected_r2(W, np.eye(3), steps)[0, 0].round(3)) for steps in (0, 1, 2)]
    [0.68, 0.065, 0.0]

    Raises:
        ValueError: for a negative number of steps.
    """
    check_integer("projected_r2", "steps", steps, minimum=0)
    W = np.asarray(W, dtype=float)
    return np.stack([_read(_projected(W, covariance, steps, i), covariance) for i in range(W.shape[1])])


def _projected(
    W: Float[np.ndarray, "m n"], covariance: Float[np.ndarray, "n n"], steps: int, i: int
) -> Float[np.ndarray, "left n"]:
    """What is left of W, in coordinates of its own: one fewer after each step."""
    for _ in range(steps):
        if _read(W, covariance)[i] < FOUND:
            break
        along = probe(W, covariance)[:, i]
        W = np.linalg.svd(along[None])[2][1:] @ W  # the directions at right angles to the probe
    return W


def _read(W: Float[np.ndarray, "m n"], covariance: Float[np.ndarray, "n n"]) -> Float[np.ndarray, " n"]:
    return probe_r2(W, covariance) if len(W) else np.zeros(W.shape[1])
