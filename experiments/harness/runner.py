"""Run experiments: train what is not in the cache, draw, and judge the claims."""

import dataclasses
import json
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import matplotlib.pyplot as plt
import xarray as xr

import toymodels as tm
from experiments.harness.controls import refuted_by
from experiments.harness.experiment import Claim, Experiment, Results, Sweep
from experiments.harness.fingerprint import fingerprint
from toymodels import files

ROOT = Path(__file__).parents[2]
FIGURES = ROOT / "figures"
CACHE = ROOT / ".cache" / "sweeps"


class Outcome(NamedTuple):
    """What an experiment gave.

    Attributes:
        results: of the sweeps, by name.
        claims: the judged claims.
    """

    results: Results
    claims: list[Claim]


def evaluate(experiment: Experiment, *, full: bool = False, seed: int = 0) -> Outcome:
    """Train, or take from the cache, and judge the claims.

    Raises:
        ValueError: if two claims have the same sentence.
    """
    results = train(experiment, full=full, seed=seed)
    return Outcome(results, judge(experiment, results, full=full))


def train(experiment: Experiment, *, full: bool, seed: int) -> Results:
    """Train what is not in the cache."""
    return Results({name: cached(sweep) for name, sweep in experiment.sweeps(full, seed).items()})


def judge(experiment: Experiment, results: Results, *, full: bool = False) -> list[Claim]:
    """The claims on these results, each with its source.

    Raises:
        ValueError: if two claims have the same sentence.
    """
    section = experiment.section or experiment.source
    claims = [dataclasses.replace(one, source=one.source or section) for one in experiment.claims(results, full)]
    sentences = [claim.claim for claim in claims]
    twice = {sentence for sentence in sentences if sentences.count(sentence) > 1}
    if twice:
        raise ValueError(f"claims of {experiment.name} must differ in their sentences. Twice: {', '.join(twice)}.")
    return claims


def record_seeds(experiment: Experiment, seeds: Sequence[int], *, folder: Path = FIGURES) -> Path:
    """Judge the claims for several seeds, quick size; write what was measured, and return the path."""
    judged = [evaluate(experiment, seed=seed).claims for seed in seeds]
    claims = [
        {
            "claim": alike[0].claim,
            "expected": alike[0].expected,
            "measured": [claim.measured for claim in alike],
            "passed": sum(claim.passed for claim in alike),
        }
        for alike in zip(*judged, strict=True)
    ]
    path = folder / f"{experiment.name}.seeds.json"
    page = {"experiment": experiment.name, "seeds": list(seeds), "claims": claims}
    files.write_text(path, json.dumps(page, indent=1, ensure_ascii=False) + "\n")
    return path


def publish(experiment: Experiment, outcome: Outcome, *, full: bool, seed: int, folder: Path = FIGURES) -> Path:
    """Draw the figure and write it, with its claims as JSON beside it; return the PNG's path."""
    path = folder / f"{experiment.name}.png"
    began = time.perf_counter()
    with mpl.rc_context(tm.plots.style()):
        figure = experiment.draw(outcome.results)
        with files.written_path(path) as picture:
            figure.savefig(picture, metadata={"Software": None})
        if experiment.vector:
            with files.written_path(path.with_suffix(".svg")) as picture:
                figure.savefig(picture, metadata={"Date": None})
        plt.close(figure)
        if experiment.animate is not None:
            with files.written_path(path.with_suffix(".gif")) as animation:
                experiment.animate(outcome.results, animation)
    refuted = refuted_by(experiment, outcome.results, full)
    training = {name: one.attrs["seconds"] for name, one in outcome.results.items()}  # also what was trained earlier
    page = {
        "experiment": experiment.name,
        "question": experiment.question,
        "source": experiment.source,
        "shows": experiment.shows,
        "differences": list(experiment.differences),
        "size": "full" if full else "quick",
        "seed": seed,
        "seconds": round(sum(training.values()) + time.perf_counter() - began, 1),
        "training": training,
        "versions": {
            "toymodels": tm.__version__,
            **{name: version(name) for name in ("jax", "flax", "optax", "numpy")},
        },
        "vector": experiment.vector,
        "animation": experiment.animate is not None,
        "claims": [
            {**claim_record(experiment, claim), "fails_on": refuted.get(claim.claim, [])} for claim in outcome.claims
        ],
    }
    files.write_text(path.with_suffix(".json"), json.dumps(page, indent=1, ensure_ascii=False) + "\n")
    return path


def claim_record(experiment: Experiment, claim: Claim) -> dict[str, object]:
    """The claim as JSON: experiment, claim, source, measured, expected, passed."""
    return {
        "experiment": experiment.name,
        "claim": claim.claim,
        "source": claim.source,
        "measured": claim.measured,
        "expected": claim.expected,
        "passed": claim.passed,
    }


def cached(sweep: Sweep, folder: Path = CACHE) -> xr.Dataset:
    """The results of a sweep, from the cache as far as the same sweep was done before with the same code."""
    return sweep(folder=folder / fingerprint(sweep))
