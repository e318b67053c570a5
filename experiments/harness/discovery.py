"""All experiments: those of each folder in `experiments/papers` and `experiments/questions`, in this order."""

import importlib
import pkgutil
from collections.abc import Iterator

from experiments import papers, questions
from experiments.harness.experiment import Experiment


def _found() -> Iterator[Experiment]:
    for shelf in (papers, questions):
        for folder in pkgutil.iter_modules(shelf.__path__):
            yield from importlib.import_module(f"{shelf.__name__}.{folder.name}").EXPERIMENTS


EXPERIMENTS = tuple(_found())
