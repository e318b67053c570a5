"""One display for a run of many figures: which one of how many, and the time left."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tqdm import tqdm

from experiments.harness.experiment import Experiment
from experiments.harness.fingerprint import fingerprint
from experiments.harness.runner import CACHE, FIGURES
from toymodels import files

DRAWING = 2.0  # seconds
UNKNOWN = 10.0  # seconds of a sweep that was never timed


def figure_by_figure(experiments: Sequence[Experiment], *, full: bool, seed: int) -> Iterator[Experiment]:
    """The experiments one after the other, under a bar whose steps are as long as they are expected to take."""
    weights = expected_seconds(experiments, full=full, seed=seed)
    layout = "{desc}  {percentage:3.0f}%|{bar:20}| {elapsed} passed, {remaining} left"
    with tqdm(total=sum(weights), bar_format=layout, smoothing=0) as bar:
        for number, (experiment, weight) in enumerate(zip(experiments, weights, strict=True), 1):
            bar.set_description_str(f"figure {number} of {len(experiments)}: {experiment.name}")
            yield experiment
            bar.update(weight)
        bar.set_description_str(f"{len(experiments)} figures")


def expected_seconds(
    experiments: Sequence[Experiment], *, full: bool, seed: int, folder: Path = FIGURES, cache: Path = CACHE
) -> list[float]:
    """What each figure is expected to take, by the times on their pages: drawing, and sweeps that are not cached and
    belong to no earlier figure. For another size than the pages have it is right in proportion at best."""
    trained = {path.name for path in cache.glob("*")}
    expected = []
    for experiment in experiments:
        times = _training_times(folder / f"{experiment.name}.json")
        seconds = DRAWING
        for name, sweep in experiment.sweeps(full, seed).items():
            identity = fingerprint(sweep)
            seconds += 0 if identity in trained else times.get(name, UNKNOWN)
            trained.add(identity)
        expected.append(seconds)
    return expected


def _training_times(page: Path) -> Mapping[str, float]:
    return json.loads(files.read_text(page)).get("training", {}) if page.exists() else {}
