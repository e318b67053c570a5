"""Papers and their figures are found: each folder in `experiments/papers` and `experiments/questions` is one."""

import dataclasses
import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import NamedTuple

from experiments import papers, questions
from experiments.harness.experiment import Experiment, Paper
from toymodels.checks import near_matches


class Found(NamedTuple):
    """A paper's folder.

    Attributes:
        name: of the folder, and of its figures on the command line before the slash.
        paper: its `PAPER`.
        experiments: all that its modules define, in the paper's order, with the paper's controls after their own.
    """

    name: str
    paper: Paper
    experiments: tuple[Experiment, ...]


def find_papers() -> list[Found]:
    """All papers by year and name, and then the questions of our own.

    Raises:
        ValueError: if a folder has no `PAPER`, a figure's name does not begin with that of its folder or is there
            twice, or a paper's order names a figure that is not there.
    """
    return [
        found
        for shelf in (papers, questions)
        for found in sorted(
            (
                _found(importlib.import_module(f"{shelf.__name__}.{one.name}"))
                for one in pkgutil.iter_modules(shelf.__path__)
            ),
            key=lambda found: (found.paper.year or 0, found.name),
        )
    ]


def find_figure(name: str) -> Experiment:
    """The figure "paper/figure".

    Raises:
        ValueError: if there is none, with the names that are meant.
    """
    figures = {experiment.name: experiment for experiment in experiments_of(find_papers())}
    if name not in figures:
        raise ValueError(f"no figure {name!r}. {near_matches(name, figures)}")
    return figures[name]


def experiments_of(found: Sequence[Found]) -> list[Experiment]:
    """The figures of several papers."""
    return [experiment for one in found for experiment in one.experiments]


def _found(package: ModuleType) -> Found:
    name = package.__name__.rpartition(".")[2]
    paper = getattr(package, "PAPER", None)
    if not isinstance(paper, Paper):
        raise ValueError(f"{package.__name__} must define PAPER = Paper(title=..., ...) in its __init__.py.")
    figures: dict[str, Experiment] = {}
    for experiment in _experiments_in(package):
        folder, _, figure = experiment.name.partition("/")
        if folder != name or not figure:
            raise ValueError(
                f"a figure of {package.__name__} must have a name like {name}/... Got {experiment.name!r}."
            )
        if figures.setdefault(figure, experiment) is not experiment:
            raise ValueError(f"two figures of {package.__name__} have the name {experiment.name!r}.")
    for figure in paper.order:
        if figure not in figures:
            raise ValueError(f"order of {name} has no figure {figure!r}. {near_matches(figure, figures)}")
    rest = sorted(set(figures) - set(paper.order))
    return Found(
        name,
        paper,
        tuple(
            dataclasses.replace(figures[figure], controls=(*figures[figure].controls, *paper.controls))
            for figure in (*paper.order, *rest)
        ),
    )


def _experiments_in(package: ModuleType) -> Iterator[Experiment]:
    """The experiments that a package and its modules name; one that several name comes several times."""
    below = pkgutil.iter_modules(getattr(package, "__path__", []))
    for module in (package, *(importlib.import_module(f"{package.__name__}.{one.name}") for one in below)):
        yield from (value for value in vars(module).values() if isinstance(value, Experiment))
