"""Settings of a playground as Python has them: by name, from a preset, from the address of a page."""

import json
import re
from collections.abc import Mapping
from functools import cache
from numbers import Integral
from typing import Any
from urllib.parse import parse_qsl

from toymodels.checks import near_matches
from toymodels.playground.bundle import SOURCE
from toymodels.playground.configuration import DEFAULTS, configuration

Settings = dict[str, Any]

# The one list of presets is in the browser's language. Their texts are of no use here.
_PRESET = re.compile(r'\bname: "([\w-]+)".*?\bsettings: (\{[^}]*\})', re.DOTALL)


def complete(settings: Mapping[str, Any], preset: str | None = None) -> Settings:
    """All settings: those that are given, else those of the preset, else the defaults.

    Raises:
        ValueError: if there is no such preset, or for settings that a playground cannot have.

    >>> complete({"n": 6})["n"], complete({})["n"]
    (6, 5)
    """
    if preset is not None and preset not in presets():
        raise ValueError(f"There is no preset {preset!r}. {near_matches(preset, presets())}")
    chosen = {**DEFAULTS, **(presets()[preset] if preset else {}), **settings}
    configuration(chosen)
    return {name: _plain(value) for name, value in chosen.items()}


@cache
def presets() -> Mapping[str, Settings]:
    """What the settings of each preset change, by its name."""
    return {
        name: json.loads(re.sub(r",(?=\s*\})", "", re.sub(r"(\w+):", r'"\1":', settings)))
        for name, settings in _PRESET.findall((SOURCE / "settings.js").read_text("utf-8"))
    }


def from_address(address: str) -> Settings:
    """All settings from the part of a playground's address that is behind the #; `preset=NAME` is a preset.

    Raises:
        ValueError: if it names what a playground has not.

    >>> from_address("#n=6&m=3&density=.05")["density"]
    0.05
    """
    given = dict(parse_qsl(address.rpartition("#")[2], keep_blank_values=True))
    preset = given.pop("preset", None)
    return complete({name: _number_or_text(value) for name, value in given.items()}, preset)


def _number_or_text(value: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            continue
    return value


def _plain(value: Any) -> Any:
    """A number of Python's own, which JSON can hold."""
    if isinstance(value, str):
        return value
    return int(value) if isinstance(value, Integral) else float(value)
