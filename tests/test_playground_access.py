"""The playground for everyone: by keyboard, by touch, on a phone, in light and dark, without motion."""

from typing import Any

import playground_page
import pytest
from playground_page import CANVASES, PHONE, Open, handle, named, paused, picture, settings, state, two_frames, wait
from playwright.sync_api import expect

browser, constants, visit = playground_page.browser, playground_page.constants, playground_page.visit
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


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
        assert seen == [*bar, "guide", "arrows", *form, "matrix", "paper"]


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


def shown_note(page: Any, place: int) -> str:
    """What the term at a place shows beside it, or "none"."""
    return page.locator(".term").nth(place).evaluate("(term) => getComputedStyle(term, '::after').content")


@pytest.mark.parametrize("options", [{}, PHONE])
def test_terms_say_what_they_mean_when_pointed_at_or_tapped(visit: Open, options: dict[str, Any]) -> None:
    with visit("#n=20", reduced_motion="reduce", **options) as page:
        two_frames(page)
        terms = page.locator(".term")
        assert terms.count() >= 8
        for place in range(terms.count()):
            assert shown_note(page, place) == "none"
            terms.nth(place).tap() if options else terms.nth(place).hover()
            assert len(shown_note(page, place)) > 30
            width = page.viewport_size["width"]
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_fold_explains_what_is_seen(visit: Open) -> None:
    with visit(reduced_motion="reduce") as page:
        explained = page.locator(".guide dl")
        assert explained.is_hidden()
        named(page, "guide").click()
        text = explained.text_content()
        assert explained.is_visible()
        for word in ("Arrows", "colour", "circle", "lines", "Bars", "Hollow"):
            assert word in text


def test_a_phone_is_not_told_to_point_or_to_press_keys(visit: Open) -> None:
    with visit("#m=3", reduced_motion="reduce", **PHONE) as page:
        two_frames(page)
        named(page, "guide").tap()
        text = page.locator(".frame").evaluate("(frame) => frame.innerText")
        labels = page.locator("[title], [aria-label]").evaluate_all(
            "(all) => all.map((e) => (e.title ?? '') + e.getAttribute('aria-label'))"
        )
        said = " ".join([text, *labels])
        assert "Tap a cell" in said
        for word in ("Point at", "Keys", "keys", "(space)", "(r)", "Drag", "press"):
            assert word not in said


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
