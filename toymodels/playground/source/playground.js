import { makeClock } from "./clock.js";
import { announcer, button, make, write } from "./dom.js";
import { makeGuide, makeLinks, touched } from "./guide.js";
import { makeLive } from "./live.js";
import { makePlayback } from "./recording.js";
import { makeScene } from "./scene.js";
import { checked } from "./settings.js";
import { dress, followTheme, PALETTES, STYLE } from "./style.js";

const TALK = 150; // milliseconds between two updates of the words

/**
 * A playground in an element of the page: a model that trains live, or a recorded run played back.
 *
 * The handle that is returned also hangs on the element, as `el.playground`. Its `state()` says what is shown:
 * `{ playing, frames, step, loss, W: (m * n), b: (n), n, m, view: { yaw, pitch } }`, where `frames` counts what was
 * drawn; of a model in training `stepsPerFrame` as well, of a recording `snapshot` and `snapshots`, their number.
 *
 * @param {HTMLElement} el where it goes; what was in it is removed
 * @param {object} [options]
 * @param {object} [options.settings] of `DEFAULTS`, those that differ
 * @param {object | null} [options.recording] a recorded run, which takes the place of training
 * @param {{ lessons?: string, documentation?: string }} [options.links] addresses of what else there is
 * @param {boolean} [options.inAddress] whether settings live in the hash of the page's address, and keys are listened
 *   for on the whole page
 * @param {(settings: object) => void} [options.onSettings] told when the user changed the settings
 * @returns {{ settings: Function, set: Function, play: Function, pause: Function, state: Function, destroy: Function }}
 */
export function mount(el, options = {}) {
  const { recording = null, inAddress = false } = options;
  el.playground?.destroy();
  const ending = new AbortController();
  const { signal } = ending;
  const root = make("div", { class: inAddress ? "root whole" : "root" });
  const host = make("div", { "data-lm-suppress-shortcuts": "true" });
  host.attachShadow({ mode: "open" }).append(make("style", {}, STYLE), root);
  el.replaceChildren(host);

  let [theme, described] = ["light", -Infinity];
  const advance = (seconds) => {
    actor.advance(seconds);
    scene.drift(seconds);
    if (actor.ended()) {
      clock.pause();
    }
  };
  const draw = (now) => {
    scene.draw(actor.model(), PALETTES[theme]);
    if (now - described > TALK || !clock.playing()) {
      described = now;
      actor.describe();
      scene.describe();
      status.mention(scene.words.textContent.split(". ")[0]);
    }
  };
  const changed = (playing) => write(playButton, playing ? "Pause" : "Play");
  const play = () => {
    if (actor.ended()) {
      actor.rewind();
    }
    clock.play();
  };
  const toggle = () => {
    (clock.playing() ? clock.pause : play)();
    status.say(clock.playing() ? "Playing" : "Paused");
  };

  const clock = makeClock(host, { advance, draw, changed }, signal);
  const status = announcer();
  const playButton = button("play", "Play", toggle, {
    title: touched() ? "Play or pause" : "Play or pause (space)",
  });
  const scene = makeScene(clock.wake);
  const stage = { say: status.say, wake: clock.wake, play, pause: clock.pause, palette: () => PALETTES[theme] };
  const actor = recording ? makePlayback(stage, recording) : makeLive(stage, options, signal);

  root.append(layout(actor, scene, playButton, status, recording !== null, options.links ?? {}));
  listenForKeys(inAddress ? document : host, { " ": toggle, ...actor.keys }, signal);
  followTheme((name) => {
    theme = name;
    dress(root, theme);
    actor.dress();
    clock.wake();
  }, signal);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) {
    play();
  }

  const destroy = () => {
    ending.abort();
    host.remove();
    delete el.playground;
  };
  const state = () => {
    const { W, b, n, m, step, loss } = actor.model();
    const shown = { step, loss, W: Array.from(W), b: Array.from(b), n, m, view: { ...scene.view } };
    return { playing: clock.playing(), frames: clock.frames(), ...shown, ...actor.state() };
  };
  el.playground = { settings: actor.settings, set: actor.set, play, pause: clock.pause, state, destroy };
  return el.playground;
}

function layout(actor, scene, playButton, status, played, links) {
  const { arrows, matrix, bars, loss } = scene.panels;
  loss.hidden = played && actor.model().losses.length === 0;
  return make(
    "div",
    { class: "frame" },
    make("header", { class: "top" }, make("h1", {}, actor.title), actor.presets ?? ""),
    make("div", { class: "bar", role: "group", "aria-label": "Training" }, playButton, ...actor.buttons),
    actor.notice ?? "",
    make("div", { class: "words" }, actor.formula ?? "", scene.words, actor.words),
    makeGuide(),
    make("div", { class: played ? "stage played" : "stage" }, arrows, actor.form ?? "", matrix, bars, loss),
    make("div", { class: "foot" }, make("p", { class: "soft keys" }, actor.keysText), makeLinks(links)),
    status.element,
  );
}

/** Call the action of a key, unless what has the focus uses that key itself. */
function listenForKeys(target, actions, signal) {
  const typing = "select, textarea, [contenteditable], input:not([type=range], [type=radio])";
  const pressing = `${typing}, input[type=radio], button, summary, a`;
  const listen = (event) => {
    const focus = event.composedPath()[0];
    const taken = focus instanceof Element && focus.matches(event.key === " " ? pressing : typing);
    const action = actions[event.key];
    if (action && !taken && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      event.stopPropagation();
      action();
    }
  };
  target.addEventListener("keydown", listen, { signal });
}

/** anywidget's entry: `settings` and `recording` are traits of the model, the first one in both directions. */
function render({ model, el }) {
  let handle = null;
  let told = "";
  const start = () => {
    handle?.destroy();
    handle = mount(el, {
      settings: model.get("settings"),
      recording: model.get("recording"),
      onSettings: (settings) => {
        told = JSON.stringify(settings);
        model.set("settings", settings);
        model.save_changes();
      },
    });
  };
  const follow = () => {
    const settings = model.get("settings");
    if (JSON.stringify(settings) !== told) {
      handle.set(checked(settings));
    }
  };
  start();
  model.on("change:settings", follow);
  model.on("change:recording", start);
  return () => {
    model.off("change:settings", follow);
    model.off("change:recording", start);
    handle.destroy();
  };
}

export default { render };
