"""`toymodels show`: what is in the results of a sweep, as text and as a picture."""

import dataclasses
import math
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import tyro
import xarray as xr

from toymodels.cli.flags import parse
from toymodels.cli.outputs import check_picture, merged_name, shell, write_picture
from toymodels.sweeps import load, summary
from toymodels.sweeps.show import along_grid, overview
from toymodels.sweeps.store import DESCRIPTION, describe

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HELP = """Show what is in the results of a sweep: toymodels show RESULTS

  RESULTS is the folder of a sweep, finished or not, or a file of results. --variable prints one variable along
  the axes of the grid, and --picture draws it: of restarts the best one, along features and other dimensions
  inside of a model the mean, along seeds the median. One axis is drawn as a line, with a band that holds half of
  the seeds; two axes as colours; three or four as several panels."""

MOST_BYTES = 2**32
MOST_PANELS = 64


@dataclasses.dataclass(frozen=True)
class Show:
    """What is to be shown.

    Attributes:
        results: a folder, or a file that ends in .zarr or .nc.
        variable: one variable; the loss is drawn if none is named.
        picture: draw it in this file (PNG, SVG, PDF).
    """

    results: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RESULTS")]
    variable: str | None = None
    picture: Path | None = None


def run(arguments: Sequence[str]) -> None:
    """`toymodels show`: print, and draw if a picture is asked for."""
    job = parse("show", HELP, Show, arguments)
    check_picture("--picture", job.picture)
    results = _loaded(job.results)
    text = overview(results)
    values = along_grid(results, job.variable or "loss")
    picture = None if job.picture is None else save_picture(values, job.picture)
    print(text if job.variable is None else f"{text}\n\n{table(values)}")
    if picture is not None:
        print(f"\nThe picture is {picture}.")


def table(values: xr.DataArray) -> str:
    """Range of the values and, along at most two axes, the numbers, of seeds the median."""
    numbers = values.values[np.isfinite(values.values)]
    if not numbers.size:
        return f"{_label(values)}: no finite number"
    head = f"{_label(values)}: {numbers.min():.4g} ... {numbers.max():.4g}"
    middle = _median_of_seeds(values).squeeze()
    if middle.ndim == 0:
        return head
    if middle.ndim > 2:
        return f"{head}, along {', '.join(map(str, middle.dims))}: draw it with --picture"
    seeds = f"\nmedian of {values.sizes['seed']} seeds" if "seed" in values.dims else ""
    rows = middle.reset_coords(drop=True).to_pandas() if middle.ndim == 2 else _with_labels(middle).to_dataframe()
    return f"{head}{seeds}\n{rows.to_string(float_format='{:.4g}'.format, max_rows=24, max_cols=12, max_colwidth=40)}"


def _with_labels(values: xr.DataArray) -> xr.DataArray:
    """Only with the coordinates that are fields of the axes."""
    return values.drop_vars([name for name, at in values.coords.items() if not at.ndim or name == "restart"])


def save_picture(values: xr.DataArray, path: Path) -> Path:
    """Draw the values along the axes of a grid, as `draw` does, in a file; return its path."""
    import matplotlib.pyplot as plt

    from toymodels import plots

    with plt.rc_context(plots.style()):
        figure = draw(values)
        written = write_picture(figure, path)
        plt.close(figure)
    return written


def draw(values: xr.DataArray) -> "Figure":
    """A picture that fits the number of axes: lines along one, or along steps; colours along two; else panels.

    Raises:
        ValueError: if there is nothing to draw along, or too much for one picture.
    """
    from toymodels import plots

    values = values.squeeze()
    dims = sorted((str(dim) for dim in values.dims if dim != "seed"), key=lambda dim: -values.sizes[dim])
    label = _wrapped(values)
    if not values.ndim:
        raise ValueError(f"{values.name} is one number, {values.item():.6g}: there is no axis to draw it along.")
    if not dims:
        return _drawn(plots.lines, values, [], x="seed", over=None, label=label)
    if "step" in dims or len(dims) == 1:
        x, *others = sorted(dims, key=lambda dim: dim != "step")
        by = others[0] if others else None
        if "seed" not in values.dims:
            return _drawn(plots.lines, values, others[1:], x=x, by=by, over=None, label=label)
        label = f"{label}\nmedian and half of {values.sizes['seed']} seeds"
        return _drawn(plots.lines, values, others[1:], x=x, by=by, over="seed", label=label)
    middle = _median_of_seeds(values)
    return _drawn(plots.heat_map, middle, dims[2:], x=dims[0], label=_wrapped(middle))


def _loaded(path: Path) -> xr.Dataset:
    """All that is finished. Results that may not fit into memory must be in a file, which is read in parts."""
    if not (path / DESCRIPTION).exists() or describe(path).layout.bytes <= MOST_BYTES:
        try:
            return load(path, partial=True)
        except ValueError as error:
            if path.is_file():  # xarray tells much about its own reading, and not what is wrong
                raise ValueError(f"{path} is neither the folder of a sweep nor a file of results.") from error
            raise
    if (path / "results.zarr").exists():  # the sweep wrote it when it was finished
        return load(path / "results.zarr")
    raise ValueError(
        f"{path} is the folder of a sweep with more than {MOST_BYTES / 2**30:g} GiB of results. When it is finished: "
        f"toymodels merge {shell(path)} {shell(merged_name(path))}; toymodels show {shell(merged_name(path))}"
    )


def _drawn(plot: Callable[..., Any], values: xr.DataArray, panels: Sequence[str], **options: Any) -> "Figure":
    """One picture, or one for each position along one or two axes."""
    from toymodels import plots

    if not panels:
        return plot(values, **options).figure
    count = math.prod(values.sizes[dim] for dim in panels)
    if len(panels) > 2 or count > MOST_PANELS:
        raise ValueError(
            f"A picture of {values.name} along {', '.join(map(str, values.dims))} would have {count} panels. Select "
            "some of them in Python: toymodels.sweeps.load(...)."
        )
    column, row = (*panels, None)[:2]
    return plots.small_multiples(plot, values, row, column, **options)[0, 0].figure


def _median_of_seeds(values: xr.DataArray) -> xr.DataArray:
    if "seed" not in values.dims:
        return values
    middle = summary(values, "seed", (0.5,))["quantiles"].isel(quantile=0, drop=True).rename(values.name)
    said = [values.attrs.get("reduced"), f"median of {values.sizes['seed']} seeds"]
    return middle.assign_attrs(reduced=", ".join(filter(None, said)))


def _label(values: xr.DataArray) -> str:
    """The name of the values, and how they were reduced."""
    return ", ".join(filter(None, (str(values.name), values.attrs.get("reduced"))))


def _wrapped(values: xr.DataArray) -> str:
    """The label in lines that fit beside a picture."""
    return "\n".join([str(values.name), *textwrap.wrap(values.attrs.get("reduced", ""), 38)])
