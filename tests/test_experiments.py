"""Every claim holds on trained models, and fails on some wrong ones."""

import dataclasses
import inspect
import json
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest

import toymodels as tm
from experiments.__main__ import main, select
from experiments.harness.discovery import EXPERIMENTS
from experiments.harness.experiment import Experiment, Results, at_least, at_most, equal
from experiments.harness.finished import finished_claims
from experiments.harness.gallery import claims_table, speed_table, update_readme, write_gallery
from experiments.harness.progress import expected_seconds
from experiments.harness.runner import ROOT, cached, evaluate, fingerprint, publish, record_seeds
from toymodels.training.engine import step


def first_sweep(experiment: Experiment) -> str:
    return fingerprint(next(iter(experiment.sweeps(False, 0).values())))


# Experiments that use the same trained models go to the same worker, so that these are trained once.
EACH = [
    pytest.param(experiment, marks=pytest.mark.xdist_group(first_sweep(experiment)), id=experiment.name)
    for experiment in EXPERIMENTS
]


@pytest.mark.reproduction
@pytest.mark.parametrize("experiment", EACH)
def test_claims_hold_fail_on_controls_and_are_published_with_a_figure(experiment: Experiment, tmp_path) -> None:
    outcome = evaluate(experiment)
    assert [claim.claim for claim in outcome.claims if not claim.passed] == []
    path = publish(experiment, outcome, full=False, seed=0, folder=tmp_path)
    pixels = plt.imread(path)[..., :3]
    assert (pixels < 0.9).any(-1).mean() > 0.005  # something is drawn
    page = json.loads(path.with_suffix(".json").read_text())
    assert page["experiment"] == experiment.name
    assert set(page["claims"][0]) == {"experiment", "claim", "source", "measured", "expected", "passed", "fails_on"}
    assert [claim["claim"] for claim in page["claims"] if not claim["fails_on"]] == []
    assert path.with_suffix(".svg").exists() == experiment.vector
    assert path.with_suffix(".gif").exists() == (experiment.animate is not None)


@pytest.mark.parametrize("experiment", EACH)
def test_committed_pages_have_all_claims(experiment: Experiment) -> None:
    page = json.loads((ROOT / "figures" / f"{experiment.name}.json").read_text())
    assert page["size"] == "quick"
    assert all(claim["passed"] for claim in page["claims"])
    assert (ROOT / "figures" / f"{experiment.name}.png").exists()
    assert (ROOT / "figures" / f"{experiment.name}.gif").exists() == page["animation"]


@pytest.mark.parametrize("experiment", EACH)
def test_committed_claims_hold_for_most_seeds(experiment: Experiment) -> None:
    page = json.loads((ROOT / "figures" / f"{experiment.name}.json").read_text())
    record = json.loads((ROOT / "figures" / f"{experiment.name}.seeds.json").read_text())
    stated = [(claim["claim"], claim["expected"]) for claim in page["claims"]]
    assert [(claim["claim"], claim["expected"]) for claim in record["claims"]] == stated
    assert record["seeds"] == [0, 1, 2, 3, 4]
    assert [claim["claim"] for claim in record["claims"] if claim["passed"] < 4] == []


@pytest.mark.long
@pytest.mark.parametrize("experiment", EACH)
def test_claims_hold_for_most_seeds(experiment: Experiment, tmp_path) -> None:
    record = json.loads(record_seeds(experiment, range(5), folder=tmp_path).read_text())
    assert [claim["claim"] for claim in record["claims"] if claim["passed"] < 4] == []


def test_gallery_and_readme_are_up_to_date(tmp_path) -> None:
    (tmp_path / "figures").mkdir()
    for experiment in EXPERIMENTS:
        for name in (f"{experiment.name}.json", f"{experiment.name}.seeds.json"):
            target = tmp_path / "figures" / name
            target.parent.mkdir(exist_ok=True)
            target.write_text((ROOT / "figures" / name).read_text())
    gallery = write_gallery(EXPERIMENTS, tmp_path / "figures").read_text()
    assert gallery == (ROOT / "figures" / "README.md").read_text()
    readme = tmp_path / "README.md"
    readme.write_text((ROOT / "README.md").read_text())
    assert update_readme(EXPERIMENTS, readme, ROOT / "figures").read_text() == (ROOT / "README.md").read_text()


def test_claims_compare_as_they_say() -> None:
    assert at_least("c", "s", 2.0, 2).passed
    assert not at_least("c", "s", 1.9, 2).passed
    assert at_most("c", "s", -0.5, 0).passed
    assert not at_most("c", "s", 0.1, 0).passed
    assert equal("c", "s", np.int64(3), 3).passed
    assert not equal("c", "s", 3.5, 3).passed
    for judge in (at_least, at_most, equal):
        assert not judge("c", "s", float("nan"), 0).passed


def test_claims_table_shows_failures() -> None:
    many = {**vars(at_least("many", "here", 1.0, 2)), "fails_on": ["too_long", "untrained", "diverged"]}
    few = {**vars(at_most("few |x|", "there", 1.0, 2)), "fails_on": []}
    rows = claims_table([many, few], {"many": "3 of 5"}).splitlines()
    assert rows[2] == "| ✗ | many | 1 | >= 2 | 3 of 5 | too long, untrained | here |"
    assert rows[3] == "| ✓ | few \\|x\\| | 1 | <= 2 |  | nothing | there |"


def test_speed_table_tells_missed_targets() -> None:
    report = {
        "machine": {"cores": 3, "processor": "Abacus", "torch": "9.9"},
        "targets": [
            {"target": "fast", "at_least": 10, "measured": 12.34, "passed": True},
            {"target": "faster", "at_least": 100, "measured": 99.0, "passed": False},
            {"target": "fastest", "at_least": 5, "measured": None, "passed": False},
        ],
    }
    assert speed_table(report).splitlines()[-3:] == [
        "| fast | 12.3 | 10 |",
        "| faster | 99 (missed) | 100 |",
        "| fastest | not reached (missed) | 5 |",
    ]


def test_select_takes_figures_and_papers() -> None:
    assert [one.name for one in select("elhage2022/intro")] == ["elhage2022/intro"]
    assert select("elhage2022") == [one for one in EXPERIMENTS if one.name.startswith("elhage2022/")]
    assert {one.name.partition("/")[0] for one in EXPERIMENTS} == {"elhage2022", "beyond"}


def test_unknown_names_are_refused(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", "elhage2022/intor"])
    assert "no experiment 'elhage2022/intor'" in capsys.readouterr().err


def test_list_names_everything(capsys) -> None:
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [one.name for one in EXPERIMENTS]


def test_check_prints_json_and_exits_with_0(capsys) -> None:
    assert main(["check", "--json", "elhage2022/intro"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert {record["experiment"] for record in records} == {"elhage2022/intro"}
    assert all(record["passed"] for record in records)


def test_check_exits_with_1_when_a_claim_fails(capsys, monkeypatch) -> None:
    def wrong(results: Results, full: bool):
        return [at_most("more than there are", "ours", results["models"].W.shape[-1], 4)]

    intro = dataclasses.replace(select("elhage2022/intro")[0], claims=wrong)
    monkeypatch.setattr("experiments.__main__.EXPERIMENTS", (intro,))
    assert main(["check", "elhage2022/intro"]) == 1
    assert "FAIL" in capsys.readouterr().out


def _tiny(experiment: Experiment, **change) -> Experiment:
    """An experiment whose sweeps are a few steps of one model."""

    def sweeps(full: bool, seed: int):
        whole = experiment.sweeps(full, seed)
        return {name: partial(sweep, restarts=1, recipe=tm.Recipe(steps=3)) for name, sweep in whole.items()}

    return dataclasses.replace(experiment, sweeps=sweeps, **change)


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder for figures, with no trace of earlier runs."""
    monkeypatch.setattr("experiments.harness.finished.STAMPS", tmp_path / "stamps")
    return tmp_path


def test_a_second_run_does_only_what_is_missing(elsewhere, monkeypatch, capsys) -> None:
    drawn = []
    intro, relu = (
        _tiny(one, draw=lambda results, one=one: drawn.append(one.name) or one.draw(results))
        for one in select("elhage2022/intro") + select("elhage2022/linear-vs-relu")
    )
    monkeypatch.setattr("experiments.__main__.EXPERIMENTS", (intro, relu))
    main(["run", "elhage2022/intro", "--figures", str(elsewhere)])
    first = capsys.readouterr().out
    main(["run", "elhage2022", "--figures", str(elsewhere)])
    assert drawn == ["elhage2022/intro", "elhage2022/linear-vs-relu"]
    again = [line for line in capsys.readouterr().out.splitlines() if "elhage2022/intro" in line]
    assert [line.split() for line in again] == [line.split() for line in first.splitlines()[:-1]]
    (elsewhere / "elhage2022" / "intro.png").write_bytes(b"another picture")
    main(["run", "elhage2022/intro", "--figures", str(elsewhere)])
    main(["run", "elhage2022/intro", "--seed", "1", "--figures", str(elsewhere)])
    assert drawn[2:] == ["elhage2022/intro"] * 2


def test_an_interrupted_run_keeps_what_is_finished(elsewhere, monkeypatch, capsys) -> None:
    def interrupted(results: Results):
        raise KeyboardInterrupt

    intro, relu = (_tiny(select(f"elhage2022/{name}")[0]) for name in ("intro", "linear-vs-relu"))
    stopped = dataclasses.replace(relu, draw=interrupted)
    monkeypatch.setattr("experiments.__main__.EXPERIMENTS", (intro, stopped))
    assert main(["run", "elhage2022", "--figures", str(elsewhere)]) == 130
    assert "the same command goes on" in capsys.readouterr().err
    assert finished_claims(intro, full=False, seed=0, folder=elsewhere)
    assert finished_claims(stopped, full=False, seed=0, folder=elsewhere) is None
    assert "intro" in (elsewhere / "README.md").read_text()


def test_time_is_expected_of_sweeps_that_are_neither_cached_nor_shared(elsewhere) -> None:
    one = _tiny(select("elhage2022/dimensionality")[0])
    other, unknown = (_tiny(select(f"elhage2022/{name}")[0]) for name in ("leverage", "intro"))
    page = elsewhere / "elhage2022" / "dimensionality.json"
    page.parent.mkdir()
    page.write_text('{"training": {"models": 30.0}}')
    assert expected_seconds([one, other, unknown], full=False, seed=0, folder=elsewhere, cache=elsewhere) == [32, 2, 12]
    (elsewhere / fingerprint(one.sweeps(False, 0)["models"])).mkdir()
    assert expected_seconds([one], full=False, seed=0, folder=elsewhere, cache=elsewhere) == [2]


def test_what_is_cached_depends_on_the_functions_of_an_experiment(monkeypatch) -> None:
    (sweep,) = select("elhage2022/geometric-learning")[0].sweeps(False, 0).values()
    before = fingerprint(sweep)
    assert fingerprint(sweep) == before
    getsource = inspect.getsource
    monkeypatch.setattr(inspect, "getsource", lambda thing: getsource(thing).replace("0.03", "0.3"))
    assert fingerprint(sweep) != before


def test_claims_with_the_same_sentence_are_refused(elsewhere) -> None:
    claim = at_most("few", "ours", 1, 2)
    with pytest.raises(ValueError, match="Twice: few"):
        evaluate(_tiny(select("elhage2022/intro")[0], claims=lambda results, full: [claim, claim]))


def test_finished_sweeps_are_reused_and_damaged_ones_redone(tmp_path, monkeypatch) -> None:
    whole = next(iter(select("elhage2022/intro")[0].sweeps(False, 0).values()))
    sweep = partial(whole, restarts=1, recipe=tm.Recipe(steps=3))
    first = cached(sweep, tmp_path)
    unit = next(tmp_path.rglob("*.npz"))
    unit.write_bytes(unit.read_bytes()[:100])
    with pytest.warns(UserWarning, match="is done again"):
        np.testing.assert_array_equal(cached(sweep, tmp_path).W, first.W)
    monkeypatch.setattr(step, "advance", None)  # what is cached is not trained again
    np.testing.assert_array_equal(cached(sweep, tmp_path).W, first.W)
    with pytest.raises(TypeError):
        cached(partial(sweep, seed=1), tmp_path)
