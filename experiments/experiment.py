"""What an experiment is: a question, what to train, what to draw, and what must be true."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib.figure import Figure

import toymodels as tm


@dataclass(frozen=True)
class Training:
    """One call of `toymodels.train`, as a value that can be described and cached."""

    model: Any
    task: tm.Task | Sequence[tm.Task]
    recipe: tm.Recipe = field(default_factory=tm.Recipe)
    seed: int = 0
    restarts: int = 1
    snapshots: Sequence[int] = ()

    def run(self) -> tm.Run:
        """Train."""
        return tm.train(
            self.model, self.task, self.recipe, seed=self.seed, restarts=self.restarts, snapshots=self.snapshots
        )


Runs = Mapping[str, tm.Run]


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
        train: (full, seed) -> what to train, by name; `full` asks for the paper's own sizes.
        draw: runs -> the figure.
        claims: (runs, full) -> what must be true of them.
        shows: what is plotted and how to read it.
        differences: every way in which this departs from the paper, with both values.
        vector: whether an SVG is written beside the PNG.
    """

    name: str
    question: str
    source: str
    train: Callable[[bool, int], Mapping[str, Training]]
    draw: Callable[[Runs], Figure]
    claims: Callable[[Runs, bool], Sequence[Claim]]
    shows: str
    differences: Sequence[str] = ()
    vector: bool = False
