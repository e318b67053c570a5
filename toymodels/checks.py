"""Checks of arguments: each raises a ValueError that names the argument, the rule and the value."""

import dataclasses
import difflib
from collections.abc import Iterable
from typing import Any

import numpy as np


def check_integer(owner: str, name: str, value: Any, minimum: int) -> None:
    """Raise unless `value` is an integer of at least `minimum`."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < minimum:
        raise ValueError(f"{name} of {owner} must be an integer of at least {minimum}. Got {value!r}.")


def check_seed(owner: str, name: str, value: Any) -> None:
    """Raise unless `value` is an integer that a threefry key can be made of without loss."""
    check_integer(owner, name, value, minimum=0)
    if value >= 2**32:
        raise ValueError(f"{name} of {owner} must be below 2^32. Got {value}.")


def check_numbers(
    owner: str,
    name: str,
    value: Any,
    *,
    length: int | None = None,
    minimum: float | int = -np.inf,
    maximum: float | int = np.inf,
    per: str = "feature",
) -> None:
    """Raise unless `value` is one finite number in [minimum, maximum] or, where `length` is given, that many, one per
    what `per` says."""
    try:
        numbers = np.asarray(value)
        if numbers.dtype.kind in "cOSU":  # an array of None would be NaN, and the text "0.1" a number
            raise TypeError
        numbers = numbers.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"{name} of {owner} must be numeric. Got {value!r}.") from None
    shapes = [()] if length is None else [(), (length,)]
    if numbers.shape not in shapes:
        wanted = "one number" if length is None else f"one number or {length} of them, one per {per}"
        raise ValueError(f"{name} of {owner} must be {wanted}. Got an array of shape {numbers.shape}.")
    bad = ~np.isfinite(numbers) | (numbers < minimum) | (numbers > maximum)
    if bad.any():
        where = f" at index {int(np.argmax(bad))}" if numbers.ndim else ""
        got = numbers[bad].flat[0] if numbers.ndim else numbers[()]
        raise ValueError(f"{name} of {owner} must be finite and {_interval(minimum, maximum)}. Got {got:g}{where}.")


def check_function(owner: str, name: str, value: Any) -> None:
    """Raise unless `value` can be called."""
    if not callable(value):
        raise ValueError(f"{name} of {owner} must be a function. Got {value!r}.")
    check_instance(owner, name, value)


def check_instance(owner: str, name: str, value: Any) -> None:
    """Raise if `value` is a specification that was not made yet: `Adam` for `Adam()`."""
    if isinstance(value, type) and dataclasses.is_dataclass(value):
        raise ValueError(f"{name} of {owner} is the class {value.__name__}. Write {value.__name__}(...).")


def near_matches(name: str, names: Iterable[str]) -> str:
    """A sentence with the names that are most like `name`, that have it as a word, or that it abbreviates; or with all
    of them if there is none.

    >>> near_matches("densty", ["density", "steps"])
    'Did you mean density?'
    >>> near_matches("lr", ["learning_rate", "steps"])
    'Did you mean learning_rate?'
    """
    names = sorted(set(names))
    close = close_names(name, names)
    return f"Did you mean {' or '.join(close)}?" if close else f"There are: {', '.join(names[:20])}."


def close_names(name: str, names: Iterable[str]) -> list[str]:
    """The at most three names that are most like `name`, that have it as a word, or that it abbreviates."""
    names = sorted(set(names))
    meant = [one for one in names if _stands_for(name.lower(), one.lower().split("_"))]
    return list(dict.fromkeys([*meant, *difflib.get_close_matches(name, names, n=3, cutoff=0.5)]))[:3]


def _stands_for(name: str, words: list[str]) -> bool:
    """Whether a name is one of some words, in the singular or plural, or made of their initials."""
    initials = "".join(word[:1] for word in words)
    return name == initials or any(name in (word, f"{word}s") for word in words)


def _interval(minimum: float | int, maximum: float | int) -> str:
    if np.isinf(minimum) and np.isinf(maximum):
        return "a number"
    if np.isinf(maximum):
        return f"at least {minimum:g}"
    return f"in [{minimum:g}, {maximum:g}]"
