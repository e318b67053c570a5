"""Results of sweeps: heat maps, lines with bands, and small multiples, from labelled arrays."""

import inspect
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Patch
from matplotlib.transforms import ScaledTranslation

from toymodels.plots.figures import axes_or_new, new_figure
from toymodels.plots.rulers import Ruler, names, rule, ruler_of
from toymodels.plots.styles import BLUE, FAINT, LEVEL_COLORS, SHADE, WEIGHT_COLORS, shades
from toymodels.plots.words import literal, prose

if TYPE_CHECKING:
    from xarray import DataArray
else:
    DataArray = Any  # plots of single models do not need xarray, which takes long to import

MISSING: dict[str, Any] = {"facecolor": SHADE, "edgecolor": FAINT, "hatch": "////", "linewidth": 0}
UNFRAMED: dict[str, Any] = {"frameon": False, "borderaxespad": 0.2}


def heat_map(
    values: DataArray,
    *,
    x: str | None = None,
    label: str | None = None,
    vmin: float | int | None = None,
    vmax: float | int | None = None,
    cmap: str | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Numbers or truth values along two dimensions as colours. A cell reaches half way to its neighbours, on a
    logarithmic axis in logarithms.

    Values of both signs are drawn with 0 white and equal reach on both sides, others from dark to bright. Cells that
    are NaN are hatched, and named in a legend below the axes.

    Args:
        values: two-dimensional.
        x: the dimension along the horizontal axis; the second one if not given.
        label: of the colour bar; the name of the values if not given.
        vmin, vmax: ends of the scale; those of the values if not given. A scale that crosses 0 is extended to equal
            reach.
        cmap: name of a colour map instead of these.
        colorbar: whether to draw one.
        ax: where to draw; a new figure if not given.

    Raises:
        TypeError: if `values` is not a DataArray.
        ValueError: for another number of dimensions, an unknown `x`, what is not a number, and vmin above vmax.
    """
    from toymodels.sweeps.select import checked_dims  # not above: it brings xarray

    _check_numbers("heat_map", values)
    if values.ndim != 2:
        raise ValueError(f"heat_map needs two dimensions. Got {values.dims}: select or average along the others.")
    (across,) = checked_dims("heat_map", str(values.dims[1]) if x is None else x, values)
    (down,) = (str(dim) for dim in values.dims if dim != across)
    numbers = values.transpose(down, across).values
    vmin, vmax = _limits(numbers, vmin, vmax)
    ax = axes_or_new(ax, 4.4, 3.2)
    rows, columns = ruler_of(values, down), ruler_of(values, across)
    cells = numbers[np.ix_(rows.order, columns.order)].astype(float)
    missing = np.isnan(cells)
    np.clip(cells, vmin, vmax, out=cells, where=np.isinf(cells))  # else drawn as if missing
    colors = mpl.colormaps[cmap or (WEIGHT_COLORS if vmin < 0 < vmax else LEVEL_COLORS)]
    colors = colors.resampled(2) if numbers.dtype == bool else colors
    mesh = ax.pcolormesh(columns.edges(), rows.edges(), cells, cmap=colors, vmin=vmin, vmax=vmax)
    rule(ax, "x", columns)
    rule(ax, "y", rows)
    if missing.any():
        ax.patch.set(**MISSING)  # seen where there is no cell
        _legend_below(ax, Patch(**MISSING, label="NaN: diverged or missing"))
    if colorbar:
        _color_bar(mesh, np.array([[ax]]), numbers, _label(values, label))
    return ax


def lines(
    values: DataArray,
    x: str,
    *,
    over: str | Sequence[str] | None = "seed",
    by: str | None = None,
    band: tuple[float | int, float | int] = (0.25, 0.75),
    label: str | None = None,
    ax: Axes | None = None,
) -> Axes:
    """The median along `over` against `x` as a line, with a band between two quantiles. NaN and infinities are left
    out.

    Args:
        values: with no dimensions but those named.
        x: the dimension along the horizontal axis.
        over: the dimension or dimensions to summarise; with None `values` are drawn as they are.
        by: a dimension with a line for each position, named in a legend beside the axes.
        band: the two quantiles, each in [0, 1].
        label: of the vertical axis; the name of the values, and what the line and band are, if not given.
        ax: where to draw; a new figure if not given.

    Raises:
        TypeError: if `values` is not a DataArray.
        ValueError: for unknown dimensions, those that are not named, what is not a number, and a bad band.
    """
    from toymodels.sweeps.select import checked_dims, summary  # not above: it brings xarray

    _check_numbers("lines", values)
    if not 0 <= band[0] <= band[1] <= 1:
        raise ValueError(f"band of lines must be two quantiles in [0, 1], the lower first. Got {band}.")
    summarised = () if over is None else (over,) if isinstance(over, str) else tuple(over)
    named = checked_dims("lines", (x, *(() if by is None else (by,)), *summarised), values)
    if left := [str(dim) for dim in values.dims if dim not in named]:
        raise ValueError(f"lines needs to know what to do with {', '.join(left)}: name it in over or by, or select.")

    order = (x,) if by is None else (by, x)
    if summarised:
        quantiles = summary(values, summarised, (band[0], 0.5, band[1]))["quantiles"]
        low, middle, high = quantiles.transpose("quantile", *order).values
    else:
        low = middle = high = values.transpose(*order).values.astype(float)

    ax = axes_or_new(ax, 4.4, 3.2)
    ruler = ruler_of(values, x)
    groups = None if by is None else ruler_of(values, by)
    for place, color in enumerate(_line_colors(groups)):
        at: Any = ruler.order if groups is None else (groups.order[place], ruler.order)
        name = None if groups is None else literal(groups.texts[place])
        ax.plot(ruler.places, middle[at], "o-", color=color, label=name, markersize=3, linewidth=1.3)
        if summarised:
            ax.fill_between(ruler.places, low[at], high[at], color=color, alpha=0.18, linewidth=0)
    rule(ax, "x", ruler)
    spread = f"\nmedian, {100 * band[0]:g}–{100 * band[1]:g}% over {', '.join(summarised)}" if summarised else ""
    ax.set_ylabel(literal(f"{values.name or ''}{spread}".strip()) if label is None else prose(label))
    if by is not None:
        ax.legend(title=literal(by), loc="upper left", bbox_to_anchor=(1, 1), **UNFRAMED)
    return ax


def small_multiples(
    draw: Callable[..., Axes],
    values: DataArray,
    row: str | None = None,
    column: str | None = None,
    *,
    panel_inches: float | int = 2.2,
    **options: Any,
) -> np.ndarray:
    """A panel for each position along one or two dimensions: `draw(panel, ax=ax, **options)`, with shared axes.

    A function that takes `vmin`, `vmax` and `colorbar`, as `heat_map` does, gets the limits of all values, and one
    colour bar is drawn for all panels. Legends are joined to one as well. For example
    `small_multiples(heat_map, results.loss.min("seed"), column="n_hidden")`, or
    `small_multiples(lines, results.loss, row="decay", column="n_hidden", x="density")`.

    Args:
        draw: the plot of one panel.
        values: with the dimensions of the panels besides those that `draw` needs.
        row, column: the dimensions along which panels are placed.
        panel_inches: width and height of a panel.
        options: for `draw`.

    Returns:
        The Axes of the panels (rows, columns), without that of the colour bar.

    Raises:
        TypeError: if `values` is not a DataArray.
        ValueError: for unknown dimensions, and without any; for colours of what is not a number.
    """
    from toymodels.sweeps.select import checked_dims  # not above: it brings xarray

    _check_labelled("small_multiples", values)
    checked_dims("small_multiples", [dim for dim in (row, column) if dim is not None], values)
    down, across = (_positions(values, dim) for dim in (row, column))
    colored = {"vmin", "vmax", "colorbar"} <= set(inspect.signature(draw).parameters)
    shared: dict[str, Any] = {}
    if colored:
        _check_numbers("small_multiples", values)
        vmin, vmax = _limits(values.values, options.get("vmin"), options.get("vmax"))
        shared = {"vmin": vmin, "vmax": vmax, "colorbar": False}

    width, height = panel_inches * len(across) + 1, panel_inches * len(down) + 0.6
    grid = {"left": 0.6 / width, "right": 1 - 0.4 / width}  # about what the layout will make of it
    figure = new_figure(width, height, layout=ConstrainedLayoutEngine(w_pad=0.08))
    axes = figure.subplots(len(down), len(across), sharex=True, sharey=True, squeeze=False, gridspec_kw=grid)
    for (i, j), ax in np.ndenumerate(axes):
        (row_index, row_title), (column_index, column_title) = down[i], across[j]
        draw(values.isel(row_index | column_index), ax=ax, **(options | shared))
        ax.label_outer()
        if column is None or i == 0:
            ax.set_title(column_title or row_title)
        if column is not None and j == len(across) - 1:
            ax.annotate(row_title, (1.04, 0.5), xycoords="axes fraction", rotation=-90, va="center")
    if row is not None and len({ax.get_ylabel() for ax in axes[:, 0]}) == 1:  # one label for all rows
        label = axes[0, 0].yaxis.label
        figure.supylabel(label.get_text(), fontsize=label.get_fontsize(), multialignment="center")
        for ax in axes[:, 0]:
            ax.set_ylabel("")
    _join_legends(figure)
    if colored and options.get("colorbar", True):
        mesh = next(one for ax in axes.flat for one in (*ax.collections, *ax.images) if one.get_array() is not None)
        _color_bar(mesh, axes, values.values, _label(values, options.get("label")))
    return axes


def _label(values: DataArray, label: str | None) -> str:
    """The given label, or the name of the values."""
    return literal(values.name or "") if label is None else prose(label)


def _limits(numbers: np.ndarray, vmin: float | int | None, vmax: float | int | None) -> tuple[float, float]:
    """Ends of the scale of colours: of equal reach where it crosses 0, and from 0 where all values are equal."""
    finite = numbers[np.isfinite(numbers)].astype(float)
    low = float(finite.min(initial=np.inf) if vmin is None else vmin)
    high = float(finite.max(initial=-np.inf) if vmax is None else vmax)
    if not finite.size and low > high:
        return 0.0, 1.0
    if low > high:
        raise ValueError(f"vmin must not be above vmax. Got a scale from {low:g} to {high:g}.")
    if low < 0 < high:
        return -max(-low, high), max(-low, high)
    if low == high:
        return (min(0.0, low), max(0.0, high)) if low else (0.0, 1.0)
    return low, high


def _color_bar(mesh: ScalarMappable, axes: np.ndarray, numbers: np.ndarray, label: str) -> None:
    """A colour bar beside a grid of axes, with arrows at the ends beyond which there are values."""
    vmin, vmax = mesh.get_clim()
    beyond = bool((numbers < vmin).any()), bool((numbers > vmax).any())
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[beyond]
    rows, columns = axes.shape
    bar = axes[0, 0].figure.colorbar(
        mesh, ax=axes, label=label, extend=extend, fraction=0.15 / columns, aspect=20 * rows, pad=0.05 / columns
    )
    if numbers.dtype == bool:
        bar.set_ticks([0, 1])


def _legend_below(ax: Axes, key: Patch) -> None:
    """A legend under the label of the horizontal axis."""
    box = ax.xaxis.get_tightbbox() or ax.bbox
    depth = (ax.bbox.y0 - box.y0) / ax.figure.dpi
    below = ax.transAxes + ScaledTranslation(0, -depth, ax.figure.dpi_scale_trans)
    ax.legend(handles=[key], loc="upper center", bbox_to_anchor=(0.5, 0), bbox_transform=below, **UNFRAMED)


def _line_colors(groups: Ruler | None) -> list[Any]:
    """One colour per line: dark to bright along numbers, else unordered ones."""
    if groups is None:
        return [BLUE]
    if groups.kind == "names":
        return [f"C{place}" for place in range(len(groups.places))]
    return list(shades(len(groups.places)))


def _positions(values: DataArray, dim: str | None) -> list[tuple[dict[str, int], str]]:
    """The index and the title of each panel along a dimension; one panel without a title where there is none."""
    if dim is None:
        return [({}, "")]
    return [({dim: place}, literal(f"{dim} = {text}")) for place, text in enumerate(names(values[dim].values))]


def _join_legends(figure: Figure) -> None:
    """One legend below the panels instead of one in each."""
    title = ""
    keys: dict[str, Artist] = {}
    for ax in figure.axes:
        if legend := ax.get_legend():
            title = legend.get_title().get_text()
            for text, handle in zip(legend.get_texts(), legend.legend_handles, strict=True):
                if handle is not None:
                    keys[text.get_text()] = handle
            legend.remove()
    if keys:
        handles, texts = list(keys.values()), list(keys)
        figure.legend(handles, texts, title=title, loc="outside lower center", ncols=min(len(keys), 5), **UNFRAMED)
        figure.set_figheight(figure.get_figheight() + 0.1 + 0.2 * (-(-len(keys) // 5) + (title != "")))


def _check_numbers(owner: str, values: DataArray) -> None:
    """Raise unless `values` is a DataArray of numbers or truth values."""
    _check_labelled(owner, values)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"values of {owner} must be numbers or truth values. Got an array of {values.dtype}.")


def _check_labelled(owner: str, values: DataArray) -> None:
    """Raise unless `values` is a DataArray."""
    import xarray as xr  # not above: plots of single models do not need it

    if not isinstance(values, xr.DataArray):
        raise TypeError(f"values of {owner} must be an xarray.DataArray, such as results.loss. Got {type(values)}.")
