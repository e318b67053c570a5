"""A progress bar for work that several threads do."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm.auto import tqdm

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
            self._bar.update(models * self._steps)


@contextmanager
def progress_bar(models: int, steps: int, show: bool) -> Iterator[Progress]:
    """A bar with loss and time left, which appears after a second, on a terminal or in a notebook."""
    with tqdm(
        desc=f"{models} models",
        total=models * steps,
        delay=1.0,
        unit="step",
        unit_scale=True,
        leave=False,
        disable=None if show else True,  # None: unless the output is not a terminal
    ) as bar:
        yield Progress(bar, steps)
