"""The pages that explain: their code runs as it stands, and what they say in tables is what there is."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "experiments" / "site"
PAGES = [SITE / "questions.md", *sorted((SITE / "how_it_works").glob("*.md"))]
SIZES = {"restart": 4, "density": 2, "seed": 3, "snapshot": 2, "hidden": 2, "feature": 5}


def blocks(page: Path) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page)], ids=lambda page: page.stem)
def test_a_page_runs_as_it_stands(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("MPLBACKEND", "agg")
    code = "\n".join(blocks(page))
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_questions_are_answered_in_ten_lines_under_the_words_that_are_searched_for():
    text = (SITE / "questions.md").read_text(encoding="utf-8")
    wanted = ["Change the loss", "Load PyTorch weights", "A phase diagram of my own", "A figure of another paper"]
    wanted += ["Cost of 100,000 models with n = 50", "Where a figure's numbers are", "A pandas table"]
    wanted += ["Hidden activations of a trained model"]
    assert re.findall(r"^## (.*)$", text, flags=re.MULTILINE) == wanted
    for answer in text.split("\n## ")[1:]:
        (code,) = re.findall(r"^```python\n(.*?)^```", answer, flags=re.DOTALL | re.MULTILINE)
        assert len([line for line in code.splitlines() if line.strip()]) < 10, answer


def test_every_page_is_listed():
    listed = (SITE / "how_it_works" / "index.md").read_text(encoding="utf-8")
    names = sorted(page.stem for page in PAGES if page.parent != SITE and page.stem != "index")
    assert sorted(re.findall(r"^\w+$", listed.partition("{toctree}")[2], flags=re.MULTILINE)) == names
    assert sorted(re.findall(r"\]\((\w+)\.md\)", listed)) == names


def described(text: str, place: str) -> dict[str, tuple[tuple[str, ...], str]]:
    """Names of a table with the dimensions and the type that it gives to each."""
    inside = text.split(f"<!-- {place} -->")[1].split(f"<!-- /{place} -->")[0]
    found = {}
    for line in inside.splitlines()[3:]:
        if line.startswith("|"):
            names, dims, dtype, _ = (cell.strip() for cell in line.strip("|").split("|"))
            found |= {name: (tuple(dims.split(", ")), dtype) for name in re.findall(r"`([^`]+)`", names)}
    return found


def test_the_tables_of_results_are_what_there_is():
    page = SITE / "how_it_works" / "results.md"
    names: dict[str, Any] = {}
    for code in blocks(page):
        exec(compile(code, page.name, "exec", dont_inherit=True), names)
    grid, run, text = names["grid"], names["run"], page.read_text(encoding="utf-8")
    assert described(text, "sweep") == {str(name): (one.dims, one.dtype.name) for name, one in grid.variables.items()}
    for name, (dims, dtype) in described(text, "run").items():
        array = eval(f"run.{name}", {"run": run})
        sizes = SIZES | {"step": len(run.history_steps)}
        assert (array.shape, array.dtype.name) == (tuple(sizes[dim] for dim in dims), dtype), name
    told = {name.split("[")[0] for name in described(text, "run")}
    assert told | {"state", "config", "seconds", "model", "W", "b", "final_loss"} == {
        *vars(run),
        "W",
        "b",
        "final_loss",
    }
    attributes = re.findall(r"`(\w+)`", text.split("\nAttributes: ")[1].splitlines()[0])
    assert attributes == list(grid.attrs)


def test_the_cost_page_has_the_numbers_of_the_benchmark():
    measured = json.loads((ROOT / "figures" / "benchmark.json").read_text(encoding="utf-8"))
    text = (SITE / "how_it_works" / "cost.md").read_text(encoding="utf-8")
    table = {
        (int(n), int(m)): (float(micro.replace(",", "")), float(hour.replace(",", "")))
        for n, m, micro, hour in re.findall(
            r"^\| (\d+) \| (\d+) \| ([\d,.]+) \| ([\d,]+) \|$", text, flags=re.MULTILINE
        )
    }
    assert sorted(table) == sorted((one["features"], one["hidden"]) for one in measured["growth"]["features"])
    for one in measured["growth"]["features"]:
        micro, hour = table[one["features"], one["hidden"]]
        exact = 1e3 * one["ours_ms"]["median"] / one["models"]
        assert micro == pytest.approx(exact, rel=0.02)
        assert hour == pytest.approx(3.6e9 / exact / 2000, rel=0.03)
    assert measured["machine"]["cores"] == 2
    assert measured["machine"]["processor"].startswith("AMD EPYC")
