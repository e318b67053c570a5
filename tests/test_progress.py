"""Progress bars: where they show, what they say, and that they end at the end."""

import io
import subprocess
import sys

import pytest

from toymodels.sweeps.progress import sweep_progress
from toymodels.training import progress
from toymodels.training.engine.plan import Chunk


class Terminal(io.StringIO):
    """Something to write to that is a terminal without a size."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, file: io.StringIO, **options: object) -> str:
    """What a bar half way writes."""
    monkeypatch.setattr(sys, "stderr", file)
    with progress.open_bar(4, show=True, **options) as bar:
        bar.delay = 0.0
        progress.advance(bar, 2)
        bar.refresh()
        return file.getvalue()


@pytest.mark.parametrize("columns", ["0", "-1", "", "words", "120"])
def test_a_terminal_without_a_size_shows_a_bar(monkeypatch: pytest.MonkeyPatch, columns: str) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("LINES", columns)
    line = shown(monkeypatch, Terminal(), desc="four").split("\r")[-1]
    assert line.startswith("four:  50%|##")
    assert 60 < len(line) <= 120


def test_a_file_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""


def test_a_notebook_without_ipywidgets_shows_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    monkeypatch.setattr(progress, "find_spec", lambda name: None)
    assert " 50%|##" in shown(monkeypatch, io.StringIO())


def test_a_notebook_with_ipywidgets_shows_a_widget(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ipywidgets")
    monkeypatch.setattr(progress, "_in_notebook", lambda: True)
    with progress.open_bar(4, show=True) as bar:
        progress.advance(bar, 3)
        assert (type(bar).__name__, bar.disable, bar.container.children[1].max) == ("tqdm_notebook", False, 4)
    with progress.open_bar(4, show=False) as hidden:
        assert hidden.disable


def test_what_is_imported_warns_of_nothing() -> None:
    code = "import sys, toymodels.sweeps.progress; print('tqdm.auto' in sys.modules or 'tqdm.notebook' in sys.modules)"
    run = subprocess.run([sys.executable, "-W", "error::UserWarning", "-c", code], capture_output=True, text=True)
    assert (run.stdout, run.stderr) == ("False\n", "")


def test_work_that_is_done_twice_does_not_go_beyond_the_end(bars: list) -> None:
    chunk = Chunk(0, (0, 0, 0))
    with progress.progress_bar(models=3, steps=10, show=True) as told:
        for _ in range(40):
            told.add(chunk, 0.1, 1.0)
    with sweep_progress(models=3, restarts=3, show=True, log=None) as sweeping:
        for _ in range(11):
            sweeping.add(chunk, 0.3, 1.0)
    assert [(bar.n <= bar.total, bar.n) for bar in bars] == [(True, pytest.approx(bar.total)) for bar in bars]


def test_the_time_left_is_that_of_the_mean_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    with progress.open_bar(100, show=True) as bar:
        now = bar.start_t
        bar._time = lambda: now
        for seconds, count in ((10, 1), (0.1, 9), (9.9, 10)):  # a slow chunk, a quick one, and one between
            now += seconds
            progress.advance(bar, count)
        assert bar.format_dict["rate"] is None  # tqdm then divides what is done by the time that it took
        assert "00:20<01:20" in str(bar)
