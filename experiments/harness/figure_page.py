"""The page of a figure: picture, how to read it, claims, what they fail on, where the numbers are, the command."""

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from experiments.harness.controls import COMMON
from experiments.harness.experiment import Experiment, Paper

Page = Mapping[str, Any]
"""The JSON beside a picture, with `held`: at how many of how many seeds each claim holds, by its sentence."""


def figure_page(page: Page, experiment: Experiment, paper: Paper, before: Page | None, after: Page | None) -> str:
    """The page in Markdown, for the folder of the picture; `before` and `after` are the pages beside it."""
    name, figure = page["experiment"], _figure(page)
    picture = f"[![{name}]({figure}.png)]({figure}.{'svg' if page['vector'] else 'png'})"
    animation = [f"![{name}, animated]({figure}.gif)"] if page.get("animation") else []
    seeds = {claim: "{} of {}".format(*held) for claim, held in page["held"].items()}
    parts = [
        f"# {name}",
        "<!-- Made by `python -m experiments gallery`: do not edit. -->",
        f"**{page['question']}**",
        f"{paper.citation}: {page['source']}.",
        picture,
        *animation,
        "## How to read it",
        _filled(page["shows"]),
        "## Claims",
        claims_table(page["claims"], seeds),
        _filled(_EXPLAINED),
        *_controls(page["claims"], experiment),
        "## Differences from the paper",
        "\n".join(f"- {difference}" for difference in page["differences"]) or "None.",
        "## Numbers",
        _NUMBERS.format(name=name, figure=figure),
        "## Draw it",
        _command(page),
        _neighbours(before, after),
    ]
    return "\n\n".join(parts) + "\n"


def claims_table(claims: Sequence[Mapping[str, Any]], seeds: Mapping[str, str]) -> str:
    """Claims as a Markdown table: passed, sentence, measured, expected, at how many seeds it holds (by sentence), the
    wrong models that it fails on, and source."""
    rows = ["| | claim | measured | expected | seeds | fails on | source |", "|---|---|---|---|---|---|---|"]
    for claim in claims:
        sign = "✓" if claim["passed"] else "✗"
        fails_on = ", ".join(claim["fails_on"]).replace("_", " ") or "nothing"
        measured, held = f"{claim['measured']:.4g}", seeds.get(claim["claim"], "")
        row = (sign, claim["claim"], measured, claim["expected"], held, fails_on, claim["source"])
        rows.append(table_row(row))
    return "\n".join(rows)


def table_row(cells: Sequence[str]) -> str:
    """A row of a Markdown table, in which a bar is not the end of a cell."""
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


_EXPLAINED = """*Seeds*: at how many of the seeds tried the claim holds. *Fails on*: each claim is also tried on wrong
models, made from the trained ones. It fails on those named; a claim that failed on none would claim nothing. They
are:"""

_NUMBERS = """[{figure}.json]({figure}.json) has all of the above. The trained models, from the cache if they were
trained here before:

```python
from experiments.harness.discovery import find_figure
from experiments.harness.runner import evaluate

results, claims = evaluate(find_figure("{name}"))
print(results)  # a Dataset per sweep, by name: weights, losses, and what else is plotted
```"""


def _controls(claims: Sequence[Mapping[str, Any]], experiment: Experiment) -> list[str]:
    """What the controls are that a claim of the figure fails on, in their own words."""
    failed = {name for claim in claims for name in claim["fails_on"]}
    meant = {control.__name__: inspect.getdoc(control) or "" for control in (*COMMON, *experiment.controls)}
    rows = [_filled(f"- *{name.replace('_', ' ')}*: {meant[name]}", "  ") for name in meant if name in failed]
    return ["\n".join(rows)] if rows else []


def _command(page: Page) -> str:
    full = " --full" if page["size"] == "full" else ""
    return f"""```
python -m experiments run {page["experiment"]}{full}
```

{page["size"].capitalize()} size, seed {page["seed"]}, {page["seconds"]:.0f} s on the machine that drew it
(toymodels {page["versions"]["toymodels"]}, jax {page["versions"]["jax"]})."""


def _neighbours(before: Page | None, after: Page | None) -> str:
    previous = [f"← [{_figure(before)}]({_figure(before)}.md)"] if before else []
    following = [f"[{_figure(after)}]({_figure(after)}.md) →"] if after else []
    return " · ".join([*previous, "[Gallery](../README.md)", *following])


def _figure(page: Page) -> str:
    """The figure's name without its paper's."""
    return str(page["experiment"].partition("/")[2])


def _filled(text: str, indent: str = "") -> str:
    """Lines of up to 120 characters."""
    return textwrap.fill(
        " ".join(text.split()), 120, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
