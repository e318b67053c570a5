"""A progress bar for work that several threads do."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from tqdm.auto import tqdm


def finite_mean(values: Any) -> float:
    """The mean of those of the values that are finite, NaN if none is."""
    finite = np.asarray(values)[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


class Progress:
    """Counts model steps and shows the mean loss; safe to call from several threads."""

    def __init__(self, bar: tqdm):
        self._bar = bar
        self._lock = threading.Lock()
        self._losses: dict[int, float] = {}

    def add(self, first_model: int, model_steps: int, loss: float) -> None:
        """Count `model_steps` more of the chunk that begins with `first_model`, whose mean loss is now `loss`."""
        with self._lock:
            self._losses[first_model] = loss
            self._bar.set_postfix(loss=f"{finite_mean(list(self._losses.values())):.3g}", refresh=False)
            self._bar.update(model_steps)


@contextmanager
def progress_bar(description: str, model_steps: int, show: bool) -> Iterator[Progress]:
    """A bar with loss and time left, which appears after a second, on a terminal or in a notebook."""
    with tqdm(
        desc=description,
        total=model_steps,
        delay=1.0,
        unit="step",
        unit_scale=True,
        leave=False,
        disable=None if show else True,  # None: unless the output is no terminal
    ) as bar:
        yield Progress(bar)
