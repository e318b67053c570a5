"""The playground's source modules joined into one ES module, and into one page.

A notebook is given one module without imports, and a browser that opens a page from `file://` loads no modules beside
it; so the parts, which import each other by name, are joined here. What they import from each other must not be
renamed, and their top-level names must differ.
"""

import html
import json
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).parent / "source"
PARTS = (
    "random",
    "features",
    "geometry",
    "training",
    "settings",
    "recording",
    "style",
    "drawing",
    "controls",
    "playground",
)
"""Names of the source modules, each after those that it imports."""

_IMPORT = re.compile(r'^import \{[^}]*\} from "\./\w+\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function |class )", re.MULTILINE)


@cache
def module() -> str:
    """The playground as one ES module without imports, whose default export has anywidget's `render`."""
    parts = [_EXPORT.sub("", _IMPORT.sub("", (SOURCE / f"{part}.js").read_text())) for part in PARTS]
    return "\n".join(parts)


def page(recording: Mapping[str, Any] | None = None) -> str:
    """The playground as one HTML page that needs nothing else, playing back `recording` if there is one."""
    # "</" would end the script element, wherever it stands.
    data = json.dumps(recording, separators=(",", ":")).replace("</", "<\\/")
    start = f"mount(document.getElementById('playground'), {{ recording: {data}, inAddress: true }});"
    return _PAGE.format(title=html.escape("toymodels playground"), module=module(), start=start)


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
</head>
<body style="margin: 0">
<main id="playground"></main>
<script type="module">
{module}
{start}
</script>
</body>
</html>
"""
