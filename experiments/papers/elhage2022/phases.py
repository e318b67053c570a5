"""Superposition as a phase change: the phase diagrams, the loss without biases, and other activations."""

from collections.abc import Mapping
from functools import partial

import jax
import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.elhage2022.phase_diagrams import SOURCE, extra_color, grid
from toymodels.analysis.phases import SUPERPOSED, classify
from toymodels.theory import phases as theory

# --- confused: the loss without biases, exactly ------------------------------------------------------------------

SETTINGS = ((0.3, 1.0), (0.5, 0.5), (0.9, 1.0))  # density and the extra feature's importance
CROSSING_DENSITIES = np.linspace(0.4, 0.8, 41)
TRAINED = "#ff7f2a"


def sweep_confused(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Models of two features in one dimension without biases: many of three settings, and the best at densities around
    the crossing. The valley around a² + c² = 1 is flat where features are sparse, hence the large batches."""
    model, task = tm.Autoencoder(2, 1, output_bias=False), tm.Task(tm.Independent(2), importance=np.ones(2))
    density, importance = zip(*SETTINGS, strict=True)
    ends = tm.Recipe(steps=2_000, batch_size=8_192, learning_rate=0.1)
    crossing = tm.Recipe(steps=500, batch_size=256, learning_rate=2e-2, evaluation_samples=2**17)
    together = {"setting": {"density": density, "importance[1]": importance}}
    along = {"density": CROSSING_DENSITIES}
    return {
        "ends": partial(tm.sweep, model, task, ends, over=together, seed=seed, restarts=64 if full else 12),
        "crossing": partial(tm.sweep, model, task, crossing, over=along, seed=seed, restarts=16),
    }


def draw_confused(results: Results) -> Figure:
    """The three loss surfaces with minima and trained models, and the losses of both minima against density."""
    side = np.linspace(-1.5, 1.5, 241)
    losses = [theory.unbiased_loss(side, side[:, None], importance, density) for density, importance in SETTINGS]
    limits = (float(np.min(losses)), float(np.max(losses)))
    figure = plt.figure(figsize=(9.3, 7.8), layout="constrained")
    *surfaces, curves = figure.subplots(2, 2).flat
    trained = results["ends"].W.values[:, :, 0]
    for ax, loss, W, (density, importance) in zip(surfaces, losses, trained, SETTINGS, strict=True):
        tm.plots.loss_surface(loss, side, side, limits=limits, ax=ax)
        minima = theory.unbiased_minima(importance, density)
        ax.plot(*np.concatenate([minima, -minima]).T, "o", color="white", markersize=10, fillstyle="none", mew=1.4)
        ax.plot(*W.T, "o", color=TRAINED, markersize=3.5, mew=0)
        ax.set_title(f"loss at S = {1 - density:.1f},  I = {importance:g}")
        bar = figure.colorbar(ax.collections[0], ax=ax, ticks=LogLocator(subs=(1, 2, 5)), aspect=30)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        bar.minorticks_off()
    surfaces[0].plot([], [], "o", color="0.4", markersize=10, fillstyle="none", mew=1.4, label="minimum of the formula")
    surfaces[0].plot([], [], "o", color=TRAINED, markersize=3.5, mew=0, label="trained model")
    _draw_crossing(curves, _best_weights(results))
    figure.legend(*surfaces[0].get_legend_handles_labels(), loc="outside lower left", ncols=2)
    return figure


def _draw_crossing(ax: Axes, trained: Float[np.ndarray, "k 2"]) -> None:
    density, confused, antipodal = CROSSING_DENSITIES, 0.5**0.5, theory.antipodal_length(CROSSING_DENSITIES)
    losses = theory.unbiased_loss(confused, confused, 1.0, density)
    ax.plot(density, losses, color="#9a4f96", label="confused minimum")
    losses = theory.unbiased_loss(antipodal, -antipodal, 1.0, density)
    ax.plot(density, losses, color=tm.plots.BLUE, label="antipodal minimum")
    losses = theory.unbiased_loss(trained[:, 0], trained[:, 1], 1.0, density)
    ax.plot(density, losses, ".", color=TRAINED, label="best trained model")
    ax.axvline(theory.crossing_density(), color="0.7", linewidth=0.8, zorder=0)
    ax.set(
        xlabel="density   [$\\,= 1 - S\\,$]",
        ylabel="loss, summed over features",
        title="losses at I = 1: the minima cross",
    )
    ax.legend()


def claims_confused(results: Results, full: bool) -> list[Claim]:
    """Trained models end in the formula's minima and nowhere else; which of them is the lower changes at one density,
    where the weights jump."""
    W = results["ends"].W.values[:, :, 0]
    minima = [theory.unbiased_minima(importance, density) for density, importance in SETTINGS]
    distances = [
        np.linalg.norm((np.sign(one[:, :1]) * one)[:, None] - two, axis=-1) for one, two in zip(W, minima, strict=True)
    ]
    confused = W[-1][W[-1].prod(-1) > 0.2]
    product = _best_weights(results).prod(-1)
    flips = np.flatnonzero((product[:-1] < 0) & (product[1:] > 0))
    crossing = CROSSING_DENSITIES[flips].mean() + 0.005 if len(flips) == 1 else np.nan
    return [
        *(
            at_most(
                f"S = {1 - density:.1f}, I = {importance:g}: largest distance of a trained (a, c) from a minimum",
                found.min(-1).max(),
                0.01,
            )
            for found, (density, importance) in zip(distances, SETTINGS, strict=True)
        ),
        at_least(
            "least number of models in either minimum, of the three settings",
            min(np.bincount(found.argmin(-1), minlength=2).min() for found in distances),
            1,
        ),
        at_most(
            "confused models at I = 1: largest difference of a or c from 1/√2",
            abs(abs(confused) - 0.5**0.5).max() if len(confused) else np.nan,
            0.01,
        ),
        at_most(
            "density at which the best trained model changes from antipodal to confused, from that of the formula",
            abs(crossing - theory.crossing_density()),
            0.01,
        ),
        at_least("jump of a·c between neighbouring densities there", np.diff(product).max(), 1.5),
    ]


def _best_weights(results: Results) -> Float[np.ndarray, "k 2"]:
    return results.best("crossing").W.values[:, 0]


def adjacent(results: Results) -> Results:
    """Pairs on the same side in place of opposite ones."""
    return changed(results, lambda one: abs(one.values))


CONFUSED = Experiment(
    name="elhage2022/confused",
    question="Which minima does the loss of two features in one dimension have without biases?",
    source=f"{SOURCE}, and McGrath's comment on it",
    section="McGrath's comment",
    sweeps=sweep_confused,
    draw=draw_confused,
    claims=claims_confused,
    shows="The exact loss of x' = ReLU(Wᵀ W x), W = (a, c), on one scale for the three settings, its minima as rings "
    "and trained models as dots. In the antipodal minimum a and c have opposite signs; in the confused one, of equal "
    "signs, the model is linear and keeps a mixture of both features. Last: the losses of both at importance 1, and of "
    "the best trained models.",
    differences=(
        "ours: the three settings of S and I, and the crossing; McGrath's comment has the formula and the minima",
        "ours: 12 models a setting (--full: 64), Adam 0.1 with warm-up and cosine decay, 2,000 steps of 8,192",
    ),
    controls=(adjacent,),
)

# --- activations: phase diagrams of other output activations -----------------------------------------------------

ACTIVATIONS = {
    "ReLU": jax.nn.relu,
    "GELU": jax.nn.gelu,
    "SoLU": tm.solu,
    "quadratic": tm.square,
    "identity": tm.identity,
}


def sweep_activations(full: bool, seed: int) -> Mapping[str, Sweep]:
    """The diagram of two features in one dimension with five output activations."""
    density, importance = grid(48 if full else 16)
    recipe = tm.Recipe(steps=600, batch_size=256, learning_rate=5e-2, evaluation_samples=2**15)
    task = tm.Task(tm.Independent(2), importance=np.ones(2))
    over = {"output_activation": list(ACTIVATIONS.values()), "density": density, "importance[1]": importance}
    return {"models": partial(tm.sweep, tm.Autoencoder(2, 1), task, recipe, over=over, seed=seed, restarts=6)}


def draw_activations(results: Results) -> Figure:
    """A phase diagram of the best restarts for each activation, with the share of the grid in superposition."""
    models = results.best()
    share = (classify(models.W.values)[..., -1] == SUPERPOSED).mean((-1, -2))
    figure = plt.figure(figsize=(9.3, 6.6), layout="constrained")
    *axes, key = figure.subplots(2, 3).flat
    for ax, name, W, area in zip(axes, ACTIVATIONS, models.W.values, share, strict=True):
        tm.plots.phase_diagram(extra_color(W), models["importance[1]"].values, models.density.values, ax=ax)
        ax.set_title(tm.plots.prose(f"{name}: {100 * area:.0f} % in superposition"))
        ax.set_ylabel(ax.get_ylabel() if ax.get_subplotspec().is_first_col() else "")
    tm.plots.phase_key(ax=key)
    return figure


def claims_activations(results: Results, full: bool) -> list[Claim]:
    """All but the linear model have a phase of superposition, of different size. A quadratic output does not tell
    positive from negative, and so a feature disturbs its partner also when it is on alone: the smallest importance at
    which it pays to superpose is not the smaller the sparser the features, as it is for the others."""
    classes = classify(results.best().W.values)[..., -1]
    area = dict(zip(ACTIVATIONS, (classes == SUPERPOSED).mean((-1, -2)), strict=True))
    sparsest = dict(zip(ACTIVATIONS, (classes[:, -1] == SUPERPOSED).mean(-1), strict=True))
    return [
        equal("identity: share of cells in which the extra feature is in superposition", area["identity"], 0),
        *(
            at_least(f"{name}: share of cells in superposition", area[name], 0.4)
            for name in ("ReLU", "GELU", "SoLU", "quadratic")
        ),
        at_least("ReLU's share less GELU's", area["ReLU"] - area["GELU"], 0.05, source="ours"),
        at_least("ReLU's share less that of a quadratic output", area["ReLU"] - area["quadratic"], 0.02, source="ours"),
        at_least(
            "sparsest features, ReLU: share of importances in superposition", sparsest["ReLU"], 0.98, source="ours"
        ),
        at_most(
            "sparsest features, quadratic: share of importances in superposition",
            sparsest["quadratic"],
            0.9,
            source="ours",
        ),
    ]


def relu_everywhere(results: Results) -> Results:
    """The ReLU models whatever the activation."""
    return changed(results, lambda one: np.broadcast_to(one.values[:1], one.shape))


def identity_everywhere(results: Results) -> Results:
    """The linear models whatever the activation."""
    return changed(results, lambda one: np.broadcast_to(one.values[-1:], one.shape))


ACTIVATIONS_DIAGRAMS = Experiment(
    name="elhage2022/activations",
    question="How does the phase diagram depend on the activation of the output?",
    source=f"{SOURCE}, and Redwood Research's comment on it",
    section="Redwood's comment",
    sweeps=sweep_activations,
    draw=draw_activations,
    claims=claims_activations,
    shows="As in `phase-2in1`, for five output activations: the best restart of each cell. White: the extra feature is "
    "not represented; orange: it has the dimension to itself; blue: it is in superposition.",
    differences=(
        "grid: 16 x 16 cells (--full: 48 x 48), the best of 6 restarts; the comment's settings are not known to us",
        "ours: SoLU is x softmax(x) over the two outputs, without a layer norm",
    ),
    controls=(relu_everywhere, identity_everywhere),
)
