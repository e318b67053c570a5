"""The geometry of trained models: features lie in orthogonal eigenspaces of W Wᵀ."""

from collections.abc import Mapping
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from experiments.papers.scherlis2022.curves import DECAY, M, N, V
from experiments.papers.scherlis2022.known import GEOMETRY, NOT_AT_HAND
from experiments.papers.scherlis2022.model import Quadratic, exact, exact_recipe
from toymodels.analysis import geometry
from toymodels.analysis.blocks import eigenblocks
from toymodels.arrays import gram, norms
from toymodels.theory import capacity

KURTOSIS = (2.0, 4.0, 9.0)
DENSITY = 0.3  # of the ReLU autoencoder


def sweep_blocks(full: bool, seed: int) -> Mapping[str, Sweep]:
    """The quadratic model at three kurtoses, and the ReLU autoencoder of Elhage et al. 2022."""
    relu = tm.Task(tm.Independent(N, DENSITY), importance=tm.GeometricImportance(DECAY))
    restarts = 64 if full else 32
    return {
        "quadratic": partial(
            tm.sweep,
            Quadratic(N, M),
            exact(N, DECAY),
            exact_recipe(1_500),
            over={"kurtosis": KURTOSIS},
            seed=seed,
            restarts=restarts,
        ),
        "relu": partial(
            tm.sweep,
            tm.Autoencoder(N, M),
            relu,
            tm.Recipe(10_000 if full else 1_500),
            over={"density": [DENSITY]},
            seed=seed,
            restarts=8,
        ),
    }


def represented(results: Results) -> dict[str, Float[np.ndarray, "m k"]]:
    """The directions that are not short, by model."""
    quadratic, relu = results.best("quadratic"), results.best("relu")
    models = {rf"quadratic, $\kappa$ = {k:g}": W for k, W in zip(KURTOSIS, quadratic.W.values, strict=True)}
    models["ReLU autoencoder"] = relu.W.values[0]
    return {name: W[:, norms(W) > 0.1].astype(float) for name, W in models.items()}


def parts(W: Float[np.ndarray, "m k"]) -> np.ndarray:
    """The orthogonal part that each feature is in, by the number of its first feature."""
    return geometry.connected_components(geometry.feature_graph(W, min_norm=0.0, min_cosine=0.05))


def draw_blocks(results: Results) -> Figure:
    """WᵀW, features ordered by block, above the eigenvalues."""
    models = represented(results)
    figure, axes = plt.subplots(2, 4, figsize=(9.3, 4.8), layout="constrained", height_ratios=(1.6, 1))
    for (above, below), (name, W), kurtosis in zip(axes.T, models.items(), (*KURTOSIS, None), strict=True):
        above.set_title(name)
        _matrix(above, W)
        if kurtosis is not None:
            below.plot(np.arange(1, M + 1), _eigenvalues_in_theory(kurtosis), "_", color=tm.plots.ORANGE, markersize=16)
        below.plot(np.arange(1, M + 1), _eigenvalues(W), "o", color=tm.plots.BLUE, markersize=4)
        below.set(xticks=range(1, M + 1), ylim=(0, 1.1 * _eigenvalues(W).max()), xlabel="eigenvalue of $W W^T$")
    axes[0, 0].set_ylabel("feature, by block")
    return figure


def claims_blocks(results: Results, full: bool) -> list[Claim]:
    """Blocks, and how they differ between models."""
    models = represented(results)
    found = {name: eigenblocks(W) for name, W in models.items()}
    quadratic = list(models.values())[:-1]
    sizes = [np.unique(parts(W), return_counts=True)[1].max(initial=0) for W in models.values()]
    eigenvalues = np.array([_eigenvalues(W) for W in quadratic])
    in_theory = np.array([_eigenvalues_in_theory(kurtosis) for kurtosis in KURTOSIS])
    capacities = [geometry.dimensionality(W) for W in models.values()]
    return [
        at_least(
            "least share of a feature's squared norm in one eigenspace",
            min(one.share.min(initial=1) for one in found.values()),
            0.99,
        ),
        at_most(
            "largest difference of Σ C from the rank",
            max(abs(C.sum() - np.linalg.matrix_rank(W)) for C, W in zip(capacities, models.values(), strict=True)),
            0.01,
        ),
        at_most(
            "largest difference of a feature's capacity from ‖W_i‖²/λ",
            max(abs(one.capacity - C).max(initial=0) for one, C in zip(found.values(), capacities, strict=True)),
            0.05,
        ),
        at_most(
            "quadratic: largest error of an eigenvalue of W Wᵀ against theory, relative",
            (abs(eigenvalues - in_theory) / in_theory).max(),
            0.01,
            source="ours",
        ),
        equal("quadratic, kurtosis 2: most features in an orthogonal part", sizes[0], 1, source="ours"),
        at_least("quadratic, kurtosis 9: most features in an orthogonal part", sizes[2], 6, source="ours"),
        equal("ReLU autoencoder: most features in an orthogonal part", sizes[3], 2, source="ours"),
    ]


def _matrix(ax: Axes, W: Float[np.ndarray, "m k"]) -> None:
    """Scalar products relative to the eigenvalues, with a frame round each orthogonal part."""
    found, part = eigenblocks(W), parts(W)
    order = np.lexsort((np.arange(len(part)), part, found.block))
    scale = norms(W) / geometry.dimensionality(W) ** 0.5  # the root of the eigenvalue, where there is just one
    products = (gram(W) / scale / scale[:, None])[np.ix_(order, order)]
    ax.imshow(products, cmap=tm.plots.WEIGHT_COLORS, vmin=-1, vmax=1)
    starts = np.flatnonzero(np.diff(part[order], prepend=-1))
    for start, stop in zip(starts, [*starts[1:], len(order)], strict=True):
        size = stop - start
        ax.add_patch(plt.Rectangle((start - 0.5, start - 0.5), size, size, fill=False, edgecolor=tm.plots.INK))
    ax.set(xticks=[], yticks=range(len(order)))
    ax.set_yticklabels(order + 1, fontsize=7)


def _eigenvalues(W: Float[np.ndarray, "m k"]) -> Float[np.ndarray, " m"]:
    return np.sort(np.linalg.eigvalsh(W @ W.T))[::-1]


def _eigenvalues_in_theory(kurtosis: float) -> Float[np.ndarray, " m"]:
    """v_i of each feature with a dimension of its own, and λ for each dimension of the others."""
    C = capacity.allocation(V, kurtosis, M)
    each = capacity.eigenvalue(C, V, kurtosis)
    alone, part = C == 1, (C > 0) & (C < 1)
    shared = np.full(M - alone.sum(), each[part].mean() if part.any() else 0)
    return np.sort(np.concatenate([each[alone], shared]))[::-1]


BLOCKS = Experiment(
    name="scherlis2022/blocks",
    question="How do features that share dimensions lie in them?",
    source=GEOMETRY,
    sweeps=sweep_blocks,
    draw=draw_blocks,
    claims=claims_blocks,
    shows="The features of `curves` that are represented, in four models. Above, $W^T W$, each column in units of the "
    "root of the eigenvalue of $W W^T$ that it lies at, so that capacities stand on the diagonal: red is positive, "
    "blue negative. Frames: parts that are orthogonal to each other. Below, the eigenvalues, and as dashes what theory "
    "says: $v_i$ for a dimension of one's own, and the same λ for all that are shared. In the quadratic model all "
    "features that share are in one block, which does not fall into orthogonal parts. In the ReLU autoencoder of "
    "Elhage et al. 2022 they lie in pairs, opposite each other in a dimension.",
    differences=(
        NOT_AT_HAND,
        "ours: the quadratic model, trained on the expected loss, and a ReLU autoencoder trained on samples, with "
        f"features uniform on [0, 1], density {DENSITY:g} and importances that fall like v; which models the paper's "
        "matrices are of is not known to us",
        "ours: features shorter than .1 are left out",
    ),
)
