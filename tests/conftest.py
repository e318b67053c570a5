"""Strictness for all tests: silent broadcasting between ranks is an error, and hypothesis draws the same every time."""

from collections.abc import Iterator
from typing import Any

import jax
import matplotlib.pyplot as plt
import pytest
from hypothesis import HealthCheck, settings

from toymodels.training import engine, ensemble

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


@pytest.fixture
def nothing_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the test if it gets as far as compiling a training program."""

    def fail(*arguments: Any, **options: Any) -> None:
        pytest.fail("reached the compiled programs")

    monkeypatch.setattr(ensemble, "_derive_keys", fail)
    for program in ("start", "advance", "evaluate"):
        monkeypatch.setattr(engine, program, fail)
