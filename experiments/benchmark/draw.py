"""The picture of the report."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from experiments.benchmark.report import SAME_LOSS_TARGETS, SAME_STEPS_TARGET
from toymodels import files

OURS, PYTORCH, GREY = "#0072B2", "#D55E00", "#5F5F5F"  # blue and vermilion of Okabe & Ito 2008, told apart by all eyes
STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "legend.frameon": False,
}


def save(report: Mapping[str, Any], path: Path) -> None:
    """Write the picture as PNG."""
    with mpl.rc_context(STYLE), files.written_path(path) as picture:
        draw(report).savefig(picture, dpi=160, metadata={"Software": None})


def draw(report: Mapping[str, Any]) -> Figure:
    """Three panels: how many times faster than PyTorch, throughput by number of models, arithmetic rate by n."""
    figure = Figure(figsize=(12, 3.8), layout="constrained")
    ratios, models, features = figure.subplots(1, 3, width_ratios=(1.15, 1, 1))
    _ratios(ratios, report)
    _models(models, report["growth"]["models"])
    _features(features, report["growth"]["features"])
    about = report["machine"]
    figure.suptitle(
        f"{about['processor']}, {about['cores']} cores; {about['device']}; JAX {about['jax']}, "
        f"PyTorch {about['torch']}. Medians; bars and bands from minimum to maximum",
        fontsize=8,
        color=GREY,
        x=0.01,
        ha="left",
    )
    return figure


def _ratios(ax: Axes, report: Mapping[str, Any]) -> None:
    """Bars: PyTorch's time divided by ours, on a log axis; a black stroke is the target."""
    bars = [(f"same steps\n{name}", row["ratio"], SAME_STEPS_TARGET) for name, row in report["steps"].items()]
    bars += [
        (f"same loss\n{name}", row["ratio"], SAME_LOSS_TARGETS[name])
        for name, row in report["same_loss"].items()
        if row["reached"]
    ]
    for place, (_, ratio, target) in enumerate(bars):
        median = ratio["median"]
        ax.barh(place, median, color=OURS, height=0.6)
        ax.plot([ratio["min"], ratio["max"]], [place, place], color="black", linewidth=1.2)
        ax.plot(
            [target, target],
            [place - 0.42, place + 0.42],
            color=PYTORCH,
            linewidth=2.5,
        )
        ax.annotate(
            f"{median:.0f}x",
            (max(median, ratio["max"], target), place),
            (5, 0),
            textcoords="offset points",
            va="center",
        )
    ax.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    ax.invert_yaxis()
    ax.set(
        xscale="log",
        xlim=(1, 4 * max(ratio["max"] for _, ratio, _ in bars)),
        xlabel="PyTorch's time / ours (orange stroke: target)",
    )
    ax.set_title("Times faster than the PyTorch loop")


def _models(ax: Axes, rows: list[Mapping[str, Any]]) -> None:
    """Throughput on log axes."""
    for name, color, marker, label in (("ours", OURS, "o", "toymodels"), ("pytorch", PYTORCH, "s", "PyTorch loop")):
        key = f"{name}_model_steps_per_second"
        there = [row for row in rows if key in row]
        _band(ax, [row["models"] for row in there], [row[key] for row in there], color, marker, label)
    ax.set(xscale="log", yscale="log", xlabel="models trained together", ylabel="model-steps per second")
    ax.set_title("n=5 m=2, batch 1,024")
    ax.legend()


def _features(ax: Axes, rows: list[Mapping[str, Any]]) -> None:
    """Arithmetic rate, with the machine's own."""
    counts = [row["features"] for row in rows]
    _band(ax, counts, [row["ours_gflops"] for row in rows], OURS, "o", "toymodels")
    _band(ax, counts, [row["pytorch_gflops"] for row in rows], PYTORCH, "s", "PyTorch loop")
    matrix = float(np.median([row["matrix_gflops"]["median"] for row in rows]))
    ax.axhline(matrix, color=GREY, linestyle="--", linewidth=1.2, label="large matrix product")
    ax.set(
        xscale="log", yscale="log", xlabel="features n (eight models, m = n/10)", ylabel="GFLOP/s in matrix products"
    )
    ax.set_xticks(counts, [str(count) for count in counts])
    ax.minorticks_off()
    ax.set_title("Arithmetic rate")
    ax.legend(loc="lower right")


def _band(ax: Axes, x: list[int], spreads: list[Mapping[str, float]], color: str, marker: str, label: str) -> None:
    low, middle, high = ([spread[name] for spread in spreads] for name in ("min", "median", "max"))
    ax.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    ax.plot(x, middle, color=color, marker=marker, markersize=5, label=label)
