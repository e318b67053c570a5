"""Run experiments: train what is not in the cache, draw, and judge the claims."""

import hashlib
import json
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import xarray as xr

import toymodels as tm
from experiments.experiment import Claim, Experiment, Results, Sweep

ROOT = Path(__file__).parents[1]
FIGURES = ROOT / "figures"
CACHE = ROOT / ".cache" / "sweeps"


class Outcome(NamedTuple):
    """What an experiment gave.

    Attributes:
        results: of the sweeps, by name.
        claims: the judged claims.
        seconds: time of the training, also if that was done earlier and is cached.
    """

    results: Results
    claims: list[Claim]
    seconds: float


def evaluate(experiment: Experiment, *, full: bool = False, seed: int = 0) -> Outcome:
    """Train, or take from the cache, and judge the claims."""
    results = {name: cached(sweep) for name, sweep in experiment.sweeps(full, seed).items()}
    claims = list(experiment.claims(results, full))
    return Outcome(results, claims, sum(one.attrs["seconds"] for one in results.values()))


def publish(experiment: Experiment, outcome: Outcome, *, full: bool, seed: int, folder: Path = FIGURES) -> Path:
    """Draw the figure and write it, with its claims as JSON beside it; return the PNG's path."""
    path = folder / f"{experiment.name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    began = time.perf_counter()
    with mpl.rc_context(tm.plots.style()):
        figure = experiment.draw(outcome.results)
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


def cached(sweep: Sweep, folder: Path = CACHE) -> xr.Dataset:
    """The results of a sweep, from the cache as far as the same sweep was done before with the same code."""
    return sweep(folder=folder / _fingerprint(sweep))


def _fingerprint(sweep: Sweep) -> str:
    """A name that depends on everything that the result depends on."""
    what = {"sweep": tm.describe(sweep), "code": _code(), "versions": _versions()}
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:24]


def _code() -> Mapping[str, str]:
    """A digest of each source file that takes part in training."""
    package = Path(tm.__file__).parent
    files = {path.relative_to(package).as_posix(): path for path in sorted(package.rglob("*.py"))}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in files.items()
        if not name.startswith(_NOT_IN_TRAINING)
    }


def _versions() -> Mapping[str, str]:
    return {name: version(name) for name in ("jax", "jaxlib", "flax", "optax", "numpy")}


_NOT_IN_TRAINING = (
    "plots/",
    "analysis/",
    "cli",
    "configuration.py",
    "__init__.py",
    "sweeps/select.py",
    "sweeps/show.py",
    "sweeps/progress.py",
)
