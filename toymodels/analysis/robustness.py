"""Robustness: attacks on a model's input that do the most harm for their length."""

from jaxtyping import Float

from toymodels.analysis.geometry import AnyArray, gram, norms


def attack_directions(W: Float[AnyArray, "*batch m n"]) -> Float[AnyArray, "*batch n n"]:
    """The unit vector along which the input changes output i the most, as column i: (WᵀW)_i / ‖(WᵀW)_i‖ (Elhage et al.
    2022, "Superposition and Adversarial Robustness"). 0 for a feature without a direction.

    >>> import numpy as np
    >>> attack_directions(np.array([[0.6, -0.8]])).round(6).tolist()
    [[0.6, -0.6], [-0.8, 0.8]]
    """
    columns = gram(W)
    lengths = norms(columns)[..., None, :]
    return columns * (lengths > 0) / (lengths + (lengths == 0))
