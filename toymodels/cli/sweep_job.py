"""The job of `toymodels sweep`: what its TOML file and flags say."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tyro

from toymodels.cli import train
from toymodels.cli.flags import parse
from toymodels.cli.sizes import filled, followed
from toymodels.cli.toml import read_table, split, updated
from toymodels.tasks import Task
from toymodels.training import Recipe

HELP = """Train a grid of models that a TOML file describes: toymodels sweep SWEEP.toml --folder RESULTS

  metrics = ["n_represented", "dimensionality"]  # functions of toymodels.analysis.geometry, or "my_module:my_function"
  restarts = 4                                   # all settings without a dot below can be given here

  [model]                                        # what does not vary, as for toymodels train
  n_features = 5
  n_hidden = 2
  [recipe]
  steps = 500

  [over]                                         # what varies; all combinations are trained
  density = { geomspace = [1.0, 0.02, 12] }      # first, last, how many; linspace as well
  "importance.decay" = [0.7, 0.9]                # a field is named by its path, or by the end of it
  output_activation = ["relu", "gelu"]           # functions are given by name
  seed = { range = [10] }                        # 0 ... 9; or [start, stop], [start, stop, step]

Fields that move together along one axis, here called "pair", beside others or alone:

  [over.pair]
  density = [0.1, 0.2, 0.3]
  learning_rate = [0.01, 0.02, 0.04]

A list of points instead of a grid:

  [[over]]
  density = 0.1
  n_hidden = 2
  [[over]]
  density = 0.3
  n_hidden = 3

A sweep that was stopped goes on where it was when the same command is given again. Flags override the file; they are
those of toymodels train, such as --steps 500 or --n-hidden 3, and what follows."""


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A sweep as the command line and its file describe it.

    Attributes:
        model: what to train.
        task: what is to be learnt.
        recipe: how to train.
        over: what to vary; only in the file.
        seed: of all cells, if it does not vary; 0 if not given.
        restarts: number of initialisations of each cell, an axis of the results.
        metrics: functions to compute from every trained model: of toymodels.analysis.geometry by name, or
            module:function.
        params: whether to keep the parameters.
        history: number of entries of the loss history, at most.
        snapshots: numbers of steps after which to keep the parameters as well.
        folder: where to store finished work.
        output: write all results to this file as well: .zarr or .nc.
        shard: i/n: do only the i-th of n shares of the work, i = 0 ... n-1, into --folder.
        scheduler: address of a Dask scheduler, on whose workers to train, such as tcp://127.0.0.1:8786.
        log: add a line of JSON to this file whenever a piece of work is finished.
        memory_gib: about how much memory to use, besides that of compiled programs.
        dry_run: train nothing, but say how large the sweep is and how long it will take here.
    """

    model: Any
    task: Task
    recipe: Recipe
    over: tyro.conf.Suppress[Any] = None
    seed: int | None = None
    restarts: int | None = None
    metrics: tuple[str, ...] = ()
    params: bool = True
    history: int = 20
    snapshots: tuple[int, ...] = ()
    folder: Path | None = None
    output: Path | None = None
    shard: str = "0/1"
    scheduler: str | None = None
    log: Path | None = None
    memory_gib: float = 1.0
    dry_run: bool = False


DEFAULTS = Sweep(train.DEFAULTS.model, train.DEFAULTS.task, train.DEFAULTS.recipe)


SETTINGS: Mapping[str, tuple[tuple[type, ...], str]] = {
    "seed": ((int,), "a whole number"),
    "restarts": ((int,), "a whole number"),
    "metrics": ((str,), "a list of names"),
    "params": ((bool,), "true or false"),
    "history": ((int,), "a whole number"),
    "snapshots": ((int,), "a list of whole numbers"),
    "folder": ((str,), "the path of a folder"),
    "output": ((str,), "the path of a file"),
    "shard": ((str,), "a text i/n"),
    "scheduler": ((str,), "an address"),
    "log": ((str,), "the path of a file"),
    "memory_gib": ((int, float), "a number"),
    "dry_run": ((bool,), "true or false"),
}
"""What a TOML file may give for the names that are not tables, as types and in words."""


def parse_sweep(arguments: Sequence[str]) -> Sweep:
    """The job that the TOML file among the arguments, and the flags, describe.

    Raises:
        ValueError, FileNotFoundError: without such a file, or for what is wrong in it.
    """
    files, flags = split(arguments)
    if len(files) != 1 and not {"-h", "--help"} & set(flags):
        got = f"Got {' and '.join(files)}." if files else "Got none."
        raise ValueError(f"sweep needs one TOML file, which `toymodels sweep --help` explains. {got}")
    table, where = (read_table(Path(files[0])), files[0]) if files else ({}, "")
    defaults = _with_table(filled(table, DEFAULTS, where), where)
    return followed(parse("sweep", HELP, Sweep, flags, defaults), table, flags, defaults, where)


def _with_table(table: Mapping[str, Any], where: str) -> Sweep:
    """What the file says, and the defaults for what it does not."""
    settings = {name: _setting(name, value, where) if name in SETTINGS else value for name, value in table.items()}
    over = settings.pop("over", None)
    return dataclasses.replace(updated(DEFAULTS, settings, where), over=over)


def _setting(name: str, value: Any, where: str) -> Any:
    """The value of a field that is not a table, of the right type."""
    types, words = SETTINGS[name]
    several = isinstance(getattr(DEFAULTS, name), tuple)
    if isinstance(value, list) != several or any(type(item) not in types for item in (value if several else [value])):
        raise ValueError(f"{where} has {name} = {value!r}. It must be {words}.")
    if several:
        return tuple(value)
    makes = {"folder": Path, "output": Path, "log": Path, "memory_gib": float}
    return makes[name](value) if name in makes else value
