"""Which arrangements the features form."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most
from experiments.papers.elhage2022.geometry import DIFFERENCES, M, sweep_geometry
from toymodels.analysis import alignment, geometry, polytopes

SOURCE = "The Geometry of Superposition, Uniform Superposition"
TABLE = ("digon", "triangle", "tetrahedron", "pentagon", "square antiprism")
PLANE_DENSITIES = (0.3, 0.1, 0.01)
SPACE_FEATURES, SPACE_DENSITIES = (6, 7, 8, 12), (0.15, 0.01)
SMALL = {  # the small models that are drawn: features, dimensions, density
    (8, 2, 0.3): "square",
    (8, 2, 0.1): "pentagon",
    (8, 2, 0.01): "hexagon",
    (6, 3, 0.15): "octahedron",
    (7, 3, 0.15): "pentagonal bipyramid",
    (8, 3, 0.15): "square antiprism",
    (12, 3, 0.01): "icosahedron",
}
VIEWS = {  # from which their shapes are clear
    "tetrahedron": {"azimuth": 15.0, "elevation": 15.0},
    "square antiprism": {"azimuth": 30.0, "elevation": 15.0},
}
SHAPES = {
    "dedicated": tm.plots.INK,
    "digon": tm.plots.SET_COLORS[0],
    "pentagon": tm.plots.SET_COLORS[1],
    "square antiprism": tm.plots.SET_COLORS[2],
    "another polytope": tm.plots.SET_COLORS[3],
    polytopes.UNKNOWN: tm.plots.PALE,
}

Components = list[polytopes.Component]


def sweep_polytopes(full: bool, seed: int) -> Mapping[str, Sweep]:
    """The models of n=400 m=30 of the other figures of geometry, eight features in the plane, and 6 to 12 in space."""
    restarts = 100 if full else 16
    recipe = tm.Recipe(3_000, 1_024) if full else tm.Recipe(1_000, 512, 2e-2, evaluation_samples=2**17)
    plane, space = tm.Autoencoder(8, 2), tm.Autoencoder(6, 3)
    n = {"model.n_features": SPACE_FEATURES, "task.features.n_features": SPACE_FEATURES}
    over = {"n": n, "density": SPACE_DENSITIES}
    return {
        "large": sweep_geometry(full, seed)["models"],
        "plane": partial(
            tm.sweep,
            plane,
            tm.Task(tm.Independent(8)),
            recipe,
            over={"density": PLANE_DENSITIES},
            seed=seed,
            restarts=restarts,
        ),
        "space": partial(tm.sweep, space, tm.Task(tm.Independent(6)), recipe, over=over, seed=seed, restarts=restarts),
    }


def draw_polytopes(results: Results) -> Figure:
    """The exact arrangements, the shares of the features of large models in them, and those of small models."""
    figure = plt.figure(figsize=(9.3, 11), layout="constrained")
    table, large, small = figure.subfigures(3, 1, height_ratios=[2.1, 1.3, 1.0], squeeze=False)[:, 0]
    exact, products = table.subfigures(2, 1, squeeze=False)[:, 0]
    exact.suptitle("exact arrangements", fontsize=9)
    products.suptitle("tegum products of them", fontsize=9)
    large.suptitle("arrangements of the features of trained models", fontsize=9)
    small.suptitle("best restarts of small models", fontsize=9)
    for part, names in ((exact, TABLE), (products, [*polytopes.PRODUCTS])):
        for ax, name in zip(part.subplots(1, len(names)), names, strict=True):
            _draw_exact(name, ax)
    density, _, models = large_models(results)
    draw_shares(density, models, large.subplots())
    cells = small_models(results)
    for ax, ((n, m, p), W) in zip(small.subplots(1, len(cells)), cells.items(), strict=True):
        _draw_trained(W, f"n = {n}, m = {m}\ndensity {p:g}", ax)
    return figure


def _draw_exact(name: str, ax: Axes) -> None:
    """An arrangement with its numbers: features, dimensions, and dimensionality of each feature."""
    exact = polytopes.arrangement(name)
    d, k = exact.shape
    fractions = sorted({Fraction(float(value)).limit_denominator(20) for value in geometry.dimensionality(exact)})
    tm.plots.polytope(exact, **VIEWS.get(name, {}), ax=ax)
    ax.set_title(name)
    parts = Counter(polytopes.PRODUCTS.get(name, ()))
    product = " $\\times$ ".join(part if count == 1 else f"{part}$^{count}$" for part, count in parts.items())
    values = ", ".join(map(str, fractions[::-1]))
    ax.set_xlabel(f"{k} features, {d}D, $D_i$ = {values}\n{product}".rstrip(), fontsize=8)


def draw_shares(density: Float[np.ndarray, " k"], models: Sequence[Components], ax: Axes) -> None:
    """Shares of the represented features in each shape, stacked; pale where a component overlaps with others."""
    x, total = tm.plots.against_density(ax, density), np.zeros(len(density))
    for (shape, orthogonal), share in shape_shares(models).items():
        label = shape if orthogonal or shape == polytopes.UNKNOWN else f"{shape}, overlapping"
        if share.any():
            color, alpha = SHAPES[shape], 1 if orthogonal or shape == polytopes.UNKNOWN else 0.4
            ax.fill_between(x, total, total + share, color=color, alpha=alpha, linewidth=0, label=label)
        total = total + share
    ax.set(xlim=(2, 10), ylim=(0, 1))
    ax.set_xticks([2, 3, 4, 5, 7, 10], labels=["2", "3", "4", "5", "7", "10"])
    ax.minorticks_off()
    ax.set_ylabel("share of represented features\nn = 400, m = 30")
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8, reverse=True)


def shape_shares(models: Sequence[Components]) -> dict[tuple[str, bool], Float[np.ndarray, " k"]]:
    """The share of the represented features of each model that are in components of a shape, for shapes by name, and
    for each those that are orthogonal to the rest and those that overlap with it; 0 for models that represent none."""
    shapes = [(shape, orthogonal) for shape in SHAPES for orthogonal in (True, False)]
    total = np.array([max(1, sum(len(one.features) for one in model)) for model in models])
    return {key: np.array([_in_shape(model, *key) for model in models]) / total for key in shapes}


def _in_shape(components: Components, shape: str, orthogonal: bool) -> int:
    """The number of features in components of the shape that are orthogonal to the rest, or in those that are not.
    Unknown components count as such that are not."""
    return sum(len(one.features) for one in components if _shape(one) == shape and polytopes.is_part(one) == orthogonal)


def _shape(component: polytopes.Component) -> str:
    if component.name == polytopes.UNKNOWN:
        return component.name
    return component.name if component.name in SHAPES else "another polytope"


def large_models(results: Results) -> tuple[Float[np.ndarray, " k"], Float[np.ndarray, "k m n"], list[Components]]:
    """Densities, and of the better model of each the weights and the components."""
    models = results.best("large")
    return models.density.values, models.W.values, [polytopes.recognise(W) for W in models.W.values]


def small_models(results: Results) -> dict[tuple[int, int, float], Float[np.ndarray, "r m n"]]:
    """The weights of all restarts of the small models, best first, by (features, dimensions, density)."""
    plane, space = results["plane"], results["space"].assign_coords(n=list(SPACE_FEATURES))
    cells = {key: plane.sel(density=key[2]) if key[1] == 2 else space.sel(n=key[0], density=key[2]) for key in SMALL}
    return {
        key: cell.W.values[np.argsort(cell.loss.values)][..., : key[0]]  # NaN is last, and fills what is not there
        for key, cell in cells.items()
    }


def _draw_trained(W: Float[np.ndarray, "r m n"], title: str, ax: Axes) -> None:
    """The best model, turned onto the exact arrangement, and how many restarts have the same name."""
    names = [polytopes.product_name(polytopes.recognise(one)) for one in W]
    best_one = W[0][:, geometry.represented(W[0])]
    if names[0] in {*polytopes.ARRANGEMENTS, *polytopes.PRODUCTS}:
        exact = polytopes.arrangement(names[0])
        found = polytopes.match(best_one, exact, at_most=0.3)
        if found is not None and exact.shape == best_one.shape:
            best_one = alignment.aligned(best_one, exact[:, found.order])
    tm.plots.polytope(best_one, **VIEWS.get(names[0], {}), limit=1.5, ax=ax)
    ax.set_title(title, fontsize=8)
    ax.set_xlabel(f"{names[0]}\n{names.count(names[0])} of {len(names)} restarts", fontsize=8)


def claims_polytopes(results: Results, full: bool) -> list[Claim]:
    """What the paper names comes out as far as it is named.

    The plateau is a tegum product of digons, and pentagons join it where it ends. Sparser than 1 / 4.4 the shapes are
    still there, but they are no longer orthogonal, as the paper's table has them: more of them than there is room for
    share the 30 dimensions. Sparser than 1 / 7 all features are joined in one component. Triangles and tetrahedra,
    which the paper finds between the dense end and the plateau, do not appear in the quick size.
    """
    density, W, models = large_models(results)
    d_star = geometry.dimensions_per_feature(W)
    shares = shape_shares(models)
    plateau, after = abs(d_star - 0.5) < 0.02, (d_star < 0.48) & (d_star > 0.36)
    named = 1 - shares[polytopes.UNKNOWN, False] - np.array([not model for model in models])
    chosen = np.flatnonzero(plateau | after)
    parts = [(W[i], part) for i in chosen for part in models[i] if polytopes.is_part(part)]
    small = small_models(results)
    return [
        at_least(
            "plateau: mean share of features in digons that are orthogonal to the rest",
            _mean(shares["digon", True][plateau]),
            0.95,
        ),
        at_least("models whose orthogonal parts fill all 30 dimensions", sum(_span(model) == M for model in models), 5),
        at_least(
            "after the plateau (D* from .48 to .36): share of models with a pentagon",
            _mean(_has("pentagon", models)[after]),
            0.8,
        ),
        at_least("after the plateau: mean share of features in named shapes", _mean(named[after]), 0.8),
        at_least("models with a square antiprism", _has("square antiprism", models).sum(), 1),
        at_most(
            "density below 1/7: mean share of features in named shapes",
            _mean(named[density < 1 / 7]),
            0.05,
            source="ours",
        ),
        at_most("orthogonal parts: mean difference of D_i from that of the arrangement", _mean(_off(parts)), 0.005),
        at_most(
            "digons and other simplices: mean ‖Σ W_i‖ / Σ ‖W_i‖, 0 where W ⟂ (1, ..., 1)",
            _mean(_imbalances(parts)),
            0.02,
        ),
        at_least(
            "share of components that keep their names when turned at random and displaced by 5 %",
            _mean(_kept([(W[i], models[i]) for i in chosen])),
            0.98,
            source="ours",
        ),
        *(
            at_most(f"n={n} m={m}, density {p:g}: distance of the best restart from the {name}", distance, 0.1)
            for (n, m, p), name in SMALL.items()
            for distance in [_distance(small[n, m, p][0], name)]
        ),
    ]


def _mean(values: Sequence[float] | Float[np.ndarray, " k"] | Bool[np.ndarray, " k"]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")


def _has(name: str, models: Sequence[Components]) -> Bool[np.ndarray, " k"]:
    return np.array([any(one.name == name for one in model) for model in models])


def _span(components: Components) -> int:
    """The dimensions that the orthogonal parts fill together."""
    return sum(len(polytopes.arrangement(one.name)) for one in components if polytopes.is_part(one))


def _off(parts: Sequence[tuple[Float[np.ndarray, "_ _"], polytopes.Component]]) -> list[float]:
    """Mean |D_i - d/k| of each part, d/k being the dimensionality in an arrangement of k features in d dimensions."""
    exact = {name: len(vectors) / vectors.shape[1] for name, vectors in polytopes.ARRANGEMENTS.items()}
    return [float(abs(geometry.dimensionality(W)[one.features] - exact[one.name]).mean()) for W, one in parts]


def _imbalances(parts: Sequence[tuple[Float[np.ndarray, "_ _"], polytopes.Component]]) -> list[float]:
    """‖Σ W_i‖ / Σ ‖W_i‖ of each part that is a simplex."""
    simplices = [W[:, one.features] for W, one in parts if one.name in ("digon", "triangle", "tetrahedron")]
    return [float(np.linalg.norm(own.sum(1)) / geometry.norms(own).sum()) for own in simplices]


def _kept(models: Sequence[tuple[Float[np.ndarray, "_ _"], Components]]) -> list[bool]:
    """Of each named component of each model, whether it has the same name after a rotation and a displacement of every
    feature by 5 % of its length in a random direction."""
    random = np.random.default_rng(0)
    kept = []
    for W, components in models:
        noise = random.normal(size=W.shape)
        moved = W + 0.05 * noise * geometry.norms(W) / geometry.norms(noise)
        turned = np.linalg.qr(random.normal(size=(len(W), len(W))))[0] @ moved
        now = {(one.name, *one.features.tolist()) for one in polytopes.recognise(turned)}
        kept += [(one.name, *one.features.tolist()) in now for one in components if one.name != polytopes.UNKNOWN]
    return kept


def _distance(W: Float[np.ndarray, "m n"], name: str) -> float:
    """The residual of the represented features from an arrangement; infinite if it does not match."""
    own, exact = W[:, geometry.represented(W)], polytopes.arrangement(name)
    found = polytopes.match(own, exact, at_most=0.3) if own.shape == exact.shape else None
    return np.inf if found is None else found.residual


POLYTOPES = Experiment(
    name="elhage2022/polytopes",
    question="Which regular arrangements do features form?",
    source=f"{SOURCE}, the table of polytopes and the paragraphs on tegum products",
    section=SOURCE,
    sweeps=sweep_polytopes,
    draw=draw_polytopes,
    claims=claims_polytopes,
    shows="Above, the paper's arrangements, exact, with the dimensionality D_i of their features, and four tegum "
    "products, whose parts lie in orthogonal subspaces and keep their D_i. In the middle, the features of trained "
    "models by the arrangement of their component of the feature graph: full colour where the component is orthogonal "
    "to all others, as the parts of a tegum product are; pale where the shapes overlap; grey where the component is "
    "not a known arrangement. Below, the best of 16 restarts of small models, turned onto the arrangement that was "
    "recognised; grey lines lead to the origin.",
    differences=(
        "ours: components are named by a program, paper: by eye",
        "ours: small models with two and three dimensions as well, Adam 2e-2 with warm-up and cosine decay, 1,000 "
        "steps of 512 (--full: 1e-2, 3,000 of 1,024), best of 16 restarts (100 with --full)",
        "ours: square antiprism at the height at which WWᵀ is a multiple of the identity, where D_i is exactly 3/8; "
        "that of least Thomson energy is a little lower",
        *DIFFERENCES,
    ),
)
