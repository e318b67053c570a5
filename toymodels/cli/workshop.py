"""`toymodels workshop`: the lessons in JupyterLab."""

import dataclasses
import importlib.util
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import tyro

from toymodels import files
from toymodels.cli.flags import parse
from toymodels.workshop.notebooks import NOTEBOOKS, copy_to

HELP = """Copy the lessons to a folder and open them in JupyterLab: toymodels workshop FOLDER

  FOLDER also gets the handout and the instructor's page. A file that is there already is kept: nobody's work is
  overwritten. JupyterLab comes with pip install 'toymodels[workshop]'."""


@dataclasses.dataclass(frozen=True)
class Workshop:
    """Where the lessons go, and whether they are opened.

    Attributes:
        folder: where to copy the lessons.
        solved: copy the lessons with their exercises solved, for whoever teaches.
        copy_only: only copy.
        no_browser: start JupyterLab, and print its address instead of opening a browser.
    """

    folder: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FOLDER")] = Path("toymodels-workshop")
    solved: tyro.conf.FlagCreatePairsOff[bool] = False
    copy_only: tyro.conf.FlagCreatePairsOff[bool] = False
    no_browser: tyro.conf.FlagCreatePairsOff[bool] = False


def run(arguments: Sequence[str]) -> None:
    """`toymodels workshop`: copy, say what was kept, and start JupyterLab until it is stopped."""
    job = parse("workshop", HELP, Workshop, arguments)
    folder = files.expanded(job.folder)
    written, kept = copy_to(folder, solved=job.solved)
    print(f"The lessons are in {folder}: {len(written)} files are new.", flush=True)
    if kept:
        print(f"Kept as they were, since they differ from those of toymodels: {', '.join(path.name for path in kept)}")
    if job.copy_only:
        return
    if importlib.util.find_spec("jupyterlab") is None:
        raise ValueError("JupyterLab is not installed here: pip install 'toymodels[workshop]'")
    first = NOTEBOOKS[0].stem + ("_solved" if job.solved else "") + ".ipynb"
    options = ["--no-browser"] if job.no_browser else []
    server = subprocess.Popen([sys.executable, "-m", "jupyterlab", *options, first], cwd=folder)
    while True:
        try:
            sys.exit(server.wait())
        except KeyboardInterrupt:  # JupyterLab got it too, and asks whether to stop
            continue
