"""The second poster: techniques that say what edges, neurons and features do, on circuits whose every edge is known."""

from collections.abc import Mapping
from functools import partial

import jax
import xarray as xr
from jaxtyping import PRNGKeyArray
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from toymodels import cases
from toymodels.techniques import attribution, circuits, edges, patching

SAMPLES = 512
CONTROLS = ("random edges", "random neurons")


def random_edges(graph: cases.Switches, key: PRNGKeyArray) -> tm.techniques.Effects:
    """A control: each edge does as much as chance says."""
    return tm.techniques.Effects(jax.random.uniform(key, (len(graph),)))


def random_vertices(graph: cases.Switches, key: PRNGKeyArray) -> tm.techniques.VertexEffects:
    """A control: so does each feature and neuron."""
    return tm.techniques.VertexEffects(jax.random.uniform(key, (graph.n_held,)))


def groups() -> Mapping[str, Mapping[str, tm.techniques.Technique]]:
    """All techniques in the order of the poster's rows, by what they say."""
    return {
        "edges": {
            "zero ablation": edges.zero_ablation,
            "mean ablation": edges.mean_ablation,
            "resample ablation": edges.resample_ablation,
            "attribution": edges.attribution,
            "resample attribution": edges.resample_attribution,
            "integrated, 8 steps": edges.IntegratedAttribution(8),
        },
        "searches": {"ACDC": circuits.ACDC(), "edge mask": circuits.EdgeMask(steps=200)},
        "patches": {
            "noising": patching.noising,
            "denoising": patching.denoising,
            "path patching": patching.path_patching,
            "noising, linearised": patching.noising_attribution,
            "denoising, linearised": patching.denoising_attribution,
        },
        "attributions": attribution.ATTRIBUTIONS,
        "controls": {"random edges": random_edges, "random neurons": random_vertices},
    }


def techniques() -> Mapping[str, tm.techniques.Technique]:
    """All techniques in the order of the poster's rows."""
    return {name: technique for group in groups().values() for name, technique in group.items()}


def sweep_edges_poster(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Absolute values, each value in a dimension of its own and in four, and a pentagon."""
    tried = {
        "absolute values": cases.compress(cases.absolute_value(2, 0.5), 6).over(n_hidden=[6, 4]),
        "pentagon": cases.polygon(5),
    }
    count = 16 if full else 4
    seeds = range(count * seed, count * (seed + 1))
    return {"card": partial(tm.techniques.score, techniques(), tried, seed=seeds, samples=SAMPLES, progress=False)}


def draw_edges_poster(results: Results) -> Figure:
    """The score card as colours and numbers."""
    together = {name: list(group) for name, group in groups().items()}
    return tm.techniques.poster(results["card"], groups=together).figure  # type: ignore[return-value]


def claims_edges_poster(results: Results, full: bool) -> list[Claim]:
    """Right where nothing is shared, wrong in superposition, and what a derivative does not see."""
    card = results["card"]
    scores = card.score.mean("seed")
    apart, shared = (scores.sel(case="absolute values").isel(level=level) for level in (0, 1))
    pentagon = scores.sel(case="pentagon").isel(level=0)
    ablations, patches = ["zero ablation", "mean ablation", "resample ablation", "ACDC"], ["noising", "denoising"]
    return [
        at_least("least score of ablations and patches, a dimension for each value",
                 apart.sel(technique=ablations + patches).min(), 0.95),
        at_most("largest score of ablations, six values in four dimensions",
                shared.sel(technique=ablations).max(), 0.3),
        at_least("least score of patches there", shared.sel(technique=patches).min(), 0.9),
        at_most("mean score of random ones, which is 0 by chance",
                abs(scores.sel(technique=list(CONTROLS)).mean()), 0.15),
        at_most("score of denoising, linearised, where all neurons are off at 0",
                apart.sel(technique="denoising, linearised"), 0.1),
        at_least("by how much integrated gradients are nearer than one gradient in a pentagon",
                 pentagon.sel(technique="integrated gradients") - pentagon.sel(technique="gradient × input"), 0.05),
        at_most("passes of zero ablation: distance from one for each of the 20 edges, and one",
                abs(_passes(card, "zero ablation") - 21), 0),
    ]  # fmt: skip


def _passes(card: xr.Dataset, technique: str) -> float:
    return float(card.passes.sel(technique=technique, case="absolute values").isel(level=0, seed=0))


EDGES_POSTER = Experiment(
    name="testbed/edges_poster",
    question="Which techniques tell what edges, neurons and features do, and at what cost?",
    source="ours",
    sweeps=sweep_edges_poster,
    draw=draw_edges_poster,
    claims=claims_edges_poster,
    shows=(
        "The second poster: the score of techniques on edges, neurons and attributions (rows) on models whose every "
        "edge is known (columns): 1 is the truth, 0 is chance. Beside it stands what each sees, and at most how "
        "often it runs the model per sample, with gradients (∇) apart. Absolute values of two features of both "
        "signs, by four neurons: with a dimension for each of the six values all are right but what linearises at "
        "0, where every neuron is off. In four dimensions, what is cut is what a target reads of all values that "
        "share its directions, and no ablation of single edges finds the circuit; patches of whole neurons do, "
        "unless only their direct paths to the outputs count. The edge mask learns many edges together, and finds "
        "more. Attributions are the same for any circuit of one neuron per sign. In a pentagon as it is trained at "
        "a density of .05 the bias is a kink: what looks at one slope errs, and what integrates errs less. Truths "
        "are the effects where nothing shares a dimension, and the Shapley values. Four seeds of 512 samples; the "
        "last two rows are controls."
    ),
)
