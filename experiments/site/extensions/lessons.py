"""The workshop's notebooks as pages of the site, from the files that students get."""

import json
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from experiments.workshop.outputs import outputs
from toymodels import files, workshop
from toymodels.playground import bundle
from toymodels.workshop.notebooks import NOTEBOOKS, exercise_of

WORKSHOP = Path(workshop.__file__).parent
PATTERNS = ("lessons/[0-9]_*.ipynb", "*.md", "*.pdf")
BADGE = re.compile(r"!\[([^\]]*)\]\(https://[^)]*\)")


def copy_lessons(app: Sphinx, config: Config) -> None:
    """Make `lessons/` in the site's sources hold the workshop's notebooks, pages and handout, and no others."""
    folder = Path(app.srcdir) / "lessons"
    wanted = {path.name: content(path) for pattern in PATTERNS for path in WORKSHOP.glob(pattern)}
    wanted |= {f"notebooks/{path.name}": files.read_bytes(path) for path in NOTEBOOKS}
    for pattern in PATTERNS:
        for path in folder.glob(Path(pattern).name):
            if path.name not in (*wanted, "index.md"):
                files.remove(path)
    for name, what in wanted.items():
        path = folder / name
        if not path.exists() or files.read_bytes(path) != what:  # Sphinx reads again what has changed
            files.write_bytes(path, what)


def content(path: Path) -> bytes:
    """The file's content; of a notebook, as a page of the site."""
    return lesson(path).encode() if path.suffix == ".ipynb" else files.read_bytes(path)


def lesson(path: Path) -> str:
    """The notebook for the site: a picture from elsewhere, such as Colab's badge, gives way to its words, a link to the
    notebook itself stands under the title, and cells show what they did where the lesson has been run. Exercises are
    left open."""
    notebook = json.loads(files.read_text(path))
    shown = outputs(path) or [[] for _ in notebook["cells"]]
    for number, (cell, found) in enumerate(zip(notebook["cells"], shown, strict=True)):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            cell["source"] = BADGE.sub(r"\1", source)
        elif exercise_of(source) is None:
            cell["outputs"] = [embedded(one, f"playground-{number}") for one in found]
    title = notebook["cells"][0]
    title["source"] += f"\n\n{{download}}`The notebook <notebooks/{path.name}>`"
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def embedded(output: dict[str, Any], place: str) -> dict[str, Any]:
    """The output of a cell, a playground as what puts one into the page."""
    if "playground" not in output:
        return output
    page = f'<div id="{place}"></div>\n{bundle.script(place, **output["playground"])}'
    return {"output_type": "display_data", "metadata": {}, "data": {"text/html": page}}


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", copy_lessons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
