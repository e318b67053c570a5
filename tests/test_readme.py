"""The README's Python examples run as they stand."""

import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number: int, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict = {"__name__": "readme"}
    exec(compile(EXAMPLES[number], f"README example {number + 1}", "exec", dont_inherit=True), names)
    assert names["run"].loss[0] < 0.1


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 2
