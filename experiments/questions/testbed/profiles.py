"""What the best examples, a word and a picture tell of a neuron that has several features, beside exact numbers."""

from collections.abc import Callable, Mapping
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Float

import toymodels as tm
from experiments.harness.experiment import Experiment, Results, Sweep
from experiments.questions.testbed.curves import Curve, Panel, a_twentieth_more, claims_of, draw_row, mean
from experiments.questions.testbed.units import Weights
from toymodels import cases
from toymodels.techniques.units import FeatureVisualisation, NeuronModel, l1_ball

R = np.array([0.15, 0.3, 0.45, 0.6, 0.75])
SAMPLES = 2**19  # the standard error of the least share of examples, .125, is .5 % of it, over four seeds
WORD, BOX, BALL = "one word", "box", "L1 ball"


def neuron(n_features: int) -> cases.Case:
    """The neuron ReLU(x₁ + r x₂ + r x₃ + ...), at a density of .1."""
    model = tm.Autoencoder(n_features, 1, hidden_activation=jax.nn.relu, initializer=Weights())
    return cases.Case(model, tm.Task(tm.Independent(n_features, 0.1))).over(r=list(R))


def sweep_profiles(full: bool, seed: int) -> Mapping[str, Sweep]:
    """A neuron for two features and one for three, with more and more weight for all but the first."""
    seeds = range(4 * seed, 4 * seed + 4)
    pair, three = neuron(2), neuron(3)
    recipe = tm.Recipe(steps=0, batch_size=SAMPLES, evaluation_samples=SAMPLES)
    seen = {BOX: FeatureVisualisation(), BALL: FeatureVisualisation(l1_ball)}
    scored = partial(tm.techniques.score, seed=seeds, progress=False)
    return {
        "examples": partial(
            tm.sweep, pair.model, pair.task, recipe, over={"r": R, "seed": seeds}, metrics={"alone": alone},
            params=False, progress=False,
        ),
        "word": partial(scored, {WORD: NeuronModel(1)}, {"pair": pair}, samples=2**17),
        "pictures": partial(scored, seen, {"three": three}, samples=1_024),
    }  # fmt: skip


def alone(hidden: Float[Array, "1 samples"], x: Float[Array, "2 samples"]) -> Float[Array, ""]:
    """Of the samples in which one feature is on, the share of those that are above all in which the second one is."""
    one = (x != 0).sum(0) == 1
    second = jnp.where(one & (x[1] != 0), hidden[0], 0).max()
    return (one & (hidden[0] > second)).sum() / one.sum()


def _of(name: str, technique: str) -> Callable[[xr.Dataset], np.ndarray]:
    return lambda card: card[name].sel(technique=technique).mean(("case", "seed")).values


PANELS = (
    Panel(
        "Best examples",
        "weight r of the second feature",
        "share of the active samples",
        (0.0, 1.0),
        (Curve("share of the active samples, from the top, that have the first feature only", "examples",
               mean("alone"), R, lambda r: (1 - r) / 2),),
    ),
    Panel(
        "A word: the first feature",
        "weight r of the second feature",
        "$R^2$, cosine",
        (0.0, 1.0),
        (
            Curve("one word: $R^2$ on samples that were held out", "word", _of("r_squared", WORD), R,
                  lambda r: 1 / (1 + r**2), "$R^2$"),
            Curve("one word: cosine with the weights", "word", _of("raw", WORD), R, lambda r: (1 + r**2) ** -0.5,
                  "cosine"),
        ),
    ),
    Panel(
        "A picture",
        "weight r of two other features",
        "cosine",
        (0.0, 1.0),
        (
            Curve("visualisation in a box: cosine with the weights", "pictures", _of("raw", BOX), R,
                  lambda r: (1 + 2 * r) / np.sqrt(3 * (1 + 2 * r**2)), BOX),
            Curve("visualisation in an L1 ball: cosine with the weights", "pictures", _of("raw", BALL), R,
                  lambda r: (1 + 2 * r**2) ** -0.5, BALL),
        ),
    ),
)  # fmt: skip


def the_truth(results: Results) -> Results:
    """Each unit is known exactly, and has one feature."""
    return results.map(lambda one: 0 * one + 1)


PROFILES = Experiment(
    name="testbed/profiles",
    question="What do best examples, a word and a picture tell of a neuron, and what do they leave out?",
    source="ours",
    sweeps=sweep_profiles,
    draw=partial(draw_row, PANELS, width=9.3),
    claims=partial(claims_of, PANELS),
    shows=(
        "Measured numbers as points, exact ones as lines, at a density of .1. Left: the neuron $x_1 + r x_2$. Of the "
        "samples in which one feature is on, sorted by the neuron, the top (1 - r)/2 have the first only, though each "
        "feature is on in half of them. Middle: the best linear explanation of the same neuron that names one feature "
        "has an $R^2$ of 1 / (1 + r²) on samples that were held out, and a cosine of the square root of that with the "
        "true weights. Right: the neuron $x_1 + r x_2 + r x_3$. What drives it most among values from 0 to 1 is all "
        "three at 1, whatever r is; where absolute values sum to 1 it is the first alone."
    ),
    controls=(the_truth, a_twentieth_more),
)
