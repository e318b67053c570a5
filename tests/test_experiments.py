"""Every claim holds on trained models, and fails on some wrong ones."""

import dataclasses
import json
from collections.abc import Callable
from functools import partial

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import toymodels as tm
from experiments import EXPERIMENTS
from experiments.__main__ import main, select
from experiments.experiment import Experiment, Results, at_least, at_most, equal
from experiments.gallery import claims_table, speed_table, update_readme, write_gallery
from experiments.runner import ROOT, cached, evaluate, publish
from toymodels.sweeps import best
from toymodels.training import engine

# Experiments that use the same trained models go to the same worker, so that these are trained once.
BY_MODULE = [
    pytest.param(experiment, marks=pytest.mark.xdist_group(experiment.draw.__module__), id=experiment.name)
    for experiment in EXPERIMENTS
]


def changed(results: Results, change: Callable[[str, np.ndarray], np.ndarray]) -> Results:
    """Results whose parameters are `change(name, values)`."""
    return {
        key: one.assign({name: (one[name].dims, change(name, one[name].values)) for name in ("W", "b")})
        for key, one in results.items()
    }


def untrained(results: Results) -> Results:
    """Weights as small and random as an initialiser's."""
    rng = np.random.default_rng(0)
    return changed(results, lambda name, value: rng.normal(0, 0.3 if name == "W" else 0, value.shape))


def reversed_features(results: Results) -> Results:
    """The least important feature is treated as the most important one."""
    return changed(results, lambda _, value: value[..., ::-1])


def reversed_cells(results: Results) -> Results:
    """The model of the sparsest features stands in the place of the densest, and the ReLU model in the linear one's."""
    return changed(results, lambda _, value: value[::-1])


def last_everywhere(results: Results) -> Results:
    """The last cell's model whatever the cell; a ReLU model where a linear one should be."""
    return _repeated(results, results.get("relu", next(iter(results.values()))), -1)


def first_everywhere(results: Results) -> Results:
    """The first cell's model whatever the cell; a linear model where a ReLU one should be."""
    return _repeated(results, next(iter(results.values())), 0)


def too_long(results: Results) -> Results:
    """Weights and biases that overshoot."""
    return changed(results, lambda _, value: 1.5 * value)


def clustered(results: Results) -> Results:
    """Antipodal pairs of unequal length, whose longer member has 1 / (1 + ratio²) = 3/5 of a dimension."""
    ratio = np.sqrt(2 / 3)
    return changed(results, lambda name, value: _pairs(value, ratio) if name == "W" else value)


def diverged(results: Results) -> Results:
    """Not a number anywhere."""
    return changed(results, lambda _, value: np.full(value.shape, np.nan))


CONTROLS = [
    untrained,
    reversed_features,
    reversed_cells,
    last_everywhere,
    first_everywhere,
    too_long,
    clustered,
    diverged,
]


def _repeated(results: Results, source: xr.Dataset, cell: int) -> Results:
    model = (
        best(source).isel({source.loss.dims[0]: cell})
        if "restart" in source.dims
        else source[{source.loss.dims[0]: cell}]
    )
    return changed(results, lambda name, value: np.broadcast_to(model[name].values, value.shape))


def _pairs(W: np.ndarray, ratio: float) -> np.ndarray:
    """Feature 2k along axis k, and feature 2k+1 against it, shorter by `ratio`."""
    m, n = W.shape[-2:]
    pairs = np.zeros((m, n))
    for k in range(min(m, n // 2)):
        pairs[k, 2 * k], pairs[k, 2 * k + 1] = 1.0, -ratio
    return np.broadcast_to(pairs, W.shape)


@pytest.mark.parametrize("experiment", BY_MODULE)
def test_claims_hold_and_each_has_a_control_that_fails_it(experiment: Experiment) -> None:
    results, claims, _ = evaluate(experiment)
    assert [claim.claim for claim in claims if not claim.passed] == []
    with np.errstate(all="ignore"):  # controls divide by zero
        judged = [claim for control in CONTROLS for claim in experiment.claims(control(results), False)]
    refuted = {claim.claim for claim in judged if not claim.passed}
    assert {claim.claim for claim in claims} - refuted == set()


@pytest.mark.parametrize("experiment", BY_MODULE)
def test_figures_are_drawn_and_described(experiment: Experiment, tmp_path) -> None:
    outcome = evaluate(experiment)
    path = publish(experiment, outcome, full=False, seed=0, folder=tmp_path)
    pixels = plt.imread(path)[..., :3]
    assert (pixels < 0.9).any(-1).mean() > 0.005  # something is drawn
    page = json.loads(path.with_suffix(".json").read_text())
    assert page["experiment"] == experiment.name
    assert set(page["claims"][0]) == {"experiment", "claim", "source", "measured", "expected", "passed"}
    assert path.with_suffix(".svg").exists() == experiment.vector


@pytest.mark.parametrize("experiment", BY_MODULE)
def test_committed_pages_have_all_claims(experiment: Experiment) -> None:
    page = json.loads((ROOT / "figures" / f"{experiment.name}.json").read_text())
    assert page["size"] == "quick"
    assert all(claim["passed"] for claim in page["claims"])
    assert (ROOT / "figures" / f"{experiment.name}.png").exists()


def test_gallery_and_readme_are_up_to_date(tmp_path) -> None:
    (tmp_path / "figures").mkdir()
    for experiment in EXPERIMENTS:
        target = tmp_path / "figures" / f"{experiment.name}.json"
        target.parent.mkdir(exist_ok=True)
        target.write_text((ROOT / "figures" / f"{experiment.name}.json").read_text())
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
    rows = claims_table([vars(at_least("many", "here", 1.0, 2)), vars(at_most("few", "there", 1.0, 2))]).splitlines()
    assert rows[2] == "| ✗ | many | 1 | >= 2 | here |"
    assert rows[3] == "| ✓ | few | 1 | <= 2 | there |"


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
    assert select("elhage2022") == list(EXPERIMENTS)


def test_unknown_names_are_refused(capsys) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["run", "elhage2022/intor"])
    assert "no experiment 'elhage2022/intor'" in capsys.readouterr().err


def test_list_names_everything(capsys) -> None:
    assert main(["list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [one.name for one in EXPERIMENTS]


@pytest.mark.xdist_group("experiments.elhage2022.demonstrating")
def test_check_prints_json_and_exits_with_0(capsys) -> None:
    assert main(["check", "--json", "elhage2022/intro"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert {record["experiment"] for record in records} == {"elhage2022/intro"}
    assert all(record["passed"] for record in records)


@pytest.mark.xdist_group("experiments.elhage2022.demonstrating")
def test_check_exits_with_1_when_a_claim_fails(capsys, monkeypatch) -> None:
    def wrong(results: Results, full: bool):
        return [at_most("more than there are", "ours", results["models"].W.shape[-1], 4)]

    intro = dataclasses.replace(select("elhage2022/intro")[0], claims=wrong)
    monkeypatch.setattr("experiments.__main__.EXPERIMENTS", (intro,))
    assert main(["check", "elhage2022/intro"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_finished_sweeps_are_reused_and_damaged_ones_redone(tmp_path, monkeypatch) -> None:
    whole = next(iter(select("elhage2022/intro")[0].sweeps(False, 0).values()))
    sweep = partial(whole, restarts=1, recipe=tm.Recipe(steps=3))
    first = cached(sweep, tmp_path)
    unit = next(tmp_path.rglob("*.npz"))
    unit.write_bytes(unit.read_bytes()[:100])
    with pytest.warns(UserWarning, match="is done again"):
        np.testing.assert_array_equal(cached(sweep, tmp_path).W, first.W)
    monkeypatch.setattr(engine, "advance", None)  # what is cached is not trained again
    np.testing.assert_array_equal(cached(sweep, tmp_path).W, first.W)
    with pytest.raises(TypeError):
        cached(partial(sweep, seed=1), tmp_path)
