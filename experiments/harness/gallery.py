"""Pages made from the JSON beside each picture: the gallery `figures/README.md`, and the tables in `README.md`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from experiments.harness.discovery import Found
from experiments.harness.experiment import Experiment, Paper
from toymodels import files


def write_gallery(papers: Sequence[Found], folder: Path) -> Path:
    """Write the gallery of all figures that have been run, in their order; return its path."""
    tables: list[str] = []
    sections: list[str] = []
    for paper, pages in _papers_with_pages(papers, folder):
        rows = [_table_row(("figure", "question", "claims")), "|---|---|---|", *map(_summary_row, pages)]
        tables += ["", f"**{paper.citation}**", "", *rows]
        sections += map(_section, pages)
    path = folder / "README.md"
    files.write_text(path, "\n".join([_HEADER, *tables, "", *sections]))
    return path


def update_readme(papers: Sequence[Found], path: Path, folder: Path) -> Path:
    """Write the tables of what is reproduced and how fast into the project's front page; return its path."""
    text = files.read_text(path)
    tables = [f"**{paper.citation}**\n\n{figures_table(pages)}" for paper, pages in _papers_with_pages(papers, folder)]
    text = _between(text, "figures", "\n\n".join(tables))
    benchmark = folder / "benchmark.json"
    if benchmark.exists():
        text = _between(text, "speed", speed_table(json.loads(files.read_text(benchmark))))
    files.write_text(path, text)
    return path


def figures_table(pages: Sequence[Mapping[str, Any]]) -> str:
    """One row per figure: name, question, claims that pass, at how many seeds each of them holds at least, seconds."""
    rows = ["| figure | question | claims | seeds | seconds |", "|---|---|---|---|---|"]
    for page in pages:
        name = page["experiment"]
        link = f"[{name.partition('/')[2]}](figures/README.md#{_anchor(name)})"
        passed = sum(claim["passed"] for claim in page["claims"])
        row = (link, page["question"], f"{passed} of {len(page['claims'])}", _fewest(page), f"{page['seconds']:.0f}")
        rows.append(_table_row(row))
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


def claims_table(claims: Sequence[Mapping[str, Any]], seeds: Mapping[str, str]) -> str:
    """Claims as a Markdown table: passed, sentence, measured, expected, at how many seeds it holds (by sentence), the
    first two wrong models that it fails on, and source."""
    rows = ["| | claim | measured | expected | seeds | fails on | source |", "|---|---|---|---|---|---|---|"]
    for claim in claims:
        sign = "✓" if claim["passed"] else "✗"
        fails_on = ", ".join(claim["fails_on"][:2]).replace("_", " ") or "nothing"
        measured, held = f"{claim['measured']:.4g}", seeds.get(claim["claim"], "")
        row = (sign, claim["claim"], measured, claim["expected"], held, fails_on, claim["source"])
        rows.append(_table_row(row))
    return "\n".join(rows)


def _papers_with_pages(papers: Sequence[Found], folder: Path) -> list[tuple[Paper, list[Mapping[str, Any]]]]:
    """The papers of which figures have been run, each with their pages."""
    found = [(one.paper, _pages(one.experiments, folder)) for one in papers]
    return [(paper, pages) for paper, pages in found if pages]


def _pages(experiments: Sequence[Experiment], folder: Path) -> list[Mapping[str, Any]]:
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


def _fewest(page: Mapping[str, Any]) -> str:
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

Every figure with the claims that were tested on it: the number measured and the condition on it, at how many seeds the
claim holds, and wrong models that it fails on (`experiments/harness/controls.py` has those common to all figures).
Generated by `python -m experiments gallery`: do not edit."""


def _table_row(cells: Sequence[str]) -> str:
    """A row of a Markdown table, in which a bar is not the end of a cell."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _summary_row(page: Mapping[str, Any]) -> str:
    passed = sum(claim["passed"] for claim in page["claims"])
    name = page["experiment"]
    return _table_row((f"[{name}](#{_anchor(name)})", page["question"], f"{passed} of {len(page['claims'])} pass"))


def _section(page: Mapping[str, Any]) -> str:
    name = page["experiment"]
    links = f" ([SVG]({name}.svg))" if page["vector"] else ""
    animation = f"\n![{name}, animated]({name}.gif)\n" if page.get("animation") else ""
    seeds = {claim: "{} of {}".format(*held) for claim, held in page["held"].items()}
    differences = page["differences"] or ["none"]
    full = " --full" if page["size"] == "full" else ""
    return f"""## {name}

**{page["question"]}** {page["source"]}.

![{name}]({name}.png)
{animation}
{page["shows"]}{links}

{claims_table(page["claims"], seeds)}

Differences from the paper: {"; ".join(differences)}.

```
python -m experiments run {name}{full}
```

{page["size"].capitalize()} size, seed {page["seed"]}, {page["seconds"]:.0f} s on the machine that drew it
(toymodels {page["versions"]["toymodels"]}, jax {page["versions"]["jax"]}).
"""


def _anchor(name: str) -> str:
    return name.replace("/", "").replace(" ", "-").lower()
