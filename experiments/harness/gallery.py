"""The gallery, made from the JSON beside each picture: the index `figures/README.md` and a page per figure; and the
tables in `README.md`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.harness.discovery import Found
from experiments.harness.experiment import Experiment
from experiments.harness.figure_page import Page, figure_page, table_row
from toymodels import files


def write_gallery(papers: Sequence[Found], folder: Path) -> Path:
    """Write the index of all figures that have been run, in their order, and the page of each; return the path of the
    index."""
    parts = [_HEADER]
    for found, pages in _papers_with_pages(papers, folder):
        parts += [f"## {found.paper.citation}", _thumbnails(pages)]
        figures = {experiment.name: experiment for experiment in found.experiments}
        for before, page, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
            name = page["experiment"]
            files.write_text(folder / f"{name}.md", figure_page(page, figures[name], found.paper, before, after))
    path = folder / "README.md"
    files.write_text(path, "\n\n".join(parts) + "\n")
    return path


def update_readme(papers: Sequence[Found], path: Path, folder: Path) -> Path:
    """Write the tables of what is reproduced and how fast into the project's front page; return its path."""
    text = files.read_text(path)
    tables = [
        f"**{found.paper.citation}**\n\n{figures_table(pages)}" for found, pages in _papers_with_pages(papers, folder)
    ]
    text = _between(text, "figures", "\n\n".join(tables))
    benchmark = folder / "benchmark.json"
    if benchmark.exists():
        text = _between(text, "speed", speed_table(json.loads(files.read_text(benchmark))))
    files.write_text(path, text)
    return path


def figures_table(pages: Sequence[Page]) -> str:
    """One row per figure: name, question, claims that pass, at how many seeds each of them holds at least, seconds."""
    rows = ["| figure | question | claims | seeds | seconds |", "|---|---|---|---|---|"]
    for page in pages:
        name = page["experiment"]
        link = f"[{name.partition('/')[2]}](figures/{name}.md)"
        passed = sum(claim["passed"] for claim in page["claims"])
        row = (link, page["question"], f"{passed} of {len(page['claims'])}", _fewest(page), f"{page['seconds']:.0f}")
        rows.append(table_row(row))
    return "\n".join(rows)


def speed_table(report: Mapping[str, Any]) -> str:
    """The benchmark's targets, with what was measured and whether each is met."""
    machine = report["machine"]
    rows = [
        f"Medians; each ratio is of times in one run, on {machine['cores']} cores of an {machine['processor']}, "
        f"against the released notebook's loop in PyTorch {machine['torch']}:",
        "",
        "| | measured | wanted |",
        "|---|---|---|",
    ]
    for target in report["targets"]:
        measured = "not reached" if target["measured"] is None else f"{target['measured']:.3g}"
        missed = "" if target["passed"] else " (missed)"
        wanted = f"at most {target['at_most']:g}" if "at_most" in target else f"{target['at_least']:g}"
        rows.append(f"| {target['target']} | {measured}{missed} | {wanted} |")
    return "\n".join(rows)


def _papers_with_pages(papers: Sequence[Found], folder: Path) -> list[tuple[Found, list[Page]]]:
    """The papers of which figures have been run, each with their pages."""
    found = [(one, _pages(one.experiments, folder)) for one in papers]
    return [(paper, pages) for paper, pages in found if pages]


def _pages(experiments: Sequence[Experiment], folder: Path) -> list[Page]:
    """The pages of the experiments that have been run, each with its record of seeds where there is one."""
    paths = [folder / f"{experiment.name}.json" for experiment in experiments]
    return [
        {**json.loads(files.read_text(path)), "held": _held(path.with_suffix(".seeds.json"))}
        for path in paths
        if path.exists()
    ]


def _held(path: Path) -> dict[str, tuple[int, int]]:
    """At how many of how many seeds each claim holds, by its sentence."""
    if not path.exists():
        return {}
    record = json.loads(files.read_text(path))
    return {claim["claim"]: (claim["passed"], len(record["seeds"])) for claim in record["claims"]}


def _fewest(page: Page) -> str:
    """At how many of how many seeds the claim holds that holds at the fewest."""
    held = [page["held"][claim["claim"]] for claim in page["claims"] if claim["claim"] in page["held"]]
    return "{} of {}".format(*min(held)) if held else "not tried"


def _between(text: str, name: str, inside: str) -> str:
    """`text` with what stands between the comments `name` and `/name` replaced."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{inside}\n{end}{after}"


_HEADER = """# Gallery

<!-- Made by `python -m experiments gallery`: do not edit. -->

A figure's page has the picture at full size, how to read it, the claims that were tested on it with the numbers
measured, the wrong models that each claim fails on, where its numbers are, and the command that draws it."""

_COLUMNS = 3


def _thumbnails(pages: Sequence[Page]) -> str:
    """The pictures as a table, each with its name, question and claims, and linked to its page."""
    cells = [_thumbnail(page) for page in pages]
    cells += [""] * (-len(cells) % _COLUMNS)
    rows = [table_row(cells[first : first + _COLUMNS]) for first in range(0, len(cells), _COLUMNS)]
    return "\n".join([table_row([" "] * _COLUMNS), "|---" * _COLUMNS + "|", *rows])


def _thumbnail(page: Page) -> str:
    name = page["experiment"]
    passed = sum(claim["passed"] for claim in page["claims"])
    picture = f"[![{name}]({name}.png)]({name}.md)"
    return (
        f"{picture}<br>[{name.partition('/')[2]}]({name}.md)<br>{page['question']} "
        f"{passed} of {len(page['claims'])} claims pass."
    )
