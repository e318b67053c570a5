"""Penalties: what is minimised beside the loss, for `Task(penalties=(...,))`.

A penalty is a function that returns a number, which is added to the loss; several can be given. Its arguments are named
after what it needs: parameters (`W`), activations (`hidden`), `params`, `activations`, `module`, `task`, the samples
`x`, or `key`. As a specification, its numbers can be swept:

    @tm.specification
    class Orthogonal:
        strength: float = 0.1

        def __call__(self, W):
            return self.strength * jnp.square(W @ W.T - jnp.eye(len(W))).mean()
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from toymodels.checks import check_numbers, near_matches
from toymodels.names import Names
from toymodels.specifications import specification, static


@specification
class HiddenL1:
    """strength times the mean over samples of Σ_k |h_k|.

    Attributes:
        strength: at least 0.
        of: the name of the activations, or several.
    """

    strength: Any
    of: str | tuple[str, ...] = static(default="hidden")

    def __call__(self, activations: Mapping[str, Array]) -> Float[Array, ""]:
        """The penalty.

        Raises:
            ValueError: if the model does not show the activations.
        """
        chosen = _chosen("HiddenL1", "activations", self.of, activations)
        return self.strength * sum(jnp.abs(h).sum(range(h.ndim - 1)).mean() for h in chosen)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("HiddenL1", "strength", self.strength, minimum=0)


@specification
class WeightL1:
    """strength times Σ |w| over all elements of some parameters.

    Attributes:
        strength: any number; below 0 it is a reward.
        of: the name of the parameter, or several.
    """

    strength: Any
    of: str | tuple[str, ...] = static(default="W")

    def __call__(self, params: Mapping[str, Array]) -> Float[Array, ""]:
        """The penalty.

        Raises:
            ValueError: if the model has no parameter of a name.
        """
        return self.strength * sum(jnp.abs(w).sum() for w in _chosen("WeightL1", "parameters", self.of, params))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("WeightL1", "strength", self.strength)


@specification
class WeightL2:
    """strength times Σ w² over all elements of some parameters.

    Attributes:
        strength: any number; below 0 it is a reward.
        of: the name of the parameter, or several.
    """

    strength: Any
    of: str | tuple[str, ...] = static(default="W")

    def __call__(self, params: Mapping[str, Array]) -> Float[Array, ""]:
        """The penalty.

        Raises:
            ValueError: if the model has no parameter of a name.
        """
        return self.strength * sum(jnp.square(w).sum() for w in _chosen("WeightL2", "parameters", self.of, params))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("WeightL2", "strength", self.strength)


def _chosen(owner: str, kind: str, of: str | tuple[str, ...], there: Mapping[str, Array]) -> list[Array]:
    names = (of,) if isinstance(of, str) else of
    for name in names:
        if name not in there:
            raise ValueError(
                f"{owner} needs {kind} {name!r}, which the model does not have. {near_matches(name, there)}"
            )
    return [there[name] for name in names]


PENALTIES = Names("a penalty", {}, "A penalty needs a strength: HiddenL1(0.03), WeightL1(1e-3), WeightL2(1e-3).")
Penalty = Annotated[Callable[..., Array], PENALTIES]
"""A function of what its arguments are named after, or "module:function"."""
