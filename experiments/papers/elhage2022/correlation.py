"""Correlated and anticorrelated features: where a model puts features that are on together, or never together."""

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.elhage2022.collapse import SECTION, THREE_PAIRS
from experiments.papers.elhage2022.planar import degrees_from_even, oriented, partner_angles, side_by_side
from toymodels.analysis import geometry
from toymodels.arrays import gram, norms, ratio

TWO_PAIRS = ((0, 1), (2, 3))
TWO_TRIPLES = ((0, 1, 2), (3, 4, 5))


# --- correlated-small: pairs of features in two dimensions -------------------------------------------------------

MODELS = 5


class Kind(NamedTuple):
    """A row of the figure: the sets of features, the features, and how many restarts find the best arrangement."""

    sets: tuple[tuple[int, ...], ...]
    features: tm.Independent | tm.CorrelatedSets | tm.AnticorrelatedSets
    restarts: int


KINDS = {
    "two correlated pairs": Kind(TWO_PAIRS, tm.CorrelatedSets(TWO_PAIRS, 0.1), 32),
    "two anticorrelated pairs": Kind(TWO_PAIRS, tm.AnticorrelatedSets(TWO_PAIRS, 0.2), 32),
    "three correlated pairs": Kind(THREE_PAIRS, tm.CorrelatedSets(THREE_PAIRS, 0.03), 48),
    "two anticorrelated triples": Kind(TWO_TRIPLES, tm.AnticorrelatedSets(TWO_TRIPLES, 0.2), 160),
    "six independent features": Kind((), tm.Independent(6, 0.03), 64),
}


def sweep_small(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Five models of each kind, every one the best of many restarts."""
    recipe = tm.Recipe(2_000 if full else 1_000, 1_024 if full else 256, 3e-2, evaluation_samples=2**17)
    over = {"seed": range(MODELS * seed, MODELS * (seed + 1))}
    return {
        name: partial(
            tm.sweep,
            tm.Autoencoder(kind.features.n_features, 2),
            tm.Task(kind.features),
            recipe,
            over=over,
            restarts=kind.restarts * (2 if full else 1),
        )
        for name, kind in KINDS.items()
    }


def draw_small(results: Results) -> Figure:
    """A row per kind, a column per model; arrows are features, each set in its own colour."""
    figure, axes = plt.subplots(
        len(KINDS), MODELS + 1, figsize=(8.2, 7.8), width_ratios=[0.9] + [1] * MODELS, layout="constrained"
    )
    for row, (name, kind) in zip(axes, KINDS.items(), strict=True):
        density = 2 * kind.features.mean()[0]  # values that are on have the mean 1/2
        row[0].axis("off")
        row[0].text(0, 0.5, name.replace(" ", "\n") + f"\ndensity {density:.2g}", va="center", fontsize=9)
        for W, ax in zip(results.best(name).W.values, row[1:], strict=True):
            tm.plots.directions(oriented(W), sets=kind.sets, limit=1.45, ax=ax)
    for number, ax in enumerate(axes[0, 1:]):
        ax.set_title(f"model {number + 1}")
    return figure


def claims_small(results: Results, full: bool) -> list[Claim]:
    """The three sentences over the paper's panels, for the worst of the five models, and two of ours.

    Three anticorrelated pairs are not among them: hexagons whose three pairs are all opposite, and those with only one
    opposite pair and two at 120 degrees, have losses that differ by less than .3 %. Triples tell them apart.

    The paper notes that models will not embed six independent features as a hexagon. Most restarts do not: about one in
    eight does, and the others stay in minima with higher losses. But at densities of .05 and below the hexagon is the
    best that they find: at .05 its loss, as a sum over features, is .0233, and that of a pentagon and a dropped feature
    .0249. At .1 and above the pentagon is better.
    """
    W = {name: results.best(name).W.values for name in KINDS}
    two, opposite, three, triples, independent = W.values()
    crowded = partner_angles(three)
    return [
        at_most("two correlated pairs: largest |cos| between partners", abs(_partner_cosines(two)).max(), 0.1),
        equal("two correlated pairs: least number of features represented", _least(two), 4),
        at_most("two anticorrelated pairs: largest cos between partners", _partner_cosines(opposite).max(), -0.95),
        equal("two anticorrelated pairs: least number of features represented", _least(opposite), 4),
        equal(
            "three correlated pairs: partners with no other feature between them, of 15",
            sum(side_by_side(one) for one in three),
            15,
        ),
        at_least("three correlated pairs: least angle between partners", crowded.min(), 50),
        at_most("three correlated pairs: largest angle between partners", crowded.max(), 70),
        at_most("three correlated pairs: degrees from a regular hexagon", degrees_from_even(three), 10),
        at_most("two anticorrelated triples: degrees from triangles", _from_triangles(triples), 10, source="ours"),
        at_most(
            "six independent features: degrees from a regular hexagon",
            degrees_from_even(independent),
            10,
            source="ours",
        ),
    ]


def _partner_cosines(W: Float[np.ndarray, "k 2 n"]) -> Float[np.ndarray, "k pairs"]:
    return np.cos(np.radians(partner_angles(W)))


def _least(W: Float[np.ndarray, "k m n"]) -> int:
    return int(geometry.n_represented(W).min())


def _from_triangles(W: Float[np.ndarray, "k 2 6"]) -> float:
    """The largest difference in degrees between 120 and the angle from one member of a triple to the next."""
    return max(degrees_from_even(W[..., list(members)]) for members in TWO_TRIPLES)


CORRELATED_SMALL = Experiment(
    name="elhage2022/correlated-small",
    question="Where do two dimensions hold features that are always, or never, on together?",
    source=f'{SECTION}, the three figures of "Organization of Correlated and Anticorrelated Features"',
    section=SECTION,
    sweeps=sweep_small,
    draw=draw_small,
    claims=claims_small,
    shows="Columns of W as arrows, a row per kind of features and a column per trained model. Features of one set have "
    "one colour: the first ends in a dot, the others in rings. Models are turned so that feature 0 points up, and "
    "flipped. Correlated partners are orthogonal, or side by side where three pairs leave no room for that; "
    "anticorrelated ones are opposite, or in a triangle; independent ones, of no set, are grey. Density is that of a "
    "feature.",
    differences=(
        "ours: densities .1, .1 and .03, paper: not said",
        "ours: each model the best of 32 or 48 restarts (64 or 96 with --full), paper: several models, of which one of "
        "three correlated pairs has collapsed",
        "ours: also two anticorrelated triples (.067, best of 160) and six independent features (.03, best of 64)",
        "six independent features, ours: a hexagon at density .03, found by one restart in eight and better than what "
        "the others find; paper: models will not embed them as a hexagon",
        "ours: Adam 3e-2 with warm-up and cosine decay, 1,000 steps of 256 (--full: 2,000 of 1,024), paper: not said",
    ),
    vector=True,
)

# --- local-bases: two sets of ten features in ten dimensions -----------------------------------------------------

SET_SIZE = 10
TWO_SETS = (tuple(range(SET_SIZE)), tuple(range(SET_SIZE, 2 * SET_SIZE)))
IN_SAME_SET = np.kron(np.eye(2), np.ones((SET_SIZE, SET_SIZE))) > 0


def sweep_local_bases(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Two sets of correlated features, and as many independent ones that are on as often."""
    n = 2 * SET_SIZE
    recipe = tm.Recipe(10_000, 1_024, 3e-3) if full else tm.Recipe(2_000, 256, 1e-2)
    kinds = {"correlated": tm.CorrelatedSets(TWO_SETS), "independent": tm.Independent(n)}
    return {
        name: partial(
            tm.sweep,
            tm.Autoencoder(n, SET_SIZE),
            tm.Task(features),
            recipe,
            over={"density": [0.02]},
            seed=seed,
            restarts=16 if full else 8,
        )
        for name, features in kinds.items()
    }


def draw_local_bases(results: Results) -> Figure:
    """WᵀW of both models with the sets framed, and the key of colours."""
    figure, axes = plt.subplots(1, 2, figsize=(8.2, 3.7), layout="constrained")
    titles = {"correlated": "two sets of ten correlated features", "independent": "twenty independent features"}
    models = {name: results.best(name).isel(density=0) for name in titles}
    limit = max(tm.plots.common_scales(model.W.values, model.b.values).weight for model in models.values())
    for ax, (name, title) in zip(axes, titles.items(), strict=True):
        tm.plots.weight_matrix(models[name].W.values, models[name].b.values, limit=limit, ax=ax)
        ax.set_title(title)
    for number, members in enumerate(TWO_SETS):
        color = tm.plots.SET_COLORS[number]
        side = len(members)
        axes[0].add_patch(
            Rectangle((members[0], members[0]), side, side, fill=False, edgecolor=color, linewidth=2, clip_on=False)
        )
        axes[0].text(
            -0.5, members[0] + side / 2, f"set {number + 1}", color=color, rotation=90, va="center", ha="right"
        )
    figure.colorbar(tm.plots.weight_key(limit), ax=axes, label=tm.plots.WEIGHTS, shrink=0.85)
    return figure


def claims_local_bases(results: Results, full: bool) -> list[Claim]:
    """Each set is an almost orthogonal basis of all ten dimensions, though the model as a whole is in superposition."""
    correlated, independent = (results.best(name).W.values[0] for name in ("correlated", "independent"))
    within, across = _cosines(correlated)
    return [
        at_most("correlated: mean |cos| within a set over that across sets", within.mean() / across.mean(), 0.5),
        at_most("correlated: largest |cos| within a set", within.max(), 0.15),
        equal("correlated: features represented in ten dimensions", geometry.n_represented(correlated), 20),
        equal("correlated: features in superposition", geometry.in_superposition(correlated).sum(), 20),
        at_least(
            "independent: largest |cos| within the same tens", _cosines(independent)[0].max(), 0.95, source="ours"
        ),
    ]


def _cosines(W: Float[np.ndarray, "m 20"]) -> tuple[Float[np.ndarray, " within"], Float[np.ndarray, " across"]]:
    """|cos| of all pairs of features within a set, and of those across the two sets."""
    lengths = norms(W)
    cosines = ratio(abs(gram(W)), np.outer(lengths, lengths), np.nan)
    other = ~np.eye(len(cosines), dtype=bool)
    return cosines[IN_SAME_SET & other], cosines[~IN_SAME_SET]


def only_one_set(results: Results) -> Results:
    """The second set is dropped, and the first has all ten dimensions to itself."""
    W = np.eye(SET_SIZE, 2 * SET_SIZE)
    return changed(results, lambda one: np.broadcast_to(W, one.shape) if one.name == "W" else one.values)


LOCAL_BASES = Experiment(
    name="elhage2022/local-bases",
    question="How does a larger model arrange two sets of correlated features?",
    source=f'{SECTION}, figure of "Local Almost-Orthogonal Bases"',
    section=f"{SECTION}, Local Almost-Orthogonal Bases",
    sweeps=sweep_local_bases,
    draw=draw_local_bases,
    claims=claims_local_bases,
    shows="WᵀW of a model with m = 10: blue negative, white 0, red positive, and the bias beside it. Left, features "
    "0-9 are one correlated set and 10-19 the other: within each set (framed) the features are orthogonal, and all "
    "overlap is with the other set. Right, independent features that are on as often form antipodal pairs, whatever "
    "their numbers.",
    differences=(
        "ours: density 0.02, paper: not said",
        "ours: best of 8 restarts (16 with --full), paper: not said",
        "ours: also a model of independent features",
    ),
    controls=(only_one_set,),
)
