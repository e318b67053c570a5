"""The poster: every technique on every case, at every level of superposition."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels import cases
from toymodels.techniques import (
    baselines,
    edits,
    probes,
    steering,
    units,
)
from toymodels.techniques.dictionaries import dictionaries

N = 12
SAMPLES = 4_096
PAIRS = tuple((2 * pair, 2 * pair + 1) for pair in range(4))
CONTROLS: Mapping[str, tm.techniques.Technique] = {
    "random directions": baselines.RandomDirections(24),
    "shuffled labels": probes.shuffled_probe,
}


def groups(full: bool) -> Mapping[str, Mapping[str, tm.techniques.Technique]]:
    """All techniques in the order of the poster's rows, by what they say."""
    return {
        "with labels": {
            "linear probe": probes.linear_probe,
            "1-sparse probe": probes.SparseProbe(1),
            "2-sparse probe": probes.SparseProbe(2),
            "probe's direction": probes.probe_direction,
            "logistic probe": baselines.LOGISTIC_PROBE,
            "mean difference": probes.mean_difference,
        },
        "the model's own": {"own direction": probes.own_direction, "model's outputs": probes.read_out},
        "dictionaries": dictionaries(n_units=24, k=2, strength=0.03, steps=10_000 if full else 2_000),
        "classical": baselines.CLASSICAL,
        "numbers": {"participation ratio": probes.participation},
        "edits": {
            "LEACE": edits.erasure,
            "LEACE of labels": edits.label_erasure,
            "directional ablation": edits.directional_ablation,
            "null-space projection": edits.NullspaceProjection(),
        },
        "steering": {
            "steering, mean": steering.ActivationAddition(),
            "steering, probe": steering.ActivationAddition(probes.probe_direction),
        },
        "units": units.UNITS,
        "controls": CONTROLS,
    }


def techniques(full: bool) -> Mapping[str, tm.techniques.Technique]:
    """All techniques in the order of the poster's rows."""
    return {name: technique for group in groups(full).values() for name, technique in group.items()}


def sweep_poster(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Tight frames, trained models, antipodal pairs, features on in pairs, rarer and rarer ones, and a circuit's."""
    pairs = cases.Case(tm.Autoencoder(8, 8, initializer=cases.frames.axes), tm.Task(tm.CorrelatedSets(PAIRS, 0.1)))
    tried = {
        "tight frame": cases.tight_frame(N, N, 0.1).over(n_hidden=[12, 6, 3]),
        "trained": cases.trained(N, 6).over(density=[0.3, 0.1, 0.03]),
        "digons": cases.digons(N, 0.1),
        "pairs": pairs.over(correlation=[0.0, 0.5, 1.0]),
        "unequal": cases.dedicated(8, tm.geometric(8, 0.75, largest=0.4)),
        "absolute values": cases.compress(cases.absolute_value(4), 12).over(n_hidden=[12, 6]),
    }
    seeds = range(8 * seed, 8 * seed + 8) if full else range(2 * seed, 2 * seed + 2)
    return {"card": partial(tm.techniques.score, techniques(full), tried, seed=seeds, samples=SAMPLES, progress=False)}


def draw_poster(results: Results) -> Figure:
    """The score card as colours and numbers."""
    together = {name: list(group) for name, group in groups(False).items()}
    return tm.techniques.poster(results["card"], groups=together).figure  # type: ignore[return-value]


def claims_poster(results: Results, full: bool) -> list[Claim]:
    """Every technique is right somewhere, controls nowhere, and superposition costs."""
    card = results["card"]
    scores = card.score.mean("seed")
    tried = scores.sel(technique=[name for name in card.technique.values if name not in CONTROLS])
    best = tried.max(("case", "level"))
    no_labels = ["PCA", "ICA", "dictionary learning", "L1", "TopK", "BatchTopK", "Matryoshka", "JumpReLU", "Gated"]
    tight = scores.sel(case="tight frame", technique=no_labels)
    random = scores.sel(technique="random directions")
    return [
        at_least("least of the techniques' best scores", best.min(), 0.95),
        at_most("mean score of random directions, which is 0 by chance", abs(random.mean()), 0.1),
        at_most("score of a probe for shuffled labels", _first(scores, "shuffled labels"), 0.1),
        at_most(
            "a linear probe in four features per dimension: distance of its R² from 1/4",
            abs(card.raw.sel(technique="linear probe", case="tight frame").isel(level=2).mean("seed") - 0.25),
            0.005,
        ),
        at_most(
            "a mean difference where pairs are always on together: distance of its cosine from $1/\\sqrt{2}$",
            abs(card.raw.sel(technique="mean difference", case="pairs").isel(level=2).mean("seed") - 0.5**0.5),
            0.014,
        ),
        at_least(
            "techniques without labels: those that are worse in four features per dimension than in one",
            (tight.isel(level=2) < tight.isel(level=0)).sum(),
            8,
        ),
        at_most(
            "a probe's direction where neurons have the value too: distance of its cosine from $\\sqrt{2/3}$",
            abs(_circuit(card, "probe's direction") - (2 / 3) ** 0.5),
            0.005,
        ),
        at_most(
            "a mean difference of values of both signs in a circuit: |cosine|",
            abs(_circuit(card, "mean difference")),
            0.1,
        ),
        at_most("cases of negative activations to which NMF applies", _applied(card, "NMF"), 0),
    ]


def _first(scores: xr.DataArray, technique: str) -> float:
    """The score in the first case, in no superposition."""
    return float(scores.sel(technique=technique).isel(case=0, level=0))


def _circuit(card: xr.Dataset, technique: str) -> float:
    """The raw score on a circuit, in no superposition."""
    return float(card.raw.sel(technique=technique, case="absolute values").isel(level=0).mean("seed"))


def _applied(card: xr.Dataset, technique: str) -> int:
    """To how many levels of digons and of frames in superposition a technique applied."""
    signed = card.applicable.sel(technique=technique, case=["tight frame", "digons"]) == 1
    there = np.isfinite(card.n_features.sel(case=["tight frame", "digons"])) & (
        card.features_per_dimension.sel(case=["tight frame", "digons"]) > 1
    )
    return int((signed & there).sum())


POSTER = Experiment(
    name="testbed/poster",
    question="Which techniques tell the truth about a model, and when?",
    source="ours",
    sweeps=sweep_poster,
    draw=draw_poster,
    claims=claims_poster,
    shows=(
        "The score of each technique (rows) on models whose features are known (columns): 1 is the truth, 0 is "
        "chance, measured for each. Techniques on edges, neurons "
        "and attributions have a poster of their own. Directions are matched with the true ones, one to one, by their "
        "signed cosines; values are scored by R². In tight frames 12 features share 12, 6 and 3 dimensions; trained "
        "models have 12 in 6, at three densities; digons are antipodal pairs; pairs of features, each in a dimension "
        "of its own, are on together more and more often; unequal features have dimensions of their own, and "
        "densities from .4 to .05. Last a circuit: |x| of 4 features of both signs, by 8 neurons, all of whose values "
        "share 12 and 6 dimensions. A neuron is on whenever its feature is, and dictionaries take the two for one "
        "direction. There x = ReLU(x) - ReLU(-x), so that h and x are the same for many directions of x: where a "
        "corner is cut, the truth cannot be known from what a technique sees, and in 12 dimensions a probe's "
        "direction is as good as can be. The mean of a feature of both signs is 0, and so is its mean difference; and "
        "the outputs do not tell the sign. Hatched: not applicable. The last two rows are controls. Dictionaries have "
        "24 units, 2,000 steps and one setting for all cases: k = 2 for TopK and matching pursuit, 1 for BatchTopK "
        "and Matryoshka; penalties of .03, and of .003 for JumpReLU. Those from BatchTopK to Gated were chosen among "
        "3 to 6 settings of each, on models of 16 features with dictionaries of 32 units, by the mean score on tight "
        "frames, trained models and pairs, two levels of each, with a seed that is not shown here."
    ),
)
