"""Pages of the playground in a browser: fixtures that open them, and how tests read them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import chromium
from playwright.sync_api import Browser, Locator, Page

from toymodels.playground import bundle

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
CANVASES = ("arrows", "matrix", "bars", "loss")

Open = Callable[..., AbstractContextManager[Page]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture
def visit(browser: Browser, tmp_path: Path) -> Open:
    """Opens a page from `file://`; at the end nothing may have gone to the console or to the network."""

    @contextmanager
    def visit(hash: str = "", html: str | None = None, **options: Any) -> Iterator[Page]:
        file = tmp_path / "playground.html"
        file.write_text(html or bundle.page(), "utf-8")
        faults: list[str] = []
        context = browser.new_context(**{**DESKTOP, **options})
        context.set_default_timeout(30_000)
        context.route(
            lambda url: not url.startswith("file:"), lambda route: (faults.append(route.request.url), route.abort())
        )
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{file.as_uri()}{hash}")
        yield page
        context.close()
        assert not faults, faults

    return visit


def custom_page(script: str) -> str:
    """A page with the playground's module and `script` behind it, which sees the names of all its parts."""
    return (
        '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body style="margin: 0">'
        f'<script type="module">{bundle.module()}\n{script}</script>'
    )


@pytest.fixture(scope="module")
def constants(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """DEFAULTS, RANGES, CHOICES and PRESETS of the page."""
    file = tmp_path_factory.mktemp("constants") / "constants.html"
    file.write_text(custom_page("window.constants = { DEFAULTS, RANGES, CHOICES, PRESETS };"), "utf-8")
    page = browser.new_page()
    page.goto(file.as_uri())
    read = page.evaluate("window.constants")
    page.close()
    return read


def handle(page: Page, call: str, place: str = "#playground") -> Any:
    return page.evaluate(f"document.querySelector('{place}').playground.{call}")


def state(page: Page, place: str = "#playground") -> dict[str, Any]:
    return handle(page, "state()", place)


def settings(page: Page, place: str = "#playground") -> dict[str, Any]:
    return handle(page, "settings()", place)


def wait(page: Page, condition: str) -> None:
    """Until a condition on `p`, the handle of the playground, holds."""
    page.wait_for_function(
        f"(() => {{ const p = document.getElementById('playground').playground; return {condition}; }})()"
    )


def paused(page: Page) -> None:
    handle(page, "pause()")
    two_frames(page)


def two_frames(page: Page) -> None:
    """Long enough for whatever was asked for to be drawn."""
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")


def named(page: Page, name: str) -> Locator:
    return page.locator(f'[data-name="{name}"]')


def picture(page: Page, name: str) -> str:
    return named(page, name).evaluate("(canvas) => canvas.toDataURL()")


def colors(page: Page, name: str) -> int:
    """The number of different pixels in a canvas."""
    return named(page, name).evaluate(
        """(canvas) => new Set(new Uint32Array(canvas.getContext("2d")
          .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    )
