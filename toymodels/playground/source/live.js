import { button, grouped, make, write } from "./dom.js";
import { makePresets, makeSettings, slider } from "./controls.js";
import { checked, fromHash, toHash } from "./settings.js";
import { Trainer } from "./training.js";

const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 200, 500]; // steps a frame
const BUDGET = 10; // milliseconds of a frame for training
const POINTS = 1000; // of the loss curve

/**
 * A model in training: what the playground shows when it plays no recording.
 *
 * @param {object} stage what the playground lends: `say(text)`, `wake()` (draw again), `play()`, `pause()`, `palette()`
 * @param {{ settings?: object, inAddress?: boolean, onSettings?: Function }} options as in `mount`
 * @param {AbortSignal} signal ends it
 */
export function makeLive(stage, { settings, inAddress = false, onSettings = () => {} }, signal) {
  const start = () => (inAddress && location.hash.length > 1 ? fromHash(location.hash) : checked(settings));
  let trainer = new Trainer(start());
  let curve = lossCurve();
  let [speed, pace] = [5, Infinity];

  const showSettings = () => {
    form.show(trainer.settings, stage.palette());
    presets.show(trainer.settings);
  };
  /** Take over settings; `fresh` starts anew from the seed even where the weights could be kept. */
  const change = (given, fresh = false) => {
    const before = trainer.settings;
    const next = checked({ ...before, ...given });
    const anew = fresh || ["n", "m", "seed"].some((name) => next[name] !== before[name]);
    if (anew) {
      trainer = new Trainer(next);
      [curve, pace] = [lossCurve(), Infinity];
    } else {
      trainer.change(next);
    }
    showSettings();
    stage.wake();
  };
  const chooseByUser = (given, fresh = false) => {
    change(given, fresh);
    if (inAddress) {
      history.replaceState(null, "", address(trainer.settings));
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
  const train = (count) => {
    const began = performance.now();
    trainer.steps(count);
    const each = (performance.now() - began) / count;
    pace = Number.isFinite(pace) ? 0.8 * pace + 0.2 * each : each;
    curve.push(trainer.step, trainer.loss, count);
  };
  const step = () => {
    stage.pause();
    train(1);
    stage.wake();
  };
  const copy = async () => {
    const link = inAddress ? address(trainer.settings) : `#${toHash(trainer.settings)}`;
    try {
      await navigator.clipboard.writeText(link);
      stage.say("Link copied");
    } catch {
      stage.say(`The link could not be copied: ${link}`);
    }
  };

  const form = makeSettings((given) => chooseByUser(given));
  const presets = makePresets((given) => {
    chooseByUser({ ...given, seed: trainer.settings.seed }, true);
    stage.say(presets.words.textContent);
    stage.play();
  });
  const speedSlider = slider({ name: "speed", title: "Speed", min: 0, max: SPEEDS.length - 1, step: 1 }, (place) => setSpeed(SPEEDS[place]));
  const setSpeed = (value) => {
    speed = value;
    speedSlider.show(SPEEDS.indexOf(speed), speed === 1 ? "1 step a frame" : `${speed} steps a frame`);
  };
  setSpeed(speed);
  const counter = make("small", { class: "number", "data-name": "step-count" });
  showSettings();
  if (inAddress) {
    addEventListener(
      "hashchange",
      () => {
        change(fromHash(location.hash), true);
        history.replaceState(null, "", address(trainer.settings));
        stage.say("Settings of the link");
      },
      { signal },
    );
  }

  return {
    title: "Superposition, trained live",
    buttons: [
      button("step", "Step", step, { title: "One step (s)" }),
      button("restart", "Restart", restart, { title: "Again from the same seed (r)" }),
      button("new-seed", "New seed", newSeed, { title: "Again from another seed (n)" }),
      inAddress ? button("copy", "Copy link", copy) : "",
      speedSlider.element,
      counter,
    ],
    presets,
    form: form.element,
    keys: { s: step, r: restart, n: newSeed },
    keysText: "Keys: space play or pause, s step, r restart, n new seed.",
    ended: () => false,
    rewind: () => {},
    advance: () => train(Math.max(1, Math.min(speed, Math.floor(BUDGET / pace) || 1))),
    model: () => ({ ...modelOf(trainer), steps: curve.steps, losses: curve.losses, now: null }),
    describe: () => write(counter, `Step ${grouped(trainer.step)}`),
    dress: showSettings,
    settings: () => ({ ...trainer.settings }),
    set: change,
    state: () => ({ stepsPerFrame: speed }),
  };
}

function modelOf({ W, b, step, loss, settings }) {
  const { n, m, decay, pairs } = settings;
  const importance = Array.from({ length: n }, (_, i) => decay ** i);
  return { W, b, n, m, importance, pairs: pairs !== "independent", step, loss };
}

/** The address of this page with other settings in its hash. */
function address(settings) {
  const hash = toHash(settings);
  return location.href.split("#")[0] + (hash ? `#${hash}` : "");
}

/** A loss curve of bounded length: when it is full, neighbours are joined, and from then on as many are averaged. */
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
  return { steps, losses, push };
}

function average(values) {
  return values.reduce((total, value) => total + value, 0) / values.length;
}
