"""Rulers: where the coordinates of a labelled array stand on an axis, and how the axis shows them.

An axis is logarithmic where the coordinates are spaced more evenly in logarithms; coordinates that are not numbers, or
only one, are named one by one.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from toymodels.plots.words import literal

if TYPE_CHECKING:
    from xarray import DataArray
else:
    DataArray = Any  # plots of single models do not need xarray, which takes long to import

LETTER_INCHES, LINE_INCHES = 0.08, 0.17  # of the names of ticks


class Ruler(NamedTuple):
    """Where the positions along a dimension stand on an axis.

    Attributes:
        dim: its name.
        kind: "log", "linear", or "names" for places 0, 1, 2, ... that have names.
        order: (k,), the index among the values of each place.
        places: (k,), ascending.
        texts: k names.
    """

    dim: str
    kind: str
    order: np.ndarray
    places: np.ndarray
    texts: list[str]

    @property
    def even(self) -> np.ndarray:
        """(k,), the places as the axis spaces them."""
        return np.log(self.places) if self.kind == "log" else self.places

    def edges(self) -> np.ndarray:
        """(k + 1,), half way between the places, and as far beyond the outer ones."""
        if len(self.places) == 1:
            return self.places[0] + np.array([-0.5, 0.5])
        even = self.even
        middles = (even[1:] + even[:-1]) / 2
        edges = np.array([2 * even[0] - middles[0], *middles, 2 * even[-1] - middles[-1]])
        return np.exp(edges) if self.kind == "log" else edges


def ruler_of(values: DataArray, dim: str) -> Ruler:
    """The ruler of a dimension: of its coordinate, or of 0, 1, 2, ... where there is none."""
    coordinate = values[dim].values
    texts = names(coordinate)
    numeric = coordinate.dtype.kind in "iuf" and bool(np.isfinite(coordinate).all())
    if not numeric or len(coordinate) < 2 or len(np.unique(coordinate)) < len(coordinate):
        order = np.arange(len(coordinate))
        return Ruler(dim, "names", order, order.astype(float), texts)
    order = np.argsort(coordinate)
    places = coordinate[order].astype(float)
    return Ruler(dim, "log" if _is_geometric(places) else "linear", order, places, [texts[i] for i in order])


def names(coordinate: np.ndarray) -> list[str]:
    """Names of positions: numbers with three digits, or as many as tell them apart."""
    if coordinate.dtype.kind == "f":
        for digits in range(3, 17):
            texts = [f"{value:.{digits}g}" for value in coordinate]
            if len(set(texts)) == len(np.unique(coordinate)):
                return texts
    return [str(value) for value in coordinate]


def rule(ax: Axes, side: str, ruler: Ruler) -> None:
    """Scale, ticks and label of the axis "x" or "y". Every position has a tick if there is room for all names."""
    axis = ax.xaxis if side == "x" else ax.yaxis
    box = ax.get_window_extent()
    inches = 0.8 * (box.width if side == "x" else box.height) / ax.figure.dpi  # a colour bar will take some
    texts = list(map(literal, ruler.texts))
    fits = _fits(ruler, inches, wide=side == "x")
    if ruler.kind == "log":
        ax.set(**{f"{side}scale": "log"})
    if ruler.kind == "names":
        every = -(-len(ruler.places) // max(1, int(inches / LINE_INCHES)))
        axis.set_ticks(ruler.places[::every], labels=texts[::every])
        if side == "x" and not fits:
            for text in axis.get_ticklabels():
                text.set(rotation=45, ha="right", rotation_mode="anchor")
    elif fits:
        axis.set_ticks(ruler.places, labels=texts)
        axis.set_minor_locator(NullLocator())
    elif ruler.kind == "log":
        longest = max(len(f"{place:.1g}") for place in (ruler.places[0], ruler.places[-1]))
        size = (longest + 1) * LETTER_INCHES if side == "x" else LINE_INCHES
        per_decade = inches / size / np.log10(ruler.places[-1] / ruler.places[0])
        axis.set_major_locator(LogLocator(subs=(1, 2, 5) if per_decade > 3.5 else (1, 3) if per_decade > 2 else (1,)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    else:
        axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10]))
    ax.set(**{f"{side}label": literal(ruler.dim)})


def _is_geometric(places: np.ndarray) -> bool:
    """Whether positive numbers are spaced more evenly in logarithms; of two, if one is ten times the other."""
    if places[0] <= 0 or places[-1] < 3 * places[0]:
        return False
    if len(places) == 2:
        return bool(places[1] >= 10 * places[0])
    gaps, ratios = np.diff(places), np.diff(np.log(places))
    return bool(ratios.max() / ratios.min() < gaps.max() / gaps.min())


def _fits(ruler: Ruler, inches: float, *, wide: bool) -> bool:
    """Whether the names of all positions fit beside each other (`wide`) or on top of each other."""
    lengths = np.array([len(text) + 2 for text in ruler.texts])
    sizes = lengths * LETTER_INCHES if wide else np.full(len(lengths), LINE_INCHES)
    edges = np.log(ruler.edges()) if ruler.kind == "log" else ruler.edges()
    room = np.diff(ruler.even) * inches / (edges[-1] - edges[0])
    return bool((room >= (sizes[1:] + sizes[:-1]) / 2).all())
