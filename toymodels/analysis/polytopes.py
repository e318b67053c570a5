"""Polytopes: the regular arrangements of directions, and which of them the features of a model form.

An arrangement is an array of unit vectors (d, k): k directions in the d dimensions that they span. The tegum product
places arrangements in orthogonal subspaces, and each feature keeps its dimensionality (Elhage et al. 2022, "The
Geometry of Superposition"). The parts of a product are therefore components of the feature graph, and a model is
described by its parts: an octahedron is three digons.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from toymodels.analysis.geometry import connected_components, feature_graph, represented
from toymodels.arrays import AnyArray, gram, norms
from toymodels.checks import check_integer, near_matches

UNKNOWN = "unknown"
MAX_OVERLAP = 0.05
LARGEST = 12
"""The number of features of the largest arrangements that are recognised."""


class Match(NamedTuple):
    """How directions fit an exact arrangement.

    Attributes:
        order: (k,) feature i has the place `order[i]` in the arrangement.
        residual: ‖G / s - E‖_F / ‖E‖_F, where G = WᵀW, s is the mean of ‖W_i‖², and E is the arrangement's matrix of
            scalar products in this order. 0 for the arrangement itself, in whatever rotation and scale.
    """

    order: Int[np.ndarray, " k"]
    residual: float


class Component(NamedTuple):
    """A connected component of the feature graph.

    Attributes:
        name: of the arrangement that it has, or "unknown".
        features: (k,) the numbers of its features, in ascending order.
        residual: of its match with the arrangement; infinite if it is unknown.
        overlap: mean over its features of Σ_j (Ŵ_i·W_j)² over the represented features j outside, in units of its mean
            squared norm. 0 in a tegum product; it lowers the dimensionality from D to about 1 / (1 / D + overlap). Many
            features that are not joined one by one can overlap much together.
    """

    name: str
    features: Int[np.ndarray, " k"]
    residual: float
    overlap: float


def recognise(
    W: Float[AnyArray, "m n"], *, min_norm: float = 0.5, min_cosine: float = 0.2, max_residual: float = 0.125
) -> list[Component]:
    """The arrangement of each connected component of the feature graph of one model, in the order of its first feature.

    Rotations, reflections, the order of the features and a common scale do not matter. The default of `max_residual`
    lets each direction be displaced by about 1/12 of its length, and rejects antipodal pairs whose lengths have a ratio
    below 5/6.

    Args:
        W: (m, n).
        min_norm: features shorter than this are left out.
        min_cosine: |cos| from which two features are joined. A product whose parts are not orthogonal to within it is
            one component, and as a rule unknown. A simplex of d dimensions is joined only below 1/d.
        max_residual: up to which a component has the name of the nearest arrangement.

    >>> [component.name for component in recognise(np.array([[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]))]
    ['digon', 'dedicated']
    """
    W = np.asarray(W, dtype=float)
    there = np.flatnonzero(represented(W, min_norm=min_norm))
    if not len(there):
        return []
    labels = connected_components(feature_graph(W[:, there], min_norm=min_norm, min_cosine=min_cosine))
    members = [labels == label for label in np.unique(labels)]
    return [_component(W[:, there[own]], W[:, there[~own]], there[own], max_residual) for own in members]


def describe(components: Sequence[Component]) -> str:
    """The components as a sum, the most frequent first.

    >>> describe(recognise(np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])))
    '2 digons'
    """
    names = [f"{name} of {len(features)}" if name == UNKNOWN else name for name, features, *_ in components]
    return " + ".join(_counted(count, name) for name, count in Counter(names).most_common()) or "nothing"


def is_part(component: Component) -> bool:
    """Whether a component is a part of a tegum product: a known arrangement with an overlap of at most .05."""
    return component.name != UNKNOWN and component.overlap <= MAX_OVERLAP


def product_name(components: Sequence[Component]) -> str:
    """The name of the polytope that is the tegum product of all components, such as "octahedron" for three digons.
    Their description if the product has no name of its own, or a component is not part of a product (see `is_part`).

    >>> product_name(recognise(arrangement("octahedron")))
    'octahedron'
    """
    named = {tuple(sorted(parts)): name for name, parts in PRODUCTS.items()} | {(name,): name for name in ARRANGEMENTS}
    orthogonal = all(is_part(component) for component in components)
    parts = tuple(sorted(component.name for component in components))
    return named[parts] if orthogonal and parts in named else describe(components)


def match(W: Float[AnyArray, "d k"], exact: Float[AnyArray, "e l"], *, at_most: float = np.inf) -> Match | None:
    """The order of the features in which directions fit an exact arrangement best, and how well they do; None if no
    order has a residual up to `at_most`.

    Args:
        W: (d, k), not all 0.
        exact: (e, k), unit vectors, as many as W has features.
        at_most: a bound of the residual, below which a search over orders is short. Without it, directions that are far
            from the arrangement take k! steps.

    Raises:
        ValueError: if the numbers of features differ.

    >>> match(np.array([[-2.0, 2.0]]), arrangement("digon")).residual
    0.0
    """
    W, exact = np.asarray(W, dtype=float), np.asarray(exact, dtype=float)
    if W.shape[1] != exact.shape[1]:
        raise ValueError(
            f"W of match must have as many features as the arrangement, {exact.shape[1]}. Got {W.shape[1]}."
        )
    found, wanted = gram(W) / (norms(W) ** 2).mean(), gram(exact)
    size = float(np.linalg.norm(wanted))
    # Hoffman and Wielandt: the sorted spectra differ by no more than the matrices do, in whatever order.
    if np.linalg.norm(np.linalg.eigvalsh(found) - np.linalg.eigvalsh(wanted)) > at_most * size:
        return None
    order, squares = _best_order(found, wanted, (at_most * size) ** 2)
    return None if order is None else Match(np.array(order), float(squares**0.5 / size))


def arrangement(name: str) -> Float[np.ndarray, "d k"]:
    """The unit vectors of an arrangement.

    Args:
        name: "dedicated", "digon", "triangle", "tetrahedron", "4-simplex" ... "6-simplex" (by dimensions), "square",
            "pentagon" ... "octagon", "9-gon" ... "12-gon", "square antiprism" (of the height at which WWᵀ is a multiple
            of the identity), "cube", "icosahedron", or a tegum product: "octahedron", "triangular bipyramid",
            "pentagonal bipyramid".

    Raises:
        ValueError: for another name.

    >>> arrangement("digon").tolist()
    [[1.0, -1.0]]
    """
    if name in PRODUCTS:
        return tegum(*(ARRANGEMENTS[part] for part in PRODUCTS[name]))
    if name not in ARRANGEMENTS:
        raise ValueError(
            f"name of arrangement must be that of one. Got {name!r}. {near_matches(name, [*ARRANGEMENTS, *PRODUCTS])}"
        )
    return ARRANGEMENTS[name].copy()


def tegum(*parts: Float[np.ndarray, "_ _"]) -> Float[np.ndarray, "d k"]:
    """The tegum product: the parts in orthogonal subspaces.

    >>> tegum(arrangement("digon"), arrangement("dedicated")).tolist()
    [[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    product = np.zeros(tuple(np.sum([part.shape for part in parts], axis=0, dtype=int)) if parts else (0, 0))
    row = column = 0
    for part in parts:
        product[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return product


def simplex(d: int) -> Float[np.ndarray, "d k"]:
    """The regular simplex: d + 1 unit vectors in d dimensions at equal angles, cos = -1/d. It is the standard basis of
    d + 1 dimensions projected along (1, ..., 1), that is, the W whose rows are orthonormal and orthogonal to
    (1, ..., 1), scaled to unit columns (Elhage et al. 2022, "The Geometry of Superposition").

    >>> float((simplex(3)[:, 0] @ simplex(3)[:, 1]).round(6))
    -0.333333
    """
    check_integer("simplex", "d", d, minimum=1)
    # Helmert's rows: the k-th compares feature k with the mean of those before it.
    rows = np.tril(np.ones((d + 1, d + 1)), -1)[1:] - np.diag(np.arange(d + 1.0))[1:]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True) * ((d + 1) / d) ** 0.5


def polygon(k: int) -> Float[np.ndarray, "2 k"]:
    """k unit vectors in the plane at equal angles, the first along the first axis.

    >>> polygon(4).round(6).tolist()
    [[1.0, 0.0, -1.0, -0.0], [0.0, 1.0, 0.0, -1.0]]
    """
    check_integer("polygon", "k", k, minimum=3)
    angles = 2 * np.pi * np.arange(k) / k
    return np.stack([np.cos(angles), np.sin(angles)])


def thomson_energy(W: Float[AnyArray, "*batch d k"]) -> Float[AnyArray, "*batch"]:
    """Σ_{i<j} 1 / |Ŵ_i - Ŵ_j|: the energy of equal charges at the directions (the problem of Thomson 1904, to which
    Elhage et al. 2022, "The Geometry of Superposition", liken superposition). Infinite if two directions are the same,
    NaN if one is 0. The least energies on the sphere: .5 for 2 charges, 1.7320508 for 3 (triangle), 3.6742346 for 4
    (tetrahedron), 6.4746915 for 5 (triangular bipyramid), 9.9852814 for 6 (octahedron), 19.6752879 for 8 (square
    antiprism).

    >>> float(thomson_energy(arrangement("digon")))
    0.5
    """
    W = np.asarray(W, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = W / norms(W)[..., None, :]
        distances = np.linalg.norm(unit[..., :, :, None] - unit[..., :, None, :], axis=-3)
        first, second = np.triu_indices(W.shape[-1], 1)
        return (1 / distances[..., first, second]).sum(-1)


def _square_antiprism() -> Float[np.ndarray, "3 8"]:
    """Two squares, one turned by 45° against the other, at the heights ±1/√3."""
    return np.concatenate([(2 / 3) ** 0.5 * polygon(8), (-1.0) ** np.arange(8)[None] / 3**0.5])


def _cube() -> Float[np.ndarray, "3 8"]:
    return np.stack(np.meshgrid([1, -1], [1, -1], [1, -1])).reshape(3, 8) / 3**0.5


def _icosahedron() -> Float[np.ndarray, "3 12"]:
    """The cyclic permutations of (0, ±1, ±φ), φ the golden ratio."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([[0, one, other * golden] for one in (1, -1) for other in (1, -1)]).T
    return np.concatenate([np.roll(corners, turn, axis=0) for turn in range(3)], axis=1) / (1 + golden**2) ** 0.5


ARRANGEMENTS: Mapping[str, Float[np.ndarray, "d k"]] = {
    "dedicated": np.ones((1, 1)),
    "digon": simplex(1),
    "triangle": simplex(2),
    "tetrahedron": simplex(3),
    "pentagon": polygon(5),
    "hexagon": polygon(6),
    "heptagon": polygon(7),
    "octagon": polygon(8),
    "square antiprism": _square_antiprism(),
    "cube": _cube(),
    "icosahedron": _icosahedron(),
    **{f"{k}-gon": polygon(k) for k in range(9, LARGEST + 1)},
    **{f"{d}-simplex": simplex(d) for d in range(4, 7)},
}
"""The arrangements that are not tegum products, by name."""

PRODUCTS: Mapping[str, tuple[str, ...]] = {
    "square": ("digon", "digon"),
    "octahedron": ("digon", "digon", "digon"),
    "triangular bipyramid": ("triangle", "digon"),
    "pentagonal bipyramid": ("pentagon", "digon"),
}
"""Tegum products that have names of their own, and their parts."""


def _component(
    own: Float[np.ndarray, "m k"],
    others: Float[np.ndarray, "m l"],
    features: Int[np.ndarray, " k"],
    max_residual: float,
) -> Component:
    alike = {name: exact for name, exact in ARRANGEMENTS.items() if exact.shape[1] == len(features)}
    matches = {name: match(own, exact, at_most=max_residual) for name, exact in alike.items()}
    residuals = {name: found.residual for name, found in matches.items() if found is not None}
    name = min(residuals, key=residuals.__getitem__, default=UNKNOWN)
    overlap = ((own.T @ others) ** 2).sum() / len(features) / (norms(own) ** 2).mean() ** 2
    return Component(name, features, residuals.get(name, np.inf), float(overlap))


def _best_order(
    found: Float[np.ndarray, "k k"], wanted: Float[np.ndarray, "k k"], bound: float
) -> tuple[list[int] | None, float]:
    """The order π with the least Σ_ij (found_ij - wanted_π(i)π(j))², and the sum; None if it is above the bound.

    Depth-first search: features are placed one after another, the best place first, and a branch ends where its part of
    the sum reaches the least sum so far.
    """
    k = len(found)
    best: list[int] | None = None
    least = bound * (1 + 1e-9) + 1e-9  # an order at the bound is not lost to rounding
    branches: list[tuple[list[int], float]] = [([], 0.0)]  # the places of the first features, and their sum
    while branches:
        taken, total = branches.pop()
        if total >= least * (1 - 1e-9) - 1e-12:  # orders that symmetry makes equal are tried once
            continue
        i = len(taken)
        if i == k:
            best, least = taken, total
            continue
        free = [j for j in range(k) if j not in taken]
        cross = (found[i, :i, None] - wanted[taken][:, free]) ** 2
        totals = total + (found[i, i] - wanted[free, free]) ** 2 + 2 * cross.sum(0)
        branches += [([*taken, free[rank]], float(totals[rank])) for rank in np.argsort(-totals)]
    return best, least


def _counted(count: int, name: str) -> str:
    plural = {"dedicated": "dedicated", "tetrahedron": "tetrahedra", "icosahedron": "icosahedra"}
    irregular = {**plural, **{f"{d}-simplex": f"{d}-simplices" for d in range(4, 7)}}
    if name.startswith(UNKNOWN):
        return f"{count} {name}"
    return f"{count} {name}" if count == 1 else f"{count} {irregular.get(name, name + 's')}"
