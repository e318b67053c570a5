"""What a paper is: a folder of experiments. What an experiment is: a question, what to train, what to draw, and what
must be true."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import xarray as xr
from matplotlib.figure import Figure

from toymodels.sweeps import best

Sweep = functools.partial[xr.Dataset]
"""A call of `toymodels.sweep` that lacks only the folder: a `functools.partial`."""


class Results(Mapping[str, xr.Dataset]):
    """What the sweeps of an experiment gave, by name, and the best restarts of each."""

    def __init__(self, sweeps: Mapping[str, xr.Dataset]) -> None:
        self._sweeps = dict(sweeps)
        self._best: dict[str, xr.Dataset] = {}

    def __getitem__(self, name: str) -> xr.Dataset:
        return self._sweeps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sweeps)

    def __len__(self) -> int:
        return len(self._sweeps)

    def best(self, name: str = "models") -> xr.Dataset:
        """The restart with the lowest objective in each cell of a sweep."""
        if name not in self._best:
            self._best[name] = best(self[name])
        return self._best[name]

    def map(self, change: Callable[[xr.Dataset], xr.Dataset]) -> "Results":
        """Each sweep changed alike."""
        return Results({name: change(one) for name, one in self.items()})


Control = Callable[[Results], Results]
"""Makes wrong results of right ones: a model that some claims must not hold for. Its name tells what is wrong."""


@dataclass(frozen=True)
class Claim:
    """A sentence that a number proves or refutes.

    Attributes:
        claim: the sentence.
        measured: the number that was found.
        expected: the condition that it must meet.
        passed: whether it does.
        source: where it is said, or "ours"; where there is none, that is the section of the experiment.
    """

    claim: str
    measured: float
    expected: str
    passed: bool
    source: str = ""


def at_least(claim: str, measured: float, bound: float, *, source: str = "") -> Claim:
    """The claim that a number is `bound` or more; NaN is not."""
    return Claim(claim, float(measured), f">= {bound:g}", bool(measured >= bound), source)


def at_most(claim: str, measured: float, bound: float, *, source: str = "") -> Claim:
    """The claim that a number is `bound` or less; NaN is not."""
    return Claim(claim, float(measured), f"<= {bound:g}", bool(measured <= bound), source)


def equal(claim: str, measured: float, value: float, *, source: str = "") -> Claim:
    """The claim that a count has exactly this value."""
    return Claim(claim, float(measured), f"= {value:g}", bool(measured == value), source)


@dataclass(frozen=True)
class Experiment:
    """One figure of a paper.

    Attributes:
        name: "paper/figure", as on the command line.
        question: what the figure answers, one sentence.
        source: the paper's section and figure, or "ours".
        sweeps: (full, seed) -> what to train, by name; `full` asks for the paper's own sizes.
        draw: results -> the figure.
        claims: (results, full) -> what must be true of them.
        shows: what is plotted and how to read it.
        section: where the claims are from, but for those that have a source of their own; `source` if not given.
        differences: every way in which this departs from the paper, with both values.
        controls: wrong results that claims must fail on, beside those of the paper and the common ones of
            `experiments.harness.controls`.
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
    section: str = ""
    differences: Sequence[str] = ()
    controls: Sequence[Control] = ()
    vector: bool = False
    animate: Callable[[Results, Path], None] | None = None


@dataclass(frozen=True)
class Paper:
    """What a folder of figures reproduces: a paper, or questions of our own. `PAPER` in the folder's `__init__.py`.

    Attributes:
        title: of the paper, or what the questions are about.
        authors: as they are cited, "Elhage et al."; "" for questions of our own.
        year: of publication.
        address: where it can be read.
        order: names of the figures, without the folder's, in the order in which they are shown. Those that are not
            among them come after, by name.
        controls: wrong results that claims on all of its figures are tried on.
    """

    title: str
    authors: str = ""
    year: int | None = None
    address: str = ""
    order: Sequence[str] = ()
    controls: Sequence[Control] = ()

    @property
    def citation(self) -> str:
        """Authors, year and title, in Markdown with the address."""
        title = f"[{self.title}]({self.address})" if self.address else self.title
        return f"{self.authors} {self.year}, {title}" if self.authors else title
