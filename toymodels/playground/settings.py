"""Settings of a playground as Python has them: by name, from a preset, from the address of a page."""

import json
import math
from collections.abc import Mapping
from numbers import Integral, Real
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

from toymodels import files
from toymodels.checks import near_matches
from toymodels.playground.bundle import SOURCE

Settings = dict[str, Any]


class Range(NamedTuple):
    """The values that a number can have, both ends included."""

    minimum: float | int
    maximum: float | int
    integer: bool = False


_CATALOGUE = json.loads(files.read_text(SOURCE / "catalogue.js").partition("=")[2].rstrip().removesuffix(";"))

DEFAULTS: Mapping[str, Any] = _CATALOGUE["defaults"]
"""The settings of a fresh playground."""

RANGES: Mapping[str, Range] = {
    name: Range(limits["min"], limits["max"], limits.get("integer", False))
    for name, limits in _CATALOGUE["ranges"].items()
}
CHOICES: Mapping[str, tuple[Any, ...]] = {name: tuple(values) for name, values in _CATALOGUE["choices"].items()}
PRESETS: Mapping[str, Settings] = {preset["name"]: preset["settings"] for preset in _CATALOGUE["presets"]}
"""What the settings of each preset change, by its name."""


def complete(settings: Mapping[str, Any], preset: str | None = None) -> Settings:
    """All settings: those that are given, else those of the preset, else the defaults.

    Raises:
        ValueError: if there is no such preset, or for settings that a playground cannot have.

    >>> complete({"n": 6})["n"], complete({})["n"]
    (6, 5)
    """
    if preset is not None and preset not in PRESETS:
        raise ValueError(f"There is no preset {preset!r}. {near_matches(preset, PRESETS)}")
    for name, value in settings.items():
        _validate(name, value)
    chosen = {**DEFAULTS, **(PRESETS[preset] if preset else {}), **settings}
    return {name: _plain(value) for name, value in chosen.items()}


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


def _validate(name: str, value: Any) -> None:
    if name not in DEFAULTS:
        raise ValueError(f"settings of a playground have no {name!r}. {near_matches(name, DEFAULTS)}")
    if name in RANGES:
        _validate_number(name, value, RANGES[name])
    elif not any(value == choice and isinstance(value, type(choice)) for choice in CHOICES[name]):
        raise ValueError(f"{name} of a playground must be one of {CHOICES[name]}. Got {value!r}.")


def _validate_number(name: str, value: Any, allowed: Range) -> None:
    kind = Integral if allowed.integer else Real
    right = isinstance(value, kind) and not isinstance(value, bool) and math.isfinite(value)
    if not (right and allowed.minimum <= value <= allowed.maximum):
        noun = "an integer" if allowed.integer else "a number"
        raise ValueError(
            f"{name} of a playground must be {noun} in [{allowed.minimum}, {allowed.maximum}]. Got {value!r}."
        )


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
