"""A progress bar for work that several threads do: on a terminal and in notebooks, with or without ipywidgets."""

import math
import os
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

from tqdm.std import tqdm

from toymodels.training.engine.plan import Chunk


class Progress:
    """Counts steps of models and shows their mean loss; safe to call from several threads."""

    def __init__(self, bar: tqdm, steps: int):
        self._bar, self._steps = bar, steps
        self._lock = threading.Lock()
        self._losses: dict[Chunk, float] = {}

    def add(self, chunk: Chunk, models: float | int, loss: float) -> None:
        """Count so many models' worth of training more of a chunk, whose mean loss is now `loss`."""
        with self._lock:
            self._losses[chunk] = loss
            finite = [one for one in self._losses.values() if math.isfinite(one)]
            self._bar.set_postfix(loss=f"{sum(finite) / len(finite) if finite else math.nan:.3g}", refresh=False)
            advance(self._bar, models * self._steps)


@contextmanager
def progress_bar(models: int, steps: int, show: bool) -> Iterator[Progress]:
    """A bar with loss and time left."""
    with open_bar(models * steps, show=show, desc=f"{models} models", unit="step", unit_scale=True) as bar:
        yield Progress(bar, steps)


def open_bar(total: float | int, *, show: bool, **options: Any) -> tqdm:
    """A bar that appears after a second, on a terminal or in a notebook, and goes away at the end. The time left is
    what the mean speed so far gives: work comes in chunks, and the speed of the last one says little.

    Args:
        total: where it ends.
        show: whether to show it at all.
        options: for `tqdm`.
    """
    options |= {"total": total, "delay": 1.0, "leave": False, "smoothing": 0, "disable": not show}
    if not _in_notebook():
        if show:
            options["disable"] = None  # tqdm's word for: unless the output is not a terminal
        return tqdm(**options, ncols=_columns(), nrows=24)
    if find_spec("ipywidgets") is None:
        return tqdm(**options, ncols=80, nrows=24)
    from tqdm.notebook import tqdm_notebook  # not above: it warns where there are no ipywidgets

    return tqdm_notebook(**options)


def advance(bar: tqdm, count: float | int) -> None:
    """Count so much more, but never beyond the end, where work was done twice or rounding adds up."""
    bar.update(max(0, min(count, bar.total - bar.n)))


def _in_notebook() -> bool:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and "IPKernelApp" in shell.config


def _columns() -> int:
    """The width of the terminal; of one that does not know its own, as tqdm would take for no width at all, 80."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (OSError, ValueError, AttributeError):
        columns = 0
    return columns or shutil.get_terminal_size().columns
