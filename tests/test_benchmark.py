"""The benchmark: both sides compute the same, and the report says what was measured."""

# ruff: noqa: E402 (without PyTorch these modules cannot be imported)

import dataclasses
import importlib
import json
import platform
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from experiments.benchmark import (
    agreement,
    baseline,
    dictionaries,
    draw,
    ours,
    phase_diagram,
    plan,
    report,
    resident,
    timing,
)
from experiments.benchmark.bare import BareEngine
from experiments.benchmark.dictionaries import GRID, WIDE, Dictionaries
from experiments.benchmark.same_loss import Comparison
from experiments.benchmark.sizes import LARGE, SMALL, Effort, Size

TINY = Size(5, 2, (0.7, 0.3), decay=0.8)
BRIEF = Effort(rounds=2, seconds=0.005)
FEW = Dictionaries(n_features=6, n_inputs=3, n_units=5, strengths=2, seeds=1, steps=5)
PLAN = plan.Plan(
    name="tiny",
    sizes=(TINY, dataclasses.replace(LARGE, densities=(0.5,))),
    steps=BRIEF,
    own_draws=False,
    default_recipe=(Comparison(TINY, restarts=2, notebook_steps=20),),
    same_loss=(Comparison(SMALL, every=5, notebook_steps=20),),
    same_loss_effort=BRIEF,
    recipes=(dataclasses.replace(ours.notebook_steps(1), batch_size=8), ours.notebook_steps(40)),
    memory=(),
    growth=BRIEF,
    models=(1, 2),
    largest_pytorch=1,
    features=(5,),
    sweeps=(TINY,),
    dictionaries=(FEW,),
    phase_diagram=3,
)


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """PyTorch's threads wait for each other actively, which is slow beside other tests."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A report, as `main` completes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("experiments.benchmark.measure.matrix_rate", lambda: timing.matrix_rate(side=64, calls=2))
        patch.setattr(phase_diagram, "measure", phase_diagram.measure_here)
        patch.setattr(dictionaries, "saelens_version", lambda: None)
        path = tmp_path_factory.mktemp("benchmark") / "tiny.json"
        return plan.measure(PLAN, path, announce=lambda what: None) | {"others_share_of_cores": 0.5}


def test_both_sides_compute_the_same() -> None:
    # float32: after 100 steps of 1e-3 the weights of the two sides were 2e-6 apart
    assert agreement.largest_difference(TINY, steps=30) < 1e-5


@pytest.mark.parametrize("change", [{"learning_rate": 2e-3}, {"weight_decay": 0.0}])
def test_agreement_sees_another_recipe(monkeypatch: pytest.MonkeyPatch, change: dict[str, float]) -> None:
    original: Callable[..., Any] = ours.notebook_steps
    monkeypatch.setattr(ours, "notebook_steps", lambda steps: dataclasses.replace(original(steps), **change))
    assert agreement.largest_difference(TINY, steps=30) > 1e-5


def test_notebook_samples_have_the_densities() -> None:
    x = baseline.Notebook(TINY, batch_size=20_000).sample().numpy()
    # 100,000 draws a density: standard error below 0.002
    np.testing.assert_allclose((x > 0).mean((0, 2)), TINY.densities, atol=0.01)
    np.testing.assert_allclose(x.sum((0, 2)) / (x > 0).sum((0, 2)), 0.5, atol=0.01)


def test_both_sides_start_from_weights_of_the_same_spread() -> None:
    notebook = baseline.Notebook(LARGE).weights()
    ours_W = ours.sweep(LARGE, dataclasses.replace(ours.notebook_steps(1), learning_rate=0.0)).W.values[:, 0]
    assert notebook.shape == ours_W.shape
    # 80,000 weights: relative standard error 0.25 %
    assert notebook.std() == pytest.approx(LARGE.notebook_std, rel=0.02)
    assert ours_W.std() == pytest.approx(LARGE.notebook_std, rel=0.02)


def test_arithmetic_is_counted() -> None:
    assert Size(3, 2, (0.5, 0.1)).flops(batch_size=7) == 5 * 2 * 7 * 3 * 2 * 2


def test_interleaving_takes_turns() -> None:
    asked: list[str] = []

    def side(name: str, value: float) -> Callable[[], float]:
        return lambda: asked.append(name) or value  # type: ignore[func-returns-value]

    values = timing.interleave({"a": side("a", 1.0), "b": side("b", 2.0)}, rounds=2)
    assert asked == ["a", "b", "a", "b"]
    assert values["b"].tolist() == [2.0, 2.0]


def test_report_has_every_part(measured: dict[str, Any]) -> None:
    json.loads(json.dumps(measured, allow_nan=False))
    row = measured["steps"][TINY.name]
    ratio = row["pytorch_ms"]["median"] / row["ours_ms"]["median"]
    assert row["ratio"]["min"] <= ratio * 1.01
    assert ratio <= row["ratio"]["max"] * 1.01
    gflops = TINY.flops(1024) / row["ours_ms"]["median"] / 1e6
    assert row["ours_gflops"]["median"] == pytest.approx(gflops, rel=0.6)  # medians of two rounds
    assert [entry["models"] for entry in measured["growth"]["models"]] == [1, 2]
    assert "pytorch_model_steps_per_second" not in measured["growth"]["models"][1]
    assert [entry["features"] for entry in measured["growth"]["features"]] == [5]


def test_the_default_recipes_losses_are_compared_at_every_density(measured: dict[str, Any]) -> None:
    rows = measured["default_recipe"][TINY.name]
    assert [row["density"] for row in rows] == [0.7, 0.3]
    assert max(row["median_ratio"] for row in rows) < 0.9  # the notebook's recipe has only 20 steps here


def test_the_first_recipe_that_reaches_the_loss_is_timed(measured: dict[str, Any]) -> None:
    row = measured["same_loss"][SMALL.name]
    one_step, forty_steps = row["recipes_tried"]
    assert one_step["mean_loss_ratio"] > 1.01
    assert forty_steps["worst_loss_ratio"] < 1.05
    assert row["reached"]
    assert row["ratio_with_compilation"] < row["ratio"]["median"]


def test_targets_pass_and_fail() -> None:
    steps = {LARGE.name: {"ratio": {"median": 9.9}, "share_of_matrix_rate": {"median": 0.8}}}
    same_loss = {
        SMALL.name: {"reached": True, "ratio": {"median": 60.0}},
        LARGE.name: {"reached": False},
    }
    sweeps = {TINY.name: {"models": 2, "ratio": {"median": 0.8}}}
    agreement = {"all cells": 0.98, "further than 1/48 of an axis from a border": 0.98}
    phases = {"models": 2**20, "seconds": 241.0, "peak_mib": 100, "agreement": agreement}
    recipes = {"one": [{"median_ratio": 1.04}, {"median_ratio": 0.9}], "two": [{"median_ratio": 1.06}]}
    grids = {GRID.name: {"autoencoders": 64, "ratio": {"median": 19.0}}, WIDE.name: {"skipped": "no"}}
    found = report.targets(steps, recipes, same_loss, sweeps, grids, phases)
    passed = [target["passed"] for target in found]
    assert passed == [False, True, False, True, False, True, False, False, False, True, True, False]


def test_table_names_missed_targets_and_other_programs(measured: dict[str, Any]) -> None:
    missed = {"target": "the moon", "at_least": 10, "measured": 3.0, "passed": False}
    text = report.table(measured | {"targets": [missed]})
    assert "MISSED  the moon" in text
    assert "1 of 1 targets missed" in text
    assert "Other programs used 50%" in text


def test_the_bare_engine_trains_the_models_of_the_sweep() -> None:
    recipe = ours.notebook_steps(50)
    bare = BareEngine(TINY, recipe)
    states = [bare._train_chunk(chunk)[0] for chunk in bare._chunks]
    W = np.concatenate([np.asarray(state.params["W"]).reshape(-1, 2, 5) for state in states])
    np.testing.assert_allclose(W, ours.sweep(TINY, recipe).W[:, 0], atol=1e-6)


def test_the_sweeps_are_measured(measured: dict[str, Any]) -> None:
    assert measured["phase_diagram"]["models"] == 9 * 16
    assert 0 < measured["sweeps"][TINY.name]["ratio"]["median"] < 1.5


def test_dictionaries_are_left_out_with_a_word_without_saelens(measured: dict[str, Any]) -> None:
    assert measured["dictionaries"] == {FEW.name: {"skipped": "SAELens is not installed"}}
    assert "5 units in 3 dimensions       left out: SAELens is not installed" in report.table(measured)


@pytest.mark.filterwarnings("ignore")  # of SAELens, while it is imported
def test_dictionaries_are_timed_beside_saelens(measured: dict[str, Any]) -> None:
    pytest.importorskip("sae_lens")
    row = dictionaries.beside_saelens(FEW, BRIEF)
    assert row["autoencoders"] == 2
    assert row["saelens_ms"]["max"] <= row["saelens_one_thread_ms"]["max"]
    ratio = row["saelens_ms"]["median"] / row["ours_ms"]["median"]
    assert row["ratio"]["min"] * 0.99 <= ratio <= row["ratio"]["max"] * 1.01
    with_grid = {"autoencoders": 64, **{key: row[key] for key in ("ours_ms", "saelens_ms", "ratio")}}
    assert f"{GRID.name:<30}  64" in report.table(measured | {"dictionaries": {GRID.name: with_grid}})


def test_machine_is_described_without_its_name() -> None:
    about = json.dumps(report.machine())
    assert platform.node() not in about
    assert "/" not in about


def test_picture_shows_the_numbers(measured: dict[str, Any]) -> None:
    ratios, models, _ = draw.draw(measured).axes
    widths = [bar.get_width() for bar in ratios.patches]
    rows = [*measured["steps"].values(), *measured["same_loss"].values()]
    assert widths == [row["ratio"]["median"] for row in rows]
    assert list(models.lines[0].get_xdata()) == [1, 2]


def test_memory_of_a_large_array_is_seen() -> None:
    before = resident.resident_peak()
    array = np.ones(2**27, dtype=np.uint8)
    assert resident.resident_peak() - before > 0.5 * array.nbytes


def test_without_pytorch_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'toymodels\[bench\]'"):
        importlib.reload(baseline)
