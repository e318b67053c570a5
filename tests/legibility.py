"""What makes a figure hard to read where it is shown, found by program."""

import itertools

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from matplotlib.transforms import Bbox

SHOWN_INCHES = 9.375  # the gallery is 900 pixels wide, at 96 per inch
LEAST_POINTS = 7
TOUCH = 1.0  # points by which boxes of text may overlap: they are a little larger than the letters


def faults(figure: Figure) -> list[str]:
    """Text that is too small, on other text or cut off, what shines through, and colours beyond a scale that does not
    say so; as sentences."""
    figure.canvas.draw()
    shrunk = min(1.0, SHOWN_INCHES / figure.get_figwidth())
    slack = TOUCH * figure.dpi / 72
    texts = _seen(figure)
    small = [one for one, _ in texts if shrunk * one.get_fontsize() < LEAST_POINTS - 0.01]
    pairs = [
        (one, other)
        for (one, first), (other, second) in itertools.combinations(texts, 2)
        if _overlap(first, second, slack)
    ]
    cut = [one for one, box in texts if not _inside(box, figure.bbox, slack)]
    patches = [figure.patch, *(ax.patch for ax in figure.axes if ax.axison and ax.patch.get_visible())]
    return [
        *(f"{one.get_text()!r} has {shrunk * one.get_fontsize():.1f} points" for one in small),
        *(f"{one.get_text()!r} and {other.get_text()!r} overlap" for one, other in pairs),
        *(f"{one.get_text()!r} leaves the figure" for one in cut),
        *(f"{one} is not opaque" for one in patches if to_rgba(one.get_facecolor())[3] < 1),
        *_clipped(figure),
    ]


def _seen(figure: Figure) -> list[tuple[Text, Bbox]]:
    """The texts that are drawn, with where they stand in pixels. Axes also have labels of ticks out of view."""
    unseen = {id(text) for ax in figure.axes if not ax.axison for axis in _axes(ax) for text in axis.findobj(Text)}
    for axis in (axis for ax in figure.axes for axis in _axes(ax)):
        low, high = sorted(axis.get_view_interval())
        for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
            if not low <= tick.get_loc() <= high:
                unseen |= {id(tick.label1), id(tick.label2)}
    texts = [text for text in figure.findobj(Text) if text.get_text().strip() and text.get_visible()]
    return [(text, text.get_window_extent()) for text in texts if id(text) not in unseen]


def _axes(ax: Axes) -> list[Axis]:
    return [axis for name in ("xaxis", "yaxis", "zaxis") if (axis := getattr(ax, name, None)) is not None]


def _overlap(one: Bbox, other: Bbox, slack: float) -> bool:
    return (
        min(one.x1, other.x1) - max(one.x0, other.x0) > slack and min(one.y1, other.y1) - max(one.y0, other.y0) > slack
    )


def _inside(box: Bbox, page: Bbox, slack: float) -> bool:
    return min(box.x0 - page.x0, box.y0 - page.y0) >= -slack and max(box.x1 - page.x1, box.y1 - page.y1) <= slack


def _clipped(figure: Figure) -> list[str]:
    """Images, meshes and dots with values beyond their scale, in a figure without a colour bar that has an arrow."""
    bars = [bar for ax in figure.axes if (bar := getattr(ax, "_colorbar", None)) is not None]
    if any(bar.extend != "neither" for bar in bars):
        return []
    return [
        f"values from {values.min():g} to {values.max():g} have colours of {low:g} to {high:g}"
        for ax in figure.axes
        for one in ax.get_children()
        if (values := _mapped(one)) is not None
        for low, high in [one.get_clim()]
        if (values < low - 1e-6 * (high - low)).any() or (values > high + 1e-6 * (high - low)).any()
    ]


def _mapped(one: Artist) -> np.ndarray | None:
    """The numbers that an artist shows as colours; None if it shows none."""
    values = one.get_array() if isinstance(one, AxesImage | QuadMesh | PathCollection) else None
    if values is None or np.ndim(values) == 3 or one.get_clim()[0] is None:  # of three dimensions: colours themselves
        return None
    finite = np.ma.compressed(np.ma.masked_invalid(values))
    return finite if finite.size else None
