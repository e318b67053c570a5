"""The score card as a poster, as curves, and as a table."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from toymodels.plots.figures import axes_or_new
from toymodels.plots.styles import FAINT, INK, LEVEL_COLORS, SHADE, shades
from toymodels.plots.words import literal, prose


def poster(card: xr.Dataset, *, groups: Mapping[str, Sequence[str]] | None = None, ax: Axes | None = None) -> Axes:
    """Technique by technique (rows), the mean score on every case at every level (columns), from 0, chance, dark, to 1,
    the truth, bright; lower ones are drawn as 0. Hatched where a technique does not apply. Rows stand as in the card.

    Args:
        card: of `techniques.score`.
        groups: names of techniques that stand next to each other in the card, by what they are called together.
        ax: where to draw; a new figure if not given.
    """
    columns = [(case, level) for case in card.case.values for level in _levels(card, case)]
    scores = card.score.mean("seed")
    cells = np.array(
        [
            [float(scores.sel(technique=row, case=case)[level]) for case, level in columns]
            for row in card.technique.values
        ]
    )
    ax = axes_or_new(ax, 1.9 + 0.5 * len(columns), 1.3 + 0.24 * len(cells))
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
    starts = [number for number, (_, level) in enumerate(columns) if level == 0]
    for start in starts[1:]:
        ax.axvline(start - 0.5, color="white", linewidth=3)
    rows = list(card.technique.values)
    for name, group in (groups or {}).items():
        first, last = rows.index(group[0]), rows.index(group[-1])
        ax.axhline(first - 0.5, color="white", linewidth=3)
        ax.text(len(columns) - 0.3, (first + last) / 2, literal(name), va="center", fontsize=8)
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
    """The card as text: what each technique sees, its best and worst case with its scores, and seconds per model."""
    scores = card.score.mean("seed")
    rows: list[tuple[str, ...]] = [("technique", "sees", "best", "", "worst", "", "seconds")]
    for name in card.technique.values:
        own = scores.sel(technique=name)
        row = [str(name), str(card.access.sel(technique=name).values)]
        for place in (own.argmax(...), own.argmin(...)) if np.isfinite(own).any() else ():
            one = own[place]
            row += [_place_name(card, str(one.case.values), int(place["level"])), f"{float(one):.3f}"]
        row += ["not applicable", "", "", ""][: 6 - len(row)]
        rows.append((*row, f"{float(card.seconds.sel(technique=name).mean()):.2f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


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
