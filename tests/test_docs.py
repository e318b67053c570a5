"""The documentation: the guides' code runs as it stands, and the site is built without warnings, whole and offline."""

import importlib
import pkgutil
import re
import subprocess
import sys
import textwrap
import zlib
from collections.abc import Iterator
from functools import cache
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import pytest
from browser import chromium

import toymodels
from toymodels.playground import bundle

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "experiments" / "site"
GUIDES = sorted(path for path in (SOURCES / "guides").glob("*.md") if path.stem != "index")


# --- Guides --------------------------------------------------------------------------------------------------------


class Step(NamedTuple):
    """A block of a guide's code, and what the guide says that it raises."""

    code: str
    error: str | None


def steps(text: str) -> list[Step]:
    """The Python of a guide, in order. A block of text below it that begins like an error is what it must raise."""
    blocks = re.findall(r"^```(python|text)\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    following = [*blocks[1:], ("", "")]
    return [
        Step(code, after.strip() if kind == "text" and re.match(r"\w+Error: ", after) else None)
        for (language, code), (kind, after) in zip(blocks, following, strict=True)
        if language == "python"
    ]


def program(of: list[Step]) -> str:
    """A guide's code as one script, which prints the errors that it is to raise and goes on."""
    parts = []
    for step in of:
        attempt = f"try:\n{textwrap.indent(step.code, '    ')}"
        caught = "except Exception as error:\n    print('RAISED', f'{type(error).__name__}: {error}')"
        parts.append(step.code if step.error is None else f"{attempt}{caught}\n")
    return "\n".join(parts)


@pytest.mark.slow
@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_a_guide_runs_as_it_stands(guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")  # as in `conftest.py`
    given = steps(guide.read_text())
    done = subprocess.run([sys.executable, "-c", program(given)], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    raised = re.findall(r"^RAISED (.*)$", done.stdout, flags=re.MULTILINE)
    wanted = [step.error for step in given if step.error is not None]
    assert len(raised) == len(wanted) > 0
    assert all(said.startswith(error) for said, error in zip(raised, wanted, strict=True)), raised


def test_the_guides_are_there_and_listed():
    wanted = ["features", "loss", "penalties", "evaluation_and_data", "double_descent", "model", "noise_and_state"]
    wanted += [
        "optimiser",
        "start",
        "metric",
        "learning_coefficients",
        "saved_run",
        "dictionaries",
        "saelens",
        "cases",
        "techniques",
        "trust",
        "labels",
        "circuits",
        "weights",
        "attribution",
        "units",
        "digits",
        "transformers",
    ]
    assert sorted(path.stem for path in GUIDES) == sorted(wanted)
    listed = (SOURCES / "guides" / "index.md").read_text()
    assert [listed.count(f"({name}.md)") for name in wanted] == [1] * len(wanted)
    assert re.findall(r"^\w+$", listed.partition("{toctree}")[2], flags=re.MULTILINE) == wanted


# --- The site ------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a page of HTML links to, what it loads, and which places in it have names."""

    def __init__(self, text: str):
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.places: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attributes if value is not None}
        self.places += [given[name] for name in ("id", "name") if name in given]
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and "href" in given:
            self.loaded.append(given["href"])
        if "src" in given:
            self.loaded.append(given["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    folder = tmp_path_factory.mktemp("docs")
    options = ["-q", "-E", "-W", "--keep-going", "-b", "html", "-d", str(folder / "read")]
    command = [sys.executable, "-m", "sphinx", *options, str(SOURCES), str(folder / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return folder / "site"


@cache
def read(path: Path) -> Page:
    return Page(path.read_text())


def internal(site: Path) -> Iterator[tuple[Path, str, Path, str]]:
    """All references within the site: the page, what it says, the file that is meant, and the place in it."""
    for path in sorted(site.rglob("*.html")):
        for reference in (*read(path).links, *read(path).loaded):
            parts = urlsplit(reference)
            if not parts.scheme and not parts.netloc:
                target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
                yield path, reference, target, unquote(parts.fragment)


def public_names() -> set[str]:
    """Every name that toymodels or a package of it exports."""
    packages = [one.name for one in pkgutil.walk_packages(toymodels.__path__, "toymodels.") if one.ispkg]
    exported = {name: getattr(importlib.import_module(name), "__all__", ()) for name in ("toymodels", *packages)}
    return {f"{package}.{name}" for package, names in exported.items() for name in names}


def text_of(page: Path) -> str:
    """What a reader sees of a page."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", page.read_text())))


@pytest.mark.reproduction
@pytest.mark.xdist_group("docs")
class TestSite:
    def test_every_public_name_can_be_linked_to(self, site: Path):
        content = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
        inventory = {line.split(" ", 1)[0] for line in zlib.decompress(content).decode().splitlines()}
        assert len(public_names()) > 100
        assert public_names() <= inventory

    def test_everything_referred_to_is_there(self, site: Path):
        references = list(internal(site))
        assert len(references) > 1000
        missing = [(page.name, reference) for page, reference, target, _ in references if not target.exists()]
        lost = [
            (page.name, reference)
            for page, reference, target, place in references
            if place and target.suffix == ".html" and target.exists() and place not in read(target).places
        ]
        assert (missing, lost) == ([], [])

    def test_nothing_is_loaded_from_elsewhere(self, site: Path):
        loaded = [(path.name, what) for path in site.rglob("*.html") for what in read(path).loaded]
        assert len(loaded) > 100
        assert [(page, what) for page, what in loaded if re.match(r"(https?:)?//", what)] == []
        sheets = list(site.rglob("*.css"))
        assert len(sheets) > 3
        elsewhere = re.compile(r"(url\(|@import)\s*['\"]?(https?:)?//")
        assert [path.name for path in sheets if elsewhere.search(path.read_text())] == []

    def test_the_gallery_shows_every_picture_and_leads_to_its_page(self, site: Path):
        pages = sorted(path.relative_to(ROOT / "figures") for path in (ROOT / "figures").glob("*/*.md"))
        index = read(site / "gallery" / "README.html")
        assert len(pages) == len([what for what in index.loaded if "_images/" in what]) > 30
        for page in pages:
            assert page.with_suffix(".html").as_posix() in index.links
            assert any("_images/" in what for what in read(site / "gallery" / page.with_suffix(".html")).loaded)

    def test_every_lesson_has_a_page_and_its_notebook(self, site: Path):
        notebooks = sorted((ROOT / "toymodels" / "workshop" / "lessons").glob("[0-9]_*.ipynb"))
        assert notebooks
        for notebook in notebooks:
            page = site / "lessons" / f"{notebook.stem}.html"
            assert any(link.endswith(notebook.name) for link in read(page).links)

    def test_the_playground_is_in_its_page_and_in_a_file_of_its_own(self, site: Path):
        assert read(site / "playground.html").places.count("playground") == 1  # or it would take another's place
        for place, above in (("playground.html", ""), ("_static/playground.html", "../")):
            links = {"lessons": f"{above}lessons/index.html", "documentation": f"{above}index.html"}
            assert all((site / place).parent.joinpath(address).exists() for address in links.values())
            script = bundle.page(links=links).partition('<script type="module">')[2].partition("</script>")[0]
            assert len(script) > 10_000
            assert script in (site / place).read_text()

    def test_signatures_have_their_shapes(self, site: Path):
        text = text_of(site / "api" / "toymodels.analysis.geometry.html")
        assert "interference(W: Float[Array, '*batch m n']) → Float[Array, '*batch n']" in text
        assert "Recipe(steps: int = 2000, batch_size: int = 1024," in text_of(site / "api" / "toymodels.training.html")
        assert "|cos(W_i, W_j)| > min_cosine" in text

    def test_citations_lead_to_the_bibliography(self, site: Path):
        links = read(site / "api" / "toymodels.analysis.geometry.html").links
        assert "../bibliography.html#scherlis-et-al-2022" in links

    def test_formulas_are_mathml(self, site: Path):
        text = (site / "glossary.html").read_text()
        assert text.count("<math") > 15
        assert "<mi>𝔼</mi>" in text
        assert 'mathvariant="double' not in text

    def test_a_browser_asks_for_nothing_elsewhere_and_the_playground_trains(self, site: Path):
        asked, errors = [], []
        with chromium() as browser:
            page = browser.new_page()
            page.on("request", lambda request: asked.append(request.url))
            page.on("pageerror", lambda error: errors.append(str(error)))
            for name in ("index.html", "gallery/README.html", "glossary.html", "playground.html"):
                page.goto((site / name).as_uri())
            page.wait_for_function("document.getElementById('playground').playground.state().step > 0")
            assert "hand" in page.inner_text("article")  # the words around it are still there
        assert len(asked) > 10
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert errors == []
