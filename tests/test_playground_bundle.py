"""The playground's sources joined into one module and one page."""

import json
import re
import subprocess
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from browser import chromium
from playground_engine import node_path

from toymodels.playground import bundle

NASTY = "</script><script>pwned = 1</script><!--<script> \u2028 \\ ' \" ` ${1} <b>\u00fc {x}"
"""A title that ends, or never ends, the element that it stands in."""


class Elements(HTMLParser):
    """The text of each script, the title, and the number of other elements."""

    def __init__(self, page: str):
        super().__init__()
        self.scripts: list[str] = []
        self.titles: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1

    def handle_data(self, data: str) -> None:
        if self.lasttag in ("script", "title") and data.strip():
            (self.scripts if self.lasttag == "script" else self.titles).append(data)


@pytest.fixture
def sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder instead of the playground's sources."""
    monkeypatch.setattr(bundle, "SOURCE", tmp_path)
    bundle.module.cache_clear()
    yield tmp_path
    bundle.module.cache_clear()


def run_module(text: str, folder: Path) -> str:
    """What a module prints in node."""
    path = folder / "joined.mjs"
    path.write_text(text, "utf-8")
    return subprocess.run([node_path(), path], check=True, capture_output=True, encoding="utf-8", timeout=60).stdout


# --- The module -------------------------------------------------------------------------------------------------------


def test_module_has_no_imports_and_exports_what_pages_and_anywidget_ask_for(tmp_path: Path):
    assert not re.findall(r"^\s*import\b|\bimport\(|^export (?!default|\{)|\bfrom \"", bundle.module(), re.MULTILINE)
    (tmp_path / "playground.mjs").write_text(bundle.module(), "utf-8")
    using = """
import * as all from "./playground.mjs";
console.log(JSON.stringify([Object.keys(all), Object.keys(all.default), typeof all.default.render, typeof all.mount]));
"""
    assert json.loads(run_module(using, tmp_path)) == [["default", "mount"], ["render"], "function", "function"]


def test_every_source_is_part_of_the_module():
    module = bundle.module()
    names = [path.name for path in bundle.SOURCE.glob("*.js")]
    assert len(names) > 5
    for path in bundle.SOURCE.glob("*.js"):
        (first, *_) = re.findall(r"^export (?!default)(.*)$", path.read_text("utf-8"), re.MULTILINE)
        assert module.count(f"\n{first}\n") + module.startswith(f"{first}\n") == 1, path.name


def test_parts_follow_those_that_they_import(sources: Path):
    (sources / "playground.js").write_text(
        'import { b } from "./b.js";\nimport {\n  c,\n} from "./c.js";\n\n'
        "export function mount() {\n  return `${b} ${c}`;\n}\nexport default { render: mount };\n"
    )
    (sources / "b.js").write_text('import { c } from "./c.js";\n\nexport const b = c + 1;\n')
    (sources / "c.js").write_text("export const c = 1;\n")
    assert run_module(bundle.module() + "console.log(mount());", sources) == "2 1\n"


# --- The page ---------------------------------------------------------------------------------------------------------


def test_page_hands_over_whatever_a_recording_says(sources: Path):
    """Also where a source and a title have what ends a script element, or hides its end."""
    said = "</script> <!-- <script> </SCRIPT>"
    (sources / "playground.js").write_text(
        f"// {said}\nexport function mount(el, options) {{\n"
        f'  const found = /<\\/script> <!-- <script>/.test("{said}");\n'
        f'  console.log(JSON.stringify([el, options, "{said}", `{said}`, found]));\n'
        "}\nexport default {};\n"
    )
    recording, settings = {"title": NASTY, "steps": [0], "loss": None}, {"pairs": NASTY, "n": 6}
    page = bundle.page(recording, settings, {"lessons": NASTY})
    elements = Elements(page)
    (script,) = elements.scripts
    assert (elements.counts["script"], "<!--" in page, "b" in elements.counts) == (1, False, False)
    assert "".join(elements.titles) == f"{NASTY} - toymodels"
    printed = run_module("globalThis.document = { getElementById: (id) => id };\n" + script, sources)
    options = {"settings": settings, "recording": recording, "links": {"lessons": NASTY}, "inAddress": True}
    assert json.loads(printed) == ["playground", options, said, said, True]


def test_page_asks_for_nothing_else():
    elements = Elements(bundle.page())
    assert elements.titles == ["toymodels playground"]
    assert not re.findall(r'(?:src|href)="(?!data:)', bundle.page())
    assert set(elements.counts) == {"html", "head", "meta", "title", "link", "body", "main", "script"}


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_json_cannot_hold_is_refused(bad: float):
    with pytest.raises(ValueError, match="JSON compliant"):
        bundle.page(recording={"title": "", "loss": [bad]})
    with pytest.raises(ValueError, match="JSON compliant"):
        bundle.page(settings={"density": bad})


@pytest.mark.xdist_group("browser")
def test_title_is_inert_in_a_browser(tmp_path: Path):
    recording = {
        "title": NASTY,
        "steps": [0, 3],
        "W": [[[1.0, 0.0], [0.0, 1.0]]] * 2,
        "b": [[0.0, 0.0]] * 2,
        "loss": None,
        "importance": [1.0, 1.0],
        "activation": NASTY,
    }
    path = tmp_path / "page.html"
    path.write_text(bundle.page(recording), "utf-8")
    with chromium() as browser:
        page = browser.new_page()
        errors: list[Any] = []
        page.on("pageerror", lambda error: errors.append(error))
        page.goto(path.as_uri())
        assert page.locator("h1").text_content() == NASTY
        assert page.title() == f"{NASTY} - toymodels"
        assert page.evaluate("[typeof pwned, document.querySelectorAll('script').length]") == ["undefined", 1]
        assert not errors
