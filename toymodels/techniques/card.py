"""`score`: every technique on every case, at every level of superposition, with several seeds."""

import re
import time
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float

from toymodels import files
from toymodels.cases import Case, tight_frame
from toymodels.checks import check_integer
from toymodels.sweeps.launch import planned, sweep
from toymodels.techniques.ceilings import observable_cosine
from toymodels.techniques.scored import NUMBERS, AllScored, Scored
from toymodels.techniques.scores import Score
from toymodels.techniques.technique import Technique, access, check_technique
from toymodels.training import Recipe
from toymodels.training.engine.cells import Cell
from toymodels.version import VERSION

NEARLY_ONE = 0.999
"""A ceiling that is higher is rounding."""


def score(
    techniques: Mapping[str, Technique],
    cases: Mapping[str, Case],
    *,
    seed: Iterable[int] = range(4),
    samples: int = 8_192,
    folder: str | Path | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """The score card of techniques: how near what they say of a model comes to what is true of it.

    Args:
        techniques: functions, by name; see `toymodels.techniques.technique` for what their arguments may be.
        cases: models, by name, each at one level or at several: `cases.tight_frame(20, 10).over(n_hidden=[20, 10, 5])`.
            Those of tokens are seen by their stream or by their graph: see `toymodels.techniques.technique`.
        seed: seeds, each with other samples and other random weights.
        samples: how many samples a technique is given.
        folder: where to keep finished work, a folder for each case in it. What is there is not done again; other
            techniques or cases under the same names are refused.
        progress: show progress bars.

    Returns:
        A Dataset with axes technique, case, level and seed:

        - `score`: 1 for the truth, 0 for chance; `raw` and `chance`: what it is made of, see
          `toymodels.techniques.scores`;
        - `ceiling`: the best score that directions can have, in expectation, that are claimed from h and x alone, by
          `ceilings.observable_cosine`; 1 for other claims, of which no bound is known; `identifiable`: False where it
          is below 1, so that the truth cannot be known from what the technique sees;
        - `found`, `mmcs`, `r_squared`, `l0`, `dead`: further numbers of some claims, NaN for others;
        - `passes`, `gradients`: how often a technique runs the model, per sample that it is given, by
          `toymodels.techniques.passes`. Not counted are the pass that h comes from, and what a technique computes
          from `params` or trains by itself: for that, see `seconds`;
        - `applicable`: False where a technique says that it does not apply;
        - `access` (technique): what the technique sees;
        - `n_features`, `n_hidden`, `features_per_dimension` (case, level), `level_value` and `level_name`.

        Cases with fewer levels than others have NaN in the rest. `xarray.concat([card, mine], "technique")` puts
        techniques that were scored later into the card. The attribute `seconds` is what all cases took.

    Raises:
        ValueError, TypeError: for bad arguments, and for cases whose truth is not known, such as a trained
            `Transformer`, before anything is compiled.
    """
    seeds = [int(one) for one in seed]
    check_integer("score", "samples", samples, minimum=2)
    _check_names("techniques", techniques)
    _check_names("cases", cases)
    for name, technique in techniques.items():
        check_technique(name, technique)
    recipe = Recipe(steps=0, batch_size=samples, evaluation_samples=samples)
    most = max(len(_levels(case)[1]) for case in cases.values())
    whole = (len(techniques), len(cases), most, len(seeds))
    numbers, labels = np.full((*whole, len(NUMBERS)), np.nan), np.full(whole[1:3], np.nan)
    cosines = np.full(whole[1:], np.nan)
    spent = 0.0
    for column, (name, case) in enumerate(cases.items()):
        place = None if folder is None else files.expanded(folder) / _file_name(name)
        _, values = _levels(case)
        labels[column, : len(values)] = values
        scored, cosine, seconds = _on_case(case, techniques, seeds, recipe, place, progress)
        numbers[:, column, : len(values)], cosines[column, : len(values)] = scored, cosine
        spent += seconds
    n, m = (numbers[0, :, :, 0, NUMBERS.index(size)] for size in ("n_features", "n_hidden"))
    grid = ("technique", "case", "level", "seed")
    card = xr.Dataset(
        {name: (grid, numbers[..., number]) for number, name in enumerate(NUMBERS[:-2])},
        coords={
            "technique": list(techniques),
            "case": list(cases),
            "seed": seeds,
            "level_name": ("case", [_levels(case)[0] for case in cases.values()]),
            "level_value": (grid[1:3], labels),
            "n_features": (grid[1:3], n),
            "n_hidden": (grid[1:3], m),
            "features_per_dimension": (grid[1:3], n / m),
            "access": ("technique", [", ".join(access(technique)) for technique in techniques.values()]),
        },
    )
    observes = xr.DataArray([set(access(one)) <= {"h", "x", "key"} for one in techniques.values()], dims="technique")
    best = (xr.DataArray(cosines, dims=grid[1:]) - card.chance) / (1 - card.chance)
    there = xr.where(np.isfinite(card.score), 1.0, np.nan)
    card["ceiling"] = xr.where(observes & np.isfinite(card.found), best, there).transpose(*grid)
    card["identifiable"] = ~(card.ceiling < NEARLY_ONE)
    card["applicable"] = card.applicable == 1
    card.attrs = {"toymodels": VERSION, "device": jax.devices()[0].device_kind, "seconds": round(spent, 3)}
    return card


def try_on(technique: Technique, case: Case, *, seed: int = 0, samples: int = 8_192) -> Score:
    """The score of one technique on one model of a case.

    >>> import jax.numpy as jnp
    >>> import toymodels as tm
    >>> def axes(h):
    ...     return tm.techniques.Directions(jnp.eye(len(h)))
    >>> float(try_on(axes, tm.cases.dedicated(4)).score), float(try_on(axes, tm.cases.digons(4)).found)
    (1.0, 0.5)
    """
    card = score({"it": technique}, {"here": case}, seed=[seed], samples=samples, progress=False)
    one = card.isel(technique=0, case=0, level=0, seed=0)
    return Score(**{name: np.asarray(one[name]) for name in Score._fields})


def seconds(technique: Technique, *, samples: int = 8_192) -> float:
    """What a technique and its score take on one model of 20 features in 10 dimensions, once compiled; NaN where it
    does not apply to that.

    Args:
        technique: as in `score`.
        samples: how many samples it is given.
    """
    check_integer("seconds", "samples", samples, minimum=2)
    check_technique("it", technique)
    case = tight_frame(20, 10)
    x, key = case.task.features.sample(jax.random.key(0), samples), jax.random.key(1)
    run = jax.jit(partial(Scored(technique), case.module()))
    numbers = jax.block_until_ready(run(x, key))
    if numbers[NUMBERS.index("applicable")] == 0:
        return np.nan
    began = time.perf_counter()
    jax.block_until_ready(run(x, key))
    return time.perf_counter() - began


def _on_case(
    case: Case,
    techniques: Mapping[str, Technique],
    seeds: list[int],
    recipe: Recipe,
    folder: Path | None,
    progress: bool,
) -> tuple[Float[np.ndarray, "technique level seed number"], Float[np.ndarray, "level seed"], float]:
    """The numbers of one case, the best cosines, and how many seconds both took, also those of earlier calls."""
    field, values = _levels(case)
    over = {**({field: case.levels} if len(case.levels) > 1 else case.levels), "seed": seeds}

    def swept(what: str, recipe: Recipe, start: Any, **more: Any) -> xr.Dataset:
        place = None if folder is None else folder / _file_name(what)
        return sweep(case.model, case.task, recipe, over=over, start=start, folder=place, progress=progress, **more)

    metrics = {"scores": AllScored(tuple(techniques.items()), case.learning_coefficient), "cosine": observable_cosine}
    start: Any = case.start
    seconds = 0.0
    if case.recipe.steps:
        _check_fit(Cell(case.model, case.task, recipe), over, metrics)
        start = swept("model", case.recipe, case.start)
        seconds = start.attrs["seconds"]
    found = swept("techniques", recipe, start, metrics=metrics, params=False)
    shape = len(values), len(seeds)
    numbers = found["scores"].values.reshape(*shape, len(techniques), len(NUMBERS))
    return np.moveaxis(numbers, 2, 0), found["cosine"].values.reshape(shape), seconds + found.attrs["seconds"]


def _check_fit(cell: Cell, over: Mapping[str, Any], metrics: Mapping[str, Any]) -> None:
    """Raise what a technique raises on models like these, before they are trained."""
    rest: dict[str, Any] = {"seed": None, "restarts": None, "start": None, "snapshots": ()}
    planned(cell, over, metrics=metrics, params=False, history=1, memory_bytes=2**30, **rest)


def _levels(case: Case) -> tuple[str, list[float]]:
    """What the levels of a case are called, and a number for each: the values of its first field, or places."""
    if not case.levels:
        return "", [np.nan]
    name, values = next(iter(case.levels.items()))
    values = list(values)
    numbers = [float(one) if np.ndim(one) == 0 else float(place) for place, one in enumerate(values)]
    return name, numbers


def _check_names(what: str, named: Any) -> None:
    """Raise unless something is named, and each name makes a folder of its own."""
    if not isinstance(named, Mapping) or not named:
        raise TypeError(f"{what} of score must map names to {what}. Got {named!r}.")
    places = [_file_name(name) for name in named]
    for name, place in zip(named, places, strict=True):
        if not place or places.count(place) > 1:
            raise ValueError(f"{what} of score must have names of their own, in letters and digits. Got {name!r}.")


def _file_name(name: str) -> str:
    """The name of a folder: "TopK (k = 3)" is topk-k-3."""
    return re.sub(r"[^a-z0-9.]+", "-", str(name).lower()).strip("-.")
