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

from toymodels import files

SOURCE = Path(__file__).parent / "source"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+)\.js";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const |function |class )", re.MULTILINE)


@cache
def module() -> str:
    """The playground as one ES module without imports.

    It exports `mount`, which puts a playground into an element of a page, and as its default what anywidget asks for.
    """
    parts = _with_imported("playground", {}).values()
    return "\n".join([*(_EXPORT.sub("", _IMPORT.sub("", part)) for part in parts), "export { mount };\n"])


def page(
    recording: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    links: Mapping[str, str] | None = None,
) -> str:
    """The playground as one HTML page that needs nothing else; write it as UTF-8.

    Args:
        recording: what to play back, see `toymodels.playground.recording`; a model that trains if there is none.
        settings: what to begin with where the page's address says nothing; the defaults for what is not named.
        links: addresses of what else there is, by the names "lessons" and "documentation"; none if they are not known.

    Raises:
        ValueError: if a number in them is NaN or infinite.
    """
    return _PAGE.format(
        title=html.escape(f"{recording['title']} - toymodels" if recording else "toymodels playground"),
        script=script("playground", settings=settings, recording=recording, links=links, inAddress=True),
    )


def script(place: str, **options: Any) -> str:
    """A script element that puts a playground into the element of this id, with the options of `mount`.

    Raises:
        ValueError: if a number in the options is NaN or infinite.
    """
    given = ", ".join(f"{name}: {_literal(value)}" for name, value in options.items())
    # A script element ends at "</script", wherever that stands, and not even there once "<!--" has come before.
    joined = re.sub(r"<(?=/script|!--)", r"<\\", module(), flags=re.IGNORECASE)
    start = f'mount(document.getElementById("{place}"), {{ {given} }});'
    return f'<script type="module">\n{joined}\n{start}\n</script>'


def _with_imported(name: str, before: dict[str, str]) -> dict[str, str]:
    """`before`, and behind it the text of a part, after those of the parts that it imports; each once."""
    if name not in before:
        text = files.read_text(SOURCE / f"{name}.js")
        for imported in _IMPORT.findall(text):
            _with_imported(imported, before)
        before[name] = text
    return before


def _literal(value: Any) -> str:
    """The value in JavaScript, with nothing that HTML could take for markup."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<link rel="icon" href="data:,">
</head>
<body style="margin: 0">
<main id="playground"></main>
{script}
</body>
</html>
"""
