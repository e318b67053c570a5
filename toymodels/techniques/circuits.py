"""Techniques that look for a circuit: the edges without which a model does something else."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from toymodels.cases import Switches
from toymodels.checks import check_function, check_integer, check_numbers
from toymodels.specifications import specification, static
from toymodels.techniques import ablations
from toymodels.techniques.ablations import Ablation
from toymodels.techniques.claims import Effects


@specification
class ACDC:
    """Automatic circuit discovery (Conmy et al. 2023): from outputs to inputs, each edge is cut for good if that
    raises the divergence from the whole model by less than a threshold. The divergence is the mean squared change of
    the outputs, summed over them.

    Claimed for an edge that is kept is the root of that by which the divergence would have risen, and 0 for all others.
    Of two paths that do the same it keeps the one it comes to last. It runs the model once for each edge.

    Attributes:
        threshold: least rise τ of the divergence, in the squared units of outputs.
        ablation: what a cut edge carries; nothing by default.
    """

    threshold: Any = 0.001
    ablation: Ablation = static(default=ablations.zero)

    def __call__(self, graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Effects:
        """The claim."""
        on, instead = jnp.ones(len(graph)), self.ablation(graph, x, key).values
        whole = graph.run(on, x)

        def further(state: tuple[Array, Array], edge: Array) -> tuple[tuple[Array, Array], Array]:
            on, before = state
            without = on.at[edge].set(0.0)
            after = divergence(graph.run(without, x, instead), whole)
            kept = after - before >= self.threshold
            rise = jnp.sqrt(jnp.where(kept, jnp.maximum(after - before, 0), 0))
            return (jnp.where(kept, on, without), jnp.where(kept, before, after)), rise

        order = np.lexsort((graph.sources, graph.targets))[::-1].copy()  # of later targets first
        rises = jax.lax.scan(further, (on, jnp.zeros(())), jnp.asarray(order))[1]
        return Effects(jnp.zeros(len(graph)).at[order].set(rises))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("ACDC", "threshold", self.threshold, minimum=0)
        check_function("ACDC", "ablation", self.ablation)


@specification
class EdgeMask:
    """A mask that is learned by gradient (of parameters, Cao et al. 2021, "Low-Complexity Probing via Finding
    Subnetworks"; of edges, Bhaskar et al. 2024, "Finding Transformer Circuits with Edge Pruning"): to its target each
    edge brings a share σ(m) of what it carries, and of what is there instead the rest. Minimised is the divergence, as
    that of `ACDC`, + λ Σ σ(m).

    Claimed is σ(m), and 0 where it is below 1/2. Where outputs are linear in what an edge carries, and it does e by
    itself, σ(m) ends at 1 - λ / (2 e²): it is kept if e² > λ. It costs a gradient for each step.

    Attributes:
        penalty: λ, in the squared units of outputs.
        steps: of Adam.
        learning_rate: of Adam.
        ablation: what a cut edge carries; nothing by default.
    """

    penalty: Any = 0.001
    steps: int = static(default=400)
    learning_rate: Any = 0.1
    ablation: Ablation = static(default=ablations.zero)

    def __call__(self, graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Effects:
        """The claim."""
        start, other = jax.random.split(key)
        instead, whole = self.ablation(graph, x, other).values, graph.run(jnp.ones(len(graph)), x)
        optimizer = optax.adam(self.learning_rate)

        def objective(mask: Array) -> Array:
            share = jax.nn.sigmoid(mask)
            return divergence(graph.run(share, x, instead), whole) + self.penalty * share.sum()

        def step(_: Any, state: tuple[Array, Any]) -> tuple[Array, Any]:
            mask, moments = state
            updates, moments = optimizer.update(jax.grad(objective)(mask), moments)
            return mask + updates, moments

        mask = 1 + 0.1 * jax.random.normal(start, (len(graph),))  # not alike, so that one of two equals can go
        mask, _ = jax.lax.fori_loop(0, self.steps, step, (mask, optimizer.init(mask)))
        share = jax.nn.sigmoid(mask)
        return Effects(jnp.where(share > 0.5, share, 0))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_numbers("EdgeMask", "penalty", self.penalty, minimum=0)
        check_integer("EdgeMask", "steps", self.steps, minimum=1)
        check_numbers("EdgeMask", "learning_rate", self.learning_rate, minimum=0)
        check_function("EdgeMask", "ablation", self.ablation)


def divergence(outputs: Float[Array, "outputs samples"], whole: Float[Array, "outputs samples"]) -> Float[Array, ""]:
    """The mean squared change of the outputs, summed over them."""
    return jnp.square(outputs - whole).sum(0).mean()
