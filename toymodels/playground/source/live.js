import { button, grouped, make, write } from "./dom.js";
import { makePresets, makeSettings, slider } from "./controls.js";
import { importanceOf } from "./features.js";
import { formulaOf, touched, writeWithTerms } from "./guide.js";
import { checked, readHash, toHash } from "./settings.js";
import { Trainer } from "./training.js";

const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 200, 500]; // steps per frame
const BUDGET = 10; // milliseconds of a frame for training
const POINTS = 1000; // of the loss curve
const SETTLED = 300; // milliseconds without a change before the address is written, which browsers ration

/**
 * A model in training: what the playground shows when it plays no recording.
 *
 * @param {object} stage what the playground lends: `say(text)`, `wake()` (draw again), `play()`, `pause()`, `palette()`
 * @param {{ settings?: object, inAddress?: boolean, onSettings?: Function }} options as in `mount`
 * @param {AbortSignal} signal ends it
 */
export function makeLive(stage, { settings, inAddress = false, onSettings = () => {} }, signal) {
  const start = () =>
    inAddress && location.hash.length > 1 ? readHash(location.hash) : { settings: checked(settings), replaced: [] };
  const began = start();
  const trainer = new Trainer(began.settings);
  let curve = lossCurve();
  let [speed, writing] = [5, 0];

  /** Say what of an address could not be used, until something is chosen. */
  const warn = (replaced) => {
    notice.hidden = replaced.length === 0;
    write(notice, replaced.length ? `In the link, ${replaced.join("; ")}.` : "");
  };
  const showSettings = () => {
    writeWithTerms(formula, formulaOf(trainer.settings.activation));
    form.show(trainer.settings, stage.palette());
    presets.show(trainer.settings);
  };
  /** Take over settings; `fresh` starts anew from the seed even where the weights could be kept. */
  const change = (given, fresh = false) => {
    trainer.change(checked({ ...trainer.settings, ...given }));
    if (fresh) {
      trainer.restart();
    }
    if (trainer.step === 0) {
      curve = lossCurve();
    }
    showSettings();
    stage.wake();
  };
  const chooseByUser = (given, fresh = false) => {
    change(given, fresh);
    warn([]);
    if (inAddress) {
      clearTimeout(writing);
      writing = setTimeout(writeAddress, SETTLED);
    }
    onSettings({ ...trainer.settings });
  };
  const restart = () => {
    change({}, true);
    stage.say("Restarted from the same seed");
  };
  const newSeed = () => {
    chooseByUser({ seed: Math.floor(Math.random() * 10000) }, true);
    stage.say(`Restarted from seed ${trainer.settings.seed}`);
  };
  /** As many steps as there is time for, at most `count` and at least one. */
  const train = (count) => {
    const end = performance.now() + BUDGET;
    const losses = [];
    do {
      losses.push(trainer.steps(1));
    } while (losses.length < count && performance.now() < end);
    curve.push(trainer.step, average(losses));
  };
  const step = () => {
    stage.pause();
    train(1);
    stage.wake();
  };
  const writeAddress = () => history.replaceState(null, "", address(trainer.settings));
  const copy = async () => {
    const link = address(trainer.settings);
    try {
      await navigator.clipboard.writeText(link);
      stage.say("Link copied");
      write(copyButton, "Copied");
      setTimeout(() => write(copyButton, "Copy link"), 1500);
    } catch {
      prompt("The link to these settings", link);
    }
  };

  const formula = make("p", { class: "soft", "data-name": "formula" });
  const notice = make("p", { class: "notice", role: "alert", "data-name": "notice" });
  warn(began.replaced);
  const form = makeSettings((given) => chooseByUser(given));
  const presets = makePresets((given) => {
    chooseByUser(given, true);
    stage.say(presets.words.textContent);
    stage.play();
  });
  const range = { name: "speed", title: "Speed", min: 0, max: SPEEDS.length - 1, step: 1 };
  const speedSlider = slider(range, (place) => setSpeed(SPEEDS[place]));
  const setSpeed = (value) => {
    speed = value;
    speedSlider.show(SPEEDS.indexOf(speed), speed === 1 ? "1 step per frame" : `${speed} steps per frame`);
  };
  setSpeed(speed);
  const copyButton = button("copy", "Copy link", copy, { title: "A link to these settings" });
  const counter = make("small", { class: "number count", "data-name": "step-count" });
  showSettings();
  if (inAddress) {
    const follow = () => {
      clearTimeout(writing);
      const { settings: linked, replaced } = start();
      change(linked, true);
      warn(replaced);
      writeAddress();
      stage.say("Settings of the link");
    };
    if (began.replaced.length) {
      writeAddress();
    }
    addEventListener("hashchange", follow, { signal });
    signal.addEventListener("abort", () => clearTimeout(writing));
  }

  return {
    title: "Superposition, trained live",
    buttons: [
      button("step", "Step", step, { title: titled("One step", "s") }),
      button("restart", "Restart", restart, { title: titled("Again from the same seed", "r") }),
      button("new-seed", "New seed", newSeed, { title: titled("Again from another seed", "n") }),
      inAddress ? copyButton : "",
      speedSlider.element,
      counter,
    ],
    presets: presets.element,
    formula,
    notice,
    words: presets.words,
    form: form.element,
    keys: { s: step, r: restart, n: newSeed },
    keysText: "Keys: space play or pause, s step, r restart, n new seed.",
    ended: () => false,
    rewind: () => {},
    advance: () => train(speed),
    model: () => ({ ...modelOf(trainer), loss: curve.latest(), steps: curve.steps, losses: curve.losses, now: null }),
    describe: () => write(counter, `Step ${grouped(trainer.step)}`),
    dress: showSettings,
    settings: () => ({ ...trainer.settings }),
    set: (given) => change(given),
    state: () => ({ stepsPerFrame: speed }),
  };
}

/** What a button does, and the key that does it where there are keys. */
function titled(says, key) {
  return touched() ? says : `${says} (${key})`;
}

function modelOf({ W, b, step, settings }) {
  const { n, m, pairs } = settings;
  return { W, b, n, m, importance: importanceOf(settings), pairs: pairs !== "independent", step };
}

/** The address of this page with other settings in its hash. */
function address(settings) {
  const hash = toHash(settings);
  return location.href.split("#")[0] + (hash ? `#${hash}` : "");
}

/**
 * A loss curve of bounded length: when it is full, neighbours are joined, and from then on as many are averaged.
 * `latest()` is the mean of the last 20 points, NaN where there is none.
 */
function lossCurve() {
  const [steps, losses] = [[], []];
  let [stride, waiting] = [1, []];
  const push = (step, loss) => {
    waiting.push(loss);
    if (waiting.length < stride) {
      return;
    }
    steps.push(step);
    losses.push(average(waiting));
    waiting = [];
    if (steps.length === POINTS) {
      for (let k = 0; k < POINTS / 2; k += 1) {
        steps[k] = steps[2 * k + 1];
        losses[k] = (losses[2 * k] + losses[2 * k + 1]) / 2;
      }
      steps.length = losses.length = POINTS / 2;
      stride *= 2;
    }
  };
  const latest = () => average(losses.slice(-20));
  return { steps, losses, push, latest };
}

function average(values) {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
