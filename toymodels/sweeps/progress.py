"""What a sweep tells while it runs: a bar for people, and lines of JSON for programs."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from tqdm.std import tqdm

from toymodels import files
from toymodels.training.engine.plan import Chunk
from toymodels.training.progress import advance, open_bar


class Progress:
    """Counts cells; safe to call from several threads."""

    def __init__(self, bar: tqdm, log: Callable[[str], None] | None, cells: float, restarts: int):
        self._bar, self._log, self._cells, self._restarts = bar, log, cells, restarts
        self._lock = threading.Lock()
        self._began = time.perf_counter()
        self._done = 0.0
        self._diverged = 0

    def add(self, chunk: Chunk, models: float | int, loss: float) -> None:
        """Count so many models' worth of training more."""
        with self._lock:
            advance(self._bar, models / self._restarts)

    def finish(self, models: int, diverged: int) -> None:
        """Count the models of a chunk as finished, some of which diverged."""
        with self._lock:
            self._done += models / self._restarts
            self._diverged += diverged
            self._bar.set_postfix_str(f"{self._diverged} diverged")
            if self._log is not None:
                seconds = time.perf_counter() - self._began
                rate = self._done / seconds
                line = {
                    "time": time.time(),
                    "cells": round(self._cells, 3),
                    "done": round(self._done, 3),
                    "diverged": self._diverged,
                    "cells_per_second": round(rate, 3),
                    "seconds_left": round((self._cells - self._done) / rate, 1),
                }
                self._log(json.dumps(line))


@contextmanager
def sweep_progress(models: int, restarts: int, *, show: bool, log: str | Path | None) -> Iterator[Progress]:
    """A bar with cells per second, time left and the number of diverged models, on a terminal or in a notebook; and a
    line per unit at the end of the file `log`."""
    cells = models / restarts
    with (
        open_bar(
            cells,
            show=show,
            desc=f"{cells:,.0f} cells",
            unit=" cells",
            bar_format="{desc}: {percentage:3.0f}%|{bar}| {n:.0f} [{elapsed}<{remaining}, {rate_fmt}{postfix}]",
        ) as bar,
        nullcontext() if log is None else files.appended(log) as add,
    ):
        yield Progress(bar, add, cells, restarts)
