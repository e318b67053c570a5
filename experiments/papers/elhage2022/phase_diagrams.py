"""Superposition as a phase change: what becomes of an extra feature, with two in one dimension and three in two."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from jaxtyping import Bool, Float, Int
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_least, at_most, equal
from toymodels.analysis import geometry
from toymodels.analysis.phases import DEDICATED, IGNORED, SUPERPOSED, classify, near_border, triple_points
from toymodels.arrays import gram, unit_columns
from toymodels.theory import phases as theory

SOURCE = "Superposition as a Phase Change"


def grid(side: int) -> tuple[Float[np.ndarray, " side"], Float[np.ndarray, " side"]]:
    """Densities from 1 down to 1/100, and importances of the extra feature from 1/10 to 10, beside the others' 1."""
    return np.geomspace(1, 0.01, side), np.geomspace(0.1, 10, side)


class Case(NamedTuple):
    """A phase diagram: two features in one dimension, or three in two.

    Attributes:
        n, m: numbers of features and of hidden dimensions; the last feature is the extra one.
        phases: (importance, density, border) -> its classes in theory.
        lines: (density, border) -> the borders to be drawn.
        more: the claims of this case alone.
    """

    n: int
    m: int
    phases: Callable[[Any, Any, theory.Border], np.ndarray]
    lines: Callable[[np.ndarray, theory.Border], list[tuple[np.ndarray, np.ndarray]]]
    more: Callable[["Diagram"], list[Claim]]

    def theory(self, found: "Diagram", border: theory.Border) -> Int[np.ndarray, "rows columns"]:
        """The classes in theory on the grid of the trained models."""
        return self.phases(found.importance, found.density[:, None], border)


def sweep_phases(case: Case, recipe: tm.Recipe, side: int, full: bool, seed: int) -> Mapping[str, Sweep]:
    """Ten restarts per cell; a row per density, and a column per importance of the extra feature."""
    density, importance = grid(100 if full else side)
    task = tm.Task(tm.Independent(case.n), importance=np.ones(case.n))
    over = {"density": density, f"importance[{case.n - 1}]": importance}
    model = tm.Autoencoder(case.n, case.m)
    return {"models": partial(tm.sweep, model, task, recipe, over=over, seed=seed, restarts=10)}


class Diagram(NamedTuple):
    """What the figures and claims need of the trained models.

    Attributes:
        density, importance: (rows,), (columns,).
        W: (rows, columns, m, n), the restart with the lowest expected loss of each cell.
        mean_color: (rows, columns, 3), the extra feature's in all restarts but the one with the highest loss.
    """

    density: np.ndarray
    importance: np.ndarray
    W: np.ndarray
    mean_color: np.ndarray

    @property
    def classes(self) -> Int[np.ndarray, "rows columns"]:
        """The extra feature's class."""
        return classify(self.W)[..., -1]


def diagram(models: xr.Dataset) -> Diagram:
    """Restarts are compared by their exact loss: in a sample, sparse features are seldom on together, and what happens
    then is all the difference between the minima."""
    density, importance = (models[dim].values for dim in models.loss.dims[:2])
    W, b = models.W.values, models.b.values
    weights = np.ones((len(importance), 1, W.shape[-1]), np.float32)
    weights[:, 0, -1] = importance
    rows = zip(W, b, density, strict=True)
    losses = np.stack([theory.expected_loss(W_row, b_row, weights, p) for W_row, b_row, p in rows])
    lowest, highest = losses.argmin(-1), losses.argmax(-1)
    kept = np.arange(losses.shape[-1]) != highest[..., None]
    colors = extra_color(W)
    return Diagram(
        density,
        importance,
        np.take_along_axis(W, lowest[..., None, None, None], axis=2)[:, :, 0],
        (colors * kept[..., None]).sum(-2) / kept.sum(-1, keepdims=True),
    )


def extra_color(W: Float[np.ndarray, "*batch m n"]) -> Float[np.ndarray, "*batch rgb"]:
    """The colour of the last feature."""
    return tm.plots.phase_colors(geometry.norms(W)[..., -1], geometry.interference(W)[..., -1])


BORDERS = {"weights of length 1": theory.unit_border, "free lengths and biases": theory.free_border}


def draw_phases(case: Case, results: Results) -> Figure:
    """The mean of the trained models, the best of them, theory, and the key."""
    found = diagram(results["models"])
    colors = {
        "trained, mean of 9 restarts of 10": found.mean_color,
        "trained, best restart": extra_color(found.W),
        "theory, weights of length 1": tm.plots.CLASS_COLORS[case.theory(found, theory.unit_border)],
        "theory, free lengths and biases": tm.plots.CLASS_COLORS[case.theory(found, theory.free_border)],
    }
    figure = plt.figure(figsize=(9.3, 7.6), layout="constrained")
    diagrams, beside = figure.subfigures(1, 2, width_ratios=[4.2, 1], squeeze=False)[0]
    axes, key = diagrams.subplots(2, 2), beside.subplots()
    borders = {label: case.lines(found.density, border) for label, border in BORDERS.items()}
    for ax, (title, color) in zip(axes.flat, colors.items(), strict=True):
        tm.plots.phase_diagram(color, found.importance, found.density, borders=borders, ax=ax)
        ax.set_title(title)
        ax.label_outer()
    tm.plots.phase_key(ax=key)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, [f"border in theory, {label}" for label in labels], loc="outside lower center", ncols=2)
    return figure


def claims_phases(case: Case, results: Results, full: bool) -> list[Claim]:
    """All three phases are there, where theory has them. Theory with weights of length 1 is a sketch: with free lengths
    and biases superposition reaches up to density 1 at importance 1, and the strip between the two borders is found in
    training."""
    found = diagram(results["models"])
    classes = found.classes
    unit, free = (case.theory(found, border) for border in BORDERS.values())
    return [
        at_least("share of cells in which the extra feature is ignored", (classes == IGNORED).mean(), 0.1),
        at_least("share in which it is in superposition", (classes == SUPERPOSED).mean(), 0.1),
        at_least("share in which it has a dimension of its own", (classes == DEDICATED).mean(), 0.1),
        at_least(
            "agreement with theory further than a cell from a border, weights of length 1",
            _agreement(classes, unit),
            0.9,
        ),
        at_least("the same with free lengths and biases", _agreement(classes, free), 0.98, source="ours"),
        at_least(
            "agreement in all cells, free lengths and biases less weights of length 1",
            (classes == free).mean() - (classes == unit).mean(),
            0.005,
            source="ours",
        ),
        *case.more(found),
    ]


def _agreement(classes: Int[np.ndarray, "rows columns"], expected: Int[np.ndarray, "rows columns"]) -> float:
    """The share of cells with the expected class, of those further than a cell from a border of it."""
    return float((classes == expected)[~near_border(expected)].mean())


# What differs between the two cases


def lines_two_in_one(
    density: Float[np.ndarray, " rows"], border: theory.Border
) -> list[tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]]:
    """The border of superposition, the same mirrored, and the line above where the phases meet."""
    below, top = _below(density, border)
    return [below, (1 / below[0], below[1]), (np.ones(2), np.array([top, density.max()]))]


def lines_three_in_two(
    density: Float[np.ndarray, " rows"], border: theory.Border
) -> list[tuple[Float[np.ndarray, " k"], Float[np.ndarray, " k"]]]:
    """The border of superposition, and the line between less and more important than the ordinary features."""
    below, _ = _below(density, border)
    return [below, (np.ones(2), np.array([density.min(), density.max()]))]


def _below(density: Float[np.ndarray, " rows"], border: theory.Border) -> tuple[tuple[np.ndarray, np.ndarray], float]:
    """The border up to importance 1, and the density at which it gets there."""
    importance = border(density)
    order = np.argsort(importance)
    top = float(np.interp(1, importance[order], density[order]))
    kept = importance < 1
    return (np.append(1, importance[kept]), np.append(top, density[kept])), top


def claims_two_in_one(found: Diagram) -> list[Claim]:
    """The phases meet in one corner of cells. Weights of length 1 would have it at importance 1 and density 4/7. It is
    higher, since pairs with free lengths and biases reach up to density 1 at importance 1: where the corner is
    depends on the width of the cells."""
    corners = triple_points(found.classes)
    row, column = corners[0] if len(corners) == 1 else (np.nan, np.nan)
    expected = triple_points(theory.phases_two_in_one(found.importance, found.density[:, None], theory.free_border))
    middle = (len(found.importance) - 1) / 2  # where importance is 1
    return [
        equal("corners of cells at which the three phases meet", len(corners), 1),
        at_most("the corner where they meet: cells from importance 1", abs(column - middle), 1),
        at_least(
            "its density, which is 4/7 with weights of length 1",
            found.density[0] * (found.density[1] / found.density[0]) ** row,
            4 / 7,
            source="ours",
        ),
        at_most(
            "cells from where theory with free lengths and biases has it on this grid",
            abs(row - expected[0, 0]),
            2,
            source="ours",
        ),
    ]


def claims_three_in_two(found: Diagram) -> list[Claim]:
    """In superposition two of the three features are an antipodal pair, the two least important ones, and the third has
    a dimension of its own. Restarts begin alike in all cells: with seed 1 none of the ten gets there in a fifth of the
    cells with a more important extra feature."""
    sparse = theory.unit_border(found.density[:, None]) < 1
    less, more = (found.classes == SUPERPOSED) & sparse, (found.importance > 1) & sparse
    cosines = gram(unit_columns(found.W))
    ordinary = cosines[..., 0, 1]
    extra = cosines[..., 2, :2].min(-1)
    beside = near_border(np.broadcast_to(found.importance > 1, less.shape).astype(int))
    return [
        at_least(
            "extra feature less important, in superposition: share of cells where it is opposite to an ordinary one",
            _share(extra < -0.9, less & ~beside),
            0.9,
        ),
        at_least(
            "extra feature more important, density below 4/7: share where the ordinary ones are opposite each other",
            _share(ordinary < -0.9, more & ~beside),
            0.9,
        ),
        at_least(
            "the same: share where the extra one has a dimension of its own",
            _share(found.classes == DEDICATED, more & ~beside),
            0.9,
        ),
    ]


def _share(condition: Bool[np.ndarray, "rows columns"], where: Bool[np.ndarray, "rows columns"]) -> float:
    return float(condition[where].mean()) if where.any() else float("nan")


def transposed(results: Results) -> Results:
    """Importance and density exchanged."""
    return changed(results, lambda one: one.values.swapaxes(0, 1))


def never_superposed(results: Results) -> Results:
    """Linear models: the most important features have a dimension each, whatever the density."""
    return results.map(_most_important)


def _most_important(models: xr.Dataset) -> xr.Dataset:
    W = np.zeros(models.W.shape)
    m, n = W.shape[-2:]
    W[..., range(m), range(m)] = 1
    first = models[models.loss.dims[1]].values > 1
    W[:, first, :, -1] = np.eye(n)[-1]
    return models.assign(W=(models.W.dims, W))


DIFFERENCES = (
    "colours: ours orange for a dimension of its own and blue for superposition, by norm and interference; the paper's "
    "scale has the same two quantities",
    "the second and fourth panel are ours: the best restart by its exact expected loss, and theory with free lengths "
    "and biases; the paper has the first and the third",
    "grid: {side} x {side} cells (--full: 100 x 100), paper: not said",
    "ours: Adam {rate:g} with warm-up and cosine decay, {steps} steps of 128, notebook: AdamW 1e-3, 10,000 steps "
    "of 1,024",
)


def _phase_diagram(name: str, case: Case, recipe: tm.Recipe, side: int) -> Experiment:
    said = {"side": side, "rate": recipe.learning_rate, "steps": recipe.steps}
    return Experiment(
        name=f"elhage2022/{name}",
        question=f"What becomes of an extra feature when {case.n} features share {case.m} "
        f"dimension{'s' * (case.m > 1)}?",
        source=f"{SOURCE}, the phase diagrams with n = {case.n}, m = {case.m}",
        section=SOURCE,
        sweeps=partial(sweep_phases, case, recipe, side),
        draw=partial(draw_phases, case),
        claims=partial(claims_phases, case),
        shows="Importance of the extra feature, beside the others' 1, to the right; density downwards. White: the "
        "extra feature is not represented; orange: it has a dimension of its own; blue: it is in superposition. "
        "Between these the colours mix as in the key, in which norm and superposition of 1 and more are alike. Solid "
        "lines: borders between arrangements of weights of length 1; dashed: with the best lengths and biases.",
        differences=tuple(difference.format(**said) for difference in DIFFERENCES),
        controls=(transposed, never_superposed),
    )


TWO_IN_ONE = Case(2, 1, theory.phases_two_in_one, lines_two_in_one, claims_two_in_one)
THREE_IN_TWO = Case(3, 2, theory.phases_three_in_two, lines_three_in_two, claims_three_in_two)
PHASE_2IN1 = _phase_diagram(
    "phase-2in1", TWO_IN_ONE, tm.Recipe(steps=500, batch_size=128, learning_rate=5e-2, evaluation_samples=1_024), 48
)
PHASE_3IN2 = _phase_diagram(
    "phase-3in2", THREE_IN_TWO, tm.Recipe(steps=800, batch_size=128, learning_rate=3e-2, evaluation_samples=1_024), 32
)
