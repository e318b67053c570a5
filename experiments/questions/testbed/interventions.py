"""What techniques miss that cut edges, and what erasing a feature costs the others, beside exact numbers."""

from collections.abc import Mapping
from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import toymodels as tm
from experiments.harness.experiment import Experiment, Results, Sweep
from experiments.questions.testbed.curves import Curve, Panel, a_twentieth_more, claims_of, draw_row, raw_of
from toymodels import cases
from toymodels.techniques import edges, edits

N = 12
HIDDEN = (12, 8, 6, 4, 3, 2)
GATES = 2**18  # samples: at density 1/2, the standard error of attribution's R² over four seeds is .4 % of it
DENSITIES = (0.1, 0.2, 0.3, 0.4, 0.5)


def simplex(key: Array, shape: tuple[int, int], dtype: type = float) -> Float[Array, "2 3"]:
    """Three directions in a plane, at 120° from each other."""
    angles = 2 * jnp.pi * jnp.arange(3) / 3
    return jnp.stack([jnp.cos(angles), jnp.sin(angles)]).astype(dtype)


def sweep_interventions(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Gates of all densities, one of them in a plane, and tight frames of more and more features per dimension."""
    seeds = range(4 * seed, 4 * seed + 4)
    plane = cases.Case(cases.Circuit(cases.gate("and").graph(), 2, simplex), cases.gate("and").task)
    circuits = {"or": cases.gate("or"), "and in a plane": plane}
    frames = {"tight frame": cases.tight_frame(N, N).over(n_hidden=HIDDEN)}

    def scored(
        techniques: Mapping[str, tm.techniques.Technique], tried: Mapping[str, cases.Case], samples: int
    ) -> Sweep:
        return partial(tm.techniques.score, techniques, tried, seed=seeds, samples=samples, progress=False)

    cut = {"zero ablation": edges.zero_ablation, "attribution": edges.attribution}
    erased = {"LEACE": edits.erasure, "directional ablation": edits.directional_ablation}
    return {
        "circuits": scored(cut, {name: case.over(density=DENSITIES) for name, case in circuits.items()}, GATES),
        "edits": scored(erased, frames, 2**17 if full else 2**15),
    }


def kink(density: np.ndarray) -> np.ndarray:
    """R² of the effects (0, 0, 0, 0, u), which attribution says of the five edges of OR, with the true ones (s, s, 0,
    0, u): s² = p (1 - p), how often one input is on and the other is not, and u = 1 - p, how often neither is. Where
    an edge into the neuron does something, either its slope is 0 or it carries nothing."""
    s, u = np.sqrt(density * (1 - density)), 1 - density
    return np.maximum(2 * u - s, 0) ** 2 / (6 * s**2 + 4 * u**2 - 4 * s * u)


def left(features_per_dimension: np.ndarray) -> np.ndarray:
    """The share of a feature's R² that is gone, less what the others lose: n features have m together before, and the
    others m - 1 after."""
    m = N / features_per_dimension
    return 1 - (N - m) / (m * (N - 1))


PANELS = (
    Panel(
        "Cutting edges",
        "density of the inputs",
        "$R^2$ of the effects of edges",
        (0.0, 0.55),
        (
            Curve("attribution of OR: $R^2$ of its effects", "circuits", raw_of("attribution", "or"),
                  np.array(DENSITIES), kink, "attribution of OR"),
            Curve("zero ablation of AND in a plane: $R^2$ of its effects", "circuits",
                  raw_of("zero ablation", "and in a plane"), np.array(DENSITIES), lambda x: 0 * x,
                  "zero ablation of AND in a plane"),
        ),
    ),
    Panel(
        "Erasing a feature",
        "features per dimension",
        "share erased - share of others lost",
        (0.9, 6.2),
        (
            Curve("LEACE in tight frames: erased less lost", "edits", raw_of("LEACE"), N / np.array(HIDDEN), left,
                  "LEACE"),
            Curve("directional ablation in tight frames: erased less lost", "edits", raw_of("directional ablation"),
                  N / np.array(HIDDEN), left, "directional ablation"),
        ),
    ),
)  # fmt: skip


def the_truth(results: Results) -> Results:
    """Every edge has the effect that it truly has; erasing costs nothing."""
    return results.map(lambda card: card.assign(raw=0 * card.raw + 1))


INTERVENTIONS = Experiment(
    name="testbed/interventions",
    question="What do cut edges and erased features say, in superposition and out of it?",
    source="ours",
    sweeps=sweep_interventions,
    draw=partial(draw_row, PANELS, width=7.4),
    claims=partial(claims_of, PANELS),
    shows=(
        "Measured numbers as points, exact ones as lines. Left: edges of gates, and how well two techniques tell "
        "their true effects, over the density of the two inputs. Attribution misses both inputs of OR, 1 - ReLU(1 - "
        "a - b): where one of them does something, its slope is 0 or it carries nothing. Zero ablation is right "
        "where each value has a dimension. With a, b and the neuron of AND, ReLU(a + b - 1), at 120° from each other "
        "in a plane, the neuron never fires, and all that does something are two edges that are not there: what the "
        "output, which is to read the neuron, reads of a and b. Right: 12 features "
        "in tight frames of 12 to 2 dimensions. The share of the $R^2$ of a linear probe for the feature that is "
        "gone when it is erased, less the share that probes for the others lose: 1 - (n - m) / (m (n - 1)), for "
        "LEACE and for ablation along the mean difference, which is the same direction there."
    ),
    controls=(the_truth, a_twentieth_more),
)
