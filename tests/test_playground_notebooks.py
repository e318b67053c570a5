"""The playground in a real JupyterLab and a real marimo, seen by a real browser."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from browser import chromium
from playwright.sync_api import Locator, Page, expect

import toymodels as tm

pytestmark = [pytest.mark.reproduction, pytest.mark.xdist_group("browser")]

SECONDS = 120  # until something counts as never coming
expect.set_options(timeout=1000 * SECONDS)

RUN = """
recipe = tm.Recipe(steps=30, batch_size=32, evaluation_samples=64)
run = tm.train(tm.Autoencoder(6, 3), tm.Task(tm.Independent(6)), recipe, snapshots=[0, 3, 10])
"""


def test_jupyterlab(tmp_path: Path):
    cells = [
        'import toymodels as tm\nplayground = tm.Playground(preset="dense", n=4)\nplayground',
        f"{RUN}tm.Playground(run)",
        'print("chosen:", playground.settings["n"], playground.train_arguments()[1].features.density)',
        'playground.settings = playground.settings | {"n": 7, "m": 3}',
    ]
    with jupyterlab(cells, tmp_path) as url, watched_page() as page:
        run_cell = open_notebook(page, url)
        run_cell(0)
        live = playgrounds(page).nth(0)
        trains(live)
        expect(live.locator("input[name=n]")).to_have_value("4")
        run_cell(1)
        plays_back(playgrounds(page).nth(1))

        live.locator("input[name=n]").fill("9")
        density = live.locator("input[name=density]")
        density.focus()
        density.press("Home")
        run_until(lambda: run_cell(2), page.get_by_text("chosen: 9 0.002", exact=True))

        run_cell(3)
        expect(live.locator("input[name=n]")).to_have_value("7")
        expect(live.locator("[data-name=m-3]")).to_be_checked()
        trains(live)


MARIMO = f"""
import marimo

app = marimo.App()

@app.cell
def _():
    import marimo as mo
    import toymodels as tm
    return mo, tm

@app.cell
def _(mo, tm):
    playground = mo.ui.anywidget(tm.Playground(preset="dense", n=4))
    playground
    return (playground,)

@app.cell
def _(tm):
    {RUN.strip().replace(chr(10), chr(10) + "    ")}
    tm.Playground(run)
    return

@app.cell
def _(mo, playground):
    mo.md(f"chosen: {{playground.value['settings']['n']}} {{playground.train_arguments()[1].features.density}}")
    return

@app.cell
def _(mo, playground):
    def change(_):
        playground.widget.settings = playground.widget.settings | {{"n": 7, "m": 3}}
    mo.ui.button(label="Change", on_click=change)
    return
"""


def test_marimo(tmp_path: Path):
    with marimo(MARIMO, tmp_path) as url, watched_page() as page:
        page.goto(url)
        live = playgrounds(page).nth(0)
        trains(live)
        plays_back(playgrounds(page).nth(1))
        expect(live.locator("input[name=n]")).to_have_value("4")
        expect(page.get_by_text("chosen: 4 1", exact=True)).to_be_visible()

        live.locator("input[name=n]").fill("9")
        density = live.locator("input[name=density]")
        density.focus()
        density.press("Home")
        expect(page.get_by_text("chosen: 9 0.002", exact=True)).to_be_visible()  # marimo runs that cell again

        page.get_by_role("button", name="Change").click()
        expect(live.locator("input[name=n]")).to_have_value("7")
        expect(live.locator("[data-name=m-3]")).to_be_checked()
        trains(live)


# --- What is seen -----------------------------------------------------------------------------------------------------


def playgrounds(page: Page) -> Locator:
    """Those of a page; locators see into their shadow roots."""
    return page.locator("[data-lm-suppress-shortcuts]").filter(has=page.locator("h1"))


def trains(playground: Locator) -> None:
    """Wait until more steps have been taken."""
    counter = playground.locator("[data-name=step-count]")
    expect(counter).to_be_visible()
    expect(counter).not_to_have_text(counter.inner_text())


def plays_back(playground: Locator) -> None:
    """Step to the last of the four snapshots in three dimensions."""
    expect(playground.locator("h1")).to_contain_text("6 features in 3 dimensions, loss 0.")
    time_slider = playground.locator("input[name=time]")
    time_slider.focus()
    time_slider.press("End")
    expect(time_slider).to_have_value("3")
    expect(playground.get_by_text("Step 30", exact=True)).to_be_visible()


def run_until(run: Callable[[], None], seen: Locator) -> None:
    """Run a cell until it shows something. It can overtake what was chosen in the browser: JupyterLab holds a choice
    back until the kernel has answered the one before."""
    for _ in range(SECONDS // 5):
        run()
        with suppress(AssertionError):
            expect(seen).to_be_visible(timeout=5_000)
            return
    expect(seen).to_be_visible()


@contextmanager
def watched_page() -> Iterator[Page]:
    """A page that must not end with errors of the playground."""
    errors: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 2400})
        page.set_default_timeout(1000 * SECONDS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        yield page
        assert not errors


# --- The notebooks' servers -------------------------------------------------------------------------------------------


@contextmanager
def jupyterlab(cells: Sequence[str], folder: Path) -> Iterator[str]:
    """The address of a notebook with these cells in a JupyterLab that knows nobody's settings and tells nobody."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(notebook, folder / "notebook.ipynb")
    settings = folder / "lab" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    options = [
        *("--no-browser", "--allow-root", "--expose-app-in-browser", "--ServerApp.ip=127.0.0.1"),
        *("--ServerApp.port={port}", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"),
        *("--IdentityProvider.token=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
    ]
    with server(["jupyterlab", *options], folder, "/api") as url:
        yield f"{url}/lab/tree/notebook.ipynb"


@contextmanager
def marimo(source: str, folder: Path) -> Iterator[str]:
    """The address of a notebook that marimo runs."""
    (folder / "notebook.py").write_text(source)
    options = ["--headless", "--no-token", "--host", "127.0.0.1", "--port", "{port}", "--no-sandbox"]
    with server(["marimo", "run", *options, str(folder / "notebook.py")], folder, "/health") as url:
        yield url


@contextmanager
def server(command: Sequence[str], folder: Path, path: str) -> Iterator[str]:
    """The address of a server that is one of Python's modules, once it answers at `path`. It is stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = [sys.executable, "-m", *(part.replace("{port}", str(port)) for part in command)]
    log = folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(program, cwd=folder, env=environment(folder), stdout=out, stderr=out)
    try:
        wait_for(f"http://127.0.0.1:{port}{path}", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[Any], log: Path) -> None:
    """Return when there is an answer."""
    for _ in range(5 * SECONDS):
        try:
            urllib.request.urlopen(url, timeout=10).close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            time.sleep(0.2)
    pytest.fail(f"No answer from {url}:\n{log.read_text()}")


def environment(folder: Path) -> dict[str, str]:
    """Servers and kernels import the same toymodels as this test, and write into the folder only."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "XDG"))}
    own = ["JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"]
    own += ["XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_RUNTIME_DIR", "MPLCONFIGDIR"]
    kept |= {name: str(folder / "home" / name.lower()) for name in own}
    places = {"HOME": folder / "home", "JUPYTERLAB_SETTINGS_DIR": folder / "lab"}
    return {
        **kept,
        **{name: str(place) for name, place in places.items()},
        "PYTHONPATH": str(Path(tm.__file__).parents[1]),
    }


def open_notebook(page: Page, url: str) -> Callable[[int], None]:
    """Open it in JupyterLab; what is returned runs the cell of a number."""
    page.goto(url)
    notebook = "globalThis.jupyterapp?.shell.currentWidget"
    page.wait_for_function(f"() => {notebook}?.sessionContext?.session?.kernel?.connectionStatus === 'connected'")
    command = """(number) => {
      jupyterapp.shell.currentWidget.content.activeCellIndex = number;
      jupyterapp.commands.execute("notebook:run-cell");
    }"""
    return lambda number: page.evaluate(command, number)
