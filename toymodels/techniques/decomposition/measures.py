"""How near the components of a matrix come to its columns."""

from typing import NamedTuple

from jaxtyping import Float, Int

from toymodels.arrays import AnyArray, library, norms, ratio, unit_columns

LEAST = 0.1
"""A component is live if one of its columns is longer than this share of the mean column of W."""


class Components(NamedTuple):
    """A matrix (m, n) as the sum Σ_c U_c V_cᵀ.

    Attributes:
        U: where each component writes to (m, C).
        V: what it reads (C, n).
    """

    U: Float[AnyArray, "*batch m C"]
    V: Float[AnyArray, "*batch C n"]

    @property
    def transposed(self) -> "Components":
        """Those of the transposed matrix."""
        return Components(self.V.swapaxes(-1, -2), self.U.swapaxes(-1, -2))

    @property
    def matrices(self) -> Float[AnyArray, "*batch C m n"]:
        """U_c V_cᵀ, one after the other."""
        return self.U.swapaxes(-1, -2)[..., None] * self.V[..., None, :]

    def directions(self) -> Float[AnyArray, "m C"]:
        """The column of each component for the input that it reads most."""
        return longest_columns(self.matrices)


class Likeness(NamedTuple):
    """How near components come to the columns of the matrix, as the paper measures it.

    Attributes:
        mmcs: the mean over the columns of the largest cosine with the column of a component for the same input.
        ml2r: the mean ratio of the length of that component's column to the true one's.
        live: how many components are live.
    """

    mmcs: Float[AnyArray, "*batch"]
    ml2r: Float[AnyArray, "*batch"]
    live: Int[AnyArray, "*batch"]


Matrices = Components | Float[AnyArray, "*batch C m n"]
"""What a matrix is the sum of: components of rank one, or matrices of any rank."""


def likeness(components: Matrices, W: Float[AnyArray, "*batch m n"]) -> Likeness:
    """MMCS and ML2R of components (Bushnaq et al. 2025, "Toy Model of Superposition"), and how many are live: 1, 1, and
    n where each column is a component of its own. As in the paper, all components are looked at: one of length almost 0
    may be the nearest by chance, in a plane most likely, and its ratio of lengths then counts.

    >>> import numpy as np
    >>> W = np.array([[3.0, 0.0], [0.0, 2.0]])
    >>> [float(one) for one in likeness(Components(W, 0.5 * np.eye(2)), W)]
    [1.0, 0.5, 2.0]

    Args:
        components: those of W.
        W: the matrix, of which no column is 0.
    """
    cosines, lengths = by_column(components, W)
    nearest = cosines.argmax(-1, keepdims=True)
    longest = (lengths * norms(W)[..., None]).max(-2) / norms(W).mean(-1, keepdims=True)
    return Likeness(
        cosines.max(-1).mean(-1),
        library(W).take_along_axis(lengths, nearest, axis=-1).mean((-2, -1)),
        (longest > LEAST).sum(-1),
    )


def by_column(
    components: Matrices, W: Float[AnyArray, "*batch m n"]
) -> tuple[Float[AnyArray, "*batch n C"], Float[AnyArray, "*batch n C"]]:
    """The cosine of each column of W with each component's column for the same input, and the ratio of lengths."""
    parts = components.matrices if isinstance(components, Components) else components
    cosines = library(W).einsum("...mn,...cmn->...nc", unit_columns(W), unit_columns(parts))
    return cosines, ratio(norms(parts).swapaxes(-1, -2), norms(W)[..., None])


def longest_columns(matrices: Float[AnyArray, "C m n"]) -> Float[AnyArray, "m C"]:
    """The longest column of each matrix.

    >>> import numpy as np
    >>> longest_columns(np.array([[[3.0, 1.0], [4.0, 2.0]]])).tolist()
    [[3.0], [4.0]]
    """
    longest = norms(matrices).argmax(-1)[:, None, None]
    return library(matrices).take_along_axis(matrices, longest, axis=-1)[..., 0].T
