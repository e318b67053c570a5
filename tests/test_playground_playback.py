"""Recordings in the playground; several playgrounds on a page, as a widget, out of sight, and their end."""

import json
from typing import Any

import playground_page
import pytest
from playground_page import CANVASES, PHONE, Open, colors, custom_page, handle, named, settings, state, two_frames, wait

from toymodels.playground import bundle

browser, constants, visit = playground_page.browser, playground_page.constants, playground_page.visit
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]

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
        assert "60 per second" in named(page, "speed-value").text_content()
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
