"""For all tests: silent broadcasting is an error, hypothesis draws the same every time, and compiling is cheap."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import matplotlib.pyplot as plt
import pytest
from hypothesis import HealthCheck, settings
from tqdm.std import tqdm

jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile(
    "toymodels",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `nothing_compiled` holds for all examples
)
settings.load_profile("toymodels")

# Most of the time of the tests went into compiling. What one process has compiled, all others read: both workers, the
# kernels and scripts that tests start, and the next stage. JAX asks for it by all that it depends on.
PROGRAMS = {
    "jax_compilation_cache_dir": str(Path(__file__).parents[1] / ".cache" / "programs"),
    "jax_persistent_cache_min_compile_time_secs": 0.0,
}
for name, value in PROGRAMS.items():
    jax.config.update(name, value)
    os.environ[name.upper()] = str(value)

jax.config.update("jax_disable_most_optimizations", True)
FAITHFUL = ("reproduction", "long", "optimized")  # marks of tests whose programs are compiled as they are for users


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what their module has made once go to one worker, or each worker would make it."""
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("xdist_group") is None:
            fixtures = item._fixtureinfo.name2fixturedefs.values()
            if any(fixture[-1].scope == "module" for fixture in fixtures):
                item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Compile with few of XLA's optimisations, which take longer than they save in the small programs of most tests."""
    cheaply = not any(item.get_closest_marker(mark) for mark in FAITHFUL)
    if jax.config.read("jax_disable_most_optimizations") and not cheaply:
        jax.clear_caches()  # or a figure could train in a program that was compiled cheaply before it
    jax.config.update("jax_disable_most_optimizations", cheaply)


@pytest.fixture(autouse=True)
def _no_figure_is_left() -> Iterator[None]:
    """Close the figures of each test, which others may count."""
    yield
    plt.close("all")


class Bar(tqdm):
    """In place of a progress bar: keeps what it is told."""

    def __init__(self, **options: Any):
        self.options, self.total, self.n, self.postfix = options, options["total"], 0.0, ""

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def __del__(self) -> None:
        pass

    def update(self, count: float) -> None:
        self.n += count

    def set_postfix(self, *, loss: str, refresh: bool) -> None:
        self.postfix = loss

    def set_postfix_str(self, postfix: str) -> None:
        self.postfix = postfix


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    """The bars that training and sweeps make, in order, with what they were told; nothing is shown."""
    from toymodels.training import progress  # here, since the process that only starts the workers reads this file too

    made: list[Bar] = []

    def make(**options: Any) -> Bar:
        made.append(Bar(**options))
        return made[-1]

    monkeypatch.setattr(progress, "tqdm", make)
    return made


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if it gets as far as compiling a training program; learning shapes from it is allowed."""
    from toymodels.training.engine import step

    def on_shapes_alone(program: Any) -> Any:
        def called(*arguments: Any) -> Any:
            if not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments)):
                pytest.fail("reached the compiled programs")
            return program(*arguments)

        return called

    for name in ("start", "advance", "evaluate", "iterate"):
        monkeypatch.setattr(step, name, on_shapes_alone(getattr(step, name)))
