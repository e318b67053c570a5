"""The gallery as pages of the site: the Markdown in `figures/`, with its pictures where they are."""

import os
import re
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx.config import Config

from experiments.harness.runner import FIGURES
from toymodels import files

_LINK = re.compile(r"\]\((?![a-z]+:)([^)#]+)\)")
_TABLE = re.compile(r"((?:^\|.*\n)+)", re.MULTILINE)
_CONTENTS = "```{{toctree}}\n:hidden:\n\n{}\n```\n"


def copy_gallery(app: Sphinx, config: Config) -> None:
    """Make `gallery/` in the site's sources hold the index and a page per figure, and no others."""
    folder = Path(app.srcdir) / "gallery"
    index = files.read_text(FIGURES / "README.md")
    names = list(dict.fromkeys(Path(link) for link in _LINK.findall(index) if link.endswith(".md")))
    wanted = {folder / name: placed(FIGURES / name, folder / name) for name in names}
    contents = _CONTENTS.format("\n".join(name.with_suffix("").as_posix() for name in names))
    thumbnails = _TABLE.sub(r":::{div} gallery\n\1:::\n", placed(FIGURES / "README.md", folder / "README.md"))
    wanted[folder / "README.md"] = f"{thumbnails}\n{contents}"
    for path in folder.rglob("*.md"):
        if path not in wanted:
            files.remove(path)
    for path, text in wanted.items():
        if not path.exists() or files.read_text(path) != text:  # Sphinx reads again what has changed
            files.write_text(path, text)


def placed(source: Path, target: Path) -> str:
    """The page's text for another place: links to pages stay, those to pictures and numbers lead to where these are."""

    def moved(match: re.Match[str]) -> str:
        link = match[1]
        there = link if link.endswith(".md") else os.path.relpath(source.parent / link, target.parent)
        return f"]({there})"

    return _LINK.sub(moved, files.read_text(source))


def setup(app: Sphinx) -> dict[str, Any]:
    app.connect("config-inited", copy_gallery)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
