"""Measurements, written as they are made: what was interrupted goes on where it was."""

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import toymodels as tm
from toymodels import files

Measurements = Mapping[str, Callable[[], Any]]
"""What to measure, by name. What a measurement returns is numbers and words that JSON has."""


def measure_all(todo: Measurements, path: Path, conditions: Any, announce: Callable[[str], None]) -> dict[str, Any]:
    """What each measurement gave, by name, and how long all took together, as `seconds`.

    Args:
        todo: what to measure, in this order.
        path: of a file to which each measurement is written when it is made, and from which those are taken that were
            made before, under the same conditions and with the same code.
        conditions: what the numbers depend on besides the code, made of what JSON has: the machine, the sizes.
        announce: is told what is being measured.
    """
    stamp = _digest(conditions)
    made = _read(path, stamp)
    for name, measure in todo.items():
        if name not in made:
            announce(name)
            began = time.perf_counter()
            value = measure()
            made[name] = {"seconds": round(time.perf_counter() - began, 1), "value": value}
            files.write_text(path, json.dumps({"stamp": stamp, "made": made}, indent=1, allow_nan=False))
    seconds = sum(made[name]["seconds"] for name in todo)
    return {**{name: made[name]["value"] for name in todo}, "seconds": round(seconds, 1)}


def _read(path: Path, stamp: str) -> dict[str, Any]:
    """The measurements of a file; none if it is not there, damaged, or of other conditions."""
    try:
        content = json.loads(files.read_text(path))
    except (FileNotFoundError, ValueError):
        return {}
    return content["made"] if content["stamp"] == stamp else {}


def _digest(conditions: Any) -> str:
    digest = hashlib.sha256(json.dumps(conditions, sort_keys=True).encode())
    for folder in (Path(tm.__file__).parent, Path(__file__).parent):
        for path in sorted(folder.rglob("*.py")):
            digest.update(files.read_bytes(path))
    return digest.hexdigest()
