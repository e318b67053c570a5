"""Measurements are written as they are made, and not made again; needs no PyTorch."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.benchmark import log
from experiments.benchmark.log import measure_all


class Bench:
    """Measurements that count how often they are made."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def todo(self, *names: str) -> dict[str, Callable[[], object]]:
        return {name: lambda name=name: self.measure(name) for name in names}

    def measure(self, name: str) -> dict[str, float]:
        if name == "interrupted":
            raise KeyboardInterrupt
        self.made.append(name)
        return {"milliseconds": float(len(self.made))}


@pytest.fixture
def interrupted(tmp_path: Path) -> tuple[Bench, Path]:
    """A benchmark that was interrupted at its third measurement."""
    bench, path = Bench(), tmp_path / "new" / "kept.json"
    with pytest.raises(KeyboardInterrupt):
        measure_all(bench.todo("first", "second", "interrupted", "last"), path, {"cores": 2}, lambda name: None)
    return bench, path


def test_an_interrupted_benchmark_goes_on_where_it_was(interrupted: tuple[Bench, Path]) -> None:
    bench, path = interrupted
    announced: list[str] = []
    result = measure_all(bench.todo("first", "second", "third", "last"), path, {"cores": 2}, announced.append)
    assert bench.made == ["first", "second", "third", "last"]
    assert announced == ["third", "last"]
    assert [result[name]["milliseconds"] for name in ("first", "second", "third", "last")] == [1, 2, 3, 4]
    assert result["seconds"] >= 0


def test_each_measurement_is_in_the_file_before_the_next_is_made(interrupted: tuple[Bench, Path]) -> None:
    made = json.loads(interrupted[1].read_text())["made"]
    assert {name: one["value"]["milliseconds"] for name, one in made.items()} == {"first": 1, "second": 2}
    assert list(interrupted[1].parent.iterdir()) == [interrupted[1]]


@pytest.mark.parametrize("change", ["conditions", "code", "damage"])
def test_measurements_under_other_conditions_are_made_again(
    interrupted: tuple[Bench, Path], change: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bench, path = interrupted
    if change == "code":
        (tmp_path / "package").mkdir()
        (tmp_path / "package" / "engine.py").write_text("faster = True")
        monkeypatch.setattr(log.tm, "__file__", str(tmp_path / "package" / "__init__.py"))
    if change == "damage":
        path.write_text(path.read_text()[:40])
    measure_all(bench.todo("first"), path, {"cores": 4 if change == "conditions" else 2}, lambda name: None)
    assert bench.made == ["first", "second", "first"]
