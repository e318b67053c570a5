"""What features are said to contribute to an output, where two of them meet in the kink of a ReLU."""

from collections.abc import Mapping
from functools import partial

import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from flax import nnx
from jaxtyping import Array, Float, PRNGKeyArray
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.questions.testbed.curves import Curve, Panel, a_twentieth_more, claims_of, draw_panel
from toymodels import cases
from toymodels.models.modules import param_state
from toymodels.techniques.attribution import ATTRIBUTIONS, IntegratedGradients, Lime
from toymodels.training.engine.ask import asked

N = 6
HIDDEN = (6, 4, 3, 2)
OWN = 0.9
VALUES = np.arange(1, 11) / 10
TECHNIQUES: Mapping[str, tm.techniques.Technique] = {
    **ATTRIBUTIONS,
    "integrated gradients": IntegratedGradients(1_000),
    "LIME": Lime(20_000),
}
NAMES = list(TECHNIQUES)


def sweep_attribution(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Two neighbours of a pentagon, and tight frames of more and more features per dimension, with a bias."""
    seeds = range(4 * seed, 4 * seed + 4)
    frames = cases.Case(
        tm.Autoencoder(N, N, initializer=cases.frames.tight, initial_output_bias=-0.2), tm.Task(tm.Independent(N, 0.3))
    )
    pentagon = cases.polygon(5)
    return {
        "pentagon": partial(
            tm.sweep,
            pentagon.model,
            pentagon.task,
            tm.Recipe(steps=0, evaluation_samples=2),
            over={"seed": seeds},
            metrics={"neighbour": neighbour, "whole": whole},
            params=False,
            progress=False,
        ),
        "frames": partial(
            tm.techniques.score,
            ATTRIBUTIONS,
            {"frame": frames.over(n_hidden=HIDDEN)},
            seed=seeds,
            samples=2_048 if full else 512,
            progress=False,
        ),
    }


def neighbour(module: nnx.Module, key: PRNGKeyArray) -> Float[Array, "techniques values"]:
    """What each technique gives to a neighbour, of any value, of a feature that is on, in the output of that."""
    return _told(module, key)[:, 1]


def whole(module: nnx.Module, key: PRNGKeyArray) -> Float[Array, "techniques values"]:
    """What it gives to all features, in parts of what the output is more than at 0."""
    x = _samples()
    return _told(module, key).sum(1) / (module(x) - module(0 * x))[:1]


def _told(module: nnx.Module, key: PRNGKeyArray) -> Float[Array, "techniques n values"]:
    """The attributions to all features, in the output of the first."""
    seen = {"model": module, "x": _samples(), "key": key}
    return jnp.stack([asked(technique, seen).values[0] for technique in TECHNIQUES.values()])


def _samples() -> Float[Array, "5 values"]:
    """The first feature at the same value, and the second, its neighbour, at all."""
    return jnp.zeros((5, len(VALUES))).at[0].set(OWN).at[1].set(VALUES)


def _exact() -> Mapping[str, tuple[partial[np.ndarray], partial[np.ndarray]]]:
    """What each technique gives to the neighbour, and to all, in parts of f, as functions of the neighbour's value."""
    return {name: (partial(_of_neighbour, name), partial(_of_all, name)) for name in NAMES}


def _parts(value: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """What the feature and its neighbour add to the pre-activation, and what the bias takes."""
    params = param_state(cases.polygon(5).module())
    W, b = (np.asarray(params[name], float) for name in ("W", "b"))
    own, other = W[:, 0] @ W[:, :2]
    return OWN * own + 0 * value, other * value, float(-b[0])


def _of_neighbour(name: str, value: np.ndarray) -> np.ndarray:
    c1, c2, b = _parts(value)
    alone = np.maximum(c2 - b, 0)  # the output of a neighbour that is on alone
    q = _q()
    return {
        "gradient × input": c2,
        "integrated gradients": c2 * (1 - b / (c1 + c2)),
        "occlusion": c2,
        "LIME": q * c2 + (1 - q) * alone,
        "Shapley values": (c2 + alone) / 2,
    }[name]


def _of_all(name: str, value: np.ndarray) -> np.ndarray:
    c1, c2, b = _parts(value)
    f = c1 + c2 - b
    twice = np.minimum(c2, b)  # what both lose when taken out one by one exceeds f by this
    return {
        "gradient × input": (c1 + c2) / f,
        "integrated gradients": f / f,
        "occlusion": 1 + twice / f,
        "LIME": 1 + (2 * _q() - 1) * twice / f,
        "Shapley values": f / f,
    }[name]


def _q() -> float:
    """How often a feature is there, in coalitions that are weighted by LIME's kernel."""
    return 1 / (1 + np.exp(-1 / (Lime().width ** 2 * 5)))


def _panel(title: str, ylabel: str, metric: str, which: int, sentence: str) -> Panel:
    def measured(name: str, one: xr.Dataset) -> np.ndarray:
        return one[metric].transpose("seed", ...).values[:, NAMES.index(name)].mean(0)

    curves = tuple(
        Curve(f"{name}: {sentence}", "pentagon", partial(measured, name), VALUES, exact[which], name)
        for name, exact in _exact().items()
    )
    return Panel(title, "value of the neighbour", ylabel, (0.0, 1.05), curves)


PANELS = (
    _panel("Given to a neighbour", "attribution", "neighbour", 0, "what a neighbour in a pentagon is given"),
    _panel("Given to all", "sum over features / change of output", "whole", 1, "what all features of it are given"),
)


def draw_attribution(results: Results) -> Figure:
    """Exact lines and points in a pentagon; scores over features per dimension."""
    figure, axes = plt.subplots(1, 3, figsize=(9.3, 3.6), layout="constrained")
    for ax, panel in zip(axes, PANELS, strict=False):
        draw_panel(ax, panel, results)
        ax.get_legend().remove()
    card = results["frames"].sel(case="frame")
    for color, name in zip(tm.plots.SET_COLORS, card.technique.values, strict=False):
        score = card.score.sel(technique=name)
        axes[2].plot(card.features_per_dimension, score.mean("seed"), "o-", color=color, markersize=4, label=name)
    axes[2].set(title="Against Shapley values", xlabel="features per dimension", ylabel="score")
    figure.legend(*axes[2].get_legend_handles_labels(), loc="outside lower center", ncols=5, fontsize=8)
    return figure


def claims_attribution(results: Results, full: bool) -> list[Claim]:
    """Exact numbers in a pentagon; who is right where nothing is shared, and who is not elsewhere."""
    score = results["frames"].score.sel(case="frame").mean("seed")
    others = ["integrated gradients", "occlusion", "LIME", "Shapley values"]
    complete = results["frames"].completeness.sel(case="frame").mean("seed")
    return [
        *claims_of(PANELS, results, full),
        at_least("least score of what counts the bias, one dimension each", score.sel(technique=others)[:, 0].min(),
                 0.98),
        at_most("largest score of gradient × input", score.sel(technique="gradient × input").max(), 0.95),
        at_least("least score of Shapley values", score.sel(technique="Shapley values").min(), 0.9999),
        at_most("score of integrated gradients at three features per dimension",
                score.sel(technique="integrated gradients")[-1], 0.98),
        at_least("their completeness there", complete.sel(technique="integrated gradients")[-1], 0.98),
        at_least("by how much LIME is nearer there", score.sel(technique="LIME")[-1]
                 - score.sel(technique="integrated gradients")[-1], 0.02),
    ]  # fmt: skip


def all_the_same(results: Results) -> Results:
    """Each technique says what the Shapley values are."""
    frames = results["frames"]
    one = frames.isel(technique=[-1] * frames.sizes["technique"])
    return Results(
        {
            **results,
            "frames": frames.assign({name: (each.dims, each.values) for name, each in one.data_vars.items()}),
        }
    )


ATTRIBUTION = Experiment(
    name="testbed/attribution",
    question="What do two features that meet in a kink contribute to an output, and who says so?",
    source="ours",
    sweeps=sweep_attribution,
    draw=draw_attribution,
    claims=claims_attribution,
    shows=(
        "Left and middle: a pentagon as it is trained at a density of .05. A feature is on at .9, its neighbour at the "
        "value on the horizontal axis. In the output of the first, they add $c_1$ and $c_2$ before a bias -b. "
        "Measured numbers as points, exact ones as lines. What the neighbour is given is $c_2$ by gradient × input and "
        "by occlusion, $c_2 (1 - b / (c_1 + c_2))$ by integrated gradients, half of it and of what it does alone, "
        "$(c_2 + ReLU(c_2 - b)) / 2$, by Shapley values, and by LIME the same with weights q = .588 and 1 - q. All "
        "features together should be given what the output is more than at 0, which is 1. Gradient × input gives b "
        "more. Integrated gradients and Shapley values are both complete, and differ. Right: the score, 1 for the "
        "Shapley values, of techniques on 6 features in tight frames with a bias of -.2, at a density of .3."
    ),
    controls=(a_twentieth_more, all_the_same),
)
