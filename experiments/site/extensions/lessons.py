"""The workshop's notebooks as pages of the site, from the files that students get."""

import json
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from toymodels import files, workshop

WORKSHOP = Path(workshop.__file__).parent
PATTERNS = ("lessons/[0-9]_*.ipynb", "*.md", "*.pdf")
BADGE = re.compile(r"!\[([^\]]*)\]\(https://[^)]*\)")


def copy_lessons(app: Sphinx, config: Config) -> None:
    """Make `lessons/` in the site's sources hold the workshop's notebooks, pages and handout, and no others."""
    folder = Path(app.srcdir) / "lessons"
    wanted = {path.name: content(path) for pattern in PATTERNS for path in WORKSHOP.glob(pattern)}
    for pattern in PATTERNS:
        for path in folder.glob(Path(pattern).name):
            if path.name not in (*wanted, "index.md"):
                files.remove(path)
    for name, what in wanted.items():
        path = folder / name
        if not path.exists() or files.read_bytes(path) != what:  # Sphinx reads again what has changed
            files.write_bytes(path, what)


def content(path: Path) -> bytes:
    """The file's content; in a notebook, with a line to download it under its title."""
    return lesson(path).encode() if path.suffix == ".ipynb" else files.read_bytes(path)


def lesson(path: Path) -> str:
    """The notebook for the site: a picture from elsewhere, such as Colab's badge, gives way to its words, and a link to
    the notebook itself stands beside it."""
    notebook = json.loads(files.read_text(path))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = BADGE.sub(r"\1", "".join(cell["source"]))
    title = notebook["cells"][0]
    title["source"] += f"\n\n{{download}}`The notebook <{path.name}>`"
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", copy_lessons)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
