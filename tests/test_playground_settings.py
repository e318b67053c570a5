"""The playground's settings: their limits, presets and addresses, and what they describe in the library."""

from typing import Any

import numpy as np
import pytest
from playground_engine import engine

from toymodels.playground import bundle
from toymodels.playground.arguments import ACTIVATIONS, train_arguments
from toymodels.playground.settings import CHOICES, DEFAULTS, PRESETS, RANGES, complete


def test_python_and_the_page_have_the_same_settings():
    sources = engine("settings")
    assert sources["DEFAULTS"] == DEFAULTS
    assert sources["CHOICES"] == {name: list(choices) for name, choices in CHOICES.items()}
    limits = {name: (r["min"], r["max"], r.get("integer", False)) for name, r in sources["RANGES"].items()}
    assert limits == RANGES
    assert {preset["name"]: preset["settings"] for preset in sources["PRESETS"]} == PRESETS
    assert DEFAULTS.keys() == {*CHOICES, *RANGES}
    assert ACTIVATIONS.keys() == set(CHOICES["activation"])


def test_settings_are_written_once():
    """Python and the page read one file; nothing else of the bundle or of the package has a preset's name."""
    _, *others = bundle.module().split("const CATALOGUE =\n")
    assert len(others) == 1
    written = [path for path in bundle.SOURCE.parent.rglob("*.*s*") if '"octahedron"' in path.read_text("utf-8")]
    assert [path.name for path in written] == ["catalogue.js"]


def test_a_fresh_playground_is_the_pentagon():
    assert complete({}) == complete({}, "pentagon") == DEFAULTS


def test_presets_are_settings():
    presets = engine("settings")["PRESETS"]
    assert len({preset["name"] for preset in presets}) == len(presets)
    for preset in presets:
        train_arguments(preset["settings"])
        assert preset["settings"] == {k: v for k, v in preset["settings"].items() if v != DEFAULTS[k]}
        assert all(preset[name] for name in ("name", "title", "figure", "says"))
    hashes = [f"preset={preset['name']}&seed=3" for preset in presets]
    for preset, settings in zip(presets, engine("fromHash", hashes), strict=True):
        assert settings == {**DEFAULTS, **preset["settings"], "seed": 3}


def random_settings(count: int) -> list[dict[str, Any]]:
    """Valid settings, some names of each missing."""
    random = np.random.default_rng(2)

    def value(name: str) -> Any:
        if name in CHOICES:
            return CHOICES[name][random.integers(len(CHOICES[name]))]
        low, high, integer = RANGES[name]
        return int(random.integers(low, high, endpoint=True)) if integer else float(random.uniform(low, high))

    return [{name: value(name) for name in DEFAULTS if random.random() < 0.7} for _ in range(count)]


def test_valid_settings_survive_the_address():
    settings = random_settings(200)
    hashes = engine("toHash", settings)
    complete = [{**DEFAULTS, **some} for some in settings]
    assert engine("fromHash", hashes) == complete
    assert engine("fromHash", ["#" + text for text in hashes]) == complete
    assert engine("checked", settings) == complete


def test_address_has_only_what_differs():
    assert engine("toHash", [{}, {"n": 5}, {"n": 6, "pairs": "correlated", "density": 0.25}]) == [
        "",
        "",
        "n=6&density=0.25&pairs=correlated",
    ]


GARBAGE = {
    "": {},
    "#": {},
    "n=NaN&density=&rate=none": {},
    "n=1e9&seed=-5&density=-1&decay=Infinity&batch=0": {"n": 20, "seed": 0, "density": 0.002, "decay": 1, "batch": 16},
    "n=6.4&seed=0.5&batch=100.6": {"n": 6, "seed": 1, "batch": 101},
    "m=4&m=3": {},
    "m=3&pairs=Correlated&activation=tanh": {"m": 3},
    "activation=<script>alert(1)</script>&n=javascript:alert(1)": {},
    "__proto__=1&constructor=2&toString=3&preset=__proto__": {},
    "%E0%A4%A&n=7": {"n": 7},
    "n=7&preset=nowhere": {"n": 7},
    "n=7;m=3": {},
    "preset=pentagon&density=abc": "pentagon",
}


def test_garbage_in_the_address():
    presets = {preset["name"]: preset["settings"] for preset in engine("settings")["PRESETS"]}
    for settings, wanted in zip(engine("fromHash", list(GARBAGE)), GARBAGE.values(), strict=True):
        assert settings == {**DEFAULTS, **(presets[wanted] if isinstance(wanted, str) else wanted)}


BAD = {
    "n": [None, "5", 1, 21, 5.5, True, [5], 1e9],
    "m": [1, 4, 2.0, None, "2"],
    "density": [0, -0.1, 1.1, "0.5", None, True],
    "pairs": ["Correlated", 0, None],
    "activation": ["tanh", "toString", None],
    "seed": [-1, 2**32, 0.5],
    "rate": [0, 1, None],
}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
def test_bad_settings(name: str, value: Any):
    with pytest.raises(ValueError, match=f"^{name} of a playground must be .* Got "):
        train_arguments({name: value})
    (settings,) = engine("checked", [{name: value}])
    train_arguments(settings)


def test_bad_names():
    with pytest.raises(ValueError, match=r"no 'densities'. Did you mean density\?"):
        train_arguments({"densities": 0.1})
    assert engine("checked", [{"densty": 0.5, "__proto__": {"n": 7}}, None, {"n": None}]) == [DEFAULTS] * 3
