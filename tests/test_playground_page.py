"""The playground in a real browser: training, every control, the presets, the address."""

import math
from typing import Any

import playground_page
import pytest
from playground_page import CANVASES, Open, colors, custom_page, named, paused, settings, state, two_frames, wait
from playwright.sync_api import expect

browser, constants, visit = playground_page.browser, playground_page.constants, playground_page.visit
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_trains_at_the_rate_of_the_screen(visit: Open) -> None:
    with visit() as page:
        wait(page, "p.state().frames > 30")
        first, began = state(page), page.evaluate("performance.now()")
        wait(page, f"p.state().frames > {first['frames'] + 90}")
        second, ended = state(page), page.evaluate("performance.now()")
        seconds = (ended - began) / 1000
        print(
            f"\n{(second['frames'] - first['frames']) / seconds:.0f} frames and "
            f"{(second['step'] - first['step']) / seconds:.0f} steps per second"
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
        assert "1 step per frame" in page.locator('[data-name="speed-value"]').text_content()
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


def test_what_a_link_cannot_have_is_said_and_the_address_follows(visit: Open) -> None:
    with visit("#n=99&m=9&densty=0.2&density=0.2&preset=hexagn", reduced_motion="reduce") as page:
        notice = named(page, "notice")
        assert notice.text_content() == (
            "In the link, there is no setting densty; there is no preset hexagn; n cannot be 99 and is 20; "
            "m cannot be 9 and is 2."
        )
        assert page.url.endswith("#n=20&density=0.2")
        page.locator('input[name="density"]').press("ArrowLeft")
        assert notice.is_hidden()
        page.evaluate("location.hash = '#seed=-1'")
        expect(notice).to_have_text("In the link, seed cannot be -1 and is 0.")
        page.wait_for_function("location.hash === ''")


@pytest.mark.parametrize("hash", ["", "#elsewhere", "#n=6&preset=octahedron"])
def test_a_link_that_is_right_or_not_meant_for_the_playground_stays(visit: Open, hash: str) -> None:
    with visit(hash, reduced_motion="reduce") as page:
        two_frames(page)
        assert named(page, "notice").is_hidden()
        assert page.evaluate("location.hash") == hash


def test_the_formula_is_that_of_the_activation(visit: Open, constants: dict[str, Any]) -> None:
    with visit(reduced_motion="reduce") as page:
        shown = set()
        for value in constants["CHOICES"]["activation"]:
            page.locator('select[name="activation"]').select_option(value)
            formula, _, trained = named(page, "formula").text_content().partition(". ")
            shown.add(formula)
            assert (
                trained
                == "Trained are W and the bias b, to make the mean of the importance Iᵢ times (xᵢ − x′ᵢ)² small."
            )
        assert shown == {
            f"x′ = {f}" for f in ("ReLU(WᵀW x + b)", "WᵀW x + b", "GELU(WᵀW x + b)", "SoLU(WᵀW x + b)", "(WᵀW x + b)²")
        }


def test_numbers_do_not_pile_up_where_features_are_many(visit: Open) -> None:
    script = """
      window.written = [];
      const fill = CanvasRenderingContext2D.prototype.fillText;
      CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
        if (this.canvas.dataset.name === "arrows") written.push([text, x, y]);
        fill.call(this, text, x, y);
      };
      mount(document.body, { settings: { n: 20, density: 0.01 } });
    """
    with visit(html=custom_page(script), reduced_motion="reduce") as page:
        page.evaluate("document.body.playground.play()")
        page.wait_for_function("document.body.playground.state().step > 150")
        page.evaluate("document.body.playground.pause(); written.length = 0")
        page.evaluate("document.body.playground.set({ density: 0.02 })")
        two_frames(page)
        shown, written = page.evaluate("[document.body.playground.state(), written]")
        lengths = [math.hypot(shown["W"][i], shown["W"][20 + i]) for i in range(20)]
        numbers = {int(text) for text, _, _ in written}
        assert numbers
        assert all(lengths[i] > 0.5 for i in numbers)
        places = list({text: (x, y) for text, x, y in written}.values())
        for k, (x, y) in enumerate(places):
            assert all(abs(x - a) > 15 or abs(y - b) > 13 for a, b in places[:k])


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
