"""In what the sweep in a folder differs from the one that is asked for, and what to do about it."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

NAMED = 4  # differences in a message


def check_same(folder: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Raise ValueError, with the differences and advice, unless the configuration of a folder is the one that is asked
    for."""
    here = json.loads(json.dumps(here))
    found = list(_differences(without_code(there), without_code(here)))
    if not found:
        return
    own = list(_code_differences(there.get("code", {}), here.get("code", {})))
    told = [*own, *(text for text in found if not (own and text.endswith(CODE)))]
    more = [f"and {len(told) - NAMED} more differences"] if len(told) > NAMED else []
    raise ValueError(
        f"{folder} has the results of another sweep. {'; '.join([*told[:NAMED], *more])}. {_advice(there, here)} "
        "toymodels.sweeps.load still reads what is there."
    )


def without_code(config: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration without the table of the user's own code, which only says where digests in it differ."""
    return {name: value for name, value in config.items() if name != "code"}


CODE = "is other code"


def _differences(there: Any, here: Any, where: str = "") -> Iterator[str]:
    """Where two descriptions differ, as sentences."""
    if isinstance(there, dict) and isinstance(here, dict):
        for name in dict.fromkeys([*there, *here]):
            place = f"{where}.{name}".removeprefix(".").removeprefix("versions.").removeprefix("flags.")
            yield from _differences(there.get(name), here.get(name), place)
    elif there != here and json.dumps(there) != json.dumps(here):  # NaN is the same as NaN
        same_names = _names(there) == _names(here)
        yield f"{where} {CODE}" if same_names else f"{where} is {_short(there)} there, and {_short(here)} here"


def _code_differences(there: Mapping[str, str], here: Mapping[str, str]) -> Iterator[str]:
    """Which of the user's own functions, classes and values, that are on both sides, differ."""
    for name in sorted({*there} & {*here}):
        one, other = there[name], here[name]
        if one == other:
            continue
        kinds = [text.partition(" ")[0] for text in (one, other)]
        if kinds[0] == kinds[1] and kinds[0] in ("function", "class", "module"):
            yield f"the code of {kinds[0]} {name} has changed"
        elif "value" in kinds:
            yield f"{name} has changed"
        else:
            yield f"{name} is {_short(json.loads(one))} there, and {_short(json.loads(other))} here"


def _advice(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """What to do: go on with the same versions and settings if nothing else differs, or take another folder."""
    same = [name for name in ("versions", "flags") if there.get(name) == here.get(name)]
    rest = [{**without_code(one), "versions": None, "flags": None} for one in (there, here)]
    if len(same) == 2 or list(_differences(rest[0], rest[1])):
        return "Give another folder."
    old = there.get("versions", {})
    wanted = [f"'{name}=={one}'" for name, one in old.items() if one != here.get("versions", {}).get(name)]
    settings = [
        f"jax.config.update({name!r}, {one!r})"
        for name, one in there.get("flags", {}).items()
        if one != here.get("flags", {}).get(name)
    ]
    ways = [f"pip install {' '.join(wanted)}"] * bool(wanted) + settings
    return f"To go on with it: {'; '.join(ways)}. Or give another folder." if ways else "Give another folder."


def _names(value: Any) -> str:
    """A description without digests of code."""
    return re.sub(r"#[0-9a-f]{12}(?=\")", "", json.dumps(value))


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:60]} ... {text[-15:]}"
