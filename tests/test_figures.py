"""Figures can be read where they are shown, whatever the numbers: they are drawn from results that are made up.

Those of trained models are held to the same in `test_reproduction.py`.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
from legibility import faults

from experiments.harness.discovery import experiments_of, find_papers
from experiments.harness.experiment import Experiment, Results
from toymodels import plots
from toymodels.cases import Case
from toymodels.sweeps import launch
from toymodels.sweeps.results import Arrays, Layout
from toymodels.techniques import card
from toymodels.techniques.scored import NUMBERS
from toymodels.training.engine.plan import Plan

SECONDS = "takes seconds to compute what it draws"
LEFT_OUT = {
    "abs-exact": "has room for the weights of the exact solution on its edges, and not for all",
    "abs-sweep": SECONDS,
    "adversarial": SECONDS,
    "basic-large": "is drawn as basic-small is",
    "circuits": SECONDS,
    "dimensionality": SECONDS,
    "gallery": SECONDS,
    "geometric-learning": SECONDS,
    "jumps": SECONDS,
    "l1": SECONDS,
    "large": SECONDS,
    "leverage": SECONDS,
    "loss-terms": SECONDS,
    "phase-2in1": SECONDS,
    "phase-3in2": SECONDS,
    "polytopes": SECONDS,
    "recovery": SECONDS,
    "trajectories": "estimates learning coefficients for a minute and a half before it is drawn",
}
DRAWN = [one for one in experiments_of(find_papers()) if one.name.partition("/")[2] not in LEFT_OUT]


def made_up(plan: Plan, layout: Layout, *_: Any) -> Iterator[tuple[np.ndarray, Arrays]]:
    """Numbers of all sizes instead of trained models."""
    random = np.random.default_rng(0)
    numbers = np.arange(layout.n_models)
    arrays = {}
    for name, variable in layout.variables.items():
        sizes = random.uniform(0.1, 1.0, (len(numbers), *(1 for _ in variable.shape)))
        values = sizes * random.normal(size=(len(numbers), *variable.shape))
        arrays[name] = (abs(values) if name in ("loss", "objective") else values).astype(variable.dtype)
    arrays["diverged"][:] = -1
    yield numbers, arrays


def made_up_scores(case: Case, techniques: Mapping, seeds: list[int], *_: Any) -> tuple[np.ndarray, np.ndarray, float]:
    """Scores of all sizes, some of them not applicable, instead of what techniques find, and cosines below 1."""
    random = np.random.default_rng(0)
    levels = [np.nan] if not case.levels else next(iter(case.levels.values()))
    numbers = random.normal(0.5, 0.5, (len(techniques), len(levels), len(seeds), len(NUMBERS)))
    numbers[..., NUMBERS.index("applicable")] = random.random(numbers.shape[:-1]) < 0.8
    n_features, n_hidden = (NUMBERS.index(size) for size in ("n_features", "n_hidden"))
    numbers[..., n_features], numbers[..., n_hidden] = 16, random.integers(2, 17, len(levels))[:, None]
    return numbers, random.uniform(0.5, 1, numbers.shape[1:3]), 1.0


@pytest.mark.parametrize("experiment", DRAWN, ids=lambda one: one.name)
def test_figures_can_be_read_where_they_are_shown(experiment: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "_trained", made_up)
    monkeypatch.setattr(card, "_on_case", made_up_scores)
    results = Results({name: sweep() for name, sweep in experiment.sweeps(False, 0).items()})
    with mpl.rc_context(plots.style()):
        assert faults(experiment.draw(results)) == []


def test_every_figure_that_is_left_out_is_there() -> None:
    assert set(LEFT_OUT) <= {one.name.partition("/")[2] for one in experiments_of(find_papers())}


def test_style_is_black_on_white_on_any_theme() -> None:
    with plt.style.context("dark_background"), mpl.rc_context(plots.style()):
        figure, ax = plt.subplots()
        assert {figure.get_facecolor(), ax.get_facecolor()} == {(1.0, 1.0, 1.0, 1.0)}
        assert {ax.title.get_color(), ax.xaxis.label.get_color(), ax.get_xticklabels()[0].get_color()} == {"black"}
        assert mpl.rcParams["savefig.facecolor"] == "white"
        assert mpl.rcParams["savefig.transparent"] is False


# --- The check finds what it is for ------------------------------------------------------------------------------


def spoilt_by(what: str) -> list[str]:
    """The faults of a good figure after one thing has been done to it."""
    with mpl.rc_context(plots.style()):
        figure, ax = plt.subplots(figsize=(20 if what == "wide" else 4, 3), layout="constrained")
        ax.imshow(np.array([[0.0, 2.0]]), vmin=0, vmax=1 if "clip" in what else 2)
        if what == "clip, said":
            figure.colorbar(ax.images[0], extend="max")
        if what == "tiny":
            ax.set_title("title", fontsize=6)
        if what == "overlap":
            for x in (0.5, 0.51):
                ax.text(x, 0.5, "word", transform=ax.transAxes)
        if what == "cut off":
            figure.text(0.99, 0.5, "word")
        if what == "transparent":
            ax.set_facecolor("none")
        return faults(figure)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("wide", "has 3.8 points"),
        ("tiny", "'title' has 6.0 points"),
        ("overlap", "'word' and 'word' overlap"),
        ("cut off", "'word' leaves the figure"),
        ("transparent", "is not opaque"),
        ("clip", "values from 0 to 2 have colours of 0 to 1"),
    ],
)
def test_faults_are_found(what: str, said: str) -> None:
    found = spoilt_by(what)
    assert found
    assert all(said in one for one in found)


@pytest.mark.parametrize("what", ["nothing", "clip, said"])
def test_good_figures_have_none(what: str) -> None:
    assert spoilt_by(what) == []
