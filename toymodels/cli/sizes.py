"""The number of features n is written once, for the model or for what it is trained on: the other one follows."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from toymodels.cli.flags import flags_of
from toymodels.cli.toml import specification_type

SIZE = "n_features"
MODEL, FEATURES = "model", "task.features"


T = TypeVar("T")


def filled(table: Mapping[str, Any], defaults: Any, where: str) -> dict[str, Any]:
    """What a TOML file says, with n in the tables that do not have it and may need it: those with as many numbers as
    features, and those of a `type`.

    Args:
        table: of the whole file.
        defaults: what stands where the file says nothing.
        where: the file, for errors.
    """
    for part, other in ((MODEL, FEATURES), (FEATURES, MODEL)):
        there = _part(table, part)
        count = _part(table, other).get(SIZE, getattr(_at(defaults, part), SIZE, None) if "type" in there else None)
        if there and SIZE not in there and count is not None and _takes_size(_type(there, _at(defaults, part), where)):
            table = _with_size(table, part.split("."), count)
    return dict(table)


def followed(job: T, table: Mapping[str, Any], arguments: Sequence[str], defaults: Any, where: str) -> T:
    """The job of a file and of flags, with the same n in both places if only one was told. If both were, they stay, and
    training refuses what does not fit.

    Args:
        job: what was read.
        table: what the file says.
        arguments: the flags.
        defaults: what stands where neither says anything.
        where: the file, for errors.
    """
    told = {
        part: _is_told(_part(table, part), _at(defaults, part), where)
        or bool(flags_of(defaults, f"{part}.{SIZE}") & {one.partition("=")[0].replace("_", "-") for one in arguments})
        for part in (MODEL, FEATURES)
    }
    whole: Any = job
    if told[MODEL] and not told[FEATURES]:
        task = dataclasses.replace(whole.task, features=_resized(whole.task.features, whole.model))
        return dataclasses.replace(whole, task=task)
    if told[FEATURES] and not told[MODEL]:
        return dataclasses.replace(whole, model=_resized(whole.model, whole.task.features))
    return job


def _part(table: Any, path: str) -> Mapping[str, Any]:
    """The table of a part, which is empty if there is none."""
    for name in path.split("."):
        table = table.get(name) if isinstance(table, Mapping) else None
    return table if isinstance(table, Mapping) else {}


def _at(job: Any, path: str) -> Any:
    return job.model if path == MODEL else job.task.features


def _type(table: Mapping[str, Any], default: Any, where: str) -> Any:
    return specification_type(table["type"], where) if "type" in table else type(default)


def _takes_size(cls: Any) -> bool:
    return dataclasses.is_dataclass(cls) and any(field.name == SIZE and field.init for field in dataclasses.fields(cls))


def _is_told(table: Mapping[str, Any], default: Any, where: str) -> bool:
    """Whether a table says how many features there are, also by what it says of a part that cannot be told."""
    return SIZE in table or ("type" in table and not _takes_size(_type(table, default, where)))


def _with_size(table: Mapping[str, Any], path: Sequence[str], count: Any) -> dict[str, Any]:
    if not path:
        return {**table, SIZE: count}
    return {**table, path[0]: _with_size(table[path[0]], path[1:], count)}


def _resized(part: Any, other: Any) -> Any:
    """A part with as many features as the other, where both have a number of them."""
    count = getattr(other, SIZE, None)
    return part if count is None or not _takes_size(type(part)) else dataclasses.replace(part, **{SIZE: count})
