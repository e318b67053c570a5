"""What an experiment is: a question, what to train, what to draw, and what must be true."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

Sweep = functools.partial[xr.Dataset]
"""A call of `toymodels.sweep` that lacks only the folder: a `functools.partial`."""

Results = Mapping[str, xr.Dataset]
"""What the sweeps of an experiment gave, by name."""

Control = Callable[[Results], Results]
"""Makes wrong results of right ones: a model that some claims must not hold for. Its name tells what is wrong."""


@dataclass(frozen=True)
class Claim:
    """A sentence that a number proves or refutes.

    Attributes:
        claim: the sentence.
        source: where the paper says it, or "ours".
        measured: the number that was found.
        expected: the condition that it must meet.
        passed: whether it does.
    """

    claim: str
    source: str
    measured: float
    expected: str
    passed: bool


def at_least(claim: str, source: str, measured: float, bound: float) -> Claim:
    """The claim that a number is `bound` or more; NaN is not."""
    return Claim(claim, source, float(measured), f">= {bound:g}", bool(measured >= bound))


def at_most(claim: str, source: str, measured: float, bound: float) -> Claim:
    """The claim that a number is `bound` or less; NaN is not."""
    return Claim(claim, source, float(measured), f"<= {bound:g}", bool(measured <= bound))


def equal(claim: str, source: str, measured: float, value: float) -> Claim:
    """The claim that a count has exactly this value."""
    return Claim(claim, source, float(measured), f"= {value:g}", bool(measured == value))


@dataclass(frozen=True)
class Experiment:
    """One figure of a paper.

    Attributes:
        name: "paper/figure", as on the command line.
        question: what the figure answers, one sentence.
        source: the paper's section and figure.
        sweeps: (full, seed) -> what to train, by name; `full` asks for the paper's own sizes.
        draw: results -> the figure.
        claims: (results, full) -> what must be true of them.
        shows: what is plotted and how to read it.
        differences: every way in which this departs from the paper, with both values.
        controls: wrong results that claims must fail on, beside the common ones of `experiments.harness.controls`.
        vector: whether an SVG is written beside the PNG.
        animate: (results, path) -> None, writes an animation (GIF) beside the picture, where the figure has one.
    """

    name: str
    question: str
    source: str
    sweeps: Callable[[bool, int], Mapping[str, Sweep]]
    draw: Callable[[Results], Figure]
    claims: Callable[[Results, bool], Sequence[Claim]]
    shows: str
    differences: Sequence[str] = ()
    controls: Sequence[Control] = ()
    vector: bool = False
    animate: Callable[[Results, Path], None] | None = None
