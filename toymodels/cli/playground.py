"""`toymodels playground`: the playground in a browser."""

import dataclasses
import webbrowser
from collections.abc import Sequence
from pathlib import Path

from toymodels import files
from toymodels.cli.flags import parse
from toymodels.playground.bundle import page
from toymodels.playground.recording import record
from toymodels.playground.settings import complete, from_address
from toymodels.training import Run

HELP = """Open the playground: a small model that trains live in the browser, without server or network.

  It is one file, toymodels-playground.html in the current directory, which may be copied to wherever it is wanted."""

# Not among temporary files or caches: browsers that are installed as snaps, as on Ubuntu, see nothing of /tmp and of
# folders whose names begin with a dot. And whoever reloads the page later finds it where it was.
PAGE = Path("toymodels-playground.html")


@dataclasses.dataclass(frozen=True)
class Playground:
    """What the playground begins with.

    Attributes:
        preset: one of the paper's arrangements, for example pentagon.
        settings: what is behind the # in a playground's address, for example "n=6&m=3", or the whole address.
        run: play back this trained model, written by `toymodels train --save` or `Run.save`.
        restart: the place among the run's restarts of the one to play back; 0 is the best.
        page: write the page to this file, and open no browser.
    """

    preset: str | None = None
    settings: str | None = None
    run: Path | None = None
    restart: int = 0
    page: Path | None = None


def run(arguments: Sequence[str]) -> None:
    """`toymodels playground`: write the page, open it, and say where it is."""
    job = parse("playground", HELP, Playground, arguments)
    text = _page(job)
    path = (job.page or PAGE).absolute()
    files.write_text(path, text)
    if job.page is None and webbrowser.open(path.as_uri()):
        print(f"The playground is open in your browser. Its page is {path}")
    else:
        print(f"The playground is {path}\nOpen it in a browser; it needs nothing else.")


def _page(job: Playground) -> str:
    """The page that plays back the run, or that begins with what was chosen."""
    given = [name for name in ("preset", "settings", "run") if getattr(job, name) is not None]
    if len(given) > 1:
        raise ValueError(f"playground takes one of --preset, --settings and --run. Got --{' and --'.join(given)}.")
    if job.run is None and job.restart:
        raise ValueError(f"--restart of playground needs --run, whose restart it is. Got {job.restart} alone.")
    if job.run is not None:
        return page(recording=record(Run.load(job.run), job.restart))
    return page(settings=complete({}, job.preset) if job.settings is None else from_address(job.settings))
