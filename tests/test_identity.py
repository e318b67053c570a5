"""What makes a computation the same: edits that must change its identity, and edits that must not."""

import ast
import functools
import importlib
import json
import linecache
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

import toymodels as tm
from toymodels.cli import main
from toymodels.identities import flags, from_description, own_code, sources

HELPERS = '''
"""Helpers."""
import jax.numpy as jnp

SCALE = 2.0
TABLE = {"a": [1, 2]}
UNUSED = 0


def deep(x):
    return x + 1.0


def scale(x):
    """Scales."""
    return SCALE * deep(x)


def unused(x):
    return x


class Shape:
    sides = 5
    def corners(self):
        return self.sides
'''

MY = '''
import enum
import functools
from dataclasses import dataclass, field
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx

import helpers
import toymodels as tm
from helpers import TABLE, scale

K = 3
LONG = tuple(range(100))


def imported_late(x):
    from helpers import Shape
    import helpers as aliased
    return aliased.scale(x) * Shape().corners()


def target(x: jax.Array, k: float = 0.5, *, j: float = 0.25) -> jax.Array:
    """Doc."""
    y: jax.Array = helpers.scale(x)  # scaled
    return k * y + j


def uses_a_constant(x):
    return K * x + TABLE["a"][0] + len(LONG)


def first(x):
    return second(x) if x.ndim else x


def second(x):
    return first(x[0]) + 40


def power(exponent):
    return lambda x: x**exponent


def logged(function):
    @functools.wraps(function)
    def inner(*given):
        return function(*given) + 50
    return inner


@logged
def decorated(x):
    return x + 51


@jax.jit
def jitted(x):
    return scale(x) + 52


@jax.custom_jvp
def bent(x):
    return x


@bent.defjvp
def bent_jvp(given, tangents):
    return given[0], tangents[0] * 53


class Base:
    def inherited(self, x):
        return x + 10


class Meta(type):
    def made(cls):
        return 11


class Spikes(Base, metaclass=Meta):
    height = 12.0
    inner = helpers.Shape

    def __init__(self, weights):
        self.weights = weights

    def sample(self, key, batch_size):
        return self.weights + 13

    @property
    def rate(self):
        return 14

    @functools.cached_property
    def area(self):
        return 15

    @staticmethod
    def plain(x):
        return x + 16

    @classmethod
    def make(cls):
        return cls(17)

    def with_super(self, x):
        return super().inherited(x)


@tm.specification
class Pulse:
    n_features: int = tm.static()
    density: float = 0.1
    width: float = 0.2

    def sample(self, key, batch_size):
        return batch_size + 20


@dataclass
class Settings:
    seen: int = 21
    unseen: int = field(default=22, compare=False)


class Pair(NamedTuple):
    left: int = 30
    def total(self):
        return self.left + 31


class Colour(enum.Enum):
    RED = 32
    def shade(self):
        return self.value + 33


class Slotted:
    __slots__ = ("at",)
    def __init__(self):
        self.at = 34


class Net(nnx.Module):
    def __init__(self, *, rngs):
        self.W = nnx.Param(jnp.full((2, 3), 35.0))
    def __call__(self, x):
        return jax.nn.relu(self.W[...] @ x)


teacher = Net(rngs=nnx.Rngs(0))


def taught(x):
    return teacher(x)


VALUE = {
    "functions": [imported_late, target, uses_a_constant, first, power(60), decorated, jitted, bent, taught],
    "lambdas": [lambda x: x + 61, lambda x: x + 62], "nested": lambda x: (lambda y: y + 63)(x),
    "partial": functools.partial(target, k=64), "method": Spikes(1).sample, "class": Net,
    "objects": [Spikes(np.array([65.0, 1.0], np.float32)), Pulse(5), Settings(), Pair(), Colour.RED, Slotted()],
    "optax": optax.chain(optax.clip(66.0), optax.sgd(optax.exponential_decay(0.67, 10, 0.5))),
    "library": [jax.nn.relu, jnp.add, np.add, jax.vmap(jnp.dot, in_axes=(0, None))],
    "big": np.arange(2000), 68: {"b", "a", "c"}, "complex": 1 + 69j, "drawn": np.random.default_rng(70),
}
'''

EDITS = {
    "function": ("my", "return k * y + j", "return k * y - j"),
    "default": ("my", "k: float = 0.5", "k: float = 0.75"),
    "keyword default": ("my", "j: float = 0.25", "j: float = 0.5"),
    "helper": ("helpers", "return SCALE * deep(x)", "return SCALE * deep(x) + 1"),
    "helper of a helper": ("helpers", "return x + 1.0", "return x + 2.0"),
    "constant": ("my", "K = 3", "K = 4"),
    "type of a constant": ("my", "K = 3", "K = 3.0"),
    "long constant": ("my", "range(100)", "range(1, 101)"),
    "constant of another module": ("helpers", "SCALE = 2.0", "SCALE = 3.0"),
    "inside of a constant": ("helpers", '{"a": [1, 2]}', '{"a": [1, 3]}'),
    "class imported in a function": ("helpers", "sides = 5", "sides = 6"),
    "functions that call each other": ("my", "+ 40", "+ 41"),
    "closure": ("my", "power(60)", "power(61)"),
    "body of a closure": ("my", "x**exponent", "x**-exponent"),
    "decorator": ("my", "+ 50", "+ 49"),
    "decorated function": ("my", "x + 51", "x + 50"),
    "decorator taken away": ("my", "@logged\n", ""),
    "function under jit": ("my", "+ 52", "+ 51"),
    "custom derivative": ("my", "* 53", "* 54"),
    "base class": ("my", "x + 10", "x + 9"),
    "metaclass": ("my", "return 11", "return 12"),
    "class attribute": ("my", "height = 12.0", "height = 11.0"),
    "class in a class": ("helpers", "return self.sides", "return -self.sides"),
    "method": ("my", "self.weights + 13", "self.weights + 12"),
    "property": ("my", "return 14", "return 13"),
    "cached property": ("my", "return 15", "return 14"),
    "static method": ("my", "x + 16", "x + 15"),
    "class method": ("my", "cls(17)", "cls(16)"),
    "method that calls super": ("my", "super().inherited(x)", "-super().inherited(x)"),
    "new method": ("my", "    @property\n", "    def inherited(self, x):\n        return x\n\n    @property\n"),
    "method of a specification": ("my", "batch_size + 20", "batch_size + 19"),
    "default of a field": ("my", "width: float = 0.2", "width: float = 0.3"),
    "field that is part of the program": ("my", "density: float = 0.1", "density: float = tm.static(default=0.1)"),
    "dataclass": ("my", "seen: int = 21", "seen: int = 20"),
    "named tuple": ("my", "left: int = 30", "left: int = 29"),
    "method of a named tuple": ("my", "self.left + 31", "self.left + 30"),
    "enumeration": ("my", "RED = 32", "RED = 31"),
    "method of an enumeration": ("my", "self.value + 33", "self.value + 32"),
    "slot": ("my", "self.at = 34", "self.at = 33"),
    "module": ("my", "jax.nn.relu(self.W", "jax.nn.gelu(self.W"),
    "parameters of a trained module": ("my", "35.0", "36.0"),
    "first lambda of a line": ("my", "x + 61", "x + 60"),
    "second lambda of a line": ("my", "x + 62", "x + 63"),
    "order of lambdas": ("my", "[lambda x: x + 61, lambda x: x + 62]", "[lambda x: x + 62, lambda x: x + 61]"),
    "lambda in a lambda": ("my", "y + 63", "y + 62"),
    "partial": ("my", "k=64", "k=63"),
    "object of a method": ("my", "Spikes(1)", "Spikes(2)"),
    "array in an object": ("my", "[65.0, 1.0]", "[65.0, 2.0]"),
    "type of an array": ("my", "np.float32", "np.float16"),
    "number in an optimiser": ("my", "66.0", "65.0"),
    "number in a schedule": ("my", "0.67", "0.66"),
    "function of a library": ("my", "jax.nn.relu, jnp.add, np.add", "jax.nn.relu, jnp.add, np.subtract"),
    "argument of a transformation": ("my", "(0, None)", "(None, 0)"),
    "large array": ("my", "np.arange(2000)", "np.arange(1, 2001)"),
    "type of a key": ("my", "68:", "67:"),
    "set": ("my", '{"b", "a", "c"}', '{"b", "a"}'),
    "complex number": ("my", "69j", "68j"),
    "generator": ("my", "default_rng(70)", "default_rng(71)"),
}

NOT_EDITS = {
    "comment": ("my", "  # scaled", "  # scaled by two\n    # and more"),
    "blank lines": ("my", "def target", "\n\n\n\ndef target"),
    "layout": ("my", "return k * y + j", "return (\n        k*y + j\n    )"),
    "docstring": ("my", '"""Doc."""', '"""Documentation."""'),
    "docstring of a helper": ("helpers", '    """Scales."""\n', ""),
    "annotation": ("my", "x: jax.Array, k: float", "x, k: int"),
    "annotation of a variable": ("my", "y: jax.Array = helpers", "y: object = helpers"),
    "function that is not used": ("helpers", "def unused(x):\n    return x", "def unused(x):\n    return -x"),
    "constant that is not used": ("helpers", "UNUSED = 0", "UNUSED = 1"),
    "field that is not compared": ("my", "Settings()", "Settings(unseen=1)"),
    "function that moves": ("my", "def first(x):\n    return second(x) if x.ndim else x\n\n\n", ""),
}


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The description of a project of two files, after an edit."""

    @functools.cache
    def described(edit: tuple[str, str, str] | None = None) -> Any:
        folder = write(tmp_path_factory.mktemp("project"), edit)
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            return tm.describe(importlib.import_module("my").VALUE)
        finally:
            sys.path.remove(str(folder))
            for name in ("my", "helpers"):
                sys.modules.pop(name, None)

    return described


def write(folder: Path, edit: tuple[str, str, str] | None = None) -> Path:
    texts = {"my": MY, "helpers": HELPERS}
    if edit is not None:
        name, old, new = edit
        assert texts[name].count(old) == 1, old
        texts[name] = texts[name].replace(old, new)
        if edit == NOT_EDITS["function that moves"]:
            texts[name] = texts[name].replace("def power", f"{old}def power")
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return folder


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_identity(name: str, identity: Any):
    assert identity(EDITS[name]) != identity()


@pytest.mark.parametrize("name", NOT_EDITS)
def test_what_changes_nothing_does_not_change_the_identity(name: str, identity: Any):
    assert identity(NOT_EDITS[name]) == identity()


def test_no_address_in_memory_is_part_of_an_identity(identity: Any):
    assert "0x" not in json.dumps(identity())


CODE = "import json, my, toymodels as tm\nprint(json.dumps(tm.describe(my.VALUE)))"


def test_identities_are_equal_in_all_processes(identity: Any, tmp_path: Path):
    folder = write(tmp_path)
    path = os.pathsep.join([str(folder), str(Path(tm.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "3"}
    told = subprocess.run([sys.executable, "-c", CODE], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(told.stdout) == json.loads(json.dumps(identity()))


SOURCE = "import ast, json, sys\nfrom importlib.util import spec_from_file_location as spec, module_from_spec as made\n"
SOURCE += "one = spec('sources', sys.argv[1])\nsources = made(one)\none.loader.exec_module(sources)\n"
SOURCE += "print(json.dumps([sources.normalised(ast.parse(open(path).read())) for path in sys.argv[2:]]))"


def test_source_is_read_alike_by_all_versions_of_python(tmp_path: Path):
    others = [found for minor in range(11, 30) if (found := shutil.which(f"python3.{minor}"))]
    paths = [str(write(tmp_path) / f"{name}.py") for name in ("my", "helpers")]
    told = set()
    for python in (sys.executable, *others):
        done = subprocess.run([python, "-c", SOURCE, sources.__file__, *paths], capture_output=True, text=True)
        if python == sys.executable or done.returncode == 0:  # a shim may stand for a Python that is not there
            told.add(done.stdout)
    assert len(told) == 1


def made(text: str, name: str = "f", filename: str = "<string>") -> Any:
    """What a text defines, without a file."""
    space: dict[str, Any] = {"__name__": "__main__", "tm": tm, "jax": jax}
    exec(compile(text, filename, "exec"), space)
    return space[name]


WITHOUT_SOURCE = {
    "body": ("def f(x): return x + 1", "def f(x): return x + 2"),
    "keyword default": ("def f(x, *, k=2): return k * x", "def f(x, *, k=3): return k * x"),
    "constant": ("K = 1\ndef f(x): return K * x", "K = 3\ndef f(x): return K * x"),
    "method": ("class f:\n def sample(self): return 1", "class f:\n def sample(self): return 2"),
    "specification": (
        "@tm.specification\nclass f:\n n: int = 1\n def sample(self): return 1",
        "@tm.specification\nclass f:\n n: int = 1\n def sample(self): return 2",
    ),
    "function of a library": ("f = lambda x: jax.numpy.sin(x)", "f = lambda x: jax.numpy.cos(x)"),
}


@pytest.mark.parametrize("name", WITHOUT_SOURCE)
def test_code_without_source_is_known_by_its_instructions(name: str):
    before, after = WITHOUT_SOURCE[name]
    assert tm.describe(made(before)) == tm.describe(made("\n\n" + before))
    assert tm.describe(made(before)) != tm.describe(made(after))


def test_instructions_are_alike_in_all_processes():
    text = "def f(x): return x in {'a', 'b', 'c', 'd', 'e'}"
    code = f"import test_identity as t\nprint(t.tm.describe(t.made({text!r})))"
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert told == {tm.describe(made(text)) + "\n"}


def test_cells_of_a_notebook_have_source(monkeypatch: pytest.MonkeyPatch):
    def cell(text: str, filename: str) -> Any:
        monkeypatch.setitem(linecache.cache, filename, (len(text), None, text.splitlines(keepends=True), filename))
        return made(text, filename=filename)

    first = cell("def f(x):\n    return x + 1\n", "<cell 1>")
    assert sources.definition(first.__code__) is not None
    assert tm.describe(first) == tm.describe(cell("# again\ndef f(x):\n    return (x + 1)\n", "<cell 2>"))
    assert tm.describe(first) != tm.describe(cell("def f(x):\n    return x + 2\n", "<cell 3>"))


def test_source_is_parsed_again_where_python_3_11_has_miscounted(monkeypatch: pytest.MonkeyPatch):
    times, parse = [], ast.parse

    def miscounting(text: str) -> ast.Module:
        times.append(text)
        if len(times) == 1:
            raise SystemError("AST constructor recursion depth mismatch (before=183, after=238)")
        return parse(text)

    monkeypatch.setattr(ast, "parse", miscounting)
    assert isinstance(sources.parsed("x = 1").body[0], ast.Assign)
    assert len(times) == 2


def test_a_file_that_is_edited_while_it_runs_does_not_change_what_runs(tmp_path: Path):
    path = tmp_path / "file.py"
    path.write_text("def f(x): return x + 1\n")
    running = made(path.read_text(), filename=str(path))
    path.write_text("def f(x): return x + 2\n")
    edited = made(path.read_text(), filename=str(path))
    assert tm.describe(running) != tm.describe(edited)
    path.write_text("# moved\n\ndef f(x): return x + 2\n")
    linecache.clearcache()
    assert tm.describe(made("def f(x): return x + 2\n", filename=str(path))) == tm.describe(edited)


def test_the_table_of_own_code_names_what_is_used():
    code = own_code(made("K = 2\ndef g(x): return K * x\ndef f(x, *, j=1): return j * g(x)"))
    assert {name: text.split()[0] for name, text in code.items()} == {
        "__main__.K": "2",
        "__main__.f": "function",
        "__main__.f.j": "1",
        "__main__.g": "function",
    }


def test_a_trained_run_that_a_function_uses_is_the_same_whenever_it_was_trained():
    def taught() -> Any:
        run = tm.train(tm.Autoencoder(3, 2), tm.Task(tm.Independent(3)), RECIPE)
        results = tm.sweep(tm.Autoencoder(3, 2), tm.Task(tm.Independent(3)), RECIPE, over={"density": [0.5]})
        return lambda x: run.module()(x) + results.W.values[0].sum()

    assert tm.describe(taught()) == tm.describe(taught())


def test_names_of_fields_do_not_hide_what_a_description_is():
    for value in ({"type": "Recipe"}, {"function": "max", "arguments": ()}, {"dtype": "a", ".dtype": "b"}):
        assert from_description(tm.describe(value)) == value
    partial = from_description(tm.describe(functools.partial(max, type=1, function=2)))
    assert (partial.func, partial.keywords) == (max, {"type": 1, "function": 2})


def test_objects_and_arrays_are_made_again_of_their_descriptions(monkeypatch: pytest.MonkeyPatch):
    again = from_description(tm.describe(Holding(np.array([1, 2], np.int8))))
    assert (type(again), again.at.dtype, again.at.tolist()) == (Holding, np.int8, [1, 2])
    described = tm.describe(Holding.total)
    assert from_description(described) is Holding.total
    monkeypatch.setattr(Holding, "total", lambda self: self.at)
    with pytest.raises(ValueError, match=r"The code of test_identity\.Holding\.total, or of what it refers to, has"):
        from_description(described)


class Holding:
    """An object with an array."""

    def __init__(self, at: Any):
        self.at = at

    def total(self) -> Any:
        return self.at.sum()


# --- Sweeps ----------------------------------------------------------------------------------------------------------

RECIPE = tm.Recipe(steps=20, batch_size=16, evaluation_samples=16)


def sweep(folder: Path, target: Any, **options: Any) -> np.ndarray:
    task = tm.Task(tm.Independent(3), target=target)
    return tm.sweep(tm.Autoencoder(3, 2), task, RECIPE, over={"density": [0.5]}, folder=folder, **options).loss.values


HELPED = "K = {}\ndef helper(x): return K * x\ndef f(x): return helper(x)"


def test_a_sweep_whose_code_was_edited_is_refused_in_its_folder(tmp_path: Path):
    first = sweep(tmp_path, made(HELPED.format(1)))
    np.testing.assert_array_equal(sweep(tmp_path, made(HELPED.format(1))), first)
    with pytest.raises(ValueError, match=r"another sweep\. __main__\.K is 1 there, and 3 here\. Give another folder\."):
        sweep(tmp_path, made(HELPED.format(3)))
    edited = HELPED.format(1).replace("K * x", "K + x")
    with pytest.raises(ValueError, match=r"another sweep\. the code of function __main__\.helper has changed\. Give"):
        sweep(tmp_path, made(edited))


def test_another_version_is_refused_with_advice(tmp_path: Path):
    sweep(tmp_path, jax.nn.relu)
    path = tmp_path / "sweep.json"
    path.write_text(path.read_text().replace(f'"jax": "{jax.__version__}"', '"jax": "0.1.2"'))
    with pytest.raises(ValueError, match=r"\. To go on with it: pip install 'jax==0\.1\.2'\. Or give") as caught:
        sweep(tmp_path, jax.nn.relu)
    assert f'another sweep. jax is "0.1.2" there, and "{jax.__version__}" here. To' in str(caught.value)
    assert tm.sweeps.load(tmp_path).loss.size == 1


def test_settings_of_jax_that_change_numbers_are_compared(tmp_path: Path):
    sweep(tmp_path, jax.nn.relu)
    with (
        jax.threefry_partitionable(not flags()["jax_threefry_partitionable"]),
        pytest.raises(ValueError, match=r"jax_threefry_partitionable is .* To go on with it: jax.config.update\("),
    ):
        sweep(tmp_path, jax.nn.relu)


def test_a_plain_object_finds_its_folder_again(tmp_path: Path):
    text = "class f:\n    n_features = 3\n    sample = lambda self, key, n: jax.numpy.ones((3, n))"
    model, over = tm.Autoencoder(3, 2), {"learning_rate": [0.1]}
    for again in (made(text), made(text)):
        tm.sweep(model, tm.Task(again()), RECIPE, over=over, folder=tmp_path)
    with pytest.raises(ValueError, match=r"the code of function __main__\.f\.<lambda> has changed"):
        tm.sweep(model, tm.Task(made(text.replace("ones", "zeros"))()), RECIPE, over=over, folder=tmp_path)


def test_a_metric_named_in_toml_counts_with_its_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("sweep.toml").write_text(
        'metrics = ["measured:size"]\nfolder = "out"\n[model]\nn_features = 3\n[task.features]\nn_features = 3\n'
        "[recipe]\nsteps = 20\nevaluation_samples = 16\n[over]\ndensity = [0.5]\n"
    )
    for factor in ("1", "22"):
        Path("measured.py").write_text(f"def size(W): return {factor} * W.sum()")
        monkeypatch.delitem(sys.modules, "measured", raising=False)
        importlib.invalidate_caches()
        main(["sweep", "sweep.toml"]) if factor == "1" else refused(["sweep", "sweep.toml"])
    assert "another sweep. the code of function measured.size has changed. Give" in capsys.readouterr().err


def refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
