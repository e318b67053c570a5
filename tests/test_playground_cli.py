"""`toymodels playground`."""

import json
import os
import re
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import pytest

import toymodels as tm
from toymodels.cli import main
from toymodels.playground.recording import record
from toymodels.playground.settings import DEFAULTS, PRESETS


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The addresses that a browser is told to open, from an empty current directory; none is."""
    addresses: list[str] = []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(webbrowser, "open", lambda address: addresses.append(address) is None)
    return addresses


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A file of a run with two restarts and two snapshots."""
    recipe = tm.Recipe(steps=5, batch_size=8, evaluation_samples=64)
    run = tm.train(tm.Autoencoder(4, 3), tm.Task(tm.Independent(4)), recipe, restarts=2, snapshots=[0, 2])
    run.save(tmp_path / "run.safetensors")
    return tmp_path / "run.safetensors"


def options(page: Path) -> tuple[Any, Any]:
    """The settings and the recording that a page begins with."""
    (settings, recording) = re.findall(
        r"\{ settings: (.*), recording: (.*), links: .*, inAddress: true \}\);$", page.read_text("utf-8"), re.MULTILINE
    )[0]
    return json.loads(settings), json.loads(recording)


def test_the_page_is_opened_and_stays_in_the_current_directory(opened: list[str], tmp_path: Path, capsys: Any):
    main(["playground"])
    page = tmp_path / "toymodels-playground.html"
    assert [Path(unquote(urlparse(address).path)) for address in opened] == [page]
    assert opened[0].startswith("file:///")
    assert options(page) == (DEFAULTS, None)
    assert f"open in your browser. Its page is {page}\n" in capsys.readouterr().out


def test_without_a_browser_the_path_is_told(opened: list[str], tmp_path: Path, capsys: Any, monkeypatch: Any):
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    main(["playground"])
    assert f"The playground is {tmp_path / 'toymodels-playground.html'}\n" in capsys.readouterr().out


def test_a_page_for_elsewhere_opens_nothing(opened: list[str], tmp_path: Path, capsys: Any):
    main(["playground", "--page", "über.html", "--preset", "pentagon"])
    assert opened == []
    assert [path.name for path in tmp_path.iterdir()] == ["über.html"]
    assert options(tmp_path / "über.html") == ({**DEFAULTS, **PRESETS["pentagon"]}, None)
    assert f"The playground is {tmp_path / 'über.html'}\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    "address", ["n=6&m=3&density=0.05", "#n=6&density=5e-2&m=3", "file:///x.html#n=6&m=3&density=.05"]
)
def test_settings_are_those_of_an_address(opened: list[str], tmp_path: Path, address: str):
    main(["playground", "--settings", address])
    assert options(tmp_path / "toymodels-playground.html")[0] == {**DEFAULTS, "n": 6, "m": 3, "density": 0.05}


@pytest.mark.parametrize("restart", [0, 1])
def test_a_saved_run_is_played_back(opened: list[str], saved: Path, restart: int):
    main(["playground", "--run", str(saved), "--restart", str(restart), "--page", "run.html"])
    recording = record(tm.Run.load(saved), restart)
    assert recording["steps"] == [0, 2, 5]
    assert options(saved.parent / "run.html") == (None, recording)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--preset", "pentagram"], "There is no preset 'pentagram'. Did you mean pentagon"),
        (["--settings", "n=1"], "n of a playground must be an integer in [2, 20]. Got 1."),
        (["--settings", "n"], "n of a playground must be an integer in [2, 20]. Got ''."),
        (["--settings", "n=6", "--preset", "dense"], "takes one of --preset, --settings and --run. Got --preset and"),
        (["--restart", "1"], "--restart of playground needs --run"),
        (["--run", "nowhere.safetensors"], "nowhere.safetensors"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_2(
    opened: list[str], tmp_path: Path, capsys: Any, arguments: list[str], message: str
):
    with pytest.raises(SystemExit, match="2"):
        main(["playground", *arguments])
    error = capsys.readouterr().err
    assert message in error
    assert (error.count("\n"), opened, list(tmp_path.iterdir())) == (1, [], [])


def test_bad_runs_end_in_one_line(opened: list[str], saved: Path, capsys: Any):
    for arguments, message in [
        (["--run", str(saved), "--restart", "2"], "restart must be an integer from 0, the best, to 1. Got 2."),
        (["--run", str(saved), "--preset", "dense"], "Got --preset and --run."),
    ]:
        with pytest.raises(SystemExit, match="2"):
            main(["playground", *arguments])
        assert message in capsys.readouterr().err
    assert opened == []


def test_the_command_needs_no_anywidget(tmp_path: Path):
    code = """
import sys
sys.modules["anywidget"] = None  # as if it were not installed
from toymodels.cli import main
main(["playground", "--page", "page.html"])
"""
    environment = {**os.environ, "PYTHONPATH": str(Path(tm.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path, env=environment)
    assert options(tmp_path / "page.html") == (DEFAULTS, None)
