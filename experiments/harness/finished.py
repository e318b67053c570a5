"""Which figures are finished: drawn and judged by the code as it is, so that a second run need not do them again."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path

from experiments.harness import runner
from experiments.harness.experiment import Claim, Experiment
from experiments.harness.fingerprint import fingerprint
from toymodels import files

STAMPS = runner.CACHE.parent / "figures"


def mark_finished(experiment: Experiment, *, full: bool, seed: int, folder: Path) -> None:
    """Note that the picture and the page that now stand in `folder` are those of this size, seed and code."""
    path = _stamp_path(experiment)
    files.write_text(path, _stamp(experiment, folder / f"{experiment.name}.json", full, seed))


def finished_claims(experiment: Experiment, *, full: bool, seed: int, folder: Path) -> list[Claim] | None:
    """The claims of a figure that is finished in `folder`, as its page has them; None if it is not."""
    path, page = _stamp_path(experiment), folder / f"{experiment.name}.json"
    if not path.exists() or files.read_text(path) != _stamp(experiment, page, full, seed):
        return None
    names = ("claim", "source", "measured", "expected", "passed")
    return [Claim(**{name: record[name] for name in names}) for record in json.loads(files.read_text(page))["claims"]]


def _stamp(experiment: Experiment, page: Path, full: bool, seed: int) -> str:
    """A digest of all that a figure depends on, and of the files that it was written to."""
    depends_on = fingerprint(experiment, runner.__name__)
    outputs = (page, page.with_suffix(".png"))
    written = [hashlib.sha256(files.read_bytes(file)).hexdigest() if file.exists() else "" for file in outputs]
    what = (depends_on, version("matplotlib"), full, seed, str(page.resolve()), written)
    return hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()


def _stamp_path(experiment: Experiment) -> Path:
    return STAMPS / f"{experiment.name}.txt"
