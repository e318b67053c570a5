"""The README's examples run as they stand: Python, and the commands of its section on sweeps."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main

pytestmark = pytest.mark.optimized

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


EXAMPLES = blocks("python")


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number: int, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    names: dict = {"__name__": "readme"}
    exec(compile(EXAMPLES[number], f"README example {number + 1}", "exec", dont_inherit=True), names)
    if "card" in names:
        assert float(names["card"].score.sel(technique="mean difference").min()) > 0.95
        assert float(names["card"].score.sel(technique="singular vectors").max()) < 0.5
    else:
        trained = names["run"] if "run" in names else names["grid"]
        assert np.min(trained.loss) < 0.1


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 5


def test_the_commands_of_the_sweep_section(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    (toml,) = blocks("toml")
    Path("sweep.toml").write_text(toml)
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if re.match("toymodels (sweep|show|merge)", line)]
    # A SLURM array and a Dask scheduler are tested elsewhere.
    here = [command[1:] for command in commands if "/shared/results" not in command and "--scheduler" not in command]
    assert [command[0] for command in here] == ["sweep", "show", "merge", "sweep", "sweep", "merge"]
    for number, command in enumerate(here):
        if command[0] == "merge" and number > 3:
            Path("results.zarr").rename("whole.zarr")
        main(command)
    assert Path("stored.png").exists()
    assert Path("progress.jsonl").read_text()
    whole, shards, folder = (tm.sweeps.load(path) for path in ("whole.zarr", "results.zarr", "results"))
    np.testing.assert_allclose(shards.W, whole.W, atol=1e-4)
    np.testing.assert_array_equal(whole.W, folder.W)
    assert "all finished" in capsys.readouterr().out
