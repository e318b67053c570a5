"""The critical points: regular polygons of features."""

from collections.abc import Mapping
from typing import NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import toymodels as tm
from experiments.harness.controls import changed
from experiments.harness.experiment import Claim, Experiment, Results, Sweep, at_most, equal
from experiments.papers.chen2023.exact import CRITICAL_POINTS, LOSSES, NOT_AT_HAND, Form, losses, near, polished
from toymodels.theory.critical import Critical, polygon_name

FORMS = (
    *(Form(*one) for one in ((2, 6), (3, 6), (4, 6), (4, 6, 1), (4, 6, 2), (5, 6), (5, 6, 1), (6, 6))),
    Form(7, 7),
    Form(8, 8),
)
CORNERS = {"5": (1.170460, -0.282297), "6": (1.320526, -0.618135), "7": (1.448394, -0.966906)}  # ‖W_i‖, b_i
COEFFICIENTS = {"5": 7, "5+": 8.5, "6": 8.5, "7": 10, "8": 11.5}  # λ


def sweep_gallery(full: bool, seed: int) -> Mapping[str, Sweep]:
    """Descent from near each of them, by number of features."""
    steps = 20_000 if full else 4_000
    return {f"n={n}": near([form for form in FORMS if form.n == n], steps, seed) for n in (6, 7, 8)}


class Found(NamedTuple):
    """Where descent ended.

    Attributes:
        form: what it started near.
        W, b: the weights.
        loss: there.
        name: what they are.
        point: the critical point nearby, if there is one.
    """

    form: Form
    W: np.ndarray
    b: np.ndarray
    loss: float
    name: str
    point: Critical | None


def found(results: Results) -> list[Found]:
    """In the order of `FORMS`."""
    ends = []
    for name, one in results.items():
        forms = [form for form in FORMS if f"n={form.n}" == name]
        W, b = (np.asarray(one[parameter].values[0], np.float64) for parameter in ("W", "b"))
        for form, here, bias, loss in zip(forms, W, b, losses(W, b), strict=True):
            ends.append(Found(form, here, bias, float(loss), polygon_name(here, bias), polished(here, bias)))
    return ends


def corners(one: Found) -> tuple[float, float]:
    """The mean length and bias of the corners."""
    k = one.form.k
    return float(np.linalg.norm(one.W[:, :k], axis=0).mean()), float(one.b[:k].mean())


def draw_gallery(results: Results) -> Figure:
    """Each by its columns in the plane, and its numbers."""
    figure, axes = plt.subplots(2, 5, figsize=(9.3, 5.4), layout="constrained")
    for ax, one in zip(axes.flat, found(results), strict=True):
        _draw(ax, one)
    return figure


def _draw(ax: Axes, one: Found) -> None:
    tm.plots.directions(one.W, limit=1.7, ax=ax)
    length, bias = corners(one)
    rank = COEFFICIENTS.get(one.form.name)
    others = one.b[one.form.k :]
    biased = ", ".join(f"{value:.3f}" for value in others[others > 0])
    lines = (
        rf"$\Vert W_i\Vert$ {length:.3f},  $b_i$ {round(bias, 3) + 0.0:.3f}",
        f"other $b_i$: {biased}" if biased else "",
        f"loss {one.loss:.5f}",
        "" if rank is None or one.point is None else rf"$\lambda$ = {one.point.positive / 2:g}",
    )
    ax.set_title(f"{one.form.name}   (n = {one.form.n})")
    ax.set_xlabel("\n".join(line for line in lines if line), fontsize=8)


def claims_gallery(results: Results, full: bool) -> list[Claim]:
    """The paper's numbers."""
    ends = found(results)
    by_name = {one.form.name: one for one in ends}
    apart = [abs(np.subtract(corners(by_name[name]), wanted)).max() for name, wanted in CORNERS.items()]
    gain = [by_name[less].loss - by_name[more].loss for less, more in (("4", "4+"), ("4+", "4++"), ("5", "5+"))]
    points = [by_name[name].point for name in COEFFICIENTS]
    ranks = [np.nan if point is None else point.positive for point in points]
    return [
        at_most(
            "largest difference of the loss of 4 to 6, n = 6, from the paper's, relative",
            max(abs(by_name[name].loss / loss - 1) for name, loss in LOSSES.items()),
            2e-4,
        ),
        at_most("5-, 6- and 7-gon: largest difference of a corner's length or bias", max(apart), 1e-3),
        at_most(
            "5, 5+, 6, 7 and 8: largest difference of half the Hessian's rank from λ",
            max(abs(np.array(ranks) / 2 - list(COEFFICIENTS.values()))),
            0,
        ),
        at_most(
            "8-gon: directions in which the loss falls",
            np.nan if by_name["8"].point is None else by_name["8"].point.negative,
            0,
            source="ours",
        ),
        equal("forms that descent stays at", sum(one.name == one.form.name for one in ends), len(FORMS), source="ours"),
        at_most(
            "largest difference of what a bias of 1/(2n) gains from 1/(4n²), relative",
            max(abs(144 * one - 1) for one in gain),
            1e-3,
            source="ours",
        ),
    ]


def without_biases(results: Results) -> Results:
    """All biases are 0."""
    return changed(results, lambda one: one.values * (one.name == "W"))


def a_corner_closed(results: Results) -> Results:
    """The first corner is silent."""

    def closed(one: xr.DataArray) -> np.ndarray:
        first = np.arange(one.sizes["feature"]) == 0
        return np.where(first, 0 if one.name == "W" else -0.1, one.values)

    return changed(results, closed)


GALLERY = Experiment(
    name="chen2023/gallery",
    question="What are the critical points of the loss with one feature on at a time, in two dimensions?",
    source=CRITICAL_POINTS,
    sweeps=sweep_gallery,
    draw=draw_gallery,
    claims=claims_gallery,
    shows="Models ReLU(WᵀWx + b) with two hidden dimensions and n features, one on at a time. Each panel: the columns "
    "of W where descent on the exact loss ends that starts near a regular polygon, with the mean length and bias of "
    "its corners. The other features have W_i = 0 and either a bias of at most 0, so that their outputs are silent, "
    "or, for each +, the bias that is best, 1/(2n), which lowers the loss by 1/(4n²). Up to four corners have no "
    "error, and the loss is that of the other features, 1/(3n) each. λ is the local learning coefficient where it is "
    "known exactly: half the rank of the Hessian, because in all directions in which it is flat the loss stays the "
    "same. Up to 4 corners there are kinks, and the loss is degenerate.",
    differences=(
        NOT_AT_HAND,
        "paper: critical points are derived; ours: descent on the exact loss, which starts from them with noise of .05 "
        "on each weight of a corner, then a solver for the zero of its slope",
        "known to us: for n = 6 the forms from 4 on; ours: 2 and 3 as well",
    ),
    controls=(without_biases, a_corner_closed),
)
