"""The folder of a sweep: a description, and one file for every finished unit.

A unit is either whole or not there (`toymodels.files`), and NumPy's zip format has a checksum of every array. Nothing
is ever written twice by design: several processes that share a folder write different units, or equal files.
"""

import contextlib
import errno
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from toymodels import files
from toymodels.sweeps.differences import check_same
from toymodels.sweeps.results import Arrays, Layout, describe_layout, read_layout
from toymodels.training.engine.levels import AtOnce
from toymodels.training.engine.plan import Cut

DESCRIPTION = "sweep.json"
UNITS = "units"
FORMAT = "toymodels-sweep-3"


class Description(NamedTuple):
    """What is in a folder.

    Attributes:
        config: readable configuration, with versions, settings of JAX and digests of the user's own code; results
            depend on nothing else.
        layout: how results are labelled.
        cuts: how each program's models are cut into units.
        n_units: number of units.
    """

    config: Mapping[str, Any]
    layout: Layout
    cuts: tuple[Cut, ...]
    n_units: int


def create(folder: Path, description: Description) -> Description:
    """Begin a sweep in a folder, or go on with it: then what counts are the cuts that are in the folder.

    Raises:
        ValueError: if the folder belongs to another sweep, naming the differences, or to an unknown one.
    """
    path = folder / DESCRIPTION
    if not path.exists():
        if (folder / UNITS).exists():
            raise ValueError(f"{folder} has units of a sweep but no {DESCRIPTION}: whose are they?")
        text = json.dumps({"format": FORMAT, **_as_json(description)}, indent=1)
        files.create(path, text.encode())
    there = describe(folder)
    check_same(folder, there.config, description.config)
    return there


def describe(folder: Path) -> Description:
    """What is in a folder.

    Raises:
        FileNotFoundError: if there is no sweep.
        ValueError: if its description is damaged.
    """
    path = folder / DESCRIPTION
    if not path.exists():
        raise FileNotFoundError(f"{folder} has no sweep: there is no {path}.")
    try:
        content = json.loads(files.read_text(path))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is not the description of a sweep, or that of another version of toymodels.")
    cuts = tuple(
        Cut(streams, cells, restarts, AtOnce(*at_once)) for streams, cells, restarts, at_once in content["cuts"]
    )
    return Description(content["config"], read_layout(content["layout"]), cuts, content["n_units"])


def write_unit(folder: Path, number: int, models: np.ndarray, results: Arrays) -> None:
    """Store a finished unit."""
    arrays = {_NAMES: np.array(list(results)), _MODELS: models, **results}
    with files.written(_unit_path(folder, number)) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def read_unit(folder: Path, number: int) -> tuple[np.ndarray, Arrays]:
    """Numbers of models and results of a unit.

    Raises:
        FileNotFoundError: if it is not finished.
        DamagedUnitError: if the file is damaged.
    """
    with _opened(_unit_path(folder, number)) as file:
        return file[_MODELS], {str(name): file[name] for name in file[_NAMES]}


def read_units(folder: Path) -> Iterator[tuple[np.ndarray, Arrays]]:
    """All finished units of a folder, as `read_unit` gives them."""
    return (read_unit(folder, number) for number in _finished(folder))


def read_numbers(folder: Path) -> Iterator[tuple[int, np.ndarray]]:
    """The number of each finished unit, and those of its models."""
    for number in _finished(folder):
        with _opened(_unit_path(folder, number)) as file:
            yield number, file[_MODELS]


def is_finished(folder: Path, number: int) -> bool:
    """Whether a unit is there, damaged or not."""
    return _unit_path(folder, number).exists()


def add_session(folder: Path, session: Mapping[str, Any]) -> None:
    """Remember that somebody worked on a sweep: when, for how long, on which device."""
    with files.appended(folder / _SESSIONS) as add:
        add(json.dumps(session))


def sessions(folder: Path) -> list[dict[str, Any]]:
    """The sessions that came to their end."""
    return files.read_records(folder / _SESSIONS)


def remove_unit(folder: Path, number: int) -> None:
    """Forget a unit, which will be done again."""
    files.remove(_unit_path(folder, number))


class DamagedUnitError(ValueError):
    """A file of results that is not what was written."""


_NAMES = "names of the results"  # the list of files in a zip file has no checksum
_MODELS = "number of the model"
_SESSIONS = "sessions.jsonl"


def _finished(folder: Path) -> Iterator[int]:
    return (number for number in range(describe(folder).n_units) if is_finished(folder, number))


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with files.opened(path) as opened, np.load(opened, allow_pickle=False) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, ValueError, KeyError, EOFError, OSError, RuntimeError) as error:
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # it cannot be read here and now, which does not say that it is damaged; EINVAL: a wrong place in it
        raise DamagedUnitError(f"{path} is damaged: {error}. Run the sweep again: it makes it anew.") from error


def _unit_path(folder: Path, number: int) -> Path:
    return folder / UNITS / f"{number:06}.npz"


def _as_json(description: Description) -> dict[str, Any]:
    return {**description._asdict(), "layout": describe_layout(description.layout)}
