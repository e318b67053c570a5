"""The playground in a real browser: every control, the address, keys, phones, dark, playback, several on a page."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from browser import chromium
from playwright.sync_api import Browser, Locator, Page, expect

from toymodels.playground import bundle

pytestmark = pytest.mark.xdist_group("browser")

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 360, "height": 740}, "device_scale_factor": 2, "is_mobile": True, "has_touch": True}
CANVASES = ("arrows", "matrix", "bars", "loss")
TRAINING = ("restart", "new-seed", "copy", "presets")

RECORDING = {
    "title": "Three features, recorded",
    "steps": [0, 10, 20, 40, 80],
    "W": [[[s, -s, 0.0], [0.0, 0.0, 0.0]] for s in (0.2, 0.4, 0.6, 0.8, 1.0)],
    "b": [[0.0, 0.0, 0.1 * k] for k in range(5)],
    "loss": [0.1, 0.05, 0.02, 0.01, 0.001],
    "importance": [1.0, 0.9, 0.8],
    "activation": "relu",
}

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
        assert not faults

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


def test_trains_at_the_rate_of_the_screen(visit: Open) -> None:
    with visit() as page:
        wait(page, "p.state().frames > 30")
        first, began = state(page), page.evaluate("performance.now()")
        wait(page, f"p.state().frames > {first['frames'] + 90}")
        second, ended = state(page), page.evaluate("performance.now()")
        seconds = (ended - began) / 1000
        print(
            f"\n{(second['frames'] - first['frames']) / seconds:.0f} frames and "
            f"{(second['step'] - first['step']) / seconds:.0f} steps a second"
        )
        assert second["playing"]
        assert second["step"] > first["step"]
        assert all(colors(page, name) > 5 for name in CANVASES)
        assert f"of {second['n']} features" in named(page, "summary").text_content()


def test_the_loss_falls_and_features_are_represented(visit: Open) -> None:
    with visit("#density=0.2&decay=1&n=4", reduced_motion="reduce") as page:
        named(page, "step").click()
        before = state(page)["loss"]
        named(page, "play").click()
        wait(page, "p.state().step > 500")
        after = state(page)
        assert after["loss"] < before / 2
        norms = [math.hypot(after["W"][i], after["W"][4 + i]) for i in range(4)]
        assert sum(norm > 0.5 for norm in norms) >= 2


def test_play_pause_and_step(visit: Open) -> None:
    with visit() as page:
        named(page, "play").click()
        assert named(page, "play").text_content() == "Play"
        two_frames(page)
        stopped = state(page)
        assert not stopped["playing"]
        two_frames(page)
        assert state(page)["step"] == stopped["step"]
        assert named(page, "status").text_content() == "Paused"
        named(page, "step").click()
        assert state(page)["step"] == stopped["step"] + 1
        named(page, "play").click()
        assert named(page, "play").text_content() == "Pause"
        wait(page, f"p.state().step > {stopped['step'] + 1}")
        named(page, "step").click()
        assert not state(page)["playing"]


def test_restart_and_new_seed(visit: Open) -> None:
    with visit("#seed=5", reduced_motion="reduce") as page:
        begin = state(page)
        assert not begin["playing"]
        assert begin["step"] == 0
        named(page, "play").click()
        wait(page, "p.state().step > 20")
        paused(page)
        named(page, "restart").click()
        assert state(page)["step"] == 0
        assert state(page)["W"] == begin["W"]
        assert not state(page)["playing"]
        named(page, "new-seed").click()
        assert settings(page)["seed"] != 5
        assert state(page)["W"] != begin["W"]
        page.wait_for_function(f"location.hash === '#seed={settings(page)['seed']}'")


def test_speed_is_in_steps_a_frame(visit: Open) -> None:
    with visit() as page:
        speed = page.locator('input[name="speed"]')
        speed.press("Home")
        assert state(page)["stepsPerFrame"] == 1
        assert "1 step a frame" in page.locator('[data-name="speed-value"]').text_content()
        first = state(page)
        wait(page, f"p.state().frames > {first['frames'] + 20}")
        second = state(page)
        assert 0 < second["step"] - first["step"] <= second["frames"] - first["frames"]
        speed.press("End")
        wait(page, f"p.state().step - {second['step']} > 5 * (p.state().frames - {second['frames']})")


def test_every_slider_reaches_both_ends(visit: Open, constants: dict[str, Any]) -> None:
    with visit("#pairs=correlated", reduced_motion="reduce") as page:
        for name in ("n", "density", "decay", "correlation", "rate", "batch"):
            slider = page.locator(f'input[name="{name}"]')
            for key, end in (("End", "max"), ("Home", "min"), ("ArrowRight", None)):
                slider.press(key)
                value = settings(page)[name]
                low, high = constants["RANGES"][name]["min"], constants["RANGES"][name]["max"]
                assert value == constants["RANGES"][name][end] if end else low < value < high / 2, (name, key, value)
                assert float(named(page, f"{name}-value").text_content()) == pytest.approx(value, rel=0.01)
            page.wait_for_function(f"new URLSearchParams(location.hash.slice(1)).get('{name}') === String({value})")


def test_choices_and_the_seed(visit: Open, constants: dict[str, Any]) -> None:
    with visit(reduced_motion="reduce") as page:
        for m in constants["CHOICES"]["m"][::-1]:
            named(page, f"m-{m}").check()
            assert settings(page)["m"] == state(page)["m"] == m
            assert len(state(page)["W"]) == m * 5
        for name in ("activation", "pairs"):
            select = page.locator(f'select[name="{name}"]')
            for value in constants["CHOICES"][name]:
                select.select_option(value)
                assert settings(page)[name] == value
                correlation = page.locator('input[name="correlation"]')
                assert correlation.is_visible() == (settings(page)["pairs"] == "correlated")
        page.locator('input[name="seed"]').fill("17")
        page.locator('input[name="seed"]').press("Enter")
        assert settings(page)["seed"] == 17
        page.locator('input[name="seed"]').fill("")
        page.locator('input[name="seed"]').press("Enter")
        assert settings(page)["seed"] == constants["DEFAULTS"]["seed"]


def test_settings_change_a_model_in_training_and_its_size_starts_anew(visit: Open) -> None:
    with visit() as page:
        wait(page, "p.state().step > 10")
        paused(page)
        before = state(page)
        page.locator('input[name="density"]').press("End")
        page.locator('input[name="decay"]').press("Home")
        page.locator('select[name="activation"]').select_option("linear")
        after = state(page)
        assert (after["step"], after["W"]) == (before["step"], before["W"])
        page.locator('input[name="n"]').press("ArrowRight")
        assert state(page)["n"] == before["n"] + 1
        assert state(page)["step"] == 0


def test_importance_is_shown(visit: Open) -> None:
    with visit("#decay=0.5&n=3", reduced_motion="reduce") as page:
        heights = "(bars) => bars.map((bar) => bar.style.height)"
        assert page.locator(".swatches span").evaluate_all(heights) == ["100%", "50%", "25%"]


def test_every_preset(visit: Open, constants: dict[str, Any]) -> None:
    with visit("#seed=3", reduced_motion="reduce") as page:
        for preset in constants["PRESETS"]:
            card = named(page, f"preset-{preset['name']}")
            assert card.is_hidden()
            named(page, "presets").click()
            text = card.text_content()
            assert all(preset[part] in text for part in ("title", "figure", "says"))
            card.click()
            assert card.is_hidden()
            assert settings(page) == {**constants["DEFAULTS"], **preset["settings"]}
            assert state(page)["playing"]
            assert preset["says"] in named(page, "preset-words").text_content()
            assert card.get_attribute("aria-pressed") == "true"
        page.locator('input[name="density"]').press("ArrowLeft")
        assert named(page, "preset-words").text_content() == ""
        named(page, "presets").click()
        page.keyboard.press("Escape")
        assert card.is_hidden()


def test_the_address_holds_the_settings(visit: Open, constants: dict[str, Any]) -> None:
    with visit("#n=7&m=3&density=0.03&pairs=anticorrelated&seed=9", reduced_motion="reduce") as page:
        given = {"n": 7, "m": 3, "density": 0.03, "pairs": "anticorrelated", "seed": 9}
        assert settings(page) == {**constants["DEFAULTS"], **given}
        assert page.locator('input[name="n"]').input_value() == "7"
        assert named(page, "m-3").is_checked()
        assert page.locator('select[name="pairs"]').input_value() == "anticorrelated"
        history = page.evaluate("history.length")
        page.locator('select[name="activation"]').select_option("gelu")
        page.wait_for_function("location.hash.includes('activation=gelu')")
        assert page.evaluate("history.length") == history
        chosen, weights = settings(page), state(page)["W"]
        page.reload()
        assert settings(page) == chosen
        assert state(page)["W"] == weights


def test_a_link_in_the_same_tab_is_followed(visit: Open, constants: dict[str, Any]) -> None:
    with visit() as page:
        wait(page, "p.state().step > 20")
        paused(page)
        page.evaluate("location.hash = '#preset=tetrahedron&seed=4'")
        wait(page, "p.settings().seed === 4")
        tetrahedron = next(preset for preset in constants["PRESETS"] if preset["name"] == "tetrahedron")
        assert settings(page) == {**constants["DEFAULTS"], **tetrahedron["settings"], "seed": 4}
        assert state(page)["step"] == 0
        page.evaluate("location.hash = '#'")
        wait(page, "p.settings().m === 2")
        assert settings(page) == constants["DEFAULTS"]


def test_garbage_in_the_address_does_no_harm(visit: Open, constants: dict[str, Any]) -> None:
    garbage = "n=many&m=7&density=-5&pairs=none&rate=NaN&decay=Infinity&batch=1e99&__proto__=1&%E0%A4%A=%&&=&preset=x"
    with visit(f"#{garbage}") as page:
        wait(page, "p.state().step > 5")
        read = settings(page)
        assert read["n"] == constants["DEFAULTS"]["n"]
        assert read["m"] in constants["CHOICES"]["m"]
        assert read["density"] == constants["RANGES"]["density"]["min"]
        page.evaluate(f"location.hash = '#n=3&{garbage}'")
        wait(page, "p.settings().n === 3")
        assert all(map(math.isfinite, state(page)["W"]))


def test_copied_link(visit: Open) -> None:
    with visit("#n=6", permissions=["clipboard-read", "clipboard-write"], reduced_motion="reduce") as page:
        page.locator('input[name="n"]').press("ArrowRight")
        named(page, "copy").click()
        expect(named(page, "copy")).to_have_text("Copied")
        link = page.evaluate("navigator.clipboard.readText()")
        assert link == page.url.split("#")[0] + "#n=7"


def test_a_link_is_shown_where_it_cannot_be_copied(visit: Open) -> None:
    with visit(reduced_motion="reduce") as page:
        page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('denied')); }")
        shown = []
        page.on("dialog", lambda dialog: (shown.append(dialog.default_value), dialog.dismiss()))
        with page.expect_event("dialog"):
            named(page, "copy").click()
        assert shown == [page.url]


def test_keys(visit: Open) -> None:
    with visit() as page:
        page.keyboard.press("Space")
        assert not state(page)["playing"]
        step = state(page)["step"]
        page.keyboard.press("s")
        assert state(page)["step"] == step + 1
        page.keyboard.press("Control+s")
        assert state(page)["step"] == step + 1
        page.keyboard.press("r")
        assert state(page)["step"] == 0
        page.keyboard.press("n")
        seed = settings(page)["seed"]
        assert seed != 0
        page.keyboard.press("Space")
        assert state(page)["playing"]


def test_keys_that_a_control_uses_itself_are_left_to_it(visit: Open) -> None:
    with visit(reduced_motion="reduce") as page:
        for control in ('input[name="seed"]', 'select[name="activation"]'):
            page.locator(control).focus()
            page.keyboard.press("s")
            assert state(page)["step"] == 0
        named(page, "step").focus()
        page.keyboard.press("Space")
        assert state(page)["step"] == 1
        assert not state(page)["playing"]
        page.locator('input[name="density"]').focus()
        page.keyboard.press("Space")
        assert state(page)["playing"]


def test_all_controls_are_reached_by_tab_in_the_order_of_the_page_and_show_it(visit: Open) -> None:
    focused = """() => { const e = document.getElementById("playground").firstChild.shadowRoot.activeElement;
      if (!e) return null; const box = e.getBoundingClientRect();
      const ring = getComputedStyle(e.matches("input[type=radio]") ? e.parentElement : e);
      return { name: e.dataset.name ?? e.name, outline: ring.outlineStyle, width: parseFloat(ring.outlineWidth),
        inside: box.top >= 0 && box.bottom <= innerHeight }; }"""
    with visit("#m=3&pairs=correlated", reduced_motion="reduce") as page:
        seen = []
        page.keyboard.press("Tab")
        while (focus := page.evaluate(focused)) is not None:
            assert focus["outline"] == "solid"
            assert focus["width"] >= 2
            assert focus["inside"]
            seen.append(focus["name"])
            page.keyboard.press("Tab")
        bar = ["presets", "play", "step", "restart", "new-seed", "copy", "speed"]
        form = ["n", "m-3", "density", "decay", "pairs", "correlation", "activation", "seed", "rate", "batch"]
        assert seen == [*bar, "arrows", *form, "matrix"]


def test_presets_by_keyboard_alone(visit: Open, constants: dict[str, Any]) -> None:
    with visit(reduced_motion="reduce") as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert settings(page) == {**constants["DEFAULTS"], **constants["PRESETS"][1]["settings"]}


def test_all_controls_have_names(visit: Open) -> None:
    with visit("#m=3&pairs=correlated", reduced_motion="reduce") as page:
        named(page, "presets").click()
        snapshot = page.locator("#playground").aria_snapshot()
        for unnamed in ("- button\n", "- slider\n", "- combobox\n", "- img\n", "- spinbutton\n", "- radio\n"):
            assert unnamed not in snapshot + "\n"
        for name in ("Density: how often a feature is on", "Learning rate", "Seed", "Dimensions m"):
            assert name in snapshot
        assert "Directions of 5 features in 3 dimensions" in snapshot


def test_three_dimensions_turn_by_pointer_and_keys(visit: Open) -> None:
    with visit("#m=3", reduced_motion="reduce") as page:
        two_frames(page)
        canvas, before, drawn = named(page, "arrows"), state(page)["view"], picture(page, "arrows")
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + 100, box["y"] + 100)
        page.mouse.down()
        page.mouse.move(box["x"] + 160, box["y"] + 70, steps=3)
        page.mouse.up()
        after = state(page)["view"]
        assert after["yaw"] == pytest.approx(before["yaw"] + 0.5, abs=0.01)
        assert after["pitch"] == pytest.approx(before["pitch"] - 0.25, abs=0.01)
        two_frames(page)
        assert picture(page, "arrows") != drawn
        page.mouse.move(box["x"] + 10, box["y"] + 10)
        assert state(page)["view"] == after
        canvas.press("ArrowLeft")
        canvas.press("ArrowDown")
        assert state(page)["view"]["yaw"] < after["yaw"]
        assert state(page)["view"]["pitch"] > after["pitch"]
        named(page, "m-2").check()
        still = state(page)["view"]
        canvas.press("ArrowLeft")
        assert state(page)["view"] == still


def test_touch_turns(visit: Open) -> None:
    with visit("#m=3", reduced_motion="reduce", **PHONE) as page:
        before = state(page)["view"]["yaw"]
        box = named(page, "arrows").bounding_box()
        x, y = box["x"] + 100, box["y"] + 100
        touch = page.context.new_cdp_session(page)
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
        for k in range(1, 9):
            points = [{"x": x + 10 * k, "y": y}]
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": points})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        wait(page, f"p.state().view.yaw > {before + 0.3}")
        assert named(page, "arrows").evaluate("(canvas) => getComputedStyle(canvas).touchAction") == "pan-y"


@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_turns_by_itself_unless_motion_is_unwanted(visit: Open, motion: str) -> None:
    with visit("#m=3", reduced_motion=motion) as page:
        before = state(page)["view"]["yaw"]
        handle(page, "play()")
        wait(page, "p.state().frames > 40")
        assert (state(page)["view"]["yaw"] > before) == (motion == "no-preference")


def test_a_cell_of_the_matrix_is_read_by_pointer_and_keys(visit: Open) -> None:
    with visit("#n=3", reduced_motion="reduce") as page:
        two_frames(page)
        now, note, canvas = state(page), named(page, "matrix-note"), named(page, "matrix")
        W, n = now["W"], 3

        def product(i: int, j: int) -> str:
            return f"{W[i] * W[j] + W[n + i] * W[n + j]:.2f}".replace("-", "\u2212")

        canvas.press("ArrowRight")
        two_frames(page)
        assert note.text_content() == f"W₀·W₀ = {product(0, 0)}"
        canvas.press("ArrowRight")
        canvas.press("ArrowDown")
        canvas.press("ArrowDown")
        two_frames(page)
        assert note.text_content() == f"W₂·W₁ = {product(2, 1)}"
        for _ in range(4):
            canvas.press("ArrowRight")
        two_frames(page)
        assert note.text_content() == "b₂ = 0.00"
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)  # the top row, near the middle
        two_frames(page)
        assert note.text_content() == f"W₀·W₁ = {product(0, 1)}"
        page.mouse.move(box["x"] - 30, box["y"])
        two_frames(page)
        assert "=" not in note.text_content()


@pytest.mark.parametrize("hash", ["", "#m=3&pairs=correlated&n=20"])
def test_a_phone_has_room_and_large_targets(visit: Open, hash: str) -> None:
    sizes = """(elements) => elements.map((element) => {
      const box = (element.type === "radio" ? element.parentElement : element).getBoundingClientRect();
      return [element.outerHTML.slice(0, 80), box.width, box.height, box.right]; })"""
    with visit(hash, **PHONE) as page:
        named(page, "presets").tap()
        controls = page.locator("button, input, select").evaluate_all(sizes)
        assert len(controls) > 15
        for name, width, height, right in controls:
            assert right <= 360, name
            if height:  # a setting that is not shown
                assert width >= 40, name
                assert height >= 40, name
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert all(named(page, name).bounding_box()["width"] > 300 for name in CANVASES)
        assert named(page, "arrows").evaluate("(canvas) => canvas.width / canvas.clientWidth") == 2


@pytest.mark.parametrize("width", [320, 600, 760, 919, 920, 1600])
def test_no_width_makes_the_page_scroll_sideways(visit: Open, width: int) -> None:
    with visit("#m=3&pairs=correlated&seed=4294967295", viewport={"width": width, "height": 700}) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        clipped = page.locator("button, .field > span, h1, h2, small").evaluate_all(
            "(all) => all.filter((e) => e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0).map((e) => e.outerHTML)"
        )
        assert clipped == []


CONTRAST = """(root) => {
  const read = (color) => color.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92
    : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, k) => sum + v * [0.2126, 0.7152, 0.0722][k], 0);
  const behind = (element) => {
    const color = read(getComputedStyle(element).backgroundColor);
    return color[3] === 0 ? behind(element.parentElement) : color;
  };
  const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
  const texts = [...root.querySelectorAll("*")].filter((element) => element.getClientRects().length
    && !element.matches("style, option, .unseen") && (element.matches("input, select") || hasText(element)));
  return texts.map((element) => {
    const [light, dark] = [read(getComputedStyle(element).color), behind(element)].map(luminance).sort((a, b) => b - a);
    return [(light + 0.05) / (dark + 0.05), element.outerHTML.slice(0, 80)];
  });
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_in_both_schemes(visit: Open, scheme: str) -> None:
    with visit("#preset=pentagon", color_scheme=scheme) as page:
        named(page, "presets").click()
        ratios = page.locator(".root").evaluate(CONTRAST)
        assert len(ratios) > 30
        assert min(ratios)[0] >= 4.5, min(ratios)
        red, *_ = page.locator(".root").evaluate("(root) => getComputedStyle(root).backgroundColor.match(/\\d+/g)")
        assert (int(red) < 60) == (scheme == "dark")


def test_the_theme_of_a_notebook_goes_before_that_of_the_system(visit: Open) -> None:
    with visit(color_scheme="light") as page:
        root = page.locator(".root")
        assert root.get_attribute("data-theme") == "light"
        hosts = {
            "document.body.dataset.jpThemeLight = '%s'": ("false", "true"),
            "document.body.className = 'vscode-%s'": ("dark", "light"),
            "document.documentElement.className = '%s'": ("dark", "light"),
            "document.body.dataset.theme = '%s'": ("dark", "light"),
        }
        for change, (dark, light) in hosts.items():
            for value, theme in ((dark, "dark"), (light, "light")):
                page.evaluate(change % value)
                expect(root).to_have_attribute("data-theme", theme)
            page.evaluate("delete document.body.dataset.jpThemeLight; document.body.className = ''")
            page.evaluate("delete document.body.dataset.theme; document.documentElement.className = ''")
        paused(page)
        light_picture = picture(page, "matrix")
        page.emulate_media(color_scheme="dark")
        expect(root).to_have_attribute("data-theme", "dark")
        two_frames(page)
        assert picture(page, "matrix") != light_picture


def test_playback(visit: Open) -> None:
    with visit(html=bundle.page(RECORDING), reduced_motion="reduce") as page:
        two_frames(page)
        assert page.locator("h1").text_content() == "Three features, recorded"
        assert all(named(page, name).count() == 0 for name in TRAINING)
        assert page.locator("form").count() == 0
        assert all(colors(page, name) > 3 for name in CANVASES)
        assert state(page)["snapshot"] == 0
        assert named(page, "summary").text_content().startswith("None of 3 features is represented")
        page.locator('input[name="time"]').press("End")
        two_frames(page)
        assert state(page)["W"] == [1.0, -1.0, 0.0, 0.0, 0.0, 0.0]
        assert (state(page)["step"], state(page)["loss"]) == (80, 0.001)
        assert named(page, "time-value").text_content() == "Step 80"
        assert named(page, "summary").text_content() == (
            "2 of 3 features are represented in 2 dimensions, 2 in superposition. "
            "Each has 0.50 of a dimension. D* = m / ‖W‖² = 1.00."
        )
        named(page, "back").click()
        assert state(page)["b"] == pytest.approx([0, 0, 0.3])
        named(page, "step").click()
        named(page, "step").click()
        assert state(page)["snapshot"] == 4
        page.keyboard.press("b")
        assert state(page)["snapshot"] == 3
        page.keyboard.press("s")
        assert state(page)["snapshot"] == 4


def test_playback_plays_to_the_end_and_again(visit: Open) -> None:
    with visit(html=bundle.page(RECORDING)) as page:
        wait(page, "p.state().snapshot > 0")
        page.locator('input[name="speed"]').press("End")
        assert "60 a second" in named(page, "speed-value").text_content()
        wait(page, "!p.state().playing")
        assert state(page)["snapshot"] == 4
        assert named(page, "play").text_content() == "Play"
        page.locator('input[name="speed"]').press("Home")
        named(page, "play").click()
        assert state(page)["snapshot"] == 0
        page.locator('input[name="time"]').press("ArrowRight")
        assert state(page)["snapshot"] == 1
        assert not state(page)["playing"]


def test_playback_without_a_loss_in_three_dimensions_on_a_phone(visit: Open) -> None:
    W = [[[s, -s, 0.0], [0.0, 0.0, s], [0.1, 0.0, 0.0]] for s in (0.2, 0.4, 0.6, 0.8, 1.0)]
    with visit(html=bundle.page({**RECORDING, "W": W, "loss": None}), **PHONE) as page:
        wait(page, "!p.state().playing")
        assert state(page)["m"] == 3
        assert named(page, "loss").is_hidden()
        assert named(page, "bars").is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_two_playgrounds_on_one_page(visit: Open) -> None:
    html = custom_page(f"""
      document.body.innerHTML = '<div id="first"></div><div id="second"></div>';
      mount(document.getElementById("first"), {{ settings: {{ n: 3, seed: 1 }} }});
      mount(document.getElementById("second"), {{ recording: {json.dumps(RECORDING)} }});
    """)
    with visit("#n=9", html=html, viewport={"width": 1280, "height": 1700}) as page:
        first, second = "#first", "#second"
        assert settings(page, first)["n"] == 3
        assert settings(page, second) is None
        handle(page, "pause()", second)
        page.locator('#second input[name="time"]').press("Home")
        page.locator('#first [data-name="play"]').click()
        page.locator('#first [data-name="matrix"]').focus()
        before = state(page, first)["step"]
        page.keyboard.press("s")
        assert state(page, first)["step"] == before + 1
        assert state(page, second)["snapshot"] == 0
        handle(page, "play()", first)
        handle(page, "destroy()", second)
        assert page.locator(second).evaluate("(el) => [el.childElementCount, el.playground]") == [0, None]
        page.wait_for_function(f"document.querySelector('#first').playground.state().step > {before + 10}")
        assert page.evaluate("location.hash") == "#n=9"


def test_nothing_runs_on_after_the_end(visit: Open) -> None:
    html = bundle.page().replace(
        "<script ",
        """<script>
      window.asked = 0;
      const original = window.requestAnimationFrame;
      window.requestAnimationFrame = (callback) => { window.asked += 1; return original.call(window, callback); };
    </script><script """,
        1,
    )
    with visit(html=html) as page:
        wait(page, "p.state().frames > 5")
        page.evaluate("window.last = document.getElementById('playground').playground")
        page.evaluate("last.destroy()")
        asked, frames, step = page.evaluate("[asked, last.state().frames, last.state().step]")
        page.keyboard.press("Space")
        page.keyboard.press("s")
        page.evaluate("location.hash = '#n=7'")
        page.emulate_media(color_scheme="dark")
        page.evaluate("last.play()")
        page.evaluate("new Promise((done) => setTimeout(done, 100))")
        assert page.evaluate("[asked, last.state().frames, last.state().step]") == [asked, frames, step]
        assert page.evaluate("last.settings().n") == 5


def test_rests_while_it_is_out_of_sight(visit: Open) -> None:
    html = bundle.page().replace("<main ", '<div style="height: 3000px"></div><main ')
    with visit(html=html) as page:
        wait(page, "p.state().frames > 0")
        two_frames(page)
        two_frames(page)
        step = state(page)["step"]
        two_frames(page)
        two_frames(page)
        assert state(page)["step"] == step
        page.locator("#playground").scroll_into_view_if_needed()
        wait(page, f"p.state().step > {step + 10}")


MODEL = """
  const listeners = {};
  window.traits = { settings: { n: 4, density: 0.2 }, recording: null };
  window.saved = [];
  window.model = {
    get: (name) => traits[name],
    set: (name, value) => { traits[name] = value; (listeners[`change:${name}`] ?? []).forEach((tell) => tell()); },
    save_changes: () => saved.push({ ...traits.settings }),
    on: (name, tell) => { (listeners[name] ??= []).push(tell); },
    off: (name, tell) => { listeners[name] = listeners[name].filter((other) => other !== tell); },
  };
  window.count = () => Object.values(listeners).flat().length;
  document.body.innerHTML = '<div id="playground"></div>';
  window.end = render({ model, el: document.getElementById("playground") });
"""


def test_as_a_widget(visit: Open, constants: dict[str, Any]) -> None:
    with visit("#n=9", html=custom_page(MODEL)) as page:
        assert settings(page) == {**constants["DEFAULTS"], "n": 4, "density": 0.2}
        page.locator('select[name="pairs"]').select_option("correlated")
        chosen = {**constants["DEFAULTS"], "n": 4, "density": 0.2, "pairs": "correlated"}
        assert page.evaluate("saved") == [chosen]
        page.evaluate("model.set('settings', { n: 6 })")
        assert settings(page) == {**constants["DEFAULTS"], "n": 6}
        assert page.evaluate("saved.length") == 1
        assert page.evaluate("location.hash") == "#n=9"
        page.evaluate(f"model.set('recording', {json.dumps(RECORDING)})")
        assert state(page)["snapshots"] == 5
        page.evaluate("model.set('recording', null)")
        assert settings(page)["n"] == 6
        page.evaluate("end()")
        assert page.evaluate("[count(), document.getElementById('playground').childElementCount]") == [0, 0]


def test_edges_of_the_hull(visit: Open) -> None:
    script = """
      const columns = (points) => Float64Array.from(points[0].flatMap((_, k) => points.map((point) => point[k])));
      window.edges = (points) => hullEdges(columns(points), points[0].length, points.length, [...points.keys()]);
    """
    signs = (-0.6, 0.6)
    cube = [[x, y, z] for x in signs for y in signs for z in signs]
    octahedron = [[s * (k == axis) for k in range(3)] for axis in range(3) for s in (-1, 1)]
    pentagon = [[math.cos(0.4 * math.pi * k), math.sin(0.4 * math.pi * k)] for k in range(5)]
    with visit(html=custom_page(script)) as page:
        sides = sorted(map(sorted, page.evaluate("(points) => edges(points)", pentagon)))
        assert sides == [[0, 1], [0, 4], [1, 2], [2, 3], [3, 4]]
        assert page.evaluate("(points) => edges(points)", [*pentagon, [0.1, 0]]) == page.evaluate(
            "(points) => edges(points)", pentagon
        )
        for points in (cube, octahedron):
            ends = page.evaluate("(points) => edges(points)", points)
            assert len(ends) == 12
            lengths = [math.dist(points[i], points[j]) for i, j in ends]
            assert max(lengths) == pytest.approx(min(lengths))
        assert page.evaluate("(points) => edges(points)", [[1, 0], [-1, 0]]) == []
