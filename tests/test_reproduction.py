"""Every figure is trained at its quick size: its claims hold on trained models, and fail on some wrong ones."""

import json
from collections.abc import Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from legibility import faults

from experiments.harness.discovery import experiments_of, find_papers
from experiments.harness.experiment import Experiment
from experiments.harness.runner import ROOT, evaluate, publish, record_seeds
from toymodels import identities, plots


def groups(experiments: Sequence[Experiment]) -> list[str]:
    """For each experiment the name of the first one that uses some of the same trained models, or its own."""
    users: dict[str, str] = {}
    found = []
    for experiment in experiments:
        sweeps = experiment.sweeps(False, 0).values()
        trained = [json.dumps(identities.describe(sweep), sort_keys=True) for sweep in sweeps]
        found.append(next((users[one] for one in trained if one in users), experiment.name))
        users |= {one: found[-1] for one in trained if one not in users}
    return found


# Experiments that use the same trained models go to the same worker, so that these are trained once.
EXPERIMENTS = experiments_of(find_papers())
MINUTES = ("testbed/poster", "testbed/transformers")  # with them, all stages might not end within the hour of CI
EACH = [
    pytest.param(experiment, marks=pytest.mark.xdist_group(group), id=experiment.name)
    for experiment, group in zip(EXPERIMENTS, groups(EXPERIMENTS), strict=True)
]
IN_STAGES = [
    pytest.param(
        *one.values,
        marks=[*one.marks, pytest.mark.long if one.id in MINUTES else pytest.mark.reproduction],
        id=one.id,
    )
    for one in EACH
]


@pytest.mark.parametrize("experiment", IN_STAGES)
def test_claims_hold_fail_on_controls_and_are_published_with_a_figure(experiment: Experiment, tmp_path) -> None:
    outcome = evaluate(experiment)
    assert [claim.claim for claim in outcome.claims if not claim.passed] == []
    committed = json.loads((ROOT / "figures" / f"{experiment.name}.json").read_text())["claims"]
    stated = [(claim["claim"], claim["source"], claim["expected"]) for claim in committed]
    assert [(claim.claim, claim.source, claim.expected) for claim in outcome.claims] == stated
    with mpl.rc_context(plots.style()):
        assert faults(experiment.draw(outcome.results)) == []
    path = publish(experiment, outcome, full=False, seed=0, folder=tmp_path)
    pixels = plt.imread(path)
    assert (pixels[..., :3] < 0.9).any(-1).mean() > 0.005  # something is drawn
    assert (pixels[..., 3:] == 1).all()  # and nothing shines through
    page = json.loads(path.with_suffix(".json").read_text())
    assert page["experiment"] == experiment.name
    assert set(page["claims"][0]) == {"experiment", "claim", "source", "measured", "expected", "passed", "fails_on"}
    assert [claim["claim"] for claim in page["claims"] if not claim["fails_on"]] == []
    assert path.with_suffix(".svg").exists() == experiment.vector
    assert path.with_suffix(".gif").exists() == (experiment.animate is not None)


@pytest.mark.long
@pytest.mark.parametrize("experiment", EACH)
def test_claims_hold_for_most_seeds(experiment: Experiment, tmp_path) -> None:
    record = json.loads(record_seeds(experiment, range(5), folder=tmp_path).read_text())
    assert [claim["claim"] for claim in record["claims"] if claim["passed"] < 4] == []
