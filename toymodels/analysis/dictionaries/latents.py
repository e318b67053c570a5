"""Activations of a dictionary's units beside those of true features."""

from jaxtyping import Bool, Float, Int

from toymodels.arrays import AnyArray, library, ratio


def l0(activations: Float[AnyArray, "*batch k samples"]) -> Float[AnyArray, "*batch"]:
    """The mean over samples of the number of units that are on.

    >>> import numpy as np
    >>> float(l0(np.array([[0.5, 0.0], [0.1, 2.0], [0.0, 0.0]])))
    1.5
    """
    return (activations > 0).sum(-2).mean(-1)


def dead(activations: Float[AnyArray, "*batch k samples"]) -> Bool[AnyArray, "*batch k"]:
    """Whether a unit is on in none of the samples. With few samples, units that are rarely on seem dead.

    >>> import numpy as np
    >>> dead(np.array([[0.5, 0.0], [0.1, 2.0], [0.0, 0.0]])).tolist()
    [False, False, True]
    """
    return (activations <= 0).all(-1)


def unexplained(
    h: Float[AnyArray, "*#batch m samples"], h_hat: Float[AnyArray, "*#batch m samples"]
) -> Float[AnyArray, "*batch"]:
    """Σ ‖h - ĥ‖² / Σ ‖h - mean h‖²: the fraction of variance unexplained. 0 for a perfect reconstruction, 1 for that by
    the mean.

    >>> import numpy as np
    >>> float(unexplained(np.array([[0.0, 2.0]]), np.array([[0.5, 2.0]])))
    0.125
    """
    return ((h - h_hat) ** 2).sum((-1, -2)) / ((h - h.mean(-1, keepdims=True)) ** 2).sum((-1, -2))


def f1(
    activations: Float[AnyArray, "*#batch k samples"],
    x: Float[AnyArray, "*#batch n samples"],
    matched: Int[AnyArray, "*#batch n"],
) -> Float[AnyArray, "*batch n"]:
    """How well each feature's own unit tells when the feature is on: F1 = 2 P(both on) / (P(unit on) + P(feature on)).
    0 for a feature without a unit.

    SAELens scores each latent for the feature that it is nearest to, and takes the mean over latents: features that
    nobody found cost nothing there. F1 does not tell its two sides apart, so that is `f1(x, activations, nearest)` with
    `nearest = cosines(learned, truth).argmax(-2)`, but that SAELens takes cosines without their sign.

    Args:
        activations: of the units.
        x: the features; one is on where it is above 0.
        matched: which unit is each feature's, -1 for none: `matches(learned, truth)`.

    >>> import numpy as np
    >>> z, x = np.array([[1.0, 1.0, 0.0, 0.0]]), np.array([[1.0, 0.0, 0.0, 0.5], [0.0, 1.0, 0.0, 0.0]])
    >>> f1(z, x, np.array([0, -1])).tolist()
    [0.5, 0.0]
    """
    on, true = own(activations, matched) > 0, x > 0
    return ratio(2.0 * (on & true).sum(-1), (on.sum(-1) + true.sum(-1)) * 1.0)


def r_squared(
    activations: Float[AnyArray, "*#batch k samples"],
    x: Float[AnyArray, "*#batch n samples"],
    matched: Int[AnyArray, "*#batch n"],
) -> Float[AnyArray, "*batch n"]:
    """The share of each feature's variance that is a linear function of its own unit's activation: their squared
    correlation, 0 where they are not positively correlated and for a feature without a unit. Arguments as in `f1`.

    >>> import numpy as np
    >>> x = np.array([[0.0, 1.0, 2.0], [2.0, 0.0, 1.0]])
    >>> r_squared(np.array([[0.0, 3.0, 6.0]]), x, np.array([0, 0])).tolist()
    [1.0, 0.0]
    """
    z = own(activations, matched)
    z, x = (one - one.mean(-1, keepdims=True) for one in (z, x))
    both = (z * x).sum(-1)
    return ratio(library(both).maximum(both, 0) ** 2, (z * z).sum(-1) * (x * x).sum(-1))


def shrinkage(
    activations: Float[AnyArray, "*#batch k samples"],
    x: Float[AnyArray, "*#batch n samples"],
    matched: Int[AnyArray, "*#batch n"],
    lengths: Float[AnyArray, "*#batch n"],
) -> Float[AnyArray, "*batch n"]:
    """Σ z_k / Σ ‖W_i‖ x_i of each feature and its own unit, over the samples in which both are on: below 1 where
    activations are too small. An L1 penalty takes λ/2 off each (see `toymodels.models.sparse_autoencoder`). NaN where
    the two are never on together. In superposition, other features add to both sides of 1.

    SAELens means by it the mean of ‖ĥ‖ / ‖h‖ over samples, for which errors of sparsity count too.

    Args:
        activations: of the units.
        x: the features.
        matched: as in `f1`.
        lengths: ‖W_i‖ of the true directions, `arrays.norms(W)`.

    >>> import numpy as np
    >>> shrinkage(np.array([[1.5, 0.0, 0.3]]), np.array([[1.0, 1.0, 0.0]]), np.array([0]), np.array([2.0])).tolist()
    [0.75]
    """
    z = own(activations, matched)
    both = (z > 0) & (x > 0)
    return ratio((z * both).sum(-1), lengths * (x * both).sum(-1), otherwise=float("nan"))


def absorption_gap(
    latent: Float[AnyArray, "*#batch samples"],
    parent: Float[AnyArray, "*#batch samples"],
    child: Float[AnyArray, "*#batch samples"],
) -> Float[AnyArray, "*batch"]:
    """A fault: P(latent on | parent on, child off) - P(latent on | parent on, child on). 0 where the unit of a general
    feature is on whenever that is, whether or not a more special one is on with it; 1 where the special one's unit
    has taken it over for good. NaN where there are no samples of one kind. (The gap that was asked for in issue 729 of
    SAELens; absorption: Chanin et al. 2024.)

    Args:
        latent: activations of the unit of the general feature, such as `own(activations, matched)[i]`.
        parent: the general feature.
        child: the special one.

    >>> import numpy as np
    >>> parent, child = np.array([1.0, 1.0, 1.0, 1.0, 0.0]), np.array([0.0, 0.0, 1.0, 1.0, 0.0])
    >>> float(absorption_gap(np.array([1.0, 1.0, 1.0, 0.0, 0.0]), parent, child))
    0.5
    """
    on, general, special = latent > 0, parent > 0, child > 0
    alone, together = general & ~special, general & special

    def share(given: AnyArray) -> AnyArray:
        return ratio((on & given).sum(-1) * 1.0, given.sum(-1) * 1.0, otherwise=float("nan"))

    return share(alone) - share(together)


def own(
    activations: Float[AnyArray, "*#batch k samples"], matched: Int[AnyArray, "*#batch n"]
) -> Float[AnyArray, "*batch n samples"]:
    """The activations of the unit that is each feature's own; 0 for a feature without one.

    >>> import numpy as np
    >>> own(np.array([[1.0, 2.0], [0.0, 3.0]]), np.array([1, -1])).tolist()
    [[0.0, 3.0], [0.0, 0.0]]
    """
    xp = library(activations)
    matched = xp.broadcast_to(matched, (*activations.shape[:-2], matched.shape[-1]))
    chosen = xp.take_along_axis(activations, xp.maximum(matched, 0)[..., None], axis=-2)
    return xp.where(matched[..., None] < 0, 0, chosen)
