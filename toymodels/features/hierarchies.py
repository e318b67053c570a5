"""Forests of features, each of which can be on only while its parent is."""

from collections.abc import Callable
from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, Shaped

from toymodels.checks import check_integer
from toymodels.features.distributions import (
    FEATURES,
    UNIFORM,
    NamedValues,
    check_density,
    check_values,
    per_item,
    validate_features,
    with_diagonal,
)
from toymodels.features.uniform import SMALLEST_DENSITY, draws, ranks, split_draw
from toymodels.specifications import specification, static

ROUNDING = 1e-6  # of densities in single precision: as much more than 1 may those of siblings sum to


@specification
class Hierarchical:
    """A forest of features: a child is on only while its parent is, and the children of one parent may exclude each
    other (Chanin & Garriga-Alonso 2026).

    To give P(feature i is on), p (n,), instead: `density=p / np.append(p, 1)[list(parents)]`.

    Attributes:
        parents: the parent of each feature, which comes before it, or -1 for a root. `forest` makes regular ones.
        density: probability that a feature is on while its parent is, or for a root that it is on; 0 or from 1e-7 to 1;
            one number, or n of them.
        exclusive: whether at most one child of each parent is on. The densities of siblings then sum to at most 1.
            Roots are independent in any case.
        values: distribution of the value of a feature that is on, or its name, such as "exponential".

    >>> Hierarchical((-1, 0, 0), density=(0.5, 0.5, 0.25), exclusive=True, values="binary").mean()
    array([0.5  , 0.25 , 0.125])
    """

    parents: tuple[int, ...] = static()
    density: Any = 0.1
    exclusive: bool = static(default=False)
    values: NamedValues = static(default=UNIFORM)

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return len(self.parents)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        density = jnp.broadcast_to(jnp.asarray(self.density, dtype=float), (self.n_features,))
        earlier = _sum_of_earlier_siblings(self.parents) if self.exclusive else jnp.zeros_like
        # Siblings are asked in turn. What is left to the last one may be a little less than its density by rounding.
        left = jnp.maximum(1 - earlier(density), jnp.maximum(density, SMALLEST_DENSITY))
        would_be_on, w = split_draw(draws(key, (self.n_features, batch_size)), (density / left)[:, None])
        chosen = would_be_on & (earlier(would_be_on.astype(w.dtype)) == 0)
        return jnp.where(_times_ancestors(chosen, self.parents), self.values.inverse_cdf(ranks(w)), 0.0)

    def mean(self) -> Float[np.ndarray, " n"]:
        """E[x_i]."""
        mean, _ = self.values.moments()
        return self._on() * mean

    def second_moment(self) -> Float[np.ndarray, "n n"]:
        """E[x_i x_j]."""
        mean, square = self.values.moments()
        return with_diagonal(self._both_on() * mean**2, self._on() * square)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range, a parent does not come before its child, or the densities of
        exclusive siblings sum to more than 1."""
        _check_parents("Hierarchical", self.parents)
        check_density("Hierarchical", self.density, self.n_features)
        _check_flag("Hierarchical", "exclusive", self.exclusive)
        if self.exclusive:
            parents = np.array(self.parents)
            children = parents >= 0
            sums = np.bincount(parents[children], per_item(self.density, self.n_features)[children])
            if sums.size and sums.max() > 1 + ROUNDING:
                raise ValueError(
                    "density of Hierarchical must sum to at most 1 over the children of each parent where they are "
                    f"exclusive. Those of feature {sums.argmax()} sum to {sums.max():g}."
                )
        check_values("Hierarchical", self.values)

    def _on(self) -> Float[np.ndarray, " n"]:
        """P(feature i is on)."""
        on = np.append(per_item(self.density, self.n_features), 1.0)  # -1 is the index of what is always on
        for i, parent in enumerate(self.parents):
            on[i] *= on[parent]
        return on[:-1]

    def _both_on(self) -> Float[np.ndarray, "n n"]:
        """P(features i and j are on)."""
        parents, density, on = np.array(self.parents), per_item(self.density, self.n_features), self._on()
        both = np.zeros((self.n_features + 1,) * 2)
        both[-1, -1] = 1.0  # as above
        for i in np.argsort(_depth(self.parents), kind="stable"):
            # Of those before i, none of which is below it, only siblings depend on it other than by its parent.
            both[i] = both[:, i] = density[i] * both[parents[i]]
            if self.exclusive and parents[i] >= 0:
                siblings = np.flatnonzero(parents == parents[i])
                both[i, siblings] = both[siblings, i] = 0.0
            both[i, i] = on[i]
        return both[:-1, :-1]


@specification
class WithParents:
    """Features of any distribution that has one number per feature, such as a `GaussianCopula`, made a forest: a child
    is 0 unless its parent is on (Chanin & Garriga-Alonso 2026).

    Of independent features it makes those of `Hierarchical`, which has exact moments, with the densities p of children
    while their parent is on. If they are exclusive, give each p / (1 - Σ p of its earlier siblings): its chance when
    none of these is on. Of correlated features, children are on a little more or less often.

    Attributes:
        features: the distribution that is made a forest, of n features.
        parents: the parent of each feature, which comes before it, or -1 for a root. `forest` makes regular ones.
        exclusive: whether of the siblings that would be on only the first stays.
        multiplied: whether the value of a child is also multiplied by that of its parent, which has been multiplied by
            its own parent's: with values of mean 1, relative to what the parent usually is.

    >>> from toymodels.features import Independent, Values
    >>> pair = Independent(2, density=1.0, values=Values.normal(0.5, 0.0))
    >>> WithParents(pair, (-1, 0), multiplied=True).sample(jax.random.key(0), 1).ravel().tolist()
    [0.5, 0.25]
    """

    features: Annotated[Any, FEATURES]
    parents: tuple[int, ...] = static()
    exclusive: bool = static(default=False)
    multiplied: bool = static(default=False)

    @property
    def n_features(self) -> int:
        """Number of features n."""
        return len(self.parents)

    def sample(self, key: PRNGKeyArray, batch_size: int) -> Float[Array, "n batch"]:
        """Draw `batch_size` feature vectors, one per column."""
        x = self.features.sample(key, batch_size)
        if self.exclusive:
            x = jnp.where(_sum_of_earlier_siblings(self.parents)((x != 0).astype(x.dtype)) == 0, x, 0.0)
        if self.multiplied:
            return _times_ancestors(x, self.parents)
        return jnp.where(_times_ancestors(x != 0, self.parents), x, 0.0)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range, a parent does not come before its child, or there are not as
        many parents as features."""
        _check_parents("WithParents", self.parents)
        _check_flag("WithParents", "exclusive", self.exclusive)
        _check_flag("WithParents", "multiplied", self.multiplied)
        validate_features(self.features)
        if self.features.n_features != self.n_features:
            raise ValueError(
                f"parents of WithParents must be as many as its features, {self.features.n_features}. "
                f"Got {self.n_features}."
            )


def forest(roots: int, branching: int, depth: int) -> tuple[int, ...]:
    """The parents of a forest in which each feature has `branching` children, down to `depth` generations below the
    roots. Features are numbered by generation, roots first; there are `roots` · Σ_g branching^g of them.

    The hierarchy of Chanin & Garriga-Alonso 2026 has 128 roots, branching 4 and depth 3.

    Raises:
        ValueError: if a number is not an integer of at least 1 (`depth`: 0).

    >>> forest(2, 2, 1)
    (-1, -1, 0, 0, 1, 1)
    """
    check_integer("forest", "roots", roots, minimum=1)
    check_integer("forest", "branching", branching, minimum=1)
    check_integer("forest", "depth", depth, minimum=0)
    parents, generation = [-1] * roots, range(roots)
    for _ in range(depth):
        parents += [parent for parent in generation for _ in range(branching)]
        generation = range(generation.stop, len(parents))
    return tuple(parents)


# --- Helpers, in the order of their use --------------------------------------------------------------------------


def _sum_of_earlier_siblings(parents: tuple[int, ...]) -> Callable[[Array], Array]:
    """A function that sums the rows of an array (n, ...) over the siblings before each feature; over none for a
    root."""
    order = np.argsort(parents, kind="stable")  # siblings side by side
    ordered = np.array(parents)[order]
    first = (ordered < 0) | (np.diff(ordered, prepend=-2) != 0)

    def add(left: Any, right: Any) -> Any:
        (any_first, so_far), (is_first, more) = left, right
        return any_first | is_first, more + jnp.where(is_first, 0.0, so_far)

    def summed(rows: Array) -> Array:
        mine = rows[order]
        starts = jnp.asarray(first.reshape(-1, *[1] * (rows.ndim - 1)))
        _, with_mine = jax.lax.associative_scan(add, (starts, mine))
        return (with_mine - mine)[np.argsort(order)]

    return summed


def _times_ancestors(x: Shaped[Array, "n batch"], parents: tuple[int, ...]) -> Shaped[Array, "n batch"]:
    """The product of each feature with all of its ancestors: of booleans, whether all of them are on."""
    ancestor = np.array(parents)
    while (ancestor >= 0).any():  # the parent, then the ancestor 2, 4, 8 ... generations above
        x = jnp.where((ancestor < 0)[:, None], x, x * x[ancestor])
        ancestor = np.where(ancestor < 0, -1, ancestor[ancestor])
    return x


def _depth(parents: tuple[int, ...]) -> Int[np.ndarray, " n"]:
    """The number of ancestors of each feature."""
    depth = np.zeros(len(parents), dtype=int)
    for feature, parent in enumerate(parents):
        depth[feature] = 0 if parent < 0 else depth[parent] + 1
    return depth


def _check_parents(owner: str, parents: Any) -> None:
    if not isinstance(parents, tuple) or not parents:
        raise ValueError(f"parents of {owner} must be a tuple of at least one number. Got {parents!r}.")
    for feature, parent in enumerate(parents):
        check_integer(owner, "each of parents", parent, minimum=-1)
        if parent >= feature:
            raise ValueError(
                f"parents of {owner} must come before their children. Got {parent} for feature {feature}; "
                "a root has -1."
            )


def _check_flag(owner: str, name: str, flag: Any) -> None:
    if not isinstance(flag, bool | np.bool_):
        raise ValueError(f"{name} of {owner} must be True or False. Got {flag!r}.")
