"""The score card as a poster, as curves, and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.patches import Rectangle

from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import FAINT, INK, LEVEL_COLORS, RED, SHADE, shades
from toymodels.plots.words import literal, prose

SEES, PASSES, GROUPS = 4, 76, 152
"""Where texts beside the rows of a poster start, in points from the last column."""


ROOM = 8
"""With more columns, texts beside the rows would be too small to read on a page."""


def poster(card: xr.Dataset, *, groups: Mapping[str, Sequence[str]] | None = None, ax: Axes | None = None) -> Axes:
    """Technique by technique (rows), the mean score on every case at every level (columns), from 0, chance, dark, to 1,
    the truth, bright; lower ones are drawn as 0. Hatched where a technique does not apply; a corner is cut where the
    truth cannot be known from what it sees. Beside at most eight columns stands what each technique sees, and at most
    how many passes and gradients (∇) of the model it takes per sample. Rows stand as in the card.

    Args:
        card: of `techniques.score`.
        groups: names of techniques that stand next to each other in the card, by what they are called together.
        ax: where to draw; a new figure if not given.
    """
    columns = [(case, level) for case in card.case.values for level in _levels(card, case)]
    scores, known = card.score.mean("seed"), card.identifiable.all("seed")
    cells = np.array(
        [
            [float(scores.sel(technique=row, case=case)[level]) for case, level in columns]
            for row in card.technique.values
        ]
    )
    roomy = len(columns) <= ROOM
    ax = axes_or_new(ax, (4.3 if roomy else 1.9) + 0.5 * len(columns), 1.5 + 0.24 * len(cells))
    colors = mpl.colormaps[LEVEL_COLORS]
    for row, column in np.ndindex(cells.shape):
        score = cells[row, column]
        if np.isnan(score):
            look: dict[str, Any] = {"facecolor": SHADE, "edgecolor": FAINT, "hatch": "////", "linewidth": 0}
        else:
            look = {"facecolor": colors(np.clip(score, 0, 1))}
            ink = "black" if score > 0.6 else "white"
            ax.text(
                column,
                row,
                f"{round(float(score), 2) + 0.0:.2f}".replace("-", "−").replace("0.", "."),
                color=ink,
                ha="center",
                va="center",
                fontsize=7,
            )
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, zorder=0, **look))
    corners = [
        [(column + 0.5, row - 0.5), (column + 0.22, row - 0.5), (column + 0.5, row)]
        for row, name in enumerate(card.technique.values)
        for column, (case, level) in enumerate(columns)
        if not known.sel(technique=name, case=case)[level]
    ]
    if corners:
        ax.add_collection(PolyCollection(corners, facecolor=RED, linewidth=0))
        ax.set_xlabel("◥ the truth cannot be known from what the technique sees", color=RED, fontsize=8)
    beside = (("sees", card.access.values, SEES), ("passes, ≤", _passes(card), PASSES))
    for name, texts, points in beside if roomy else ():
        _beside(ax, len(columns), -0.65, name, points, va="bottom", fontsize=8)
        for row, text in enumerate(texts):
            _beside(ax, len(columns), row, text, points, fontsize=7)
    starts = [number for number, (_, level) in enumerate(columns) if level == 0]
    for start in starts[1:]:
        ax.axvline(start - 0.5, color="white", linewidth=3)
    rows = list(card.technique.values)
    for name, group in (groups or {}).items():
        first, last = rows.index(group[0]), rows.index(group[-1])
        ax.axhline(first - 0.5, color="white", linewidth=3)
        _beside(ax, len(columns), (first + last) / 2, literal(name), GROUPS if roomy else SEES, fontsize=8)
    ax.set(xlim=(-0.5, len(columns) - 0.5), ylim=(len(cells) - 0.5, -0.5))
    ax.set_xticks(range(len(columns)), [_level_label(card, *column) for column in columns], fontsize=7)
    ax.set_yticks(range(len(cells)), [literal(name) for name in card.technique.values])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ends = [*starts[1:], len(columns)]
    for start, end in zip(starts, ends, strict=True):
        name, field = str(columns[start][0]), str(card.level_name.sel(case=columns[start][0]).values)
        under = f"\n{_words(field)}" if field else ""
        ax.text((start + end - 1) / 2, -0.65, literal(name) + under, ha="center", va="bottom", fontsize=8)
    return ax


def curves(
    card: xr.Dataset, case: str | None = None, *, techniques: Sequence[str] | None = None, ax: Axes | None = None
) -> Axes:
    """The score of each technique against features per dimension, or against the field that makes the levels where this
    does not change; bands are the range over seeds.

    Args:
        card: of `techniques.score`.
        case: which one; not needed where there is one.
        techniques: which ones; all if not given.
        ax: where to draw; a new figure if not given. Exact curves can be drawn on it.

    Raises:
        ValueError: if there are several cases, and none is chosen.
    """
    if case is None:
        if card.sizes["case"] > 1:
            raise ValueError(f"curves needs a case. There are: {', '.join(map(str, card.case.values))}.")
        case = str(card.case.values[0])
    here = card.sel(case=case).isel(level=_levels(card, case))
    ratio = here.features_per_dimension
    changes = len(np.unique(ratio)) > 1 or not str(here.level_name.values)
    x = ratio if changes else here.level_value
    ax = axes_or_new(ax, 4.6, 3.0)
    chosen = list(card.technique.values) if techniques is None else list(techniques)
    for name, color in zip(chosen, shades(len(chosen)), strict=True):
        score = here.score.sel(technique=name)
        ax.plot(x, score.mean("seed"), "o-", color=color, markersize=3.5, label=literal(name))
        ax.fill_between(x, score.min("seed"), score.max("seed"), color=color, alpha=0.15, linewidth=0)
    ax.axhline(0, color=FAINT, linewidth=0.8, zorder=0)
    ax.axhline(1, color=FAINT, linewidth=0.8, zorder=0)
    ax.set(xlabel="features per dimension" if changes else _words(str(here.level_name.values)), ylabel="score")
    if (x > 0).all() and float(x.max() / x.min()) > 5:
        ax.set_xscale("log")
    ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), labelcolor=INK)
    return ax


def table(card: xr.Dataset) -> str:
    """The card as text: what each technique sees, its best and worst case with its scores, and at most how many passes
    and gradients (∇) of the model it takes per sample."""
    scores = card.score.mean("seed")
    rows: list[tuple[str, ...]] = [("technique", "sees", "best", "", "worst", "", "passes")]
    for name, cost in zip(card.technique.values, _passes(card), strict=True):
        own = scores.sel(technique=name)
        row = [str(name), str(card.access.sel(technique=name).values)]
        for place in (own.argmax(...), own.argmin(...)) if np.isfinite(own).any() else ():
            one = own[place]
            row += [_place_name(card, str(one.case.values), int(place["level"])), f"{float(one):.3f}"]
        row += ["not applicable", "", "", ""][: 6 - len(row)]
        rows.append((*row, cost))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _beside(
    ax: Axes, columns: int, row: float | int, text: str, points: int, *, va: str = "center", fontsize: int
) -> None:
    """Text to the right of a row of the poster."""
    at = (columns - 0.5, row)
    ax.annotate(text, at, (points, 0), textcoords="offset points", va=va, fontsize=fontsize, annotation_clip=False)


def _passes(card: xr.Dataset) -> list[str]:
    """At most how many passes each technique takes, and gradients if any; "?" where that cannot be counted."""
    told = []
    for name in card.technique.values:
        one = card.sel(technique=name)
        runs, slopes = (number.values[one.applicable.values] for number in (one.passes, one.gradients))
        if len(runs) == 0:
            told.append("")
        elif np.isnan(runs + slopes).any():  # a loop has no fixed length
            told.append("?")
        else:
            told.append(f"{runs.max():.4g}" + (f" + {slopes.max():.4g} ∇" if slopes.any() else ""))
    return told


def _levels(card: xr.Dataset, case: str) -> list[int]:
    """The places of the levels that a case has."""
    return [int(place) for place in np.flatnonzero(np.isfinite(card.n_features.sel(case=case)))]


def _level_label(card: xr.Dataset, case: str, level: int) -> str:
    value = float(card.level_value.sel(case=case)[level])
    return "" if np.isnan(value) else f"{value:g}"


def _place_name(card: xr.Dataset, case: str, level: int) -> str:
    label = _level_label(card, case, level)
    return case if not label else f"{case}, {card.level_name.sel(case=case).values} {label}"


def _words(field: str) -> str:
    return prose(field.replace("_", " "))
