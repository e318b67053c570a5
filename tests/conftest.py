"""Strictness for all tests: silent broadcasting between ranks is an error, and hypothesis draws the same every time."""

from collections.abc import Iterator
from typing import Any

import jax
import matplotlib.pyplot as plt
import pytest
from hypothesis import HealthCheck, settings
from tqdm.std import tqdm

from toymodels.training import progress
from toymodels.training.engine import step

jax.config.update("jax_numpy_rank_promotion", "raise")
settings.register_profile(
    "toymodels",
    deadline=None,
    derandomize=True,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # `nothing_compiled` holds for all examples
)
settings.load_profile("toymodels")


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
    made: list[Bar] = []

    def make(**options: Any) -> Bar:
        made.append(Bar(**options))
        return made[-1]

    monkeypatch.setattr(progress, "tqdm", make)
    return made


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if it gets as far as compiling a training program; learning shapes from it is allowed."""

    def on_shapes_alone(program: Any) -> Any:
        def called(*arguments: Any) -> Any:
            if not any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arguments)):
                pytest.fail("reached the compiled programs")
            return program(*arguments)

        return called

    for name in ("start", "advance", "evaluate", "iterate"):
        monkeypatch.setattr(step, name, on_shapes_alone(getattr(step, name)))
