"""The playground live in a page of the site, and as a file of its own beside it."""

import re
from pathlib import Path
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Directive
from sphinx.application import Sphinx

from toymodels import files
from toymodels.playground import bundle

LINKS = {"lessons": "lessons/index.html", "documentation": "index.html"}


class Playground(Directive):
    """`{playground}`, in a page at the top of the site: a playground, which takes its colours from the site's theme."""

    def run(self) -> list[nodes.Node]:
        (inside,) = re.findall(
            r"<main id=\"playground\"></main>\n.*</script>", bundle.page(links=LINKS), flags=re.DOTALL
        )
        return [nodes.raw("", inside.replace("main>", "div>").replace("<main ", "<div "), format="html")]


def write_page(app: Sphinx, exception: Exception | None) -> None:
    """Write `_static/playground.html`, the playground without the site around it."""
    if exception is None and app.builder.format == "html":
        links = {name: f"../{address}" for name, address in LINKS.items()}
        files.write_text(Path(app.outdir) / "_static" / "playground.html", bundle.page(links=links))


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("playground", Playground)
    app.connect("build-finished", write_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
