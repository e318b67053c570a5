"""Techniques that say what each edge of a model does, one edge at a time."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from toymodels.cases import Switches, effects_of_cuts
from toymodels.cases.edges import root_mean_square
from toymodels.checks import check_function, check_integer
from toymodels.specifications import specification, static
from toymodels.techniques import ablations
from toymodels.techniques.ablations import Ablation, Replaced
from toymodels.techniques.claims import Effects


def zero_ablation(graph: Switches, x: Float[Array, "n samples"]) -> Effects:
    """The root mean square change of the outputs when each edge alone is cut, in the model as it is. It runs the model
    once for each edge."""
    return Effects(effects_of_cuts(graph, x))


def mean_ablation(graph: Switches, x: Float[Array, "n samples"]) -> Effects:
    """As `zero_ablation`, but a cut edge carries its mean over samples. Where an output is its value, the square of its
    effect is the variance, which is less by the square of the mean."""
    return Effects(effects_of_cuts(graph, x, instead=ablations.mean(graph, x).values))


def resample_ablation(graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Effects:
    """As `zero_ablation`, but a cut edge carries what it carries in another sample. Where outputs are linear in what it
    carries, the square of its effect is twice that of mean ablation: the variance of a difference."""
    return Effects(effects_of_cuts(graph, x, instead=ablations.resample(graph, x, key).values))


def attribution(graph: Switches, x: Float[Array, "n samples"]) -> Effects:
    """Edge attribution patching (Syed et al. 2023) towards 0: what `zero_ablation` would say if outputs were linear in
    what each edge carries, that times their derivative. It costs a run and a derivative for each edge, since effects of
    single samples are wanted; for their sum, one gradient is enough."""
    return Effects(attributed(graph, x, ablations.zero(graph, x), [1.0], np.eye(len(graph), dtype=bool)))


def resample_attribution(graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Effects:
    """As `attribution`, but towards what each edge carries in another sample: `resample_ablation`, linearised."""
    there = ablations.resample(graph, x, key)
    return Effects(attributed(graph, x, there, [1.0], np.eye(len(graph), dtype=bool)))


@specification
class IntegratedAttribution:
    """Edge attribution patching with integrated gradients (Hanna et al. 2024): as `attribution`, but the derivative is
    the mean over inputs on the straight line from what is there instead to the sample. It is taken at the middles of
    equal steps: where outputs have a kink, it is wrong by at most half a step. It costs `steps` times as much.

    Attributes:
        steps: number K of steps.
        ablation: what a cut edge carries; nothing by default.
    """

    steps: int = static(default=8)
    ablation: Ablation = static(default=ablations.zero)

    def __call__(self, graph: Switches, x: Float[Array, "n samples"], key: PRNGKeyArray) -> Effects:
        """The claim."""
        middles = (np.arange(self.steps) + 0.5) / self.steps
        every = np.eye(len(graph), dtype=bool)
        return Effects(attributed(graph, x, self.ablation(graph, x, key), middles, every))

    def validate(self) -> None:
        """Raise ValueError if a field is out of range."""
        check_integer("IntegratedAttribution", "steps", self.steps, minimum=1)
        check_function("IntegratedAttribution", "ablation", self.ablation)


def attributed(
    graph: Switches,
    x: Float[Array, "n samples"],
    there: Replaced,
    points: Any,
    cuts: Bool[np.ndarray, "cuts edges"],
) -> Float[Array, " cuts"]:
    """The root mean square of what cutting edges would change, summed over outputs, were they linear.

    Args:
        graph: the switches of a model.
        x: samples.
        there: what is there instead.
        points: where derivatives are taken, whose mean counts: 1 for x, 0 for the samples that are there instead, and
            places between the two.
        cuts: which edges are cut together.
    """
    on, points = jnp.ones(len(graph)), jnp.asarray(points, float)[:, None, None]
    inputs = points * x[None] + (1 - points) * there.samples[None]
    instead = jax.lax.map(graph.values, inputs) - (graph.values(x) - there.values)[None]

    def told(cut: Array) -> Array:
        def further(total: Array, at: tuple[Array, Array]) -> tuple[Array, None]:
            inputs, instead = at
            change = jax.jvp(lambda on: graph.run(on, inputs, instead), (on,), (cut,))[1]
            return total + change / len(points), None

        outputs = jax.eval_shape(graph.run, on, x)
        return root_mean_square(jax.lax.scan(further, jnp.zeros(outputs.shape), (inputs, instead))[0])

    return jax.lax.map(told, jnp.asarray(cuts, float))
