"""Patching along directions, and the search for the directions along which a feature can be exchanged."""

from typing import Any

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.arrays import unit_columns
from toymodels.cases import Switches
from toymodels.checks import check_integer, check_numbers
from toymodels.specifications import specification, static
from toymodels.techniques.claims import Directions


def patched(
    h: Float[Array, "m samples"], source: Float[Array, "m samples"], direction: Float[Array, " m"]
) -> Float[Array, "m samples"]:
    """h with its component along a direction, of any length, replaced by that of other samples (Geiger et al. 2024).

    A patch that has the right effect does not show that the model uses the direction: one half of it can be read by
    nobody, and the other half be silent until the patch wakes it (Makelov et al. 2023). Patch its parts alone, too.

    >>> h, other = jnp.array([[0.2], [0.0], [0.2]]), jnp.array([[0.7], [0.0], [0.7]])  # x = .2 and .7
    >>> read = jnp.array([[0.0, 2.0, 1.0]])  # as in `cases.dormant`
    >>> for direction in ([1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]):
    ...     print(round(float((read @ patched(h, other, jnp.array(direction)))[0, 0]), 3))
    0.7
    0.2
    0.2
    """
    unit = direction / jnp.linalg.norm(direction)
    return h + unit[:, None] * (unit @ (source - h))[None]


@specification
class AlignmentSearch:
    """Distributed alignment search (Geiger et al. 2024) for one direction per feature: when h is patched along it with
    h of other samples, outputs are to become those that the model has when the feature has its value there, and all
    others keep theirs. Of the two ways along it, claimed is the one in which the feature's value rises. It costs a
    gradient of `forward` for each step and feature.

    Attributes:
        steps: of Adam.
        learning_rate: of Adam.
        batch_size: samples per step.
    """

    steps: int = static(default=300)
    learning_rate: Any = 0.03
    batch_size: int = static(default=512)

    def __call__(
        self,
        graph: Switches,
        h: Float[Array, "m samples"],
        x: Float[Array, "n samples"],
        forward: Any,
        key: PRNGKeyArray,
    ) -> Directions:
        """The claim, labelled."""
        (n, samples), m = x.shape, len(h)
        start, order = jax.random.split(key)
        optimizer, on = optax.adam(self.learning_rate), jnp.ones(len(graph))

        def objective(directions: Array, key: Array) -> Array:
            here, there = jax.random.randint(key, (2, min(self.batch_size, samples)), 0, samples)

            def missed(feature: Array, direction: Array) -> Array:
                exchanged = x[:, here].at[feature].set(x[feature, there])
                wanted = graph.run(on, exchanged)
                return jnp.square(forward(patched(h[:, here], h[:, there], direction)) - wanted).sum(0).mean()

            return jax.vmap(missed)(jnp.arange(n), directions.T).sum()

        def step(number: Any, state: tuple[Array, Any]) -> tuple[Array, Any]:
            directions, moments = state
            slope = jax.grad(objective)(directions, jax.random.fold_in(order, number))
            updates, moments = optimizer.update(slope, moments)
            return unit_columns(directions + updates), moments

        directions = unit_columns(jax.random.normal(start, (m, n)))
        directions, _ = jax.lax.fori_loop(0, self.steps, step, (directions, optimizer.init(directions)))
        rises = ((directions.T @ h) * (x - x.mean(-1, keepdims=True))).sum(-1)
        return Directions(jnp.where(rises < 0, -directions, directions), labelled=True)

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("AlignmentSearch", "steps", self.steps, minimum=1)
        check_integer("AlignmentSearch", "batch_size", self.batch_size, minimum=1)
        check_numbers("AlignmentSearch", "learning_rate", self.learning_rate, minimum=0)
