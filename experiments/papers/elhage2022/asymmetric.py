"""The asymmetric superposition motif: unequal input weights, reciprocal output weights, and a neuron that inhibits."""

from collections.abc import Iterable, Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.elhage2022.computation import DECAY, SECTION, absolute_values, rescaled
from toymodels.analysis.motifs import AsymmetricMotif, asymmetric_motifs

N, M = 3, 4
SOURCE = f"{SECTION}, The Asymmetric Superposition Motif"
SHUFFLES = 4  # of each model's weights


def sweep_asymmetric(full: bool, seed: int) -> Mapping[str, Sweep]:
    """n=3 m=4 at density .1: small enough to be drawn whole; many restarts, in which to count the motif."""
    model, task = absolute_values(N, M, DECAY)
    recipe = tm.Recipe(10_000, 1_024) if full else tm.Recipe(6_000, 512)
    over = {"density": [0.1]}
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=512 if full else 128)}


def draw_asymmetric(results: Results) -> Figure:
    """The best model as a graph, its clearest motif alone, and what its strong feature does to the other output."""
    W, W_out, b = rescaled(results)
    figure, axes = plt.subplot_mosaic(
        [["whole", "alone"], ["whole", "curves"]], figsize=(9.3, 5.6), layout="constrained"
    )
    whole, alone, curves = (axes[name] for name in ("whole", "alone", "curves"))
    _graph(*_balanced(W, W_out), range(N), range(M), False, whole)
    whole.set_title("the best model")
    motifs = asymmetric_motifs(W, W_out)
    if not motifs:  # as may be with another seed; then the claim on it fails
        alone.set_title("no motif in it")
        alone.set_axis_off()
        curves.set_axis_off()
        return figure
    motif = motifs[0]
    ends, pair = [motif.strong, motif.weak], [motif.neuron, motif.partner]
    _graph(W[np.ix_(pair, ends)], W_out[np.ix_(ends, pair)], ends, pair, True, alone)
    alone.set_title("its clearest motif")
    _draw_interference(motif, W, W_out, b, curves)
    return figure


def _balanced(
    W: Float[np.ndarray, "m n"], W_out: Float[np.ndarray, "n m"]
) -> tuple[Float[np.ndarray, "m n"], Float[np.ndarray, "n m"]]:
    """The same function with each neuron's largest input and output weight alike: one that inhibits strongly would
    leave the others' edges too thin to see."""
    size = np.sqrt(abs(W_out).max(0) / abs(W).max(1))
    return W * size[:, None], W_out / size


def _draw_interference(
    motif: AsymmetricMotif,
    W: Float[np.ndarray, "m n"],
    W_out: Float[np.ndarray, "n m"],
    b: Float[np.ndarray, " n"],
    ax: Axes,
) -> None:
    """What the strong feature alone does to the output of the weak one."""
    x = np.linspace(-1, 1, 201)
    reach = W_out[motif.weak, :, None] * np.maximum(W[:, [motif.strong]] * x, 0)
    total = reach.sum(0) + b[motif.weak]
    strong, weak = motif.strong + 1, motif.weak + 1
    ax.plot(x, reach[motif.neuron], color=tm.plots.POSITIVE, label=f"interference, through $h_{motif.neuron + 1}$")
    ax.plot(x, reach[motif.partner], color=tm.plots.NEGATIVE, label=f"inhibition, through $h_{motif.partner + 1}$")
    ax.plot(x, total, color=tm.plots.INK, linestyle=":", label="all neurons and the bias")
    ax.plot(x, np.maximum(total, 0), color=tm.plots.INK, label=f"$y_{weak}$, after the ReLU")
    ax.set(xlabel=f"$x_{strong}$, alone", title=f"what $x_{strong}$ does to $y_{weak}$")
    ax.legend()


def _graph(
    W: Float[np.ndarray, "k n"],
    W_out: Float[np.ndarray, "n k"],
    features: Iterable[int],
    hidden: Iterable[int],
    labels: bool,
    ax: Axes,
) -> None:
    features = [feature + 1 for feature in features]
    tm.plots.neuron_graph(
        W,
        W_out,
        inputs=[f"$x_{i}$" for i in features],
        neurons=[f"$h_{k + 1}$" for k in hidden],
        outputs=[f"$y_{i}$" for i in features],
        min_weight=0.02,
        labels=labels,
        ax=ax,
    )


def claims_asymmetric(results: Results, full: bool) -> list[Claim]:
    """The motif in the best model, and how often it is in all. Unequal input weights and products that agree are part
    of what `analysis.motifs.asymmetric_motifs` looks for; their claims say by how much, and fail where it finds none.
    """
    W, W_out, _ = rescaled(results)
    found = asymmetric_motifs(W, W_out)
    of_all, of_shuffled = _motif_share(results), _motif_share(shuffled(results, SHUFFLES))
    least = 1 / (SHUFFLES * results["models"].loss.size)  # the smallest share that could have been seen
    numbers = np.array(found[0][4:] if found else [np.nan] * 4)
    asymmetry, agreement, interference, inhibition = numbers
    back = W_out[found[0].strong, found[0].neuron] * abs(W[found[0].neuron, found[0].weak]) if found else np.nan
    return [
        at_least("best model: motifs", len(found), 1),
        at_least("best model: input weight of the strong over that of the weak feature", asymmetry, 2),
        at_most("best model: larger over smaller product of input and output weight", 1 / agreement, 1.25),
        at_most(
            "best model: interference of weak with strong over that of strong with weak", back / interference, 0.25
        ),
        at_least("best model: share of the interference that the partner takes away", inhibition, 0.9),
        at_least("share of restarts with the motif", of_all, 0.15, source="ours"),
        at_least(
            "that share over the share of networks with the same weights shuffled",
            of_all / max(of_shuffled, least),
            20,
            source="ours",
        ),
    ]


def _motif_share(results: Results) -> float:
    """The share of models that have the motif."""
    models = results["models"]
    W = models.W.values.reshape(-1, M, N)
    W_out = models.W_out.values.reshape(-1, N, M)
    return float(np.mean([len(asymmetric_motifs(*pair)) > 0 for pair in zip(W, W_out, strict=True)]))


def shuffled(results: Results, times: int = 1) -> Results:
    """The weights of each layer of each model in random places, `times` over."""
    rng = np.random.default_rng(0)

    def shuffle(value: xr.DataArray) -> xr.DataArray:
        flat = value.values.reshape(*value.shape[:-2], -1)
        return value.copy(data=rng.permuted(flat, axis=-1).reshape(value.shape))

    models = results["models"]
    copies = [models.assign(W=shuffle(models.W), W_out=shuffle(models.W_out)) for _ in range(times)]
    return Results({"models": xr.concat(copies, "restart") if times > 1 else copies[0]})


ASYMMETRIC = Experiment(
    name="elhage2022/asymmetric",
    question="How do two features share a neuron without disturbing each other?",
    source=SOURCE,
    sweeps=sweep_asymmetric,
    draw=draw_asymmetric,
    claims=claims_asymmetric,
    shows="Left, the best model: red weights are positive, blue ones negative, wider where larger; each neuron is "
    "scaled so that its largest input and output weight are alike. Right, its clearest asymmetric superposition "
    "motif, found by `analysis.motifs.asymmetric_motifs`, with the largest input weight of each neuron scaled to "
    "1 or -1: one neuron has a large input weight from one feature and a small one from another, and output "
    "weights the other way round, so that the products are alike. So only one of them disturbs the other, and a "
    "second neuron, which fires with it, inhibits the disturbed output. Below it, this interference and "
    "inhibition as the strong feature varies and all others are off: their sum is below 0, where the output's "
    "ReLU hides it.",
    differences=(
        "ours: n = 3, m = 4, density 0.1, importance $0.8^i$, best of 128 restarts (--full: 512)",
        "ours: found by a program with bounds (input weights 2 times apart, products within 25 %, half of the "
        "interference inhibited), and counted over restarts",
    ),
    controls=(shuffled,),
)
