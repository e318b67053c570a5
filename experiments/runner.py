"""Run experiments: train what is not in the cache, draw, and judge the claims."""

import hashlib
import json
import os
import tempfile
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt

import toymodels as tm
from experiments.experiment import Claim, Experiment, Runs, Training

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "figures"
CACHE = ROOT / ".cache" / "runs"


class Outcome(NamedTuple):
    """What an experiment gave.

    Attributes:
        runs: the trained models by name.
        claims: the judged claims.
        seconds: time of the training, also if that was done earlier and is cached.
    """

    runs: Runs
    claims: list[Claim]
    seconds: float


def evaluate(experiment: Experiment, *, full: bool = False, seed: int = 0) -> Outcome:
    """Train, or take from the cache, and judge the claims."""
    runs = {name: cached_run(training) for name, training in experiment.train(full, seed).items()}
    claims = list(experiment.claims(runs, full))
    return Outcome(runs, claims, sum(run.seconds for run in runs.values()))


def publish(experiment: Experiment, outcome: Outcome, *, full: bool, seed: int, folder: Path = FIGURES) -> Path:
    """Draw the figure and write it, with its claims as JSON beside it; return the PNG's path."""
    path = folder / f"{experiment.name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with mpl.rc_context(tm.plots.style()):
        figure = experiment.draw(outcome.runs)
        figure.savefig(path, metadata={"Software": None})
        if experiment.vector:
            figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
        plt.close(figure)
    page = {
        "experiment": experiment.name,
        "question": experiment.question,
        "source": experiment.source,
        "shows": experiment.shows,
        "differences": list(experiment.differences),
        "size": "full" if full else "quick",
        "seed": seed,
        "seconds": round(outcome.seconds + time.perf_counter() - began, 1),
        "versions": {name: version(name) for name in ("toymodels", "jax", "flax", "optax", "numpy")},
        "vector": experiment.vector,
        "claims": [claim_record(experiment, claim) for claim in outcome.claims],
    }
    path.with_suffix(".json").write_text(json.dumps(page, indent=1, ensure_ascii=False) + "\n")
    return path


def claim_record(experiment: Experiment, claim: Claim) -> dict[str, object]:
    """The claim as JSON: experiment, claim, source, measured, expected, passed."""
    return {"experiment": experiment.name, **vars(claim)}


def cached_run(training: Training, folder: Path = CACHE) -> tm.Run:
    """The trained models, from the cache if the same training was done before with the same code."""
    path = folder / f"{_fingerprint(training)}.safetensors"
    if path.exists():
        try:
            return tm.Run.load(path)
        except ValueError:  # damaged, by a full disk perhaps: done again
            path.unlink()
    run = training.run()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, suffix=".tmp", delete=False) as file:
        pass
    run.save(file.name)
    os.replace(file.name, path)
    return run


def _fingerprint(training: Training) -> str:
    """A name that depends on everything that the result depends on."""
    what = {"training": tm.describe(training), "code": _code(), "versions": _versions()}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]


def _code() -> Mapping[str, str]:
    """A digest of each source file that takes part in training."""
    package = Path(tm.__file__).parent
    files = [path for path in package.rglob("*.py") if path.relative_to(package).parts[0] not in _NOT_IN_TRAINING]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(files)}


def _versions() -> Mapping[str, str]:
    return {name: version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")}


_NOT_IN_TRAINING = {"plots", "analysis", "cli.py", "configuration.py", "__init__.py"}
